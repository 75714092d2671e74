"""Days in the life of a guard, in virtual time, and how much memory it has held at the end of each.

Restarts every night, a longer re-login at the week's end, 1100, 1101 and 1102, fills, foreign orders, halts, silences,
alerts that are acknowledged. Of each day a part is lived through; then the machine sleeps until the next morning, and
nothing runs and everything grows old.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from decimal import Decimal
from pathlib import Path

from engine.core.restrictions import Cause
from engine.guard.control import Request
from engine.simulator import faults
from engine.simulator.virtual import VirtualLoop
from guard.post import Exactly, Post, exactly
from trading.loss_stage import Market

WEEK, WEEKDAYS = 7, 5
GOOD_FRIDAY = 25  # 3 April 2026: as on a weekend, what is sent waits for Monday
DAY_S = 24 * 3600.0
SESSION_S = 6 * 3600.0  # from the morning on: what is sent later waits for the next session
LOOK_EVERY_S = 900.0
MONDAY = "2026-03-09T09:40:00-04:00"
OURS = ("engine/guard", "engine/trading", "engine/broker", "engine/core", "engine/wire")


class Days:
    """The guard, the market, and what the days do to them. `awake_s`: of each so much is lived through at least."""

    def __init__(self, post: Post, loop: VirtualLoop, market: Market, awake_s: float) -> None:
        self.post, self.loop, self.market, self._awake_s = post, loop, market, awake_s
        self.paper = post.world.login("paper")
        self.orders = 0
        self.sizes: list[int] = []  # bytes, at the end of each day
        self.tasks: list[int] = []
        self.threads: list[int] = []

    async def live(self, days: int) -> None:
        await self.post.manager.verify("paper", adopt=True, reason="a beginning")
        for number in range(days):
            await self.day(number)
            self.post.messages.clear()
            self.post.lines.clear()
            self.tasks.append(len(asyncio.all_tasks()))
            self.threads.append(threading.active_count())
            assert len(self.post.guard.alerts.told()["standing"]) < 5  # type: ignore[arg-type]

    @property
    def grown_bytes(self) -> int:
        """Since the end of the second day: the first ones fill what is bounded."""
        return self.sizes[-1] - self.sizes[1]

    async def day(self, number: int) -> None:
        began, weekday = self.loop.time(), number % WEEK
        trades = weekday < WEEKDAYS and number != GOOD_FRIDAY
        if trades:
            await self._trade(number)
        await self._lose_the_link(1101 if number % 2 else 1102)
        await self._be_silent(number)
        await self._halt_and_resume()
        await self.restart(600 if weekday == WEEKDAYS - 1 else 40)  # the weekly re-login takes longer
        await self._settle()
        while (lived_s := self.loop.time() - began) < self._awake_s:
            if trades and lived_s < SESSION_S:
                await self._trade(number)
            await asyncio.sleep(min(LOOK_EVERY_S, max(began + self._awake_s - self.loop.time(), 0)))
        self.sizes.append(self._held_by_us())
        self.loop.stall(max(0.0, began + DAY_S - self.loop.time()))

    async def _trade(self, number: int) -> None:
        self.market.lose(100 * (number % 3))
        for turn in range(6):
            self.orders += 1
            self.paper.trader(7).place("MSFT", "SELL" if turn % 2 else "BUY", 1, "MKT")
            await asyncio.sleep(2)

    async def _lose_the_link(self, code: int) -> None:
        self.paper.server.lose_link()
        await asyncio.sleep(35)
        self.paper.server.restore_link(1101 if code == 1101 else 1102)
        await asyncio.sleep(15)

    async def _be_silent(self, number: int) -> None:
        """An engine of another name each day dies, and its file is removed by whoever starts it anew."""
        name = f"engine-{number}"
        self.post.beat(name)
        await asyncio.sleep(32)
        assert Cause.DEAD_MAN in [one.cause for one in self.post.manager.state("paper").standing]
        (self.post.home / "heartbeats" / name).unlink()

    async def _halt_and_resume(self) -> None:
        trader = self.paper.trader(7)
        trader.place("AAPL", "BUY", 5, "LMT", Decimal(1))  # which goes, because the login is halted
        await asyncio.sleep(8)
        assert not self.paper.working()
        await self.post.guard.answer(Request("ack", who="ann"))
        self.post.manager.resume_trading("paper", override=True, reason="understood")

    async def restart(self, down_s: float) -> None:
        self.paper.server.trouble.add(faults.Restart(down_s=down_s))
        await asyncio.sleep(5)
        assert not self.post.manager.connected("paper")
        await asyncio.sleep(down_s + 35)
        assert self.post.manager.connected("paper")

    def _held_by_us(self) -> int:
        """Bytes that code of ours has allocated and somebody still holds, beside the simulated network and its log."""
        self.post.world.log.keep(0)
        network = self.loop.network
        network.links = [link for link in network.links if not link.closed]
        gc.collect()
        by_file = tracemalloc.take_snapshot().statistics("filename")  # a filter of its own takes six times as long
        return sum(one.size for one in by_file if any(f"{part}/" in one.traceback[0].filename for part in OURS))

    async def _settle(self) -> None:
        await asyncio.sleep(20)
        await self.post.guard.answer(Request("ack", who="ann"))
        state = self.post.manager.state("paper")
        if state.kind is not None:  # the night has made a difference that nobody can explain
            await self.post.manager.verify("paper", adopt=True, reason="a new day")
            self.post.manager.resume_trading("paper", override=True, reason="a new day")


def lived(place: Path, days: int, awake_s: float = 0.0) -> Days:
    """So many days, from a Monday on. Memory is traced meanwhile, which is slow."""
    made: list[Days] = []

    async def live(exact: Exactly) -> None:
        made.append(Days(exact.post, exact.post.loop, exact.market, awake_s))
        await made[0].live(days)

    tracemalloc.start()
    try:
        exactly(place, live, start=MONDAY, limit_s=(days + 1) * DAY_S)
    finally:
        tracemalloc.stop()
    return made[0]
