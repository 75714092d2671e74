"""Contract details: what TWS knows of an instrument. Bonds have a message of their own."""

from __future__ import annotations

import msgspec

from engine.core.contracts import Contract, TagValue
from engine.wire import replies
from engine.wire.layout import (
    Layout,
    Part,
    Repeat,
    escaped,
    flag,
    ident,
    inside,
    layout,
    number,
    reference,
    text,
    version_field,
    whole,
)
from engine.wire.layouts_session import ASCII_ONLY

SIZE_RULES = 164  # sizes have a minimum and an increment; the message lost its own version number


def split_trade_time(details: replies.ContractDetails) -> replies.ContractDetails:
    """Part the date field: "20260918 08:30 US/Central" or "20260918-16:30:00" is a date and a time."""
    field = details.contract.last_trade_date
    if " " not in field and "-" not in field:
        return details
    end = next(place for place, character in enumerate(field) if character in " -")
    contract = msgspec.structs.replace(details.contract, last_trade_date=field[:end])
    return msgspec.structs.replace(details, contract=contract, last_trade_time=field[end + 1 :])


def join_trade_time(details: replies.ContractDetails) -> replies.ContractDetails:
    """Put date and time back into one field, behind a space, which every client knows, unless hyphens follow."""
    time = details.last_trade_time
    if not time:
        return details
    field = details.contract.last_trade_date + ("-" if "-" in time else " ") + time
    return msgspec.structs.replace(details, contract=msgspec.structs.replace(details.contract, last_trade_date=field))


def _security_ids() -> Part:
    return Repeat("sec_ids", TagValue, text("tag", "value"))


def _sizes() -> tuple[Part, ...]:
    return (
        *number("suggested_size_increment", since=163, before=SIZE_RULES),
        *number("min_size", "size_increment", "suggested_size_increment", since=SIZE_RULES),
    )


CONTRACT_DETAILS = layout(
    10,
    replies.ContractDetails,
    version_field("8", before=SIZE_RULES),
    ident("req_id"),
    inside(
        "contract",
        text("symbol", "sec_type", "last_trade_date"),
        number("strike"),
        text("right", "exchange", "currency", "local_symbol"),
    ),
    text("market_name"),
    inside("contract", text("trading_class"), reference("con_id")),
    number("min_tick"),
    whole("md_size_multiplier", since=110, before=SIZE_RULES),
    inside("contract", text("multiplier")),
    text("order_types", "valid_exchanges"),
    whole("price_magnifier"),
    reference("under_con_id"),
    text("long_name", before=ASCII_ONLY),
    escaped("long_name", since=ASCII_ONLY),
    inside("contract", text("primary_exchange")),
    text("contract_month", "industry", "category", "subcategory", "time_zone_id", "trading_hours", "liquid_hours"),
    text("ev_rule", "ev_multiplier"),
    _security_ids(),
    whole("agg_group", since=121),
    text("under_symbol", "under_sec_type", since=122),
    text("market_rule_ids", since=126),
    text("real_expiration_date", since=134),
    text("stock_type", since=152),
    _sizes(),
    received=split_trade_time,
    sending=join_trade_time,
    contract=Contract,
)

BOND_DETAILS = layout(
    18,
    replies.BondDetails,
    version_field("6", before=SIZE_RULES),
    ident("req_id"),
    inside("contract", text("symbol", "sec_type")),
    text("cusip"),
    number("coupon"),
    text("maturity", "issue_date", "ratings", "bond_type", "coupon_type"),
    flag("convertible", "callable_", "putable"),
    text("desc_append"),
    inside("contract", text("exchange", "currency")),
    text("market_name"),
    inside("contract", text("trading_class"), reference("con_id")),
    number("min_tick"),
    whole("md_size_multiplier", since=110, before=SIZE_RULES),
    text("order_types", "valid_exchanges", "next_option_date", "next_option_type"),
    flag("next_option_partial"),
    text("notes", "long_name", "ev_rule", "ev_multiplier"),
    _security_ids(),
    whole("agg_group", since=121),
    text("market_rule_ids", since=126),
    number("min_size", "size_increment", "suggested_size_increment", since=SIZE_RULES),
    contract=Contract,
)

REPLIES: tuple[Layout, ...] = (
    CONTRACT_DETAILS,
    BOND_DETAILS,
    layout(52, replies.ContractDetailsEnd, version_field("1"), ident("req_id")),
)
REQUESTS: tuple[Layout, ...] = ()
