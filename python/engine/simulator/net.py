"""A network in memory for the virtual loop: hosts, listeners, and links that can be refused, cut or fall silent.

Nothing here opens a socket. Bytes of one direction never overtake each other, as in TCP.
"""

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Callable
from enum import Enum
from typing import Any

from engine.simulator.pipes import Conditions, Pipe
from engine.simulator.transport import MemoryTransport

__all__ = ["Conditions", "Link", "MemoryServer", "MemoryTransport", "Network", "Way"]

SYN_TIMEOUT_S = 127.0  # how long Linux waits for an answer to a connect
LINKS_KEPT = 1_000  # beyond this, closed links are forgotten
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "", "0.0.0.0", "::"})  # noqa: S104 names, nothing is bound


class Way(Enum):
    """A direction of a link."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


class Link:
    """One established connection, with the handles to break it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, rng: random.Random, number: int, conditions: Conditions
    ) -> None:
        self.number = number
        self._pipes = {way: Pipe(loop, rng, conditions) for way in Way}
        self.client: MemoryTransport
        self.server: MemoryTransport

    def join(self, client: MemoryTransport, server: MemoryTransport) -> None:
        self.client, self.server = client, server
        up, down = self._pipes[Way.TO_SERVER], self._pipes[Way.TO_CLIENT]
        up.source, up.sink = client, server
        down.source, down.sink = server, client

    def pipe(self, way: Way) -> Pipe:
        return self._pipes[way]

    def set_conditions(self, conditions: Conditions) -> None:
        for pipe in self._pipes.values():
            pipe.conditions = conditions

    def cut(self) -> None:
        """Reset the connection: both ends see ConnectionResetError, what was under way is lost."""
        for pipe in self._pipes.values():
            pipe.fall_silent()
        for end in (self.client, self.server):
            end.fail(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    def half_open(self, way: Way = Way.TO_CLIENT) -> None:
        """Bytes that way vanish from now on; no end of stream, no reset."""
        self._pipes[way].fall_silent()

    def black_hole(self) -> None:
        """Bytes vanish both ways: a pulled cable."""
        for way in Way:
            self.half_open(way)

    @property
    def closed(self) -> bool:
        return self.client.lost and self.server.lost


class _ListeningSocket:
    """As much of a socket as callers use to learn the port they were given."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address


class MemoryServer(asyncio.AbstractServer):
    """A listener on the network in memory."""

    def __init__(self, network: Network, factory: Callable[[], asyncio.BaseProtocol], address: tuple[str, int]) -> None:
        self._network = network
        self.factory = factory
        self.address = address
        self._open = True

    @property
    def sockets(self) -> tuple[_ListeningSocket, ...]:
        return (_ListeningSocket(self.address),) if self._open else ()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._network.unlisten(self.address)

    def is_serving(self) -> bool:
        return self._open

    async def wait_closed(self) -> None:
        await asyncio.sleep(0)

    async def start_serving(self) -> None:
        await asyncio.sleep(0)

    async def serve_forever(self) -> None:
        await asyncio.get_running_loop().create_future()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._network.loop


class Network:
    """All hosts, listeners and links of one virtual world."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seed: int) -> None:
        self.loop = loop
        self._seed = seed
        self._listeners: dict[tuple[str, int], MemoryServer] = {}
        self._mute: set[tuple[str, int]] = set()
        self._conditions: dict[tuple[str, int], Conditions] = {}
        self._default = Conditions()
        self._port_next = 49_152
        self._count = 0
        self.links: list[Link] = []

    # --- what a test arranges --------------------------------------------------------------------
    def set_conditions(self, conditions: Conditions, host: str | None = None, port: int | None = None) -> None:
        """Links made from now on carry bytes like this: all of them, or those to one address."""
        if host is None or port is None:
            self._default = conditions
        else:
            self._conditions[_address(host, port)] = conditions

    def never_answer(self, host: str, port: int) -> None:
        """Connects to this address hang, as behind a firewall that drops packets."""
        self._mute.add(_address(host, port))

    def links_to(self, port: int) -> list[Link]:
        """The links to a port that at least one end still believes in."""
        return [link for link in self.links if link.client.get_extra_info("peername")[1] == port and not link.closed]

    # --- what the loop calls -----------------------------------------------------------------------
    def listen(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | list[str] | None = None,
        port: int | None = None,
        **options: Any,
    ) -> MemoryServer:
        _refuse_sockets(options)
        name = host if isinstance(host, str) else host[0] if host else ""
        address = _address(name, port or self._ephemeral_port())
        if address in self._listeners:
            raise OSError(errno.EADDRINUSE, f"address already in use: {address[0]}:{address[1]}")
        server = MemoryServer(self, protocol_factory, address)
        self._listeners[address] = server
        return server

    def unlisten(self, address: tuple[str, int]) -> None:
        self._listeners.pop(address, None)

    async def connect(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: str | None = None,
        port: int | None = None,
        **options: Any,
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        _refuse_sockets(options)
        address = _address(host or "", port or 0)
        link = self._new_link(address)
        await asyncio.sleep(link.pipe(Way.TO_SERVER).lag_s())
        if address in self._mute:
            await asyncio.sleep(SYN_TIMEOUT_S)
            raise TimeoutError(errno.ETIMEDOUT, f"connect to {address[0]}:{address[1]} timed out")
        listener = self._listeners.get(address)
        if listener is None:
            await asyncio.sleep(link.pipe(Way.TO_CLIENT).lag_s())
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nothing listens on {address[0]}:{address[1]}")
        protocol = protocol_factory()
        self._establish(link, protocol, listener)
        await asyncio.sleep(link.pipe(Way.TO_CLIENT).lag_s())
        if link.client.is_closing():
            raise ConnectionResetError(errno.ECONNRESET, "connection reset while connecting")
        link.client.start()
        return link.client, protocol

    def _new_link(self, address: tuple[str, int]) -> Link:
        self._count += 1
        rng = random.Random(f"{self._seed}/{self._count}")  # noqa: S311 a simulation, not a secret
        return Link(self.loop, rng, self._count, self._conditions.get(address, self._default))

    def _establish(self, link: Link, protocol: asyncio.BaseProtocol, listener: MemoryServer) -> None:
        near, far = ("127.0.0.1", self._ephemeral_port()), listener.address
        up, down = link.pipe(Way.TO_SERVER), link.pipe(Way.TO_CLIENT)
        client = MemoryTransport(self.loop, protocol, up, down, {"peername": far, "sockname": near})
        server = MemoryTransport(self.loop, listener.factory(), down, up, {"peername": near, "sockname": far})
        link.join(client, server)
        if len(self.links) >= LINKS_KEPT:
            self.links = [old for old in self.links if not old.closed]
        self.links.append(link)
        self.loop.call_soon(server.start)

    def _ephemeral_port(self) -> int:
        self._port_next += 1
        return self._port_next


def _address(host: str, port: int) -> tuple[str, int]:
    return ("127.0.0.1" if host in _LOCAL else host, port)


def _refuse_sockets(options: dict[str, Any]) -> None:
    for name in ("sock", "ssl"):
        if options.get(name):
            raise NotImplementedError(f"the network in memory has no {name}: connect by host and port")
