"""Random replies of every kind, over random values. What a message or a version does not carry is left out, so that
everything in a sample must arrive."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from conformance.order_samples import FAMILIES
from conformance.samples import Dice, fields_of
from engine.core.contracts import Contract
from engine.core.units import BLANK
from engine.wire import replies as r
from engine.wire.order import Order, OrderState
from engine.wire.replies import Reply

AVAILABLE_SINCE: dict[type[Reply], int] = {
    r.PositionMulti: 103,
    r.PositionMultiEnd: 103,
    r.AccountUpdateMulti: 103,
    r.AccountUpdateMultiEnd: 103,
    r.MarketRule: 126,
    r.PnL: 127,
    r.PnLSingle: 127,
    r.OrderBound: 144,
    r.HistoricalDataUpdate: 124,
    r.HeadTimestamp: 118,
    r.OptionParameters: 104,
    r.OptionParametersEnd: 104,
    r.CompletedOrder: 150,
    r.CompletedOrdersEnd: 150,
}
KINDS = tuple(kind for kind in Reply.__subclasses__() if kind.__module__ == r.__name__ and kind is not r.UnknownReply)

_CONTRACT = frozenset(
    {
        "con_id",
        "symbol",
        "sec_type",
        "last_trade_date",
        "strike",
        "right",
        "multiplier",
        "exchange",
        "currency",
        "local_symbol",
        "trading_class",
    }
)
_CONTRACT_IN: dict[type[Reply], frozenset[str]] = {
    r.PortfolioValue: _CONTRACT - {"exchange"} | {"primary_exchange"},
    r.ContractDetails: _CONTRACT | {"primary_exchange"},
    r.BondDetails: frozenset({"symbol", "sec_type", "exchange", "currency", "trading_class", "con_id"}),
    r.OpenOrder: _CONTRACT | {"combo_legs_description"},
    r.CompletedOrder: _CONTRACT | {"combo_legs_description"},
}

# placeOrder fields that TWS never repeats, in neither of the two messages about orders
_PLACED_ONLY = frozenset(
    {
        "transmit",
        "override_percentage_constraints",
        "scale_table",
        "active_start_time",
        "active_stop_time",
        "algo_id",
        "misc_options",
        "ext_operator",
        "mifid2_decision_maker",
        "mifid2_decision_algo",
        "mifid2_execution_trader",
        "mifid2_execution_algo",
        "advanced_error_override",
        "manual_order_time",
        "shares_allocation",
    }
)
_COMPLETED_ONLY = frozenset(
    {
        "auto_cancel_date",
        "filled_quantity",
        "ref_futures_con_id",
        "shareholder",
        "imbalance_only",
        "route_marketable_to_bbo",
        "parent_perm_id",
    }
)
_OPEN_ONLY = frozenset(
    {
        "client_id",
        "auction_strategy",
        "block_order",
        "etrade_only",
        "firm_quote_only",
        "nbbo_price_cap",
        "parent_id",
        "basis_points",
        "basis_points_type",
        "opt_out_smart_routing",
        "what_if",
        "adjusted_order_type",
        "trigger_price",
        "adjusted_stop_price",
        "adjusted_stop_limit_price",
        "adjusted_trailing_amount",
        "adjustable_trailing_unit",
        "soft_dollar_tier_name",
        "soft_dollar_tier_value",
        "soft_dollar_tier_display_name",
        "discretionary_up_to_limit_price",
        "use_price_mgmt_algo",
        "duration",
        "post_to_ats",
        "delta_neutral_settling_firm",
        "delta_neutral_clearing_account",
        "delta_neutral_clearing_intent",
        "delta_neutral_open_close",
    }
)
_ORDER_FIRST_VERSION = {
    "model_code": 103,
    "soft_dollar_tier_name": 106,
    "soft_dollar_tier_value": 106,
    "soft_dollar_tier_display_name": 106,
    "cash_qty": 111,
    "dont_use_auto_price_for_hedge": 141,
    "is_oms_container": 145,
    "discretionary_up_to_limit_price": 148,
    "use_price_mgmt_algo": 151,
    "duration": 158,
    "post_to_ats": 160,
    "auto_cancel_parent": 162,
    "min_trade_qty": 170,
    "min_compete_size": 170,
    "compete_against_best_offset": 170,
    "mid_offset_at_whole": 170,
    "mid_offset_at_half": 170,
    **dict.fromkeys(
        (
            "conditions",
            "adjusted_order_type",
            "trigger_price",
            "lmt_price_offset",
            "adjusted_stop_price",
            "adjusted_stop_limit_price",
            "adjusted_trailing_amount",
            "adjustable_trailing_unit",
        ),
        102,
    ),
}
_SCALE_DETAILS = frozenset(
    {
        "scale_price_adjust_value",
        "scale_price_adjust_interval",
        "scale_profit_offset",
        "scale_auto_reset",
        "scale_init_position",
        "scale_init_fill_qty",
        "scale_random_percent",
    }
)
_PEG_BENCH = frozenset(
    {
        "reference_contract_id",
        "is_pegged_change_amount_decrease",
        "pegged_change_amount",
        "reference_change_amount",
        "reference_exchange_id",
    }
)
_DELTA_NEUTRAL = frozenset(info.name for info in fields_of(Order) if info.name.startswith("delta_neutral_")) - {
    "delta_neutral_order_type",
    "delta_neutral_aux_price",
}
_STATE_OF_COMPLETED = frozenset({"status", "completed_time", "completed_status"})
_MARGIN_SINCE_142 = frozenset(
    {
        "init_margin_before",
        "maint_margin_before",
        "equity_with_loan_before",
        "init_margin_change",
        "maint_margin_change",
        "equity_with_loan_change",
    }
)


SINCE = {
    "mkt_cap_price": 131,
    "advanced_reject_json": 166,
    "time_ms": 194,
    "last_liquidity": 136,
    "pending_price_revision": 178,
    "unrealized": 129,
    "realized": 135,
    "agg_group": 121,
    "under_symbol": 122,
    "under_sec_type": 122,
    "market_rule_ids": 126,
    "real_expiration_date": 134,
    "stock_type": 152,
    "min_size": 164,
    "size_increment": 164,
    "suggested_size_increment": 163,
}


def reply(dice: Dice, kind: type[Reply], version: int) -> Reply:
    """A reply of this kind as TWS at this version could send it."""
    values = dice.fill(kind, skip=frozenset(name for name, since in SINCE.items() if version < since))
    if any(info.type is Contract for info in fields_of(kind)):
        values["contract"] = _contract(dice, kind)
    match kind:
        case r.OpenOrder | r.CompletedOrder:
            values.update(_order_and_state(dice, kind, version, values["contract"]))
        case r.TickPrice:
            values.update(tick_type=dice.choice((1, 2, 4, 6, 66, 67, 68)), attributes=dice.randint(0, 7))
        case r.ErrorMessage:
            values["req_id"] = dice.choice((-1, 1, 77))
            if values.get("advanced_reject_json"):
                values["advanced_reject_json"] = '{"rejectCode": 7}'
        case r.Execution:
            if version < 103:
                values.pop("model_code")
            values["time"] = f"202611{dice.randint(10, 28)} 0{dice.randint(0, 9)}:30:{dice.randint(10, 59)} UTC"
        case r.ManagedAccounts:
            values["accounts"] = tuple(f"DU{dice.randint(1, 10**7)}" for _ in range(dice.randint(1, 4)))
        case r.MarketRule:
            steps = (r.PriceIncrement(dice.known_number(), dice.known_number()) for _ in range(dice.randint(0, 4)))
            values["increments"] = tuple(steps)
        case r.HistoricalData:
            values["bars"] = tuple(_bar(dice) for _ in range(dice.randint(0, 4)))
        case r.HistoricalDataUpdate:  # TWS leaves no price out, and clients do not expect it to
            values.update({name: dice.known_number() for name in ("open", "high", "low", "close", "average", "volume")})
            values["count"] = dice.known_whole()
        case r.OptionParameters:
            values["expirations"] = tuple(
                sorted({f"2026{dice.randint(1001, 1230)}" for _ in range(dice.randint(0, 3))})
            )
            values["strikes"] = tuple(sorted({abs(dice.known_number()) for _ in range(dice.randint(0, 3))}))
        case r.ContractDetails | r.BondDetails:
            _details(dice, kind, version, values)
    return kind(**values)


def _bar(dice: Dice) -> r.Bar:
    """A bar with every number, as TWS sends them."""
    numbers = ("open", "high", "low", "close", "volume", "average")
    return r.Bar(date=dice.word(), count=dice.known_whole(), **{name: dice.known_number() for name in numbers})


def _details(dice: Dice, kind: type[Reply], version: int, values: dict[str, Any]) -> None:
    values["ev_multiplier"] = dice.choice(("", "0", "10"))  # whole in IBKR's clients
    values.pop("md_size_multiplier")  # every client throws it away
    if kind is r.BondDetails:
        values["maturity"] = dice.choice(("20301115", ""))
        if version == 163:
            values.pop("suggested_size_increment")  # bonds got all three sizes at once
        return
    values["last_trade_time"] = dice.choice(("", "08:30")) if values["contract"].last_trade_date else ""


def contract_fields(message: type[Reply]) -> frozenset[str]:
    """The contract's fields, legs aside, that this message carries."""
    return _CONTRACT_IN.get(message, _CONTRACT)


