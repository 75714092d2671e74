"""The quick reader reads what the real reader reads, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config.model import GATEWAY_PORTS, TWS_PORTS, default_config
from engine.config.plan import KillPlan, default_plan
from engine.config.quick import PORTS, read_quickly
from engine.config.reader import interpret, plan_of
from engine.config.template import template

NAMES = ["paper", "live", "Paper", "a-b", "x_1", "--", "", "p p", "'q'", "ü", "n" * 41]
HEADERS = [
    *(f"[logins.{name}]" for name in NAMES),
    "[kill]",
    "[kil]",
    "[logins]",
    "[[logins.paper]]",
    "[kill] # c",
    "[ kill ]",
    "[limits]",
]
KEYS = [
    "mode",
    "host",
    "port",
    "gateway",
    "client_id",
    "deadline_s",
    "watch_s",
    "market_patience_s",
    "take_over_s",
    "prot",
    '"mode"',
    "a.b",
    "",
    "ü",
    "holidays",
]
VALUES = [
    *(
        '"paper"',
        '"live"',
        '"papr"',
        "'paper'",
        '""',
        '"127.0.0.1"',
        '"localhost"',
        '"LOCALHOST"',
        '"127.0.0.2"',
        '" 127.0.0.2\t"',
        '"no where"',
        '" "',
        '"::1"',
        '"0.0.0.0"',
        '"a\\nb"',
        '"a#b"',
        '"x"y"',
    ),
    *(
        "7497",
        "7496",
        "0",
        "65535",
        "65536",
        "007",
        "-1",
        "+1",
        "1_000",
        "0x10",
        "1e3",
        "1.5",
        "1.",
        ".5",
        "0.0",
        "120",
    ),
    *(
        "86400",
        "86401",
        "true",
        "false",
        "True",
        "inf",
        "nan",
        "1979-05-27",
        "[1]",
        "{}",
        "",
        "1 # c",
        '"live" # "c"',
        '"""x"""',
        '"open',
        "[]",
        "[,]",
        "[1,]",
        "[1,,2]",
        '["a", 2.5, true] # c',
        '["a,b"]',
        "[[1]]",
        "[1",
        "[2026-12-25, 2027-01-01,]",
        "[2027-02-29]",
        "[2028-02-29]",
        "[2026-13-01]",
        "[2026-00-01]",
        "[2026-01-00]",
        "[0000-01-01]",
        "[2026-04-31]",
    ),
]
LINES = st.one_of(
    st.sampled_from(HEADERS),
    st.builds(lambda key, value: f"{key} = {value}", st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.sampled_from(
        ["", "# a comment", "  \t", "port=7497", "\tport\t=\t7497\t", "nonsense", '"""', "port = 7497\r", "\x01"]
    ),
)
SOUND = st.builds(
    lambda name, mode, keys: "\n".join([f"[logins.{name}]", f'mode = "{mode}"', *keys]),
    st.sampled_from(["paper", "live", "a-b", "X"]),
    st.sampled_from(["paper", "live"]),
    st.lists(st.sampled_from(["port = 7500", "gateway = true", 'host = "10.0.0.9"', "client_id = 5"]), unique=True),
)
OVERRIDES = st.dictionaries(
    st.sampled_from(
        ["QE_LOGINS__PAPER__PORT", "QE_LOGINS__A-B__HOST", "QE_KILL__DEADLINE_S", "QE_KILL__", "QE_LOGINS__X"]
    ),
    st.sampled_from(["7498", "60", "paper", '"paper"', "10.0.0.1", "", "true"]),
    max_size=2,
)


def content(plan: KillPlan) -> object:
    places = [(place.name, place.mode, place.host, place.port) for place in plan.places]
    return places, plan.client_id, plan.deadline_s, plan.watch_s, plan.market_patience_s, plan.take_over_s


