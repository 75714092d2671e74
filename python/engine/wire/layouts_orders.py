"""Orders in short: status, fills, cancels, and how to ask for them. The orders themselves are in layouts_order.py."""

from __future__ import annotations

from engine.core.contracts import Contract
from engine.wire import replies, requests
from engine.wire.layout import (
    Layout,
    flag,
    ident,
    inside,
    layout,
    number,
    quantity,
    reference,
    switch,
    text,
    version_field,
    whole,
)
from engine.wire.layouts_account import position_contract

REPLIES: tuple[Layout, ...] = (
    layout(
        3,
        replies.OrderStatus,
        version_field("6", before=131),
        ident("order_id"),
        text("status"),
        quantity("filled", "remaining"),
        number("avg_fill_price"),
        reference("perm_id", "parent_id"),
        number("last_fill_price"),
        reference("client_id"),
        text("why_held"),
        number("mkt_cap_price", since=131),
    ),
    layout(
        11,
        replies.Execution,
        version_field("10", before=136),
        ident("req_id", "order_id"),
        position_contract(),
        text("exec_id", "time", "account", "exchange", "side"),
        quantity("shares"),
        number("price"),
        reference("perm_id", "client_id"),
        whole("liquidation"),
        quantity("cum_qty"),
        number("avg_price"),
        text("order_ref", "ev_rule"),
        number("ev_multiplier"),
        text("model_code", since=103),
        whole("last_liquidity", since=136),
        flag("pending_price_revision", since=178),
        contract=Contract,
    ),
    layout(53, replies.OpenOrderEnd, version_field("1")),
    layout(55, replies.ExecutionsEnd, version_field("1"), ident("req_id")),
    layout(
        59,
        replies.CommissionReport,
        version_field("1"),
        text("exec_id"),
        number("commission"),
        text("currency"),
        number("realized_pnl", "yield_"),
        whole("yield_redemption_date"),
    ),
    layout(100, replies.OrderBound, reference("perm_id", "client_id", "order_id"), since=144),
    layout(102, replies.CompletedOrdersEnd, since=150),
)

REQUESTS: tuple[Layout, ...] = (
    layout(4, requests.CancelOrder, version_field("1"), ident("order_id"), text("manual_cancel_time", since=169)),
    layout(5, requests.ReqOpenOrders, version_field("1")),
    layout(
        7,
        requests.ReqExecutions,
        version_field("3"),
        ident("req_id"),
        reference("client_id"),
        text("account", "time", "symbol", "sec_type", "exchange", "side"),
    ),
    layout(15, requests.ReqAutoOpenOrders, version_field("1"), switch("auto_bind")),
    layout(16, requests.ReqAllOpenOrders, version_field("1")),
    layout(
        21,
        requests.ExerciseOptions,
        version_field("2"),
        ident("req_id"),
        inside(
            "contract",
            reference("con_id"),
            text("symbol", "sec_type", "last_trade_date"),
            number("strike"),
            text("right", "multiplier", "exchange", "currency", "local_symbol", "trading_class"),
        ),
        ident("action"),
        whole("quantity"),
        text("account"),
        whole("override"),
        contract=Contract,
    ),
    layout(58, requests.ReqGlobalCancel, version_field("1")),
    layout(99, requests.ReqCompletedOrders, switch("api_only"), since=150),
)
