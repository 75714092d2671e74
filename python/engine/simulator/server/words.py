"""Between the exchange's words and the wire's: orders, executions, positions. Pure.

What the simulator cannot do is refused here in plain words; nothing a client asks for is silently left out.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.contracts import Contract
from engine.core.units import UNSET, Number, known
from engine.simulator.exchange import (
    Commission,
    Execution,
    Instruction,
    Instrument,
    NewOrder,
    OrderView,
    Refusal,
    Status,
    WhatIf,
    refusals,
)
from engine.simulator.server import conditional
from engine.simulator.server.times import stamp
from engine.wire import replies
from engine.wire.order import Order, OrderState
from engine.wire.requests import ExerciseOptions, PlaceOrder

ZERO = Decimal(0)
_EXERCISE, _LAPSE = 1, 2
_NOISE, _PRICE_MAX = Decimal("1E-8"), Decimal("1E12")
# IBKR's own algorithms. Each works here as the plain order that it is made of.
_ALGORITHMS = frozenset(
    {"", "ADAPTIVE", "AD", "ARRIVALPX", "BALANCEIMPACTRISK", "CLOSEPX", "DARKICE", "MINIMPACT", "PCTVOL"}
    | {"PCTVOLPX", "PCTVOLSZ", "PCTVOLTM", "TWAP", "VWAP"}
)

_NO_STATE = OrderState(
    init_margin_before=UNSET,
    maint_margin_before=UNSET,
    equity_with_loan_before=UNSET,
    init_margin_change=UNSET,
    maint_margin_change=UNSET,
    equity_with_loan_change=UNSET,
    init_margin_after=UNSET,
    maint_margin_after=UNSET,
    equity_with_loan_after=UNSET,
    commission=UNSET,
    min_commission=UNSET,
    max_commission=UNSET,
)


def is_manual(client_id: int, order_id: int) -> bool:
    """Typed into TWS: client 0 with no order id of the API's. The exchange knows such orders by negative ids."""
    return client_id == 0 and order_id <= 0


# --- client to exchange ------------------------------------------------------------------------------
def new_order(client_id: int, account: str, instrument: Instrument, asked: PlaceOrder) -> NewOrder | Refusal:
    """The exchange's request for what a client asked."""
    order = asked.order
    quantity = known(order.total_quantity)
    cash = known(order.cash_qty) or None
    if quantity is None and cash is not None:
        quantity = ZERO  # the exchange finds it
    if quantity is None:
        return Refusal(321, "Error validating request.-'bX' : cause - The order quantity is missing")
    trailing = order.order_type == "TRAIL"
    trailing_pct = known(order.trailing_percent) or None
    unsupported = _unsupported(order)
    if order.algo_strategy.upper() not in _ALGORITHMS:
        return refusals.UNKNOWN_ALGORITHM
    if unsupported:
        return Refusal(201, f"Order rejected - reason:the simulator does not handle {unsupported}")
    conditions = tuple(conditional.translated(condition) for condition in order.conditions)
    if None in conditions:
        return refusals.BAD_CONDITION
    return NewOrder(
        client_id=client_id,
        order_id=asked.order_id,
        account=account,
        con_id=instrument.con_id,
        action="SELL" if order.action == "SSHORT" else order.action,
        quantity=quantity,
        order_type=order.order_type,
        lmt_price=_price(order.lmt_price),
        # clients write 0 for the trailing amount or percentage that is not meant
        aux_price=None if trailing and trailing_pct and not known(order.aux_price) else _price(order.aux_price),
        trailing_percent=trailing_pct,
        trail_stop_price=_price(order.trail_stop_price) or None,
        tif=order.tif or "DAY",
        oca_group=order.oca_group,
        oca_type=order.oca_type if isinstance(order.oca_type, int) else 0,
        parent_id=order.parent_id if isinstance(order.parent_id, int) else 0,
        transmit=order.transmit is True,
        outside_rth=order.outside_rth is True,
        order_ref=order.order_ref,
        what_if=order.what_if is True,
        cash_qty=cash,
        exchange=asked.contract.exchange,
        conditions=tuple(condition for condition in conditions if condition is not None),
        conditions_cancel_order=order.conditions_cancel_order is True,
        conditions_ignore_rth=order.conditions_ignore_rth is True,
    )


