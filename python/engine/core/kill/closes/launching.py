"""Making a new closing order: when it may go, what has to be known first, what it says. Pure.

One contract has at most one: `launch` is called only while no order of the item is being looked after.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from engine.core.contracts import Contract
from engine.core.facts import Details
from engine.core.kill.closes.attempt import ZERO, Attempt
from engine.core.kill.closes.grid import price_grid
from engine.core.kill.closes.item import Item, Moment
from engine.core.kill.closes.routing import (
    Tactic,
    exchange_for,
    fallback_exchange,
    named_exchange,
    needs_quote,
    tactic,
    whole_part,
)
from engine.core.kill.commands import AskQuote, Command, OrderType, Place, Resolve, Say
from engine.core.kill.held.close_marks import close_mark
from engine.core.kill.report import ResidueReason

SENT = "close_sent"  # the line that is said when the order has left, and not before
DETAILS_TRIES_MAX = 3  # unanswered look-ups of a contract that no order can be routed without


def launch(item: Item, moment: Moment) -> list[Command]:
    """The new closing order, or the question that has to be answered before; nothing while it is not its turn."""
    if not _ready(item, moment):
        return []
    quantity = whole_part(item.contract, moment.closable, always=item.lessons.whole)
    if quantity == ZERO:
        return _leave(item, ResidueReason.FRACTIONAL, "a fraction cannot be closed through the API")
    account, con_id = item.key
    if not account or con_id <= 0:
        return _leave(item, ResidueReason.UNRESOLVED, "the broker names no account or no contract id")
    question = _details_first(item, moment)
    if question is not None:
        return question
    exchange = _exchange(item, moment)
    if exchange is None:
        return _ask_details_again(item, moment.now_ns)
    routed = _routed(_told_contract(item, moment), exchange)
    question = _prices_first(item, moment, routed)
    if question is not None:
        return question
    buys = quantity < 0
    prices = moment.lookups.prices(item.contract, exchange)
    chosen = tactic(
        item.contract,
        moment.session,
        item.quotes.last,
        buys=buys,
        wants_limit=item.lessons.wants_limit,
        level=item.lessons.level,
        grid=price_grid(prices.details or moment.details, prices.steps, item.lessons.coarser),
        hours_over=item.lessons.hours_over,
    )
    if (item.lessons.market_refused or item.lessons.too_far) and chosen.order_type is OrderType.MARKET:
        without = _no_price(item, moment.now_ns, buys=buys)
        if without is not None:
            return without
    size = _size(item, abs(quantity), prices.details)
    if size == ZERO:
        return _leave(item, ResidueReason.REJECTED, f"less than the broker's size step. {item.lessons.detail}")
    return _send(item, moment, size, routed, chosen)


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


def _size(item: Item, quantity: Decimal, details: Details | None) -> Decimal:
    """How much of it one order may have, toward zero: in the contract's own size steps once they have mattered."""
    size_max = item.lessons.size_max
    size = quantity if size_max is None else min(quantity, size_max)
    step = details.size_increment if details is not None else None
    if not item.lessons.lot or step is None or not step.is_finite() or step <= ZERO:
        return size
    return (size / step).to_integral_value(ROUND_FLOOR) * step


def _send(item: Item, moment: Moment, size: Decimal, routed: Contract, chosen: Tactic) -> list[Command]:
    place = Place(
        key=moment.place_key,
        account=item.key[0],
        contract=routed,
        action="BUY" if moment.closable < ZERO else "SELL",
        quantity=size,
        order_type=chosen.order_type,
        limit_price=chosen.limit_price,
        outside_rth=chosen.outside_rth,
        tif=chosen.tif,
        order_ref=close_mark(moment.kill_id, moment.place_key, abs(moment.closable)),
    )
    item.sent(Attempt(place), moment)
    item.quotes.order_sent()
    price = f" at {place.limit_price}" if place.limit_price is not None else ""
    text = f"{item.name}: {place.action} {size} {place.order_type.value}{price} on {routed.exchange}. {chosen.note}"
    return [Say(SENT, text.rstrip(". ")), place]


def _exchange(item: Item, moment: Moment) -> str | None:
    if item.lessons.alone and moment.details is not None:
        named = named_exchange(moment.details)  # SMART did not serve: a European option, a warrant, a fund
        if named is not None:
            return named
    return exchange_for(item.contract, moment.details) or fallback_exchange(item.contract)


def _told_contract(item: Item, moment: Moment) -> Contract:
    """Where what the position says of its contract was refused (200, 321, 478): what the look-up of that id says."""
    told = moment.details.contract if moment.details is not None and item.lessons.alone else item.contract
    return told if told.con_id == item.contract.con_id else item.contract


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
    for long. A stock's hours only choose its order type, and after a refused route the answer is to name the contract
    better: they are worth a short wait.
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
        matters = item.contract.sec_type == "STK" or item.lessons.alone
        worth_waiting = matters and waited_ns < item.settings.resolve_patience_ns
    return [] if worth_waiting else None


def _ask_details_again(item: Item, now_ns: int) -> list[Command]:
    """No exchange by the broker's word nor by ours: ask a few times, then leave it to a person."""
    item.lessons.tries += 1
    if item.lessons.tries >= DETAILS_TRIES_MAX:
        return _leave(item, ResidueReason.UNRESOLVED, "the broker does not say where this contract trades")
    item.lessons.alone = item.lessons.ask_alone = True
    item.lessons.wait(now_ns, item.settings.retry_first_ns)
    return []


def _prices_first(item: Item, moment: Moment, routed: Contract) -> list[Command] | None:
    """Commands (maybe none) while a limit price, or a size that conforms, has to wait for what it is made from; None
    to go on. A quote is awaited until the driver says that there is none; price steps not for long."""
    priced = needs_quote(item.contract, moment.session, wants_limit=item.lessons.wants_limit)
    if not priced and not item.lessons.lot:
        return None
    commands = want_prices(item, moment, routed.exchange)
    if priced and item.quotes.asked_ns is None:
        item.quotes.ask(moment.now_ns)
        commands.append(AskQuote(routed))
    waited_ns = moment.now_ns - (item.prices_wanted_ns or 0)
    pending = moment.lookups.prices(item.contract, routed.exchange).pending
    waits = pending and waited_ns < item.settings.price_patience_ns
    return commands if commands or waits or (priced and not item.quotes.answered) else None


def want_prices(item: Item, moment: Moment, exchange: str) -> list[Command]:
    """Ask for the contract's own price steps, so that the first price may be right."""
    if item.prices_wanted_ns is None:
        item.prices_wanted_ns = moment.now_ns
    return moment.lookups.want_prices(item.contract, exchange)


def _no_price(item: Item, now_ns: int, *, buys: bool) -> list[Command] | None:
    """A limit price is needed and no live quote gives one: look again, then leave it to a person. None where a market
    order, which was too far through the market before, is all that is left to try."""
    lessons = item.lessons
    if item.quotes.nobody(buys=buys):
        return _leave(item, ResidueReason.NO_BID, "no offer" if buys else "no bid")
    if item.quotes.no_price():
        if not lessons.market_refused:
            return None
        reason = lessons.reason if lessons.reason is ResidueReason.MARKET_CLOSED else ResidueReason.NO_QUOTE
        return _leave(item, reason, lessons.detail or "no live quote to price a limit order from")
    item.quotes.forget()
    lessons.wait(now_ns, item.settings.reprice_ns)
    return []


def _leave(item: Item, reason: ResidueReason, detail: str) -> list[Command]:
    item.lessons.leave(reason, detail)
    return [Say("given_up", f"{item.name}: {detail}")]
