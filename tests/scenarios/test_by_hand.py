"""A login of which only a person can close the rest, while another login is still worked on: it is looked at until the
report, which tells how it stands then, and nothing that acts is sent to it any more."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from msgspec.structs import replace

from engine.broker.closer_lock import LockState
from engine.broker.closing_right import ClosingRight
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.simulator import faults as f
from engine.simulator.scenario import Scenario, load_scenario
from engine.simulator.server import World
from engine.trading import IBKRAccountManager, KillReport
from engine.trading.watched import TOLD_BY_LATER
from scenarios.rehearsal import Judged, rehearse

FORBIDDEN = f.Reject(login="paper", contract="AAPL", code=203, text="The security is not available for this account")
SLOW = f.SlowFill(login="live", seconds=30)
LONG_S = 47  # what the slow login takes


def world(*faults: f.AnyFault) -> Scenario:
    return replace(load_scenario("calm"), faults=(FORBIDDEN, SLOW, *faults))


def hand(contract: str, action: str, quantity: int, limit: int | None = None) -> f.Intruder:
    """Somebody at the TWS window, half a minute before the report."""
    what = "MKT" if limit is None else "LMT"
    order = f.IntruderOrder(
        contract=contract,
        action=action,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        order_type=what,  # type: ignore[arg-type]
        limit=None if limit is None else Decimal(limit),
    )
    return f.Intruder(login="paper", orders=(order,), client_id=0, after_s=15)


def left(judged: Judged) -> dict[str, tuple[Decimal, ResidueReason]]:
    residue = judged.report.logins["paper"].residue
    return {item.contract.symbol: (item.quantity, item.reason) for item in residue}


def test_what_nobody_touches_is_told_as_it_was(tmp_path: Path) -> None:
    judged = rehearse(world(), tmp_path)
    assert left(judged) == {"AAPL": (Decimal(300), ResidueReason.NO_PERMISSION)}
    assert LONG_S - 5 <= judged.seconds <= LONG_S  # the other login decides, as ever


def test_what_a_person_has_closed_meanwhile_is_not_told_as_left(tmp_path: Path) -> None:
    judged = rehearse(world(replace(FORBIDDEN, for_s=10), hand("AAPL", "SELL", 300)), tmp_path)
    # the broker forbids programs alone: what is sent by hand passes
    assert judged.flat == {"paper": True, "live": True}
    assert judged.report.flat, str(judged.report)


def test_what_ibkr_has_closed_of_it_meanwhile_is_told_with_what_is_there(tmp_path: Path) -> None:
    part = f.Liquidation(login="paper", contract="AAPL", quantity=Decimal(-200), after_s=15)
    judged = rehearse(world(part), tmp_path)
    assert left(judged) == {"AAPL": (Decimal(100), ResidueReason.NO_PERMISSION)}


def test_all_of_it_closed_by_ibkr_is_flat(tmp_path: Path) -> None:
    judged = rehearse(
        world(f.Liquidation(login="paper", contract="AAPL", quantity=Decimal(-300), after_s=15)), tmp_path
    )
    assert judged.report.flat and judged.flat["paper"]
    steps = [(step.kind, step.text) for step in judged.report.logins["paper"].timeline]
    assert ("flat", "two agreeing reads: no position, no working order") in steps


def test_what_opens_there_meanwhile_is_told_and_left_to_a_person(tmp_path: Path) -> None:
    judged = rehearse(world(hand("MSFT", "BUY", 50)), tmp_path)
    assert left(judged) == {
        "AAPL": (Decimal(300), ResidueReason.NO_PERMISSION),
        "MSFT": (Decimal(50), ResidueReason.OPENED_SINCE),
    }
    assert judged.seconds <= LONG_S


def test_an_order_that_a_person_places_there_by_hand_is_left_alone(tmp_path: Path) -> None:
    resting: list[int] = []

    def act(_manager: IBKRAccountManager, tws: World) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(25, lambda: resting.append(len(tws.login("paper").working())))

    judged = rehearse(world(hand("AAPL", "SELL", 300, 900)), tmp_path, act=act)
    assert resting == [1]
    assert {item.reason for item in judged.report.logins["paper"].residue} == {
        ResidueReason.NO_PERMISSION,
        ResidueReason.WORKING_ORDER,
    }


def test_the_right_to_close_it_is_free_for_the_next_press(tmp_path: Path) -> None:
    states: dict[str, LockState] = {}

    def act(manager: IBKRAccountManager, tws: World) -> None:
        def look() -> None:
            for name in manager.logins:
                right = ClosingRight("127.0.0.1", tws.login(name).ports[0], "another press", tmp_path)
                states[name] = right.take().state
                right.release()

        asyncio.get_running_loop().call_later(20, look)

    rehearse(world(), tmp_path, act=act)
    assert states == {"paper": LockState.TAKEN, "live": LockState.BUSY}


def test_where_it_cannot_be_seen_any_more_the_report_says_so(tmp_path: Path) -> None:
    judged = rehearse(world(f.NotRunning(login="paper", after_s=15)), tmp_path)
    paper = judged.report.logins["paper"]
    assert paper.outcome is LoginOutcome.RESIDUE and left(judged)["AAPL"][0] == 300
    assert any("as last seen" in note for note in paper.notes)
    assert judged.seconds <= LONG_S


def test_of_two_presses_the_first_tells_what_the_second_has_found_out_and_done(tmp_path: Path) -> None:
    reports: list[KillReport] = []
    tasks: list[asyncio.Future[None]] = []

    def act(manager: IBKRAccountManager, _tws: World) -> None:
        async def again() -> None:
            await asyncio.sleep(20)
            reports.append(await manager.kill_switch("paper", "once more"))

        tasks.append(asyncio.ensure_future(again()))

    passes = replace(FORBIDDEN, for_s=10)  # the permission has come meanwhile
    judged = rehearse(replace(world(), faults=(passes, SLOW)), tmp_path, act=act)
    first, second = judged.report.logins["paper"], reports[0].logins["paper"]
    assert judged.flat["paper"] and first.flat and second.flat and first.residue == ()
    assert {"AAPL", "MSFT", "ES"} <= {row.contract.symbol for row in first.closed}
    assert {row.contract.symbol for row in second.closed if not row.by_other_kill} == {"AAPL"}
    assert all(row.filled == 0 for row in second.closed if row.by_other_kill)  # what the first one had closed
    assert len(first.closed) == len({row.contract.con_id for row in first.closed})
    assert first.notes[-1] == TOLD_BY_LATER