def _price(value: Number) -> Decimal | None:
    """The price that is meant: 229.85999999999999 is what many clients make of 230.26 - 0.4. TWS reads prices as
    binary fractions, too."""
    price = known(value)
    if price is None or not price.is_finite() or abs(price) >= _PRICE_MAX:
        return price
    meant = price.quantize(_NOISE)
    return price if meant == price else Decimal(f"{meant:f}".rstrip("0").rstrip("."))


def instruction(client_id: int, account: str, instrument: Instrument, asked: ExerciseOptions) -> Instruction | Refusal:
    """The exchange's instruction for an exercise request."""
    if asked.action not in (_EXERCISE, _LAPSE):
        return refusals.EXERCISE_ACTION
    if not isinstance(asked.quantity, int):
        return refusals.EXERCISE_QUANTITY
    return Instruction(
        client_id=client_id,
        req_id=asked.req_id,
        account=account,
        con_id=instrument.con_id,
        quantity=Decimal(asked.quantity),
        lapse=asked.action == _LAPSE,
        override=asked.override == 1,
    )


def _unsupported(order: Order) -> str:
    """What in this order the simulator has no market for, in words; empty when all can be done."""
    if order.hedge_type:
        return "hedge orders"
    if order.delta_neutral_order_type not in ("", "None"):
        return "delta neutral orders"
    if order.adjusted_order_type not in ("", "None"):
        return "adjusted orders"
    if known(order.scale_price_increment):
        return "scale orders"
    if order.good_after_time:
        return "orders that begin at a time (goodAfterTime); a time condition does the same"
    if order.all_or_none is True or (isinstance(order.min_qty, int) and order.min_qty):
        return "orders for all or a minimum at once (allOrNone, minQty)"
    if known(order.discretionary_amt):
        return "discretionary amounts"
    return ""


# --- exchange to client ------------------------------------------------------------------------------
def plain_order(request: NewOrder) -> Order:
    """The wire's order for one that never came over the wire."""
    return Order(
        oca_group=request.oca_group,
        order_ref=request.order_ref,
        tif=request.tif,
        oca_type=request.oca_type or 3,
        origin=0,
    )


def _order(view: OrderView, echo: Order | None, shown_id: int) -> Order:
    request = view.request
    return msgspec.structs.replace(
        echo or plain_order(request),
        action=request.action,
        total_quantity=request.quantity,
        order_type=request.order_type,
        lmt_price=request.lmt_price if request.lmt_price is not None else ZERO,
        aux_price=request.aux_price if request.aux_price is not None else ZERO,
        trail_stop_price=view.trail_stop_price if view.trail_stop_price is not None else UNSET,
        tif=request.tif,
        account=request.account,
        client_id=request.client_id,
        perm_id=view.perm_id,
        parent_id=request.parent_id if shown_id > 0 else 0,
        outside_rth=request.outside_rth,
        order_ref=request.order_ref,
    )


def routed(instrument: Instrument, exchange: str) -> Contract:
    """The complete contract, on the exchange that the order names."""
    return msgspec.structs.replace(instrument.contract, exchange=exchange or instrument.contract.exchange)


def open_order(view: OrderView, instrument: Instrument, echo: Order | None, shown_id: int) -> replies.OpenOrder:
    return replies.OpenOrder(
        order_id=shown_id,
        contract=routed(instrument, view.request.exchange),
        order=_order(view, echo, shown_id),
        state=msgspec.structs.replace(_NO_STATE, status=str(view.status)),
    )


