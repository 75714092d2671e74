"""An order as the TWS protocol carries it: every field of placeOrder, openOrder and completedOrder.

Defaults are those of a plain order as the public clients send it. Numbers that a client leaves out are
`BLANK` (an empty field) or `UNSET` (IBKR's sentinel): never zero.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from engine.core.contracts import TagValue
from engine.core.units import BLANK, Flag, Number, Whole


class PriceCondition(msgspec.Struct, frozen=True, tag=1):
    """Triggers on the price of a contract."""

    conjunction: str  # "a" and, "o" or
    is_more: Flag
    price: Number
    con_id: Whole
    exchange: str
    trigger_method: Whole


class TimeCondition(msgspec.Struct, frozen=True, tag=3):
    """Triggers at a time."""

    conjunction: str
    is_more: Flag
    time: str


class MarginCondition(msgspec.Struct, frozen=True, tag=4):
    """Triggers on the margin cushion, in percent."""

    conjunction: str
    is_more: Flag
    percent: Number


class ExecutionCondition(msgspec.Struct, frozen=True, tag=5):
    """Triggers on an execution in a symbol."""

    conjunction: str
    sec_type: str
    exchange: str
    symbol: str


class VolumeCondition(msgspec.Struct, frozen=True, tag=6):
    """Triggers on the volume of a contract."""

    conjunction: str
    is_more: Flag
    volume: Whole
    con_id: Whole
    exchange: str


class PercentChangeCondition(msgspec.Struct, frozen=True, tag=7):
    """Triggers on the price change of a contract, in percent."""

    conjunction: str
    is_more: Flag
    change_pct: Number
    con_id: Whole
    exchange: str


Condition: TypeAlias = (
    PriceCondition | TimeCondition | MarginCondition | ExecutionCondition | VolumeCondition | PercentChangeCondition
)


class Order(msgspec.Struct, frozen=True):
    """One order. Build it by keyword; the order of its attributes may change.

    `total_quantity` is never negative: the side is in `action` (BUY, SELL, SSHORT)."""

    action: str = ""
    total_quantity: Number = Decimal(0)
    order_type: str = ""
    lmt_price: Number = BLANK
    aux_price: Number = BLANK
    tif: str = ""
    oca_group: str = ""
    account: str = ""
    open_close: str = ""
    origin: Whole = 0
    order_ref: str = ""
    transmit: Flag = True
    parent_id: Whole = 0
    block_order: Flag = False
    sweep_to_fill: Flag = False
    display_size: Whole = 0
    trigger_method: Whole = 0
    outside_rth: Flag = False
    hidden: Flag = False
    # known to the broker only
    client_id: int = 0
    perm_id: int = 0
    # combinations
    order_combo_leg_prices: tuple[Number, ...] = ()
    smart_combo_routing_params: tuple[TagValue, ...] = ()
    # extended
    shares_allocation: str = ""  # deprecated, always sent
    discretionary_amt: Number = Decimal(0)
    good_after_time: str = ""
    good_till_date: str = ""
    fa_group: str = ""
    fa_method: str = ""
    fa_percentage: str = ""
    fa_profile: str = ""  # below 177
    model_code: str = ""
    short_sale_slot: Whole = 0
    designated_location: str = ""
    exempt_code: Whole = -1
    oca_type: Whole = 0
    rule_80a: str = ""
    settling_firm: str = ""
    all_or_none: Flag = False
    min_qty: Whole = BLANK
    percent_offset: Number = BLANK
    etrade_only: Flag = False
    firm_quote_only: Flag = False
    nbbo_price_cap: Number = BLANK
    auction_strategy: Whole = 0
    starting_price: Number = BLANK
    stock_ref_price: Number = BLANK
    delta: Number = BLANK
    stock_range_lower: Number = BLANK
    stock_range_upper: Number = BLANK
    override_percentage_constraints: Flag = False
    # volatility
    volatility: Number = BLANK
    volatility_type: Whole = BLANK
    delta_neutral_order_type: str = ""
    delta_neutral_aux_price: Number = BLANK
    delta_neutral_con_id: Whole = 0
    delta_neutral_settling_firm: str = ""
    delta_neutral_clearing_account: str = ""
    delta_neutral_clearing_intent: str = ""
    delta_neutral_open_close: str = ""
    delta_neutral_short_sale: Flag = False
    delta_neutral_short_sale_slot: Whole = 0
    delta_neutral_designated_location: str = ""
    continuous_update: Flag = False
    reference_price_type: Whole = BLANK
    trail_stop_price: Number = BLANK
    trailing_percent: Number = BLANK
    basis_points: Number = BLANK
    basis_points_type: Whole = BLANK
    # scale
    scale_init_level_size: Whole = BLANK
    scale_subs_level_size: Whole = BLANK
    scale_price_increment: Number = BLANK
    scale_price_adjust_value: Number = BLANK
    scale_price_adjust_interval: Whole = BLANK
    scale_profit_offset: Number = BLANK
    scale_auto_reset: Flag = False
    scale_init_position: Whole = BLANK
    scale_init_fill_qty: Whole = BLANK
    scale_random_percent: Flag = False
    scale_table: str = ""
    active_start_time: str = ""
    active_stop_time: str = ""
    # hedge, routing, clearing
    hedge_type: str = ""
    hedge_param: str = ""
    opt_out_smart_routing: Flag = False
    clearing_account: str = ""
    clearing_intent: str = ""
    not_held: Flag = False
    # algorithms
    algo_strategy: str = ""
    algo_params: tuple[TagValue, ...] = ()
    algo_id: str = ""
    what_if: Flag = False
    misc_options: str = ""  # "tag=value;" pairs joined, as the official clients send them
    solicited: Flag = False
    randomize_size: Flag = False
    randomize_price: Flag = False
    # pegged to benchmark
    reference_contract_id: Whole = 0
    is_pegged_change_amount_decrease: Flag = False
    pegged_change_amount: Number = Decimal(0)
    reference_change_amount: Number = Decimal(0)
    reference_exchange_id: str = ""
    # conditions
    conditions: tuple[Condition, ...] = ()
    conditions_ignore_rth: Flag = False
    conditions_cancel_order: Flag = False
    # adjusted orders
    adjusted_order_type: str = ""
    trigger_price: Number = BLANK
    lmt_price_offset: Number = BLANK
    adjusted_stop_price: Number = BLANK
    adjusted_stop_limit_price: Number = BLANK
    adjusted_trailing_amount: Number = BLANK
    adjustable_trailing_unit: Whole = 0
    ext_operator: str = ""
    soft_dollar_tier_name: str = ""
    soft_dollar_tier_value: str = ""
    soft_dollar_tier_display_name: str = ""
    cash_qty: Number = BLANK
    mifid2_decision_maker: str = ""
    mifid2_decision_algo: str = ""
    mifid2_execution_trader: str = ""
    mifid2_execution_algo: str = ""
    dont_use_auto_price_for_hedge: Flag = False
    is_oms_container: Flag = False
    discretionary_up_to_limit_price: Flag = False
    use_price_mgmt_algo: Flag = BLANK
    duration: Whole = BLANK  # >= 158
    post_to_ats: Whole = BLANK  # >= 160
    auto_cancel_parent: Flag = False  # >= 162
    advanced_error_override: str = ""  # >= 166
    manual_order_time: str = ""  # >= 169
    min_trade_qty: Whole = BLANK  # >= 170 from here
    min_compete_size: Whole = BLANK
    compete_against_best_offset: Number = BLANK
    mid_offset_at_whole: Number = BLANK
    mid_offset_at_half: Number = BLANK
    # completed orders only
    auto_cancel_date: str = ""
    filled_quantity: Number = BLANK
    ref_futures_con_id: Whole = 0
    shareholder: str = ""
    imbalance_only: Flag = False
    route_marketable_to_bbo: Flag = False
    parent_perm_id: Whole = 0


class OrderState(msgspec.Struct, frozen=True):
    """What TWS says about an order beside the order: status, margin effect, commission."""

    status: str = ""
    init_margin_before: Number = BLANK
    maint_margin_before: Number = BLANK
    equity_with_loan_before: Number = BLANK
    init_margin_change: Number = BLANK
    maint_margin_change: Number = BLANK
    equity_with_loan_change: Number = BLANK
    init_margin_after: Number = BLANK
    maint_margin_after: Number = BLANK
    equity_with_loan_after: Number = BLANK
    commission: Number = BLANK
    min_commission: Number = BLANK
    max_commission: Number = BLANK
    commission_currency: str = ""
    warning_text: str = ""
    completed_time: str = ""
    completed_status: str = ""
