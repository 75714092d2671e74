"""The table [preflight]: its defaults are the checks' own, its faults are told, and the kill does not care for them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from engine.config.model import default_config
from engine.config.preflight_settings import preflight_settings
from engine.config.preflight_table import NeedWord, PreflightTable
from engine.config.problems import ConfigError
from engine.config.quick import read_quickly
from engine.config.reader import interpret, load, plan_for_kill
from engine.config.template import as_toml
from engine.core.preflight.settings import DEFAULTS, SECOND_NS, Need, ProductLimits, Settings

EVERY_KEY = """
max_futures = 1
max_options = 2
max_shares = 3
max_other = 4
deny_unlisted = true
max_order_futures = 5
max_order_options = 6
max_order_shares = 7
max_order_other = 8
max_order_notional = 1234567.5
max_account_notional = 10
notional_currency = "EUR"
allowed_symbols = ["ES", "SPY"]
blocked_symbols = ["GME"]
grid = "off"
collar = "required"
collar_pct = 0.1
option_collar_pct = 12
collar_ticks = 13
reference_age_s = 1.5
session = "off"
expiry = "required"
expiry_days = 14
position_age_s = 15
duplicates_max = 16
duplicate_window_s = 0.25
repeats_max = 17
repeat_window_s = 18
orders_per_second = 19
orders_per_minute = 20
rate_breaches = 21
"""


def loaded(folder: Path, text: str) -> PreflightTable:
    path = folder / "quant-engine.toml"
    path.write_text(f"[preflight]\n{text}\n", encoding="utf-8")
    return load(str(path), {}).preflight


def test_the_defaults_are_those_of_the_checks() -> None:
    assert preflight_settings(PreflightTable()) == DEFAULTS


def test_the_words_are_those_of_the_checks() -> None:
    assert list(get_args(NeedWord)) == [need.value for need in Need]


def test_every_key_comes_to_something(tmp_path: Path) -> None:
    table = loaded(tmp_path, EVERY_KEY)
    defaults = PreflightTable()
    names = [field.name for field in msgspec.structs.fields(PreflightTable)]
    assert [name for name in names if getattr(table, name) == getattr(defaults, name)] == []
    assert preflight_settings(table) == Settings(
        futures=ProductLimits(Decimal(1), Decimal(5)),
        options=ProductLimits(Decimal(2), Decimal(6)),
        shares=ProductLimits(Decimal(3), Decimal(7)),
        other=ProductLimits(Decimal(4), Decimal(8)),
        deny_unlisted=True,
        order_notional=Decimal("1234567.5"),
        account_notional=Decimal(10),
        notional_currency="EUR",
        allowed_symbols=frozenset({"ES", "SPY"}),
        blocked_symbols=frozenset({"GME"}),
        grid=Need.OFF,
        collar=Need.REQUIRED,
        collar_pct=Decimal("0.1"),
        option_collar_pct=Decimal(12),
        collar_ticks=Decimal(13),
        reference_age_ns_max=3 * SECOND_NS // 2,
        session=Need.OFF,
        expiry=Need.REQUIRED,
        expiry_days_min=14,
        position_age_ns_max=15 * SECOND_NS,
        duplicates_max=16,
        duplicate_window_ns=SECOND_NS // 4,
        repeats_max=17,
        repeat_window_ns=18 * SECOND_NS,
        orders_per_second_max=19,
        orders_per_minute_max=20,
        rate_breaches_max=21,
    )


def test_what_is_shown_reads_back_to_the_last_digit(tmp_path: Path) -> None:
    table = loaded(tmp_path, EVERY_KEY)
    shown = as_toml(msgspec.structs.replace(default_config(), preflight=table))
    assert interpret(shown, {}, source="").config.preflight == table


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_futures = -1", "max_futures"),
        ("max_futures = 1.5", "max_futures"),
        ('max_futures = "unlimited"', "max_futures"),
        ("max_order_notional = nan", "max_order_notional"),
        ('collar = "maybe"', 'expected "off" or "when_known" or "required"'),
        ("collar_pct = -1", "collar_pct"),
        ('notional_currency = "usd"', "notional_currency"),
        ("allowed_symbols = [1]", "allowed_symbols"),
        ("orders_per_second = 0", "orders_per_second"),
        ("max_future = 3", "did you mean 'max_futures'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_does_not_reach_the_kill(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, line)
    assert words in str(caught.value)
    assert ":2:" in str(caught.value)
    plan = plan_for_kill(str(tmp_path / "quant-engine.toml"), {})
    assert ([place.name for place in plan.places], plan.unusable, plan.unread) == (["paper", "live"], {}, "")


def test_the_quick_reader_passes_over_every_key() -> None:
    plan = read_quickly(f"[preflight]\n{EVERY_KEY}\n[kill]\nclient_id = 9100\n".encode(), {})
    assert plan is not None
    assert plan.client_id == 9100


def test_a_syntax_error_here_raises_no_doubt_about_logins(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_text('[logins.a]\nmode = "paper"\n[preflight]\nmax_shares = = 1\ngrid = "off\n', encoding="utf-8")
    plan = plan_for_kill(str(path), {})
    assert ([place.name for place in plan.places], plan.unread) == (["a"], "")
    assert plan.faults


def test_the_environment_reaches_it(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_text("", encoding="utf-8")
    assert load(str(path), {"QE_PREFLIGHT__MAX_FUTURES": "3"}).preflight.max_futures == 3


def test_a_collar_may_be_a_number_of_ticks_and_no_share_of_the_price(tmp_path: Path) -> None:
    table = loaded(tmp_path, "collar_pct = 0\noption_collar_pct = 0\ncollar_ticks = 4\n")
    settings = preflight_settings(table)
    assert (settings.collar_pct, settings.option_collar_pct, settings.collar_ticks) == (0, 0, 4)
