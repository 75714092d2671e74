"""A connection that somebody else has begun: `qe kill` opens sockets before the rest of the program is loaded."""

from __future__ import annotations

import socket

import msgspec

from engine.wire.sessions import ClientSession


class Handover(msgspec.Struct, frozen=True, eq=False):
    """A connected socket and its session: hello has been sent, and startApi if that was answered. The socket changes
    hands too."""

    sock: socket.socket
    session: ClientSession
    struck_ns: int | None = None
    """When (`time.monotonic_ns`) a global cancel was written on it, and right behind it the questions for TWS's clock
    and all open orders. None: it has not been."""


def struck_words(client_id: int) -> str:
    """How the timeline tells of that cancel."""
    return f"global cancel sent (client {client_id})"
