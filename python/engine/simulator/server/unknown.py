"""Requests that this simulator does not know: each is answered with an error that names it, never with silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.simulator.server import notices
from engine.wire.replies import ErrorMessage
from engine.wire.requests import UnknownRequest

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection

# message id: name, index of the request id among the fields (None: it has none), error code TWS uses for the subject
_KNOWN: dict[int, tuple[str, int | None, int]] = {
    10: ("reqMktDepth", 2, 354),
    11: ("cancelMktDepth", 2, 310),
    12: ("reqNewsBulletins", None, 321),
    13: ("cancelNewsBulletins", None, 321),
    18: ("requestFA", None, 321),
    19: ("replaceFA", None, 321),
    22: ("reqScannerSubscription", 1, 162),
    23: ("cancelScannerSubscription", 2, 165),
    24: ("reqScannerParameters", None, 165),
    50: ("reqRealTimeBars", 2, 420),
    51: ("cancelRealTimeBars", 2, 420),
    52: ("reqFundamentalData", 2, 430),
    53: ("cancelFundamentalData", 2, 430),
    54: ("calculateImpliedVolatility", 2, 321),
    55: ("calculateOptionPrice", 2, 321),
    79: ("reqSoftDollarTiers", 1, 321),
    80: ("reqFamilyCodes", None, 321),
    81: ("reqMatchingSymbols", 1, 321),
    82: ("reqMktDepthExchanges", None, 321),
    83: ("reqSmartComponents", 1, 321),
    84: ("reqNewsArticle", 1, 321),
    85: ("reqNewsProviders", None, 321),
    86: ("reqHistoricalNews", 1, 321),
    88: ("reqHistogramData", 1, 162),
    89: ("cancelHistogramData", 1, 162),
    96: ("reqHistoricalTicks", 1, 162),
    97: ("reqTickByTickData", 1, 10189),
    98: ("cancelTickByTickData", 1, 10189),
    100: ("reqWshMetaData", 1, 321),
    102: ("reqWshEventData", 1, 321),
    104: ("reqUserInfo", 1, 321),
}


def answer(connection: Connection, request: UnknownRequest) -> None:
    """Say what was asked for and that it is not here."""
    number = request.message_id
    if number is None:
        connection.send(notices.unreadable("Unable to parse field: 'Message Id'."))
        return
    name, index, code = _KNOWN.get(number, (f"message id {number}", None, 320))
    req_id = _field(request.payload, index)
    if code == 162:
        text = f"Historical Market Data Service error message:{name} ({number}) is not part of this simulator"
    else:
        text = f"Error processing request: {name} ({number}) is not part of this simulator"
    connection.send(ErrorMessage(notices.NO_ID if req_id is None else req_id, code, text))


def _field(payload: bytes, index: int | None) -> int | None:
    fields = payload.split(b"\0")
    if index is None or index >= len(fields) or not fields[index].isdigit() or len(fields[index]) > 10:
        return None
    return int(fields[index])
