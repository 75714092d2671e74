"""What the records come to: everything that still matters, one record at a time. Pure.

`Books` are the working copy: changed by `apply`, kept whole in a snapshot. `JournalState` is what the rest sees of
them: it never changes. Nothing here is ended by a clock: a restriction leaves by being lifted, and whether one has run
out is judged by whoever asks, with the time of asking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar, assert_never

import msgspec

from engine.core.limit_rules import Limit
from engine.core.restrictions import Cause, Kind, Override, Restriction, Scope, State, effective
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
    Rebased,
    Record,
    Repaired,
    Reset,
    Restricted,
    Snapshot,
    TakenIn,
    Verified,
)
from engine.journal.store import Alarm

RULES = 3  # the version of this fold; a snapshot made by a later one is not understood
FORMAT = 1  # the version of the file; see JournalOpened
FILLS_MAX = 20_000  # executions that are remembered so that none is counted twice
REFS_MAX = 20_000  # orders of ours that are remembered, so that a working one is known for ours
TAKEN_IN_MAX = 1000  # files of the spool that are remembered; they are deleted once they are in
NOT_UNDERSTOOD_MAX = 20  # that are named; one is enough to stop
ZERO = Decimal(0)
_ALARM = "alarm-"
_LIMIT_CAUSES = frozenset(limit.cause for limit in Limit)


class Books(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Everything that still matters. Records are kept under names that say what replaces them."""

    seq: int = 0
    digest: bytes = bytes(32)
    at_ns: int = 0  # of the last record
    at_ns_max: int = 0  # of all records: a clock that shows less has gone back
    restrictions: dict[str, Restriction] = {}
    overrides: dict[str, Override] = {}  # the last one of each limit and login
    alarms_lifted: dict[str, list[Scope]] = {}
    kills_open: dict[str, Record] = {}
    kills_ended: dict[str, Record] = {}  # the last one of each login
    resets: dict[str, Record] = {}
    baselines: dict[str, Record] = {}
    breaches: dict[str, Record] = {}
    cash_flows: list[Record] = []
    jumps: list[Record] = []  # and what became of them
    limit_changes: list[Record] = []
    orders_open: dict[str, Record] = {}
    positions: dict[str, dict[str, Decimal]] = {}  # by account; one that is not here is not known
    fills: dict[str, Decimal] = {}
    our_refs: dict[str, int] = {}  # orderRefs of our intents, by the record that says so
    verified: dict[str, Record] = {}
    adopted: dict[str, Record] = {}
    incidents_open: dict[str, Record] = {}
    not_understood: list[str] = []
    taken_in: dict[str, int] = {}  # files of the spool, by the record that says so
    snapshot_seq: int = 0
    alarm: Alarm | None = None  # raised by a repair; the store's own, which may be newer, goes before it


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says, up to and including record `seq`. `alarm`: see `Alarm`."""

    seq: int
    digest: bytes
    at_ns: int
    at_ns_max: int
    restrictions: tuple[Restriction, ...]
    overrides: tuple[Override, ...]
    kills_open: Mapping[str, Record]
    kills_ended: Mapping[str, Record]
    resets: Mapping[str, Record]
    baselines: tuple[Record, ...]
    breaches: tuple[Record, ...]
    cash_flows: tuple[Record, ...]
    jumps: tuple[Record, ...]
    limit_changes: tuple[Record, ...]
    orders_open: Mapping[str, Record]
    positions: Mapping[str, Mapping[int, Decimal]]
    verified: Mapping[str, Record]
    adopted: Mapping[str, Record]
    incidents_open: Mapping[str, Record]
    not_understood: tuple[str, ...]
    taken_in: Mapping[str, int]
    snapshot_seq: int
    alarm: Alarm | None
    alarm_lifted: tuple[Scope, ...]

    def effective(self, scope: Scope, now_ns: int) -> State:
        """What a login may do at this moment, the alarm included."""
        return effective((*self.restrictions, *self.alarms(scope)), scope, now_ns)

    def alarms(self, scope: Scope) -> tuple[Restriction, ...]:
        """The alarm as a halt of this login, unless it was lifted for it."""
        alarm = self.alarm
        if alarm is None or any(lifted.meets(scope) for lifted in self.alarm_lifted):
            return ()
        return (halt_for(scope, alarm.id, alarm.at_ns, alarm.text),)

    def overridden(self, scope: Scope) -> tuple[Override, ...]:
        """What limits had imposed on a login, and a person has set aside: the last time for each limit."""
        return tuple(one for one in self.overrides if one.restriction.scope.meets(scope))

    def next_change_ns(self, now_ns: int) -> tuple[int | None, int | None]:
        """From when and until when the clock alone changes nothing: the last end that is past, the next to come."""
        ends = [one.until_ns for one in self.restrictions if one.until_ns is not None]
        past = [end for end in ends if end <= now_ns]
        coming = [end for end in ends if end > now_ns]
        return max(past, default=None), min(coming, default=None)

    def baseline(self, scope: Scope, period: str) -> Record | None:
        """The last baseline of this kind of period that was set for a login."""
        return _last(self.baselines, BaselineSet, scope, lambda event: event.period == period)

    def breach(self, scope: Scope, limit: str) -> Record | None:
        """The last time that a limit of a login was crossed."""
        return _last(self.breaches, LimitBreached, scope, lambda event: event.limit == limit)

    def deposits_since(self, scope: Scope, since_ns: int) -> dict[str, Decimal]:
        """Net deposits that took effect after a moment, by currency. Empty: none were recorded."""
        sums: dict[str, Decimal] = {}
        for record in self.cash_flows:
            flow = record.event
            if isinstance(flow, CashFlow) and flow.effective_ns > since_ns and flow.scope.meets(scope):
                sums[flow.currency] = sums.get(flow.currency, ZERO) + flow.amount
        return sums

    def last_verified(self, scope: Scope) -> Record | None:
        """The last verification of a login."""
        return _last(sorted(self.verified.values(), key=_seq), Verified, scope)

    def accounts_of(self, scope: Scope) -> tuple[str, ...]:
        """The broker accounts that the records have seen behind a login's name or place, and those that it names."""
        told = (record.event for record in (*self.verified.values(), *self.adopted.values(), *self.baselines))
        seen = [one.scope for one in told if isinstance(one, Verified | Adopted | BaselineSet)]
        found = (account for one in (*seen, scope) if one.meets(scope) for account in one.accounts)
        return tuple(dict.fromkeys(found))

    def adopted_orders(self, scope: Scope) -> frozenset[int]:
        """permIds of the orders that the last adoption of a login has made known."""
        record = _last(sorted(self.adopted.values(), key=_seq), Adopted, scope)
        return (
            frozenset(record.event.orders) if record is not None and isinstance(record.event, Adopted) else frozenset()
        )

    def incidents(self, scope: Scope) -> tuple[str, ...]:
        """The ids of a login's open incidents."""
        return tuple(
            incident
            for incident, record in self.incidents_open.items()
            if isinstance(record.event, IncidentOpened) and record.event.concerns(scope)
        )


