"""Programs on one virtual loop that may be ended as by SIGKILL, or stopped as by SIGSTOP, before any step of theirs.

A step is whatever a program does between two awaits: each callback that its event loop runs for it. A dead program
runs nothing any more, not even a `finally`; what it had handed to the system arrives, its connections and listeners
end and its locks are let go, as the system does. A stopped one does all that has come up meanwhile, in order, when it
goes on. Everything is in virtual time, so that the same step is the same moment on every run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, cast

from engine.broker import closer_lock
from engine.simulator.virtual import START_NS, VirtualLoop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
WORLD = "engine.simulator."
_program: ContextVar[Program | None] = ContextVar("program", default=None)


class Program:
    """One program on a loop that may end it. `steps` are counted from `count_from_here`. `locks` is a folder that no
    other program of the loop names in the same way: it is told by that name whose locks are whose.
    """

    def __init__(self, loop: ProgramLoop, locks: Path, name: str = "program") -> None:
        self.loop = loop
        self.name = name
        self.locks = locks
        self._dies_at: int | None = None
        self.steps = 0
        self.dead = False
        self.stopped = False
        self.ready = asyncio.Event()  # for its own use
        self.over: asyncio.Future[bool] = loop.create_future()  # True: it died; False: it came to its end
        self.transports: list[asyncio.Transport] = []
        self.listeners: list[asyncio.AbstractServer] = []
        self._undone: deque[tuple[Context, Callable[..., object], tuple[object, ...]]] = deque()

    def start(self, work: Callable[[Program], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        task = self.also(work(self))
        task.add_done_callback(self._ended, context=Context())
        return task

    def also(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """One more task of the program's."""
        context = Context()
        context.run(_program.set, self)
        return self.loop.create_task(work, context=context)

    def count_from_here(self, dies_at: int | None) -> None:
        """Die before that step; None: live, and count."""
        self.steps, self._dies_at = 0, dies_at

    def stop(self) -> None:
        """SIGSTOP: it does nothing until it goes on."""
        self.stopped = True

    def go_on(self) -> None:
        """SIGCONT. First comes what has come up meanwhile."""
        asyncio.BaseEventLoop.call_soon(self.loop, self._catch_up, context=Context())

    def _catch_up(self) -> None:
        self.stopped = False
        while self._undone and not self.stopped and not self.dead:
            context, callback, args = self._undone.popleft()
            context.run(self.step, callback, *args)

    def step(self, callback: Callable[..., object], *args: object) -> None:
        if self.dead:
            return
        if self.stopped:
            self._undone.append((copy_context(), callback, args))
            return
        self.steps += 1
        if self.steps == self._dies_at:
            self.die()
        else:
            callback(*args)

    def _ended(self, _task: asyncio.Task[T]) -> None:
        if not self.over.done():
            self._dies_at = None
            self.over.set_result(False)

    def die(self) -> None:
        """SIGKILL, now. Not from within a step of its own."""
        if self.dead:
            return
        self.dead = True
        self.loop.graveyard += asyncio.all_tasks(self.loop)  # first: what is undone may be all that holds a task
        self._undone.clear()
        for listener in self.listeners:
            listener.close()
        for transport in self.transports:
            Context().run(transport.abort)
        for lock in tuple(closer_lock._HELD):
            if lock._directory == self.locks:
                lock._inside = 0  # nobody is: between two steps
                lock.release()
        if not self.over.done():
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
        end = cast(asyncio.Transport, transport)
        if self._program.dead:
            Context().run(end.abort)  # it died while it was connecting
            return
        self._program.transports.append(end)
        self._hear(self.inner.connection_made, transport)

    def data_received(self, data: bytes) -> None:
        self._hear(self.inner.data_received, data)

    def eof_received(self) -> None:
        self._hear(self.inner.eof_received)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hear(self.inner.connection_lost, exc)

    # these two come from within a write of its own: they are no step of theirs
    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self._hear(self.inner.resume_writing)


class ProgramLoop(VirtualLoop):
    """A virtual loop that knows whose step each callback is. What the simulator schedules is the world's."""

    def __init__(self, *, limit_s: float, start_ns: int, seed: int = 0) -> None:
        super().__init__(limit_s=limit_s, start_ns=start_ns, seed=seed)
        self.graveyard: list[asyncio.Task[Any]] = []  # collected earlier, their coroutines would run to their end
        self.work_s = 0.0  # what a program's work beside the loop takes: its disk is slow
        self._worldly: dict[str | None, bool] = {}

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        step, context = self._owned(callback, context)
        return super().call_soon(step, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        step, context = self._owned(callback, context)
        return super().call_at(when, step, *args, context=context)

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        program = _program.get()
        if program is None:
            return await super().create_connection(*args, **kwargs)
        transport, made = await super().create_connection(_ear(args[0], program), *args[1:], **kwargs)
        return transport, made.inner

    async def create_server(self, *args: Any, **kwargs: Any) -> Any:
        program = _program.get()
        if program is None:
            return await super().create_server(*args, **kwargs)
        listener = await super().create_server(_ear(args[0], program), *args[1:], **kwargs)
        program.listeners.append(listener)
        return listener

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        if not self.work_s:
            return super().run_in_executor(executor, func, *args)

        async def job() -> T:
            await asyncio.sleep(self.work_s)
            return func(*args)

        return self.create_task(job())

    def _owned(self, callback: Any, context: Context | None) -> tuple[Any, Context]:
        """The callback as its owner's step, in a context that says whose it is."""
        plain = callback
        while type(plain) is partial:
            plain = plain.func
        module = getattr(plain, "__module__", None)
        worldly = self._worldly.get(module)
        if worldly is None:
            worldly = self._worldly[module] = (module or "").startswith(WORLD)
        if worldly:
            return callback, Context()
        context = copy_context() if context is None else context  # an empty one is false, and is meant
        program = context.get(_program)
        return (callback if program is None else partial(program.step, callback)), context


def _ear(factory: Any, program: Program) -> Callable[[], _Ear]:
    context = copy_context()
    return lambda: _Ear(factory(), context, program)


def run_and_bury(
    main: Callable[[ProgramLoop], Awaitable[T]],
    *,
    limit_s: float = 3600.0,
    start_ns: int = START_NS,
    seed: int = 0,
    strict: bool = True,
) -> T:
    """Run it; then bury what the dead have left, so that nothing of it runs later. `strict`: a callback or a forgotten
    task that failed makes the run fail.
    """
    loop = ProgramLoop(limit_s=limit_s, start_ns=start_ns, seed=seed)
    try:
        result = loop.run_until_complete(_awaiting(main, loop))
        if strict:
            loop.raise_unhandled()
        return result
    finally:
        for task in asyncio.all_tasks(loop):
            buried = cast(Any, task)
            buried._log_destroy_pending = False
            with contextlib.suppress(RuntimeError):  # a clean-up that finds no loop
                buried.get_coro().close()
        loop.close()


async def _awaiting(main: Callable[[ProgramLoop], Awaitable[T]], loop: ProgramLoop) -> T:
    return await main(loop)
