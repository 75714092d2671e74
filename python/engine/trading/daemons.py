"""Threads for writing to a disk, which may hang for ever: none of them keeps a program from ending."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeAlias, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Work: TypeAlias = Callable[[], Callable[[], None]]
"""Does it, and returns what tells the outcome."""

IDLE_S = 30.0


class Daemons(Executor):
    """A thread for each piece of work at a time. One that has nothing to do waits for the next a while: a journal keeps
    a connection for each thread, and making one takes longer than writing.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[Work]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def work() -> Callable[[], None]:
            if not future.set_running_or_notify_cancel():
                return _nothing  # nobody waits for it any more, and it was not begun
            try:
                result = fn(*args, **kwargs)
            except BaseException as fault:  # handed on to whoever waits for the future
                caught = fault
                return lambda: future.set_exception(caught)
            return lambda: future.set_result(result)

        with self._lock:
            inbox = self._idle.pop() if self._idle else None
            if inbox is not None:
                inbox.put(work)
        if inbox is None:
            inbox = queue.SimpleQueue()
            inbox.put(work)
            threading.Thread(target=self._run, args=(inbox,), name="records", daemon=True).start()
        return future

    def _run(self, inbox: queue.SimpleQueue[Work]) -> None:
        while True:
            try:
                work = inbox.get(timeout=IDLE_S)
            except queue.Empty:
                with self._lock:
                    if inbox in self._idle:  # else something has just been put into it
                        self._idle.remove(inbox)
                        return
                continue
            tell = work()
            with self._lock:
                self._idle.append(inbox)  # before it tells: who hears of it may have the next piece at once
            tell()
            del work, tell


def _nothing() -> None:
    """There is nobody to tell."""
