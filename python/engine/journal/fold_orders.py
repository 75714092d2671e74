"""How the books change by orders, executions, and what the broker was seen to hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeVar

import msgspec

from engine.journal.books import Books, replace
from engine.journal.events import Adopted, Filled, OrderEnded, OrderIntent, Record, Verified

FILLS_MAX = 20_000  # executions that are remembered so that none is counted twice
REFS_MAX = 20_000  # orders of ours that are remembered, so that a working one is known for ours
ZERO = Decimal(0)
Counts = TypeVar("Counts", Verified, Adopted)


def note_positions(books: Books, record: Record, event: OrderIntent | OrderEnded | Filled | Verified | Adopted) -> None:
    match event:
        case OrderIntent():
            note_intent(books, record, event)
        case OrderEnded():
            books.orders_open.pop(_order_name(event), None)
        case Filled():
            _fill(books, event)
        case Verified():
            replace(books.verified, event.scope.login, msgspec.structs.replace(record, event=_without_counted(event)))
            _count(books, event.counted)
        case Adopted():
            replace(books.adopted, event.scope.login, msgspec.structs.replace(record, event=_without_counted(event)))
            _count(books, event.counted)
            _adopt(books, event)


def note_intent(books: Books, record: Record, event: OrderIntent) -> None:
    books.orders_open[_order_name(event)] = record
    refs, ref = books.our_refs, event.order_ref
    refs.pop(ref, None)
    refs[ref] = record.seq
    if len(refs) > REFS_MAX:
        del refs[next(iter(refs))]


def _order_name(event: OrderIntent | OrderEnded) -> str:
    """An orderRef alone may be the label of many orders."""
    return f"{event.client_id}:{event.order_id}:{event.order_ref}"


def _fill(books: Books, event: Filled) -> None:
    """Count an execution once; a correction by what it changes."""
    change = event.quantity - books.fills.get(event.identity, ZERO)
    _count(books, ((event.identity, event.quantity),))
    held = books.positions.get(event.account)
    if held is not None:  # records that were never begun are not records of nothing
        _hold(held, event.con_id, held.get(str(event.con_id), ZERO) + change)


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
