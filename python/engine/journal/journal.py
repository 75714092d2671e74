"""The journal as the rest of the program uses it: append, ask for the state, ask what is wrong.

    journal = open_journal(folder, actor="qe halt (ann)")     # or Journal(MemoryStore(), actor="test")
    journal.append(Restricted(restriction=...))               # durable and binding when it returns, or JournalError
    journal.check(scope, now_ns)                              # may this login add risk? microseconds; never raises
    journal.state()                                           # JournalState, or Unknown with the reason

A journal that cannot be read is never "no restrictions": `state` is then Unknown and `check` a halt. Threads may share
one. It must never be asked for on the way of a kill's first messages.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.core.known import Unknown
from engine.core.restrictions import ONE, Kind, Scope, State
from engine.journal import chain
from engine.journal.chain import Draft, Sealed
from engine.journal.events import AnyEvent, Record, Snapshot
from engine.journal.fold import Books, JournalState, apply, apply_all, halt_for, snapshot, view
from engine.journal.store import Alarm, Store
from engine.journal.trouble import Code, Conflict, JournalError, Trouble

SNAPSHOT_EVERY = 1000  # records: how many anybody has to fold who opens the journal
LOOK_EVERY = 50  # appends of our own after which it is seen whether a snapshot is due
SCOPES_MAX = 256  # answers of `check` that are kept
UNREADABLE = "journal-unreadable"  # the id of the halt that `check` answers with


@dataclass(frozen=True, slots=True)
class _Answer:
    """What `check` said, and from when until when the clock changes nothing about it."""

    state: State
    from_ns: int | None
    until_ns: int | None


class Journal:
    """One store, its books as far as they have been read, and the answers that follow from them."""

    def __init__(self, store: Store, *, actor: str, clock: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._actor = actor
        self._clock = clock
        self._lock = threading.RLock()
        self._books = Books()
        self._generation = -1
        self._appended = 0
        self._mark: bytes | None = None
        self._state: JournalState | Unknown = Unknown("the journal has not been read yet")
        self._trouble: Trouble | None = None
        self._append_trouble: Trouble | None = None
        self._answers: dict[Scope, _Answer] = {}

    def append(
        self, *events: AnyEvent, actor: str | None = None, at_ns: int | None = None, expected_seq: int | None = None
    ) -> tuple[Record, ...]:
        """Record events, all or none. Durable, and binding in every process, when it returns.

        `expected_seq`: the `seq` of the state on which the decision was made; Conflict if somebody has appended since.
        """
        now_ns = self._clock() if at_ns is None else at_ns
        drafts = [chain.draft(event, actor=actor or self._actor, at_ns=now_ns) for event in events]
        with self._lock:
            sealed = self._append(drafts, expected_seq)
            records = tuple(map(_record, sealed, events))
            self._take_in(sealed, records)
            self._snapshot_when_due(now_ns)
        return records

    def state(self) -> JournalState | Unknown:
        """What the journal says as of now. Microseconds when nothing was appended."""
        mark = self._store.mark()
        if mark is not None and mark == self._mark:
            return self._state
        with self._lock:
            self._look(mark)
            return self._state

    def check(self, scope: Scope, now_ns: int) -> State:
        """What a login may do at this moment; a halt when the journal cannot tell."""
        mark = self._store.mark()
        if mark is not None and mark == self._mark:
            answer = self._answers.get(scope)
            if answer is not None and _holds(answer, now_ns):
                return answer.state
        with self._lock:
            self._look(mark)
            return self._answer(scope, now_ns)

    def trouble(self) -> Trouble | None:
        """What is wrong, as far as is known; None: nothing. Looks, and does not write."""
        self.state()
        return self._trouble or self._append_trouble

    def raise_alarm(self, text: str) -> bool:
        """Halt every login of the machine although it cannot be recorded. False: the others could not be told."""
        return self._store.raise_alarm(Alarm(self._clock(), text))

    def close(self) -> None:
        """Let go of the store."""
        with self._lock:
            self._store.close()

    def _append(self, drafts: Sequence[Draft], expected_seq: int | None) -> tuple[Sealed, ...]:
        try:
            sealed = self._store.append(drafts, expected_seq=expected_seq)
        except JournalError as error:
            self._append_trouble = error.trouble
            raise
        self._append_trouble = None
        return sealed

    def _take_in(self, sealed: Sequence[Sealed], records: Sequence[Record]) -> None:
        """Fold our own records at once if nobody's stand between; the next look finds the rest."""
        tip = chain.Tip(self._books.seq, self._books.digest)
        if self._generation >= 0 and chain.verify(sealed, tip)[1] is None:
            self._books = apply_all(self._books, records)

    def _look(self, mark: bytes | None) -> None:
        """Fold what is new. The mark was taken before, so nothing that comes in between is missed."""
        if mark is not None and mark == self._mark:
            return
        self._answers.clear()
        try:
            self._read_on()
            self._state = self._sound(view(self._books, self._store.alarm()))
            if self._books.seq - self._books.snapshot_seq >= SNAPSHOT_EVERY:
                self._appended = LOOK_EVERY
        except JournalError as error:
            self._trouble = error.trouble
            self._state = Unknown(str(error))
        self._mark = mark

    def _read_on(self) -> None:
        """Fold what comes behind the last record known, or begin anew if the journal was replaced."""
        if self._generation != self._store.generation():
            self._books, self._generation = Books(), self._store.generation()
        books = self._books
        tip = chain.Tip(books.seq, books.digest) if books.seq else self._store.start()
        for one in self._store.read(tip.seq):
            bad = chain.fault(tip, one)
            if bad is not None:
                raise JournalError(Trouble(Code.CHAIN_BROKEN, bad.what))
            record = chain.opened(one)
            if books.seq == 0 and tip.seq > 0 and not isinstance(record.event, Snapshot):
                raise JournalError(Trouble(Code.CORRUPT, f"record {one.seq} should be a snapshot, and is none"))
            tip = chain.tip_of(one)
            books = self._books = apply(books, record)

    def _sound(self, state: JournalState) -> JournalState | Unknown:
        self._trouble = None
        if state.not_understood:
            self._trouble = Trouble(Code.NEWER, f"not understood: {'; '.join(state.not_understood)}")
            return Unknown(str(self._trouble))
        return state

    def _answer(self, scope: Scope, now_ns: int) -> State:
        state = self._state
        if isinstance(state, Unknown):
            halt = halt_for(scope, UNREADABLE, now_ns, state.why)
            return State(Kind.HALT, ONE, (halt,))
        found = state.effective(scope, now_ns)
        if len(self._answers) >= SCOPES_MAX:
            self._answers.clear()
        self._answers[scope] = _Answer(found, *state.next_change_ns(now_ns))
        return found

    def _snapshot_when_due(self, now_ns: int) -> None:
        """The append before it stands, whatever becomes of this."""
        self._appended += 1
        if self._appended < LOOK_EVERY:
            return
        self._appended = 0
        state = self.state()
        if isinstance(state, Unknown) or state.seq - state.snapshot_seq < SNAPSHOT_EVERY:
            return
        one = chain.draft(snapshot(self._books), actor="journal", at_ns=now_ns)
        try:
            self._append([one], state.seq)
        except (JournalError, Conflict):
            return  # the next append tries again


def _holds(answer: _Answer, now_ns: int) -> bool:
    return (answer.from_ns is None or answer.from_ns <= now_ns) and (
        answer.until_ns is None or now_ns < answer.until_ns
    )


def _record(one: Sealed, event: AnyEvent) -> Record:
    """The record of an event that was just written: the same that everybody else will read."""
    return Record(seq=one.seq, at_ns=one.at_ns, actor=one.actor, event=event, digest=one.digest)
