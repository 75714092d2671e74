"""Sections of the incident log that a program adds: at once, or later where the page cannot be written now. One that is
not on the page waits beside the journal, and where that cannot be written either, in this program's memory. Never
raises.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.journal import incident_log, late_sections
from engine.journal.late_sections import Held
from engine.journal.overdue import HELD, Overdue
from engine.journal.spool import Spool


class Sections:
    """Of one journal, in one program. `clock`: nanoseconds since 1970."""

    def __init__(self, spool: Spool | None, overdue: Overdue, clock: Callable[[], int]) -> None:
        self._spool = spool
        self._overdue = overdue
        self._clock = clock

    def add(self, page: Path, text: str) -> str | None:
        """Add it, or have it added later. None, or why not now, and where it waits."""
        missed = incident_log.append(page, text)
        if missed is None:
            return missed
        waits = self._beside(page, text)
        if waits is not None:
            return f"{missed}; the section waits in {waits} and is added when it can be"
        return f"{missed}; the section: {HELD}" if self._overdue.hold_section(page, text) else missed

    def kept(self, page: Path, text: str) -> bool:
        """One that this program holds is on the page now, or beside the journal."""
        return incident_log.append(page, text) is None or self._beside(page, text) is not None

    def hold(self, page: Path, text: str) -> Held | None:
        """Have it added when this program dies before it takes it back. None: that cannot be arranged."""
        return None if self._spool is None else late_sections.hold(self._spool, page, text, self._clock())

    def _beside(self, page: Path, text: str) -> Path | None:
        return None if self._spool is None else late_sections.keep(self._spool, page, text, self._clock())
