"""Ctrl-C in a program that waits for its kill: the first one stops nothing, the second stops the kill with a report.

A frightened person presses Ctrl-C to make sure. Left to asyncio, the first would cancel whoever waits for the report,
so that nobody would see one, and the second would tear the kill down in the middle. A program that takes the signal
itself keeps it: only Python's own handling is replaced, and only while a kill is waited for. It must never raise.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.voice import ERR, shared_voice

SAME_PRESS_S = 0.3  # a nervous hand makes two of one press

GOES_ON = """\
The kill goes on, and its report comes. Press Ctrl-C again to stop it: closing
orders that were sent stay at the broker and may still fill."""
STOPPED = "STOPPED BY YOU, NOT VERIFIED FLAT. What is known is in the report."


class Interrupts:
    """Of one process: it has one SIGINT, and may wait for several kills."""

    def __init__(self) -> None:
        self._giving_up: list[Callable[[], None]] = []
        self._before: object = None
        self._first: float | None = None

    @contextmanager
    def taken(self, give_up: Callable[[], None]) -> Iterator[None]:
        """While this lasts. `give_up` is called on the running loop."""
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(give_up)

        if not self._giving_up and not self._take():
            yield
            return
        self._giving_up.append(end)
        try:
            yield
        finally:
            self._giving_up.remove(end)
            if not self._giving_up:
                self._give_back()

    def _take(self) -> bool:
        if threading.current_thread() is not threading.main_thread():
            return False
        before = signal.getsignal(signal.SIGINT)
        if not _is_pythons_own(before):
            return False
        self._before, self._first = before, None
        signal.signal(signal.SIGINT, self._pressed)
        return True

    def _give_back(self) -> None:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) == self._pressed:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # as it was found

    def _pressed(self, _number: int, _frame: object) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            shared_voice().say(f"\n{GOES_ON}", ERR)
        elif now - self._first > SAME_PRESS_S:
            shared_voice().say(f"\n{STOPPED}", ERR)
            self._give_back()  # the next one is Python's again
            for end in tuple(self._giving_up):
                end()


def _is_pythons_own(handler: object) -> bool:
    """What Python has before anybody asks for anything else, alone or under asyncio.run."""
    owner = getattr(getattr(handler, "func", None), "__self__", None)
    return handler is signal.default_int_handler or isinstance(owner, asyncio.Runner)


INTERRUPTS = Interrupts()
