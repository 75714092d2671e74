"""A network in memory for the virtual loop: late, in pieces, refused, cut, half-open or silent, all from one seed.

Transports behave as asyncio's do (write limits, pause and resume, EOF, abort). Nothing here opens a socket, and bytes
of one direction never overtake each other, as in TCP.
"""

from __future__ import annotations

import asyncio
import errno
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

WINDOW_BYTES = 65_536  # what the kernels of both ends hold before a write stays with the sender
SYN_TIMEOUT_S = 127.0  # how long Linux waits for an answer to a connect
LINKS_KEPT = 1_000  # beyond this, closed links are forgotten
_GAP_S = 1e-6  # between two pieces of one write
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "", "0.0.0.0", "::"})  # noqa: S104 names, nothing is bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a link carries bytes. The default is instant and whole."""

    latency_s: float = 0.0
    jitter_s: float = 0.0  # up to this much more, drawn for each write
    fragment_pct: float = 0.0  # chance that a write arrives in pieces
    coalesce_s: float = 0.0  # bytes wait for the next multiple of this, so that writes arrive together


class Way(Enum):
    """A direction of a link."""

    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


class _Pipe:
    """One direction: bytes in order, perhaps late, in pieces, or never."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: random.Random, conditions: Conditions) -> None:
        self._loop = loop
        self._rng = rng
        self._queue: deque[tuple[float, bytes | None]] = deque()  # None is the end of the stream
        self._last_due = 0.0
        self._timer: asyncio.Handle | None = None
        self.conditions = conditions
        self.source: MemoryTransport
        self.sink: MemoryTransport
        self.silent = False
        self.undelivered = 0

    def send(self, data: bytes | None) -> None:
        self.undelivered += len(data or b"")
        if self.silent:  # unacknowledged for ever: the sender's buffer fills, as with a dead peer
            return
        for piece in self._pieces(data):
            self._queue.append((self._due(), piece))
        self._schedule()

    def lag_s(self) -> float:
        """The delay one write meets now."""
        return self.conditions.latency_s + self._rng.uniform(0.0, self.conditions.jitter_s)

    def fall_silent(self) -> None:
        """From now on nothing arrives, not even what is under way."""
        self.silent = True
        self.clear()

    def clear(self) -> None:
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """The sink reads again."""
        self._schedule()

    def _pieces(self, data: bytes | None) -> Iterable[bytes | None]:
        if data is None or len(data) < 2 or self._rng.random() * 100 >= self.conditions.fragment_pct:
            return (data,)
        cuts = sorted(self._rng.sample(range(1, len(data)), min(len(data) - 1, self._rng.randint(1, 4))))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def _due(self) -> float:
        due = self._loop.time() + self.lag_s()
        if self.conditions.coalesce_s > 0:
            due = (due // self.conditions.coalesce_s + 1) * self.conditions.coalesce_s
        gap = _GAP_S if self.conditions.fragment_pct else 0.0
        self._last_due = max(due, self._last_due + gap)
        return self._last_due

    def _schedule(self) -> None:
        if self._timer is None and self._queue and self.sink.is_open_for_data():
            self._timer = self._loop.call_at(self._queue[0][0], self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        now = self._loop.time() + _GAP_S / 2  # a timer may fire half a nanosecond early
        due: list[bytes] = []
        ended = False
        while self._queue and self._queue[0][0] <= now and not ended:
            data = self._queue.popleft()[1]
            ended = data is None
            due.append(data or b"")
        arrived = b"".join(due)
        self.undelivered -= len(arrived)
        self.source.flushed()
        if arrived:
            self.sink.feed(arrived)
        if ended:
            self.sink.feed_eof()
        self._schedule()


class Link:
    """One established connection, with the handles to break it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, rng: random.Random, number: int, conditions: Conditions
    ) -> None:
        self.number = number
        self._pipes = {way: _Pipe(loop, rng, conditions) for way in Way}
        self.client: MemoryTransport
        self.server: MemoryTransport

    def join(self, client: MemoryTransport, server: MemoryTransport) -> None:
        self.client, self.server = client, server
        up, down = self._pipes[Way.TO_SERVER], self._pipes[Way.TO_CLIENT]
        up.source, up.sink = client, server
        down.source, down.sink = server, client

    def pipe(self, way: Way) -> _Pipe:
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


