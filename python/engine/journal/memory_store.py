"""The journal in memory, for simulations and tests: deterministic, and able to fail in every way a disk can.

`Memory` is the disk and may be shared by several stores, as one file is by several processes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from engine.journal.chain import SNAPSHOT, START, Draft, Sealed, Tip, seal_all, tip_of
from engine.journal.store import Alarm
from engine.journal.trouble import Code, Conflict, JournalError, Trouble


class Memory:
    """What the stores share. Set `fails` and every append fails so; with `torn` what failed is kept all the same, as it
    may be after a crash, without being acknowledged. After `appends_left` appends the failure `fails_then` sets in.
    """

    def __init__(self) -> None:
        self.records: list[Sealed] = []
        self.fails: Code | None = None
        self.fails_then: Code | None = None
        self.appends_left: int | None = None
        self.torn = False
        self.unreadable: Code | None = None
        self.alarm: Alarm | None = None
        self.alarm_fails = False
        self.changes = 0
        self.generation = 0
        self.turn = threading.Lock()  # one writer at a time, as on a disk

    def tip(self) -> Tip:
        return tip_of(self.records[-1]) if self.records else START


class MemoryStore:
    """One process's view of a `Memory`."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory if memory is not None else Memory()
        self.reads = 0

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        with self.memory.turn:
            return self._append(drafts, expected_seq)

    def _append(self, drafts: Sequence[Draft], expected_seq: int | None) -> tuple[Sealed, ...]:
        memory = self.memory
        tip = memory.tip()
        if expected_seq is not None and expected_seq != tip.seq:
            raise Conflict(expected_seq, tip.seq)
        sealed = seal_all(tip, drafts)
        self._count_down()
        if memory.fails is not None:
            if memory.torn:
                memory.records += sealed
                memory.changes += 1
            raise _error(memory.fails)
        memory.records += sealed
        memory.changes += 1
        return sealed

    def read(self, after_seq: int = 0) -> Iterator[Sealed]:
        if self.memory.unreadable is not None:
            raise _error(self.memory.unreadable)
        self.reads += 1
        return iter([one for one in self.memory.records if one.seq > after_seq])

    def start(self) -> Tip:
        if self.memory.unreadable is not None:
            raise _error(self.memory.unreadable)
        newest = max((one.seq for one in self.memory.records if one.body.startswith(SNAPSHOT)), default=1)
        return tip_of(self.memory.records[newest - 2]) if newest > 1 else START

    def mark(self) -> bytes | None:
        return None if self.memory.unreadable is not None else self.memory.changes.to_bytes(8, "big")

    def alarm(self) -> Alarm | None:
        return self.memory.alarm

    def raise_alarm(self, alarm: Alarm) -> bool:
        if self.memory.alarm_fails:
            return False
        self.memory.alarm = alarm
        self.memory.changes += 1
        return True

    def flaw(self) -> str | None:
        return None

    def tidy(self) -> None:
        """There is nothing to do."""

    def generation(self) -> int:
        return self.memory.generation

    def close(self) -> None:
        """There is nothing to let go of."""

    def _count_down(self) -> None:
        memory = self.memory
        if memory.appends_left is None:
            return
        if memory.appends_left == 0:
            memory.fails = memory.fails_then
        else:
            memory.appends_left -= 1


def _error(code: Code) -> JournalError:
    return JournalError(Trouble(code, f"the simulated disk fails ({code.value})"))
