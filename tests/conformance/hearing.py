"""What a client should have been told, if it heard our reply right: its callbacks, with the values in them.

comparing.py then says where it was told something else.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from conformance.names import IBAPI_9, NAUTILUS, STOQEY, Client, Family, name_of
from conformance.reply_samples import SINCE, conditional_fields, contract_fields, order_fields
from conformance.samples import fields_of
from engine.core.contracts import Contract, TagValue
from engine.core.units import UNSET
from engine.wire import replies as r
from engine.wire.order import Condition, Order, OrderState
from engine.wire.replies import Reply


@dataclass(frozen=True)
class Value:
    """One of our values and where it comes from, as "Order.lmt_price"."""

    place: str
    ours: Any


Expected = Value | dict[str, Any] | list[Any]  # a value, an object by the client's attribute names, or a list
Callback = tuple[str, list[Expected]]

# The callback of every reply, and our attributes in the order of its arguments. Most clients follow IBKR's names.
# "self" is the reply as an object of its own.
_CALLBACKS: dict[type[Reply], tuple[str, str]] = {
    r.TickSize: ("tickSize", "req_id tick_type size"),
    r.OrderStatus: (
        "orderStatus",
        "order_id status filled remaining avg_fill_price perm_id parent_id last_fill_price client_id why_held"
        " mkt_cap_price",
    ),
    r.OpenOrder: ("openOrder", "order_id contract order state"),
    r.AccountValue: ("updateAccountValue", "key value currency account"),
    r.PortfolioValue: (
        "updatePortfolio",
        "contract position market_price market_value average_cost unrealized_pnl realized_pnl account",
    ),
    r.AccountUpdateTime: ("updateAccountTime", "time"),
    r.NextValidId: ("nextValidId", "order_id"),
    r.ContractDetails: ("contractDetails", "req_id self"),
    r.BondDetails: ("bondContractDetails", "req_id self"),
    r.ContractDetailsEnd: ("contractDetailsEnd", "req_id"),
    r.Execution: ("execDetails", "req_id contract self"),
    r.ExecutionsEnd: ("execDetailsEnd", "req_id"),
    r.CommissionReport: ("commissionReport", "self"),
    r.TickGeneric: ("tickGeneric", "req_id tick_type value"),
    r.TickString: ("tickString", "req_id tick_type value"),
    r.CurrentTime: ("currentTime", "time_s"),
    r.OpenOrderEnd: ("openOrderEnd", ""),
    r.AccountDownloadEnd: ("accountDownloadEnd", "account"),
    r.TickSnapshotEnd: ("tickSnapshotEnd", "req_id"),
    r.MarketDataType: ("marketDataType", "req_id kind"),
    r.Position: ("position", "account contract position avg_cost"),
    r.PositionEnd: ("positionEnd", ""),
    r.AccountSummary: ("accountSummary", "req_id account tag value currency"),
    r.AccountSummaryEnd: ("accountSummaryEnd", "req_id"),
    r.PositionMulti: ("positionMulti", "req_id account model_code contract position avg_cost"),
    r.PositionMultiEnd: ("positionMultiEnd", "req_id"),
    r.AccountUpdateMulti: ("accountUpdateMulti", "req_id account model_code key value currency"),
    r.AccountUpdateMultiEnd: ("accountUpdateMultiEnd", "req_id"),
    r.TickReqParams: ("tickReqParams", "req_id min_tick bbo_exchange snapshot_permissions"),
    r.MarketRule: ("marketRule", "rule_id increments"),
    r.PnL: ("pnl", "req_id daily unrealized realized"),
    r.PnLSingle: ("pnlSingle", "req_id position daily unrealized realized value"),
    r.HeadTimestamp: ("headTimestamp", "req_id time"),
    r.OptionParametersEnd: ("securityDefinitionOptionParameterEnd", "req_id"),
    r.OrderBound: ("orderBound", "perm_id client_id order_id"),
    r.CompletedOrder: ("completedOrder", "contract order state"),
    r.CompletedOrdersEnd: ("completedOrdersEnd", ""),
}
# A tick with a price tells IBKR's clients the size as well, in a tick of its own type.
_SIZE_OF = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}


def callbacks(reply: Reply, client: Client, version: int) -> list[Callback]:
    """Everything this client calls when it hears this reply."""
    match reply:
        case r.TickPrice():
            return list(_tick_price(reply, client, version))
        case r.ErrorMessage():
            return [_error(reply, client)]
        case r.ManagedAccounts(accounts=accounts):
            return [("managedAccounts", [Value("ManagedAccounts.accounts", ",".join(accounts))])]
        case r.HistoricalData():
            return list(_history(reply, client))
        case r.HistoricalDataUpdate():
            return [
                ("historicalDataUpdate", [Value("Bar.req_id", reply.req_id), _struct(reply, client, skip=_NOT_OF_BAR)])
            ]
        case r.OptionParameters():
            return [_option_parameters(reply)]
    name, attributes = _CALLBACKS[type(reply)]
    if client is NAUTILUS and name == "commissionReport":
        name = "commissionAndFeesReport"  # IBKR's renaming in 10.30
    return [(name, [_argument(reply, attribute, client, version) for attribute in attributes.split()])]


def _argument(reply: Reply, attribute: str, client: Client, version: int) -> Expected:
    if attribute == "self":
        return _reply_object(reply, client, version)
    value = getattr(reply, attribute)
    match value:
        case Contract():
            return _contract(value, type(reply), client)
        case Order():
            return _order(value, type(reply), client, version)
        case OrderState():
            return _struct(value, client, skip=frozenset())
        case tuple():
            return [_struct(item, client, skip=frozenset()) for item in value]
    if version < SINCE.get(attribute, 0):
        value = UNSET  # not in the message: the client must hear "no value"
    return Value(f"{type(reply).__name__}.{attribute}", value)


_NOT_OF_BAR = frozenset({"req_id", "has_gaps"})


def _history(reply: r.HistoricalData, client: Client) -> Iterator[Callback]:
    """Bar by bar, and a word at the end."""
    req_id = Value("HistoricalData.req_id", reply.req_id)
    for bar in reply.bars:
        yield "historicalData", [req_id, _struct(bar, client, skip=_NOT_OF_BAR)]
    start, end = Value("HistoricalData.start", reply.start), Value("HistoricalData.end", reply.end)
    yield "historicalDataEnd", [req_id, start, end]


def _option_parameters(reply: r.OptionParameters) -> Callback:
    """Expirations and strikes come as sets in IBKR's clients: the tests compare them sorted."""
    attributes = ("req_id", "exchange", "under_con_id", "trading_class", "multiplier")
    head: list[Expected] = [Value(f"OptionParameters.{name}", getattr(reply, name)) for name in attributes]
    days: list[Expected] = [Value("OptionParameters.expirations", day) for day in sorted(set(reply.expirations))]
    strikes: list[Expected] = [Value("OptionParameters.strikes", strike) for strike in sorted(set(reply.strikes))]
    return "securityDefinitionOptionParameter", [*head, days, strikes]