class MemoryTransport(asyncio.Transport):
    """One end of a link, with the manners of asyncio's socket transport."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        outgoing: _Pipe,
        incoming: _Pipe,
        addresses: dict[str, tuple[str, int]],
    ) -> None:
        super().__init__(addresses)
        self._loop = loop
        self._protocol = protocol
        self._out = outgoing
        self._in = incoming
        self._started = False
        self._reading = True
        self._closing = False
        self._eof_sent = False
        self._writing_paused = False
        self._high, self._low = 65_536, 16_384
        self.lost = False

    def start(self) -> None:
        """Tell the protocol that it is connected, then let bytes in."""
        if self._closing:
            return
        self._protocol.connection_made(self)
        self._started = True
        self._in.wake()

    # --- asyncio.Transport -----------------------------------------------------------------------
    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._eof_sent:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing or not data:
            return
        self._out.send(bytes(data))
        if self.get_write_buffer_size() > self._high and not self._writing_paused:
            self._writing_paused = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if not self._eof_sent and not self._closing:
            self._eof_sent = True
            self._out.send(None)

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return max(0, self._out.undelivered - WINDOW_BYTES)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high if high is not None else 65_536 if low is None else 4 * low
        self._low = low if low is not None else self._high // 4

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._closing:
            self._reading = True
            self._in.wake()

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def is_closing(self) -> bool:
        return self._closing

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def close(self) -> None:
        """Flush, then end: `connection_lost(None)` comes once the last bytes have left this side."""
        if self._closing:
            return
        self._closing = True
        if not self._eof_sent:
            self._out.send(None)
        if self.get_write_buffer_size() == 0:
            self._loop.call_soon(self._lose, None)

    def abort(self) -> None:
        """End now; what is still buffered on this side is lost, the peer sees the end of the stream."""
        if self.lost:
            return
        if self.get_write_buffer_size():
            self._out.clear()
        if not self._closing and not self._eof_sent:
            self._out.send(None)
        self._closing = True
        self._loop.call_soon(self._lose, None)

    def reset(self) -> None:
        """End now and let the peer see a reset; what was under way is lost. Sockets have SO_LINGER for this."""
        self._out.fall_silent()
        self._out.sink.fail(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        self.fail(ConnectionAbortedError(errno.ECONNABORTED, "reset from this side"))

    # --- the network's side ----------------------------------------------------------------------
    def is_open_for_data(self) -> bool:
        """A closed end swallows what still comes; a paused or unborn one lets it wait."""
        return self._closing or (self._started and self._reading)

    def feed(self, data: bytes) -> None:
        if self._closing:
            return
        if isinstance(self._protocol, asyncio.BufferedProtocol):
            while data:
                buffer: Any = self._protocol.get_buffer(len(data))
                taken = min(len(buffer), len(data))
                buffer[:taken] = data[:taken]
                self._protocol.buffer_updated(taken)
                data = data[taken:]
        elif isinstance(self._protocol, asyncio.Protocol):
            self._protocol.data_received(data)

    def feed_eof(self) -> None:
        if self._closing:
            return
        protocol = self._protocol
        stay = isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol) and protocol.eof_received()
        if not stay:
            self.close()

    def flushed(self) -> None:
        """Bytes of ours have arrived."""
        size = self.get_write_buffer_size()
        if self._writing_paused and size <= self._low:
            self._writing_paused = False
            self._protocol.resume_writing()
        if self._closing and size == 0:
            self._loop.call_soon(self._lose, None)

    def fail(self, error: Exception) -> None:
        """The connection broke under us."""
        self._closing = True
        self._loop.call_soon(self._lose, error)

    def _lose(self, error: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        if self._started:
            self._protocol.connection_lost(error)


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

    def answer_again(self, host: str, port: int) -> None:
        self._mute.discard(_address(host, port))

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
