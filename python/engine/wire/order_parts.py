"""Groups of order fields that placeOrder, openOrder and completedOrder share, and the tests that decide on them."""

from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import ComboLeg, TagValue
from engine.core.units import known
from engine.wire.layout import (
    PEGGED_TO_BENCHMARK,
    Helper,
    Part,
    Repeat,
    flag,
    inside,
    reference,
    text,
    when,
    whole,
)

_TAG_VALUE = text("tag", "value")


def is_any(value: str) -> bool:
    """The text is not empty. TWS writes "None" for "no delta-neutral order", which counts as text."""
    return value != ""


def is_combo(sec_type: str) -> bool:
    """Only combinations (BAG) carry legs."""
    return sec_type == "BAG"


def is_positive(value: object) -> bool:
    """A number that is there and above zero."""
    return isinstance(value, Decimal) and known(value) is not None and value > 0


def is_peg_bench(order_type: str) -> bool:
    return order_type in ("PEG BENCH", "PEGBENCH")


def is_peg_best(order_type: str) -> bool:
    return order_type in ("PEG BEST", "PEGBEST")


def is_peg_mid(order_type: str) -> bool:
    return order_type in ("PEG MID", "PEGMID")


def is_up_to_mid(offset: object) -> bool:
    """An infinite offset means "compete up to the midpoint"."""
    return offset == Decimal("Infinity")


def combo_legs() -> tuple[Part, ...]:
    return inside(
        "contract",
        Repeat(
            "combo_legs",
            ComboLeg,
            (
                *reference("con_id", "ratio"),
                *text("action", "exchange"),
                *whole("open_close", "short_sale_slot"),
                *text("designated_location"),
                *whole("exempt_code"),
            ),
        ),
    )


def leg_prices(number: Helper) -> Part:
    return Repeat("order_combo_leg_prices", None, number("price"))


def routing_params() -> Part:
    return Repeat("smart_combo_routing_params", TagValue, _TAG_VALUE)


def scale_details(number: Helper) -> Part:
    """Sent only with a positive price increment."""
    return when(
        "scale_price_increment",
        is_positive,
        number("scale_price_adjust_value"),
        whole("scale_price_adjust_interval"),
        number("scale_profit_offset"),
        flag("scale_auto_reset"),
        whole("scale_init_position", "scale_init_fill_qty"),
        flag("scale_random_percent"),
    )


def hedge() -> tuple[Part, ...]:
    return (*text("hedge_type"), when("hedge_type", is_any, text("hedge_param")))


def algorithm() -> tuple[Part, ...]:
    return (
        *text("algo_strategy"),
        when("algo_strategy", is_any, Repeat("algo_params", TagValue, _TAG_VALUE)),
    )


def pegged_to_benchmark(number: Helper) -> Part:
    return when(
        "order_type",
        is_peg_bench,
        whole("reference_contract_id"),
        flag("is_pegged_change_amount_decrease"),
        number("pegged_change_amount", "reference_change_amount"),
        text("reference_exchange_id"),
        since=PEGGED_TO_BENCHMARK,
    )