def halt_for(scope: Scope, id: str, since_ns: int, reason: str) -> Restriction:
    """A halt that the journal itself is the cause of."""
    return Restriction(
        id=id, scope=scope, kind=Kind.HALT, cause=Cause.JOURNAL, since_ns=since_ns, actor="journal", reason=reason
    )


def view(books: Books, alarm: Alarm | None = None) -> JournalState:
    """What the books say now. `alarm`: the store's; where it has none, that of the last repair holds."""
    alarm = alarm or books.alarm
    return JournalState(
        seq=books.seq,
        digest=books.digest,
        at_ns=books.at_ns,
        at_ns_max=books.at_ns_max,
        restrictions=tuple(books.restrictions.values()),
        overrides=tuple(books.overrides.values()),
        kills_open=dict(books.kills_open),
        kills_ended=dict(books.kills_ended),
        resets=dict(books.resets),
        baselines=tuple(books.baselines.values()),
        breaches=tuple(books.breaches.values()),
        cash_flows=tuple(books.cash_flows),
        jumps=tuple(books.jumps),
        limit_changes=tuple(books.limit_changes),
        orders_open=dict(books.orders_open),
        positions={
            account: {int(con_id): quantity for con_id, quantity in held.items()}
            for account, held in books.positions.items()
        },
        verified=dict(books.verified),
        adopted=dict(books.adopted),
        incidents_open=dict(books.incidents_open),
        not_understood=tuple(books.not_understood),
        taken_in=dict(books.taken_in),
        snapshot_seq=books.snapshot_seq,
        alarm=alarm,
        alarm_lifted=tuple(books.alarms_lifted.get(alarm.id, ())) if alarm is not None else (),
    )


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
        _note_intent(books, record, event)
        return
    match event:
        case OrderIntent() | OrderEnded() | Filled() | Verified() | Adopted():
            _note_positions(books, record, event)
        case Restricted() | Lifted() | KillPressed() | KillEnded() | Reset():
            _note_stops(books, record, event)
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
            _note_money(books, record, event)
        case IncidentOpened():
            books.incidents_open[event.incident_id] = record
        case IncidentClosed():
            books.incidents_open.pop(event.incident_id, None)
        case JournalOpened() | TakenIn() | NotUnderstood() | Repaired():
            _note_journal(books, record, event)
        case IncidentJoined() | IncidentNoted() | OrderRefused() | Snapshot():
            pass  # told in the record itself; nothing that is decided depends on it
        case _:
            assert_never(event)


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


