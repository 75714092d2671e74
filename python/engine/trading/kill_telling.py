"""Tells of a kill that a program waits for and does not listen to itself: on standard error, as it happens.

A terminal gets every step. What is not a terminal belongs to the program, and hears only what a person has to do while
TWS does not let the kill in, and for how long it is still waited. Nobody waits for whoever should read it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from engine.core.kill.report import TimelineEntry
from engine.trading.hand_needed import HandNeeded
from engine.trading.kill_switch import OnStep
from engine.trading.timeline import on_terminal
from engine.voice import ERR, shared_voice

LOOK_EVERY_S = 0.5


@contextmanager
def told(places: Mapping[str, str], deadline_s: float) -> Iterator[OnStep | None]:
    """While this lasts. `places`: where the TWS of each login is.

    It gives what is to hear every step; None: there is nobody to tell."""
    if not _is_there():
        yield None
        return
    telling = Telling(places, deadline_s, lambda text: shared_voice().say(text, ERR), on_terminal(places))
    try:
        yield telling.heard
    finally:
        telling.end()


class Telling:
    """From the press, which is now. `on_step` tells every step; None: only what a person has to do is told."""

    def __init__(
        self, places: Mapping[str, str], deadline_s: float, say: Callable[[str], None], on_step: OnStep | None
    ) -> None:
        self._needed = HandNeeded(places, deadline_s)
        self._say = say
        self._on_step = on_step
        self._loop = asyncio.get_running_loop()
        self._began = self._said = self._loop.time()
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)

    def heard(self, name: str, step: TimelineEntry) -> None:
        """A step of a login."""
        self._needed.heard(name, step)
        if self._on_step is not None:
            self._said = self._loop.time()
            self._on_step(name, step)

    def end(self) -> None:
        """The report is there, or nobody waits for it any more."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        text = self._needed.words(now - self._began)
        if not text and (self._on_step is not None or self._needed.waits):
            text = self._needed.quiet_words(now - self._began, now - self._said)
        if text:
            self._said = now
            self._say(text)
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)


def _is_there() -> bool:
    """Standard error is what it was when the program began: not closed, and not in the hands of something else."""
    try:
        return sys.stderr is not None and sys.stderr.fileno() == ERR
    except (OSError, ValueError):
        return False
