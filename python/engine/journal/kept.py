"""What became of records that are never refused: where they are now."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.journal.events import Record
from engine.journal.overdue import HELD
from engine.journal.trouble import Trouble


class Kept(msgspec.Struct, frozen=True):
    """Where the records are: in the journal, in a file that is taken in later, or (both None) in this program's memory.
    `alarmed`: every program of the machine is halted because a stop among them could not be written down.
    `name`: by which they are known to have been taken in; empty where they are nowhere, not even in memory.
    """

    records: tuple[Record, ...] | None
    spooled: Path | None = None
    trouble: Trouble | None = None
    name: str = ""
    alarmed: bool = False

    @property
    def whereabouts(self) -> str:
        """Where what is not in the journal waits, for a person."""
        if self.spooled is not None:
            return f"it waits in {self.spooled} and is taken in then"
        return HELD if self.name else "it is nowhere: this program holds all that it has room for"
