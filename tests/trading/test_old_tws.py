"""A TWS too old for a stream of profit and loss: the limits hold there all the same, by its account updates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.known import Known
from engine.core.limit_rules import Limit
from engine.core.restrictions import Cause
from engine.journal.events import JumpSuspected, KillPressed
from engine.journal.memory_store import Memory
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager
from engine.trading.loss_watch import SEEN_LATE
from engine.wire.requests import ReqAccountUpdates
from trading.loss_stage import ACCOUNT, Market, breaches, events, on_stage, restrictions, watching

D = Decimal
CENT = D("0.01")
SEEN_S = 10.0
JUDGED_S = 8.0  # an answer every five seconds, and what follows from it
OLD = pytest.mark.parametrize("version", [100, 102, 103, 110, 126, 127, 129, 134])
ROWS = [(Limit.DAILY, 2_000), (Limit.WEEKLY, 5_000), (Limit.MONTHLY, 10_000), (Limit.BREAKER, 15_000)]
Test = Callable[[VirtualLoop, World, Market, Memory, IBKRAccountManager], Awaitable[None]]


def beside(tmp_path: Path, version: int, test: Test, *, faults: str = "[]") -> None:
    """Run a test with a manager that is connected, and sees."""

    async def main(world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = watching(loop, tmp_path, memory)
        await mgr.connect_all()
        await asyncio.sleep(SEEN_S)
        await test(loop, world, market, memory, mgr)
        await mgr.disconnect_all()

    on_stage(main, tmp_path, version=version, faults=faults)


def killed(memory: Memory) -> bool:
    return any(isinstance(one, KillPressed) for one in events(memory))


@OLD
@pytest.mark.parametrize(("limit", "dollars"), ROWS, ids=[limit.value for limit, _ in ROWS])
def test_each_limit_acts_to_the_cent_and_once(version: int, limit: Limit, dollars: int, tmp_path: Path) -> None:
    async def test(_loop: VirtualLoop, world: World, market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        market.lose(dollars - CENT)
        await asyncio.sleep(JUDGED_S)
        view = mgr.limits("paper")[limit]
        assert (limit in breaches(memory), view.loss, view.left) == (False, dollars - CENT, CENT)
        market.lose(dollars)
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory).count(limit) == 1
        assert [one.cause for one in mgr.state("paper").standing].count(limit.cause) == 1
        await asyncio.sleep(400)
        assert breaches(memory).count(limit) == 1
        assert killed(memory) is world.is_flat() is (limit is Limit.BREAKER)
        assert Cause.BLIND not in [one.cause for one in restrictions(memory)]

    beside(tmp_path, version, test)


@OLD
def test_a_quiet_hour_is_neither_blind_nor_stale(version: int, tmp_path: Path) -> None:
    async def test(loop: VirtualLoop, _world: World, _market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        view = mgr.limits("paper")
        assert [one.loss for one in view.limits] == [0, 0, 0, 0]
        assert view.notes == (SEEN_LATE,)
        assert isinstance(mgr.profit_and_loss("paper")[ACCOUNT], Known)
        await asyncio.sleep(3_600)
        assert (restrictions(memory), mgr.limits("paper").unknown) == ([], ())
        assert mgr.state("paper").may_add_risk

    beside(tmp_path, version, test)


@OLD
def test_what_is_lost_while_nothing_is_connected_is_found_again(version: int, tmp_path: Path) -> None:
    async def test(loop: VirtualLoop, _world: World, market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        await mgr.disconnect_all()
        market.lose(2_000)
        await asyncio.sleep(600)
        assert breaches(memory) == []
        await mgr.connect_all()
        await asyncio.sleep(SEEN_S)
        assert breaches(memory) == [Limit.DAILY]

    beside(tmp_path, version, test)


@OLD
def test_a_deposit_is_no_gain_and_a_withdrawal_no_loss(version: int, tmp_path: Path) -> None:
    async def test(loop: VirtualLoop, _world: World, market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        for amount in (20_000, -30_000):
            market.deposit(amount)
            await asyncio.sleep(20)
            assert "profit and loss" in mgr.limits("paper").unknown[0]
            await asyncio.sleep(230)
        jumps = [one for one in events(memory) if isinstance(one, JumpSuspected)]
        assert [one.after - one.before for one in jumps] == [20_000, -30_000]
        assert (breaches(memory), killed(memory)) == ([], False)
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.BLIND]  # until a person tells of it
        mgr.record_cash_flow("paper", D(-30_000), "rent")
        await asyncio.sleep(JUDGED_S)
        assert mgr.state("paper").may_add_risk

    beside(tmp_path, version, test)


@OLD
def test_while_tws_does_not_vouch_for_the_account_nothing_is_judged(version: int, tmp_path: Path) -> None:
    resetting = '[{ kind = "account-not-ready", after_s = 20, for_s = 300 }]'

    async def test(loop: VirtualLoop, _world: World, market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        await asyncio.sleep(20)
        market.lose(15_000)
        await asyncio.sleep(120)
        assert (breaches(memory), killed(memory)) == ([], False)
        assert "not ready" in mgr.limits("paper").unknown[0]
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.BLIND]
        market.lose(0)
        await asyncio.sleep(300)
        assert (breaches(memory), mgr.state("paper").kind) == ([], None)

    beside(tmp_path, version, test, faults=resetting)


@OLD
def test_account_updates_that_stop_make_it_blind_and_it_sees_again_by_itself(version: int, tmp_path: Path) -> None:
    asked = '["ReqAccountUpdates", "ReqAccountUpdatesMulti"]'
    silent = f'[{{ kind = "drop-requests", requests = {asked}, after_s = 20, for_s = 200 }}]'

    async def test(loop: VirtualLoop, _world: World, market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        await asyncio.sleep(30)
        market.lose(2_000)
        await asyncio.sleep(130)
        assert breaches(memory) == []
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.BLIND]
        await asyncio.sleep(100)
        assert breaches(memory) == [Limit.DAILY]
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.DAILY_LOSS]

    beside(tmp_path, version, test, faults=silent)


@OLD
def test_a_loss_that_the_account_values_tell_late_is_acted_on_once_when_they_do(version: int, tmp_path: Path) -> None:
    old = '[{ kind = "old-account-values", after_s = 20, for_s = 180 }]'

    async def test(loop: VirtualLoop, world: World, market: Market, memory: Memory, mgr: IBKRAccountManager) -> None:
        await asyncio.sleep(15)
        market.lose(15_000)
        await asyncio.sleep(150)
        assert breaches(memory) == []
        await asyncio.sleep(60)
        assert sorted(one.value for one in breaches(memory)) == sorted(one.value for one in Limit)
        assert killed(memory) and world.is_flat()

    beside(tmp_path, version, test, faults=old)


def test_a_tws_that_streams_profit_and_loss_is_not_asked_so_often(tmp_path: Path) -> None:
    async def test(_loop: VirtualLoop, world: World, _market: Market, _memory: Memory, mgr: IBKRAccountManager) -> None:
        assert mgr.limits("paper").notes == ()
        asked = world.login("paper").server.log.requests(ReqAccountUpdates)
        assert [one.message for one in asked] == [ReqAccountUpdates(True, ACCOUNT)]

    beside(tmp_path, 135, test)


@pytest.mark.parametrize("version", [100, 102, 103, 126, 134, 135])
def test_a_login_of_several_accounts_is_judged_by_their_sum(version: int, tmp_path: Path) -> None:
    second = '[[logins.accounts]]\nid = "DU7654321"\ncash = 100000\n'

    async def main(_world: World, loop: VirtualLoop, market: Market) -> None:
        memory = Memory()
        mgr = watching(loop, tmp_path, memory)
        await mgr.connect_all()
        await asyncio.sleep(15)
        market.lose(3_999)
        await asyncio.sleep(JUDGED_S)
        view = mgr.limits("paper")[Limit.DAILY]
        assert (view.baseline, view.loss, breaches(memory)) == (200_000, 3_999, [])
        market.lose(4_000)
        await asyncio.sleep(JUDGED_S)
        assert breaches(memory) == [Limit.DAILY]
        await asyncio.sleep(1_000)
        assert [one.cause for one in restrictions(memory)] == [Cause.DAILY_LOSS]
        await mgr.disconnect_all()

    on_stage(main, tmp_path, version=version, orders=second)
