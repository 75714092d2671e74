"""Records and sections of the incident log that nothing could take: neither the journal, nor a file beside it, nor one
in the folder for temporary files. This program holds them until something can; while it lives, none is lost.

A program that ends before that prints them. What is held is bounded: beyond the bound records are counted, and the gap
is recorded as soon as anything is; what stops somebody has as much room again. Must never hold up whoever hands
something over, nor keep a program from ending for long.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from engine.journal.chain import Draft
from engine.journal.parcels import Parcel, printed
from engine.journal.spool import Spool, named

RECORDS_MAX = 100_000
SECTIONS_MAX = 1_000
AT_ONCE = 1_000  # records that go into the journal in one append
AGAIN_S = 1.0  # how often it is tried again where nobody looks after the journal
LAST_TRY_S = 2.0  # what a program that ends gives it: its disk may hang
HELD = "this program holds it and writes it down as soon as it can (keep it running: if it ends before, it prints it)"


class Section(NamedTuple):
    page: Path
    text: str


class Overdue:
    """What one program holds for one journal. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._parcels: deque[Parcel] = deque()
        self._sections: deque[Section] = deque()
        self._under_way: list[tuple[Future[None], tuple[Draft, ...]]] = []
        self._records = 0
        self._lost = 0
        self._again: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._now = threading.Event()
        self._pid = os.getpid()
        _alive.add(self)

    def __bool__(self) -> bool:
        return bool(self._parcels or self._sections or self._lost)

    def try_with(self, again: Callable[[], None]) -> None:
        """From now on a thread tries it while there is something, whether or not anybody else does."""
        self._again = again

    # --- handing over ------------------------------------------------------------------------------
    def hold(self, drafts: Sequence[Draft], *, stops: bool) -> str:
        """Hold records; the name under which they will be taken in, or "" if there is no more room."""
        parcel = Parcel(named(drafts[0].at_ns), tuple(drafts))
        with self._lock:
            if self._records + len(drafts) > (2 * RECORDS_MAX if stops else RECORDS_MAX):
                self._lost += len(drafts)
                return ""
            self._parcels.append(parcel)
            self._records += len(drafts)
        self._see_to_it()
        return parcel.name

    def hold_section(self, page: Path, text: str) -> bool:
        """Hold a section. False: there is no more room."""
        with self._lock:
            if len(self._sections) >= SECTIONS_MAX:
                return False
            self._sections.append(Section(page, text))
        self._see_to_it()
        return True

    def watch(self, work: Future[None], drafts: tuple[Draft, ...]) -> None:
        """A thread is about to write these and does not come back from its disk. Printed at the end if it has not by
        then: it may have been written all the same, so only records go here of which a second one changes nothing.
        """
        with self._lock:
            self._under_way = [one for one in self._under_way if not one[0].done()]
            self._under_way.append((work, drafts))

    # --- getting rid of it -------------------------------------------------------------------------
    def first(self) -> tuple[Parcel, ...]:
        """The oldest, as many as go into one append."""
        found: list[Parcel] = []
        with self._lock:
            room = AT_ONCE
            for parcel in self._parcels:
                room -= len(parcel.drafts)
                if found and room < 0:
                    break
                found.append(parcel)
        return tuple(found)

    def held(self) -> tuple[Parcel, ...]:
        """All of it, the oldest first."""
        with self._lock:
            return tuple(self._parcels)

    def done(self, parcels: Sequence[Parcel]) -> None:
        """They are where they belong, perhaps since another thread has put them there."""
        names = {one.name for one in parcels}
        with self._lock:
            self._parcels = deque(one for one in self._parcels if one.name not in names)
            self._records = sum(len(one.drafts) for one in self._parcels)

    def put_beside(self, spool: Spool) -> None:
        """The journal still takes nothing, but perhaps a file can be written again."""
        for parcel in self.first():
            if spool.write(parcel.drafts, parcel.name) is None:
                return
            self.done((parcel,))

    def tell(self, write: Callable[[Path, str], bool]) -> None:
        """Write the sections, the oldest first, until one cannot be written. By one thread: none is told twice."""
        if not self._telling.acquire(blocking=False):
            return
        try:
            while self._sections and write(*self._sections[0]):
                with self._lock:
                    self._sections.popleft()
        finally:
            self._telling.release()

    @property
    def lost(self) -> int:
        """Records for which there was no room, and of which nothing is written down yet."""
        return self._lost

    def lost_told(self, count: int) -> None:
        """The journal says that so many are missing."""
        with self._lock:
            self._lost -= count

    # --- the end -----------------------------------------------------------------------------------
    def last_words(self) -> tuple[str, ...]:
        """What a program says that has to end now, after a last try: everything that is written nowhere."""
        if self._pid != os.getpid():  # a child of a fork holds nothing of its own
            return ()
        with self._lock:
            hanging = [drafts for work, drafts in self._under_way if not work.done()]
        if not self and not hanging:
            return ()
        thread = self._thread
        if thread is not None:
            self._now.set()
            thread.join(LAST_TRY_S)
        with self._lock:
            parcels = [*self._parcels, *(Parcel(named(drafts[0].at_ns), drafts) for drafts in hanging)]
            records = [line for parcel in parcels for line in printed(parcel)]
            sections = [f"for {one.page}:\n{one.text}" for one in self._sections]
            lost = self._lost
        if not records and not sections and not lost:
            return ()
        return (_headline(len(records), len(sections), lost), *records, *sections)

    def _see_to_it(self) -> None:
        with self._lock:
            if self._again is None or self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, args=(self._again,), name="overdue", daemon=True)
            thread = self._thread
        thread.start()

    def _run(self, again: Callable[[], None]) -> None:
        try:
            while True:
                self._now.wait(AGAIN_S)
                last = self._now.is_set()
                again()
                with self._lock:
                    if last or not self:
                        self._thread = None
                        return
        finally:
            with self._lock:
                if self._thread is threading.current_thread():  # and not the one that has taken its place
                    self._thread = None


def _headline(records: int, sections: int, lost: int) -> str:
    """What it is, and what is to be done with it: for somebody who has never seen it before."""
    counted = (
        (records, "record", ""),
        (sections, "section", " of the incident log"),
        (lost, "record", " that there was no room for"),
    )
    what = ", ".join(f"{count} {name}{'s' * (count != 1)}{whose}" for count, name, whose in counted if count)
    told = [f"WRITTEN DOWN NOWHERE: {what}. Nothing could take this before this program ended"]
    if records or sections:
        told.append("Keep what follows in a file")
    if sections:
        told.append("Sections are added by hand, each to the page that it names")
    if lost:
        told.append("What had no room is lost: hold our records against the broker (qe verify)")
    if records:
        told.append("Records go back into the journal with: qe journal take-in FILE")
    return ". ".join(told)


_alive: weakref.WeakSet[Overdue] = weakref.WeakSet()


def last_words() -> tuple[str, ...]:
    """Of everything that this program holds. Whoever ends it without the interpreter's own end has to say them."""
    return tuple(text for one in tuple(_alive) for text in one.last_words())


def _at_the_end() -> None:
    said = last_words()
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no terminal is left to say it on
        for text in said:
            sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


atexit.register(_at_the_end)