def _tick_price(reply: r.TickPrice, client: Client, version: int) -> Iterator[Callback]:
    def value(name: str) -> Value:
        return Value(f"TickPrice.{name}", getattr(reply, name))

    head: list[Expected] = [value("req_id"), value("tick_type"), value("price")]
    if client.family is Family.INSYNC:
        yield "priceSizeTick", [*head, value("size")]
        return
    mask = reply.attributes if isinstance(reply.attributes, int) else 0
    if client is STOQEY:
        yield "tickPrice", [*head, Value("TickPrice.attributes", mask != 0)]  # it takes the whole mask for one flag
    else:
        flags = {
            "canAutoExecute": mask == 1 if version < 109 else mask & 1 != 0,
            "pastLimit": version >= 109 and mask & 2 != 0,
            "preOpen": version >= 132 and mask & 4 != 0,
        }
        yield "tickPrice", [*head, {name: Value(f"TickPrice.{name}", set_) for name, set_ in flags.items()}]
    size_type = _SIZE_OF.get(reply.tick_type)
    if size_type is not None and not (client is STOQEY and size_type == 0):  # it forgets the bid's: 0 is false to it
        yield "tickSize", [value("req_id"), Value("TickPrice.tick_type", size_type), value("size")]


def _error(reply: r.ErrorMessage, client: Client) -> Callback:
    req_id, code = Value("ErrorMessage.req_id", reply.req_id), Value("ErrorMessage.code", reply.code)
    text, json = Value("ErrorMessage.text", reply.text), Value("ErrorMessage.json", reply.advanced_reject_json)
    if client is NAUTILUS:
        return "error", [req_id, Value("ErrorMessage.time_ms", 0), code, text, json]
    if client is IBAPI_9:
        return "error", [req_id, code, text]
    if client is STOQEY:
        if reply.req_id == -1:  # it tells notices from errors by the missing id
            return "info", [text, code]
        parsed = msgspec.json.decode(reply.advanced_reject_json) if reply.advanced_reject_json else None
        return "error", [{"message": text}, code, req_id, Value("ErrorMessage.json", parsed)]
    return "error", [req_id, code, text, json]


def _struct(ours: msgspec.Struct, client: Client, *, skip: frozenset[str]) -> dict[str, Expected]:
    """An object whose attributes correspond to ours one by one."""
    owner = type(ours).__name__
    return {
        name_of(info.name, client, of=owner): Value(f"{owner}.{info.name}", getattr(ours, info.name))
        for info in fields_of(type(ours))
        if info.name not in skip
    }


