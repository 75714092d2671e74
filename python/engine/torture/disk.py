"""The disk of a simulated machine: a journal that is watched, so that what was acknowledged is known.

In memory, or in the product's own file, in memory too where the machine has such a place. It fails as `Memory` says, in
either. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine.journal.chain import Draft, Sealed
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.sqlite_store import SqliteStore
from engine.journal.store import Store
from engine.journal.trouble import JournalError, Trouble

Told = Callable[[tuple[Sealed, ...]], None]


class Acknowledged(msgspec.Struct, frozen=True):
    """An append that a program was told is durable. `at_s` is the loop's time."""

    at_s: float
    who: str
    records: tuple[Sealed, ...]


class _InMemory(MemoryStore):
    """One program's view of the disk."""

    def __init__(self, memory: Memory, told: Told) -> None:
        super().__init__(memory)
        self._told = told

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        sealed = super().append(drafts, expected_seq=expected_seq)
        self._told(sealed)
        return sealed


class _InFile(SqliteStore):
    """The same of the real file."""

    def __init__(self, folder: Path, failing: Memory, told: Told) -> None:
        super().__init__(folder)
        self._failing, self._told = failing, told

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        code = self._failing.fails
        if code is None:
            sealed = super().append(drafts, expected_seq=expected_seq)
            self._told(sealed)
            return sealed
        if self._failing.torn:
            super().append(drafts, expected_seq=expected_seq)
        raise JournalError(Trouble(code, f"the simulated disk fails ({code.value})"))


class Disk:
    """One for each run. `folder`: where the file is; None: there is none. `state` says how it fails."""

    def __init__(self, folder: Path | None) -> None:
        self.state = Memory()
        self._folder = folder
        self._files: list[SqliteStore] = []

    def store(self, told: Told) -> Store:
        """A program's view of it. `told` hears of every append that was acknowledged."""
        if self._folder is None:
            return _InMemory(self.state, told)
        self._files.append(_InFile(self._folder, self.state, told))
        return self._files[-1]

    def records(self) -> list[Sealed]:
        """All that is kept on it."""
        if self._folder is None:
            return list(self.state.records)
        store = SqliteStore(self._folder)
        try:
            return list(store.read())
        finally:
            store.close()

    def close(self) -> None:
        """Dead programs let go of nothing themselves."""
        for store in self._files:
            store.close()