def _contract(dice: Dice, kind: type[Reply]) -> Contract:
    kept = contract_fields(kind)
    values = {name: value for name, value in dice.fill(Contract).items() if name in kept}
    shaped = {
        "sec_type": dice.choice(("STK", "FUT", "OPT", "FOP", "CASH", "BAG")),
        "right": dice.choice(("", "C", "P")),
        "last_trade_date": dice.choice(("", "20261218", "202612")),
        "multiplier": dice.choice(("", "50", "100", "0.1")),
    }
    values.update({name: value for name, value in shaped.items() if name in kept})
    return Contract(**values)


def order_fields(message: type[Reply], version: int) -> frozenset[str]:
    """The order's fields that openOrder or completedOrder carries at this version."""
    completed = message is r.CompletedOrder
    absent = _PLACED_ONLY | (_OPEN_ONLY if completed else _COMPLETED_ONLY)
    for name, since in _ORDER_FIRST_VERSION.items():
        if version < since and not (completed and name == "auto_cancel_parent"):  # completedOrder had it from its start
            absent |= {name}
    if version > 176:
        absent |= {"fa_profile"}
    return frozenset(info.name for info in fields_of(Order)) - absent


def conditional_fields(order: Order) -> frozenset[str]:
    """The fields that this order leaves out, because what they belong to is not there."""
    left_out: set[str] = set()
    if not order.hedge_type:
        left_out.add("hedge_param")
    if not order.delta_neutral_order_type:
        left_out |= _DELTA_NEUTRAL
    if not (isinstance(order.scale_price_increment, Decimal) and order.scale_price_increment > 0):
        left_out |= _SCALE_DETAILS
    if order.order_type not in ("PEG BENCH", "PEGBENCH"):
        left_out |= _PEG_BENCH
    if not order.conditions:
        left_out |= {"conditions_ignore_rth", "conditions_cancel_order"}
    return frozenset(left_out)