def _reply_object(reply: Reply, client: Client, version: int) -> dict[str, Expected]:
    """A reply that clients hand on as one object: an execution, a commission report, contract details."""
    skip = {"req_id", "contract", "sec_ids", "md_size_multiplier", "time", "accounts"}
    skip |= {name for name, since in SINCE.items() if version < since}
    if isinstance(reply, r.Execution) and version < 103:
        skip |= {"model_code"}
    attributes = _struct(reply, client, skip=frozenset(skip))
    match reply:
        case r.ContractDetails() | r.BondDetails():
            attributes["contract"] = _contract(reply.contract, type(reply), client)
            attributes["secIdList"] = _tag_values(reply.sec_ids, client)
        case r.Execution():
            attributes["time"] = Value("Execution.time", _execution_time(reply.time, client))
    return attributes


def _execution_time(text: str, client: Client) -> str | datetime.datetime:
    """ib_async and ib_insync turn the text into a moment; the others leave it alone."""
    if client.family is not Family.INSYNC:
        return text
    day, clock, zone = text.split(" ")
    assert zone == "UTC", "samples keep to the zone that needs no table"
    return datetime.datetime.strptime(f"{day} {clock}", "%Y%m%d %H:%M:%S").replace(tzinfo=datetime.UTC)


def _contract(ours: Contract, message: type[Reply], client: Client) -> dict[str, Expected]:
    """What this message carries of a contract; the other attributes are whatever the client's defaults are."""
    skip = frozenset(info.name for info in fields_of(Contract)) - contract_fields(message)
    attributes = _struct(ours, client, skip=skip)
    if ours.combo_legs:
        legs = (_struct(leg, client, skip=frozenset()) for leg in ours.combo_legs)
        attributes["comboLegs"] = list(legs)
    if ours.delta_neutral is not None:
        attributes["deltaNeutralContract"] = _struct(ours.delta_neutral, client, skip=frozenset())
    return attributes


# What some clients' order objects have no attribute for any more, or not yet.
_NOT_KEPT = {
    NAUTILUS.name: {"fa_profile", "etrade_only", "firm_quote_only", "nbbo_price_cap"},
}


def _order(ours: Order, message: type[Reply], client: Client, version: int) -> dict[str, Expected]:
    """Every attribute that this message carries at this version."""
    carried = order_fields(message, version) - conditional_fields(ours) - _NOT_KEPT.get(client.name, set())
    structured = {
        "conditions",
        "algo_params",
        "smart_combo_routing_params",
        "order_combo_leg_prices",
        "soft_dollar_tier_name",
        "soft_dollar_tier_value",
        "soft_dollar_tier_display_name",
    }
    skip = frozenset(info.name for info in fields_of(Order) if info.name not in carried) | structured
    attributes = _struct(ours, client, skip=skip)
    attributes["algoParams"] = _tag_values(ours.algo_params, client)
    attributes["smartComboRoutingParams"] = _tag_values(ours.smart_combo_routing_params, client)
    prices = ours.order_combo_leg_prices
    attributes["orderComboLegs"] = [{"price": Value("Order.order_combo_leg_prices", price)} for price in prices]
    attributes["conditions"] = [_condition(condition, client) for condition in ours.conditions]
    if "soft_dollar_tier_name" in carried:
        attributes["softDollarTier"] = {
            "name": Value("Order.soft_dollar_tier_name", ours.soft_dollar_tier_name),
            "value" if client is STOQEY else "val": Value("Order.soft_dollar_tier_value", ours.soft_dollar_tier_value),
            "displayName": Value("Order.soft_dollar_tier_display_name", ours.soft_dollar_tier_display_name),
        }
    return attributes


def _condition(ours: Condition, client: Client) -> dict[str, Expected]:
    attributes: dict[str, Expected] = {}
    for info in fields_of(type(ours)):
        place = f"{type(ours).__name__}.{info.name}"
        attributes[name_of(info.name, client, of="condition")] = Value(place, getattr(ours, info.name))
    if client.family is Family.IBAPI:
        del attributes["conjunction"]
        attributes["isConjunctionConnection"] = Value("Condition.conjunction", ours.conjunction == "a")
    elif client is STOQEY:
        attributes["conjunctionConnection"] = attributes.pop("conjunction")
    attributes["type" if client is STOQEY else "condType"] = Value("Condition.type", ours.__struct_config__.tag)
    return attributes


def _tag_values(pairs: tuple[TagValue, ...], client: Client) -> list[Expected]:
    return [_struct(pair, client, skip=frozenset()) for pair in pairs]
