"""Virtual time: an asyncio event loop on which an hour costs nothing and the same seed gives the same run.

Code under test uses plain asyncio. Time stands still while anything is ready and jumps to the next timer when nothing
is. Connections stay in memory (`loop.network`). The loop never touches a real socket, thread or clock; a program that
can never go on is an error that says who waits where, not a hang.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

from engine.simulator.net import Network

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START_NS = 1_773_239_400_000_000_000  # Wednesday 2026-03-11 14:30:00 UTC, 10:30 in New York
LIMIT_S = 24 * 3600.0
IDLE_ROUNDS_MAX = 100_000
_CLEAN_UP_S = 600.0  # what cancelled tasks may still take when a run is over


class VirtualTimeError(RuntimeError):
    """The program on the virtual loop did something that would hang or spin on a real one."""


class Deadlock(VirtualTimeError):
    """Nothing is ready, no timer is set and no byte is under way: nothing can ever happen again."""


class TimeLimit(VirtualTimeError):
    """The next event lies beyond the virtual duration that the run was given."""


class Livelock(VirtualTimeError):
    """Callbacks follow each other for ever and time never advances."""


class UnhandledError(VirtualTimeError):
    """A callback or a task failed and nobody looked at it."""


class _Clock:
    """Stands where the selector stands in a real loop: waiting for input is what moves time."""

    def __init__(self, loop: VirtualLoop, limit_s: float, idle_rounds_max: int) -> None:
        self._loop = loop
        self._idle_rounds = 0
        self._idle_rounds_max = idle_rounds_max
        self.now_ns = 0
        self.limit_ns = int(limit_s * 1e9)

    def select(self, timeout: float | None) -> list[object]:
        if timeout is None:
            raise Deadlock(f"nothing can ever happen again; {self._waiting()}")
        if timeout <= 0:
            self._idle_rounds += 1
            if self._idle_rounds > self._idle_rounds_max:
                raise Livelock(f"{self._idle_rounds} rounds without time advancing; {self._waiting()}")
            return []
        target_ns = self.now_ns + math.ceil(timeout * 1e9)
        if target_ns > self.limit_ns:
            raise TimeLimit(f"nothing left to do within {self.limit_ns / 1e9:g} s; {self._waiting()}")
        self._idle_rounds = 0
        self.now_ns = target_ns
        return []

    def _waiting(self) -> str:
        tasks = sorted(asyncio.all_tasks(self._loop), key=lambda task: task.get_name())
        lines = [f"  {task.get_name()} at {_where(task)}" for task in tasks]
        return "\n".join([f"at {self.now_ns / 1e9:g} s, {len(tasks)} tasks wait:", *lines])


def _where(task: asyncio.Task[Any]) -> str:
    """The innermost line of our own code a suspended task stands on."""
    frame = None
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or frame
        awaited = getattr(awaited, "cr_await", None)
    return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})" if frame else repr(task)


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop whose `time()` starts at zero and costs nothing; `wall_ns()` is the calendar that goes with it."""

    def __init__(
        self,
        *,
        seed: int = 0,
        start_ns: int = START_NS,
        limit_s: float = LIMIT_S,
        idle_rounds_max: int = IDLE_ROUNDS_MAX,
    ) -> None:
        super().__init__()
        self.start_ns = start_ns
        self.network = Network(self, seed)
        self.unhandled: list[dict[str, Any]] = []
        self._selector = _Clock(self, limit_s, idle_rounds_max)
        self.set_exception_handler(lambda _loop, context: self.unhandled.append(context))

    def time(self) -> float:
        return self._selector.now_ns / 1e9

    def wall_ns(self) -> int:
        """Nanoseconds since 1970 in UTC, as the simulated world has it."""
        return self.start_ns + self._selector.now_ns

    def allow_s(self, more_s: float) -> None:
        """Let the run go on for `more_s` from now, whatever the limit was."""
        self._selector.limit_ns = self._selector.now_ns + int(more_s * 1e9)

    def stall(self, seconds: float) -> None:
        """Time passes and nothing runs: as if the caller had hung for so long."""
        self._selector.now_ns += int(seconds * 1e9)

    def raise_unhandled(self) -> None:
        """Raise when a callback or a forgotten task has failed since the loop began."""
        if self.unhandled:
            first = self.unhandled[0]
            text = f"{len(self.unhandled)} unhandled, the first: {first.get('message')} {first.get('exception')!r}"
            raise UnhandledError(text) from first.get("exception")

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        return await self.network.connect(*args, **kwargs)

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        return self.network.listen(*args, **kwargs)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run `func` here, in its turn: threads would make the run depend on the machine."""

        async def job() -> T:
            return func(*args)

        return self.create_task(job())

    async def getaddrinfo(self, host: Any, port: Any, **_options: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(host), int(port or 0)))]

    # The base class calls these two; there is no selector to wake and no event to process.
    def _write_to_self(self) -> None: ...

    def _process_events(self, events: list[object]) -> None: ...


def current_loop() -> VirtualLoop:
    """The running virtual loop; an error on any other loop."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError(f"this needs a VirtualLoop, the running loop is {type(loop).__name__}")
    return loop


def run(
    main: Coroutine[Any, Any, T] | Callable[[VirtualLoop], Coroutine[Any, Any, T]],
    *,
    seed: int = 0,
    start_ns: int = START_NS,
    limit_s: float = LIMIT_S,
    strict: bool = True,
) -> T:
    """Run `main` (a coroutine, or a function that makes one from the loop) to its end in virtual time.

    `strict`: a callback or forgotten task that failed makes the run fail, even when `main` returned.
    """
    loop = VirtualLoop(seed=seed, start_ns=start_ns, limit_s=limit_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            result = runner.run(main if isinstance(main, Coroutine) else main(loop))
        finally:
            loop.allow_s(_CLEAN_UP_S)
    if strict:
        loop.raise_unhandled()
    return result


async def settle(turns: int = 20) -> None:
    """Let everything that is ready now run, without letting time pass."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], *, step_s: float = 0.01, limit_s: float = 600.0) -> None:
    """Wait in virtual time until `condition()` holds; TimeoutError after `limit_s`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    while not condition():
        if loop.time() >= deadline:
            raise TimeoutError(f"not so within {limit_s:g} s")
        await asyncio.sleep(step_s)
