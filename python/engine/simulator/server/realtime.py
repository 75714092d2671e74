"""Real-time bars: one of five seconds every five seconds, while the contract's market is open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from engine.core.contracts import Contract
from engine.simulator.exchange import Refusal
from engine.simulator.exchange.bars import Asked, Bar, Show, Span
from engine.simulator.exchange.calendars import NS_PER_S
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.server import notices
from engine.simulator.server.feeds import BarFeed
from engine.simulator.server.raw import Fields, RawHandler, reply
from engine.wire.replies import ErrorMessage, Reply

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer

BAR_S = 5  # whatever the client asks for, as in TWS
BAR_NS = BAR_S * NS_PER_S
LINES_MAX = 100
LATE_BARS_MAX = 12  # what is told of a time in which the simulator did not keep up
_REALTIME_BAR = 50
_SHOWS = {show.value: show for show in (Show.TRADES, Show.MIDPOINT, Show.BID, Show.ASK)}


class RealTimeBarDesk:
    """Real-time bars of one login. One timer for all, running only while there are any."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._timer: asyncio.TimerHandle | None = None

    def raw_handlers(self) -> dict[int, RawHandler]:
        return {50: self._subscribe, 51: self._cancel}

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _subscribe(self, connection: Connection, fields: Fields) -> None:
        fields.text("version")
        req_id, contract = fields.whole("reqId"), fields.contract()
        fields.whole("barSize")
        show, regular_hours = fields.text("whatToShow").upper(), fields.flag("useRTH")
        self._server.catch_up()
        found = self._wanted(connection, contract, show)
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(req_id, found.code, found.text))
            return
        asked = Asked(
            end_ns=self._server.exchange.now_ns // BAR_NS * BAR_NS,
            span=Span(BAR_S, "S"),
            size_s=BAR_S,
            show=_SHOWS[show],
            regular_hours=regular_hours,
        )
        connection.subscriptions.bars[req_id] = BarFeed(found.con_id, asked, asked.end_ns)
        self._keep_going()

    def _wanted(self, connection: Connection, contract: Contract, show: str) -> Instrument | Refusal:
        found = self._server.exchange.resolve(contract)
        if isinstance(found, Refusal):
            return found
        if show not in _SHOWS:
            return Refusal(321, "Error validating request.-'bY' : cause - What to show field is missing or incorrect.")
        if len(connection.subscriptions.bars) >= LINES_MAX:
            return Refusal(420, "Invalid Real-time Query:Max number of real-time requests has been reached.")
        name = f"{found.contract.symbol} {found.sec_type.value}"
        if self._server.options.market_data != "live":
            return Refusal(420, f"Invalid Real-time Query:No market data permissions for {name}")
        if show == "TRADES" and found.sec_type is SecType.CASH:
            return Refusal(420, f"Invalid Real-time Query:No historical market data for {name} Last")
        return found

    def _cancel(self, connection: Connection, fields: Fields) -> None:
        fields.text("version")
        req_id = fields.whole("reqId")
        if connection.subscriptions.bars.pop(req_id, None) is None:
            connection.send(notices.no_subscription(req_id, "real-time bars"))

    def _keep_going(self) -> None:
        if self._timer is None:
            now_ns = self._server.clock.now_ns()
            self._timer = self._server.clock.call_at_ns((now_ns // BAR_NS + 1) * BAR_NS + 1_000, self._tell)

    def _tell(self) -> None:
        self._timer = None
        clients = [client for client in self._server.clients.values() if client.subscriptions.bars]
        if not clients:
            return
        self._server.catch_up()
        for client in clients:
            for req_id, feed in list(client.subscriptions.bars.items()):
                client.send(*self._news(req_id, feed))
        self._keep_going()

    def _news(self, req_id: int, feed: BarFeed) -> list[Reply]:
        """The bars that have ended since the last one told; none for a market that was closed."""
        now_ns = self._server.exchange.now_ns
        last_end_ns = now_ns // BAR_NS * BAR_NS
        first_end_ns = max(feed.told_ns, last_end_ns - LATE_BARS_MAX * BAR_NS) + BAR_NS
        feed.told_ns = max(last_end_ns, feed.told_ns)
        if not self._server.link_up:
            return []  # nothing new reaches TWS
        return [
            _written(req_id, bar)
            for end_ns in range(first_end_ns, last_end_ns + 1, BAR_NS)
            for bar in self._bars(feed, end_ns)
        ]

    def _bars(self, feed: BarFeed, end_ns: int) -> list[Bar]:
        bars = self._server.exchange.bars(feed.con_id, feed.ending(end_ns))
        return [bar for bar in bars if bar.start_ns == end_ns - BAR_NS]


def _written(req_id: int, bar: Bar) -> Reply:
    return reply(
        _REALTIME_BAR,
        1,
        req_id,
        bar.start_ns // NS_PER_S,
        bar.open,
        bar.high,
        bar.low,
        bar.close,
        bar.volume,
        bar.average,
        bar.count,
    )
