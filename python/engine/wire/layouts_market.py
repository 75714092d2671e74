"""Market data and trading rules: ticks, snapshots, price increments, and how to ask for them."""

from __future__ import annotations

from engine.core.contracts import ComboLeg, Contract, DeltaNeutral
from engine.wire import replies, requests
from engine.wire.layout import (
    Helper,
    Layout,
    Maybe,
    Parts,
    Repeat,
    ident,
    inside,
    layout,
    number,
    reference,
    size,
    switch,
    text,
    version_field,
    when,
    whole,
)
from engine.wire.order_parts import is_combo


def client_contract(number: Helper = number) -> Parts:
    """The contract as clients write it in requests."""
    return inside(
        "contract",
        reference("con_id"),
        text("symbol", "sec_type", "last_trade_date"),
        number("strike"),
        text("right", "multiplier", "exchange", "primary_exchange", "currency", "local_symbol", "trading_class"),
    )


def delta_neutral(number: Helper = number) -> Maybe:
    """The hedging contract, if there is one."""
    return Maybe("delta_neutral", DeltaNeutral, (*reference("con_id"), *number("delta", "price")))


REPLIES: tuple[Layout, ...] = (
    layout(
        1,
        replies.TickPrice,
        version_field("6"),
        ident("req_id", "tick_type"),
        number("price"),
        size("size"),
        whole("attributes"),
    ),
    layout(2, replies.TickSize, version_field("6"), ident("req_id", "tick_type"), size("size")),
    layout(45, replies.TickGeneric, version_field("6"), ident("req_id", "tick_type"), number("value")),
    layout(46, replies.TickString, version_field("6"), ident("req_id", "tick_type"), text("value")),
    layout(57, replies.TickSnapshotEnd, version_field("1"), ident("req_id")),
    layout(58, replies.MarketDataType, version_field("1"), ident("req_id", "kind")),
    layout(
        81,
        replies.TickReqParams,
        ident("req_id"),
        number("min_tick"),
        text("bbo_exchange"),
        ident("snapshot_permissions"),
    ),
    layout(
        93,
        replies.MarketRule,
        ident("rule_id"),
        Repeat("increments", replies.PriceIncrement, number("low_edge", "increment")),
        since=126,
    ),
)

REQUESTS: tuple[Layout, ...] = (
    layout(
        1,
        requests.ReqMktData,
        version_field("11"),
        ident("req_id"),
        client_contract(),
        inside(
            "contract",
            when(
                "sec_type",
                is_combo,
                Repeat("combo_legs", ComboLeg, (*reference("con_id", "ratio"), *text("action", "exchange"))),
            ),
            delta_neutral(),
        ),
        text("generic_ticks"),
        switch("snapshot"),
        switch("regulatory_snapshot", since=114),
        text("options"),
        contract=Contract,
    ),
    layout(2, requests.CancelMktData, version_field("2"), ident("req_id")),
    layout(
        9,
        requests.ReqContractDetails,
        version_field("8"),
        ident("req_id"),
        client_contract(),
        inside("contract", switch("include_expired"), text("sec_id_type", "sec_id"), text("issuer_id", since=176)),
        contract=Contract,
    ),
    layout(59, requests.ReqMarketDataType, version_field("1"), ident("kind")),
    layout(91, requests.ReqMarketRule, ident("rule_id"), since=126),
)
