"""Accounts, positions and profit: what TWS says about them, and how to ask."""

from __future__ import annotations

from engine.core.contracts import Contract
from engine.wire import replies, requests
from engine.wire.layout import (
    Layout,
    Parts,
    amount,
    ident,
    inside,
    layout,
    number,
    quantity,
    reference,
    size,
    switch,
    text,
    version_field,
    worth,
)


def position_contract() -> Parts:
    """The contract of a position: no primary exchange."""
    return inside(
        "contract",
        reference("con_id"),
        text("symbol", "sec_type", "last_trade_date"),
        number("strike"),
        text("right", "multiplier", "exchange", "currency", "local_symbol", "trading_class"),
    )


REPLIES: tuple[Layout, ...] = (
    layout(6, replies.AccountValue, version_field("2"), text("key", "value", "currency", "account")),
    layout(
        7,
        replies.PortfolioValue,
        version_field("8"),
        inside(
            "contract",
            reference("con_id"),
            text("symbol", "sec_type", "last_trade_date"),
            number("strike"),
            text("right", "multiplier", "primary_exchange", "currency", "local_symbol", "trading_class"),
        ),
        quantity("position"),
        amount("market_price", "market_value"),
        worth("average_cost"),
        amount("unrealized_pnl"),
        worth("realized_pnl"),
        text("account"),
        contract=Contract,
    ),
    layout(8, replies.AccountUpdateTime, version_field("1"), text("time")),
    layout(54, replies.AccountDownloadEnd, version_field("1"), text("account")),
    layout(
        61,
        replies.Position,
        version_field("3"),
        text("account"),
        position_contract(),
        quantity("position"),
        worth("avg_cost"),
        contract=Contract,
    ),
    layout(62, replies.PositionEnd, version_field("1")),
    layout(
        63, replies.AccountSummary, version_field("1"), ident("req_id"), text("account", "tag", "value", "currency")
    ),
    layout(64, replies.AccountSummaryEnd, version_field("1"), ident("req_id")),
    layout(
        71,
        replies.PositionMulti,
        version_field("1"),
        ident("req_id"),
        text("account"),
        position_contract(),
        quantity("position"),
        worth("avg_cost"),
        text("model_code"),
        since=103,
        contract=Contract,
    ),
    layout(72, replies.PositionMultiEnd, version_field("1"), ident("req_id"), since=103),
    layout(
        73,
        replies.AccountUpdateMulti,
        version_field("1"),
        ident("req_id"),
        text("account", "model_code", "key", "value", "currency"),
        since=103,
    ),
    layout(74, replies.AccountUpdateMultiEnd, version_field("1"), ident("req_id"), since=103),
    layout(
        94,
        replies.PnL,
        ident("req_id"),
        amount("daily"),
        amount("unrealized", since=129),
        worth("realized", since=135),
        since=127,
    ),
    layout(
        95,
        replies.PnLSingle,
        ident("req_id"),
        size("position"),
        amount("daily"),
        amount("unrealized", since=129),
        worth("realized", since=135),
        amount("value"),
        since=127,
    ),
)

REQUESTS: tuple[Layout, ...] = (
    layout(6, requests.ReqAccountUpdates, version_field("2"), switch("subscribe"), text("account")),
    layout(61, requests.ReqPositions, version_field("1")),
    layout(62, requests.ReqAccountSummary, version_field("1"), ident("req_id"), text("group", "tags")),
    layout(63, requests.CancelAccountSummary, version_field("1"), ident("req_id")),
    layout(64, requests.CancelPositions, version_field("1")),
    layout(
        74, requests.ReqPositionsMulti, version_field("1"), ident("req_id"), text("account", "model_code"), since=103
    ),
    layout(75, requests.CancelPositionsMulti, version_field("1"), ident("req_id"), since=103),
    layout(
        76,
        requests.ReqAccountUpdatesMulti,
        version_field("1"),
        ident("req_id"),
        text("account", "model_code"),
        switch("ledger_and_nlv"),
        since=103,
    ),
    layout(77, requests.CancelAccountUpdatesMulti, version_field("1"), ident("req_id"), since=103),
    layout(92, requests.ReqPnL, ident("req_id"), text("account", "model_code"), since=127),
    layout(93, requests.CancelPnL, ident("req_id"), since=127),
    layout(94, requests.ReqPnLSingle, ident("req_id"), text("account", "model_code"), ident("con_id"), since=127),
    layout(95, requests.CancelPnLSingle, ident("req_id"), since=127),
)
