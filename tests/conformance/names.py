"""What each client calls what we call it: the one name table, and what each client cannot say or does differently.

Only names and differences, with the reason for each. How a request becomes a client's call is in speech.py, how a
client's callback is compared with our reply is in hearing.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Family(Enum):
    """Clients that share their objects, their callbacks and most of their habits."""

    INSYNC = "insync"  # dataclasses; None and the unset constants are written as blanks
    IBAPI = "ibapi"  # IBKR's own; None raises, the unset constants are blank in some fields and spelled out in others
    STOQEY = "stoqey"  # plain objects; what is undefined is blank


@dataclass(frozen=True, kw_only=True)
class Client:
    """One client, the versions it speaks (of the text protocol), and what it cannot carry from us to the wire.

    `never_sent`: order fields it has no way to send; they stay at our default in what we compare.
    """

    name: str
    family: Family
    version_min: int
    version_max: int
    never_sent: frozenset[str] = frozenset()

    @property
    def versions(self) -> range:
        return range(self.version_min, self.version_max + 1)


# shares_allocation has been deprecated for twenty years: every client writes a blank for it.
_DEPRECATED = frozenset({"shares_allocation"})
# IBKR's newer client has dropped these: it writes 0, 0, blank and blank whatever the user says.
_DROPPED = frozenset({"etrade_only", "firm_quote_only", "nbbo_price_cap", "fa_profile"})

IB_ASYNC = Client(name="ib_async", family=Family.INSYNC, version_min=157, version_max=178, never_sent=_DEPRECATED)
IB_INSYNC = Client(name="ib_insync", family=Family.INSYNC, version_min=157, version_max=176, never_sent=_DEPRECATED)
NAUTILUS = Client(
    name="nautilus-ibapi", family=Family.IBAPI, version_min=100, version_max=178, never_sent=_DEPRECATED | _DROPPED
)
IBAPI_9 = Client(name="ibapi", family=Family.IBAPI, version_min=100, version_max=157, never_sent=_DEPRECATED)
STOQEY = Client(
    name="stoqey",
    family=Family.STOQEY,
    version_min=100,
    version_max=178,
    # its decoder knows fa_profile, its encoder writes a blank; misc options are written as "[object Object]"
    never_sent=_DEPRECATED | {"fa_profile", "misc_options"},
)

# Camel case is the rule; these are the exceptions to it.
_EVERYWHERE = {
    "last_trade_date": "lastTradeDateOrContractMonth",
    "delta_neutral": "deltaNeutralContract",
    "rule_80a": "rule80A",
    "etrade_only": "eTradeOnly",
    "misc_options": "orderMiscOptions",
    "account@Execution": "acctNumber",
    "realized_pnl": "realizedPNL",
    "yield_": "yield_",
    "callable_": "callable",
    "change_pct": "changePercent",
    "sec_ids": "secIdList",
    "count@Bar": "barCount",
    "count@HistoricalDataUpdate": "barCount",
}
_BY_FAMILY = {
    Family.INSYNC: {"combo_legs_description": "comboLegsDescrip", "exchange@condition": "exch"},
    Family.IBAPI: {"combo_legs_description": "comboLegsDescrip"},
    Family.STOQEY: {
        "combo_legs_description": "comboLegsDescription",
        "primary_exchange": "primaryExch",
        "change_pct": "percent",
        "yield_": "yield",
    },
}
_BY_CLIENT = {
    NAUTILUS.name: {  # IBKR renamed "commission" to "commission and fees" in 10.30
        "commission": "commissionAndFees",
        "min_commission": "minCommissionAndFees",
        "max_commission": "maxCommissionAndFees",
        "commission_currency": "commissionAndFeesCurrency",
        "average@Bar": "wap",
        "average@HistoricalDataUpdate": "wap",
    }
}


def name_of(attribute: str, client: Client, *, of: str = "") -> str:
    """The client's name for one of our attributes; `of` says of which object where that matters."""
    for table in (_BY_CLIENT.get(client.name, {}), _BY_FAMILY[client.family], _EVERYWHERE):
        for key in (f"{attribute}@{of}", attribute):
            if key in table:
                return table[key]
    head, *rest = attribute.split("_")
    return head + "".join(part.capitalize() for part in rest)


