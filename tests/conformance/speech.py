"""Our requests in a client's own words: which method, with which arguments, as plain data.

The result can be built into objects in our process (drivers/build.py) or sent to a client in another environment.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from conformance.names import (
    BLANK_WHEN_UNSET,
    FROM_BROKER_ONLY,
    NAUTILUS,
    Client,
    Family,
    carried,
    name_of,
)
from conformance.samples import fields_of
from engine.core.contracts import ComboLeg, Contract, TagValue
from engine.core.units import BLANK, UNSET
from engine.wire import requests as r
from engine.wire.order import Condition, ExecutionCondition, Order
from engine.wire.requests import Request

Spec = Any  # plain data, as JSON can carry it

UNSET_INTEGER = 2**31 - 1
UNSET_DOUBLE = 1.7976931348623157e308
_OMIT = object()

# The client's method, and our attributes in the order of its arguments.
_CALLS: dict[type[Request], tuple[str, str]] = {
    r.ReqMktData: ("reqMktData", "req_id contract generic_ticks snapshot regulatory_snapshot options"),
    r.CancelMktData: ("cancelMktData", "req_id"),
    r.PlaceOrder: ("placeOrder", "order_id contract order"),
    r.CancelOrder: ("cancelOrder", "order_id manual_cancel_time"),
    r.ReqOpenOrders: ("reqOpenOrders", ""),
    r.ReqAccountUpdates: ("reqAccountUpdates", "subscribe account"),
    r.ReqExecutions: ("reqExecutions", "req_id"),  # and a filter
    r.ReqIds: ("reqIds", "count"),
    r.ReqContractDetails: ("reqContractDetails", "req_id contract"),
    r.SetServerLogLevel: ("setServerLogLevel", "level"),
    r.ReqAutoOpenOrders: ("reqAutoOpenOrders", "auto_bind"),
    r.ReqAllOpenOrders: ("reqAllOpenOrders", ""),
    r.ReqManagedAccounts: ("reqManagedAccts", ""),
    r.ReqCurrentTime: ("reqCurrentTime", ""),
    r.ReqGlobalCancel: ("reqGlobalCancel", ""),
    r.ReqMarketDataType: ("reqMarketDataType", "kind"),
    r.ReqPositions: ("reqPositions", ""),
    r.ReqAccountSummary: ("reqAccountSummary", "req_id group tags"),
    r.CancelAccountSummary: ("cancelAccountSummary", "req_id"),
    r.CancelPositions: ("cancelPositions", ""),
    r.ReqPositionsMulti: ("reqPositionsMulti", "req_id account model_code"),
    r.CancelPositionsMulti: ("cancelPositionsMulti", "req_id"),
    r.ReqAccountUpdatesMulti: ("reqAccountUpdatesMulti", "req_id account model_code ledger_and_nlv"),
    r.CancelAccountUpdatesMulti: ("cancelAccountUpdatesMulti", "req_id"),
    r.ReqMarketRule: ("reqMarketRule", "rule_id"),
    r.ReqPnL: ("reqPnL", "req_id account model_code"),
    r.CancelPnL: ("cancelPnL", "req_id"),
    r.ReqPnLSingle: ("reqPnLSingle", "req_id account model_code con_id"),
    r.CancelPnLSingle: ("cancelPnLSingle", "req_id"),
    r.ReqCompletedOrders: ("reqCompletedOrders", "api_only"),
    r.ReqHistoricalData: (
        "reqHistoricalData",
        "req_id contract end_time duration bar_size what_to_show use_rth format_date keep_up_to_date chart_options",
    ),
    r.CancelHistoricalData: ("cancelHistoricalData", "req_id"),
    r.ReqHeadTimestamp: ("reqHeadTimeStamp", "req_id contract what_to_show use_rth format_date"),
    r.CancelHeadTimestamp: ("cancelHeadTimeStamp", "req_id"),
    r.ReqSecDefOptParams: ("reqSecDefOptParams", "req_id symbol fut_fop_exchange sec_type con_id"),
    r.ExerciseOptions: ("exerciseOptions", "req_id contract action quantity account override"),
}
SPOKEN = tuple(_CALLS)  # every request but startApi, which a client sends by itself

_FILTER = {
    "client_id": "clientId",
    "account": "acctCode",
    "time": "time",
    "symbol": "symbol",
    "sec_type": "secType",
    "exchange": "exchange",
    "side": "side",
}


def call(request: Request, client: Client, version: int) -> dict[str, Spec]:
    """The call that makes this client send this request."""
    method, attributes = _CALLS[type(request)]
    arguments = [_argument(getattr(request, name), client, version) for name in attributes.split()]
    match request:
        case r.ReqExecutions():
            values = {theirs: getattr(request, ours) for ours, theirs in _FILTER.items()}
            arguments.append({"kind": "ExecutionFilter", "set": values})
        case r.ReqMktData(options=options):
            arguments[-1] = _tag_values(options)
            if client.family is Family.STOQEY:
                arguments.pop()  # it always writes a blank
        case r.CancelOrder(manual_cancel_time=time) if client is NAUTILUS:
            arguments[-1] = {"kind": "OrderCancel", "set": {"manualOrderCancelTime": time}}
        case r.CancelOrder() if client.family is Family.IBAPI:
            arguments.pop()  # the old client has no such argument
        case r.ReqGlobalCancel() if client is NAUTILUS:
            arguments.append({"kind": "OrderCancel", "set": {}})
        case r.ExerciseOptions() if client is NAUTILUS:
            arguments += ["", "", False]
        case r.ReqHistoricalData() if client.family is Family.STOQEY:
            arguments.pop()  # it has no such argument
        case r.ReqHeadTimestamp() | r.CancelHeadTimestamp() if client.family is Family.STOQEY:
            method = method.replace("TimeStamp", "Timestamp")
    return {"method": method, "args": arguments}


def _argument(value: Any, client: Client, version: int) -> Spec:
    if isinstance(value, Contract):
        return contract(value, client)
    return order(value, client, version) if isinstance(value, Order) else number(value)


def number(value: Any) -> Spec:
    """A number the way a program writes it: an int where it is spelled like one."""
    if not isinstance(value, Decimal):
        return value
    spelled = str(value)
    return int(spelled) if spelled.lstrip("-").isdigit() else float(spelled)


def contract(ours: Contract, client: Client) -> Spec:
    values: dict[str, Spec] = {}
    for info in fields_of(Contract):
        value = getattr(ours, info.name)
        if info.name in ("combo_legs", "delta_neutral") or value == info.default:
            continue
        values[name_of(info.name, client)] = "" if value is BLANK else number(value)
    # 0 and 0.0 are equal but not spelled alike, so the strike is always said
    values["strike"] = _absent_strike(client) if ours.strike is BLANK else number(ours.strike)
    if ours.combo_legs or ours.sec_type == "BAG":  # said even when empty: the old ibapi stumbles over its own default
        values["comboLegs"] = [_leg(leg, client) for leg in ours.combo_legs]
    if ours.delta_neutral is not None:
        hedge = ours.delta_neutral
        fields = {"conId": hedge.con_id, "delta": number(hedge.delta), "price": number(hedge.price)}
        values["deltaNeutralContract"] = {"kind": "DeltaNeutralContract", "set": fields}
    return {"kind": "Contract", "set": values}


def _absent_strike(client: Client) -> Spec:
    return UNSET_DOUBLE if client is NAUTILUS else ""


def _leg(leg: ComboLeg, client: Client) -> Spec:
    fields = {name_of(info.name, client): getattr(leg, info.name) for info in fields_of(ComboLeg)}
    return {"kind": "ComboLeg", "set": fields}


def order(ours: Order, client: Client, version: int) -> Spec:
    values: dict[str, Spec] = {}
    for info in fields_of(Order):
        name = info.name
        if name in FROM_BROKER_ONLY or name in client.never_sent or not carried(name, version):
            continue
        spoken = _order_value(name, getattr(ours, name), client)
        if spoken is not _OMIT:
            values[name_of(name, client)] = spoken
    tier = {"name": values.pop("softDollarTierName", ""), _tier_value(client): values.pop("softDollarTierValue", "")}
    values["softDollarTier"] = {"kind": "SoftDollarTier", "set": tier}
    if "orderComboLegPrices" in values:
        values["orderComboLegs"] = values.pop("orderComboLegPrices")
    if client.family is Family.IBAPI and version < 111:
        values["cashQty"] = (
            0  # their default, the unset constant, makes them refuse to send any order to a TWS that old
        )
    return {"kind": "Order", "set": values}


def _tier_value(client: Client) -> str:
    return "value" if client.family is Family.STOQEY else "val"


def _order_value(name: str, value: Any, client: Client) -> Spec:
    match name:
        case "conditions":
            return [_condition(condition, client) for condition in value]
        case "algo_params" | "smart_combo_routing_params":
            return [_tag_value(pair) for pair in value]
        case "misc_options":
            return _tag_values(value)
        case "order_combo_leg_prices":
            return [{"kind": "OrderComboLeg", "set": {} if p is BLANK else {"price": number(p)}} for p in value]
    if value is BLANK:
        return _blank(name, client)
    if value is UNSET:
        return _OMIT  # only where the client's own default is the constant, which it then spells out
    return number(value)


def _blank(name: str, client: Client) -> Spec:
    """What makes this client write an empty field."""
    match client.family:
        case Family.STOQEY:
            return _OMIT
        case Family.INSYNC:
            return _OMIT if name in ("scale_price_increment", "compete_against_best_offset") else None
        case Family.IBAPI:
            return _OMIT if name in BLANK_WHEN_UNSET else ""


def _tag_value(pair: TagValue) -> Spec:
    return {"kind": "TagValue", "set": {"tag": pair.tag, "value": pair.value}}


def _tag_values(text: str) -> Spec:
    """ "a=1;b=2;" as the list that programs give to their client."""
    pairs = (piece.partition("=") for piece in text.split(";") if piece)
    return [_tag_value(TagValue(tag, value)) for tag, _, value in pairs]


def _condition(ours: Condition, client: Client) -> Spec:
    values: dict[str, Spec] = {}
    for info in fields_of(type(ours)):
        values[name_of(info.name, client, of="condition")] = number(getattr(ours, info.name))
    if client.family is Family.IBAPI:
        values["isConjunctionConnection"] = values.pop("conjunction") == "a"
    elif client.family is Family.STOQEY:
        values["conjunctionConnection"] = values.pop("conjunction")
        values["type"] = ours.__struct_config__.tag
        if not isinstance(ours, ExecutionCondition):
            values["strValue"] = _javascript(values[name_of(_VALUE[values["type"]], client)])
    return {"kind": f"Condition{ours.__struct_config__.tag}", "set": values}


_VALUE = {1: "price", 3: "time", 4: "percent", 6: "volume", 7: "change_pct"}


def _javascript(value: Spec) -> str:
    """A number as JavaScript turns it into text."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
