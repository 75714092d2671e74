"""A disk that hangs holds up nothing of the guard: limits, kill, connections, alerts and answers go on without it.

Real threads and sockets: on virtual time work on a thread is done in its turn, and could not hang.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.config.guard_table import GuardTable
from engine.config.limits_table import LimitsTable
from engine.config.model import default_config
from engine.core.alerting import Message
from engine.guard import keeper, records
from engine.guard.control import Request
from engine.guard.guard import Guard, Outside
from engine.journal.chain import Draft, Sealed, Tip, opened
from engine.journal.events import KillEnded, KillPressed, LimitBreached
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import MemoryStore
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.trading import IBKRAccountManager, TradingMode, kill_records, loss_watch
from engine.trading.manager import ManagerSettings
from engine.trading.rules import Rules
from trading.loss_stage import SCENARIO, WEDNESDAY, Market

RESCUE_S = 60.0
PATIENCE_S = 30.0
LOOP_S_MAX = 5.0  # a loop that waits for the disk stands still until it is rescued


class HangingStore(MemoryStore):
    """A store whose disk can be made to hang, for whoever reads as for whoever writes."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        self.answers.wait()
        return super().append(drafts, expected_seq=expected_seq)

    def read(self, after_seq: int = 0) -> Iterator[Sealed]:
        self.answers.wait()
        return super().read(after_seq)

    def start(self) -> Tip:
        self.answers.wait()
        return super().start()

    def mark(self) -> bytes | None:
        self.answers.wait()
        return super().mark()


class Post:
    def __init__(self, world: World, home: Path) -> None:
        self.world, self.market, self.store = world, Market(world), HangingStore()
        self.messages: list[Message] = []
        self.lag_s = 0.0
        clock = world.clock.now_ns
        rules = Rules(Journal(self.store, actor="test", clock=clock), LocalGate(), wall_ns=clock, actor="test")
        self.manager = IBKRAccountManager(
            settings=ManagerSettings(heartbeat=False, trades=False),
            wall_ns=clock,
            lock_directory=home,
            home=home,
            rules=rules,
            limits=LimitsTable(),
        )
        port = world.login("paper").ports[0]
        self.manager.add_account("paper", TradingMode.PAPER, port=port, client_id=90)
        config = msgspec.structs.replace(default_config(), guard=GuardTable(verify_every_s=0.5))
        page = Path(os.environ["QE_INCIDENT_LOG"])
        outside = Outside(wall_ns=clock, channels=(self,))
        self.guard = Guard(config, self.manager, home, page, outside=outside, log=lambda _: None, callable_=False)

    name = "a test's channel"

    def send(self, message: Message) -> str | None:
        self.messages.append(message)
        return None

    def titles(self) -> list[str]:
        return [message.title for message in self.messages]

    def kinds(self) -> set[type]:
        return {type(opened(one).event) for one in self.store.memory.records}

    async def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"it never came to that; told: {self.messages}"
            await asyncio.sleep(0.02)

    async def tick(self) -> None:
        """Measures how long the loop stands still."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.02)
            self.lag_s = max(self.lag_s, time.monotonic() - before)


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "DISK_S_MAX", 0.3)
    monkeypatch.setattr(loss_watch, "DISK_S_MAX", 0.3)
    monkeypatch.setattr(kill_records, "PAPER_S_MAX", 0.3)
    monkeypatch.setattr(keeper, "VERIFY_S_MAX", 0.5)


def beside(story: Callable[[Post], Awaitable[None]], home: Path, orders: str = "") -> None:
    page = home / "exactly.toml"
    page.write_text(SCENARIO.format(start=WEDNESDAY, orders=orders, faults="[]"))

    async def main() -> None:
        async with build_world(load_scenario(page), ports={"paper": (0,)}) as world:
            post, ended = Post(world, home), asyncio.Event()
            rescue = threading.Timer(RESCUE_S, post.store.answers.set)
            rescue.start()
            ticking = asyncio.create_task(post.tick())
            running = asyncio.create_task(post.guard.run(ended))
            try:
                await post.until(lambda: _seeing(post))
                await story(post)
                assert post.lag_s < LOOP_S_MAX, "the loop waited for the disk"
            finally:
                rescue.cancel()
                post.store.answers.set()
                ended.set()
                await running
                ticking.cancel()

    asyncio.run(main())


def _seeing(post: Post) -> bool:
    live = post.manager.limits_now("paper")
    return live is not None and live.limits[-1].loss is not None


def test_a_breaker_is_pulled_and_the_login_closed_and_all_of_it_is_written_down_when_the_disk_is_back(
    tmp_path: Path,
) -> None:
    async def story(post: Post) -> None:
        post.store.answers.clear()
        await post.until(lambda: "the journal cannot be used" in post.titles())
        told = await post.guard.answer(Request("status"))
        assert told["disk_unanswered_s"] > 0
        post.market.lose(15_000)
        await post.until(post.world.is_flat)
        await post.until(lambda: "KILL of paper: FLAT" in post.titles())
        await post.until(lambda: "paper: shutdown by circuit_breaker" in post.titles())
        assert KillPressed not in post.kinds()
        post.store.answers.set()
        await post.until(lambda: {LimitBreached, KillPressed, KillEnded} <= post.kinds())
        await post.until(lambda: "journal" not in [one.key for one in post.guard.alerts.standing])

    beside(story, tmp_path)


def test_a_kill_that_is_asked_for_waits_for_no_disk_and_a_lost_connection_is_made_anew(tmp_path: Path) -> None:
    async def story(post: Post) -> None:
        post.store.answers.clear()
        await asyncio.sleep(1)
        login = post.world.login("paper")
        ports = login.server.ports
        await login.server.stop()
        await post.until(lambda: not post.manager.connected("paper"))
        login.server.ports = ports
        await login.server.start()
        await post.until(lambda: post.manager.connected("paper"))
        await post.guard.answer(Request("kill", reason="a test"))
        assert post.world.is_flat()

    beside(story, tmp_path)


def test_nothing_is_done_to_others_by_what_the_records_said_before_the_disk_hung(tmp_path: Path) -> None:
    async def story(post: Post) -> None:
        await asyncio.to_thread(post.manager.halt_trading, "paper", "a test")
        await post.until(lambda: (state := post.guard.records.state("paper")) is not None and not state.may_add_risk)
        post.store.answers.clear()
        await asyncio.sleep(1)
        trader = post.world.login("paper").trader(7)
        trader.place("AAPL", "BUY", 5, "LMT", Decimal(1))
        await asyncio.sleep(2)
        assert len(post.world.login("paper").working()) == 1  # the halt may have been lifted meanwhile
        post.store.answers.set()
        await post.until(lambda: not post.world.login("paper").working())

    beside(story, tmp_path)
