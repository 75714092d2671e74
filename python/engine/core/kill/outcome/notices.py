"""What a person has to know of TWS: said once, as it comes to light, and kept as a note of the report. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.facts import UnreadPosition
from engine.core.kill import events as ev
from engine.core.kill.commands import Command, Say
from engine.core.kill.settings import SECOND

READ_ONLY_NOTE = (
    "TWS refuses orders and cancels: its API is in read-only mode. In TWS: Configure > API > Settings, "
    "untick 'Read-Only API'."
)
OWN_NUMBERS_NOTE = (
    "TWS answers and named no order number (nextValidId) that can be one, though asked for it: the closing orders of "
    "this kill were numbered from its clock, above half a billion. Restart TWS before you trade on; if it still names "
    "none, reset its numbers: Configure > API > Settings > Reset API order ID sequence."
)


def in_words(row: UnreadPosition) -> str:
    what = row.symbol or (f"contract {row.con_id}" if row.con_id else "a contract that is not named")
    account = row.account or "an account that is not named"
    return f"a position could not be read, and is not closed by this kill: {what} in {account} ({row.why})"


@dataclass(slots=True)
class Notices:
    """`stray_ns`: how long a closing order that may yet arrive is not sent again."""

    stray_ns: int
    notes: list[str] = field(default_factory=list)
    _strays: bool = False
    _unread: set[UnreadPosition] = field(default_factory=set)

    def keep(self, note: str) -> bool:
        """For the report. True when it is news."""
        if note in self.notes:
            return False
        self.notes.append(note)
        return True

    def clock(self, note: str) -> list[Command]:
        """`note`: how TWS's clock differs; empty: it does not, or that was said."""
        return [Say("clock_differs", note)] if note and self.keep(note) else []

    def heard(self, event: ev.Event) -> list[Command]:
        """Read-only, for cancels and orders alike."""
        match event:
            case ev.CloseError(_, 321, text) | ev.Notice(321, text) if "read-only" in text.lower():
                return [Say("read_only", READ_ONLY_NOTE)] if self.keep(READ_ONLY_NOTE) else []
            case _:
                return []

    def unread(self, rows: tuple[UnreadPosition, ...]) -> list[Command]:
        """Positions that could not be read, each once."""
        new = [row for row in rows if row not in self._unread]
        self._unread.update(new)
        return [Say("position_unread", in_words(row)) for row in new]

    def strays(self, *, any_left: bool) -> list[Command]:
        """Said as it begins, and as it is over."""
        before, self._strays = self._strays, any_left
        if any_left and not before:
            text = "closing orders may yet arrive over a connection that fell silent"
            wait_s = self.stray_ns // SECOND
            return [Say("stray", f"{text}: not sent again for {wait_s} s, unless TWS ends that connection")]
        if before and not any_left:
            return [Say("stray_over", "what became of the closing orders on the silent connection is certain now")]
        return []
