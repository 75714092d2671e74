"""Moves an exchange through time: wakes exactly when something may happen next, and hands on what happened.

Events of one command are published before those of the next, even when a listener gives a new command in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from engine.simulator.clock import SimClock
from engine.simulator.exchange import Event, Exchange

Command = Callable[[int], list[Event]]

REST_NS = 1_000_000  # never wake more often than this, whatever the exchange says


class Driver:
    """One exchange on one clock."""

    def __init__(self, exchange: Exchange, clock: SimClock, publish: Callable[[Event], None]) -> None:
        self.exchange = exchange
        self.clock = clock
        self._publish = publish
        self._pending: deque[Event] = deque()
        self._publishing = False
        self._timer: asyncio.TimerHandle | None = None
        self._running = False

    def start(self) -> None:
        self._running = True
        self.do(self.exchange.advance)

    def stop(self) -> None:
        self._running = False
        if self._timer is not None:
            self._timer.cancel()

    def now_ns(self) -> int:
        """The clock's time, but never before what the exchange has already seen."""
        return max(self.clock.now_ns(), self.exchange.now_ns)

    def do(self, command: Command) -> list[Event]:
        """Give the exchange a command now, publish what follows, and set the alarm for what comes next."""
        events = command(self.now_ns())
        self._pending.extend(events)
        self._drain()
        self._set_alarm()
        return events

    def _drain(self) -> None:
        if self._publishing:  # a listener gave this command: its events come after those being told
            return
        self._publishing = True
        try:
            while self._pending:
                self._publish(self._pending.popleft())
        finally:
            self._publishing = False

    def _set_alarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        next_ns = self.exchange.next_event_ns()
        if self._running and next_ns is not None:
            self._timer = self.clock.call_at_ns(max(next_ns, self.now_ns() + REST_NS), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.do(self.exchange.advance)