def order_status(view: OrderView, shown_id: int) -> replies.OrderStatus:
    return replies.OrderStatus(
        order_id=shown_id,
        status=str(view.status),
        filled=view.filled,
        remaining=view.remaining,
        avg_fill_price=view.avg_fill_price,
        perm_id=view.perm_id,
        parent_id=view.request.parent_id if shown_id > 0 else 0,
        last_fill_price=view.last_fill_price,
        client_id=view.request.client_id,
        why_held=view.why_held,
        mkt_cap_price=ZERO,
    )


def completed_order(view: OrderView, instrument: Instrument, echo: Order | None) -> replies.CompletedOrder:
    order = msgspec.structs.replace(_order(view, echo, view.request.order_id), filled_quantity=view.filled)
    return replies.CompletedOrder(
        contract=routed(instrument, view.request.exchange),
        order=order,
        state=OrderState(
            status=str(view.status),
            completed_time=stamp(view.completed_ns or view.placed_ns),
            completed_status=view.completed_status,
        ),
    )


def kept_order(asked: PlaceOrder, client_id: int, account: str) -> tuple[replies.OpenOrder, replies.OrderStatus]:
    """How TWS shows an order that it has not been able to hand on yet."""
    order = msgspec.structs.replace(asked.order, client_id=client_id, account=account)
    state = msgspec.structs.replace(_NO_STATE, status=str(Status.PENDING_SUBMIT))
    quantity = asked.order.total_quantity
    status = replies.OrderStatus(
        asked.order_id, str(Status.PENDING_SUBMIT), ZERO, quantity, ZERO, client_id=client_id, mkt_cap_price=ZERO
    )
    return replies.OpenOrder(asked.order_id, asked.contract, order, state), status


def what_if(event: WhatIf, instrument: Instrument, echo: Order | None, order_id: int) -> replies.OpenOrder:
    """The answer to a what-if order: an openOrder that carries margin and commission."""
    request = event.request
    order = msgspec.structs.replace(
        echo or plain_order(request), account=request.account, client_id=request.client_id, what_if=True
    )
    state = OrderState(
        status=str(Status.PRE_SUBMITTED),
        init_margin_before=event.init_margin_before,
        maint_margin_before=event.maint_margin_before,
        equity_with_loan_before=event.equity_with_loan_before,
        init_margin_change=event.init_margin_after - event.init_margin_before,
        maint_margin_change=event.maint_margin_after - event.maint_margin_before,
        equity_with_loan_change=event.equity_with_loan_after - event.equity_with_loan_before,
        init_margin_after=event.init_margin_after,
        maint_margin_after=event.maint_margin_after,
        equity_with_loan_after=event.equity_with_loan_after,
        commission=event.commission,
        commission_currency="USD",
        min_commission=UNSET,
        max_commission=UNSET,
    )
    return replies.OpenOrder(order_id, routed(instrument, request.exchange), order, state)


def execution(done: Execution, instrument: Instrument, req_id: int, shown_id: int) -> replies.Execution:
    return replies.Execution(
        req_id=req_id,
        order_id=shown_id,
        contract=routed(instrument, done.exchange),
        exec_id=done.exec_id,
        time=stamp(done.at_ns),
        account=done.account,
        exchange=done.exchange,
        side=done.side,
        shares=done.quantity,
        price=done.price,
        perm_id=done.perm_id,
        client_id=done.client_id,
        liquidation=1 if done.liquidation else 0,
        cum_qty=done.cum_qty,
        avg_price=done.avg_price,
        order_ref=done.order_ref,
        ev_multiplier=UNSET,
        last_liquidity=done.last_liquidity,
        pending_price_revision=done.price_revised,
    )


def commission_report(cost: Commission) -> replies.CommissionReport:
    return replies.CommissionReport(
        exec_id=cost.exec_id,
        commission=cost.amount,
        currency=cost.currency,
        realized_pnl=UNSET if cost.realized_pnl is None else cost.realized_pnl,
        yield_=UNSET,
    )
