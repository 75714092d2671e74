"""What the records come to: everything that still matters, one record at a time. Pure.

    engine.journal.books         the working copy: changed by `apply`, kept whole in a snapshot
    engine.journal.fold_stops    restrictions, the alarm, kills, resets
    engine.journal.fold_orders   orders, executions, what the broker was seen to hold
    engine.journal.fold_money    what losses are counted from
    engine.journal.state         what the rest of the program sees of it

Nothing here is ended by a clock: a restriction leaves by being lifted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import msgspec

from engine.journal.books import Books
from engine.journal.events import (
    Adopted,
    BaselineSet,
    CashFlow,
    Filled,
    IncidentClosed,
    IncidentJoined,
    IncidentNoted,
    IncidentOpened,
    JournalOpened,
    JumpSettled,
    JumpSuspected,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    LimitChanged,
    LimitsTaken,
    NotUnderstood,
    OrderEnded,
    OrderIntent,
    OrderRefused,
    OrdersSwept,
    Rebased,
    Record,
    Repaired,
    Reset,
    Restricted,
    Snapshot,
    TakenIn,
    Verified,
)
from engine.journal.fold_money import note_money
from engine.journal.fold_orders import note_intent, note_positions
from engine.journal.fold_stops import note_stops
from engine.journal.store import Alarm

RULES = 4  # the version of this fold; a snapshot made by a later one is not understood
FORMAT = 1  # the version of the file; see JournalOpened
TAKEN_IN_MAX = 1000  # files of the spool that are remembered; they are deleted once they are in
NOT_UNDERSTOOD_MAX = 20  # that are named; one is enough to stop


def apply(books: Books, record: Record) -> Books:
    """Take one record into the books, and return those to go on with: a snapshot may stand for all before it."""
    if isinstance(record.event, Snapshot):
        books = _restored(books, record.event, record.seq)
    else:
        _note(books, record)
    books.seq, books.digest, books.at_ns = record.seq, record.digest, record.at_ns
    if record.at_ns > books.at_ns_max:
        books.at_ns_max = record.at_ns
    return books


def apply_all(books: Books, records: Iterable[Record]) -> Books:
    for record in records:
        books = apply(books, record)
    return books


def snapshot(books: Books) -> Snapshot:
    """The books as an event, for the record behind the last one in them."""
    return Snapshot(fold=RULES, books=msgspec.Raw(msgspec.json.encode(books)))


def _restored(books: Books, event: Snapshot, seq: int) -> Books:
    """Books that were folded up to here know all of it already; new ones begin with the snapshot."""
    if books.seq == 0 and seq > 1:
        try:
            if event.fold > RULES:
                raise msgspec.ValidationError(f"made by the rules of version {event.fold}")
            books = msgspec.json.decode(event.books, type=Books)
        except msgspec.MsgspecError as error:
            books = Books(not_understood=[f"record {seq}: snapshot ({error})"])
    books.snapshot_seq = seq
    return books


def _note(books: Books, record: Record) -> None:
    """Each kind of event has its place in one of the functions below; the type checker misses one that has not."""
    event = record.event
    if type(event) is OrderIntent:  # by far the most frequent one
        note_intent(books, record, event)
        return
    match event:
        case OrderIntent() | OrderEnded() | Filled() | Verified() | Adopted():
            note_positions(books, record, event)
        case Restricted() | Lifted() | KillPressed() | KillEnded() | Reset() | OrdersSwept():
            note_stops(books, record, event)
        case (
            BaselineSet()
            | LimitBreached()
            | LimitChanged()
            | LimitsTaken()
            | CashFlow()
            | JumpSuspected()
            | JumpSettled()
            | Rebased()
        ):
            note_money(books, record, event)
        case IncidentOpened():
            books.incidents_open[event.incident_id] = _widened(
                books.incidents_open.get(event.incident_id), record, event
            )
        case IncidentClosed():
            books.incidents_open.pop(event.incident_id, None)
        case JournalOpened() | TakenIn() | NotUnderstood() | Repaired():
            _note_journal(books, record, event)
        case IncidentJoined() | IncidentNoted() | OrderRefused() | Snapshot():
            pass  # told in the record itself; nothing that is decided depends on it
        case _:
            assert_never(event)


def _widened(before: Record | None, record: Record, event: IncidentOpened) -> Record:
    """An incident that is opened once more, as where its records waited in several places: it is about all logins that
    either record names.
    """
    if before is None or not isinstance(before.event, IncidentOpened):
        return record
    named = (event.scope, *event.also)
    more = tuple(one for one in (before.event.scope, *before.event.also) if one not in named)
    return msgspec.structs.replace(record, event=msgspec.structs.replace(event, also=(*event.also, *more)))


def _note_journal(books: Books, record: Record, event: JournalOpened | TakenIn | NotUnderstood | Repaired) -> None:
    match event:
        case JournalOpened():
            if event.format > FORMAT:
                _not_understood(books, f"record {record.seq}: a journal of format {event.format}")
        case TakenIn():
            books.taken_in[event.spool] = record.seq
            if len(books.taken_in) > TAKEN_IN_MAX:
                del books.taken_in[next(iter(books.taken_in))]
        case NotUnderstood():
            _not_understood(books, f"record {record.seq}: {event.kind or 'no event'} ({event.why})")
        case Repaired():
            if event.alarm:
                books.alarm = Alarm(event.alarm, record.at_ns, event.what)


def _not_understood(books: Books, what: str) -> None:
    if len(books.not_understood) < NOT_UNDERSTOOD_MAX:
        books.not_understood.append(what)
