"""How the books change by what stops and what lets go: restrictions, the alarm, kills, resets. Pure."""

from __future__ import annotations

import msgspec

from engine.core.limit_rules import Limit
from engine.core.restrictions import Override, Scope
from engine.journal.books import Books, replace
from engine.journal.events import KillEnded, KillPressed, Lifted, OrdersSwept, Record, Reset, Restricted

_ALARM = "alarm-"
SWEPT_MAX = 100  # answers that are remembered; a restriction that runs out by itself leaves its own behind
_LIMIT_CAUSES = frozenset(limit.cause for limit in Limit)


def note_stops(
    books: Books, record: Record, event: Restricted | Lifted | KillPressed | KillEnded | Reset | OrdersSwept
) -> None:
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
        case OrdersSwept():
            replace(books.swept, f"{event.scope.login}:{event.client_id}:{','.join(event.restrictions)}", record)
            if len(books.swept) > SWEPT_MAX:
                del books.swept[next(iter(books.swept))]


def _lift(books: Books, record: Record, event: Lifted) -> None:
    """A restriction ends for all; the alarm, which is no one login's, ends for those who lift it."""
    if event.restriction_id.startswith(_ALARM):
        books.alarms_lifted.setdefault(event.restriction_id, []).append(event.scope)
    else:
        lifted = books.restrictions.pop(event.restriction_id, None)
        for name, answer in list(books.swept.items()):
            if isinstance(answer.event, OrdersSwept) and event.restriction_id in answer.event.restrictions:
                del books.swept[name]
        if event.override and lifted is not None and lifted.cause in _LIMIT_CAUSES:
            one = Override(restriction=lifted, at_ns=record.at_ns, actor=record.actor, reason=event.reason)
            books.overrides[f"{lifted.cause.value}:{lifted.scope.login}"] = one


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
