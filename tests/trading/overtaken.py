"""A store in which somebody else is faster: for records that are decided on what the journal says."""

from __future__ import annotations

from collections.abc import Sequence

from engine.journal.chain import Draft, Sealed
from engine.journal.events import AnyEvent
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore


class Overtaken(MemoryStore):
    """Between the look and the first record that depends on it somebody else appends."""

    def __init__(self, memory: Memory, other: Journal, *events: AnyEvent) -> None:
        super().__init__(memory)
        self._other = other
        self._events = events

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        if expected_seq is not None and self._events:
            events, self._events = self._events, ()
            self._other.append(*events)
        return super().append(drafts, expected_seq=expected_seq)
