"""TWS's end of one client's connection: splits what comes into whole messages, and hands whole messages over.

It decides nothing. What is usual goes straight to the client: one whole message. That path calls nothing of ours unless
the message may be of orders. Must never follow a redirect, nor hold more than one unfinished message.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Protocol, cast

from engine.gateway.cutting import Cut, Cutter
from engine.gateway.handshake import FirstWords
from engine.gateway.hearing import HEARD
from engine.wire.errors import ProtocolError

PROBES = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}  # a silent end that is gone is seen in 30 s
_whole_number = int.from_bytes


class Owner(Protocol):
    """Whose connection it is."""

    def answered(self, payload: bytes) -> None: ...

    def told(self, cut: Cut) -> None:
        """At least one whole message."""

    def overheard(self, number: bytes, message: bytes) -> None:
        """One that may be of orders has gone straight to the client."""

    def straight_to_client(self) -> Callable[[bytes], object] | None:
        """What takes a message that needs no look; None: nothing does now."""

    def hung_up(self, why: str) -> None: ...

    def clogged(self, paused: bool) -> None: ...


class Upstream(asyncio.Protocol):
    """Tells its owner of everything until `close`."""

    def __init__(self, owner: Owner) -> None:
        self._owner: Owner | None = owner
        self._transport: asyncio.Transport | None = None
        self._first: FirstWords | None = FirstWords(b"")
        self._cutter = Cutter()
        self._straight: Callable[[bytes], object] | None = None

    @property
    def backlog(self) -> int:
        """Bytes that TWS does not take."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> bool:
        """False: the connection is gone, and nothing was handed over."""
        if self._owner is None or self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        return True

    def write_now(self, data: bytes) -> bool:
        """False: it would have to wait in a buffer, or the connection is gone; nothing was handed over."""
        transport = self._transport
        if self._owner is None or transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(data)
        return True

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def straight_to_tws(self) -> Callable[[bytes], object] | None:
        return None if self._transport is None or self._owner is None else self._transport.write

    def close(self) -> None:
        self._owner = self._straight = None
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        keep_alive(self._transport)
        if self._owner is None:
            transport.close()

    def data_received(self, data: bytes) -> None:
        straight = self._straight
        if straight is not None:
            try:
                number = data[4 : data.index(b"\0", 4)]
                if _whole_number(data[:4], "big") == len(data) - 4:
                    straight(data)
                    if number in HEARD and self._owner is not None:
                        self._owner.overheard(number, data)
                    return
            except ValueError:
                pass  # no field has an end
        try:
            self._receive(data)
        except ProtocolError as error:
            self._hang_up(f"what TWS says is not its protocol: {error}")
        clear = self._owner is not None and self._first is None and not self._cutter.holds
        self._straight = self._owner.straight_to_client() if clear and self._owner is not None else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._hang_up("TWS ended the connection" if exc is None else str(exc))

    def pause_writing(self) -> None:
        if self._owner is not None:
            self._owner.clogged(True)

    def resume_writing(self) -> None:
        if self._owner is not None:
            self._owner.clogged(False)

    # --- inside ------------------------------------------------------------------------------------
    def _receive(self, data: bytes) -> None:
        if self._owner is None:
            return
        if self._first is not None:
            found = self._first.feed(data)
            if found is None:
                return
            self._first = None
            payload, data = found
            self._owner.answered(payload)
        cut = self._cutter.feed(data)
        if cut[1]:
            self._owner.told(cut)
        if self._cutter.fault is not None:
            raise self._cutter.fault

    def _hang_up(self, why: str) -> None:
        owner = self._owner
        self.close()
        if owner is not None:
            owner.hung_up(why)


def keep_alive(transport: asyncio.Transport) -> None:
    """Have the system notice an end that has vanished without a word. In memory there is no such socket."""
    found = transport.get_extra_info("socket")
    if found is not None:
        with contextlib.suppress(OSError):  # it has gone already
            found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in PROBES.items():
                if hasattr(socket, name):  # not every system has each
                    found.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
