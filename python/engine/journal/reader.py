"""The records as far as one process has read them: its books, and what was appended behind those. Not for two threads
at once. Nothing here writes, and what does not follow what was read before is never folded. Where the file is another
one, what was read before has to be in it: else a halt is forgotten with the folder that somebody has removed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.journal import chain
from engine.journal.books import Books
from engine.journal.chain import Break, Sealed
from engine.journal.events import Record, Repaired, Snapshot
from engine.journal.fold import apply
from engine.journal.store import Store
from engine.journal.trouble import Code, JournalError, Trouble


class Reader:
    """Of one store."""

    def __init__(self, store: Store) -> None:
        self.books = Books()
        self._store = store
        self._ahead: list[tuple[Sealed, Sequence[Record]]] = []  # our own appends, each with its first record as sealed
        self._generation = -1
        self._known = chain.START  # the last record that was read or written here when the file became another one
        self._met = True  # it is in the file that there is now, or a person has begun that one anew
        self._repairs: set[bytes] = set()
        self._followers: list[Callable[[Record], None]] = []

    @property
    def known_seq(self) -> int:
        """The last record that is known of here, folded or not."""
        return self._ahead[-1][1][-1].seq if self._ahead else self.books.seq

    def follow(self, follower: Callable[[Record], None]) -> None:
        """Call it with each record that is folded from now on, and at once with the orders that have no end yet."""
        for record in self.books.orders_open.values():
            follower(record)
        self._followers.append(follower)

    def take_up(self, sealed: Sequence[Sealed], records: Sequence[Record]) -> None:
        """Keep this process's own records for the next look, which then need not read them again."""
        if sealed and self._generation >= 0:
            self._ahead.append((sealed[0], records))

    def _tip(self) -> chain.Tip:
        return chain.Tip(self.books.seq, self.books.digest)

    def read_on(self) -> Books:
        """Fold what comes behind the last record known, or begin anew if that is not in the file any more. Raises
        JournalError.
        """
        generation = self._store.generation()
        if self._generation != generation:
            self._begin_anew(generation)
        ahead, self._ahead = self._ahead, []
        for first, records in ahead:
            if chain.fault(self._tip(), first) is not None:
                break  # somebody else's records come before it
            for record in records:
                self._fold(record)
        bad = self._fold_on()
        if bad is not None and 0 < self.books.seq < self._store.start().seq:
            self.books = Books()  # what comes next was archived meanwhile; the snapshot knows it
            bad = self._fold_on()
        if bad is not None:
            raise JournalError(Trouble(Code.CHAIN_BROKEN, bad.what))
        if not self._met:
            self._look_for_known()
        return self.books

    def _begin_anew(self, generation: int) -> None:
        if self._met:
            last = self._ahead[-1][1][-1] if self._ahead else self.books
            self._known = chain.Tip(last.seq, last.digest)
            self._met = not self._known.seq
        self.books, self._generation, self._ahead = Books(), generation, []

    def _look_for_known(self) -> None:
        """It may be in the archive by now. Raises JournalError."""
        known, start = self._known, self._store.start()
        self._met = start.seq > known.seq or start == known
        if not self._met:
            self._generation = -1  # looked for anew each time
            what = f"record {known.seq}, which was there, is not in it any more: another file has taken its place"
            raise JournalError(Trouble(Code.SHORTENED, what))

    def _fold_on(self) -> Break | None:
        books = self.books
        tip = self._tip() if books.seq else self._store.start()
        for one in self._store.read(tip.seq):
            bad = chain.fault(tip, one)
            if bad is not None:
                return bad
            record = chain.opened(one)
            if books.seq == 0 and tip.seq > 0 and not isinstance(record.event, Snapshot):
                raise JournalError(Trouble(Code.CORRUPT, f"record {one.seq} should be a snapshot, and is none"))
            tip = chain.tip_of(one)
            books = self._fold(record)
        return None

    def _fold(self, record: Record) -> Books:
        beginning = self.books.seq == 0
        self.books = apply(self.books, record)
        self._recognise(record)
        restored = self.books.orders_open.values() if beginning and isinstance(record.event, Snapshot) else ()
        for follower in self._followers:
            for one in (*restored, record):
                follower(one)
        return self.books

    def _recognise(self, record: Record) -> None:
        """What was known is there; or a person has begun it anew (`engine.journal.repair`), which halts everybody."""
        if (record.seq, record.digest) == (self._known.seq, self._known.digest):
            self._met = True
        if isinstance(record.event, Repaired) and record.event.alarm and record.digest not in self._repairs:
            self._repairs.add(record.digest)
            self._met = True
