"""The disk of a simulated machine: a journal in memory that is watched, so that what was acknowledged is known.

It fails as `engine.journal.memory_store` can. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from engine.journal.chain import Draft, Sealed
from engine.journal.memory_store import Memory, MemoryStore


class Acknowledged(msgspec.Struct, frozen=True):
    """An append that a program was told is durable. `at_s` is the loop's time."""

    at_s: float
    who: str
    records: tuple[Sealed, ...]


class WatchedStore(MemoryStore):
    """One program's view of the disk."""

    def __init__(self, memory: Memory, told: Callable[[tuple[Sealed, ...]], None]) -> None:
        super().__init__(memory)
        self._told = told

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        sealed = super().append(drafts, expected_seq=expected_seq)
        self._told(sealed)
        return sealed
