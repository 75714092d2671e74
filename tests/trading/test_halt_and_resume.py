"""Halt, resume and the kill's latch through the manager, against a simulated TWS: counted at the exchange."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from pathlib import Path

import pytest

from engine.broker.pacing import RATE_MAX
from engine.core.contracts import Contract
from engine.core.preflight.settings import Settings
from engine.core.restrictions import Cause, Kind
from engine.journal import chain, trouble
from engine.journal.events import (
    Adopted,
    IncidentClosed,
    IncidentJoined,
    IncidentOpened,
    KillEnded,
    KillPressed,
    Verified,
)
from engine.journal.memory_store import Memory
from engine.journal.state import JournalState
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager, TradingMode, errors
from engine.trading.manager import ManagerSettings
from engine.wire.order import Order
from trading.rules_in_memory import rules_in_memory
from trading.stage import manager, stage

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
BUY = Order(action="BUY", total_quantity=Decimal(10), order_type="LMT", lmt_price=Decimal("1.00"), tif="DAY")


def records(mgr: IBKRAccountManager, memory: Memory) -> list[object]:
    """Every event that was written down, as anybody who opens the journal reads it."""

    return [chain.opened(one).event for one in memory.records]


def incident_log() -> str:
    return Path(os.environ["QE_INCIDENT_LOG"]).read_text()


def test_the_emergency_pages_halt_and_resume_work_word_for_word(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        page = {"manager": mgr}
        exec('manager.halt_trading("paper", "Manual halt")\nmanager.halt_trading("live", "Manual halt")', page)
        assert not mgr.state("paper").may_add_risk
        assert not mgr.state("live").may_add_risk
        exec('manager.resume_trading("paper")\nmanager.resume_trading("live")', page)
        assert mgr.state("paper").kind is None
        assert mgr.state("live").kind is None
        await mgr.disconnect_all()

    stage("calm", test)


def test_a_halted_login_sends_nothing_that_adds_risk_and_cancels_go_on(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        ticket = await mgr.place_order("paper", SPY, BUY)
        before = len(world.login("paper").working())
        mgr.halt_trading("paper", "Manual halt")
        with pytest.raises(errors.TradingHalted, match="Manual halt"):
            await mgr.place_order("paper", SPY, BUY)
        assert len(world.login("paper").working()) == before
        await mgr.cancel_order("paper", ticket)
        assert len(world.login("paper").working()) == before - 1
        await mgr.place_order("live", SPY, BUY)  # the other login is free
        mgr.resume_trading("paper")
        await mgr.place_order("paper", SPY, BUY)
        await mgr.disconnect_all()

    stage("calm", test)


def test_a_halt_that_asks_for_an_unknown_thing_binds_and_says_that_nothing_is_cancelled(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        ticket = await mgr.place_order("paper", SPY, BUY)
        halted = mgr.halt_trading("paper", "news", cancel="all")  # type: ignore[arg-type]
        assert "nothing is cancelled: cancel='all' is not known" in str(halted)
        assert not mgr.state("paper").may_add_risk
        await asyncio.sleep(10)
        assert not ticket.ended
        assert not mgr.halt_trading("paper", "more news", cancel="risk_adding").notes
        await asyncio.sleep(10)
        assert ticket.ended
        await mgr.disconnect_all()

    stage("calm", test)


def test_an_order_that_waits_for_the_pacing_budget_does_not_leave_after_the_halt(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(
            loop, tmp_path, preflight=Settings(duplicates_max=100, repeats_max=100, orders_per_second_max=100)
        )
        await mgr.connect_all()
        before = len(world.login("paper").working())
        orders = [asyncio.ensure_future(mgr.place_order("paper", SPY, BUY)) for _ in range(80)]
        await asyncio.sleep(0.5)
        at_the_halt = len(world.login("paper").working())
        assert before < at_the_halt < before + 80
        mgr.halt_trading("paper", "Manual halt")
        answers = await asyncio.gather(*orders, return_exceptions=True)
        assert len(world.login("paper").working()) == at_the_halt
        refused = [answer for answer in answers if isinstance(answer, errors.TradingHalted)]
        assert 80 - len(refused) <= RATE_MAX  # those that had left; TWS took 20 of them
        await mgr.disconnect_all()

    stage("calm", test)


def test_an_unknown_login_cannot_be_halted_by_mistake(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        with pytest.raises(errors.UnknownLogin, match="paper"):
            mgr.halt_trading("papre", "Manual halt")
        assert set(mgr.halt_all("Manual halt")) == {"paper", "live"}

    stage("calm", test)


def test_a_kill_is_written_down_and_latches_in_every_program_until_the_way_back_is_gone(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        mgr = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory))
        other = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory, prefix="o"), prefix="o")
        await mgr.connect_all()
        report = await mgr.kill_switch("paper", "EMERGENCY")
        assert report.flat
        kinds = [type(event) for event in records(mgr, memory)]
        assert kinds[0] is KillPressed
        assert {IncidentOpened, KillEnded, Adopted, IncidentJoined} <= set(kinds)
        state = mgr.rules.journal.state()
        assert isinstance(state, JournalState)
        assert state.positions == {"DU1234567": {}}
        for program in (mgr, other):
            assert program.state("paper").kind is Kind.SHUTDOWN
            assert program.state("live").kind is None
        with pytest.raises(errors.KillPressed, match="EMERGENCY"):
            await mgr.place_order("paper", SPY, BUY)
        (incident,) = state.incidents(mgr._entries.get("paper").scope)
        scope = mgr._entries.get("paper").scope
        mgr.rules.journal.append(
            Verified(scope=scope, matches=True, positions=(), orders=0),
            IncidentClosed(incident_id=incident, cause="a drill", action="none"),
        )
        other.reset("paper", "understood")
        with pytest.raises(errors.TradingHalted):
            await mgr.place_order("paper", SPY, BUY)
        mgr.resume_trading("paper")
        await mgr.place_order("paper", SPY, BUY)
        assert len(world.login("paper").working()) == 1
        await mgr.disconnect_all()

    stage("calm", test)


def test_a_kill_of_both_logins_is_one_incident_and_its_section_is_in_the_log(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        mgr = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory))
        await mgr.connect_all()
        await mgr.kill_switch_all("EMERGENCY")
        opened = [event for event in records(mgr, memory) if isinstance(event, IncidentOpened)]
        assert [one.scope.login for one in opened] == ["paper"]
        assert [scope.login for scope in opened[0].also] == ["live"]
        log = incident_log()
        assert f"kill switch, paper, live (incident {opened[0].incident_id})" in log
        assert "paper DU1234567: long 3 ESH6" in log
        assert "Positions after: none" in log
        await mgr.kill_switch("paper", "once more")
        again = [event for event in records(mgr, memory) if isinstance(event, IncidentOpened)]
        assert again == opened
        assert "further event" in incident_log()
        await mgr.disconnect_all()

    stage("calm", test)


@pytest.mark.parametrize("fault", ["fails", "unreadable"])
def test_a_kill_needs_no_journal_and_this_program_is_latched_all_the_same(tmp_path: Path, fault: str) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        setattr(memory, fault, trouble.Code.FAILED)
        mgr = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory))
        await mgr.connect_all()
        report = await mgr.kill_switch_all("EMERGENCY")
        assert report.flat
        assert world.is_flat()
        setattr(memory, fault, None)
        with pytest.raises((errors.KillPressed, errors.TradingHalted)):
            await mgr.place_order("paper", SPY, BUY)
        await mgr.disconnect_all()

    stage("calm", test)


def test_a_kill_with_no_connection_is_written_down_too(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        mgr = IBKRAccountManager(
            wall_ns=loop.wall_ns, lock_directory=tmp_path, rules=rules_in_memory(loop.wall_ns, memory)
        )
        mgr.add_account("nowhere", TradingMode.PAPER, port=1)
        report = await mgr.kill_switch_all("EMERGENCY")
        assert not report.flat
        ended = [event for event in records(mgr, memory) if isinstance(event, KillEnded)]
        assert [event.flat for event in ended] == [False]
        assert not any(isinstance(event, Adopted) for event in records(mgr, memory))
        assert mgr.state("nowhere").standing[0].cause is Cause.KILL_SWITCH

    stage("calm", test)


def test_a_kill_and_a_halt_bind_whoever_reaches_the_account_by_another_name_and_way(tmp_path: Path) -> None:
    """Neither was pressed from a program that is connected: what the accounts are they learn, or the records know."""

    async def test(world: World, loop: VirtualLoop) -> None:
        memory = Memory()
        other = IBKRAccountManager(
            settings=ManagerSettings(heartbeat=False), wall_ns=loop.wall_ns, lock_directory=tmp_path,
            rules=rules_in_memory(loop.wall_ns, memory, prefix="o"),
        )  # fmt: skip
        other.add_account("mine", TradingMode.LIVE, port=7495, client_id=33)  # as IB Gateway beside a TWS
        presser = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory))
        await other.connect_all()
        await presser.kill_switch("live", "EMERGENCY")  # never connected before
        with pytest.raises(errors.KillPressed):
            await other.place_order("mine", SPY, BUY)
        scope = presser._entries.get("live").scope
        presser.rules.journal.append(
            Verified(scope=scope, matches=True, positions=(), orders=0),
            *(IncidentClosed(incident_id=one, cause="c", action="a") for one in open_incidents(presser)),
        )
        presser.reset("live", "understood")
        presser.resume_trading("live")
        assert other.state("mine").may_add_risk
        third = manager(loop, tmp_path, rules=rules_in_memory(loop.wall_ns, memory, prefix="t"), prefix="t")
        third.halt_trading("live", "not connected either")  # the records know the account by now
        with pytest.raises(errors.TradingHalted):
            await other.place_order("mine", SPY, BUY)
        await other.disconnect_all()

    stage("calm", test, more_live_ports=(7495,))


def open_incidents(mgr: IBKRAccountManager) -> tuple[str, ...]:
    state = mgr.rules.journal.state()
    assert isinstance(state, JournalState)
    return tuple(state.incidents_open)


def test_the_journal_of_a_state_folder_is_used_unless_another_is_given(tmp_path: Path) -> None:
    one, other = (IBKRAccountManager(home=tmp_path) for _ in range(2))
    elsewhere = IBKRAccountManager()
    for mgr in (one, other, elsewhere):
        mgr.add_account("paper", TradingMode.PAPER)
    halted = one.halt_trading("paper", "Manual halt")
    assert halted.durable
    assert halted.drained
    assert not other.state("paper").may_add_risk
    assert elsewhere.state("paper").may_add_risk
