"""What a watch behind a kill has done is in the report that ends it, and in the journal; and makes nothing better."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.core.contracts import Contract
from engine.core.kill.report import (
    CancelledOrder,
    ClosedPosition,
    LoginOutcome,
    LoginReport,
    PartlyClosed,
    ResidueItem,
    ResidueReason,
    TimelineEntry,
)
from engine.core.kill.settings import SECOND, KillSettings
from engine.journal import chain
from engine.journal.events import KillEnded
from engine.journal.memory_store import Memory
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.manager import ManagerSettings
from engine.trading.watched import ANOTHER_KILL, NOTE, TOLD_BY_LATER, Watched, with_later, with_watched
from trading.rules_in_memory import rules_in_memory
from trading.stage import kill_ids, stage

WATCH_S = 30
SCENARIO = """
title = "restart"
story = "TWS restarts as the button is pressed."
base = "calm"

[[faults]]
kind = "restart"
after_s = 0
down_s = 15
"""


def order(perm_id: int) -> CancelledOrder:
    return CancelledOrder(
        account="DU1", contract=Contract(con_id=7), client_id=1, order_id=perm_id, perm_id=perm_id, action="SELL",
        quantity=Decimal(1), order_type="STP",
    )  # fmt: skip


def closed(con_id: int) -> ClosedPosition:
    return ClosedPosition(account="DU1", contract=Contract(con_id=con_id), quantity=Decimal(3), orders_sent=1)


def login(outcome: LoginOutcome = LoginOutcome.FLAT, **more: object) -> LoginReport:
    base = LoginReport(name="paper", mode="paper", host="h", port=7497, outcome=outcome)
    return msgspec.structs.replace(base, **more)


FIRST, LATER = TimelineEntry(10.0, "close_sent", "first"), TimelineEntry(9000.0, "close_sent", "later")


def test_only_what_is_new_since_the_report_is_told_and_at_the_moment_at_which_it_was() -> None:
    told = login(closed=(closed(1),), cancelled=(order(1),), timeline=(FIRST,))
    now = login(closed=(closed(1), closed(2)), cancelled=(order(1), order(2)), timeline=(FIRST, LATER))
    verified = login(cancelled=(order(2), order(3)), timeline=(TimelineEntry(0.0, "pressed", "again"),))
    report = with_watched(verified, Watched(told, now, 100 * SECOND), 130 * SECOND)
    assert report.closed == (closed(2),)
    assert report.cancelled == (order(2), order(3)), "nothing twice"
    assert [(one.at_ms, one.text) for one in report.timeline] == [(-21_000.0, "later"), (0.0, "again")]
    assert report.notes == (NOTE,)


def test_what_the_watch_closed_in_part_is_told_too() -> None:
    part = PartlyClosed(account="DU1", contract=Contract(con_id=1), quantity=Decimal(3), filled=Decimal(1))
    report = with_watched(login(), Watched(login(), login(partly_closed=(part,)), 0), SECOND)
    assert report.partly_closed == (part,) and report.notes == (NOTE,)


def test_a_watch_in_which_nothing_happened_changes_nothing_and_none_makes_a_verification_better() -> None:
    unknown = login(LoginOutcome.UNKNOWN, trouble="gone")
    assert with_watched(unknown, Watched(login(), login(), 0), SECOND) is unknown
    report = with_watched(unknown, Watched(login(), login(closed=(closed(1),)), 0), SECOND)
    assert report.outcome is LoginOutcome.UNKNOWN and report.trouble == "gone" and report.closed == (closed(1),)


def test_a_kill_that_another_has_ended_tells_how_it_stands_by_that_one_and_what_both_have_done() -> None:
    def part(con_id: int) -> PartlyClosed:
        contract = Contract(con_id=con_id)
        return PartlyClosed(account="DU1", contract=contract, quantity=Decimal(3), filled=Decimal(1))

    def left(con_id: int) -> ResidueItem:
        contract = Contract(con_id=con_id)
        return ResidueItem(account="DU1", contract=contract, quantity=Decimal(2), reason=ResidueReason.REJECTED)

    first = login(
        LoginOutcome.RESIDUE,
        closed=(closed(1),),
        partly_closed=(part(2), part(3)),
        cancelled=(order(1),),
        residue=(left(2), left(3)),
        notes=("a note", ANOTHER_KILL),
    )
    second = login(LoginOutcome.RESIDUE, closed=(closed(3),), cancelled=(order(1), order(2)), residue=(left(2),))
    told = with_later(first, second)
    assert told.closed == (closed(1), closed(3)) and told.cancelled == (order(1), order(2))
    assert told.residue == (left(2),) and told.partly_closed == (part(2),)
    assert told.notes == ("a note", TOLD_BY_LATER)
    gone = with_later(first, login(LoginOutcome.UNKNOWN, trouble="gone"))
    assert gone.outcome is LoginOutcome.UNKNOWN and gone.trouble == "gone"


def test_what_the_watch_closed_and_cancelled_is_in_the_report_that_ends_it_and_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "restart.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    memory = Memory()

    async def test(world: World, loop: VirtualLoop) -> None:
        before = {name: len(world.login(name).positions()) for name in ("paper", "live")}
        settings = KillSettings(quarantine_ns=WATCH_S * SECOND)
        mgr = IBKRAccountManager(
            settings=ManagerSettings(kill=settings),
            wall_ns=loop.wall_ns,
            kill_ids=kill_ids(),
            lock_directory=tmp_path / "locks",
            rules=rules_in_memory(loop.wall_ns, memory),
        )
        mgr.add_account("paper", TradingMode.PAPER)
        mgr.add_account("live", TradingMode.LIVE)
        await asyncio.sleep(0.5)
        first = await mgr.kill_switch_all("EMERGENCY")
        assert {one.outcome for one in first.logins.values()} == {LoginOutcome.UNREACHABLE}
        await asyncio.sleep(WATCH_S)
        assert world.is_flat()
        report = await mgr.kill_switch_all("EMERGENCY", after_watch=True)
        assert report.flat
        for name, one in report.logins.items():
            assert len(one.closed) == before[name] and one.cancelled
            assert any(order.protective for order in one.cancelled) and NOTE in one.notes
            assert any(step.kind == "close_sent" and step.at_ms < 0 for step in one.timeline)
        events = [chain.opened(record).event for record in memory.records]
        last = [event for event in events if isinstance(event, KillEnded)][-1]
        assert bytes(last.report).count(NOTE.encode()) == 2

    stage(str(path), test)


def test_what_one_kill_saw_the_other_close_is_told_once() -> None:
    seen = msgspec.structs.replace(closed(1), by_other_kill=True, filled=Decimal(0))
    both = msgspec.structs.replace(closed(1), by_other_kill=True, filled=Decimal(2))
    third = msgspec.structs.replace(closed(2), by_other_kill=True, filled=Decimal(0))
    one = login(closed=(closed(1),))
    assert with_later(one, login(closed=(seen, third))).closed == (closed(1), third)
    assert with_later(one, login(closed=(both, closed(1)))).closed == (closed(1), both)
    watch = Watched(login(), one, 0)
    assert with_watched(login(closed=(seen, third)), watch, SECOND).closed == (closed(1), third)
