"""A TWS that knows only the opening, and can be told to get it wrong. Threads and real sockets, ephemeral ports."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

HELLO = b"176\x0020260911 10:00:00 EST\0"
READY = [b"15\x001\x00DU1,DU2\0", b"9\x001\x0041\0"]
ID_IN_USE = b"4\x002\x00-1\x00326\x00Unable to connect as the client id is already in use.\0\0"
GLOBAL_CANCEL = b"58\0"


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


@dataclass
class OpeningServer:
    """What it does is in its fields; what it saw is in `client_ids` and `cancels` (client id, monotonic ns)."""

    busy: set[int] = field(default_factory=set)
    ends_without_a_word: bool = False  # for a busy id: the connection closes, no 326
    silent: bool = False  # accepts and says nothing
    ready_after_s: float = 0.0
    hello: bytes = HELLO
    by_bytes: bool = False  # one byte a segment
    client_ids: list[int] = field(default_factory=list)
    cancels: list[tuple[int, int]] = field(default_factory=list)
    after_cancel: list[bytes] = field(default_factory=list)
    port: int = 0

    def serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, EOFError):
            reader = connection.makefile("rb")
            if self.silent:
                reader.read()
                return
            assert self._exactly(reader.read(4)) == b"API\0"
            self._payload(reader)
            self._send(connection, frame(self.hello))
            client_id = int(self._payload(reader).split(b"\0")[2])
            self.client_ids.append(client_id)
            if client_id in self.busy:
                if not self.ends_without_a_word:
                    self._send(connection, frame(ID_IN_USE))
                return
            time.sleep(self.ready_after_s)
            self._send(connection, b"".join(map(frame, READY)))
            while payload := self._payload(reader):
                if payload.startswith(GLOBAL_CANCEL):
                    self.cancels.append((client_id, time.monotonic_ns()))
                else:
                    self.after_cancel.append(payload)

    def _send(self, connection: socket.socket, data: bytes) -> None:
        for part in [data[i : i + 1] for i in range(len(data))] if self.by_bytes else [data]:
            connection.sendall(part)

    def _payload(self, reader: BinaryIO) -> bytes:
        size = int.from_bytes(self._exactly(reader.read(4)), "big")
        return self._exactly(reader.read(size))

    @staticmethod
    def _exactly(data: bytes) -> bytes:
        if not data:
            raise EOFError
        return data


@contextmanager
def running(server: OpeningServer) -> Iterator[OpeningServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        connections: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    connections.append(connection)
                    threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join(5)
