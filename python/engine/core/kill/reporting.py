"""From what a kill knows to what it reports. Pure; adds no judgement of its own about flat or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.core.facts import WorkingOrder
from engine.core.kill.attempt import Attempt
from engine.core.kill.closing import Closing
from engine.core.kill.evidence import describe
from engine.core.kill.item import Item, name_of
from engine.core.kill.ledger import Ledger
from engine.core.kill.report import ResidueItem, ResidueReason
from engine.core.kill.senders import Senders, stop

ZERO = Decimal(0)
WHOLE_LOOK = ("open orders", "positions")  # without them there is none
NAMES_MAX = 3


def residue(
    closing: Closing,
    ledger: Ledger,
    orders: tuple[WorkingOrder, ...],
    *,
    link_up: bool,
    may_close: bool,
    holder: str,
    read_only: bool,
    resting: bool,
    senders: Senders,
    now_ns: int,
) -> tuple[ResidueItem, ...]:
    """Everything that the last complete read still shows, or may be hiding, each with its one reason."""
    positions = []
    for key in ledger.seen():
        item, quantity = closing.items.get(key), ledger.position(key)
        if quantity == ZERO and ledger.doubtful(key):
            quantity = ledger.expected(key)  # executions say so, and no list of positions shows it
        if quantity == ZERO:
            continue
        told = item.lessons.detail if item is not None else ""
        if not link_up:
            reason, detail = ResidueReason.LINK_DOWN, told
        elif not may_close:
            reason, detail = ResidueReason.ANOTHER_KILL, holder
        elif read_only:
            reason, detail = ResidueReason.READ_ONLY, told
        else:
            sending, doubtful = senders.still_in(key, now_ns), ledger.doubtful(key)
            reason, detail = _reason(item, sending, doubtful=doubtful, resting=resting)
        positions.append(
            ResidueItem(
                account=key[0],
                contract=ledger.contract(key),
                quantity=quantity,
                reason=reason,
                first_seen=ledger.first_seen(key),
                detail=detail,
            )
        )
    working = [
        ResidueItem(
            account=order.account,
            contract=order.contract,
            quantity=order.remaining if order.buys else -order.remaining,
            reason=ResidueReason.WORKING_ORDER,
            order=describe(order),
        )
        for order in orders
    ]
    return (*positions, *working, *map(_stray, closing.strays))


def list_may_be_short(failures: Mapping[str, str]) -> tuple[str, ...]:
    """What the list of cancelled orders cannot have where TWS has not told its completed orders."""
    why = failures.get("completed orders")
    if why is None:
        return ()
    return (
        f"TWS has not told its completed orders ({why}): orders that were cancelled before the first list was read are "
        "missing among the cancelled",
    )


def why_unknown(ledger: Ledger, failures: Mapping[str, str], troubles: Iterable[str]) -> str:
    """`failures`: which reads failed last, and why; `troubles`: what else is wrong, in words. What a kill can do
    without comes last: it is no reason as long as something else is one."""
    failed = {what: f"{what} could not be read: {why}" for what, why in failures.items()}
    needed = [failed.pop(what) for what in failures if what in WHOLE_LOOK]
    doubted = [name_of(ledger.contract(key)) for key in ledger.seen() if ledger.doubtful(key)]
    said = [*filter(None, troubles), *needed, *_not_confirmed(doubted)]
    return "; ".join([*said, *failed.values()]) or "the last reads are not complete, or do not agree with each other"


def _not_confirmed(names: list[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:NAMES_MAX]) + (f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else "")
    return [
        f"what is held in {shown} is not confirmed yet: the position and what has traded do not agree, or an order is "
        "gone and nobody has told whether it filled"
    ]


def _stray(attempt: Attempt) -> ResidueItem:
    place = attempt.place
    return ResidueItem(
        account=place.account,
        contract=place.contract,
        quantity=place.quantity * attempt.sign,
        reason=ResidueReason.STRAY_CLOSE,
        order=f"{place.action} {place.quantity} {place.order_type.value}",
    )


def _reason(item: Item | None, sending: tuple[int, ...], *, doubtful: bool, resting: bool) -> tuple[ResidueReason, str]:
    """The one reason that explains this best, and its detail. `item` is None where nothing has ever been shown as
    open; `sending`: the clients whose orders keep coming in the contract."""
    if sending and (item is None or not item.lessons.given_up):
        return ResidueReason.STILL_SENDING, stop(*sending)
    if item is None:
        return ResidueReason.POSITION_UNCONFIRMED, ""
    said, detail = item.why_open()
    return (said, detail) if said is not None else (_under_way(item, doubtful=doubtful, resting=resting), "")


def _under_way(item: Item, *, doubtful: bool, resting: bool) -> ResidueReason:
    """What the kill was about to do with it."""
    if doubtful:
        return ResidueReason.POSITION_UNCONFIRMED
    if resting:
        return ResidueReason.OPENED_SINCE
    if item.live:
        return ResidueReason.CLOSE_WORKING
    if item.blocked:
        return ResidueReason.WAITING_FOR_ORDERS
    if item.waiting_since_ns is not None:
        return ResidueReason.WAITING_TURN
    return ResidueReason.OUT_OF_TIME
