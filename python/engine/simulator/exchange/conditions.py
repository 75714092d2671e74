"""Order conditions: what an order may wait for, and whether that has come. Pure.

Conditions are read from left to right, each joined to the next by "and" or "or"; "and" binds closer. A fact that cannot
be had (no bid, no price) meets nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

import msgspec

from engine.simulator.exchange.market import Quote


class Trigger(IntEnum):
    """Which price counts, by IBKR's numbers; those that ask for two in a row are taken as one."""

    DEFAULT = 0
    DOUBLE_BID_ASK = 1
    LAST = 2
    DOUBLE_LAST = 3
    BID_ASK = 4
    LAST_OR_BID_ASK = 7
    MIDPOINT = 8


class PriceIs(msgspec.Struct, frozen=True):
    con_id: int
    is_more: bool
    price: Decimal
    trigger: Trigger = Trigger.DEFAULT


class TimeIs(msgspec.Struct, frozen=True):
    is_more: bool
    at_ns: int


class CushionIs(msgspec.Struct, frozen=True):
    """The account's margin cushion, in percent."""

    is_more: bool
    percent: Decimal


class VolumeIs(msgspec.Struct, frozen=True):
    """What has been traded of a contract in its session."""

    con_id: int
    is_more: bool
    volume: int


class ChangeIs(msgspec.Struct, frozen=True):
    """The price against the last session's close, in percent."""

    con_id: int
    is_more: bool
    percent: Decimal


class Traded(msgspec.Struct, frozen=True):
    """The account trades a symbol, after the order was placed."""

    symbol: str
    sec_type: str


Fact: TypeAlias = PriceIs | TimeIs | CushionIs | VolumeIs | ChangeIs | Traded


class Condition(msgspec.Struct, frozen=True):
    """One condition, and how it is joined to the next."""

    fact: Fact
    and_next: bool = True


def watched(conditions: Sequence[Condition]) -> set[int]:
    """The contracts whose markets the conditions look at."""
    return {
        condition.fact.con_id for condition in conditions if isinstance(condition.fact, PriceIs | VolumeIs | ChangeIs)
    }


def are_met(conditions: Sequence[Condition], is_true: Callable[[Fact], bool]) -> bool:
    """Is one of the groups that "or" divides true throughout? Without conditions there is nothing to wait for."""
    group = True
    for condition in conditions:
        group = group and is_true(condition.fact)
        if not condition.and_next:
            if group:
                return True
            group = True
    # a last "or" joins nothing: what stands before it was judged above
    return group and (not conditions or conditions[-1].and_next)


def price_is(fact: PriceIs, quote: Quote) -> bool:
    """Has a price come to where the condition wants it? The bid must rise to it, or the ask fall."""
    side = quote.bid if fact.is_more else quote.ask
    middle = (quote.bid + quote.ask) / 2 if quote.bid is not None and quote.ask is not None else None
    candidates: tuple[Decimal | None, ...]
    match fact.trigger:
        case Trigger.DEFAULT | Trigger.LAST | Trigger.DOUBLE_LAST:
            candidates = (quote.last,)
        case Trigger.BID_ASK | Trigger.DOUBLE_BID_ASK:
            candidates = (side,)
        case Trigger.LAST_OR_BID_ASK:
            candidates = (quote.last, side)
        case Trigger.MIDPOINT:
            candidates = (middle,)
    return any(price is not None and reaches(fact.is_more, price, fact.price) for price in candidates)


def change_is(fact: ChangeIs, quote: Quote) -> bool:
    if quote.close <= 0:
        return False
    return reaches(fact.is_more, (quote.last - quote.close) * 100 / quote.close, fact.percent)


def reaches(is_more: bool, value: Decimal, wanted: Decimal) -> bool:
    """Equal counts, as in TWS's own ">=" and "<="."""
    return value >= wanted if is_more else value <= wanted
