"""Market data: streams and snapshots, live, delayed, or refused, as the login's subscriptions have it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from engine.simulator.exchange import Refusal
from engine.simulator.exchange.instruments import SecType
from engine.simulator.server import greeks, notices
from engine.simulator.server.feeds import MarketFeed
from engine.wire.replies import (
    ErrorMessage,
    MarketDataType,
    Reply,
    TickGeneric,
    TickPrice,
    TickReqParams,
    TickSize,
    TickSnapshotEnd,
)
from engine.wire.requests import CancelMktData, ReqMarketDataType, ReqMktData, Request

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer

STREAM_S = 1.0
LINES_MAX = 100
LIVE, DELAYED = 1, 3

# price tick, its size tick: live, delayed
_BID, _ASK, _LAST = (1, 0), (2, 3), (4, 5)
_DELAYED_OF = {0: 69, 1: 66, 2: 67, 3: 70, 4: 68, 5: 71, 6: 72, 7: 73, 8: 74, 9: 75, 14: 76}
_HIGH, _LOW, _VOLUME, _CLOSE, _OPEN, _HALTED = 6, 7, 8, 9, 14, 49
NO_PRICE = Decimal(-1)  # how TWS says that there is no bid or ask


class MarketDesk:
    """Market data of one login. One timer for all streams, running only while there are any."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None

    def handlers(self) -> dict[type[Request], Handler]:
        return {ReqMktData: self._subscribe, CancelMktData: self._cancel, ReqMarketDataType: self._choose}

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _choose(self, connection: Connection, request: ReqMarketDataType) -> None:
        connection.subscriptions.market_data_type = request.kind

    def _cancel(self, connection: Connection, request: CancelMktData) -> None:
        if connection.subscriptions.market.pop(request.req_id, None) is None:
            connection.send(notices.no_subscription(request.req_id, "market data"))

    def _subscribe(self, connection: Connection, request: ReqMktData) -> None:
        self._server.catch_up()
        found = self._server.exchange.resolve(request.contract)
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(request.req_id, found.code, found.text))
            return
        feeds = connection.subscriptions.market
        if len(feeds) >= LINES_MAX and not request.snapshot:
            connection.send(ErrorMessage(request.req_id, 101, "Max number of tickers has been reached"))
            return
        kind = self._granted(connection, request.req_id)
        if kind is None:
            return
        feed = MarketFeed(found.con_id, kind)
        connection.send(
            MarketDataType(request.req_id, kind), TickReqParams(request.req_id, found.min_tick, "9c0001", 3)
        )
        version = connection.session.version
        connection.send(*self._changes(request.req_id, feed), *self._greeks(request.req_id, feed, version))
        if request.snapshot:
            end = partial(connection.send, TickSnapshotEnd(request.req_id))
            self._server.clock.call_in(self._server.options.snapshot_s, end)
            return
        feeds[request.req_id] = feed
        self._keep_streaming()

    def _granted(self, connection: Connection, req_id: int) -> int | None:
        """Live, delayed, or None after the refusal has been sent."""
        offered = self._server.options.market_data
        wants_delayed = connection.subscriptions.market_data_type in (3, 4)
        if offered == "live":
            return LIVE
        if offered == "delayed" and wants_delayed:
            connection.send(ErrorMessage(req_id, 10167, notices.DELAYED_SHOWN))
            return DELAYED
        if offered == "none" and wants_delayed:
            connection.send(ErrorMessage(req_id, 10168, notices.NO_DELAYED))
            return None
        connection.send(ErrorMessage(req_id, 354, notices.NOT_SUBSCRIBED))
        return None

    # --- streaming ---------------------------------------------------------------------------------
    def _keep_streaming(self) -> None:
        if self._timer is None:
            self._timer = self._server.clock.call_in(STREAM_S, self._stream)

    def _stream(self) -> None:
        self._timer = None
        streams = [client for client in self._server.clients.values() if client.subscriptions.market]
        if not streams:
            return
        self._keep_streaming()
        if not self._server.link_up:
            return  # nothing new reaches TWS
        self._server.catch_up()
        for client in streams:
            for req_id, feed in list(client.subscriptions.market.items()):
                client.send(*self._changes(req_id, feed), *self._greeks(req_id, feed, client.session.version))

    def _changes(self, req_id: int, feed: MarketFeed) -> list[Reply]:
        """Ticks for everything that differs from what this feed last said."""
        quote = self._server.exchange.quote(feed.con_id)
        values = {
            _BID[0]: NO_PRICE if quote.bid is None else quote.bid,
            _BID[1]: quote.bid_size,
            _ASK[0]: NO_PRICE if quote.ask is None else quote.ask,
            _ASK[1]: quote.ask_size,
            _LAST[0]: quote.last,
            _CLOSE: quote.close,
            _HALTED: Decimal(1 if quote.halted else 0),
        }
        values |= self._session(feed, quote.last)
        changed = {tick: value for tick, value in values.items() if feed.last.get(tick) != value}
        feed.last = values
        ticks: list[Reply] = []
        for price, size in (_BID, _ASK, _LAST):
            if price in changed:
                size_now = values.get(size, Decimal(1))
                ticks.append(TickPrice(req_id, self._tick(feed, price), values[price], size_now, 1))
                changed.pop(size, None)
        for tick, value in changed.items():
            if tick in (_BID[1], _ASK[1], _VOLUME):
                ticks.append(TickSize(req_id, self._tick(feed, tick), value))
            elif tick in (_CLOSE, _OPEN, _HIGH, _LOW):
                ticks.append(TickPrice(req_id, self._tick(feed, tick), value, Decimal(0), 0))
            elif tick == _HALTED:
                ticks.append(TickGeneric(req_id, tick, value))
        return ticks

    def _session(self, feed: MarketFeed, last: Decimal) -> dict[int, Decimal]:
        """Open, high, low and volume of the session. What has been told as high or low is never taken back."""
        exchange = self._server.exchange
        instrument = exchange.catalogue[feed.con_id]
        known = feed.session
        now_ns = exchange.now_ns
        if known is None or instrument.calendar.current_or_last(now_ns, liquid=False).start_ns != known.start_ns:
            known = exchange.session_bar(feed.con_id)
        if known is None:
            return {}
        known = feed.session = msgspec.structs.replace(known, high=max(known.high, last), low=min(known.low, last))
        values = {_OPEN: known.open, _HIGH: known.high, _LOW: known.low}
        if instrument.sec_type is not SecType.CASH:
            values[_VOLUME] = Decimal(exchange.session_volume(feed.con_id))
        return values

    def _greeks(self, req_id: int, feed: MarketFeed, version: int) -> list[Reply]:
        """Of options, when the underlying has moved."""
        exchange = self._server.exchange
        option = exchange.catalogue[feed.con_id]
        if not option.is_option:
            return []
        underlying = exchange.quote(option.under_con_id).last
        values = exchange.greeks(feed.con_id) if underlying != feed.underlying else None
        feed.underlying = underlying
        kind = greeks.MODEL if feed.kind == LIVE else greeks.DELAYED_MODEL
        return [] if values is None else [greeks.told(version, req_id, kind, values)]

    def _tick(self, feed: MarketFeed, tick: int) -> int:
        return tick if feed.kind == LIVE else _DELAYED_OF[tick]
