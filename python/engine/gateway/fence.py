"""In front of a port that listens beyond this machine: TLS, and a secret that both ends know, before a client is one.

An address that is not allowed is sent away before anything is computed for it, and no more strangers are looked at at
once than there is room for. Must never let a byte through to a client that has not said the secret.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

from engine.config.gateway_table import GatewayTable
from engine.config.tls_files import others_can_read, why_unusable

GREETING = b"QE-GATEWAY 1 "
LINE_MAX = 300
PATIENCE_S = 5.0  # for the handshake, and again for the secret
STRANGERS_MAX = 16  # that are looked at at once
WRONG_PAUSE_S = 1.0  # before one that has said something else is sent away: guessing takes time
SECRET_MIN = 16


class FenceError(Exception):
    """What is to be put right before the port may be opened, in words."""


def is_here(address: str) -> bool:
    """Nobody beyond this machine can reach it."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def fence_of(table: GatewayTable) -> tuple[ssl.SSLContext, bytes] | None:
    """What stands in front; None: nothing, and it is reached from this machine alone. Raises FenceError."""
    wanted = {
        "tls_certificate": table.tls_certificate,
        "tls_key": table.tls_key,
        "secret (or QE_GATEWAY__SECRET)": table.secret,
    }
    missing = [name for name, value in wanted.items() if not value]
    if len(missing) == len(wanted) and is_here(table.listen):
        return None
    if missing:
        raise FenceError(
            f"listen = {table.listen!r}, with TLS and a secret in front, needs {', '.join(missing)} in [gateway]: "
            "beyond this machine anybody could read what is said, and trade. How to make them: docs/how-to/gateway.md"
        )
    if len(table.secret) < SECRET_MIN or not table.secret.isascii() or not table.secret.isprintable():
        raise FenceError(f"gateway.secret must have {SECRET_MIN} or more plain characters")
    certificate, key = (str(Path(one).expanduser()) for one in (table.tls_certificate, table.tls_key))
    if (why := why_unusable(certificate, key)) is not None:
        raise FenceError(f"gateway.tls_certificate and tls_key cannot be used: {why}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context, table.secret.encode()


def key_that_all_can_read(table: GatewayTable) -> str:
    """Its path; empty: it is its owner's, or there is none."""
    key = str(Path(table.tls_key).expanduser()) if table.tls_key else ""
    return key if others_can_read(key) else ""


class Fence(asyncio.Protocol):
    """One stranger. `then` makes what takes its place."""

    def __init__(
        self,
        context: ssl.SSLContext,
        secret: bytes,
        strangers: set[Fence],
        *,
        turned_away: Callable[[str], str],
        then: Callable[[], asyncio.Protocol],
        log: Callable[[str], None],
    ) -> None:
        """`turned_away`: why who comes from this address is not let in; empty: he may try."""
        self._context = context
        self._line = GREETING + secret + b"\n"
        self._strangers = strangers
        self._turned_away = turned_away
        self._then = then
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._peer = ""
        self._early = b""  # of TLS, before it has taken the connection over
        self._said = b""
        self._taken_over = self._secured = self._wrong = self._known = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = str((transport.get_extra_info("peername") or ("?",))[0])
        full = f"{STRANGERS_MAX} others are being looked at" if len(self._strangers) >= STRANGERS_MAX else ""
        why = self._turned_away(self._peer) or full
        if why:
            self._send_away(why)
            return
        self._strangers.add(self)
        self._transport.pause_reading()  # until the handshake reads
        self._greeting = self._loop.create_task(self._greet(self._transport), name=f"TLS with {self._peer}")

    def data_received(self, data: bytes) -> None:
        if not self._taken_over:
            self._early += data  # uvloop begins to read after it was told to pause
        elif not self._wrong:
            self._said += data
            if self._secured:  # what comes with the end of the handshake comes before it is known to have ended
                self._judge()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    # --- inside ------------------------------------------------------------------------------------
    async def _greet(self, transport: asyncio.Transport) -> None:
        try:
            secured = await self._take_over(transport)
        except (OSError, ssl.SSLError) as error:  # a timeout of the handshake is an OSError
            self._send_away(f"no TLS: {error}")
            return
        if secured is None:
            self._leave()
            return
        self._transport, self._secured = secured, True
        self._timer = self._loop.call_later(PATIENCE_S, self._send_away, "it has not said the secret in time")
        self._judge()

    async def _take_over(self, transport: asyncio.Transport) -> asyncio.Transport | None:
        """TLS, with what has come before it began. Raises OSError or ssl.SSLError."""
        work = self._loop.create_task(
            self._loop.start_tls(transport, self, self._context, server_side=True, ssl_handshake_timeout=PATIENCE_S)
        )
        await asyncio.sleep(0)  # its first step makes the connection TLS's; nothing is read in between
        self._taken_over = True
        secures = cast(asyncio.BufferedProtocol, transport.get_protocol())  # of uvloop's it is one in all but name
        while self._early and not work.done():
            room = memoryview(secures.get_buffer(len(self._early)))
            count = min(len(room), len(self._early))
            room[:count], self._early = self._early[:count], self._early[count:]
            secures.buffer_updated(count)
        return await work

    def _judge(self) -> None:
        line, end, rest = self._said.partition(b"\n")
        if not end and len(line) < LINE_MAX:
            return
        self._stop_timer()
        if hmac.compare_digest(line + end, self._line):
            self._let_in(rest)
        else:
            self._wrong = True
            self._timer = self._loop.call_later(WRONG_PAUSE_S, self._send_away, "it has not said the secret")

    def _let_in(self, rest: bytes) -> None:
        transport = self._transport
        assert transport is not None
        self._known = True
        self._leave()
        client = self._then()
        transport.set_protocol(client)
        client.connection_made(transport)
        if rest:
            client.data_received(rest)

    def _send_away(self, why: str) -> None:
        if not self._known and self._transport is not None:
            self._log(f"{self._peer} was sent away: {why}")
            self._transport.abort()
        self._leave()

    def _leave(self) -> None:
        self._strangers.discard(self)
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
