"""A week of trading leaves the guard's memory where it was: restarts every night, a re-login at the week's end, 1100,
1101 and 1102, fills, foreign orders, halts, silences, alerts that are acknowledged.

Short: seven days of a few minutes, with the machine asleep in between, in which nothing runs and everything grows old.
`QE_WEEK=7`: so many whole days (each about a quarter of an hour).
"""

from __future__ import annotations

import asyncio
import gc
import os
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

WHOLE = int(os.environ.get("QE_WEEK") or 0)
DAYS, WEEKDAYS = WHOLE or 7, 5
DAY_S = 24 * 3600.0
SESSION_S = 6 * 3600.0  # from the morning on: what is sent later waits for the next session
MONDAY = "2026-03-09T09:40:00-04:00"
GROWTH_BYTES_MAX = 150_000  # of a week, beside what the journal keeps; the guard holds more than ten times as much
OURS = ("engine/guard", "engine/trading", "engine/broker", "engine/core", "engine/wire")


class Week:
    """The guard, the market, and what a week does to them."""

    def __init__(self, post: Post, loop: VirtualLoop, market: Market) -> None:
        self.post, self.loop, self.market = post, loop, market
        self.paper = post.world.login("paper")
        self.sizes: list[int] = []

    async def day(self, number: int) -> None:
        began = self.loop.time()
        if number < WEEKDAYS:
            await self._trade(number)
        await self._lose_the_link(1101 if number % 2 else 1102)
        await self._be_silent(number)
        await self._halt_and_resume()
        await self.restart(600 if number == 4 else 40)  # the weekly re-login takes longer
        await self._settle()
        self.sizes.append(self._held_by_us())
        left_s = DAY_S - (self.loop.time() - began)
        if WHOLE:
            while left_s > 0:
                if number < WEEKDAYS and self.loop.time() - began < SESSION_S:
                    await self._trade(number)
                left_s = DAY_S - (self.loop.time() - began)
                await asyncio.sleep(min(900, max(left_s, 0)))
            self.sizes.append(self._held_by_us())
        else:
            self.loop.stall(left_s)

    async def _trade(self, number: int) -> None:
        self.market.lose(100 * (number % 3))
        for turn in range(6):
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
        snapshot = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, f"*{part}/*") for part in OURS])
        return sum(one.size for one in snapshot.statistics("filename"))

    async def _settle(self) -> None:
        await asyncio.sleep(20)
        await self.post.guard.answer(Request("ack", who="ann"))
        state = self.post.manager.state("paper")
        if state.kind is not None:  # the night has made a difference that nobody can explain
            await self.post.manager.verify("paper", adopt=True, reason="a new day")
            self.post.manager.resume_trading("paper", override=True, reason="a new day")


def test_a_week_leaves_memory_where_it_was(tmp_path: Path) -> None:
    async def week(exact: Exactly) -> None:
        here = Week(exact.post, exact.post.loop, exact.market)
        await here.post.manager.verify("paper", adopt=True, reason="a beginning")
        tasks, threads = [], []
        for number in range(DAYS):
            await here.day(number)
            here.post.messages.clear()
            here.post.lines.clear()
            tasks.append(len(asyncio.all_tasks()))
            threads.append(threading.active_count())
            assert len(here.post.guard.alerts.told()["standing"]) < 5  # type: ignore[arg-type]
        assert max(tasks) == tasks[0]
        assert max(threads) == threads[0]
        assert here.sizes[-1] - here.sizes[1] < GROWTH_BYTES_MAX, here.sizes  # the first day fills what is bounded

    tracemalloc.start()
    try:
        exactly(tmp_path, week, start=MONDAY, limit_s=(DAYS + 1) * DAY_S)
    finally:
        tracemalloc.stop()
