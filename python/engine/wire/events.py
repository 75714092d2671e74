"""What a session reports beside the messages themselves."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from engine.wire.errors import MalformedMessage
from engine.wire.replies import Reply
from engine.wire.requests import Request


class ServerHello(msgspec.Struct, frozen=True):
    """The server chose a version. Next: start_api()."""

    version: int
    time: str


class Ready(msgspec.Struct, frozen=True):
    """nextValidId and managedAccounts have both arrived: TWS takes requests. Comes once."""

    accounts: tuple[str, ...]
    next_order_id: int


class ClientHello(msgspec.Struct, frozen=True):
    """A client offers a version range. Next: accept()."""

    min_version: int
    max_version: int
    options: str


class Started(msgspec.Struct, frozen=True):
    """A client named itself (startApi)."""

    client_id: int
    optional_capabilities: str


class Malformed(msgspec.Struct, frozen=True):
    """A whole frame that does not fit its layout. The session goes on; the caller decides what it means."""

    error: MalformedMessage
    payload: bytes


class Lenient(msgspec.Struct, frozen=True):
    """The next message does not have the length of its layout, and was read all the same (engine.wire.leniency). Comes
    once for each kind of message."""

    error: MalformedMessage


ClientEvent: TypeAlias = ServerHello | Ready | Reply | Malformed | Lenient
ServerEvent: TypeAlias = ClientHello | Started | Request | Malformed
