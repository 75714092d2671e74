"""The port to what keeps the journal. The rest knows nothing of files, databases or locks.

Every method may raise JournalError, and then nothing has been acknowledged. What `append` returned is durable, and
every `mark` taken after that, in any process, is another one than before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from engine.journal.chain import Draft, Sealed, Tip


class Alarm(msgspec.Struct, frozen=True):
    """Something that stops could not be made durable: every login is halted until a person resumes it.

    `number` is drawn by lot and not 0: a clock may show the same time twice, and what was lifted stays lifted.
    """

    number: int
    at_ns: int
    text: str

    @property
    def id(self) -> str:
        """The id of the restriction that it stands for."""
        return f"alarm-{self.number:016x}"


class Store(Protocol):
    """An append-only sequence of sealed records, shared by the processes of one machine."""

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        """Seal and keep, all or none; durable when it returns. Raises Conflict if `expected_seq` is not the last."""

    def read(self, after_seq: int = 0) -> Iterator[Sealed]:
        """The records behind a number, in order, as of now. Nothing is verified here."""

    def start(self) -> Tip:
        """Where a reader may begin: behind it comes the newest snapshot, or everything there is (`START`)."""

    def mark(self) -> bytes | None:
        """Something that is the same as long as nothing was appended and no alarm raised. Takes microseconds.

        None: it cannot be told right now, so look.
        """

    def alarm(self) -> Alarm | None:
        """The alarm that was raised last, whether it was lifted since or not."""

    def raise_alarm(self, alarm: Alarm) -> bool:
        """Tell every process on the machine, without needing any room on the disk. False: it could not be told."""

    def flaw(self) -> str | None:
        """What is not as it should be without anything being lost or stopped by it; the next append mends it."""

    def tidy(self) -> None:
        """Work that no append should wait for, if it is time for any. Waits for nobody, and never raises."""

    def generation(self) -> int:
        """Another number: the journal was replaced, and what was read before may not be in it."""

    def close(self) -> None:
        """Let go of everything. Closing twice is no mistake."""