def _order_and_state(dice: Dice, kind: type[Reply], version: int, bare: Contract) -> dict[str, Any]:
    carried = order_fields(kind, version)
    absent = frozenset(info.name for info in fields_of(Order)) - carried
    order = dice.fill(Order, density_pct=dice.choice((5, 50, 100)), skip=absent)
    order.update(
        action=dice.choice(("BUY", "SELL")),
        order_type=dice.choice(("MKT", "LMT", "STP", "TRAIL")),
        total_quantity=abs(dice.known_number()),
        scale_price_increment=BLANK,
    )
    order.update(dict.fromkeys(("hedge_type", "algo_strategy", "delta_neutral_order_type"), ""))
    order.update(dict.fromkeys(("algo_params", "smart_combo_routing_params"), ()))
    shaped = {info.name: getattr(bare, info.name) for info in fields_of(Contract)}
    FAMILIES[dice.choice(sorted(FAMILIES))](dice, order, shaped)
    order = {name: value for name, value in order.items() if name in carried}
    if version < 102 and order["order_type"] in ("PEG BENCH", "PEGBENCH"):
        order["order_type"] = "LMT"
    for name in conditional_fields(Order(**order)):
        order.pop(name, None)
    if kind is r.CompletedOrder:
        states = _STATE_OF_COMPLETED
    else:
        states = frozenset(info.name for info in fields_of(OrderState)) - {"completed_time", "completed_status"}
        states -= _MARGIN_SINCE_142 if version < 142 else frozenset()
    state = {name: value for name, value in dice.fill(OrderState).items() if name in states}
    return {"contract": Contract(**shaped), "order": Order(**order), "state": OrderState(**state)}
