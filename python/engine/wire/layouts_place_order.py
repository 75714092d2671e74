"""placeOrder (3): a new order or a modification, the longest request. Nothing before `transmit` varies in length."""

from __future__ import annotations

from engine.core.contracts import Contract
from engine.wire import requests
from engine.wire.conditions import conditions
from engine.wire.layout import (
    FRACTIONS,
    PEGGED_TO_BENCHMARK,
    Layout,
    Part,
    count,
    flag,
    ident,
    inside,
    layout,
    text,
    version_field,
    when,
    whole,
)
from engine.wire.layout import client_number as number
from engine.wire.layouts_market import client_contract, delta_neutral
from engine.wire.order import Order
from engine.wire.order_parts import (
    algorithm,
    combo_legs,
    hedge,
    is_any,
    is_combo,
    is_peg_best,
    is_peg_mid,
    is_up_to_mid,
    leg_prices,
    pegged_to_benchmark,
    routing_params,
    scale_details,
)


def _main() -> tuple[Part, ...]:
    return inside(
        "order",
        text("action"),
        count("total_quantity", before=FRACTIONS),
        number("total_quantity", since=FRACTIONS),
        text("order_type"),
        number("lmt_price", "aux_price"),
        text("tif", "oca_group", "account", "open_close"),
        whole("origin"),
        text("order_ref"),
        flag("transmit"),
        whole("parent_id"),
        flag("block_order", "sweep_to_fill"),
        whole("display_size", "trigger_method"),
        flag("outside_rth", "hidden"),
    )


def _combo() -> Part:
    return when(
        "sec_type", is_combo, combo_legs(), inside("order", leg_prices(number), routing_params()), owner="contract"
    )


def _extended() -> tuple[Part, ...]:
    return inside(
        "order",
        text("shares_allocation"),
        number("discretionary_amt"),
        text("good_after_time", "good_till_date", "fa_group", "fa_method", "fa_percentage"),
        text("fa_profile", before=177),
        text("model_code", since=103),
        whole("short_sale_slot"),
        text("designated_location"),
        whole("exempt_code", "oca_type"),
        text("rule_80a", "settling_firm"),
        flag("all_or_none"),
        whole("min_qty"),
        number("percent_offset"),
        flag("etrade_only", "firm_quote_only"),
        number("nbbo_price_cap"),
        whole("auction_strategy"),
        number("starting_price", "stock_ref_price", "delta", "stock_range_lower", "stock_range_upper"),
        flag("override_percentage_constraints"),
    )


def _volatility() -> tuple[Part, ...]:
    return inside(
        "order",
        number("volatility"),
        whole("volatility_type"),
        text("delta_neutral_order_type"),
        number("delta_neutral_aux_price"),
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
            flag("delta_neutral_short_sale"),
            whole("delta_neutral_short_sale_slot"),
            text("delta_neutral_designated_location"),
        ),
        flag("continuous_update"),
        whole("reference_price_type"),
        number("trail_stop_price", "trailing_percent"),
    )


def _scale_and_clearing() -> tuple[Part, ...]:
    return (
        *inside(
            "order",
            whole("scale_init_level_size", "scale_subs_level_size"),
            number("scale_price_increment"),
            scale_details(number),
            text("scale_table", "active_start_time", "active_stop_time"),
            hedge(),
            flag("opt_out_smart_routing"),
            text("clearing_account", "clearing_intent"),
            flag("not_held"),
        ),
        *inside("contract", delta_neutral(number)),
    )


def _algorithm_and_pegs() -> tuple[Part, ...]:
    return inside(
        "order",
        algorithm(),
        text("algo_id"),
        flag("what_if"),
        text("misc_options"),
        flag("solicited", "randomize_size", "randomize_price"),
        pegged_to_benchmark(number),
        conditions(),
        text("adjusted_order_type", since=PEGGED_TO_BENCHMARK),
        number(
            "trigger_price",
            "lmt_price_offset",
            "adjusted_stop_price",
            "adjusted_stop_limit_price",
            "adjusted_trailing_amount",
            since=PEGGED_TO_BENCHMARK,
        ),
        whole("adjustable_trailing_unit", since=PEGGED_TO_BENCHMARK),
    )


def _later_additions() -> tuple[Part, ...]:
    mid_offsets = number("mid_offset_at_whole", "mid_offset_at_half")
    return (
        *inside(
            "order",
            text("ext_operator", since=105),
            text("soft_dollar_tier_name", "soft_dollar_tier_value", since=106),
            number("cash_qty", since=111),
            text("mifid2_decision_maker", "mifid2_decision_algo", since=138),
            text("mifid2_execution_trader", "mifid2_execution_algo", since=139),
            flag("dont_use_auto_price_for_hedge", since=141),
            flag("is_oms_container", since=145),
            flag("discretionary_up_to_limit_price", since=148),
            flag("use_price_mgmt_algo", since=151),
            whole("duration", since=158),
            whole("post_to_ats", since=160),
            flag("auto_cancel_parent", since=162),
            text("advanced_error_override", since=166),
            text("manual_order_time", since=169),
        ),
        when("exchange", "IBKRATS".__eq__, inside("order", whole("min_trade_qty")), since=170, owner="contract"),
        *inside(
            "order",
            when(
                "order_type",
                is_peg_best,
                whole("min_compete_size"),
                number("compete_against_best_offset"),
                when("compete_against_best_offset", is_up_to_mid, mid_offsets),
                since=170,
            ),
            when("order_type", is_peg_mid, mid_offsets, since=170),
        ),
    )


PLACE_ORDER = layout(
    3,
    requests.PlaceOrder,
    version_field("45", before=145),
    ident("order_id"),
    client_contract(number),
    inside("contract", text("sec_id_type", "sec_id")),
    _main(),
    _combo(),
    _extended(),
    _volatility(),
    _scale_and_clearing(),
    _algorithm_and_pegs(),
    _later_additions(),
    contract=Contract,
    order=Order,
)

REPLIES: tuple[Layout, ...] = ()
REQUESTS: tuple[Layout, ...] = (PLACE_ORDER,)
