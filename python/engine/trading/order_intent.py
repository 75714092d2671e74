"""What an order of the library wants, in the terms of the pre-flight. Pure: no clock, socket or log.

Must never make an order look smaller than it is: what could trade something that a check does not see (a hedge, a
second contract, orders that TWS makes of this one) cannot be judged, and is told as such.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.broker.tickets import HELD_OR_REFUSED
from engine.core.contracts import Contract
from engine.core.exposure import OrderKey, Resting, Side
from engine.core.facts import WorkingOrder
from engine.core.preflight.intent import Intent, Leg, Special
from engine.core.preflight.listing import Listing
from engine.core.products import product_of
from engine.core.units import Absent, Number, known
from engine.wire.order import Order

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "SSHORT": Side.SELL, "SLONG": Side.SELL}
TYPED_INTO_TWS = -1
_JUDGED_NUMBERS = frozenset({"total_quantity", "lmt_price", "aux_price", "cash_qty"})  # the checks tell of these
_MAY_BE_INFINITE = frozenset({"compete_against_best_offset"})  # TWS's own word for "up to mid"


def exact(order: Order) -> Order:
    """The order with whole numbers as decimals, which they are exactly."""
    whole = {name: getattr(order, name) for name in _JUDGED_NUMBERS}
    changed = {name: Decimal(value) for name, value in whole.items() if type(value) is int}
    return msgspec.structs.replace(order, **changed) if changed else order


def unjudgeable(contract: Contract, order: Order, *, may_preview: bool = False) -> str:
    """Why no check could say what this order may come to; empty: they can. `may_preview`: a whatIf, which trades
    nothing, is one of those who ask.
    """
    if order.action not in SIDES:
        return f"its action is {order.action!r}: BUY or SELL (or SSHORT)"
    previews = order.what_if is not False and order.what_if is not Absent.BLANK  # JavaScript leaves a no away
    if previews and not (may_preview and order.what_if is True):
        return "it is a preview (what_if): ask with preflight(…, margin=True)"
    if order.delta_neutral_order_type or order.delta_neutral_con_id or contract.delta_neutral is not None:
        return "it hedges itself in a second contract (delta neutral)"
    if order.hedge_type:
        return f"TWS sizes it as the hedge of another order (hedge_type {order.hedge_type!r})"
    if order.scale_auto_reset is not False or not _none_or_zero(order.scale_profit_offset):
        return "TWS makes further orders of it (scale_profit_offset, scale_auto_reset)"
    if order.scale_table:
        return "its size is in a table of TWS's own (scale_table)"
    if order.randomize_size is True or order.randomize_size is Absent.UNSET:
        return "TWS makes it another size, by chance (randomize_size)"
    return _no_number(order)


def _no_number(order: Order) -> str:
    """A field whose value the protocol has no number for."""
    for field in order.__struct_fields__:
        value = getattr(order, field)
        if field in _JUDGED_NUMBERS and not isinstance(value, int | float | Decimal | Absent):
            return f'{field} is {_told(value)}, which is no number: write Decimal("…"), or leave it out'
        if isinstance(value, float):
            return f"{field} is {value!r}, a float: write Decimal({str(value)!r})"
        beyond = isinstance(value, Decimal) and not value.is_finite()
        if beyond and field not in _JUDGED_NUMBERS | _MAY_BE_INFINITE:
            return f"{field} is {value}, which is no number"
    return ""


def intent_of(contract: Contract, order: Order, *, account: str, client_id: int, listing: Listing | None) -> Intent:
    """The order as the checks see it. A contract named by its id alone is what its listing says; without one it is not
    known, which is refused. Only for orders that are not `unjudgeable`.
    """
    sec_type, symbol, con_id = contract.sec_type.strip().upper(), contract.symbol, contract.con_id
    if listing is not None:
        sec_type, symbol = sec_type or listing.sec_type, symbol or listing.symbol
    elif not sec_type:
        con_id = 0
    return Intent(
        account=account,
        con_id=con_id,
        sec_type=sec_type,
        symbol=symbol,
        side=SIDES[order.action],
        quantity=order.total_quantity,
        order_type=order.order_type.strip().upper(),
        limit=_reach(order),
        aux=order.aux_price,
        tif=order.tif,
        outside_rth=order.outside_rth is True,
        special=_special(contract, order, client_id),
    )


def _reach(order: Order) -> Number:
    """The limit with what TWS may go beyond it at its discretion: that is what the order may cost."""
    limit, more = known(order.lmt_price), order.discretionary_amt
    if limit is None or isinstance(more, Absent) or not more:
        return order.lmt_price
    return limit + abs(more) if SIDES[order.action] is Side.BUY else limit - abs(more)


def _special(contract: Contract, order: Order, client_id: int) -> Special | None:
    parent_id = order.parent_id if isinstance(order.parent_id, int) else 0
    special = Special(
        legs=legs_of(contract),
        parent=(client_id, parent_id) if parent_id else None,
        oca_group=group_of(client_id, order.oca_group),
        oca_type=order.oca_type if isinstance(order.oca_type, int) else 0,
        cash_qty=order.cash_qty,
        allocation=_allocation(order),
        untransmitted=order.transmit is not True,  # TWS takes a blank for no
    )
    return None if special == Special() else special


def _allocation(order: Order) -> str:
    """What names other accounts than the order's own, by whatever word. A model is those of all who follow it."""
    groups = order.fa_group or order.fa_profile or order.fa_method or order.fa_percentage
    return groups or order.model_code or order.shares_allocation


