"""Making a new closing order: when it may go, what has to be known first, what it says. Pure.

One contract has at most one: `launch` is called only while no order of the item is being looked after.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.kill.attempt import ZERO, Attempt
from engine.core.kill.commands import CLOSE_REF_PREFIX, AskQuote, Command, OrderType, Place, Resolve, Say
from engine.core.kill.item import Item, Moment
from engine.core.kill.report import ResidueReason
from engine.core.kill.routing import (
    Tactic,
    exchange_for,
    fallback_exchange,
    needs_quote,
    price_grid,
    tactic,
    whole_part,
)

DETAILS_TRIES_MAX = 3  # unanswered look-ups of a contract that no order can be routed without


def launch(item: Item, moment: Moment) -> list[Command]:
    """The new closing order, or the question that has to be answered before; nothing while it is not its turn."""
    if not _ready(item, moment):
        return []
    quantity = whole_part(item.contract, moment.closable, always=item.lessons.whole)
    if quantity == ZERO:
        return _leave(item, ResidueReason.FRACTIONAL, "a fraction of a share cannot be closed through the API")
    account, con_id = item.key
    if not account or con_id <= 0:
        return _leave(item, ResidueReason.UNRESOLVED, "the broker names no account or no contract id")
    question = _details_first(item, moment)
    if question is not None:
        return question
    exchange = _exchange(item, moment)
    if exchange is None:
        return _ask_details_again(item, moment.now_ns)
    routed = _routed(item.contract, exchange)
    if needs_quote(item.contract, moment.session, market_refused=item.lessons.market_refused) and (
        not item.quotes.answered
    ):
        return _ask_quote(item, routed, moment.now_ns)
    buys = quantity < 0
    chosen = tactic(
        item.contract,
        moment.session,
        item.quotes.last,
        buys=buys,
        market_refused=item.lessons.market_refused,
        level=item.lessons.level,
        grid=price_grid(moment.details, item.lessons.coarser),
    )
    if item.lessons.market_refused and chosen.order_type is OrderType.MARKET:
        return _no_price(item, moment.now_ns, buys=buys)
    return _send(item, moment, quantity, routed, chosen)


def _ready(item: Item, moment: Moment) -> bool:
    """Is it this item's time to send a new closing order?"""
    return (
        moment.may_send
        and moment.may_launch
        and not item.lessons.given_up
        and moment.now_ns >= item.lessons.not_before_ns
        and moment.serial_done > item.min_serial
        and moment.closable != ZERO
    )


def _send(item: Item, moment: Moment, quantity: Decimal, routed: Contract, chosen: Tactic) -> list[Command]:
    size_max = item.lessons.size_max
    size = abs(quantity) if size_max is None else min(abs(quantity), size_max)
    place = Place(
        key=moment.place_key,
        account=item.key[0],
        contract=routed,
        action="BUY" if quantity < 0 else "SELL",
        quantity=size,
        order_type=chosen.order_type,
        limit_price=chosen.limit_price,
        outside_rth=chosen.outside_rth,
        tif=chosen.tif,
        order_ref=f"{CLOSE_REF_PREFIX}-{moment.kill_id}-{moment.place_key}",
    )
    item.sent(Attempt(place), moment)
    item.quotes.order_sent()
    price = f" at {place.limit_price}" if place.limit_price is not None else ""
    text = f"{item.name}: {place.action} {size} {place.order_type.value}{price} on {routed.exchange}. {chosen.note}"
    return [Say("close_sent", text.rstrip(". ")), place]


def _exchange(item: Item, moment: Moment) -> str | None:
    if item.lessons.alone and moment.details is not None and item.contract.sec_type == "STK":
        named = moment.details.contract.exchange  # SMART did not serve
        if named:
            return named
    return exchange_for(item.contract, moment.details) or fallback_exchange(item.contract)


def _routed(contract: Contract, exchange: str) -> Contract:
    """conId and exchange decide; the other fields only repeat what the broker said of this very contract."""
    return Contract(
        con_id=contract.con_id,
        symbol=contract.symbol,
        sec_type=contract.sec_type,
        last_trade_date=contract.last_trade_date,
        strike=contract.strike,
        right=contract.right,
        multiplier=contract.multiplier,
        exchange=exchange,
        currency=contract.currency,
        local_symbol=contract.local_symbol,
        trading_class=contract.trading_class,
    )


def _details_first(item: Item, moment: Moment) -> list[Command] | None:
    """Commands (maybe none) while details are worth waiting for; None to go on.

    Without an exchange there is no order: that answer is awaited, but where the exchange is common knowledge not
    for long. A stock's hours only choose its order type: they are worth a short wait.
    """
    if item.lessons.ask_alone:
        item.lessons.ask_alone = False
        item.details_asked_ns = moment.now_ns
        return [Resolve(item.contract)]
    if not moment.details_pending:
        return None
    if item.details_asked_ns is None:
        item.details_asked_ns = moment.now_ns
    waited_ns = moment.now_ns - item.details_asked_ns
    if exchange_for(item.contract, moment.details) is None:
        worth_waiting = fallback_exchange(item.contract) is None or waited_ns < item.settings.exchange_patience_ns
    else:
        worth_waiting = item.contract.sec_type == "STK" and waited_ns < item.settings.resolve_patience_ns
    return [] if worth_waiting else None


def _ask_details_again(item: Item, now_ns: int) -> list[Command]:
    """No exchange by the broker's word nor by ours: ask a few times, then leave it to a person."""
    item.lessons.tries += 1
    if item.lessons.tries >= DETAILS_TRIES_MAX:
        return _leave(item, ResidueReason.UNRESOLVED, "the broker does not say where this contract trades")
    item.lessons.alone = item.lessons.ask_alone = True
    item.lessons.wait(now_ns, item.settings.retry_first_ns)
    return []


def _ask_quote(item: Item, routed: Contract, now_ns: int) -> list[Command]:
    if item.quotes.asked_ns is not None:
        return []  # asked; the driver answers within its own time limit
    item.quotes.ask(now_ns)
    return [AskQuote(routed)]


def _no_price(item: Item, now_ns: int, *, buys: bool) -> list[Command]:
    """A limit price is needed and no live quote gives one: look again, then leave it to a person."""
    lessons = item.lessons
    if item.quotes.nobody(buys=buys):
        return _leave(item, ResidueReason.NO_BID, "no offer" if buys else "no bid")
    if item.quotes.no_price():
        reason = lessons.reason if lessons.reason is ResidueReason.MARKET_CLOSED else ResidueReason.NO_QUOTE
        return _leave(item, reason, lessons.detail or "no live quote to price a limit order from")
    item.quotes.forget()
    lessons.wait(now_ns, item.settings.reprice_ns)
    return []


def _leave(item: Item, reason: ResidueReason, detail: str) -> list[Command]:
    item.lessons.leave(reason, detail)
    return [Say("given_up", f"{item.name}: {detail}")]