def _note_stops(books: Books, record: Record, event: Restricted | Lifted | KillPressed | KillEnded | Reset) -> None:
    match event:
        case Restricted():
            books.restrictions[event.restriction.id] = event.restriction
        case Lifted():
            _lift(books, record, event)
        case KillPressed():
            books.kills_open[event.kill_id] = record
        case KillEnded():
            pressed = books.kills_open.pop(event.kill_id, None)
            if event.flat and pressed is not None:
                _answer_for_the_dead(books, event.scopes, pressed.seq)
            for scope in event.scopes:
                books.kills_ended[scope.login] = record
        case Reset():
            books.resets[event.scope.login] = record
            _answer_for_the_dead(books, (event.scope,), record.seq)


def _answer_for_the_dead(books: Books, scopes: tuple[Scope, ...], before_seq: int) -> None:
    """A kill that was pressed before and never ended owes nothing any more for logins that one pressed after it has
    proven flat, or that a person has verified and reset: nobody is told to press again, and no guard takes it up.
    """
    for name, record in list(books.kills_open.items()):
        event = record.event
        if not isinstance(event, KillPressed) or record.seq >= before_seq:
            continue
        left = tuple(one for one in event.scopes if not any(_covers(scope, one) for scope in scopes))
        if not left:
            del books.kills_open[name]
        elif left != event.scopes:
            rest = msgspec.structs.replace(event, scopes=left)
            books.kills_open[name] = msgspec.structs.replace(record, event=rest)


def _covers(one: Scope, other: Scope) -> bool:
    """The same TWS, or all accounts of the other. A name alone may have moved to another TWS since."""
    same = one.place == other.place if one.place and other.place else one.login == other.login
    return same or (bool(other.accounts) and set(other.accounts) <= set(one.accounts))


def _note_positions(
    books: Books, record: Record, event: OrderIntent | OrderEnded | Filled | Verified | Adopted
) -> None:
    match event:
        case OrderIntent():
            _note_intent(books, record, event)
        case OrderEnded():
            books.orders_open.pop(_order_name(event), None)
        case Filled():
            _fill(books, event)
        case Verified():
            _replace(books.verified, event.scope.login, msgspec.structs.replace(record, event=_without_counted(event)))
            _count(books, event.counted)
        case Adopted():
            _replace(books.adopted, event.scope.login, msgspec.structs.replace(record, event=_without_counted(event)))
            _count(books, event.counted)
            _adopt(books, event)


def _note_intent(books: Books, record: Record, event: OrderIntent) -> None:
    books.orders_open[_order_name(event)] = record
    refs, ref = books.our_refs, event.order_ref
    refs.pop(ref, None)
    refs[ref] = record.seq
    if len(refs) > REFS_MAX:
        del refs[next(iter(refs))]


