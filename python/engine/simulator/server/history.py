"""Historical bars: requests with their limits, the answer, and updates while a client wants them."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec

from engine.core.contracts import Contract
from engine.simulator.exchange import Refusal
from engine.simulator.exchange.bars import DAY_S, Asked, Bar, Show, Span, TooManyBars
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.server import notices, schedule, times
from engine.simulator.server.feeds import HistoryFeed
from engine.wire import replies
from engine.wire.replies import ErrorMessage, HeadTimestamp, HistoricalData, HistoricalDataUpdate, Reply
from engine.wire.requests import (
    CancelHeadTimestamp,
    CancelHistoricalData,
    ReqHeadTimestamp,
    ReqHistoricalData,
    Request,
)

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer

UPDATE_S = 5.0
FEEDS_MAX = 50
NO_DATA, INVALID, NOT_FOUND = 162, 321, 366
_TEXT, _EPOCH = 1, 2
_SIZES = {
    **{f"{n} secs": n for n in (5, 10, 15, 30)},
    "1 secs": 1,
    "1 sec": 1,
    "1 min": 60,
    **{f"{n} mins": n * 60 for n in (2, 3, 5, 10, 15, 20, 30)},
    "1 hour": 3600,
    **{f"{n} hours": n * 3600 for n in (2, 3, 4, 8)},
    "1 day": DAY_S,
    "1 week": 7 * DAY_S,
    "1 month": 30 * DAY_S,
}
_SIZES |= {"1W": _SIZES["1 week"], "1M": _SIZES["1 month"]}
_DURATION = re.compile(r"([1-9]\d{0,4}) ([SDWMY])", re.ASCII)
_SHOWS = {show.value: show for show in Show}


class HistoryDesk:
    """Historical data of one login. One timer for all that is kept up to date, running only while there is any."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None

    def handlers(self) -> dict[type[Request], Handler]:
        return {
            ReqHistoricalData: self._answer,
            CancelHistoricalData: self._cancel,
            ReqHeadTimestamp: self._head,
            CancelHeadTimestamp: lambda client, request: None,  # it was answered at once
        }

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- requests ------------------------------------------------------------------------------------
    def _answer(self, connection: Connection, request: ReqHistoricalData) -> None:
        self._server.catch_up()
        if request.what_to_show.upper() == schedule.SHOW:
            connection.send(self._schedule(request))
            return
        found = self._wanted(request)
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(request.req_id, found.code, found.text))
            return
        if request.keep_up_to_date and len(connection.subscriptions.history) >= FEEDS_MAX:
            connection.send(_failed(request.req_id, f"no more than {FEEDS_MAX} requests can be kept up to date"))
            return
        instrument, asked = found
        try:
            bars = self._server.exchange.bars(instrument.con_id, asked)
        except TooManyBars as error:
            connection.send(_failed(request.req_id, f"Time length exceeds the limit: {error}"))
            return
        if not bars:
            name = f"{instrument.contract.symbol}@{request.contract.exchange}"
            connection.send(_failed(request.req_id, f"HMDS query returned no data: {name} {asked.show.value}"))
            return
        first, last = times.stamp(bars[0].start_ns), times.stamp(min(asked.end_ns, self._server.exchange.now_ns))
        feed = HistoryFeed(instrument.con_id, asked, request.format_date, bars[-1])
        rows = tuple(self._row(feed, instrument, bar) for bar in bars)
        connection.send(HistoricalData(request.req_id, first, last, rows))
        if request.keep_up_to_date:
            connection.subscriptions.history[request.req_id] = feed
            self._keep_updating()

    def _schedule(self, request: ReqHistoricalData) -> Reply:
        """When the contract trades; bar size and market data permissions do not matter."""
        found = self._server.exchange.resolve(request.contract)
        duration = _DURATION.fullmatch(request.duration)
        end_ns = times.parse_moment(request.end_time) if request.end_time else self._server.exchange.now_ns
        if not isinstance(found, Refusal) and (duration is None or end_ns is None or request.keep_up_to_date):
            found = _invalid("A schedule needs a duration as in 5 D, and is not kept up to date")
        if isinstance(found, Refusal) or duration is None or end_ns is None:
            assert isinstance(found, Refusal)
            return ErrorMessage(request.req_id, found.code, found.text)
        span = Span(int(duration[1]), duration[2])
        return schedule.answer(request.req_id, found.calendar, end_ns, span, regular_hours=request.use_rth)

    def _wanted(self, request: ReqHistoricalData) -> tuple[Instrument, Asked] | Refusal:
        """The contract and the bars that are meant, or why there are none."""
        found = self._contract(request.contract, request.what_to_show)
        if isinstance(found, Refusal):
            return found
        size_s = _SIZES.get(request.bar_size)
        duration = _DURATION.fullmatch(request.duration)
        end_ns = times.parse_moment(request.end_time) if request.end_time else self._server.exchange.now_ns
        if size_s is None:
            legal = ", ".join(size for size in _SIZES if size[-1].islower())
            return _invalid(f"Historical data bar size setting is invalid. Legal ones are: {legal}")
        if duration is None:
            return _invalid("Invalid duration: a number, a space, and one of S, D, W, M, Y")
        if end_ns is None or request.format_date not in (_TEXT, _EPOCH):
            return _invalid("Invalid end date, time or date format")
        if request.keep_up_to_date and (request.end_time or size_s > DAY_S):
            return _invalid("Bars of a day at most, without an end time, can be kept up to date")
        span = Span(int(duration[1]), duration[2])
        asked = Asked(
            end_ns=end_ns,
            span=span,
            size_s=size_s,
            show=_SHOWS[request.what_to_show.upper()],
            regular_hours=request.use_rth,
        )
        return found, asked

    def _contract(self, wanted: Contract, what_to_show: str) -> Instrument | Refusal:
        found = self._server.exchange.resolve(wanted)
        if isinstance(found, Refusal):
            return found
        show = _SHOWS.get(what_to_show.upper())
        if show is None:
            return _invalid(f"The simulator has no bars of {what_to_show or 'nothing'}: {', '.join(_SHOWS)}")
        name = f"{found.contract.symbol} {found.sec_type.value}"
        if not self._server.link_up:
            return Refusal(NO_DATA, notices.history_failed("HMDS connection is broken"))
        if self._server.options.market_data == "none":
            return Refusal(NO_DATA, notices.history_failed(f"No market data permissions for {name}"))
        if show.is_trades and found.sec_type is SecType.CASH:
            return Refusal(NO_DATA, notices.history_failed(f"No historical market data for {name} Last"))
        return found

    def _cancel(self, connection: Connection, request: CancelHistoricalData) -> None:
        if connection.subscriptions.history.pop(request.req_id, None) is None:
            text = f"No historical data query found for ticker id:{request.req_id}"
            connection.send(ErrorMessage(request.req_id, NOT_FOUND, text))

    def _head(self, connection: Connection, request: ReqHeadTimestamp) -> None:
        found = self._contract(request.contract, request.what_to_show)
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(request.req_id, found.code, found.text))
            return
        begins_ns = self._server.exchange.history_begins_ns
        text = times.utc_stamp(begins_ns) if request.format_date == _TEXT else str(begins_ns // 1_000_000_000)
        connection.send(HeadTimestamp(request.req_id, text))

    # --- updates -------------------------------------------------------------------------------------
    def _keep_updating(self) -> None:
        if self._timer is None:
            self._timer = self._server.clock.call_in(UPDATE_S, self._update)

    def _update(self) -> None:
        self._timer = None
        clients = [client for client in self._server.clients.values() if client.subscriptions.history]
        if not clients:
            return
        self._keep_updating()
        if not self._server.link_up:
            return  # nothing new reaches TWS
        self._server.catch_up()
        for client in clients:
            for req_id, feed in list(client.subscriptions.history.items()):
                client.send(*self._news(req_id, feed))

    def _news(self, req_id: int, feed: HistoryFeed) -> list[HistoricalDataUpdate]:
        """The bar that was growing, if it has ended meanwhile, and the one that grows now."""
        exchange = self._server.exchange
        instrument = exchange.catalogue[feed.con_id]
        span = Span(1, "D") if feed.asked.size_s == DAY_S else Span(2 * feed.asked.size_s + int(UPDATE_S), "S")
        asked = msgspec.structs.replace(feed.asked, end_ns=exchange.now_ns, span=span)
        bars = exchange.bars(feed.con_id, asked)
        known = feed.last
        fresh = [_widened(bar, known) for bar in bars if bar.start_ns >= known.start_ns]
        changed = [bar for bar in fresh if bar != known]
        if changed:
            feed.last = changed[-1]
        return [_grown(req_id, self._row(feed, instrument, bar)) for bar in changed]

    def _row(self, feed: HistoryFeed, instrument: Instrument, bar: Bar) -> replies.Bar:
        if feed.asked.size_s >= DAY_S:
            when = f"{bar.trade_date:%Y%m%d}"
        elif feed.format_date == _EPOCH:
            when = str(bar.start_ns // 1_000_000_000)
        else:
            when = instrument.calendar.local_text(bar.start_ns).replace("-", "")
        return replies.Bar(
            date=when,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
            average=bar.average,
            has_gaps="false",
            count=int(bar.count),
        )


def _widened(bar: Bar, known: Bar) -> Bar:
    """A bar that has been told never takes a high or low back."""
    if bar.start_ns != known.start_ns:
        return bar
    return msgspec.structs.replace(bar, high=max(bar.high, known.high), low=min(bar.low, known.low))


def _grown(req_id: int, row: replies.Bar) -> HistoricalDataUpdate:
    return HistoricalDataUpdate(
        req_id, row.count, row.date, row.open, row.close, row.high, row.low, row.average, row.volume
    )


def _invalid(cause: str) -> Refusal:
    return Refusal(INVALID, f"Error validating request.-'bX' : cause - {cause}")


def _failed(req_id: int, cause: str) -> ErrorMessage:
    return ErrorMessage(req_id, NO_DATA, notices.history_failed(cause))
