"""Tick data: historical ticks, and ticks one by one as they come, for those who asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.core.contracts import Contract
from engine.simulator.exchange import Refusal
from engine.simulator.exchange.calendars import NS_PER_S
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.ticks import Tick
from engine.simulator.server import notices, times
from engine.simulator.server.feeds import TickFeed
from engine.simulator.server.raw import Fields, RawHandler, reply
from engine.wire.replies import ErrorMessage, Reply

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer

TICKS_MAX = 1_000  # in one answer, as TWS has it
FEEDS_MAX = 5
TICK_S = 1.0
_HISTORICAL = {"MIDPOINT": 96, "BID_ASK": 97, "TRADES": 98}
_KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}
_SHOWS = {"Last": "TRADES", "AllLast": "TRADES", "BidAsk": "BID_ASK", "MidPoint": "MIDPOINT"}
_TICK_BY_TICK = 99
_IS_DONE = 1


class TickDesk:
    """Ticks of one login. One timer for all who listen, running only while there are any."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None

    def raw_handlers(self) -> dict[int, RawHandler]:
        return {96: self._historical, 97: self._subscribe, 98: self._cancel}

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- the past ------------------------------------------------------------------------------------
    def _historical(self, connection: Connection, fields: Fields) -> None:
        req_id, contract = fields.whole("reqId"), fields.contract()
        fields.flag("includeExpired")
        start, end = fields.text("startDateTime"), fields.text("endDateTime")
        count, show = fields.whole("numberOfTicks"), fields.text("whatToShow").upper()
        regular_hours = fields.flag("useRth")
        self._server.catch_up()
        from_ns, to_ns = times.parse_moment(start), times.parse_moment(end)
        found = self._server.exchange.resolve(contract)
        refusal: Refusal | None = None
        if isinstance(found, Refusal):
            refusal = found
        elif show not in _HISTORICAL:
            refusal = _invalid("What to show field is missing or incorrect.")
        elif bool(start) == bool(end) or (start and from_ns is None) or (end and to_ns is None):
            refusal = _invalid("One of start and end time is needed, as in 20260311 10:00:00 US/Eastern.")
        elif not 1 <= count <= TICKS_MAX:
            refusal = _invalid(f"Number of ticks must be between 1 and {TICKS_MAX}.")
        else:
            refusal = self._withheld(found, show, 162, notices.HISTORY)
        if refusal is not None or isinstance(found, Refusal):
            assert refusal is not None
            connection.send(ErrorMessage(req_id, refusal.code, refusal.text))
            return
        ticks = self._server.exchange.ticks(
            found.con_id, from_ns=from_ns, to_ns=to_ns, count=count, regular_hours=regular_hours
        )
        connection.send(_past(req_id, show, ticks, found))

    def _withheld(self, instrument: Instrument, show: str, code: int, prefix: str) -> Refusal | None:
        """Why there are no such ticks, if there are none."""
        name = f"{instrument.contract.symbol} {instrument.sec_type.value}"
        if not self._server.link_up:
            return Refusal(code, f"{prefix}HMDS connection is broken")
        if self._server.options.market_data == "none":
            return Refusal(code, f"{prefix}No market data permissions for {name}")
        if show == "TRADES" and instrument.sec_type is SecType.CASH:
            return Refusal(code, f"{prefix}No historical market data for {name} Last")
        return None

    # --- one by one ------------------------------------------------------------------------------------
    def _subscribe(self, connection: Connection, fields: Fields) -> None:
        req_id, contract, kind = fields.whole("reqId"), fields.contract(), fields.text("tickType")
        past = 0
        if connection.session.version >= 140:
            past = fields.whole("numberOfTicks")
        self._server.catch_up()
        found = self._wanted(connection, contract, kind)
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(req_id, found.code, found.text))
            return
        if past > 0:
            ticks = self._server.exchange.ticks(
                found.con_id, from_ns=None, to_ns=None, count=min(past, TICKS_MAX), regular_hours=False
            )
            connection.send(_past(req_id, _SHOWS[kind], ticks, found))
        connection.subscriptions.ticks[req_id] = TickFeed(found.con_id, kind)
        self._keep_ticking()

    def _wanted(self, connection: Connection, contract: Contract, kind: str) -> Instrument | Refusal:
        if kind not in _KINDS:
            return _invalid(f"Invalid tick type {kind!r}: {', '.join(_KINDS)}")
        if len(connection.subscriptions.ticks) >= FEEDS_MAX:
            return Refusal(10190, "Max number of tick-by-tick requests has been reached.")
        found = self._server.exchange.resolve(contract)
        if isinstance(found, Refusal):
            return found
        return self._withheld(found, _SHOWS[kind], 10189, "Failed to request tick-by-tick data.") or found

    def _cancel(self, connection: Connection, fields: Fields) -> None:
        req_id = fields.whole("reqId")
        if connection.subscriptions.ticks.pop(req_id, None) is None:
            connection.send(notices.no_subscription(req_id, "tick-by-tick data"))

    def _keep_ticking(self) -> None:
        if self._timer is None:
            self._timer = self._server.clock.call_in(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        clients = [client for client in self._server.clients.values() if client.subscriptions.ticks]
        if not clients:
            return
        self._keep_ticking()
        if not self._server.link_up:
            return  # nothing new reaches TWS
        self._server.catch_up()
        for client in clients:
            for req_id, feed in list(client.subscriptions.ticks.items()):
                client.send(*self._news(req_id, feed))

    def _news(self, req_id: int, feed: TickFeed) -> list[Reply]:
        """The tick of this second; quotes only when they differ from the last ones told."""
        exchange = self._server.exchange
        quote = exchange.quote(feed.con_id)
        if quote.halted or not quote.is_open:
            return []
        tick, instrument = exchange.tick(feed.con_id), exchange.catalogue[feed.con_id]
        values = _values(tick, feed.kind, instrument)
        if feed.kind not in ("Last", "AllLast") and values == feed.last:
            return []
        feed.last = values
        return [reply(_TICK_BY_TICK, req_id, _KINDS[feed.kind], tick.at_ns // NS_PER_S, *values)]


def _values(tick: Tick, kind: str, instrument: Instrument) -> tuple[object, ...]:
    """What follows a tick's time; attributes and special conditions are always none."""
    if kind == "MidPoint":
        return (tick.midpoint,)
    if kind == "BidAsk":
        return (tick.bid or 0, tick.ask or 0, tick.bid_size, tick.ask_size, 0)
    return (tick.price, tick.size, 0, _venue(instrument), "")


def _past(req_id: int, show: str, ticks: list[Tick], instrument: Instrument) -> Reply:
    """An answer of historical ticks, always complete."""
    rows: list[object] = []
    for tick in ticks:
        rows.append(tick.at_ns // NS_PER_S)
        rows.append(0)  # attributes; for midpoints a field without a meaning
        match show:
            case "TRADES":
                rows += [tick.price, tick.size, _venue(instrument), ""]
            case "BID_ASK":
                rows += [tick.bid or 0, tick.ask or 0, tick.bid_size, tick.ask_size]
            case _:
                rows += [tick.midpoint, 0]
    return reply(_HISTORICAL[show], req_id, len(ticks), *rows, _IS_DONE)


def _venue(instrument: Instrument) -> str:
    contract = instrument.contract
    return contract.primary_exchange or contract.exchange


def _invalid(cause: str) -> Refusal:
    return Refusal(321, f"Error validating request.-'bX' : cause - {cause}")
