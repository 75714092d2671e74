"""Group commit: threads that append at the same time share one synchronisation of the disk.

Whoever comes while another append is under way waits in a line; the first of them then appends for all. An append that
depends on the state it was decided on goes by itself. Nobody's failure is another's: when a common append fails
everybody in it is told, for nothing of it was acknowledged.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.journal.chain import Draft, Sealed
from engine.journal.trouble import Code, JournalError, Trouble

TOGETHER_MAX = 256  # drafts in one commit, unless one append alone has more

Append = Callable[[Sequence[Draft]], tuple[Sealed, ...]]


@dataclass(slots=True, eq=False)
class _Waiting:
    drafts: Sequence[Draft]
    sealed: tuple[Sealed, ...] | None = None
    error: JournalError | None = None

    @property
    def served(self) -> bool:
        return self.sealed is not None or self.error is not None


@dataclass(slots=True, eq=False)
class Group:
    """The line in front of one store."""

    append: Append
    _line: list[_Waiting] = field(default_factory=list)
    _line_lock: threading.Lock = field(default_factory=threading.Lock)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, drafts: Sequence[Draft]) -> tuple[Sealed, ...]:
        """Append, alone or together with others. Raises JournalError."""
        if not self._line and self._turn.acquire(blocking=False):  # nobody to share with
            try:
                return self.append(drafts)
            finally:
                self._turn.release()
        mine = _Waiting(drafts)
        with self._line_lock:
            self._line.append(mine)
        with self._turn:
            while not mine.served:
                self._serve(self._next())
        if mine.error is not None:
            raise JournalError(mine.error.trouble) from mine.error
        assert mine.sealed is not None
        return mine.sealed

    def _next(self) -> list[_Waiting]:
        """Those at the head of the line that go together."""
        with self._line_lock:
            count = len(self._line[0].drafts)
            together = 1
            while together < len(self._line) and count + len(self._line[together].drafts) <= TOGETHER_MAX:
                count += len(self._line[together].drafts)
                together += 1
            taken, self._line = self._line[:together], self._line[together:]
        return taken

    def _serve(self, taken: list[_Waiting]) -> None:
        try:
            sealed = self.append([draft for one in taken for draft in one.drafts])
            at = 0
            for one in taken:
                one.sealed = sealed[at : at + len(one.drafts)]
                at += len(one.drafts)
        except JournalError as error:
            for one in taken:
                one.error = error
        finally:
            for one in taken:
                if not one.served:  # whoever appends for the others was interrupted
                    one.error = JournalError(Trouble(Code.FAILED, "an append was broken off"))
