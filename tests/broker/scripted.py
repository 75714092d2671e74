"""A TWS that does exactly what a test tells it, on the virtual loop: no exchange, no opinion.

`answers[RequestType] = function(peer, request) -> replies` says how it answers; what has no answer stays unanswered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any, TypeVar

from engine.core.contracts import Contract
from engine.simulator.virtual import run
from engine.wire import replies, requests
from engine.wire.events import ClientHello, Malformed, Started
from engine.wire.frames import frame
from engine.wire.order import Order, OrderState
from engine.wire.replies import Reply
from engine.wire.requests import Request
from engine.wire.sessions import ServerSession

HOST, PORT = "127.0.0.1", 7497
ACCOUNT = "DU1"

T = TypeVar("T")
Answer = Callable[["Peer", Any], Iterable[Reply]]


class Peer(asyncio.Protocol):
    """One client of the scripted TWS."""

    def __init__(self, tws: ScriptedTws) -> None:
        self.tws = tws
        self.session = ServerSession(max_version=tws.version)
        self.client_id: int | None = None
        self.gone = False
        self.end: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()  # None: in good order
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.tws.peers.append(self)
        if self.tws.close_on == "connect":
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        self.end.set_result(exc)

    def data_received(self, data: bytes) -> None:
        for event in self.session.receive(data):
            assert not isinstance(event, Malformed), event
            self.tws.take(self, event)

    def send(self, *messages: Reply) -> None:
        if not self.gone:
            self.transport.write(b"".join(self.session.send(message) for message in messages))

    def send_raw(self, *fields: str) -> None:
        """A frame of any fields, sensible or not."""
        self.transport.write(frame(("\0".join(fields) + "\0").encode()))


class ScriptedTws:
    """Accepts everybody unless told otherwise. `asked` is everything that was requested, with its time."""

    def __init__(
        self, *, port: int = PORT, accounts: tuple[str, ...] = (ACCOUNT,), next_id: int = 1, version: int = 178
    ) -> None:
        self.version = version
        self.port = port
        self.accounts = accounts
        self.next_id = next_id
        self.busy_ids: set[int] = set()
        self.close_on_ids: set[int] = set()
        self.silent_on: str = ""  # "hello" or "start": the step that is not answered
        self.close_on: str = ""  # "connect", "hello" or "start"
        self.peers: list[Peer] = []
        self.asked: list[tuple[float, Peer, Request]] = []
        self.answers: dict[type[Request], Answer] = {
            requests.ReqCurrentTime: lambda _peer, _request: [replies.CurrentTime(1_773_239_400)],
            requests.CancelPositions: lambda _peer, _request: [],
        }
        self._server: Any = None

    async def __aenter__(self) -> ScriptedTws:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), HOST, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()

    def take(self, peer: Peer, event: object) -> None:
        match event:
            case ClientHello():
                if self.close_on == "hello":
                    peer.transport.close()
                elif self.silent_on != "hello":
                    peer.transport.write(peer.session.accept("20260311 10:30:00 US/Eastern"))
            case Started():
                self._start(peer, event.client_id)
            case Request():
                self.asked.append((asyncio.get_running_loop().time(), peer, event))
                answer = self.answers.get(type(event))
                if answer is not None:
                    peer.send(*answer(peer, event))

    def _start(self, peer: Peer, client_id: int) -> None:
        peer.client_id = client_id
        if client_id in self.busy_ids:
            peer.send(replies.ErrorMessage(-1, 326, "Unable to connect as the client id is already in use."))
            peer.transport.close()
        elif self.close_on == "start" or client_id in self.close_on_ids:
            peer.transport.close()
        elif self.silent_on != "start":
            peer.send(replies.ManagedAccounts(self.accounts), replies.NextValidId(self.next_id))

    # --- what a test asks ------------------------------------------------------------------------
    @property
    def peer(self) -> Peer:
        """The newest client that has started."""
        return [peer for peer in self.peers if peer.client_id is not None][-1]

    def requests(self, kind: type[T]) -> list[T]:
        return [request for _, _, request in self.asked if isinstance(request, kind)]

    def times(self, kind: type[Request]) -> list[float]:
        return [at for at, _, request in self.asked if isinstance(request, kind)]


def scripted(test: Callable[[ScriptedTws], Awaitable[T]], **options: Any) -> T:
    """Run a test beside a scripted TWS, in virtual time."""

    async def main() -> T:
        async with ScriptedTws(**options) as tws:
            return await test(tws)

    return run(main(), limit_s=3600)


# --- messages --------------------------------------------------------------------------------------

ES = Contract(con_id=11, symbol="ES", sec_type="FUT", last_trade_date="20260320", multiplier="50", currency="USD")
AAPL = Contract(con_id=22, symbol="AAPL", sec_type="STK", exchange="NASDAQ", currency="USD")


def position(contract: Contract = ES, quantity: int = 3, account: str = ACCOUNT) -> replies.Position:
    return replies.Position(account, contract, Decimal(quantity), Decimal("100.5"))


def open_order(
    *, perm_id: int = 900, client_id: int = 1, order_id: int = 5, quantity: int = 2, ref: str = "", **order: Any
) -> replies.OpenOrder:
    fields = {"action": "BUY", "order_type": "LMT", "lmt_price": Decimal(99), "account": ACCOUNT, **order}
    return replies.OpenOrder(
        order_id,
        ES,
        Order(total_quantity=Decimal(quantity), perm_id=perm_id, client_id=client_id, order_ref=ref, **fields),
        OrderState(status="Submitted"),
    )


def order_status(
    status: str = "Submitted",
    *,
    perm_id: int = 900,
    client_id: int = 1,
    order_id: int = 5,
    filled: int = 0,
    remaining: int = 2,
) -> replies.OrderStatus:
    return replies.OrderStatus(
        order_id=order_id,
        status=status,
        filled=Decimal(filled),
        remaining=Decimal(remaining),
        avg_fill_price=Decimal(0),
        perm_id=perm_id,
        last_fill_price=Decimal(0),
        client_id=client_id,
    )


def execution(
    req_id: int = -1, *, exec_id: str = "0001.01", contract: Contract = ES, **fields: Any
) -> replies.Execution:
    defaults: dict[str, Any] = {
        "order_id": 5,
        "time": "20260311 10:29:00 US/Eastern",
        "account": ACCOUNT,
        "exchange": "CME",
        "side": "BOT",
        "shares": Decimal(2),
        "price": Decimal("99.25"),
        "perm_id": 900,
        "client_id": 1,
        "liquidation": 0,
        "cum_qty": Decimal(2),
        "avg_price": Decimal("99.25"),
    }
    return replies.Execution(req_id=req_id, contract=contract, exec_id=exec_id, **(defaults | fields))
