"""A bare client for tests of the simulated TWS: speaks the wire, keeps every reply, decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from engine.core.contracts import Contract
from engine.simulator.build import build_world
from engine.simulator.clock import SimClock
from engine.simulator.exchange import AccountSpec, Exchange, Holding, Instrument
from engine.simulator.faults import AnyFault
from engine.simulator.scenario import Scenario
from engine.simulator.server import Login, LoginSetup, ServerOptions, World
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import START_NS, VirtualLoop, run
from engine.wire.errors import ProtocolError
from engine.wire.order import Order
from engine.wire.replies import ErrorMessage, Reply
from engine.wire.requests import PlaceOrder, Request
from engine.wire.sessions import ClientSession, Ready, ServerHello

R = TypeVar("R", bound=Reply)

ACCOUNT = "DU1"


class WireClient(asyncio.Protocol):
    """One connection. `replies` is everything that came, in order."""

    def __init__(self, client_id: int, **session: Any) -> None:
        self.session = ClientSession(client_id, **session)
        self.replies: list[Any] = []
        self.chunks: list[bytes] = []
        self.ready = asyncio.Event()
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.transport.write(self.session.hello())

    def data_received(self, data: bytes) -> None:
        self.chunks.append(data)
        try:
            events = self.session.receive(data)
        except ProtocolError as error:
            events = list(error.events)
        for event in events:
            if isinstance(event, ServerHello):
                self.transport.write(self.session.start_api())
            elif isinstance(event, Ready):
                self.ready.set()
            else:
                self.replies.append(event)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(exc)
        self._news.set()

    # --- talking -----------------------------------------------------------------------------------
    def send(self, *requests: Request) -> None:
        for request in requests:
            self.transport.write(self.session.send(request))

    def of(self, kind: type[R]) -> list[R]:
        return [reply for reply in self.replies if isinstance(reply, kind)]

    def errors(self, code: int) -> list[ErrorMessage]:
        return [reply for reply in self.of(ErrorMessage) if reply.code == code]

    async def until(self, holds: Callable[[], Any], limit_s: float = 30.0) -> None:
        async with asyncio.timeout(limit_s):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def ask(self, request: Request, end: type[R], limit_s: float = 30.0) -> list[Any]:
        """Send, and return what comes up to and including the end marker."""
        before = len(self.replies)
        self.send(request)
        await self.until(lambda: any(isinstance(reply, end) for reply in self.replies[before:]), limit_s)
        return self.replies[before:]

    async def gone(self, limit_s: float = 30.0) -> Exception | None:
        return await asyncio.wait_for(asyncio.shield(self.lost), limit_s)


async def connect(port: int, client_id: int = 1, *, ready: bool = True, **session: Any) -> WireClient:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: WireClient(client_id, **session), "127.0.0.1", port)
    if ready:
        await asyncio.wait_for(client.ready.wait(), 30)
    return client


# --- worlds ------------------------------------------------------------------------------------------
def small_world(
    *faults: AnyFault,
    holdings: dict[str, int] | None = None,
    accounts: tuple[str, ...] = (ACCOUNT,),
    options: ServerOptions | None = None,
    seed: int = 1,
    start_ns: int = START_NS,
) -> World:
    """One paper login on a free port, with the holdings on its first account."""
    loop = asyncio.get_running_loop()
    bare = Exchange(seed=seed, start_ns=start_ns, accounts=[AccountSpec("NONE", Decimal(0))])
    held = []
    for text, quantity in (holdings or {}).items():
        found = find_contract(bare.catalogue, text)
        held.append(Holding(found.con_id, Decimal(quantity), bare.quote(found.con_id).last))
    specs = [AccountSpec(name, Decimal(1_000_000), tuple(held) if name == accounts[0] else ()) for name in accounts]
    exchange = Exchange(seed=seed, start_ns=start_ns, accounts=specs, catalogue=bare.catalogue)
    setup = LoginSetup(name="paper", mode="paper", exchange=exchange, ports=(0,), options=options or ServerOptions())
    return World([setup], clock=SimClock(loop, start_ns=start_ns), faults=faults, seed=seed)


def scenario_world(scenario: Scenario) -> World:
    return build_world(scenario, ports={"paper": (0,), "live": (0,)})


def in_world(
    test: Callable[[Login, WireClient], Any], *faults: AnyFault, seed: int = 0, limit_s: float = 3600.0, **world: Any
) -> Any:
    """Run a test in virtual time against a small world, with client 1 connected."""

    async def main(_loop: VirtualLoop) -> Any:
        async with small_world(*faults, **world) as made:
            login = made.login("paper")
            return await test(login, await connect(login.ports[0]))

    return run(main, seed=seed, limit_s=limit_s)


# --- orders ------------------------------------------------------------------------------------------
def instrument(login: Login, text: str) -> Instrument:
    return find_contract(login.exchange.catalogue, text)


def order(
    login: Login,
    order_id: int,
    text: str,
    action: str,
    quantity: int,
    limit: Decimal | int | None = None,
    **fields: Any,
) -> PlaceOrder:
    """An order as a client sends it: by contract id, routed to the contract's own exchange."""
    contract: Contract = instrument(login, text).contract
    if limit is not None:
        fields = {"order_type": "LMT", "lmt_price": Decimal(limit), **fields}
    return PlaceOrder(
        order_id,
        Contract(con_id=contract.con_id, exchange=contract.exchange),
        Order(**{"action": action, "total_quantity": Decimal(quantity), "order_type": "MKT", "tif": "DAY"} | fields),
    )
