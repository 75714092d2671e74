"""A client in another environment, driven over a socket by a scripted server that is built on ServerSession.

One process start serves many messages: the job names the sessions, each at a version of its own. In a session the
server sends its replies, then a "ready" mark; the client says its calls, then a closing request; the server answers
that with a "done" mark and the client hangs up. Both marks are currentTime messages with times that nothing else uses.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from engine.wire.frames import FrameReader
from engine.wire.replies import CurrentTime, ManagedAccounts, NextValidId, Reply
from engine.wire.sessions import ClientHello, ServerSession, Started

READY_S, DONE_S = 1_111_111_111, 1_222_222_222
DRIVERS = Path(__file__).parent / "drivers"
TIMEOUT_S = 60

_CLOSING = {"method": "reqIds", "args": [987_654_321]}
_CLOSING_PAYLOAD = b"8\x001\x00987654321\0"
_API_MARK = b"API\0"


@dataclass(frozen=True)
class Script:
    """One session: the version the server offers, what it says, and what the client is to say."""

    version: int
    replies: Sequence[Reply] = ()
    calls: Sequence[dict[str, Any]] = ()


@dataclass
class Transcript:
    """What happened in one session: the client's opening, its callbacks, and the payloads it sent after the opening."""

    hello: ClientHello | None = None
    started: Started | None = None
    heard: list[tuple[str, list[Any]]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)


def run(command: Sequence[str], scripts: Sequence[Script], env: dict[str, str] | None = None) -> list[Transcript]:
    """Start the client once and play all scripts with it."""
    with socket.create_server(("127.0.0.1", 0)) as server, _output() as out, _output() as errors:
        server.settimeout(TIMEOUT_S)
        job = {"port": server.getsockname()[1], "ready": READY_S, "done": DONE_S}
        job["sessions"] = [[*script.calls, _CLOSING] for script in scripts]
        everything = {**os.environ, **(env or {})}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=errors, env=everything) as process:
            try:
                assert process.stdin is not None
                process.stdin.write(json.dumps(job).encode())
                process.stdin.close()
                transcripts = [_serve(server, script) for script in scripts]
                process.wait(TIMEOUT_S)
            except (OSError, subprocess.TimeoutExpired) as error:
                process.kill()
                raise AssertionError(f"{command}: {error!r}; it says: {_text(errors)}") from error
        if process.returncode != 0:
            raise AssertionError(f"{command} ended with {process.returncode}: {_text(errors)}")
        for line in _text(out).splitlines():
            event = json.loads(line)
            transcripts[event["session"]].heard.append((event["name"], event["args"]))
    return transcripts


def _output() -> IO[bytes]:
    """A file for the client's output: a pipe that nobody empties would stop it."""
    return tempfile.TemporaryFile()


def _text(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode()


def _serve(server: socket.socket, script: Script) -> Transcript:
    connection, _ = server.accept()
    transcript = Transcript()
    with connection:
        connection.settimeout(TIMEOUT_S)
        session = ServerSession(max_version=script.version)
        frames = FrameReader()
        payloads: list[bytes] = []
        opening = True
        while _CLOSING_PAYLOAD not in payloads:
            data = connection.recv(1 << 16)
            if not data:
                raise ConnectionError("the client hung up early")
            payloads += frames.feed(data.removeprefix(_API_MARK) if opening else data)
            opening = False
            for event in session.receive(data):
                if isinstance(event, ClientHello):
                    transcript.hello = event
                    connection.sendall(session.accept("20261122 09:30:00 UTC"))
                elif isinstance(event, Started):
                    transcript.started = event
                    for reply in (NextValidId(1), ManagedAccounts(("DU1", "DU2")), *script.replies):
                        connection.sendall(session.send(reply))
                    connection.sendall(session.send(CurrentTime(READY_S)))
        connection.sendall(session.send(CurrentTime(DONE_S)))
    transcript.sent = payloads[2:-1]  # without the offer and startApi before, and the closing request behind
    return transcript
