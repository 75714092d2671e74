"""Requests that the codec does not know: to the desk that can answer them, or refused by name. Never silence.

A refusal carries the code that TWS uses for the subject, so that clients react as they would to TWS.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from engine.simulator.server import notices
from engine.simulator.server.raw import Fields, RawHandler, UnreadableField
from engine.wire.replies import ErrorMessage
from engine.wire.requests import UnknownRequest

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection

_OLD_SCANNER = 143  # before this version its request has a version number of its own


class Refused(NamedTuple):
    """What TWS would say. `id_at`: where the request id stands after the message id; None: there is none."""

    name: str
    id_at: int | None
    code: int
    text: str = "Error processing request.-'bX' : cause - {name} is not part of this simulator"


_NO_DEPTH = "Deep market data is not supported for this combination of security type/exchange"
_NO_FA = "Error processing request.-'bZ' : cause - FA data operations ignored for non FA customers."
_NO_NEWS = "News feed is not allowed."
_NO_FUNDAMENTALS = "We are sorry, but fundamentals data for the security specified is not available."
_NOT_FOUND = "Can't find EId with tickerId:{req_id}"
_NO_HISTORY = notices.HISTORY + "{name} is not part of this simulator"

_REFUSED: dict[int, Refused] = {
    10: Refused("reqMktDepth", 1, 10092, _NO_DEPTH),
    11: Refused("cancelMktDepth", 1, 310, "Can't find the subscribed market depth with tickerId:{req_id}"),
    18: Refused("requestFA", None, 321, _NO_FA),
    19: Refused("replaceFA", None, 321, _NO_FA),
    22: Refused("reqScannerSubscription", 0, 162, _NO_HISTORY),
    23: Refused("cancelScannerSubscription", 1, 365, "No scanner subscription found for ticker id:{req_id}"),
    52: Refused("reqFundamentalData", 1, 430, _NO_FUNDAMENTALS),
    53: Refused("cancelFundamentalData", 1, 300, _NOT_FOUND),
    56: Refused("cancelCalculateImpliedVolatility", 1, 300, _NOT_FOUND),
    57: Refused("cancelCalculateOptionPrice", 1, 300, _NOT_FOUND),
    65: Refused("verifyRequest", None, 321),
    66: Refused("verifyMessage", None, 321),
    72: Refused("verifyAndAuthRequest", None, 321),
    73: Refused("verifyAndAuthMessage", None, 321),
    84: Refused("reqNewsArticle", 0, 10172, "Failed to request news article:No data available"),
    86: Refused("reqHistoricalNews", 0, 10276, _NO_NEWS),
    88: Refused("reqHistogramData", 0, 162, _NO_HISTORY),
    89: Refused("cancelHistogramData", 0, 300, _NOT_FOUND),
    100: Refused("reqWshMetaData", 0, 10276, _NO_NEWS),
    101: Refused("cancelWshMetaData", 0, 300, _NOT_FOUND),
    102: Refused("reqWshEventData", 0, 10276, _NO_NEWS),
    103: Refused("cancelWshEventData", 0, 300, _NOT_FOUND),
}


class UnknownDesk:
    """Everything beside the codec, by message id."""

    def __init__(self, handlers: Iterable[dict[int, RawHandler]]) -> None:
        self._handlers = {number: handler for each in handlers for number, handler in each.items()}

    def answer(self, connection: Connection, request: UnknownRequest) -> None:
        number = request.message_id
        if number is None:
            connection.send(notices.unreadable("Unable to parse field: 'Message Id'."))
            return
        handler = self._handlers.get(number)
        if handler is None:
            connection.send(_refusal(request, number, connection.session.version))
            return
        try:
            handler(connection, Fields(request))
        except UnreadableField as error:
            connection.send(notices.unreadable(str(error)))


def _refusal(request: UnknownRequest, number: int, version: int) -> ErrorMessage:
    """Say what was asked for and that it is not here."""
    why = _REFUSED.get(number, Refused(f"message id {number}", None, 320))
    id_at = why.id_at
    if number == 22 and version < _OLD_SCANNER:
        id_at = 1
    req_id = notices.NO_ID if id_at is None else _req_id(request, id_at)
    return ErrorMessage(req_id, why.code, why.text.format(name=f"{why.name} ({number})", req_id=req_id))


def _req_id(request: UnknownRequest, id_at: int) -> int:
    fields = Fields(request)
    try:
        for _ in range(id_at):
            fields.text()
        return fields.whole("reqId")
    except UnreadableField:
        return notices.NO_ID
