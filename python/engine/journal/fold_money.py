"""How the books change by what losses are counted from: baselines, breaches, deposits, jumps, limits. Pure."""

from __future__ import annotations

from engine.core.restrictions import Scope
from engine.journal.books import Books, replace
from engine.journal.events import (
    BaselineSet,
    CashFlow,
    JumpSettled,
    JumpSuspected,
    LimitBreached,
    LimitChanged,
    LimitsTaken,
    Rebased,
    Record,
)


def note_money(
    books: Books,
    record: Record,
    event: BaselineSet | LimitBreached | LimitChanged | LimitsTaken | CashFlow | JumpSuspected | JumpSettled | Rebased,
) -> None:
    match event:
        case BaselineSet():
            replace(books.baselines, f"{event.period}:{event.scope.login}", record)
        case LimitBreached():
            replace(books.breaches, f"{event.limit}:{event.scope.login}", record)
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
