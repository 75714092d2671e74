"""The time of one login's exchange, and its news in the order in which they came about. Decides nothing."""

from __future__ import annotations

from engine.simulator.exchange.events import Event


class Tape:
    """Whoever makes something happen writes it here; the exchange hands it out after each command."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self._events: list[Event] = []

    def add(self, *events: Event) -> None:
        self._events += events

    def take(self) -> list[Event]:
        """Everything since the last time."""
        events, self._events = self._events, []
        return events
