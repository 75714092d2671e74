"""A disk that hangs: nothing that adds risk leaves, cancels and reducing orders and the kill do, and no loop waits.

Real threads and sockets: on virtual time work on a thread is done in its turn, and could not hang.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from engine.core.contracts import Contract
from engine.core.preflight.settings import Settings
from engine.core.restrictions import Cause
from engine.journal.chain import Draft, Sealed, opened
from engine.journal.events import Restricted
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import MemoryStore
from engine.journal.trouble import Code
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.virtual import until
from engine.trading import IBKRAccountManager, TradingMode, errors, kill_records, order_checks, order_records
from engine.trading.rules import Rules
from scenarios.accidents import SPY, limit, market

MSFT = Contract(con_id=272093, symbol="MSFT", sec_type="STK", exchange="SMART", currency="USD")


RESCUE_S = 20.0  # a story takes one of them


class HangingStore(MemoryStore):
    """A store whose disk can be made to hang."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()
        self.rescued = False

    def rescue(self) -> None:
        """The loop hangs with it: let the test end."""
        self.rescued = True
        self.answers.set()

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        self.answers.wait()
        return super().append(drafts, expected_seq=expected_seq)


Story = Callable[[World, IBKRAccountManager, HangingStore], Awaitable[None]]


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (order_checks, order_records):
        monkeypatch.setattr(module, "INTENT_S_MAX", 0.2)
    monkeypatch.setattr(kill_records, "PAPER_S_MAX", 0.2)


def beside(story: Story, tmp_path: Path, settings: Settings | None = None) -> None:
    async def main() -> None:
        async with build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)}) as world:
            store, clock = HangingStore(), world.clock.now_ns
            rules = Rules(Journal(store, actor="test", clock=clock), LocalGate(), wall_ns=clock, actor="test")
            mgr = IBKRAccountManager(lock_directory=tmp_path, wall_ns=clock, rules=rules, preflight=settings)
            mgr.add_account("paper", TradingMode.PAPER, port=world.login("paper").ports[0])
            assert (await mgr.connect_all()).all_connected
            rescue = threading.Timer(RESCUE_S, store.rescue)
            rescue.start()
            try:
                await story(world, mgr, store)
                assert not store.rescued, "the loop waited for the disk"
            finally:
                rescue.cancel()
                store.answers.set()
                await mgr.disconnect_all()

    asyncio.run(main())


def test_entries_are_refused_the_rest_goes_on_and_the_loop_is_never_held_up(tmp_path: Path) -> None:
    async def story(world: World, mgr: IBKRAccountManager, store: HangingStore) -> None:
        resting = await mgr.place_order("paper", SPY, limit("BUY", 1, "1.00"))
        before = len(world.login("paper").working())
        store.answers.clear()
        for n in (2, 3):
            with pytest.raises(errors.TradingHalted, match="does not answer"):
                await mgr.place_order("paper", SPY, limit("BUY", n, "1.00"))
        assert len(world.login("paper").working()) == before
        await mgr.cancel_order("paper", resting)
        assert resting.ended
        hand = world.login("paper").hand()
        hand.cancel_all()  # which works on the same side
        await until(lambda: not hand.working())
        for _ in range(2):  # for all that the first tells it may have filled
            await mgr.refresh("paper")
        assert (await mgr.place_order("paper", MSFT, market("BUY", 20))).left

    beside(story, tmp_path)


def test_the_kill_waits_for_no_disk(tmp_path: Path) -> None:
    async def story(world: World, mgr: IBKRAccountManager, store: HangingStore) -> None:
        store.answers.clear()
        entry = asyncio.ensure_future(mgr.place_order("paper", SPY, limit("BUY", 1, "1.00")))
        report = await mgr.kill_switch("paper", "EMERGENCY")
        assert report.flat
        assert world.login("paper").is_flat()
        assert isinstance((await asyncio.gather(entry, return_exceptions=True))[0], errors.OrderError)

    beside(story, tmp_path)


def test_a_disk_that_failed_is_tried_again_where_nobody_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_checks, "TEND_EVERY_NS", 0)

    async def story(world: World, mgr: IBKRAccountManager, store: HangingStore) -> None:
        store.memory.fails = Code.FAILED
        with pytest.raises(errors.TradingHalted, match="the journal"):
            await mgr.place_order("paper", SPY, limit("BUY", 1, "1.00"))
        store.memory.fails = None
        store.answers.clear()
        for _ in range(2):
            with pytest.raises(errors.TradingHalted, match="the simulated disk fails"):
                await mgr.place_order("paper", SPY, limit("BUY", 1, "1.00"))
        store.answers.set()
        await until(lambda: store.memory.records != [] and mgr.rules.journal.trouble() is None)
        assert (await mgr.place_order("paper", SPY, limit("BUY", 1, "1.00"))).left

    beside(story, tmp_path)


def test_too_many_orders_too_often_stop_this_program_at_once(tmp_path: Path) -> None:
    async def story(world: World, mgr: IBKRAccountManager, store: HangingStore) -> None:
        await mgr.place_order("paper", SPY, limit("BUY", 1, "1.00"))
        store.answers.clear()
        with pytest.raises(errors.OrderDenied, match="repeats"):
            await mgr.place_order("paper", SPY, limit("BUY", 1, "2.00"))
        with pytest.raises(errors.TradingHalted, match="too many orders too often"):
            await mgr.place_order("paper", SPY, limit("BUY", 2, "1.00"))
        store.answers.set()
        await until(lambda: any(isinstance(opened(one).event, Restricted) for one in store.memory.records))
        assert [one.cause for one in mgr.state("paper").standing] == [Cause.ORDER_RATE]

    beside(story, tmp_path, Settings(repeats_max=1))
