"""Whose order is it, and in what: account, contract, allowed symbols, expiry, market hours."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from engine.core.hours import Market, market_at
from engine.core.preflight.checks_state import previews
from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent
from engine.core.preflight.listing import Listing
from engine.core.preflight.prices import has_limit
from engine.core.preflight.settings import SECOND_NS, Need, Settings
from engine.core.preflight.verdict import Code, Failure
from engine.core.products import Product

DAY_NS = 86_400 * SECOND_NS
LAST_ZONE_NS = 12 * 3600 * SECOND_NS  # where a day ends last, twelve hours behind UTC


def check_account(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """The account is one of this login's, and the order is for an account and not for a group of them."""
    if intent.special is not None and intent.special.allocation:
        yield Failure(Code.ALLOCATION, intent.special.allocation, None)
    elif intent.account not in facts.accounts:
        yield Failure(Code.ACCOUNT_NOT_IN_LOGIN, intent.account, ", ".join(facts.accounts))


def check_contract(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """What would be traded is known: by its id, and of a combination every leg."""
    combination, listing = intent.sec_type == "BAG", facts.listing
    if not combination and intent.con_id <= 0:
        yield Failure(Code.CONTRACT_UNKNOWN, intent.con_id, None)
    if listing is not None and (listing.sec_type, listing.symbol) != (intent.sec_type, intent.symbol):
        said, is_one = f"{intent.symbol} {intent.sec_type}", f"{listing.symbol} {listing.sec_type}"
        yield Failure(Code.CONTRACT_CONTRADICTS, said, is_one)
    if not combination:
        return
    legs = intent.special.legs if intent.special else ()
    if not legs or len({leg.con_id for leg in legs}) < len(legs):
        yield Failure(Code.LEGS_UNKNOWN, len(legs), None)
    listed = {one.con_id for one in facts.touched if one.listing is not None}
    for leg in legs:
        if leg.con_id <= 0 or leg.ratio <= 0 or (facts.touched and leg.con_id not in listed):
            yield Failure(Code.LEGS_UNKNOWN, leg.con_id, None, about=f"contract {leg.con_id}")


def check_symbol(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Only for orders that could add risk: what is blocked can still be closed."""
    if not facts.adds_risk:
        return
    for symbol in sorted({intent.symbol, *(one.listing.symbol for one in facts.touched if one.listing)}):
        if settings.allowed_symbols and symbol not in settings.allowed_symbols:
            yield Failure(Code.SYMBOL_NOT_ALLOWED, symbol, ", ".join(sorted(settings.allowed_symbols)))
        if symbol in settings.blocked_symbols:
            yield Failure(Code.SYMBOL_BLOCKED, symbol, None)


def check_expiry(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Of what expires: not over, and with as many days left as the settings ask for."""
    if settings.expiry is Need.OFF or not facts.adds_risk:
        return
    for one in facts.touched:
        if one.product not in (Product.FUTURES, Product.OPTIONS):
            continue
        text = one.listing.last_trade_date if one.listing else ""
        over_ns = last_trade_day_ends_ns(text)
        if over_ns is None:
            if settings.expiry is Need.REQUIRED or settings.expiry_days_min > 0:
                yield Failure(Code.EXPIRY_UNKNOWN, text, None, about=f"contract {one.con_id}")
        elif facts.market_ns >= over_ns:
            yield Failure(Code.EXPIRED, text, None, about=f"contract {one.con_id}")
        elif facts.market_ns >= over_ns - settings.expiry_days_min * DAY_NS:
            yield Failure(Code.EXPIRES_SOON, text, settings.expiry_days_min, about=f"contract {one.con_id}")


def last_trade_day_ends_ns(text: str) -> int | None:
    """When the last trading day is over wherever on earth the exchange is; of a month, its last day."""
    if not (text.isascii() and text.isdigit() and len(text) in (6, 8)):
        return None
    year, month = int(text[:4]), int(text[4:6])
    try:
        day = int(text[6:]) if len(text) == 8 else calendar.monthrange(year, month)[1]
        midnight = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):  # no such day
        return None
    return int(midnight.timestamp()) * SECOND_NS + LAST_ZONE_NS


def check_session(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Is the market open? When known: no order without a limit while it is closed. Required: no order unless open."""
    strict = settings.session is Need.REQUIRED
    if settings.session is Need.OFF or previews(intent) or not facts.adds_risk:
        return
    if not strict and has_limit(intent):
        return
    for one in facts.touched:
        market = market_of(one.listing, one.product, intent.outside_rth, facts.market_ns)
        if market is Market.CLOSED:
            yield Failure(Code.MARKET_CLOSED, "closed", "open", about=f"contract {one.con_id}")
        elif market is Market.UNKNOWN and strict:
            yield Failure(Code.SESSION_UNKNOWN, "unknown", "open", about=f"contract {one.con_id}")


def market_of(listing: Listing | None, product: Product, outside_rth: bool, now_ns: int) -> Market:
    """Open for this order: futures whenever they trade, the rest in regular hours unless it says otherwise."""
    if listing is None:
        return Market.UNKNOWN
    whole_day = product is Product.FUTURES or (outside_rth and product is not Product.OPTIONS)
    hours = listing.trading_hours if whole_day else listing.liquid_hours
    return market_at(hours, listing.time_zone_id, now_ns // SECOND_NS)
