"""Scenario files: strictly read, completely reported on, and every ready-made one can be run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.simulator import faults
from engine.simulator.scenario import FAULT_KINDS, ScenarioError, list_scenarios, load_scenario
from engine.simulator.virtual import VirtualLoop, run
from engine.wire.replies import OpenOrder, OpenOrderEnd, PositionEnd
from engine.wire.requests import ReqAllOpenOrders, ReqPositions
from simulator.wire_client import connect, scenario_world

GOOD = """
title = "t"
story = "s"
start = 2026-03-11T10:30:00-04:00

[expect]
text = "flat"
paper = "flat"

[[logins]]
name = "paper"
mode = "paper"

[[logins.accounts]]
id = "DU1"
cash = 100000
positions = [{ contract = "AAPL", quantity = 10 }]

[[logins.orders]]
contract = "AAPL"
action = "SELL"
quantity = 10
limit_pct = 105

[[faults]]
kind = "latency"
seconds = 0.5
"""


def complaints(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        scenario = load_scenario(path)
        run(lambda loop: _build(scenario))
    return caught.value.complaints


async def _build(scenario: object) -> None:
    scenario_world(scenario)


# --- the loader ----------------------------------------------------------------------------------------
def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    scenario = load_scenario(path)
    assert scenario.faults == (faults.Latency(seconds=0.5),)
    assert scenario.logins[0].accounts[0].positions[0].quantity == 10
    assert scenario.expect.of("paper") == "flat"
    assert scenario.expect.of("live") is None


def test_everything_wrong_is_reported_at_once_with_its_place_and_what_is_allowed(tmp_path: Path) -> None:
    text = GOOD.replace('mode = "paper"', 'mode = "papper"').replace("seconds = 0.5", "secs = 0.5\non = 'PlaceOrders'")
    text = text.replace("quantity = 10 }", 'quantity = "ten" }').replace('title = "t"', 'titel = "t"')
    found = "\n".join(complaints(tmp_path, text))
    for part in (
        "line 2: titel: unknown (did you mean title?); allowed here: base, deadline_s, expect",
        "title is missing",
        "logins[0].mode:",
        "allowed: paper, live",
        "logins[0].accounts[0].positions[0].quantity:",
        "faults[0].secs: unknown (did you mean seconds?); allowed here: after_s",
        "seconds is missing",
    ):
        assert part in found, found


def test_types_numbers_names_and_contracts_are_all_complained_about_in_one_go(tmp_path: Path) -> None:
    text = GOOD.replace('mode = "paper"', 'mode = "paper"\nports = [99999]\nmessages_per_s = -1')
    text = text.replace("quantity = 10 }", 'quantity = 0 }, { contract = "FUTT ES", quantity = 1 }')
    text = text.replace("quantity = 10\nlimit", "quantity = -5\nlimit").replace(
        "seconds = 0.5", "seconds = -1\nnth = 0"
    )
    text += '[[faults]]\nkind = "liquidation"\ncontract = "OPT SPY 20261332 580 P"\nquantity = 1\naccount = "DU9"\n'
    text = text.replace('story = "s"', 'story = "s"\ndeadline_s = 0\nseed = "x"')
    found = complaints(tmp_path, text)
    for part in (
        "seed: expected a whole number, got 'x'",
        "logins[0].ports: 99999 is no port",
        "logins[0].messages_per_s: must not be negative",
        "positions[0].quantity: must not be zero",
        "positions[1].contract: 'FUTT ES' is not one of",
        "logins[0].orders[0].quantity: must be above zero",
        "faults[0].seconds: must not be negative",
        "faults[0].nth: counts from 1",
        "faults[1].contract: '20261332' is not a day",
        "faults[1].account: 'DU9' is not an account here: DU1",
    ):
        (line,) = [told for told in found if part in told]
        number = int(line.removeprefix("line ").split(":")[0])
        key = part.partition(":")[0].rpartition(".")[2]
        assert key in text.splitlines()[number - 1], line
    assert found == tuple(sorted(found, key=lambda told: int(told.split(":")[0].removeprefix("line "))))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "latency"', 'kind = "gremlin"', "faults[0]: kind 'gremlin' is not known; allowed: account-not-ready"),
        ("seconds = 0.5", 'seconds = 0.5\nlogin = "nobody"', "faults[0].login: 'nobody' is not a login here: paper"),
        ("seconds = 0.5", 'seconds = 0.5\non = "Everything"', "faults[0].on: 'Everything' is not a request"),
        ("limit_pct = 105", "limit_pct = 105\nlimit = 3", "needs one of limit, limit_pct"),
        ("limit_pct = 105", 'limit_pct = 105\naccount = "DU2"', "DU2 is not an account of this login: DU1"),
        ("10:30:00-04:00", "10:30:00", "start: needs a time zone"),
        (
            'contract = "AAPL", quantity = 10',
            'contract = "BAG 1 AAPL, -1 MSFT", quantity = 10',
            "list its legs instead",
        ),
        ('contract = "AAPL", quantity = 10', 'contract = "OPT X", quantity = 10', "'OPT X' is not one of"),
        ("limit_pct = 105", "limit = 0.001", "paper: SELL 10 AAPL is refused: 110"),
        ("[[faults]]", "[[faults]", "not readable as TOML"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    found = complaints(tmp_path, GOOD.replace(old, new))
    assert complaint in "\n".join(found)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"did you mean calm\?.*there are: calm, accept-dialog"):
        load_scenario("clam")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", '"NaN"', '"Infinity"'])
def test_what_is_no_number_is_refused_where_one_is_needed(tmp_path: Path, number: str) -> None:
    prices = f'[[prices]]\ncontract = "AAPL"\nat_s = 1\nprice = {number}\n'
    (complaint,) = complaints(tmp_path, GOOD + prices)
    assert "prices[0].price" in complaint and "expected a number, got" in complaint
    if not number.startswith('"'):
        (complaint,) = complaints(tmp_path, GOOD.replace("seconds = 0.5", f"seconds = {number}"))
        assert "seconds" in complaint


def test_a_base_that_does_not_exist_is_complained_about_where_it_is_named(tmp_path: Path) -> None:
    (told,) = complaints(tmp_path, 'title = "mine"\nbase = "clam"\n')
    assert told.startswith("line 2: base: 'clam': there is no such scenario (did you mean calm?)")


def test_what_comes_from_the_base_has_no_line_in_the_file(tmp_path: Path) -> None:
    text = 'base = "calm"\ntitle = "t"\nstory = "s"\nstart = 2019-03-11T10:30:00-04:00\n[expect]\ntext = "x"\n'
    (tmp_path / "base.toml").write_text(GOOD.replace("seconds = 0.5", "seconds = -1"))
    (told,) = complaints(tmp_path, text.replace("calm", str(tmp_path / "base.toml")))
    assert told.startswith("faults[0].seconds: must not be negative")


def test_a_base_is_taken_over_and_overridden(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "calm"\ntitle = "mine"\nstory = "s"\n[expect]\ntext = "x"\n')
    scenario = load_scenario(path)
    assert scenario.title == "mine"
    assert scenario.logins == load_scenario("calm").logins
    assert scenario.expect.paper is None


def test_prices_follow_their_script(tmp_path: Path) -> None:
    path = tmp_path / "script.toml"
    path.write_text(GOOD + '\n[[prices]]\ncontract = "AAPL"\nat_s = 60\nprice = 300\n')

    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(load_scenario(path)) as world:
            login = world.login("paper")
            assert len(login.working()) == 1
            await asyncio.sleep(61)
            assert login.is_flat(), "the target was reached"

    run(main)


# --- the ready-made ones ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", list_scenarios())
def test_every_scenario_is_documented_and_starts(name: str) -> None:
    scenario = load_scenario(name)
    assert len(scenario.story.strip()) > 20
    assert scenario.expect.text
    outcomes = {outcome.value for outcome in LoginOutcome}
    assert {scenario.expect.paper, scenario.expect.live} <= outcomes
    assert set(scenario.expect.reasons) <= {reason.value for reason in ResidueReason}
    expected = {scenario.expect.paper, scenario.expect.live}
    assert "residue" not in expected or scenario.expect.reasons
    assert not scenario.expect.reasons or expected - {"flat"}

    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(scenario) as world:
            await asyncio.sleep(scenario.kill_after_s)
            assert world.is_flat() == (name in ("empty", "old-account-values"))

    run(main)


def test_the_ready_made_scenarios_use_every_fault() -> None:
    used = {fault.kind for name in list_scenarios() for fault in load_scenario(name).faults}
    by_other_means = {"delay-requests"}  # a building block for scenarios of one's own
    assert used >= set(FAULT_KINDS) - by_other_means


def test_calm_has_both_logins_with_everything_that_must_be_closed() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(load_scenario("calm")) as world:
            for login in world.logins.values():
                held = login.position_views()
                options = [view.quantity for view in held if view.instrument.is_option]
                assert min(options) < 0 < max(options)
                kinds = {str(view.instrument.sec_type) for view in held}
                assert kinds >= {"FUT", "OPT", "STK"}
                assert {view.request.client_id for view in login.working()} == {0, 3, 7, 11}
                client = await connect(login.ports[0], 1)
                await client.ask(ReqPositions(), PositionEnd)
                listed = await client.ask(ReqAllOpenOrders(), OpenOrderEnd)
                assert len([reply for reply in listed if isinstance(reply, OpenOrder)]) == len(login.working())
            worth = [login.exchange.account_values(login.exchange.accounts[0]) for login in world.logins.values()]
            assert all(values.excess_liquidity > 0 for values in worth)

    run(main)


def test_the_same_scenario_and_seed_move_the_same_way() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        async with scenario_world(load_scenario("intruder")) as world:
            await asyncio.sleep(600)
            return [
                f"{view.con_id} {view.quantity} {view.market_price}"
                for login in world.logins.values()
                for view in login.position_views()
            ]

    assert run(main) == run(main)


THREE = """
title = "three"
story = "three logins"
start = 2026-03-11T10:30:00-04:00
[expect]
text = "as it may be"
a = "flat"
b = "unreachable"
"""


def three(tmp_path: Path, expect: str = "") -> Path:
    path = tmp_path / "three.toml"
    logins = (
        f'[[logins]]\nname = "{name}"\nmode = "paper"\n[[logins.accounts]]\nid = "DU{name}"\ncash = 1\n'
        for name in ("a", "b", "c", "text")
    )
    path.write_text(THREE + expect + "\n".join(logins), encoding="utf-8")
    return path


def test_what_is_expected_is_said_of_any_login_by_its_name(tmp_path: Path) -> None:
    expect = load_scenario(three(tmp_path, '[expect.logins]\ntext = "residue"\n')).expect
    assert [expect.of(name) for name in ("a", "b", "c", "text")] == ["flat", "unreachable", None, "residue"]
    assert expect.of("reasons") is None and expect.text == "as it may be"


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ('c = "flatt"\n', "line 9: expect.logins.c: 'flatt' is not known (did you mean flat?)"),
        ('d = "flat"\n', "line 9: expect.d: unknown"),
        ('[expect.logins]\nd = "flat"\n', "expect.logins.d: is not a login here: a, b, c, text"),
        ("logins = 3\n", "line 9: expect.logins: expected a table, got 3"),
    ],
)
def test_what_is_wrong_with_it_is_told_with_its_line(tmp_path: Path, written: str, complaint: str) -> None:
    with pytest.raises(ScenarioError) as error:
        load_scenario(three(tmp_path, written))
    assert any(complaint in one for one in error.value.complaints), error.value.complaints
