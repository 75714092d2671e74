"""One end of a connection in memory, with the manners of asyncio's socket transport: limits, pauses, ends, resets."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable
from typing import Any

from engine.simulator.pipes import Pipe

WINDOW_BYTES = 65_536  # what the kernels of both ends hold before a write stays with the sender


class MemoryTransport(asyncio.Transport):
    """One end of a link, with the manners of asyncio's socket transport."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.BaseProtocol,
        outgoing: Pipe,
        incoming: Pipe,
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
