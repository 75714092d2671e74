"""Threads for writing to a disk, which may hang for ever: none of them keeps a program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Daemons(Executor):
    """A thread for each piece of work."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return  # nobody waits for it any more, and it was not begun
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as fault:  # handed on to whoever waits for the future
                future.set_exception(fault)

        threading.Thread(target=run, name="records", daemon=True).start()
        return future
