"""The port on which one login is offered: lets clients in, and ends with all of them.

Must never let in an address that is not allowed, nor more clients than TWS would have.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime

from engine.config.gateway_table import Network
from engine.gateway.client import Client
from engine.gateway.keeper import Keeper
from engine.gateway.order_desk import OrderDesk
from engine.gateway.tally import ClientLine, LoginLine

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
        wall_ns: Callable[[], int],
        clock: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self.desk = desk
        self.address = address
        self._keeper = keeper
        self._allowed = allowed
        self._wall_ns = wall_ns
        self._clock = clock
        self._log = log
        self._clients: set[Client] = set()
        self._server: asyncio.AbstractServer | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.desk.open()
        self._server = await loop.create_server(self._client, *self.address)
        self.address = (self.address[0], self._server.sockets[0].getsockname()[1])  # port 0: whichever is free
        self._keeping = loop.create_task(self._keeper.run(), name=f"keep {self.desk.entry.config.name}")

    async def close(self) -> None:
        """No new clients; those that are here lose their connection, as if TWS had ended."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            client.close("the gateway ends")
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self.desk.settled()

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
            self._clients.add(client)
        return why

    def gone(self, client: Client) -> None:
        self._clients.discard(client)

    def log(self, text: str) -> None:
        self._log(f"{self.desk.entry.config.name}: {text}")

    def _client(self) -> Client:
        return Client(self, self._clock)
