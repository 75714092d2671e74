"""Records that waited, taken into the journal: from files beside it, from the reserve, from this program's memory, and
those that a program has printed as it ended. A parcel goes in whole and once: whether it is in already is decided on
the very state on which the append is made.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from engine.core.known import Unknown
from engine.journal import chain
from engine.journal.chain import Draft, Sealed
from engine.journal.events import Repaired, TakenIn
from engine.journal.overdue import Overdue
from engine.journal.parcels import Parcel
from engine.journal.reserve import Reserve, Waiting
from engine.journal.spool import SpoilError, Spool
from engine.journal.state import JournalState
from engine.journal.trouble import Code, Conflict, JournalError, Trouble

CONFLICTS_MAX = 20  # times that somebody may be faster
GAP = (
    "{} records of orders, fills and refusals are missing: nothing could take them, and the program that held them had "
    "no more room. Hold the records against the broker: qe verify"
)


class Put(Protocol):
    def __call__(self, drafts: Sequence[Draft], expected_seq: int) -> tuple[Sealed, ...]:
        """Append behind record `expected_seq`. Raises JournalError, or Conflict if somebody was faster."""
        ...


class Taken(NamedTuple):
    """What became of parcels: the records that went in, and the names of those that were in already."""

    sealed: tuple[Sealed, ...]
    known: tuple[str, ...]


class LateRecords:
    """Of one journal, in one program. `failing`: the last append has failed."""

    def __init__(
        self,
        *,
        state: Callable[[], JournalState | Unknown],
        put: Put,
        failing: Callable[[], bool],
        spool: Spool | None,
        reserve: Reserve | None,
        overdue: Overdue,
        actor: str,
    ) -> None:
        self._state = state
        self._put = put
        self._failing = failing
        self._spool = spool
        self._reserve = reserve
        self._told: set[bytes] = set()  # heads of damaged parcels
        self._overdue = overdue
        self._actor = actor

    def take_in_files(self, now_ns: int, tell: Callable[[str], object]) -> None:
        """What waits beside the journal. `tell` gets a sentence about each file that is not what was written."""
        if self._spool is None:
            return
        for path in self._spool.waiting():
            self._take_in_file(self._spool, path, now_ns, tell)

    def _take_in_file(self, spool: Spool, path: Path, now_ns: int, tell: Callable[[str], object]) -> None:
        try:
            parcel = Parcel(path.name, spool.read(path))
        except OSError:
            return
        except SpoilError as error:
            tell(f"{error}; it was set aside")
            spool.set_aside(path)
            return
        try:
            self.take_in((parcel,), now_ns)
        except JournalError:
            return  # it goes on waiting
        spool.done(path)

    def take_in_reserve(self, now_ns: int, tell_lost: Callable[[str], bool]) -> None:
        """What stops somebody and found no other room. A parcel is cleared when it is durable in the journal, and not
        before. `tell_lost` gets a sentence about one that is not what was written; True: everybody is halted for it.
        """
        if self._reserve is None:
            return
        for one in self._reserve.waiting():
            if one.parcel is None:
                self._lost(self._reserve, one, tell_lost)
                continue
            try:
                self.take_in((one.parcel,), now_ns)
            except JournalError:
                return  # it goes on waiting
            self._reserve.done(one)

    def _lost(self, reserve: Reserve, one: Waiting, tell_lost: Callable[[str], bool]) -> None:
        if one.head not in self._told:  # once, also where it cannot be set aside
            if not tell_lost(f"a stop in {reserve.path} is not what was written: see which login should be halted"):
                return  # it goes on waiting: nothing else says that somebody was to be halted
            self._told.add(one.head)
        reserve.set_aside(one)

    def take_in(self, parcels: Sequence[Parcel], now_ns: int, *, known: Container[str] = ()) -> Taken:
        """Several parcels at once, all or none. `known`: names of parcels that are in the journal although the books
        have forgotten them. Raises JournalError, and then nothing was taken in.
        """
        for _ in range(CONFLICTS_MAX):
            state = self._state()
            if isinstance(state, Unknown):
                raise JournalError(Trouble(Code.FAILED, state.why))
            new = [one for one in parcels if one.name not in known and one.name not in state.taken_in]
            drafts = [draft for one in new for draft in self._headed(one, now_ns)]
            try:
                sealed = self._put(drafts, state.seq) if drafts else ()
            except Conflict:
                continue
            names = {one.name for one in new}
            return Taken(sealed, tuple(one.name for one in parcels if one.name not in names))
        raise JournalError(Trouble(Code.BUSY, "others append without a pause"))

    def catch_up(self, now_ns: int, section_kept: Callable[[Path, str], bool]) -> None:
        """Write down what this program holds. What still cannot be written it goes on holding."""
        self._overdue.tell(section_kept)
        for _ in range(CONFLICTS_MAX):
            if self._failing():
                if self._spool is not None:
                    self._overdue.put_beside(self._spool)
                return
            parcels, lost, state = self._overdue.first(), self._overdue.lost, self._state()
            if isinstance(state, Unknown) or not (parcels or lost):
                return
            new = [one for one in parcels if one.name not in state.taken_in]
            drafts = [draft for one in new for draft in self._headed(one, now_ns)]
            if lost:
                drafts.append(chain.draft(Repaired(what=GAP.format(lost)), actor=self._actor, at_ns=now_ns))
            try:
                if drafts:
                    self._put(drafts, state.seq)
            except (JournalError, Conflict):
                continue
            self._overdue.done(parcels)
            self._overdue.lost_told(lost)

    def _headed(self, parcel: Parcel, now_ns: int) -> tuple[Draft, ...]:
        """Its records behind one that says that they waited."""
        head = TakenIn(spool=parcel.name, records=len(parcel.drafts))
        return (chain.draft(head, actor=self._actor, at_ns=now_ns), *parcel.drafts)
