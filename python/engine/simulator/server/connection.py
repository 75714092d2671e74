"""One client's connection to the simulated TWS: bytes, handshake, pacing, and the order in which replies leave.

What a request means is decided elsewhere (`tws.py`). Nothing here may raise into the event loop for anything a client
sends: garbage ends the connection, a frame that makes no sense is answered with 320.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, cast

from engine.simulator.net import MemoryTransport
from engine.simulator.server import notices
from engine.simulator.server.feeds import Subscriptions
from engine.simulator.server.log import Kind
from engine.simulator.server.pacing import Pace, Pacer
from engine.wire.errors import LocalError, ProtocolError
from engine.wire.events import ClientHello, Malformed, ServerEvent, Started
from engine.wire.replies import Reply
from engine.wire.requests import Request
from engine.wire.sessions import ServerSession

if TYPE_CHECKING:
    from engine.simulator.server.tws import TwsServer

LINE_STEP_S = 1e-6  # timers of one and the same time come in any order
BURST_TO_AVOID = 4096  # IBKR's Python client loses a burst that is a multiple of this and has no successor


class Connection(asyncio.Protocol):
    """One socket. `client_id` is None until the client has named itself and was let in."""

    def __init__(self, server: TwsServer, number: int) -> None:
        self.server = server
        self.number = number
        self.deaf = False  # drops requests: it is not ready yet
        self.client_id: int | None = None
        self.subscriptions = Subscriptions()
        self.session = ServerSession(max_version=server.options.version_max)
        self.pacer = Pacer(server.options.pacing)
        self.requests_seen = 0
        self.half_open = False  # our bytes vanish
        self._pace_mode = False
        self._unanswered = False  # the handshake
        self._transport: asyncio.Transport | None = None
        self._burst: list[bytes] = []
        self._in_line_until = 0.0
        self._out_line_until = 0.0
        self.closed = False

    # --- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.server.connected(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self.server.lost(self, exc)

    def data_received(self, data: bytes) -> None:
        if self.server.trouble.swallows(self):
            return
        delay_s = self.server.trouble.latency_s()
        loop = self.server.clock.loop
        due = max(_behind(self._in_line_until), loop.time() + delay_s / self.server.clock.speed)
        if due <= loop.time():
            self._read(data)
        else:
            self._in_line_until = due
            loop.call_at(due, self._read, data)

    # --- reading -----------------------------------------------------------------------------------
    def _read(self, data: bytes) -> None:
        if self.closed:
            return
        try:
            events = self.session.receive(data)
        except ProtocolError as error:
            for event in error.events:
                if isinstance(event, ClientHello | Started | Request | Malformed):
                    self._take(event)
            self.note(Kind.MALFORMED, str(error))
            self.close()
            return
        for event in events:
            self._take(event)

    def _take(self, event: ServerEvent) -> None:
        if self.closed:
            return
        match event:
            case ClientHello():
                self._greet(event)
            case Started():
                self.pacer.judge(self.server.clock.now_ns())
                self.requests_seen += 1
                self.server.started(self, event.client_id)
            case Malformed():
                self.note(Kind.MALFORMED, str(event.error))
                self._paced(notices.unreadable(str(event.error)))
            case Request():
                self._paced(event)

    def _greet(self, hello: ClientHello) -> None:
        self._pace_mode = "PACEAPI" in hello.options.upper()
        if self.server.trouble.refuses_handshake():
            self.note(Kind.FAULT, "no answer to the handshake")
            self._unanswered = True
            return
        self._answer_hello()

    def _answer_hello(self) -> None:
        self._unanswered = False
        self._write(self.session.accept(self.server.handshake_time()))  # alone, at once: nothing may join it

    def confirmed(self) -> None:
        """Somebody has pressed Accept: go on where this was left waiting."""
        if self._unanswered and not self.closed:
            self._answer_hello()
        elif self.client_id is None and self.session.client_id is not None:
            self.server.started(self, self.session.client_id)

    def _paced(self, message: Request | Reply) -> None:
        """Let a request, or the error for one that could not be read, pass the message limit."""
        now_ns = self.server.clock.now_ns()
        if self._pace_mode:
            wait_ns = self.pacer.wait_ns(now_ns)
            if wait_ns:
                self.server.clock.call_in(wait_ns / 1e9, partial(self._handle, message))
                return
            self._handle(message)
            return
        match self.pacer.judge(now_ns):
            case Pace.TAKE:
                self._handle(message)
            case Pace.IGNORE:
                self.note(Kind.FAULT, f"above the message limit, ignored: {type(message).__name__}")
            case Pace.REFUSE | Pace.DISCONNECT as pace:
                limit = self.pacer.rule.messages_max or 0
                self.note(Kind.FAULT, f"above the message limit, breach {self.pacer.breaches}")
                self.send(notices.rate_exceeded(limit, limit + 1, self.pacer.breaches))
                if pace is Pace.DISCONNECT:
                    self.close()

    def _handle(self, message: Request | Reply) -> None:
        if self.closed:
            return
        if isinstance(message, Reply):
            self.send(message)
            return
        self.requests_seen += 1
        self.server.received(self, message)

    # --- writing -----------------------------------------------------------------------------------
    def send(self, *replies: Reply) -> None:
        """Send replies, subject to whatever fault is in force."""
        for reply in replies:
            for delay_s, message in self.server.trouble.fate_of_reply(self, reply):
                if delay_s > 0:
                    self.server.clock.call_in(delay_s, partial(self._emit, message))
                else:
                    self._emit(message)

    def _emit(self, reply: Reply) -> None:
        if self.closed:
            return
        try:
            frame = self.session.send(reply)
        except LocalError as error:  # this client's version has no such message: TWS leaves it out, too
            self.note(Kind.FAULT, f"not sent: {error}")
            return
        self.server.note(self, Kind.REPLY, message=reply)
        if not self._burst:
            self.server.clock.loop.call_soon(self._flush)
        self._burst.append(frame)

    def _flush(self) -> None:
        burst = b"".join(self._burst)
        self._burst.clear()
        if self.closed or not burst:
            return
        if len(burst) % BURST_TO_AVOID == 0:
            burst += self.session.send(notices.FILLER)
        delay_s = self.server.trouble.latency_s()
        loop = self.server.clock.loop
        due = max(_behind(self._out_line_until), loop.time() + delay_s / self.server.clock.speed)
        if due <= loop.time():
            self._write(burst)
        else:
            self._out_line_until = due
            loop.call_at(due, self._write, burst)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.half_open and not self.server.trouble.swallows(self):
            self._transport.write(data)

    # --- ending ------------------------------------------------------------------------------------
    def close(self) -> None:
        """Send what is waiting, then end."""
        if self._burst:
            self._flush()
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """End without a farewell: the peer sees a reset."""
        self.closed = True
        if isinstance(self._transport, MemoryTransport):
            self._transport.reset()
        elif self._transport is not None:
            real = self._transport.get_extra_info("socket")
            real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def note(self, kind: Kind, text: str) -> None:
        self.server.note(self, kind, text=text)


def _behind(line_until: float) -> float:
    """When the next one in line may go at the earliest."""
    return line_until + LINE_STEP_S if line_until else 0.0
