"""The price collar: no limit price that pays far more, or takes far less, than the market's fresh price.

A buy is held against the top of the band, a sell against the bottom; on the other side a limit only waits. The band is
a share of the price's size or a number of ticks, whichever is wider, so that it is right at and below zero too. An
order that waits for a trigger is held against its trigger where that is further in its own direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent, Reference
from engine.core.preflight.listing import Listing
from engine.core.preflight.numbers import number
from engine.core.preflight.prices import has_limit, has_trigger
from engine.core.preflight.settings import Need, Settings
from engine.core.preflight.verdict import Code, Failure
from engine.core.products import Product, product_of
from engine.core.units import ZERO

HUNDRED = Decimal(100)


def check_collar(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    limit = number(intent.limit)
    if settings.collar is Need.OFF or limit is None or not has_limit(intent):
        return
    reference = facts.reference
    fresh = reference is not None and is_fresh(reference, facts.now_ns, settings)
    if reference is None or not fresh:
        if settings.collar is Need.REQUIRED and facts.adds_risk:
            age_ns = None if reference is None else facts.now_ns - reference.at_ns
            code = Code.REFERENCE_MISSING if reference is None else Code.REFERENCE_STALE
            yield Failure(code, age_ns, settings.reference_age_ns_max)
        return
    low, high = band(reference.price, product_of(intent.sec_type), facts.listing, settings)
    trigger = number(intent.aux) if has_trigger(intent) else None
    if trigger is not None:
        low_of_trigger, high_of_trigger = band(trigger, product_of(intent.sec_type), facts.listing, settings)
        low, high = min(low, low_of_trigger), max(high, high_of_trigger)
    if intent.buys and limit > high:
        yield Failure(Code.COLLAR, limit, high)
    elif not intent.buys and limit < low:
        yield Failure(Code.COLLAR, limit, low)


def is_fresh(reference: Reference, now_ns: int, settings: Settings) -> bool:
    """Young enough; one from the future is a fault and no reference."""
    return 0 <= now_ns - reference.at_ns <= settings.reference_age_ns_max


def band(price: Decimal, product: Product, listing: Listing | None, settings: Settings) -> tuple[Decimal, Decimal]:
    """The lowest price a sell may name and the highest of a buy."""
    pct = settings.option_collar_pct if product is Product.OPTIONS else settings.collar_pct
    tick = listing.min_tick if listing and listing.min_tick else ZERO
    width = max(abs(price) * pct / HUNDRED, settings.collar_ticks * tick)
    return price - width, price + width
