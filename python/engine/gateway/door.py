"""The port on which one login is offered: lets clients in, and ends with all of them.

Must never let in an address that is not allowed, nor more clients than TWS would have.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime

from engine.config.gateway_table import Network
from engine.core.restrictions import Scope
from engine.gateway.client import Client
from engine.gateway.fence import Fence
from engine.gateway.keeper import Keeper
from engine.gateway.order_desk import OrderDesk
from engine.gateway.sweeping import Sweeping
from engine.gateway.tally import ClientLine, LoginLine
from engine.trading.rules import described
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.requests import CancelOrder

CANCELS_A_SECOND = 30  # over a client's own connection, beside what it says itself: TWS ends it for more than 50
CLIENTS_MAX = 64  # connections at once; TWS itself takes 32 clients


class Door:
    """Of one login. Opens with `open`, which raises OSError."""

    def __init__(
        self,
        desk: OrderDesk,
        keeper: Keeper,
        *,
        address: tuple[str, int],
        allowed: tuple[Network, ...],
        fence: tuple[ssl.SSLContext, bytes] | None = None,
        wall_ns: Callable[[], int],
        clock: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self.desk = desk
        self.address = address
        self._keeper = keeper
        self._allowed = allowed
        self._fence = fence
        self._strangers: set[Fence] = set()
        self._wall_ns = wall_ns
        self._clock = clock
        self._log = log
        self._clients: dict[Client, None] = {}  # in the order they came, so that what is done to all is always the same
        self._server: asyncio.AbstractServer | None = None
        self._sweeping = Sweeping(desk, self._here, self._cancel_of, self.log)
        self._running: tuple[asyncio.Task[None], ...] = ()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.desk.open()
        self._server = await loop.create_server(self._at_the_door(), *self.address)
        self.address = (self.address[0], self._server.sockets[0].getsockname()[1])  # port 0: whichever is free
        name = self.desk.entry.config.name
        self._running = (
            loop.create_task(self._keeper.run(), name=f"keep {name}"),
            loop.create_task(self._sweeping.run(), name=f"sweep {name}"),
        )

    async def close(self) -> None:
        """No new clients; those that are here lose their connection, as if TWS had ended."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.close("the gateway ends")
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self.desk.settled()

    def scope(self) -> Scope:
        return self.desk.entry.scope

    def killed(self, why: str) -> None:
        """A kill of this login has begun somewhere: what waits stays here, and each client's own orders are cancelled
        over its own connection, as fast as TWS takes messages. No global cancel: it would take the kill's closing
        orders with it.
        """
        self.withdraw_all(f"the kill switch was pressed: {why}")
        cancelled = sum(self._cancel_all_of(client) for client in tuple(self._clients))
        self.log(f"a kill has begun ({why}): {cancelled} orders of clients were cancelled at once, and no other passes")

    def _cancel_all_of(self, client: Client, left: frozenset[int] | None = None) -> int:
        """How many are cancelled now. `left`: of these alone, those that the kill's own cancel has not reached."""
        if client.client_id is None or not client.ready:
            return 0
        found = [one for one in self.desk.working(client.client_id) if left is None or one in left]
        if len(found) > CANCELS_A_SECOND:
            later = frozenset(found[CANCELS_A_SECOND:])
            asyncio.get_running_loop().call_later(1.0, self._cancel_all_of, client, later)
        count = _cancel(client, found)
        self.desk.tally.count("cancelled in a kill", count)
        return count

    def _here(self) -> dict[int, Client]:
        return {each.client_id: each for each in self._clients if each.client_id is not None and each.ready}

    def _cancel_of(self, client_id: int, numbers: list[int]) -> int:
        client = self._here().get(client_id)
        return 0 if client is None else _cancel(client, numbers)

    def line(self) -> LoginLine:
        """For the status."""
        config, desk = self.desk.entry.config, self.desk
        clients = tuple(
            ClientLine(each.client_id, each.peer, each.version, each.line.waiting) for each in self._clients
        )
        return LoginLine(
            name=config.name,
            port=self.address[1],
            tws=f"{config.host}:{config.port}",
            waiting_for=desk.warming_up,
            state=described(desk.checks.state()),
            clients=clients,
            counts=dict(desk.tally.counts),
            refused=dict(desk.tally.refused),
            order_us=desk.tally.order_us(),
        )

    def turns_away(self, peer: str) -> str:
        """Why who comes from there is not let in; empty: he is."""
        if len(self._clients) >= CLIENTS_MAX:
            return f"{CLIENTS_MAX} are here already"
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return "its address is not known"
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return "" if any(address in network for network in self._allowed) else "its address is not in gateway.allow"

    # --- engine.gateway.client.Host ----------------------------------------------------------------
    @property
    def tws(self) -> tuple[str, int]:
        return self.desk.entry.config.host, self.desk.entry.config.port

    def time(self) -> str:
        return datetime.fromtimestamp(self._wall_ns() / 1e9, UTC).strftime("%Y%m%d %H:%M:%S UTC")

    def withdraw_all(self, why: str) -> None:
        for client in self._clients:
            client.line.withdraw(why)

    def came(self, client: Client) -> str:
        why = self.turns_away(client.peer)
        if not why:
            self._clients[client] = None
        return why

    def gone(self, client: Client) -> None:
        self._clients.pop(client, None)

    def log(self, text: str) -> None:
        self._log(f"{self.desk.entry.config.name}: {text}")

    def _client(self) -> Client:
        return Client(self, self._clock)

    def _at_the_door(self) -> Callable[[], asyncio.Protocol]:
        """What meets one who comes."""
        if self._fence is None:
            return self._client
        context, secret = self._fence
        return lambda: Fence(
            context,
            secret,
            self._strangers,
            turned_away=self.turns_away,
            then=self._client,
            log=self.log,
        )


def _cancel(client: Client, numbers: list[int]) -> int:
    """So many of its orders as TWS takes cancels of in a second, over its own connection. How many went."""
    now = numbers[:CANCELS_A_SECOND]
    cancels = b"".join(frame(encode_request(CancelOrder(one), client.version)) for one in now)
    return len(now) if cancels and client.pass_on(cancels) else 0