# The first server version that carries an order field. Written down here once more, independently of the codec:
# it comes from the version checks of IBKR's own client.
FIRST_VERSION = {
    "conditions": 102,
    "conditions_ignore_rth": 102,
    "conditions_cancel_order": 102,
    "reference_contract_id": 102,
    "is_pegged_change_amount_decrease": 102,
    "pegged_change_amount": 102,
    "reference_change_amount": 102,
    "reference_exchange_id": 102,
    "adjusted_order_type": 102,
    "trigger_price": 102,
    "lmt_price_offset": 102,
    "adjusted_stop_price": 102,
    "adjusted_stop_limit_price": 102,
    "adjusted_trailing_amount": 102,
    "adjustable_trailing_unit": 102,
    "model_code": 103,
    "ext_operator": 105,
    "soft_dollar_tier_name": 106,
    "soft_dollar_tier_value": 106,
    "soft_dollar_tier_display_name": 106,
    "cash_qty": 111,
    "mifid2_decision_maker": 138,
    "mifid2_decision_algo": 138,
    "mifid2_execution_trader": 139,
    "mifid2_execution_algo": 139,
    "dont_use_auto_price_for_hedge": 141,
    "is_oms_container": 145,
    "discretionary_up_to_limit_price": 148,
    "use_price_mgmt_algo": 151,
    "duration": 158,
    "post_to_ats": 160,
    "auto_cancel_parent": 162,
    "advanced_error_override": 166,
    "manual_order_time": 169,
    "min_trade_qty": 170,
    "min_compete_size": 170,
    "compete_against_best_offset": 170,
    "mid_offset_at_whole": 170,
    "mid_offset_at_half": 170,
}
LAST_VERSION = {"fa_profile": 176}
WHOLE_QUANTITY_UNTIL = 100  # fractional sizes since 101


def carried(attribute: str, version: int) -> bool:
    """Does placeOrder carry this field at this version?"""
    return FIRST_VERSION.get(attribute, 0) <= version <= LAST_VERSION.get(attribute, version)


# Fields the broker alone fills in: in openOrder and completedOrder, never in placeOrder.
FROM_BROKER_ONLY = frozenset(
    {
        "client_id",
        "perm_id",
        "basis_points",
        "basis_points_type",
        "soft_dollar_tier_display_name",
        "auto_cancel_date",
        "filled_quantity",
        "ref_futures_con_id",
        "shareholder",
        "imbalance_only",
        "route_marketable_to_bbo",
        "parent_perm_id",
    }
)

# IBKR's clients write a blank for the unset constant in these fields, and in all others spell the constant out.
BLANK_WHEN_UNSET = frozenset(
    {
        "lmt_price",
        "aux_price",
        "min_qty",
        "percent_offset",
        "nbbo_price_cap",
        "starting_price",
        "stock_ref_price",
        "delta",
        "stock_range_lower",
        "stock_range_upper",
        "volatility",
        "volatility_type",
        "delta_neutral_aux_price",
        "reference_price_type",
        "trail_stop_price",
        "trailing_percent",
        "scale_init_level_size",
        "scale_subs_level_size",
        "scale_price_increment",
        "scale_price_adjust_value",
        "scale_price_adjust_interval",
        "scale_profit_offset",
        "scale_init_position",
        "scale_init_fill_qty",
        "use_price_mgmt_algo",
        "min_trade_qty",
        "min_compete_size",
        "compete_against_best_offset",
        "mid_offset_at_whole",
        "mid_offset_at_half",
    }
)
