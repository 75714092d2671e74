"""Everything that can go wrong on the wire, as one tree. Each message says what to do next.

`ProtocolError`: the peer erred. `LocalError`: our own side erred; nothing was sent.
"""

from __future__ import annotations


class WireError(Exception):
    """Root of every error raised by `engine.wire`."""


class ProtocolError(WireError):
    """The peer sent something the protocol does not allow.

    When a session raises one, `events` holds what arrived whole before it: a fill must not be lost to the garbage
    that follows it.
    """

    events: tuple[object, ...] = ()


class FrameTooLarge(ProtocolError):
    """A length prefix above the limit: the stream is lost, the connection must be closed."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"what arrives is not TWS's protocol (a message of {size} bytes, where {limit} are the most): "
            "check that the port is the API port of TWS or IB Gateway"
        )
        self.size = size
        self.limit = limit


def _legible(received: bytes) -> str:
    """How it begins, if a person can read that."""
    words = received[:32].decode("ascii", "replace").split("\r")[0].strip()
    return f' (it says "{words}")' if len(words) >= 4 and words.isprintable() and words.isascii() else ""


class NotTws(ProtocolError):
    """The first bytes are not a TWS API handshake."""

    def __init__(self, received: bytes) -> None:
        super().__init__(
            f"what answers there is not TWS or IB Gateway{_legible(received)}: check host and port "
            "(TWS 7497 paper, 7496 live; IB Gateway 4002 and 4001; unless configured otherwise)"
        )
        self.received = received[:64]


class Redirected(ProtocolError):
    """The server asks to connect elsewhere. Never followed: orders must not go to an address a peer names."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"the server asks to connect to {target!r} instead: this is never done by itself; "
            "put that address into the configuration if it is yours"
        )
        self.target = target


class UnsupportedVersion(ProtocolError):
    """The two ends share no protocol version."""

    def __init__(self, offered: str, minimum: int, maximum: int) -> None:
        theirs = offered.replace("..", " to ")
        super().__init__(
            f"the other end speaks version {theirs} of the protocol, this one {minimum} to {maximum}: "
            "update TWS, or quant-engine"
        )
        self.offered = offered
        self.minimum = minimum
        self.maximum = maximum


class MalformedMessage(ProtocolError):
    """A frame that is delimited but does not fit its layout. The stream itself is intact.

    `field` names the field that could not be read, `offset` is its index in the message (the id has index 0).
    """

    def __init__(self, message_id: int | None, field: str, offset: int, why: str) -> None:
        name = "with no readable id" if message_id is None else str(message_id)
        self.where = f"message {name}, field {offset} ({field}): {why}"
        super().__init__(f"{self.where}; what it says is not acted on")
        self.message_id = message_id
        self.field = field
        self.offset = offset
        self.why = why

    def __reduce__(self) -> tuple[type[MalformedMessage], tuple[int | None, str, int, str]]:
        return type(self), (self.message_id, self.field, self.offset, self.why)


class LocalError(WireError):
    """This end tried something the protocol does not allow. Nothing was sent."""


class FieldUnavailable(LocalError):
    """A value that the negotiated server version cannot carry. Dropping it silently would change the order."""

    def __init__(self, message: str, field: str, version: int, since: int) -> None:
        super().__init__(
            f"{message}.{field} needs server version {since}, connected is {version}: "
            "leave the field at its default or update TWS"
        )
        self.message = message
        self.field = field
        self.version = version
        self.since = since


class MessageUnavailable(LocalError):
    """A message that the negotiated server version does not know."""

    def __init__(self, message: str, version: int, since: int) -> None:
        super().__init__(f"{message} needs server version {since}, connected is {version}: update TWS or do without")
        self.message = message
        self.version = version
        self.since = since


class InvalidValue(LocalError):
    """A value that cannot be written to the wire, such as text with a NUL in it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}; correct the value before sending")
        self.field = field
        self.why = why


class OutOfOrder(LocalError):
    """A session was used before or after the point in the handshake where the call makes sense."""
