"""Sessions: one end of one connection, without a socket. Bytes in, events out; requests or replies in, bytes out.

A ProtocolError raised by `receive` ends the session (its `events` hold what came whole before it); a message that
does not fit its layout does not, it comes as a `Malformed` event; a reply that is merely longer is delivered behind a
`Lenient` event. Must never follow a redirect, and never deliver a message twice or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

from engine.wire.codec import (
    VERSION_MAX,
    VERSION_MIN,
    decode_request,
    encode_reply,
    encode_request,
    reply_decoder,
)
from engine.wire.errors import (
    FrameTooLarge,
    MalformedMessage,
    NotTws,
    OutOfOrder,
    ProtocolError,
    Redirected,
    UnsupportedVersion,
)
from engine.wire.events import ClientEvent, ClientHello, Lenient, Malformed, Ready, ServerEvent, ServerHello, Started
from engine.wire.frames import FrameReader, frame
from engine.wire.leniency import read_leniently
from engine.wire.opening import hello
from engine.wire.replies import ManagedAccounts, NextValidId, Reply
from engine.wire.requests import Request, StartApi

__all__ = [
    "ClientEvent",
    "ClientHello",
    "ClientSession",
    "Lenient",
    "Malformed",
    "Ready",
    "ServerEvent",
    "ServerHello",
    "ServerSession",
    "Started",
]

HELLO_LIMIT = 4096  # a handshake is a few dozen bytes; a longer one is something else

_API = b"API\0"
_OFFER = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?(?: ([^\0]*))?\0?")


class _Handshake:
    """Bytes up to the first whole frame, for both ends."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the first payload and the bytes behind it, or None while it is incomplete."""
        self._buffer += data
        buffer, skip = self._buffer, len(self._prefix)
        if not buffer.startswith(self._prefix[: len(buffer)]):
            raise NotTws(buffer)
        start = skip + 4
        size = int.from_bytes(buffer[skip:start], "big")  # a part of a length is no more than the whole will be
        if size > HELLO_LIMIT:
            raise NotTws(buffer)
        if len(buffer) < start + size:
            return None
        return buffer[start : start + size], buffer[start + size :]


Event = TypeVar("Event")


class _Session(Generic[Event]):
    """What both ends have in common: a handshake frame, then messages, until a ProtocolError ends it."""

    def __init__(self, prefix: bytes, min_version: int, max_version: int) -> None:
        if not VERSION_MIN <= min_version <= max_version <= VERSION_MAX:
            raise UnsupportedVersion(f"{min_version}..{max_version}", VERSION_MIN, VERSION_MAX)
        self.version = 0  # 0 until the other end's hello
        self._min_version = min_version
        self._max_version = max_version
        self._handshake = _Handshake(prefix)
        self._frames = FrameReader()
        self._failure: ProtocolError | None = None

    @property
    def unfinished(self) -> tuple[int, int | None]:
        """Of a message that has begun and is not complete: how many bytes are there, of how many (None: unknown)."""
        return self._frames.unfinished

    def receive(self, data: bytes) -> list[Event]:
        """Take received bytes in and report what they complete."""
        if self._failure is not None:
            raise self._failure
        events: list[Event] = []
        try:
            if not self.version:
                first = self._handshake.feed(data)
                if first is None:
                    return events
                payload, data = first
                events.append(self._read_hello(payload))
            for payload in self._frames.feed(data):
                self._read_message(payload, events)
        except FrameTooLarge as error:
            for whole in error.events:
                if isinstance(whole, bytes):
                    self._read_message(whole, events)
            self._fail(error, events)
        except ProtocolError as error:
            self._fail(error, events)
        return events

    def _fail(self, error: ProtocolError, events: list[Event]) -> None:
        self._failure = error
        error.events = tuple(events)
        raise error

    def _read_hello(self, payload: bytes) -> Event:
        raise NotImplementedError

    def _read_message(self, payload: bytes, events: list[Event]) -> None:
        raise NotImplementedError