def agree(text: str, overrides: dict[str, str]) -> bool:
    """Whether the quick reader answered; if it did, the real one must say the same, and find no fault but in a table
    that is no concern of a kill."""
    plan = read_quickly(text.encode(), overrides)
    if plan is None:
        return False
    reading = interpret(text, overrides, source="")
    assert all(problem.where.startswith("limits.") for problem in reading.problems)
    assert (reading.salvaged, reading.unusable, reading.unread) == ((), {}, "")
    assert content(plan) == content(plan_of(reading.config))
    return True


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=8).map("\n".join), OVERRIDES)
def test_it_never_reads_anything_differently(text: str, overrides: dict[str, str]) -> None:
    agree(text, overrides)


@settings(max_examples=200, deadline=None)
@given(st.lists(SOUND, max_size=3).map("\n".join), st.lists(LINES, max_size=1).map("\n".join), OVERRIDES)
def test_it_never_reads_a_nearly_sound_file_differently(sound: str, more: str, overrides: dict[str, str]) -> None:
    agree(f"{sound}\n{more}\n", overrides)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        template(),
        '[logins.paper]\nmode = "paper"\nport = 7497 # TWS\n\n[kill]\ndeadline_s = 60.5\n',
        '[logins.far]\r\nmode = "live"\r\nhost = "192.168.1.20"\r\ngateway = true\r\n',
    ],
)
def test_it_reads_every_ordinary_file(text: str) -> None:
    assert agree(text, {})
    assert agree(text, {"QE_KILL__DEADLINE_S": "30"})


@pytest.mark.parametrize(
    "line",
    [
        "daily_loss_pct = 1.5",
        "daily_loss_pct = 900",
        'no_such_key = "x"',
        "everywhere = true # all",
        "holidays = []",
        "holidays = [ 2026-12-25,\t2027-01-01, ] # closed",
        'words = ["a", "b", 1.5]',
    ],
)
def test_a_table_that_is_no_concern_of_a_kill_does_not_slow_it_down(line: str) -> None:
    assert agree(f"[limits]\n{line}\n[kill]\ndeadline_s = 9\n", {})


@pytest.mark.parametrize("value", VALUES)
def test_no_value_is_passed_over_that_is_none(value: str) -> None:
    for key in ("holidays", "a.b", "", "ü"):
        agree(f"[limits]\n{key} = {value}\n", {})


def test_a_string_without_an_end_is_for_the_real_reader() -> None:
    assert read_quickly(b'[logins.paper]\nmode = "paper\n', {}) is None


def test_it_gives_up_on_what_is_no_text() -> None:
    assert read_quickly(b"\xff\xfe", {}) is None


@settings(max_examples=300, deadline=None)
@given(st.binary() | st.text(alphabet='[]="._#\n logiskp1').map(str.encode), OVERRIDES)
def test_nothing_makes_it_fail(written: bytes, overrides: dict[str, str]) -> None:
    read_quickly(written, overrides)


def test_what_it_knows_by_itself_is_what_the_model_says() -> None:
    assert content(default_plan()) == content(plan_of(default_config()))
    assert {
        (mode, gateway): ports[mode] for gateway, ports in ((False, TWS_PORTS), (True, GATEWAY_PORTS)) for mode in ports
    } == PORTS


def test_a_file_of_a_thousand_comments_is_read_by_the_quick_reader(tmp_path: Path) -> None:
    """A file of a thousand comments is still read, not feared."""
    assert agree("# a\n" * 1000 + '[logins.paper]\nmode = "paper"\n', {})


def test_a_byte_order_mark_changes_nothing_for_either_reader() -> None:
    text = '[logins.mine]\nmode = "live"\nport = 5001\n'
    quick = read_quickly(b"\xef\xbb\xbf" + text.encode(), {})
    assert quick is not None
    assert [(place.name, place.port) for place in quick.places] == [("mine", 5001)]
    reading = interpret("\ufeff" + text, {}, source="")
    assert not reading.problems
    assert [(login.name, login.port) for login in reading.config.logins] == [("mine", 5001)]
    assert interpret("\ufeff\ufeff" + text, {}, source="").problems  # one is a mark, two are a fault
