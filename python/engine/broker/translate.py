"""Between the wire's messages and core's facts. A number that is not there makes the fact impossible, never zero.

Must never add to an order what could contradict its contract id, and never leave the account out.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from engine.core.contracts import Contract
from engine.core.facts import Details, ExecutionFact, PositionFact, PriceStep, WorkingOrder
from engine.core.kill.commands import Place
from engine.core.units import BLANK, Number, known
from engine.wire.order import Order
from engine.wire.replies import CompletedOrder, ContractDetails, Execution, MarketRule, OpenOrder, OrderStatus, Position
from engine.wire.requests import PlaceOrder

ENDED = frozenset({"Filled", "Cancelled", "ApiCancelled"})
"""Statuses of orders that cannot fill any more. `Inactive` is not one: TWS may hold such an order for later."""

NEVER_ROUTE = frozenset({"QBALGO", "QBALGO2"})
"""Listed for futures, but not an exchange that takes a plain order."""


_REAL_MAX = Decimal("1e300")  # what is larger is TWS's word for unset
_ID = re.compile(r"\d{1,9}", re.ASCII)

NOBODY_KNOWS = -1
"""The client id of an order whose owner TWS does not tell."""


class Unclear(ValueError):
    """A message without a number that the fact needs. What it was to tell stays unknown."""


COUNTED = 10**15
"""Whatever is larger is no quantity of anything."""


def _number(value: Number, what: str) -> Decimal:
    number = known(value)
    if number is None:
        raise Unclear(f"TWS sent no number for {what}")
    return plain(number)


def plain(number: Decimal) -> Decimal:
    """Whole units without the zeros that a TWS may write behind the point: 4.0 is 4, in marks and to people."""
    counted = number.is_finite() and abs(number) < COUNTED
    return Decimal(int(number)) if counted and number == int(number) else number


def amount(text: str) -> Decimal | None:
    """The number of an account value; None where it is blank, no number, or TWS's word for unset."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and known(value) is not None and abs(value) < _REAL_MAX else None


def position(reply: Position, *, moved: bool = False) -> PositionFact:
    return PositionFact(
        account=reply.account,
        contract=reply.contract,
        quantity=_number(reply.position, f"the position in {reply.contract.symbol} ({reply.account})"),
        avg_cost=known(reply.avg_cost),
        moved=moved,
    )


def working_order(reply: OpenOrder, status: OrderStatus | None) -> WorkingOrder:
    """An openOrder with the orderStatus that follows it.

    Without a status the filled quantity is taken as nothing: `remaining` is then too large rather than too small,
    and whoever counts it in flight closes too little rather than too much.
    """
    order = reply.order
    return WorkingOrder(
        account=order.account,
        contract=reply.contract,
        perm_id=order.perm_id,
        client_id=order.client_id,
        order_id=reply.order_id,
        action=order.action,
        quantity=_number(order.total_quantity, f"the quantity of order {order.perm_id} in {reply.contract.symbol}"),
        filled=(known(status.filled) if status else None) or Decimal(0),
        order_type=order.order_type,
        status=status.status if status else reply.state.status,
        order_ref=order.order_ref,
        parent_id=order.parent_id if isinstance(order.parent_id, int) else 0,
        oca_group=order.oca_group,
        oca_type=order.oca_type if isinstance(order.oca_type, int) else 0,
    )


def completed_order(reply: CompletedOrder) -> WorkingOrder:
    """An order that has ended. The message does not say whose it was: `NOBODY_KNOWS`."""
    order = reply.order
    quantity = _number(order.total_quantity, f"the quantity of completed order {order.perm_id}")
    filled = known(order.filled_quantity)
    if reply.state.status == "Filled":
        filled = max(filled or quantity, quantity)
    return WorkingOrder(
        account=order.account,
        contract=reply.contract,
        perm_id=order.perm_id,
        client_id=NOBODY_KNOWS,
        order_id=0,
        action=order.action,
        quantity=quantity,
        filled=filled or Decimal(0),
        order_type=order.order_type,
        status=reply.state.status,
        order_ref=order.order_ref,
    )


def execution(reply: Execution, *, recent: bool = True, age_ns_min: int = 0) -> ExecutionFact:
    """How old it is, is for the caller to judge: it knows the broker's clock."""
    shares = _number(reply.shares, f"the size of execution {reply.exec_id}")
    if reply.side not in ("BOT", "SLD"):
        raise Unclear(f"execution {reply.exec_id} has the side {reply.side!r}, neither BOT nor SLD")
    return ExecutionFact(
        exec_id=reply.exec_id,
        account=reply.account,
        con_id=reply.contract.con_id,
        quantity=shares if reply.side == "BOT" else -shares,
        price=_number(reply.price, f"the price of execution {reply.exec_id}"),
        perm_id=reply.perm_id,
        client_id=reply.client_id,
        order_id=reply.order_id,
        order_ref=reply.order_ref,
        contract=reply.contract,
        liquidation=isinstance(reply.liquidation, int) and reply.liquidation != 0,
        recent=recent,
        age_ns_min=age_ns_min,
        time=reply.time,
    )


def details(reply: ContractDetails) -> Details:
    return Details(
        contract=reply.contract,
        min_tick=known(reply.min_tick),
        valid_exchanges=_names(reply.valid_exchanges),
        market_rule_ids=_numbers(reply.market_rule_ids),
        order_types=_names(reply.order_types),
        trading_hours=reply.trading_hours,
        liquid_hours=reply.liquid_hours,
        time_zone_id=reply.time_zone_id,
        under_symbol=reply.under_symbol,
        under_con_id=reply.under_con_id or None,
        size_increment=known(reply.size_increment),
        min_size=known(reply.min_size),
    )


def best_details(answers: list[ContractDetails]) -> ContractDetails:
    """One of several answers to one contract id, the same one every time: SMART, else the first exchange by name
    that takes orders. All of them describe the same contract; only the exchange differs."""

    def rank(answer: ContractDetails) -> tuple[bool, bool, str]:
        exchange = answer.contract.exchange
        return (exchange in NEVER_ROUTE, exchange != "SMART", exchange)

    return min(answers, key=rank)


def place_order(command: Place, order_id: int) -> PlaceOrder:
    """The wire form of a closing order: the contract by its id and only what TWS wants beside it."""
    contract = command.contract
    return PlaceOrder(
        order_id,
        Contract(
            con_id=contract.con_id,
            symbol=contract.symbol,
            sec_type=contract.sec_type,
            exchange=contract.exchange,
            currency=contract.currency,
        ),
        Order(
            action=command.action,
            total_quantity=command.quantity,
            order_type=command.order_type.value,
            lmt_price=BLANK if command.limit_price is None else command.limit_price,
            tif=command.tif,
            account=command.account,
            order_ref=command.order_ref,
            transmit=True,
            outside_rth=command.outside_rth,
        ),
    )


def price_steps(reply: MarketRule) -> tuple[PriceStep, ...]:
    """The rule's bands; none at all when any of them has no number."""
    bands = [(known(band.low_edge), known(band.increment)) for band in reply.increments]
    steps = tuple(PriceStep(low, step) for low, step in bands if low is not None and step is not None)
    return steps if len(steps) == len(bands) else ()


def _numbers(text: str) -> tuple[int, ...]:
    """Comma-separated ids; none at all when any of them is none."""
    names = text.split(",") if text else []
    return tuple(int(name) for name in names) if all(_ID.fullmatch(name) for name in names) else ()


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)
