"""How commands reach a running guard: a socket that only its owner can open, one request a line, one answer a line.

A request is a JSON object (`{"do": "status"}`), or the kill in a spelling that needs no library to write (`kill_line`).
Where there are no Unix sockets it is a loopback port, and the first line has to be the token that only the owner can
read. Must never let a slow or silent caller hold up the guard, or keep another from being heard.
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
KILL = "kill"
PATH_MAX = 100  # bytes; what every system takes
LINE_BYTES_MAX = 65_536
SILENT_MAX = 32  # callers that have not said their line: one more, and whoever has been silent longest has to go
SILENT_S_MIN = 0.5  # but whoever came a moment ago may have said it, and we have not read it yet
UNREAD_MAX = 256
ANSWERED_MAX = 64  # at the same time; a kill is heard beyond that
REQUEST_S_MAX = 10.0
HAS_UNIX = hasattr(socket, "AF_UNIX")


class Request(msgspec.Struct, frozen=True):
    """What somebody wants. `do`: status, kill, ack, heartbeat, goodbye, test_alert."""

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
        self._silent: dict[asyncio.StreamWriter, float] = {}  # since when, the longest first
        self._answered = 0
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
        if not self._has_room():
            writer.close()
            return
        self._silent[writer] = asyncio.get_running_loop().time()
        try:
            line = await self._line(reader)
            self._silent.pop(writer, None)
            if line:
                writer.write(msgspec.json.encode(await self._answer(line), enc_hook=str) + b"\n")
                await asyncio.wait_for(writer.drain(), REQUEST_S_MAX)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # whoever called is gone, or never spoke a line
        finally:
            self._silent.pop(writer, None)
            writer.close()

    def _has_room(self) -> bool:
        """For one more caller who has not spoken yet. Whoever does not speak makes room for others."""
        if len(self._silent) < SILENT_MAX:
            return True
        longest, since_s = next(iter(self._silent.items()))
        if asyncio.get_running_loop().time() - since_s < SILENT_S_MIN:
            return len(self._silent) < UNREAD_MAX
        del self._silent[longest]
        longest.transport.abort()
        return True

    async def _line(self, reader: asyncio.StreamReader) -> bytes:
        """The request; empty: hung up, or without the token."""
        if self.token:
            told = await asyncio.wait_for(reader.readline(), REQUEST_S_MAX)
            if not secrets.compare_digest(told.strip(), self.token.encode()):
                return b""
        return await asyncio.wait_for(reader.readline(), REQUEST_S_MAX)

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = parse(line)
        except ValueError as error:
            return {"error": str(error)}
        if self._answered >= ANSWERED_MAX and request.do != KILL:
            return {"error": f"{self._answered} requests are being answered already: ask again"}
        self._answered += 1
        try:
            return await self._handle(request)
        finally:
            self._answered -= 1


def parse(line: bytes) -> Request:
    """A request, or ValueError with the reason."""
    words = line.split()
    if words and words[0] == KILL.encode():
        try:
            reason, *logins = (bytes.fromhex(word.decode()).decode() for word in words[1:])
        except (ValueError, UnicodeDecodeError) as error:
            raise ValueError(f"not a kill: {error}") from error
        return Request(KILL, reason=reason, logins=tuple(logins))
    try:
        return msgspec.json.decode(line, type=Request)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a request: {error}") from error


class NoGuard(Exception):
    """No guard answers, or it does not do what it is asked for; the text says why."""


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
    if "error" in answer:
        raise NoGuard(f"the guard in {home} does not do it: {answer['error']}")
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