class ClientSession(_Session[ClientEvent]):
    """The client's end: hello → ServerHello → start_api → Ready, then requests and replies."""

    def __init__(
        self,
        client_id: int,
        *,
        connect_options: str = "",
        optional_capabilities: str = "",
        min_version: int = VERSION_MIN,
        max_version: int = VERSION_MAX,
    ) -> None:
        super().__init__(b"", min_version, max_version)
        self.client_id = client_id
        self.server_time = ""
        self.accounts: tuple[str, ...] = ()
        self.next_order_id: int | None = None
        self.ready = False
        self._lenient: set[int | None] = set()  # kinds of messages of another length than their layout's
        self._decode: Callable[[bytes], Reply]  # from the server's hello on, at its version
        self._connect_options = connect_options
        self._optional_capabilities = optional_capabilities
        self._started = False
        self._greets = True
        self._resumed = b""

    @classmethod
    def greeting(cls, *, client_id: int, buffered: bytes = b"") -> ClientSession:
        """Continue a connection on which `engine.wire.opening` has sent hello, and the server has not answered it yet.

        `buffered` is what has come of the answer; `receive(b"")` takes it in.
        """
        session = cls(client_id)
        session._greets = False
        session._resumed = buffered
        return session

    @classmethod
    def resume(
        cls,
        *,
        client_id: int,
        version: int,
        server_time: str,
        accounts: tuple[str, ...] = (),
        next_order_id: int | None = None,
        buffered: bytes = b"",
    ) -> ClientSession:
        """Continue a connection that `engine.wire.opening` began: hello and startApi are behind it.

        `buffered` is everything received after the server's hello; `receive(b"")` delivers the messages in it,
        those already seen by the opening included. Ready comes only if the opening had not got that far.
        """
        session = cls(client_id)
        session._accept(version, server_time)
        session._greets = False
        session._started = True
        session.accounts = accounts
        session.next_order_id = next_order_id
        session.ready = bool(accounts) and next_order_id is not None
        session._resumed = buffered
        return session

    def hello(self) -> bytes:
        """The first bytes to send; none where they have been sent before this session took over."""
        if not self._greets:
            return b""
        low, high = self._min_version, self._max_version
        if not self._connect_options:
            return hello(low, high)
        versions = f"v{low}" if low == high else f"v{low}..{high}"
        return _API + frame(f"{versions} {self._connect_options}".encode())

    def start_api(self) -> bytes:
        """Name this client to the server: the first message after the hello."""
        if not self.version:
            raise OutOfOrder("start_api before the server's hello: wait for ServerHello")
        if self._started:
            raise OutOfOrder("start_api twice on one connection: once is enough")
        self._started = True
        return frame(encode_request(StartApi(self.client_id, self._optional_capabilities), self.version))

    def send(self, request: Request) -> bytes:
        """Encode a request as a frame."""
        if not self._started:
            raise OutOfOrder("a request before start_api: wait for ServerHello, then send start_api() first")
        return frame(encode_request(request, self.version))

    def receive(self, data: bytes) -> list[ClientEvent]:
        """Take received bytes in and report what they complete."""
        data, self._resumed = self._resumed + data, b""
        return super().receive(data)

    def _read_hello(self, payload: bytes) -> ServerHello:
        fields = payload.split(b"\0")
        if fields[0] == b"-1":
            raise Redirected(fields[1].decode("latin-1") if len(fields) > 1 else "")
        if len(fields) != 3 or fields[2] or not fields[0].isdigit() or len(fields[0]) > 9:
            raise NotTws(payload)
        self._accept(int(fields[0]), fields[1].decode("latin-1"))
        return ServerHello(self.version, self.server_time)

    def _accept(self, version: int, server_time: str) -> None:
        if not self._min_version <= version <= self._max_version:
            raise UnsupportedVersion(str(version), self._min_version, self._max_version)
        self.version = version
        self.server_time = server_time
        self._decode = reply_decoder(version)

    def _read_message(self, payload: bytes, events: list[ClientEvent]) -> None:
        try:
            reply = self._decode(payload)
        except MalformedMessage as error:
            leniently = read_leniently(payload, error, self._decode)
            if leniently is None:
                events.append(Malformed(error, payload))
                return
            reply = leniently
            if error.message_id not in self._lenient:
                self._lenient.add(error.message_id)
                events.append(Lenient(error))
        events.append(reply)
        if not self.ready and isinstance(reply, NextValidId | ManagedAccounts):
            self._note(reply, events)

    def _note(self, reply: NextValidId | ManagedAccounts, events: list[ClientEvent]) -> None:
        if isinstance(reply, NextValidId):
            self.next_order_id = reply.order_id
        else:
            self.accounts = reply.accounts
        if self.accounts and self.next_order_id is not None:
            self.ready = True
            events.append(Ready(self.accounts, self.next_order_id))


class ServerSession(_Session[ServerEvent]):
    """The server's end: ClientHello → accept → Started, then requests and replies."""

    def __init__(self, *, max_version: int = VERSION_MAX, min_version: int = VERSION_MIN) -> None:
        super().__init__(_API, min_version, max_version)
        self.client_id: int | None = None  # None until the client starts
        self.optional_capabilities = ""
        self._accepted = False

    def accept(self, time: str) -> bytes:
        """The server's hello. Send it in a write of its own: some clients throw away what is coalesced with it."""
        if not self.version:
            raise OutOfOrder("accept before the client's hello: wait for ClientHello")
        if self._accepted:
            raise OutOfOrder("accept twice on one connection: once is enough")
        self._accepted = True
        return frame(f"{self.version}\0{time}\0".encode())

    def send(self, reply: Reply) -> bytes:
        """Encode a reply as a frame."""
        if not self._accepted:
            raise OutOfOrder("a reply before accept(): answer ClientHello with accept(time) first")
        return frame(encode_reply(reply, self.version))

    def _read_hello(self, payload: bytes) -> ClientHello:
        offer = _OFFER.fullmatch(payload)
        if offer is None:
            raise NotTws(_API + payload)
        low = int(offer[1])
        high = int(offer[2] or offer[1])
        if low > self._max_version or high < self._min_version or low > high:
            raise UnsupportedVersion(f"{low}..{high}", self._min_version, self._max_version)
        self.version = min(high, self._max_version)
        return ClientHello(low, high, (offer[3] or b"").decode("latin-1"))

    def _read_message(self, payload: bytes, events: list[ServerEvent]) -> None:
        try:
            request = decode_request(payload, self.version)
        except MalformedMessage as error:
            events.append(Malformed(error, payload))
            return
        if isinstance(request, StartApi) and self.client_id is None:
            self.client_id = request.client_id
            self.optional_capabilities = request.optional_capabilities
            events.append(Started(request.client_id, request.optional_capabilities))
        else:
            events.append(request)