def _note_money(
    books: Books,
    record: Record,
    event: BaselineSet | LimitBreached | LimitChanged | LimitsTaken | CashFlow | JumpSuspected | JumpSettled | Rebased,
) -> None:
    match event:
        case BaselineSet():
            _replace(books.baselines, f"{event.period}:{event.scope.login}", record)
        case LimitBreached():
            _replace(books.breaches, f"{event.limit}:{event.scope.login}", record)
        case CashFlow():
            books.cash_flows.append(record)
        case JumpSuspected() | JumpSettled():
            books.jumps.append(record)
        case Rebased():
            _rebase(books, event.scope)
        case LimitChanged() | LimitsTaken():
            books.limit_changes.append(record)


def _rebase(books: Books, scope: Scope) -> None:
    """Where losses of this login were counted from, its money in and out, and what was acted on, count no longer."""
    books.breaches = {name: one for name, one in books.breaches.items() if not _about(one, scope)}
    books.baselines = {name: one for name, one in books.baselines.items() if not _about(one, scope)}
    books.cash_flows = [one for one in books.cash_flows if not _about(one, scope)]
    books.jumps = [one for one in books.jumps if not _about(one, scope)]


def _about(record: Record, scope: Scope) -> bool:
    event = record.event
    kinds = BaselineSet | LimitBreached | CashFlow | JumpSuspected | JumpSettled
    return isinstance(event, kinds) and event.scope.meets(scope)


def _not_understood(books: Books, what: str) -> None:
    if len(books.not_understood) < NOT_UNDERSTOOD_MAX:
        books.not_understood.append(what)


def _lift(books: Books, record: Record, event: Lifted) -> None:
    """A restriction ends for all; the alarm, which is no one login's, ends for those who lift it."""
    if event.restriction_id.startswith(_ALARM):
        books.alarms_lifted.setdefault(event.restriction_id, []).append(event.scope)
    else:
        lifted = books.restrictions.pop(event.restriction_id, None)
        if event.override and lifted is not None and lifted.cause in _LIMIT_CAUSES:
            one = Override(restriction=lifted, at_ns=record.at_ns, actor=record.actor, reason=event.reason)
            books.overrides[f"{lifted.cause.value}:{lifted.scope.login}"] = one


def _fill(books: Books, event: Filled) -> None:
    """Count an execution once; a correction by what it changes."""
    change = event.quantity - books.fills.get(event.identity, ZERO)
    _count(books, ((event.identity, event.quantity),))
    held = books.positions.get(event.account)
    if held is not None:  # records that were never begun are not records of nothing
        _hold(held, event.con_id, held.get(str(event.con_id), ZERO) + change)


def _order_name(event: OrderIntent | OrderEnded) -> str:
    """An orderRef alone may be the label of many orders."""
    return f"{event.client_id}:{event.order_id}:{event.order_ref}"


def _count(books: Books, executions: Iterable[tuple[str, Decimal]]) -> None:
    """Remember that these are in our records, so that none is counted twice."""
    for identity, quantity in executions:
        books.fills.pop(identity, None)
        books.fills[identity] = quantity
        if len(books.fills) > FILLS_MAX:
            del books.fills[next(iter(books.fills))]


def _without_counted(event: Counts) -> Counts:
    """What is remembered elsewhere need not be kept twice."""
    return msgspec.structs.replace(event, counted=())


def _adopt(books: Books, event: Adopted) -> None:
    for account in {*event.scope.accounts, *(account for account, _, _ in event.positions)}:
        books.positions[account] = {}
    for account, con_id, quantity in event.positions:
        _hold(books.positions[account], con_id, quantity)


def _hold(held: dict[str, Decimal], con_id: int, quantity: Decimal) -> None:
    if quantity:
        held[str(con_id)] = quantity
    else:
        held.pop(str(con_id), None)


def _replace(kept: dict[str, Record], name: str, record: Record) -> None:
    """Put it last, so that the order of the dictionary is that of the records."""
    kept.pop(name, None)
    kept[name] = record


def _seq(record: Record) -> int:
    return record.seq


Counts = TypeVar("Counts", Verified, Adopted)
Scoped = TypeVar("Scoped", BaselineSet, LimitBreached, Verified, Adopted)


def _last(
    records: Iterable[Record], kind: type[Scoped], scope: Scope, wanted: Callable[[Scoped], bool] = lambda _: True
) -> Record | None:
    """The last record of a kind that is about a login."""
    found = None
    for record in records:
        event = record.event
        if isinstance(event, kind) and event.scope.meets(scope) and wanted(event):
            found = record
    return found
