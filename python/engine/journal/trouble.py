"""What can be wrong with the journal, in words: what happened, what state that leaves things in, what to do next.

Whatever it is, entries stop, and cancels, reducing orders and the kill go on; only a damaged archive stops nothing.
"""

from __future__ import annotations

from enum import Enum

import msgspec

ALARMED = "Every login on this machine is halted until it is resumed"
CONSEQUENCE = "no order that adds risk is sent; cancels, reducing orders and the kill go on"

NO_CONSEQUENCE = "orders go on: what is in force stands in the live file, which is another one"


class Code(Enum):
    """Stable: programs may rely on it."""

    FULL = "full"  # no room on the disk
    READ_ONLY = "read_only"
    NOT_ALLOWED = "not_allowed"  # another user's, or a folder without the right to write
    MISSING = "missing"  # it has existed, and is not there
    CORRUPT = "corrupt"  # the file is damaged
    CHAIN_BROKEN = "chain_broken"  # the file is sound, a record in it is not what was written
    SHORTENED = "shortened"  # it ends before a record that was acknowledged
    NEWER = "newer"  # written by a newer version, in words that this one does not know
    BUSY = "busy"  # another process holds it and does not let go
    ARCHIVE = "archive"  # an archived day is damaged; what is in force is in the live file
    FAILED = "failed"  # the disk or the system refused for another reason


_NEXT = {
    Code.FULL: "make room on the disk; it goes on by itself",
    Code.READ_ONLY: "make the disk writable again; it goes on by itself",
    Code.NOT_ALLOWED: "give this user the right to write there, or set QE_HOME to a folder of its own",
    Code.MISSING: "put the file back, or begin anew with: qe journal repair --reason TEXT",
    Code.CORRUPT: "restore the file, or keep what can be read with: qe journal repair --reason TEXT",
    Code.CHAIN_BROKEN: "look at it with: qe journal verify; then restore it, or: qe journal repair --reason TEXT",
    Code.SHORTENED: "restore the file, or go on from what is left with: qe journal repair --reason TEXT",
    Code.NEWER: "use the newer version of quant-engine on this machine for everything",
    Code.BUSY: "look at that process; end it if it hangs",
    Code.ARCHIVE: "restore that file from a copy, or move it elsewhere: the live file goes on without it",
    Code.FAILED: "look at the disk and the system's log",
}


class Trouble(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    code: Code
    what: str

    @property
    def next_step(self) -> str:
        return _NEXT[self.code]

    @property
    def short(self) -> str:
        """What it is, where the consequences and the next step are told beside it."""
        return f"the journal: {self.what}"

    @property
    def reason(self) -> str:
        """As the reason of a halt, which says itself what it stops."""
        return f"{self.short}. To do: {self.next_step}"

    def __str__(self) -> str:
        now = NO_CONSEQUENCE if self.code is Code.ARCHIVE else CONSEQUENCE
        return f"{self.short}. Now {now}. To do: {self.next_step}"


class JournalError(Exception):
    """The journal cannot be read or written. Nothing that was asked for has been acknowledged."""

    def __init__(self, trouble: Trouble, *, alarmed: bool = False) -> None:
        super().__init__(str(trouble) + (f". {ALARMED}" if alarmed else ""))
        self.trouble = trouble
        self.alarmed = alarmed


class Conflict(Exception):
    """Somebody else has appended since: nothing was written. Look at the state again, then decide again."""

    def __init__(self, expected_seq: int, last_seq: int) -> None:
        super().__init__(f"expected record {expected_seq} to be the last, but it is {last_seq}: nothing was written")
        self.expected_seq = expected_seq
        self.last_seq = last_seq
