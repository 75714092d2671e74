"""Many runs, one after the other or on several cores, until there are enough of them; and what came of it all."""

from __future__ import annotations

import gc
import os
import platform
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

from engine import __version__
from engine.torture.generator import story_of
from engine.torture.one import Outcome, run_story, scratch_folder
from engine.torture.shrink import shrink
from engine.torture.story import Story

CHUNK = 10  # seeds that a process takes at once
FAILURES_MAX = 100  # then there is no need to go on


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How long to go on: until any of these is reached; None: no matter. `kills` count with those before."""

    first_seed: int = 1
    runs: int | None = None
    kills: int | None = None
    minutes: float | None = None
    jobs: int = 1


class Result(msgspec.Struct, kw_only=True):
    """A campaign, as far as it has come."""

    version: str = __version__
    commit: str = ""  # of the source, where it is a git checkout
    ended: str = ""  # the day of its last run
    python: str = platform.python_version()
    machine: str = f"{platform.machine()}, {os.cpu_count()} cores"
    first_seed: int = 0
    runs: int = 0
    kills: int = 0
    messages: int = 0
    simulated_s: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    failures: list[Outcome] = []

    @property
    def kills_per_s(self) -> float:
        """For each second of one core."""
        return self.kills / self.cpu_s if self.cpu_s else 0.0

    @property
    def next_seed(self) -> int:
        return self.first_seed + self.runs

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.kills += outcome.kills
        self.messages += outcome.messages
        self.simulated_s += outcome.seconds
        if outcome.violations:
            self.failures.append(outcome)


def campaign(wanted: Wanted, told: Callable[[Result, list[Outcome]], None], result: Result | None = None) -> Result:
    """Run it. `told` hears now and then how far it has come, and of every new failure. `result`: what it adds to."""
    result = Result(first_seed=wanted.first_seed) if result is None else result
    began, before_s = time.monotonic(), result.wall_s
    for outcomes, cpu_s in _outcomes(wanted):
        wall_s = time.monotonic() - began
        result.wall_s = before_s + wall_s
        result.cpu_s += cpu_s
        for outcome in outcomes:
            result.add(outcome)
        told(result, [one for one in outcomes if one.violations])
        if _enough(wanted, result, wall_s):
            break
    return result


def shrunk(story: Story, names: frozenset[str]) -> Story:
    """As short as it gets while it still breaks one of these invariants."""
    with scratch_folder() as scratch:
        return shrink(story, lambda candidate: bool(names & run_story(candidate, scratch).names))


def _enough(wanted: Wanted, result: Result, wall_s: float) -> bool:
    return (
        (wanted.kills is not None and result.kills >= wanted.kills)
        or (wanted.minutes is not None and wall_s >= 60 * wanted.minutes)
        or len(result.failures) >= FAILURES_MAX
    )


def _outcomes(wanted: Wanted) -> Iterator[tuple[list[Outcome], float]]:
    """Chunk by chunk, for as long as somebody asks, with the processor's seconds that each took."""
    if wanted.jobs == 1:
        with scratch_folder() as scratch:
            for chunk in _chunks(wanted):
                yield _run(chunk, scratch)
        return
    with ProcessPoolExecutor(wanted.jobs, initializer=_leave_ctrl_c) as pool:
        waiting: deque[Future[tuple[list[Outcome], float]]] = deque()
        try:
            for chunk in _chunks(wanted):
                waiting.append(pool.submit(_run_alone, chunk))
                if len(waiting) > 2 * wanted.jobs:
                    yield waiting.popleft().result()  # in order: what is done has no gaps
            yield from (one.result() for one in waiting)
        finally:
            pool.shutdown(cancel_futures=True)


def _chunks(wanted: Wanted) -> Iterator[range]:
    """For ever, or as many as are wanted."""
    seed, last = wanted.first_seed, None if wanted.runs is None else wanted.first_seed + wanted.runs
    while last is None or seed < last:
        end = seed + CHUNK if last is None else min(seed + CHUNK, last)
        yield range(seed, end)
        seed = end


def _run(seeds: range, scratch: Path) -> tuple[list[Outcome], float]:
    began = time.process_time()
    with _garbage_at_the_end():
        outcomes = [run_story(story_of(seed), scratch) for seed in seeds]
    return outcomes, time.process_time() - began


@contextmanager
def _garbage_at_the_end() -> Iterator[None]:
    """A world is garbage as a whole when it is over: looking through it again and again meanwhile is a fifth of the
    time. What there was before it is not looked through at all."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()
        gc.unfreeze()


def _run_alone(seeds: range) -> tuple[list[Outcome], float]:
    with scratch_folder() as scratch:
        return _run(seeds, scratch)


def _leave_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started us ends us
