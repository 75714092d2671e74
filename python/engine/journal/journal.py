"""The journal as the rest of the program uses it: append, ask for the state, ask what is wrong.

    journal = open_journal(folder, actor="qe halt (ann)")     # or Journal(MemoryStore(), actor="test")
    journal.append(Restricted(restriction=...))               # durable and binding when it returns, or JournalError
    journal.check(scope, now_ns)                              # may this login add risk? microseconds; never raises
    journal.glance(scope, now_ns)                             # the same inside the gate: it never writes
    journal.state()                                           # JournalState, or Unknown with the reason
    journal.keep(KillEnded(...))                              # in the journal, or beside it until it can, or in memory
    journal.trouble()                                         # what is wrong, in words; None: nothing
    journal.sections.add(page, text)                          # to the incident log, now or as soon as it can be

A journal that cannot be read is never "no restrictions": `state` is then Unknown and `check` a halt. While the last
append has failed `check` is a halt too, and tries now and then whether it can be written again. A stop that cannot be
recorded raises the alarm: every login of the machine is halted. Threads may share one. It must never be asked for on
the way of a kill's first messages.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Container, Iterable, Sequence
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path

from engine.core.known import Unknown
from engine.core.restrictions import ONE, UNREADABLE, UNWRITABLE, Kind, Restriction, Scope, State, effective
from engine.journal import chain, late_sections
from engine.journal.answers import Answers
from engine.journal.beside import Beside, Decide, Waiting, incidents_in, stops_in
from engine.journal.chain import Draft, Sealed
from engine.journal.events import AnyEvent, KillEnded, KillPressed, Record, Repaired, Restricted
from engine.journal.fold import snapshot
from engine.journal.group import Group
from engine.journal.kept import Kept
from engine.journal.late_records import LateRecords, Taken
from engine.journal.overdue import Overdue
from engine.journal.parcels import Parcel
from engine.journal.reader import Reader
from engine.journal.reserve import Reserve
from engine.journal.sections import Sections
from engine.journal.snapshots import SNAPSHOT_EVERY, Snapshots
from engine.journal.spool import Spool
from engine.journal.state import JournalState, halt_for, view
from engine.journal.stops import FORGOTTEN, alarm_for, fresh_alarm
from engine.journal.store import Store
from engine.journal.trouble import Code, Conflict, JournalError, Trouble

TEND_EVERY_NS = 1_000_000_000  # how often `check` tries again what has failed, and looks into the spool
CONFLICTS_MAX = 20  # times that somebody may be faster while a record is decided on
FLAWED = (
    "Checks are slower until the next record is written, which makes a new one; if an alarm stood in it, it is lost: "
    "see that every login that should be halted is"
)


class Journal:
    """One store, its books as far as they have been read, and the answers that follow from them."""

    def __init__(
        self,
        store: Store,
        *,
        actor: str,
        clock: Callable[[], int] = time.time_ns,
        spool: Spool | None = None,
        reserve: Reserve | None = None,
    ) -> None:
        self._store = store
        self._actor = actor
        self._clock = clock
        self._spool = spool
        self._group = Group(store.append)
        self._lock = threading.RLock()
        self._reader = Reader(store)
        self._snapshots = Snapshots()
        self._mark: bytes | None = None
        self._state: JournalState | Unknown = Unknown("the journal has not been read yet")
        self._trouble: Trouble | None = None
        self._append_trouble: Trouble | None = None
        self._tended_ns: int | None = None
        self._answers = Answers()
        self._overdue = Overdue()
        self._beside = Beside(spool, reserve, self._overdue)
        self.sections = Sections(spool, self._overdue, clock)  # of the incident log
        self._late = LateRecords(
            state=self.state,
            put=self._put,
            failing=lambda: self._append_trouble is not None,
            spool=spool,
            reserve=reserve,
            overdue=self._overdue,
            actor=actor,
        )

    def retry_on_a_thread(self) -> None:
        """What can be kept nowhere but in memory is tried again even if nobody tends this journal."""
        self._overdue.try_with(lambda: self.tend(self._clock()))

    # asking -----------------------------------------------------------------------------------------------------------

    def state(self) -> JournalState | Unknown:
        """What the journal says as of now. Microseconds when nothing was appended."""
        mark = self._store.mark()
        if mark is not None and mark == self._mark:
            return self._state
        with self._lock:
            self._look(mark)
            return self._state

    def check(self, scope: Scope, now_ns: int) -> State:
        """What a login may do at this moment; a halt when the journal cannot tell, or cannot be written."""
        if self._tended_ns is None or not 0 <= now_ns - self._tended_ns < TEND_EVERY_NS:
            self.tend(now_ns)
        return self.glance(scope, now_ns)

    def glance(self, scope: Scope, now_ns: int) -> State:
        """As `check`, and waits for nobody who writes: for the last look before an order leaves."""
        mark = self._store.mark()
        if mark is not None and mark == self._mark:
            answer = self._answers.get(scope, now_ns)
            if answer is not None:
                return answer
        with self._lock:
            self._look(mark)
            return self._answer(scope, now_ns)

    @property
    def readable(self) -> bool:
        """When it was last looked at, it could be read."""
        return not isinstance(self._state, Unknown)

    def stirred(self) -> bool:
        """Something may have been written that nobody here has looked at. Takes microseconds."""
        mark = self._store.mark()
        return mark is None or mark != self._mark

    def trouble(self) -> Trouble | None:
        """What is wrong, as far as is known. Looks, and does not write."""
        self.state()
        return self._trouble or self._append_trouble

    def flaw(self) -> str | None:
        """What is not as it should be and stops nothing. The next record that is written mends it."""
        flaw = self._store.flaw()
        return None if flaw is None else f"the journal's bell: {flaw}. {FLAWED}"

    def waiting_incidents(self) -> Waiting:
        """Those that are open by records which wait beside the journal. Looks at the disk."""
        return self._what_is_known()[1]

    def waiting_stops(self) -> tuple[Record, ...]:
        """Halts and kills that wait beside the journal: nobody reads them there. Looks at the disk."""
        parcels = self._beside.waiting()
        state = self.state()
        return stops_in(parcels, () if isinstance(state, Unknown) else state.taken_in)

    def recorded(self, identities: Iterable[str]) -> dict[str, Decimal]:
        """Those of these executions that our records contain, with the quantity they contain of each."""
        with self._lock:
            self._look(self._store.mark())
            fills = self._reader.books.fills
            return {one: fills[one] for one in identities if one in fills}

    def ours(self, order_refs: Iterable[str]) -> frozenset[str]:
        """Those of these orderRefs that an intent of ours had."""
        with self._lock:
            self._look(self._store.mark())
            return frozenset(one for one in order_refs if one in self._reader.books.our_refs)

    def follow(self, follower: Callable[[Record], None]) -> None:
        """Have it called with each record that is folded from now on, in order, whoever wrote it; perhaps twice, after
        a repair. It is called on any thread, must not wait, and must not ask the journal. At once with the orders whose
        end is not written down.
        """
        with self._lock:
            self._reader.follow(follower)

    # recording --------------------------------------------------------------------------------------------------------

    def append(
        self,
        *events: AnyEvent,
        actor: str | None = None,
        at_ns: int | None = None,
        expected_seq: int | None = None,
        stops: bool = True,
    ) -> tuple[Record, ...]:
        """Record events, all or none. Durable, and binding in every process, when it returns.

        `expected_seq`: the `seq` of the state on which the decision was made; Conflict if somebody has appended since.
        `stops` False: whom these stop is stopped already, so nobody has to be told where they cannot be written.
        """
        now_ns = self._clock() if at_ns is None else at_ns
        drafts = chain.drafts(events, actor=actor or self._actor, at_ns=now_ns)
        try:
            sealed = self._put(drafts, expected_seq)
        except JournalError as error:
            alarm = alarm_for(events, error.trouble, now_ns) if stops else None
            if alarm is None:
                raise
            raise JournalError(error.trouble, alarmed=self._store.raise_alarm(alarm)) from error
        records = tuple(map(_record, sealed, events))
        with self._lock:
            self._reader.take_up(sealed, records)
        if sealed and self._snapshots.late(sealed[-1].seq):  # it stands, whatever becomes of the snapshot
            self._make_snapshot(now_ns)
        return records

    def keep(
        self,
        *events: AnyEvent,
        actor: str | None = None,
        at_ns: int | None = None,
        expected_seq: int | None = None,
        stops: bool = True,
    ) -> Kept:
        """Record events, or let them wait beside the journal until somebody can. Never raises for what fails; Conflict
        only with an `expected_seq`, as `append` does. `stops` as there: False takes no room that is kept for stops.
        """
        now_ns = self._clock() if at_ns is None else at_ns
        try:
            return Kept(self.append(*events, actor=actor, at_ns=now_ns, expected_seq=expected_seq, stops=stops))
        except JournalError as error:
            return self._keep_beside(events, error, actor=actor, at_ns=now_ns, stops=stops)

    def _keep_beside(
        self, events: Sequence[AnyEvent], error: JournalError, *, actor: str | None, at_ns: int, stops: bool
    ) -> Kept:
        drafts = chain.drafts(events, actor=actor or self._actor, at_ns=at_ns)
        stops = stops and any(isinstance(one, Restricted | KillPressed | KillEnded) for one in events)
        return self._beside.keep(drafts, error, stops=stops)

    def watch(self, work: Future[None], *events: AnyEvent) -> None:
        """A thread that does not come back is to keep these; a program that ends before it has prints them."""
        self._overdue.watch(work, tuple(chain.drafts(events, actor=self._actor, at_ns=self._clock())))

    def keep_decided(self, decide: Decide, *, at_ns: int | None = None) -> Kept:
        """Keep what `decide` makes of the state and of the incidents that wait to be written down, on that very state
        as long as it can be had: of two who decide in the same moment, one sees what the other has written, or has
        left beside a journal that takes nothing. `decide` may be called more than once, and only the events of its last
        call are kept. Never raises for what fails.
        """
        now_ns = self._clock() if at_ns is None else at_ns
        failure: JournalError | None = None
        for _ in range(CONFLICTS_MAX):
            state, waiting = self._what_is_known()
            if isinstance(state, Unknown):
                break
            try:
                return Kept(self.append(*decide(state, waiting), at_ns=now_ns, expected_seq=state.seq))
            except Conflict:
                continue
            except JournalError as error:
                failure = error
                break
        with self._beside.alone():
            events = decide(*self._what_is_known())
            if failure is None:
                return self.keep(*events, at_ns=now_ns)
            return self._keep_beside(events, failure, actor=None, at_ns=now_ns, stops=True)

    def _what_is_known(self) -> tuple[JournalState | Unknown, Waiting]:
        """What waits is looked at first: what is taken in meanwhile is in the state then."""
        parcels = self._beside.waiting()
        state = self.state()
        return state, incidents_in(parcels, () if isinstance(state, Unknown) else state.taken_in)

    def raise_alarm(self, text: str) -> bool:
        """Halt every login of the machine although it cannot be recorded. False: the others could not be told."""
        return self._store.raise_alarm(fresh_alarm(self._clock(), text))

    def tend(self, now_ns: int) -> None:
        """Try again what has failed, take in what waits, and do the work that no append should wait for. `check` does
        it; who only watches should, too.
        """
        self._tended_ns = now_ns
        if self._trouble is not None and self._trouble.code is Code.SHORTENED:
            self._tell_what_is_forgotten()
        if self._spool is not None:
            self._spool.sweep(now_ns)
            late_sections.catch_up(self._spool)
        if self._append_trouble is not None:
            self._try_again(self._append_trouble, now_ns)
        if self._append_trouble is None:
            self._late.take_in_files(now_ns, lambda what: self.keep(Repaired(what=what), at_ns=now_ns))
            self._late.take_in_reserve(now_ns, lambda what: self._tell_lost_stop(what, now_ns))
        if self._overdue:
            self._late.catch_up(now_ns, self.sections.kept)
        self._snapshot_when_due(now_ns)
        self._store.tidy()

    def take_in(self, parcels: Sequence[Parcel], *, known: Container[str] = ()) -> Taken:
        """Records that a program has printed because nothing could take them: all, or none, and each parcel once.
        `known`: names of parcels that are in it since so long that its state has forgotten them. Raises JournalError.
        """
        return self._late.take_in(parcels, self._clock(), known=known)

    def snapshot_behind(self, seq: int) -> None:
        """See to it that a snapshot stands behind a record. Raises JournalError."""
        for _ in range(CONFLICTS_MAX):
            with self._lock:
                state = self.state()
                if isinstance(state, Unknown):
                    raise JournalError(self._trouble or Trouble(Code.FAILED, state.why))
                if state.snapshot_seq > seq:
                    return
                one = chain.draft(snapshot(self._reader.books), actor="journal", at_ns=self._clock())
            with contextlib.suppress(Conflict):
                self._put([one], state.seq)
        raise JournalError(Trouble(Code.BUSY, "others append without a pause"))

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            self._store.close()

    # writing ----------------------------------------------------------------------------------------------------------

    def _put(self, drafts: Sequence[Draft], expected_seq: int | None = None) -> tuple[Sealed, ...]:
        """Through the line of those who append at the same time, or alone if it depends on the state."""
        try:
            if expected_seq is None:
                sealed = self._group.submit(drafts)
            else:
                sealed = self._store.append(drafts, expected_seq=expected_seq)
        except JournalError as error:
            self._set_append_trouble(error.trouble)
            raise
        if self._append_trouble is not None:
            self._set_append_trouble(None)
        self._beside.make_ready()
        return sealed

    def _tell_what_is_forgotten(self) -> None:
        """Who is started now reads what there is, and it would be free."""
        standing = self._store.alarm()
        if standing is None or standing.text != FORGOTTEN:
            self.raise_alarm(FORGOTTEN)

    def _tell_lost_stop(self, what: str, now_ns: int) -> bool:
        """Whom it stopped cannot be read: everybody, until a person has looked. False: the others could not be told."""
        if not self.raise_alarm(what):
            return False
        self.keep(Repaired(what=what), at_ns=now_ns)
        return True

    def _set_append_trouble(self, trouble: Trouble | None) -> None:
        """Answers that were given before do not know of it: the mark is forgotten first, then they are."""
        with self._lock:
            self._append_trouble = trouble
            self._mark = None
            self._answers.clear()

    def _try_again(self, trouble: Trouble, now_ns: int) -> None:
        event = Repaired(what=f"it can be written again, after: {trouble.what}")
        try:
            self._put([chain.draft(event, actor=self._actor, at_ns=now_ns)])
        except JournalError:
            return  # still so; `_put` has noted it

    def _snapshot_when_due(self, now_ns: int) -> None:
        """Off the way of those who append, in whatever process looks after the journal first."""
        with self._lock:
            due = self._snapshots.due(self._reader.known_seq)
        if due:
            self._make_snapshot(now_ns)

    def _make_snapshot(self, now_ns: int) -> None:
        with self._lock:
            state = self.state()
            if isinstance(state, Unknown) or state.seq - state.snapshot_seq < SNAPSHOT_EVERY:
                return
            event = snapshot(self._reader.books)
        with contextlib.suppress(JournalError, Conflict):  # the next one tries again
            sealed = self._put([chain.draft(event, actor="journal", at_ns=now_ns)], state.seq)
            with self._lock:
                self._reader.take_up(sealed, [_record(sealed[0], event)])
                self._snapshots.seen(sealed[0].seq)

    # reading ----------------------------------------------------------------------------------------------------------

    def _look(self, mark: bytes | None) -> None:
        """Fold what is new. The mark was taken before, so nothing that comes in between is missed."""
        if mark is not None and mark == self._mark:
            return
        self._answers.clear()
        try:
            books = self._reader.read_on()
            self._state = self._sound(view(books, self._store.alarm()))
            self._snapshots.seen(books.snapshot_seq)
        except JournalError as error:
            self._trouble = error.trouble
            self._state = Unknown(error.trouble.reason)
        self._mark = mark

    def _sound(self, state: JournalState) -> JournalState | Unknown:
        self._trouble = None
        if state.not_understood:
            self._trouble = Trouble(Code.NEWER, f"not understood: {'; '.join(state.not_understood)}")
            return Unknown(self._trouble.reason)
        return state

    def _answer(self, scope: Scope, now_ns: int) -> State:
        state = self._state
        if isinstance(state, Unknown):
            return State(Kind.HALT, ONE, (halt_for(scope, UNREADABLE, now_ns, state.why),))
        mine: tuple[Restriction, ...] = ()
        if self._append_trouble is not None:
            mine = (halt_for(scope, UNWRITABLE, now_ns, self._append_trouble.reason),)
        found = effective((*state.restrictions, *state.alarms(scope), *mine), scope, now_ns)
        self._answers.keep(scope, found, *state.next_change_ns(now_ns))
        return found


def open_journal(folder: Path, *, actor: str, clock: Callable[[], int] = time.time_ns) -> Journal:
    """The journal in a folder, usually `journal` in the state folder. Nothing is opened before it is used."""
    from engine.journal.sqlite_store import SqliteStore

    journal = Journal(
        SqliteStore(folder), actor=actor, clock=clock, spool=Spool(folder), reserve=Reserve(folder / "reserve")
    )
    journal.retry_on_a_thread()
    return journal


def _record(one: Sealed, event: AnyEvent) -> Record:
    """The record of an event that was just written: the same that everybody else will read."""
    return Record(seq=one.seq, at_ns=one.at_ns, actor=one.actor, event=event, digest=one.digest)
