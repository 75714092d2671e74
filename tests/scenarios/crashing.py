"""A program that dies, as by SIGKILL, before a step of its own that the test chose; the world and the disk live on.

A step is whatever a program does between two awaits: each callback that its event loop runs for it. The dead program
runs nothing any more, not even a `finally`; what it had handed to the system arrives, its connections end and its locks
are let go, as the system does. Everything is in virtual time, so that the same step is the same moment on every run.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from engine.simulator.virtual import START_NS, VirtualLoop

T = TypeVar("T")
WORLD = "engine.simulator."
_program: ContextVar[Program | None] = ContextVar("program", default=None)


class Program:
    """One program on a loop that may end it. `steps` are counted from `count_from_here`."""

    def __init__(self, loop: CrashLoop, locks: Path) -> None:
        self.loop = loop
        self.ready = asyncio.Event()
        self._locks = locks
        self._dies_at: int | None = None
        self.steps = 0
        self.dead = False
        self.over: asyncio.Future[bool] = loop.create_future()  # True: it died; False: it came to its end
        self.transports: list[asyncio.BaseTransport] = []

    def start(self, work: Callable[[Program], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        context = Context()
        context.run(_program.set, self)
        task = self.loop.create_task(work(self), context=context)
        task.add_done_callback(self._ended, context=Context())
        return task

    def count_from_here(self, dies_at: int | None) -> None:
        """Die before that step; None: live, and count."""
        self.steps, self._dies_at = 0, dies_at

    def step(self, callback: Callable[..., object], *args: object) -> None:
        if self.dead:
            return
        self.steps += 1
        if self.steps == self._dies_at:
            self._die()
        else:
            callback(*args)

    def _ended(self, _task: asyncio.Task[T]) -> None:
        if not self.over.done():
            self._dies_at = None
            self.over.set_result(False)

    def _die(self) -> None:
        self.dead = True
        self.loop.graveyard += asyncio.all_tasks(self.loop)
        for transport in self.transports:
            Context().run(transport.abort)
        for fd in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):  # the one that lists them is closed again
                if fd.readlink().is_relative_to(self._locks):
                    fcntl.flock(int(fd.name), fcntl.LOCK_UN)
        self.over.set_result(True)


class _Ear(asyncio.Protocol):
    """A program's end of a connection: what arrives is a step of the program, whoever sent it."""

    def __init__(self, inner: asyncio.Protocol, context: Context, program: Program) -> None:
        self.inner = inner
        self._context = context
        self._program = program

    def _hear(self, callback: Callable[..., object], *args: object) -> None:
        self._context.copy().run(self._program.step, callback, *args)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._program.transports.append(transport)
        self._hear(self.inner.connection_made, transport)

    def data_received(self, data: bytes) -> None:
        self._hear(self.inner.data_received, data)

    def eof_received(self) -> None:
        self._hear(self.inner.eof_received)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hear(self.inner.connection_lost, exc)

    def pause_writing(self) -> None:
        self._hear(self.inner.pause_writing)

    def resume_writing(self) -> None:
        self._hear(self.inner.resume_writing)


class CrashLoop(VirtualLoop):
    """A virtual loop that knows whose step each callback is. What the simulator schedules is the world's."""

    def __init__(self, *, limit_s: float, start_ns: int) -> None:
        super().__init__(limit_s=limit_s, start_ns=start_ns)
        self.graveyard: list[asyncio.Task[Any]] = []  # collected earlier, their coroutines would run to their end

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        callback, context = _owned(callback, context)
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        callback, context = _owned(callback, context)
        return super().call_at(when, callback, *args, context=context)

    async def create_connection(self, factory: Any, *args: Any, **kwargs: Any) -> Any:
        program = _program.get()
        if program is None:
            return await super().create_connection(factory, *args, **kwargs)
        ear = partial(lambda context: _Ear(factory(), context, program), copy_context())
        transport, made = await super().create_connection(ear, *args, **kwargs)
        return transport, made.inner


def _owned(callback: Any, context: Context | None) -> tuple[Any, Context]:
    """The callback as its owner's step, in a context that says whose it is."""
    plain = callback
    while isinstance(plain, partial):
        plain = plain.func
    if (getattr(plain, "__module__", None) or "").startswith(WORLD):
        return callback, Context()
    context = context or copy_context()
    program = context.get(_program)
    return (callback if program is None else partial(program.step, callback)), context


def run_and_bury(main: Callable[[CrashLoop], Awaitable[T]], *, limit_s: float = 3600.0, start_ns: int = START_NS) -> T:
    """Run it; then bury what the dead have left, so that nothing of it runs later."""
    loop = CrashLoop(limit_s=limit_s, start_ns=start_ns)
    try:
        result = loop.run_until_complete(_awaiting(main, loop))
        loop.raise_unhandled()
        return result
    finally:
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with contextlib.suppress(RuntimeError):  # a clean-up that finds no loop
                task.get_coro().close()  # type: ignore[union-attr]
        loop.close()


async def _awaiting(main: Callable[[CrashLoop], Awaitable[T]], loop: CrashLoop) -> T:
    return await main(loop)


def at_every_step(run: Callable[[int | None], int], samples: int) -> int:
    """Run once to its end to count the steps, then once for each of them, or for so many spread over all.

    `run` takes the step to die at and returns how many there were. QE_EVERY_CALL=1 takes each.
    """
    total = run(None)
    stride = 1 if os.environ.get("QE_EVERY_CALL") else max(1, total // samples)
    for step in range(1, total + 1, stride):
        run(step)
    return total
