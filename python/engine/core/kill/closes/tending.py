"""Looking after a living closing order: silence, doubt, waiting, an unfilled limit. Pure.

Nothing here sends a second order: an order is cancelled, changed, or sent again under its own id.
"""

from __future__ import annotations

import msgspec

from engine.core.hours import Session
from engine.core.kill.closes.attempt import ABSENT_READS_MIN, ZERO, Attempt, Doubt, State
from engine.core.kill.closes.grid import price_grid
from engine.core.kill.closes.item import ACKNOWLEDGE_FACTOR_MAX, Item, Moment
from engine.core.kill.closes.launching import want_prices
from engine.core.kill.closes.routing import tactic, two_sided, whole_part
from engine.core.kill.commands import AskQuote, CancelClose, Command, OrderType, Say
from engine.core.kill.report import ResidueReason


def tend(item: Item, attempt: Attempt, moment: Moment) -> list[Command]:
    """What the living order needs now; possibly nothing."""
    if not moment.may_send:
        return []
    if attempt.held:
        return cancel(item, attempt, moment.now_ns)
    if attempt.inactive:
        return _mind_inactive(item, attempt, moment.now_ns)
    match attempt.state:
        case State.SENT if attempt.cancel_ns is None and _outdated(item, attempt, moment):
            say = Say("close_outdated", f"{item.name}: less is there than the order that waits is for; withdrawing it")
            return [say, *cancel(item, attempt, moment.now_ns)]
        case State.SENT:
            return _mind_silence(item, attempt, moment)
        case State.SUSPECT:
            return _mind_doubt(item, attempt, moment)
        case State.QUEUED:
            return cancel(item, attempt, moment.now_ns)
        case State.WORKING if attempt.cancel_ns is not None:
            return cancel(item, attempt, moment.now_ns)
        case State.WORKING if not attempt.adrift and (_too_large(attempt, moment) or _long_too_large(item, moment)):
            say = Say("close_too_large", f"{item.name}: others have closed a part of it; withdrawing the order")
            return [say, *cancel(item, attempt, moment.now_ns)]
        case State.WORKING if not attempt.adrift:
            return _mind_unfilled(item, attempt, moment)
        case _:
            return []


def _outdated(item: Item, attempt: Attempt, moment: Moment) -> bool:
    """Is it for more than is there by now? Where there is much to send an order waits for room, for seconds; what is
    sold meanwhile by somebody else, or exercised, is gone. One that has not left costs nothing to take back, so every
    doubt is enough for that; one that has left may have filled, so only executions are."""
    if attempt.waits:
        return whole_part(item.contract, moment.closable * -attempt.sign, always=item.lessons.whole) < attempt.remaining
    return not attempt.adrift and _too_large(attempt, moment)


def _too_large(attempt: Attempt, moment: Moment) -> bool:
    """Would the rest of the order cross zero? IBKR liquidates, a person closes by hand: what they have closed while
    the order was waiting is no longer there for it. Executions tell, before a late position feed does; our own fills
    make both sides smaller by the same."""
    return attempt.remaining > max(moment.expected * -attempt.sign, ZERO)


def _long_too_large(item: Item, moment: Moment) -> bool:
    """The same by what the positions show: an option is assigned without an execution. They may be ahead of what is
    told of our own fills, though not for long, and each fill of ours begins the ledger's doubt anew."""
    since_ns = item.too_large_ns
    return since_ns is not None and moment.now_ns - since_ns >= item.settings.doubt_ns


def cancel(item: Item, attempt: Attempt, now_ns: int) -> list[Command]:
    """Ask for the cancel, and again when nothing comes of it."""
    if attempt.cancel_ns is not None and now_ns - attempt.cancel_ns < item.settings.acknowledge_ns:
        return []
    attempt.cancel_ns = now_ns
    return [CancelClose(attempt.place.key)]


def _mind_silence(item: Item, attempt: Attempt, moment: Moment) -> list[Command]:
    """Nothing heard since it was sent: withdraw it before anything else is sent for this contract."""
    if moment.now_ns - attempt.sent_ns < attempt.acknowledge_ns:
        return []
    if attempt.waits:
        reason, detail, silent = (
            ResidueReason.CLOSE_NOT_SENT,
            "it waited for room on a connection",
            "it has not left yet",
        )
    else:
        reason, silent = ResidueReason.CLOSE_UNACKNOWLEDGED, "no acknowledgement"
        detail = "TWS did not acknowledge the closing order; look for a dialog on its screen"
    item.lessons.reason, item.lessons.detail = reason, detail
    attempt.suspect(Doubt.SILENT, moment.serial_begun)
    attempt.cancel_ns = moment.now_ns
    item.acknowledge_factor = min(item.acknowledge_factor * 2, ACKNOWLEDGE_FACTOR_MAX)  # it may only be slow
    return [
        Say("close_silent", f"{item.name}: {silent}, withdrawing the order"),
        CancelClose(attempt.place.key),
    ]


def _mind_inactive(item: Item, attempt: Attempt, now_ns: int) -> list[Command]:
    """The error that says of a refusal may come behind the status. Without one the order lies in TWS, listed or not,
    and a hand can transmit it: it is withdrawn until TWS says that it has ended."""
    if attempt.inactive_ns is None:
        attempt.inactive_ns = now_ns
    if now_ns - attempt.inactive_ns < item.settings.settle_ns:
        return []
    item.lessons.reason, item.lessons.detail = ResidueReason.CLOSE_WORKING, ""
    say = Say("close_held", f"{item.name}: TWS holds the closing order (Inactive); withdrawing it")
    return [*([say] if attempt.cancel_ns is None else []), *cancel(item, attempt, now_ns)]


