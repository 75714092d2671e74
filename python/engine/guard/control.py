"""How commands reach a running guard: a socket that only its owner can open, one request a line, one answer a line.

A request is a JSON object (`{"do": "status"}`), or the kill in a spelling that needs no library to write (`kill_line`).
Where there are no Unix sockets it is a loopback port, and the first line has to be the token that only the owner can
read. Must never let a slow or silent caller hold up the guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from engine.temporary import make_private
from engine.trading import presence

SOCKET = "guard.sock"
PATH_MAX = 100  # bytes; what every system takes
LINE_BYTES_MAX = 65_536
CALLERS_MAX = 32
REQUEST_S_MAX = 10.0
HAS_UNIX = hasattr(socket, "AF_UNIX")


class Request(msgspec.Struct, frozen=True):
    """What somebody wants. `do`: status, kill, ack, heartbeat, test_alert."""

    do: str
    reason: str = ""
    logins: tuple[str, ...] = ()
    key: str | None = None
    name: str = ""
    who: str = ""


Answer = dict[str, Any]
Handler = Callable[[Request], Awaitable[Answer]]


class Control:
    """The guard's side."""

    def __init__(self, home: Path, handle: Handler) -> None:
        self._path = home / SOCKET
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._callers = 0
        self.port = 0
        self.token = ""
        self.trouble = ""

    async def open(self) -> None:
        """Listen. A socket that cannot be opened is told in `trouble`: a guard that cannot be called still guards."""
        try:
            await self._open()
        except OSError as error:
            self.trouble = f"the control socket {self._path} cannot be opened: {error.strerror or error}"

    async def _open(self) -> None:
        if not HAS_UNIX:
            self.token = secrets.token_hex(32)
            self._server = await asyncio.start_server(self._called, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
            self.port = self._server.sockets[0].getsockname()[1]
            return
        if len(os.fsencode(self._path)) > PATH_MAX:
            raise OSError(0, f"its path is longer than {PATH_MAX} bytes; choose a shorter QE_HOME")
        make_private(self._path.parent)
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)  # nobody else may open it, from its first moment
        try:
            self._server = await asyncio.start_unix_server(self._called, str(self._path), limit=LINE_BYTES_MAX)
        finally:
            os.umask(before)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            if HAS_UNIX:
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._callers >= CALLERS_MAX:
            writer.close()
            return
        self._callers += 1
        try:
            await self._serve(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # whoever called is gone, or never spoke a line
        finally:
            self._callers -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.token:
            told = await asyncio.wait_for(reader.readline(), REQUEST_S_MAX)
            if not secrets.compare_digest(told.strip(), self.token.encode()):
                return
        line = await asyncio.wait_for(reader.readline(), REQUEST_S_MAX)
        try:
            request = parse(line)
        except ValueError as error:
            answer: Answer = {"error": str(error)}
        else:
            answer = await self._handle(request)
        writer.write(msgspec.json.encode(answer, enc_hook=str) + b"\n")
        await asyncio.wait_for(writer.drain(), REQUEST_S_MAX)


def parse(line: bytes) -> Request:
    """A request, or ValueError with the reason."""
    words = line.split()
    if words and words[0] == b"kill":
        try:
            reason, *logins = (bytes.fromhex(word.decode()).decode() for word in words[1:])
        except (ValueError, UnicodeDecodeError) as error:
            raise ValueError(f"not a kill: {error}") from error
        return Request("kill", reason=reason, logins=tuple(logins))
    try:
        return msgspec.json.decode(line, type=Request)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a request: {error}") from error


class NoGuard(Exception):
    """No guard answers; the text says why."""


def ask(home: Path, request: Request, *, timeout_s: float = 5.0) -> Answer:
    """Ask the guard of a state folder. Raises NoGuard."""
    try:
        with _connection(home, timeout_s) as caller:
            caller.sendall(msgspec.json.encode(request) + b"\n")
            data = _line(caller)
    except (OSError, ValueError) as error:
        raise NoGuard(f"no guard answers in {home}: {_in_words(error, timeout_s)}") from error
    try:
        answer: Answer = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise NoGuard(f"what answers in {home} is no guard: it does not speak as one") from error
    return answer


def _in_words(error: OSError | ValueError, timeout_s: float) -> str:
    match error:
        case FileNotFoundError():
            return "none was started there, or it has ended"
        case ConnectionRefusedError():
            return "the one that was started there has died"
        case TimeoutError():
            return f"it has said nothing for {timeout_s:g} s"
        case PermissionError():
            return "it is another user's"
        case OSError():
            return error.strerror or "it hung up"
    return str(error)


def _connection(home: Path, timeout_s: float) -> socket.socket:
    if HAS_UNIX:
        caller = socket.socket(socket.AF_UNIX)
        caller.settimeout(timeout_s)
        try:
            caller.connect(str(home / SOCKET))
        except OSError:
            caller.close()
            raise
        return caller
    found = presence.read(home)
    if found is None or not found.port:
        raise ValueError("it has left no word where it is")
    caller = socket.create_connection(("127.0.0.1", found.port), timeout_s)
    caller.sendall(found.token.encode() + b"\n")
    return caller


def _line(caller: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        more = caller.recv(65_536)
        if not more:
            raise ValueError("it hung up")
        data += more
    return data
