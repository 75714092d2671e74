"""Order conditions, from the wire's words to the exchange's. Pure; what is not understood is None, never left out."""

from __future__ import annotations

from engine.core.units import Absent, known
from engine.simulator.exchange.conditions import (
    ChangeIs,
    Condition,
    CushionIs,
    Fact,
    PriceIs,
    TimeIs,
    Traded,
    Trigger,
    VolumeIs,
)
from engine.simulator.server import times
from engine.wire import order as wire

_JOINS = {"a": True, "o": False}
_TRIGGERS = {trigger.value: trigger for trigger in Trigger}


def translated(asked: wire.Condition) -> Condition | None:
    """The exchange's condition, or None for one that makes no sense."""
    fact = _fact(asked)
    and_next = _JOINS.get(asked.conjunction)
    if fact is None or and_next is None:
        return None
    return Condition(fact, and_next)


def _fact(asked: wire.Condition) -> Fact | None:
    if isinstance(asked, wire.ExecutionCondition):
        return Traded(asked.symbol, asked.sec_type) if asked.symbol else None
    is_more = asked.is_more
    if isinstance(is_more, Absent):
        return None
    match asked:
        case wire.TimeCondition():
            at_ns = times.parse_moment(asked.time)
            return None if at_ns is None else TimeIs(is_more, at_ns)
        case wire.MarginCondition():
            percent = known(asked.percent)
            return None if percent is None else CushionIs(is_more, percent)
        case wire.VolumeCondition(con_id=int(con_id), volume=int(volume)):
            return VolumeIs(con_id, is_more, volume)
        case wire.PercentChangeCondition(con_id=int(con_id)):
            change = known(asked.change_pct)
            return None if change is None else ChangeIs(con_id, is_more, change)
        case wire.PriceCondition(con_id=int(con_id), trigger_method=int(method)):
            price = known(asked.price)
            trigger = _TRIGGERS.get(method)
            return None if price is None or trigger is None else PriceIs(con_id, is_more, price, trigger)
    return None
