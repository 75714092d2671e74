"""openOrder (5) and completedOrder (101): orders as TWS reports them."""

from __future__ import annotations

from engine.core.contracts import Contract
from engine.wire import replies
from engine.wire.conditions import conditions
from engine.wire.layout import (
    PEGGED_TO_BENCHMARK,
    Layout,
    Part,
    Parts,
    flag,
    inside,
    layout,
    number,
    quantity,
    reference,
    repeated,
    serial,
    serial_reference,
    text,
    version_field,
    when,
    whole,
    worth,
)
from engine.wire.layouts_account import position_contract
from engine.wire.layouts_market import delta_neutral
from engine.wire.order import Order, OrderState
from engine.wire.order_parts import (
    algorithm,
    combo_legs,
    hedge,
    is_any,
    leg_prices,
    pegged_to_benchmark,
    routing_params,
    scale_details,
)


def _main(*, client_id: bool) -> Parts:
    return (
        text("action"),
        quantity("total_quantity"),
        text("order_type"),
        number("lmt_price", "aux_price"),
        text("tif", "oca_group", "account", "open_close"),
        whole("origin"),
        text("order_ref"),
        reference("client_id") if client_id else (),
        serial_reference("perm_id"),
        flag("outside_rth", "hidden"),
        number("discretionary_amt"),
        text("good_after_time"),
    )


def _advisor() -> tuple[Part, ...]:
    return (
        *text("fa_group", "fa_method", "fa_percentage"),
        *text("fa_profile", before=177),
        *text("model_code", since=103),
        *text("good_till_date", "rule_80a"),
        *number("percent_offset"),
        *text("settling_firm"),
        *whole("short_sale_slot"),
        *text("designated_location"),
        *whole("exempt_code"),
    )


_BOX = number("starting_price", "stock_ref_price", "delta", "stock_range_lower", "stock_range_upper")
_VOLATILITY = (
    *number("volatility"),
    *whole("volatility_type"),
    *text("delta_neutral_order_type"),
    *number("delta_neutral_aux_price"),
)
_SHORT_SALE = (
    *flag("delta_neutral_short_sale"),
    *whole("delta_neutral_short_sale_slot"),
    *text("delta_neutral_designated_location"),
)
_PRICING = (*flag("continuous_update"), *whole("reference_price_type"), *number("trail_stop_price", "trailing_percent"))
_PEG_OFFSETS = (
    *whole("min_trade_qty", "min_compete_size", since=170),
    *number("compete_against_best_offset", "mid_offset_at_whole", "mid_offset_at_half", since=170),
)


def _combo_and_scale() -> tuple[Part, ...]:
    return (
        *inside("contract", text("combo_legs_description")),
        *combo_legs(),
        *inside(
            "order",
            leg_prices(number),
            routing_params(),
            whole("scale_init_level_size", "scale_subs_level_size"),
            number("scale_price_increment"),
            scale_details(number),
            hedge(),
        ),
    )


def _margin() -> tuple[Part, ...]:
    return inside(
        "state",
        text("status"),
        worth(
            "init_margin_before",
            "maint_margin_before",
            "equity_with_loan_before",
            "init_margin_change",
            "maint_margin_change",
            "equity_with_loan_change",
            since=142,
        ),
        worth("init_margin_after", "maint_margin_after", "equity_with_loan_after"),
        worth("commission", "min_commission", "max_commission"),
        text("commission_currency", "warning_text"),
    )


def _open_order() -> tuple[Part, ...]:
    return inside(
        "order",
        _main(client_id=True),
        text("shares_allocation"),
        _advisor(),
        whole("auction_strategy"),
        _BOX,
        whole("display_size"),
        flag("block_order", "sweep_to_fill", "all_or_none"),
        whole("min_qty", "oca_type"),
        flag("etrade_only", "firm_quote_only"),
        number("nbbo_price_cap"),
        whole("parent_id", "trigger_method"),
        _VOLATILITY,
        when(
            "delta_neutral_order_type",
            is_any,
            whole("delta_neutral_con_id"),
            text(
                "delta_neutral_settling_firm",
                "delta_neutral_clearing_account",
                "delta_neutral_clearing_intent",
                "delta_neutral_open_close",
            ),
            _SHORT_SALE,
        ),
        _PRICING,
        number("basis_points"),
        whole("basis_points_type"),
        _combo_and_scale(),
        flag("opt_out_smart_routing"),
        text("clearing_account", "clearing_intent"),
        flag("not_held"),
        inside("contract", delta_neutral()),
        algorithm(),
        flag("solicited", "what_if"),
        _margin(),
        flag("randomize_size", "randomize_price"),
        pegged_to_benchmark(number),
        conditions(),
        text("adjusted_order_type", since=PEGGED_TO_BENCHMARK),
        number("trigger_price", since=PEGGED_TO_BENCHMARK),
        repeated(number("trail_stop_price", since=PEGGED_TO_BENCHMARK)),
        number(
            "lmt_price_offset",
            "adjusted_stop_price",
            "adjusted_stop_limit_price",
            "adjusted_trailing_amount",
            since=PEGGED_TO_BENCHMARK,
        ),
        whole("adjustable_trailing_unit", since=PEGGED_TO_BENCHMARK),
        text("soft_dollar_tier_name", "soft_dollar_tier_value", "soft_dollar_tier_display_name", since=106),
        number("cash_qty", since=111),
        flag("dont_use_auto_price_for_hedge", since=141),
        flag("is_oms_container", since=145),
        flag("discretionary_up_to_limit_price", since=148),
        flag("use_price_mgmt_algo", since=151),
        whole("duration", since=158),
        whole("post_to_ats", since=160),
        flag("auto_cancel_parent", since=162),
        _PEG_OFFSETS,
    )


def _completed_order() -> tuple[Part, ...]:
    return inside(
        "order",
        _main(client_id=False),
        _advisor(),
        _BOX,
        whole("display_size"),
        flag("sweep_to_fill", "all_or_none"),
        whole("min_qty", "oca_type", "trigger_method"),
        _VOLATILITY,
        when("delta_neutral_order_type", is_any, whole("delta_neutral_con_id"), _SHORT_SALE),
        _PRICING,
        _combo_and_scale(),
        text("clearing_account", "clearing_intent"),
        flag("not_held"),
        inside("contract", delta_neutral()),
        algorithm(),
        flag("solicited"),
        inside("state", text("status")),
        flag("randomize_size", "randomize_price"),
        pegged_to_benchmark(number),
        conditions(),
        repeated(number("trail_stop_price")),
        number("lmt_price_offset", "cash_qty"),
        flag("dont_use_auto_price_for_hedge", "is_oms_container"),
        text("auto_cancel_date"),
        quantity("filled_quantity"),
        whole("ref_futures_con_id"),
        flag("auto_cancel_parent"),
        text("shareholder"),
        flag("imbalance_only", "route_marketable_to_bbo"),
        whole("parent_perm_id"),
        inside("state", text("completed_time", "completed_status")),
        _PEG_OFFSETS,
    )


REPLIES: tuple[Layout, ...] = (
    layout(
        5,
        replies.OpenOrder,
        version_field("34", before=145),
        serial("order_id"),
        position_contract(),
        _open_order(),
        contract=Contract,
        order=Order,
        state=OrderState,
    ),
    layout(
        101,
        replies.CompletedOrder,
        position_contract(),
        _completed_order(),
        since=150,
        contract=Contract,
        order=Order,
        state=OrderState,
    ),
)
REQUESTS: tuple[Layout, ...] = ()
