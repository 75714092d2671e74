"""Positions: a snapshot that ends with an end marker, then every change until cancelled.

They come from TWS's memory, which may lag behind the exchange.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.simulator.exchange import Event, PositionChanged
from engine.simulator.server import notices
from engine.wire.replies import ErrorMessage, Position, PositionEnd, PositionMulti, PositionMultiEnd
from engine.wire.requests import CancelPositions, CancelPositionsMulti, ReqPositions, ReqPositionsMulti, Request

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer


class PositionDesk:
    """Positions of one login."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server

    def handlers(self) -> dict[type[Request], Handler]:
        return {
            ReqPositions: self._subscribe,
            CancelPositions: self._cancel,
            ReqPositionsMulti: self._subscribe_multi,
            CancelPositionsMulti: self._cancel_multi,
        }

    def stop(self) -> None:
        """Nothing runs here by itself."""

    def _known(self, account: str = "") -> list[tuple[str, int, Decimal, Decimal]]:
        return [
            (owner, con_id, quantity, cost)
            for (owner, con_id), (quantity, cost) in self._server.memory.positions.items()
            if account in ("", owner) and (quantity or self._server.options.position_zeros)
        ]

    def _position(self, account: str, con_id: int, quantity: Decimal, cost: Decimal) -> Position:
        return Position(account, self._server.exchange.catalogue[con_id].reported, quantity, cost)

    def _subscribe(self, connection: Connection, _request: ReqPositions) -> None:
        connection.subscriptions.positions = True
        connection.send(*(self._position(*known) for known in self._known()), PositionEnd())

    def _cancel(self, connection: Connection, _request: CancelPositions) -> None:
        connection.subscriptions.positions = False

    def _subscribe_multi(self, connection: Connection, request: ReqPositionsMulti) -> None:
        if request.account and request.account not in self._server.exchange.accounts:
            connection.send(ErrorMessage(request.req_id, 321, notices.INVALID_ACCOUNT))
            return
        connection.subscriptions.positions_multi[request.req_id] = request.account
        for known in self._known(request.account):
            connection.send(self._multi(request.req_id, self._position(*known)))
        connection.send(PositionMultiEnd(request.req_id))

    def _multi(self, req_id: int, held: Position) -> PositionMulti:
        return PositionMulti(req_id, held.account, held.contract, held.position, held.avg_cost)

    def _cancel_multi(self, connection: Connection, request: CancelPositionsMulti) -> None:
        connection.subscriptions.positions_multi.pop(request.req_id, None)

    def tell(self, event: Event) -> None:
        """A position changed, or TWS has only now heard of it."""
        if not isinstance(event, PositionChanged):
            return
        news = self._position(event.account, event.con_id, event.quantity, event.avg_cost)
        for client in list(self._server.clients.values()):
            feeds = client.subscriptions
            if feeds.positions:
                client.send(news)
            for req_id, account in feeds.positions_multi.items():
                if account in ("", event.account):
                    client.send(self._multi(req_id, news))
