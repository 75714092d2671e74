"""What the journal says, as the rest of the program sees it: it never changes. Nothing here is ended by a clock:
whether a restriction has run out is judged by whoever asks, with the time of asking. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.core.restrictions import Cause, Kind, Override, Restriction, Scope, State, effective
from engine.journal.books import Books
from engine.journal.events import Adopted, BaselineSet, IncidentOpened, LimitBreached, OrdersSwept, Record, Verified
from engine.journal.store import Alarm

Scoped = TypeVar("Scoped", BaselineSet, LimitBreached, Verified, Adopted)


class JournalState(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal says, up to and including record `seq`. `alarm`: see `Alarm`."""

    seq: int
    digest: bytes
    at_ns: int
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
    swept: tuple[Record, ...]
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

    def last_verified(self, scope: Scope) -> Record | None:
        """The last verification of a login."""
        return _last(sorted(self.verified.values(), key=_seq), Verified, scope)

    def swept_for(self, restriction_id: str) -> tuple[OrdersSwept, ...]:
        """What programs have said of the orders that a restriction asked them to cancel, the last one last."""
        events = (record.event for record in self.swept)
        return tuple(one for one in events if isinstance(one, OrdersSwept) and restriction_id in one.restrictions)

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
        swept=tuple(books.swept.values()),
        verified=dict(books.verified),
        adopted=dict(books.adopted),
        incidents_open=dict(books.incidents_open),
        not_understood=tuple(books.not_understood),
        taken_in=dict(books.taken_in),
        snapshot_seq=books.snapshot_seq,
        alarm=alarm,
        alarm_lifted=tuple(books.alarms_lifted.get(alarm.id, ())) if alarm is not None else (),
    )


def _seq(record: Record) -> int:
    return record.seq


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
