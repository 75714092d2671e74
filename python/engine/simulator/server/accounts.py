"""Account values: updates of one account at a time, updates by request id, and the summary.

TWS sends all of it at once, and again every three minutes or when a position changes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.simulator.exchange import AccountChanged, Event, PositionChanged
from engine.simulator.server import books, notices, times
from engine.simulator.server.feeds import SummaryFeed
from engine.wire.replies import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountUpdateMulti,
    AccountUpdateMultiEnd,
    AccountUpdateTime,
    AccountValue,
    ErrorMessage,
    PortfolioValue,
)
from engine.wire.requests import (
    CancelAccountSummary,
    CancelAccountUpdatesMulti,
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    Request,
)

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer

SUMMARIES_MAX = 2
_TOO_MANY_SUMMARIES = "Maximum number of account summary requests exceeded"


class AccountDesk:
    """Account values of one login. One timer for the three-minute refresh, while anybody listens."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None
        self._due: asyncio.Handle | None = None
        self._changed: set[str] = set()

    def handlers(self) -> dict[type[Request], Handler]:
        return {
            ReqAccountUpdates: self._updates,
            ReqAccountUpdatesMulti: self._multi,
            CancelAccountUpdatesMulti: self._cancel_multi,
            ReqAccountSummary: self._summary,
            CancelAccountSummary: self._cancel_summary,
        }

    def stop(self) -> None:
        for handle in (self._timer, self._due):
            if handle is not None:
                handle.cancel()

    # --- updates -----------------------------------------------------------------------------------
    def _updates(self, connection: Connection, request: ReqAccountUpdates) -> None:
        if not request.subscribe:
            if connection.subscriptions.account is not None:
                connection.send(notices.ACCOUNT_UNSUBSCRIBED)
            connection.subscriptions.account = None
            return
        account = request.account or self._only_account()
        if account not in self._server.exchange.accounts:
            connection.send(ErrorMessage(notices.NO_REQUEST_ID, 321, notices.INVALID_ACCOUNT))
            return
        connection.subscriptions.account = account  # a second subscription replaces the first
        self._send_account(connection, account)
        connection.send(AccountDownloadEnd(account))
        self._keep_refreshing()

    def _only_account(self) -> str:
        accounts = self._server.exchange.accounts
        return accounts[0] if len(accounts) == 1 else ""

    def _send_account(self, connection: Connection, account: str) -> None:
        values = self._server.books.values(account)
        rows = books.few_rows if self._server.options.few_values else books.account_rows
        for key, value, currency in rows(values, self._server.options.base_currency):
            connection.send(AccountValue(key, value, currency, account))
        for held in self._server.books.positions(account):
            connection.send(
                PortfolioValue(
                    held.instrument.reported,
                    held.quantity,
                    held.market_price,
                    held.market_value,
                    held.avg_cost,
                    held.unrealized_pnl,
                    held.realized_pnl,
                    account,
                )
            )
        connection.send(AccountUpdateTime(times.minute(self._server.clock.now_ns())))

    def _multi(self, connection: Connection, request: ReqAccountUpdatesMulti) -> None:
        account = request.account or self._only_account()
        if account not in self._server.exchange.accounts:
            connection.send(ErrorMessage(request.req_id, 321, notices.INVALID_ACCOUNT))
            return
        connection.subscriptions.account_multi[request.req_id] = (account, request.ledger_and_nlv)
        self._send_multi(connection, request.req_id)
        connection.send(AccountUpdateMultiEnd(request.req_id))
        self._keep_refreshing()

    def _send_multi(self, connection: Connection, req_id: int) -> None:
        account, ledger_only = connection.subscriptions.account_multi[req_id]
        rows = books.ledger_rows if ledger_only else books.account_rows
        for key, value, currency in rows(self._server.books.values(account), self._server.options.base_currency):
            connection.send(AccountUpdateMulti(req_id, account, "", key, value, currency))

    def _cancel_multi(self, connection: Connection, request: CancelAccountUpdatesMulti) -> None:
        connection.subscriptions.account_multi.pop(request.req_id, None)

    # --- summary -----------------------------------------------------------------------------------
    def _summary(self, connection: Connection, request: ReqAccountSummary) -> None:
        feeds = connection.subscriptions.summaries
        if len(feeds) >= SUMMARIES_MAX and request.req_id not in feeds:
            connection.send(ErrorMessage(request.req_id, 322, f"Error processing request.-'a' : {_TOO_MANY_SUMMARIES}"))
            return
        tags = tuple(tag.strip() for tag in request.tags.split(",") if tag.strip())
        feeds[request.req_id] = SummaryFeed(self._server.exchange.accounts, tags)
        self._send_summary(connection, request.req_id)
        connection.send(AccountSummaryEnd(request.req_id))
        self._keep_refreshing()

    def _send_summary(self, connection: Connection, req_id: int) -> None:
        feed = connection.subscriptions.summaries[req_id]
        base = self._server.options.base_currency
        for account in feed.accounts:
            values = self._server.books.values(account)
            for tag in feed.tags:
                if tag.startswith("$LEDGER"):
                    for key, value, currency in books.ledger_rows(values, base):
                        connection.send(AccountSummary(req_id, account, key, value, currency))
                    continue
                value_of_tag = books.summary_value(values, tag)
                if value_of_tag is not None:
                    currency = "" if tag in ("AccountType", "Cushion") else base
                    connection.send(AccountSummary(req_id, account, tag, value_of_tag, currency))

    def _cancel_summary(self, connection: Connection, request: CancelAccountSummary) -> None:
        connection.subscriptions.summaries.pop(request.req_id, None)

    # --- keeping it fresh ---------------------------------------------------------------------------
    def tell(self, event: Event) -> None:
        """A position or the money of an account changed: its listeners hear of it once, soon."""
        if isinstance(event, PositionChanged | AccountChanged) and self._listeners():
            self._changed.add(event.account)
            if self._due is None:
                self._due = self._server.clock.loop.call_soon(self._send_changed)

    def _send_changed(self) -> None:
        self._due = None
        changed, self._changed = self._changed, set()
        for connection in self._listeners():
            feeds = connection.subscriptions
            if feeds.account in changed:
                self._send_account(connection, feeds.account or "")
            for req_id, (account, _) in feeds.account_multi.items():
                if account in changed:
                    self._send_multi(connection, req_id)

    def _listeners(self) -> list[Connection]:
        return [
            client
            for client in self._server.clients.values()
            if client.subscriptions.account or client.subscriptions.account_multi or client.subscriptions.summaries
        ]

    def _keep_refreshing(self) -> None:
        if self._timer is None:
            self._timer = self._server.clock.call_in(self._server.options.account_push_s, self._refresh)

    def _refresh(self) -> None:
        self._timer = None
        listeners = self._listeners()
        if not listeners:
            return
        self._keep_refreshing()
        for connection in listeners:
            feeds = connection.subscriptions
            if feeds.account:
                self._send_account(connection, feeds.account)
            for req_id in list(feeds.account_multi):
                self._send_multi(connection, req_id)
            for req_id in list(feeds.summaries):
                self._send_summary(connection, req_id)
