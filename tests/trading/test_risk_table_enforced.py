"""The printed page's risk table, enforced by a connected manager on a simulated TWS: row by row, to the cent.

A loss that crosses a row crosses the milder ones on its way; what is held here is the row's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.core.limit_rules import Limit
from engine.core.periods import DAY_NS, Period, PeriodClock
from engine.core.restrictions import Cause, Kind, Restriction
from engine.journal.events import IncidentOpened, KillPressed
from engine.journal.memory_store import Memory
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager
from trading.loss_stage import Market, breaches, events, on_stage, restrictions, watching

D = Decimal
CENT = D("0.01")
CLOCK = PeriodClock()
SEEN_S = 10.0  # from connecting until its worth is known
JUDGED_S = 2.5  # from a price until everything that follows from it


class Row(msgspec.Struct, frozen=True):
    """Of the printed page, on 100 000."""

    limit: Limit
    dollars: int
    kind: Kind
    factor: str
    kills: bool
    period: Period | None


TABLE = [
    Row(Limit.DAILY, 2_000, Kind.HALT, "1", False, Period.DAY),
    Row(Limit.WEEKLY, 5_000, Kind.SIZE_FACTOR, "0.5", False, Period.WEEK),
    Row(Limit.MONTHLY, 10_000, Kind.HALT, "1", False, Period.MONTH),
    Row(Limit.BREAKER, 15_000, Kind.SHUTDOWN, "1", True, None),
]
ROWS = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.limit.value)
Act = Callable[[World, VirtualLoop, Market], Awaitable[None]]


def imposed(memory: Memory, row: Row) -> list[Restriction]:
    return [one for one in restrictions(memory) if one.cause is row.limit.cause]


def killed(memory: Memory) -> bool:
    return any(isinstance(one, KillPressed) for one in events(memory))


def until_ns(row: Row, breach_ns: int) -> int | None:
    match row.limit:
        case Limit.MONTHLY:
            return breach_ns + 7 * DAY_NS
        case Limit.BREAKER:
            return None
    assert row.period is not None
    return CLOCK.span(row.period, breach_ns).end_ns


async def connected(mgr: IBKRAccountManager) -> IBKRAccountManager:
    await mgr.connect_all()
    await asyncio.sleep(SEEN_S)
    return mgr


@ROWS
def test_crossed_by_a_cent_it_acts_once(row: Row, tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        market.lose(row.dollars + CENT)
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory).count(row.limit) == 1
        [one] = imposed(memory, row)
        assert (one.kind, one.size_factor, one.until_ns) == (row.kind, D(row.factor), until_ns(row, one.since_ns))
        assert one in mgr.state("paper").standing
        await asyncio.sleep(30)
        assert breaches(memory).count(row.limit) == 1
        assert killed(memory) is world.is_flat() is row.kills
        assert len([each for each in events(memory) if isinstance(each, IncidentOpened)]) == 1
        await mgr.disconnect_all()

    on_stage(test, tmp_path)


@ROWS
def test_reached_to_the_cent_it_acts_too(row: Row, tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        market.lose(row.dollars)
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory).count(row.limit) == 1
        await mgr.disconnect_all()

    on_stage(test, tmp_path)


@ROWS
def test_missed_by_a_cent_it_does_nothing(row: Row, tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        market.lose(row.dollars - CENT)
        await asyncio.sleep(10)
        assert (row.limit not in breaches(memory), imposed(memory, row), killed(memory)) == (True, [], False)
        view = mgr.limits("paper")[row.limit]
        assert (view.left, view.loss, view.allowed) == (CENT, row.dollars - CENT, row.dollars)
        await mgr.disconnect_all()

    on_stage(test, tmp_path)


@ROWS
def test_a_loss_across_a_restart_crosses_the_limit(row: Row, tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        market.lose(row.dollars - CENT)
        await asyncio.sleep(JUDGED_S)
        await mgr.disconnect_all()
        market.lose(row.dollars)
        again = await connected(watching(loop, tmp_path, memory, prefix="a"))
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory).count(row.limit) == len(imposed(memory, row)) == 1
        await again.disconnect_all()
        third = await connected(watching(loop, tmp_path, memory, prefix="b"))
        assert breaches(memory).count(row.limit) == len(imposed(memory, row)) == 1
        assert killed(memory) is row.kills
        await third.disconnect_all()

    on_stage(test, tmp_path)


@ROWS
def test_across_its_rollover_a_loss_begins_anew_but_the_peak_does_not(row: Row, tmp_path: Path) -> None:
    """The rollover of each is at hand: the last evening of a month that is a Friday."""

    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        market.lose(row.dollars - CENT)
        await asyncio.sleep(300)  # past five in Chicago
        market.lose(row.dollars)
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory).count(row.limit) == (1 if row.period is None else 0)
        if row.period is not None:
            assert mgr.limits("paper")[row.limit].loss == CENT
            allowed = ((100_000 - row.dollars + CENT) * row.dollars / 100_000).quantize(CENT)
            market.lose(row.dollars - CENT + allowed + CENT)
            await asyncio.sleep(JUDGED_S)
            assert breaches(memory).count(row.limit) == 1
        await mgr.disconnect_all()

    on_stage(test, tmp_path, start="2026-07-31T16:58:00-05:00")


@ROWS
def test_with_a_deposit_that_was_told(row: Row, tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        await asyncio.sleep(240)  # until a report was held against profit and loss
        told = mgr.record_cash_flow("paper", D(10_000), "savings")
        assert told.announced
        market.deposit(10_000)
        await asyncio.sleep(60)
        dollars = row.dollars if row.period is not None else row.dollars * D("1.1")  # of a peak that moved with it
        market.lose(dollars - CENT)
        await asyncio.sleep(JUDGED_S)
        assert row.limit not in breaches(memory)
        market.lose(dollars)
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory).count(row.limit) == 1
        await mgr.disconnect_all()

    on_stage(test, tmp_path)


@ROWS
def test_stale_data_is_no_breach_but_blind_and_judged_when_it_is_back(row: Row, tmp_path: Path) -> None:
    silent = '[{ kind = "drop-replies", replies = ["PnL", "AccountSummary"], after_s = 20, for_s = 180 }]'

    async def test(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = await connected(watching(loop, tmp_path, memory))
        await asyncio.sleep(15)
        market.lose(row.dollars)
        await asyncio.sleep(120)  # a minute until it is stale, half of one for the grace
        assert breaches(memory) == []
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.BLIND]
        assert mgr.limits("paper")[row.limit].unknown
        await asyncio.sleep(75)
        assert row.limit in breaches(memory)
        assert Cause.BLIND not in [one.cause for one in mgr.state("paper").standing]
        await mgr.disconnect_all()

    on_stage(test, tmp_path, faults=silent)
