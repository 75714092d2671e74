"""Order conditions: each kind by its number, with its fields. The same in placeOrder, openOrder and completedOrder."""

from __future__ import annotations

import msgspec

from engine.wire.layout import PEGGED_TO_BENCHMARK, Field, Part, Tagged, flag, number, text, when, whole
from engine.wire.order import (
    ExecutionCondition,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)

_LEAD = (*text("conjunction"), *flag("is_more"))
_CONTRACT = (*whole("con_id"), *text("exchange"))

_VARIANTS: dict[int, tuple[type[msgspec.Struct], tuple[Field, ...]]] = {
    1: (PriceCondition, (*_LEAD, *number("price"), *_CONTRACT, *whole("trigger_method"))),
    3: (TimeCondition, (*_LEAD, *text("time"))),
    4: (MarginCondition, (*_LEAD, *number("percent"))),
    5: (ExecutionCondition, text("conjunction", "sec_type", "exchange", "symbol")),
    6: (VolumeCondition, (*_LEAD, *whole("volume"), *_CONTRACT)),
    7: (PercentChangeCondition, (*_LEAD, *number("change_pct"), *_CONTRACT)),
}


def conditions() -> tuple[Part, ...]:
    """The conditions and, if there are any, what they apply to."""
    return (
        Tagged("conditions", _VARIANTS, since=PEGGED_TO_BENCHMARK),
        when("conditions", bool, flag("conditions_ignore_rth", "conditions_cancel_order"), since=PEGGED_TO_BENCHMARK),
    )