def as_modify(intent: Intent, key: OrderKey) -> Intent:
    """The same, in the place of an order that works."""
    return msgspec.structs.replace(intent, special=msgspec.structs.replace(intent.special or Special(), modifies=key))


def as_preview(intent: Intent) -> Intent:
    """The same, asked by whatIf."""
    special = msgspec.structs.replace(intent.special or Special(), what_if=True)
    return msgspec.structs.replace(intent, special=special)


def legs_of(contract: Contract) -> tuple[Leg, ...]:
    """The legs of a combination as for a bought one. One whose action is no action has no contract: it is refused."""
    if contract.sec_type.strip().upper() != "BAG":
        return ()
    return tuple(
        Leg(leg.con_id if leg.action in SIDES else 0, leg.ratio, SIDES.get(leg.action, Side.BUY))
        for leg in contract.combo_legs
    )


def resting_of(order: WorkingOrder) -> tuple[Resting, ...]:
    """An order that the broker lists, as the book holds it: one record for each contract it trades."""
    side = Side.BUY if order.buys else Side.SELL
    bag = order.contract.sec_type == "BAG"
    legs = legs_of(order.contract) or (Leg(order.contract.con_id, 1, Side.BUY),)
    return tuple(
        Resting(
            key=key_of(order.client_id, order.order_id, order.perm_id),
            account=order.account,
            con_id=leg.con_id,
            side=side if leg.side is Side.BUY else side.other,
            remaining=order.remaining * leg.ratio,
            filled=order.filled * leg.ratio,
            parent=(order.client_id, order.parent_id) if order.parent_id else None,
            product=None if bag else product_of(order.contract.sec_type),
            oca_group=group_of(order.client_id, order.oca_group),
            oca_type=order.oca_type,
            order_type=order.order_type,
            untransmitted=order.status == HELD_OR_REFUSED,
        )
        for leg in legs
    )


def group_of(client_id: int, name: str) -> str:
    """An OCA group as the book calls it. Two clients that use one name have two."""
    return f"{name} of client {client_id}" if name else ""


def key_of(client_id: int, order_id: int, perm_id: int) -> OrderKey:
    """What the book calls an order: those typed into TWS share their ids, so their permId names them."""
    return (client_id, order_id) if order_id > 0 else (TYPED_INTO_TWS, perm_id)


def _told(value: object) -> str:
    """What was given: of a text it is said that it is one, for it may look like the number it should be."""
    return f"the text {value!r}" if isinstance(value, str) else repr(value)


def _none_or_zero(value: object) -> bool:
    return isinstance(value, Absent) or value == 0
