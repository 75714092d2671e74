"""What the plan of a kill says reaches the machine that decides."""

from __future__ import annotations

import msgspec
import pytest

from engine.broker.closing_right import SIMULATED_WORLD
from engine.cli.kill_run import settings_of
from engine.config.plan import KillPlan, default_plan
from engine.config.quick import read_quickly
from engine.core.kill.settings import SECOND, KillSettings


def test_without_a_configuration_the_machines_own_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SIMULATED_WORLD)
    assert settings_of(default_plan()) == KillSettings()


def test_every_patience_of_the_plan_is_the_machines() -> None:
    settings = settings_of(KillPlan([], 9000, 30.5, 4.0, 2.5, 1.5))
    assert (settings.deadline_ns, settings.quarantine_ns, settings.market_patience_ns) == (30.5e9, 4e9, 2.5e9)
    assert settings.take_over_ns == 1.5e9


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), ("2.5", 2.5), ("600", 600.0), ("0.9", None), ("601", None)])
def test_how_long_a_market_order_may_find_nobody_is_read_on_the_way_to_the_first_byte(
    text: str, seconds: float | None
) -> None:
    """What is out of range is left to the reader that says what is wrong with it."""
    plan = read_quickly(f'[logins.paper]\nmode = "paper"\n[kill]\nmarket_patience_s = {text}\n'.encode(), {})
    assert (None if plan is None else plan.market_patience_s) == seconds


def test_in_a_simulated_world_clocks_differ_and_nothing_else_does() -> None:
    settings = settings_of(default_plan())
    assert settings.clock_apart_ns > 365 * 86_400 * SECOND
    assert msgspec.structs.replace(settings, clock_apart_ns=KillSettings().clock_apart_ns) == KillSettings()