def _mind_doubt(item: Item, attempt: Attempt, moment: Moment) -> list[Command]:
    """Silence goes on, and reads do not list the order: the same order again, under its own id, cannot double."""
    if attempt.doubt not in (Doubt.SILENT, Doubt.DENIED) or attempt.absent_reads < ABSENT_READS_MIN:
        return []
    waited_ns = moment.now_ns - (attempt.cancel_ns or 0)
    if attempt.doubt is Doubt.SILENT and waited_ns < attempt.acknowledge_ns:
        return []
    there = whole_part(item.contract, moment.closable * -attempt.sign)
    if there < attempt.place.quantity:
        certain = waited_ns >= item.settings.late_feed_ns and moment.closable == moment.expected
        if certain and there <= ZERO and attempt.doubt is Doubt.DENIED:
            attempt.end()  # TWS does not know it, and somebody else has closed what it was for
        if there <= ZERO or not certain:
            return []  # the position says otherwise: it may have filled unseen
        # by now something else has closed a part, or it has filled in part: no more of it than is there
        attempt.place = msgspec.structs.replace(attempt.place, quantity=there)
    item.sent(attempt, moment)
    return [Say("close_repeated", f"{item.name}: the same order again, under its own id"), attempt.place]


def _mind_unfilled(item: Item, attempt: Attempt, moment: Moment) -> list[Command]:
    """Acknowledged, and filling no further: look at the market, price it through it, give up on what nobody buys."""
    limit = attempt.place.order_type is OrderType.LIMIT
    patience_ns = item.settings.reprice_ns if limit else item.settings.market_patience_ns
    if moment.now_ns - attempt.idle_since_ns(moment.now_ns) < patience_ns:
        return []
    lessons, quotes = item.lessons, item.quotes
    lessons.reason = lessons.reason or ResidueReason.CLOSE_WORKING
    if _stuck_in_tws(item, attempt, moment):
        say = Say("close_idle", f"{item.name}: TWS does not pass the order on (PendingSubmit); withdrawing it")
        return [say, *cancel(item, attempt, moment.now_ns)]
    commands = want_prices(item, moment, attempt.place.contract.exchange)
    asked_ns = quotes.asked_ns
    if asked_ns is None:
        quotes.ask(moment.now_ns)
        return [*commands, AskQuote(attempt.place.contract)]
    if not quotes.answered:
        return commands
    if moment.now_ns - asked_ns >= item.settings.reprice_ns:
        if quotes.nobody(buys=attempt.sign > 0):
            lessons.leave(ResidueReason.NO_BID, "no bid" if attempt.sign < 0 else "no offer")
            return cancel(item, attempt, moment.now_ns)
        quotes.ask(moment.now_ns)
        return [*commands, AskQuote(attempt.place.contract)]
    return commands + (_reprice(item, attempt, moment) if limit else _prefer_limit(item, attempt, moment))


def _stuck_in_tws(item: Item, attempt: Attempt, moment: Moment) -> bool:
    """It is nowhere but in TWS, and its market is not closed: waiting has not helped."""
    waited_ns = moment.now_ns - attempt.idle_since_ns(moment.now_ns)
    stuck = attempt.pending and waited_ns >= item.settings.pending_patience_ns
    return stuck and moment.session is not Session.CLOSED


def _prefer_limit(item: Item, attempt: Attempt, moment: Moment) -> list[Command]:
    """A market order that finds nobody although somebody is there: it is withdrawn, and followed by a limit through
    the market once its end is certain. TWS takes a change of the price for a change, not one of the order's type."""
    if moment.session is Session.CLOSED:
        return _stay(item, "its market is closed")
    if not two_sided(item.quotes.last):
        return _stay(item, "there is no live quote with both sides to price a limit from")
    item.lessons.market_idle = True
    say = Say("close_idle", f"{item.name}: the market order finds nobody; withdrawing it for a limit order")
    return [say, *cancel(item, attempt, moment.now_ns)]


def _stay(item: Item, why: str) -> list[Command]:
    """Said once for each order."""
    if item.stays:
        return []
    item.stays = why
    return [Say("close_stays", f"{item.name}: the order has not filled and stays as it is: {why}")]


def _reprice(item: Item, attempt: Attempt, moment: Moment) -> list[Command]:
    """The same order with a price further through the market: a modification, so it cannot double."""
    if item.pending is not None:  # the last change was refused, and the order lives on as it was
        reaction, item.pending = item.pending, None
        item.lessons.learn(reaction, attempt.place, moment.now_ns)
    prices = moment.lookups.prices(item.contract, attempt.place.contract.exchange)
    level = item.lessons.further()
    chosen = tactic(
        item.contract,
        moment.session,
        item.quotes.last,
        buys=attempt.sign > 0,
        wants_limit=True,
        level=level,
        grid=price_grid(prices.details or moment.details, prices.steps, item.lessons.coarser),
        hours_over=item.lessons.hours_over,
    )
    if chosen.limit_price is None:
        return _stay(item, "there is no live quote to price it from")
    if chosen.limit_price == attempt.place.limit_price and not attempt.change_lost:
        return []
    item.lessons.level = level
    if attempt.fixed:
        say = Say("close_replaced", f"{item.name}: TWS takes no change of the order; withdrawing it for another")
        return [say, *cancel(item, attempt, moment.now_ns)]
    attempt.change_lost = False
    attempt.place = msgspec.structs.replace(attempt.place, limit_price=chosen.limit_price)
    attempt.sent_ns = moment.now_ns
    item.newest = attempt.place
    item.errors.clear()
    return [Say("close_repriced", f"{item.name}: limit now {chosen.limit_price}"), attempt.place]
