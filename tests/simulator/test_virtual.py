"""The laws of virtual time: order, no cost, no hang, and the same seed gives the same run."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.simulator.virtual import (
    Deadlock,
    Livelock,
    TimeLimit,
    UnhandledError,
    VirtualLoop,
    current_loop,
    run,
    settle,
)


def test_an_hour_costs_nothing() -> None:
    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert run(main()) == 3600
    assert time.monotonic() - began < 1


@settings(max_examples=50)
@given(st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False), max_size=20))
def test_timers_fire_in_order_at_their_time_and_ties_in_the_order_set(delays: list[float]) -> None:
    fired: list[tuple[float, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for index, delay in enumerate(delays):
            loop.call_later(delay, lambda d, i: fired.append((d, i)) or late(loop, d), delay, index)
        await asyncio.sleep(1e6 + 1)

    def late(loop: asyncio.AbstractEventLoop, due: float) -> None:
        assert abs(loop.time() - due) < 1e-6

    run(main(), limit_s=2e6)
    assert [d for d, _ in fired] == sorted(delays)
    # asyncio itself leaves the order of equal times to its heap: only the times are law
    assert sorted(i for _, i in fired) == list(range(len(delays)))


def test_the_wall_clock_moves_with_virtual_time() -> None:
    async def main(loop: VirtualLoop) -> int:
        await asyncio.sleep(1.5)
        return loop.wall_ns()

    assert run(main, start_ns=1_000_000_000_000) == 1_001_500_000_000


def test_wait_for_timeout_gather_and_locks_work() -> None:
    async def main() -> list[object]:
        lock = asyncio.Lock()

        async def holder(seconds: float) -> float:
            async with lock:
                await asyncio.sleep(seconds)
                return asyncio.get_running_loop().time()

        ends = await asyncio.gather(holder(1), holder(2))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return [*ends, asyncio.get_running_loop().time(), await asyncio.to_thread(lambda: "inline")]

    assert run(main()) == [1.0, 3.0, 13.0, "inline"]


def test_a_program_that_can_never_go_on_is_a_deadlock_that_names_the_place() -> None:
    async def stuck() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match=r"test_virtual\.py:\d+ \(stuck\)"):
        run(stuck())


def test_time_has_a_limit() -> None:
    with pytest.raises(TimeLimit, match="within 10 s"):
        run(asyncio.sleep(11), limit_s=10)


def test_spinning_without_progress_is_noticed() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        def again() -> None:
            loop.call_soon(again)

        again()
        await asyncio.sleep(1)

    with pytest.raises(Livelock):
        run(main())


def test_a_failure_nobody_looks_at_fails_the_run() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    with pytest.raises(UnhandledError, match="ZeroDivisionError"):
        run(main())


def test_current_loop_refuses_a_real_loop() -> None:
    async def main() -> None:
        current_loop()

    with pytest.raises(TypeError, match="VirtualLoop"):
        asyncio.run(main())


def test_while_a_program_hangs_time_passes_and_nothing_runs() -> None:
    async def main() -> list[float]:
        loop = current_loop()
        rang: list[float] = []
        loop.call_later(1.0, lambda: rang.append(loop.time()))
        loop.stall(5.0)
        assert not rang
        await settle()
        return rang

    assert run(main()) == [5.0]
