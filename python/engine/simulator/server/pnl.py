"""Profit and loss once a second: of an account, or of one position. The first update can be incomplete, as TWS's is."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from engine.core.units import UNSET, Number
from engine.simulator.server import notices
from engine.simulator.server.feeds import PnLFeed
from engine.wire.replies import ErrorMessage, PnL, PnLSingle, Reply
from engine.wire.requests import CancelPnL, CancelPnLSingle, ReqPnL, ReqPnLSingle, Request

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer

UPDATE_S = 1.0
FIRST_S = 0.1


class PnLDesk:
    """P&L feeds of one login. One timer for all, running only while there are any."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None

    def handlers(self) -> dict[type[Request], Handler]:
        return {
            ReqPnL: lambda client, asked: self._subscribe(client, asked.req_id, PnLFeed(asked.account)),
            ReqPnLSingle: lambda client, asked: self._subscribe(
                client, asked.req_id, PnLFeed(asked.account, asked.con_id)
            ),
            CancelPnL: self._cancel,
            CancelPnLSingle: self._cancel,
        }

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _subscribe(self, connection: Connection, req_id: int, feed: PnLFeed) -> None:
        if feed.account not in self._server.exchange.accounts:
            connection.send(ErrorMessage(req_id, 321, notices.INVALID_ACCOUNT))
            return
        connection.subscriptions.pnl[req_id] = feed
        if self._timer is None:
            self._timer = self._server.clock.call_in(FIRST_S, self._update)

    def _cancel(self, connection: Connection, request: CancelPnL | CancelPnLSingle) -> None:
        if connection.subscriptions.pnl.pop(request.req_id, None) is None:
            connection.send(notices.no_subscription(request.req_id, "P&L"))

    def _update(self) -> None:
        self._timer = None
        listeners = [client for client in self._server.clients.values() if client.subscriptions.pnl]
        if not listeners:
            return
        self._timer = self._server.clock.call_in(UPDATE_S, self._update)
        for client in listeners:
            for req_id, feed in client.subscriptions.pnl.items():
                update = self._account(req_id, feed) if feed.con_id is None else self._single(req_id, feed)
                feed.sent += 1
                client.send(update)

    def _account(self, req_id: int, feed: PnLFeed) -> Reply:
        if not feed.sent and self._server.options.first_pnl_incomplete:
            held = self._server.books.positions(feed.account)[:1]  # the other positions are not in yet
            partial = sum((position.unrealized_pnl for position in held), Decimal(0))
            return PnL(req_id, partial, partial, UNSET)
        values = self._server.books.values(feed.account)
        return PnL(req_id, values.daily_pnl, values.unrealized_pnl, values.realized_pnl)

    def _single(self, req_id: int, feed: PnLFeed) -> Reply:
        for held in self._server.books.positions(feed.account):
            if held.con_id == feed.con_id:
                first = not feed.sent and self._server.options.first_pnl_incomplete
                daily: Number = UNSET if first else held.daily_pnl
                return PnLSingle(
                    req_id, held.quantity, daily, held.unrealized_pnl, held.realized_pnl, held.market_value
                )
        zero = Decimal(0)
        return PnLSingle(req_id, zero, zero, UNSET, zero, zero)
