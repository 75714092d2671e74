"""`qe gateway connect`: on the machine of a program, a port of TWS's kind that leads to a gateway elsewhere.

The program speaks to this machine alone. From here it goes over TLS, to a gateway whose certificate is the one that was
handed over, and behind the secret. Must never speak to any other, nor hold more than a few buffers of either side.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from engine.gateway.fence import GREETING, PATIENCE_S

HERE = "127.0.0.1"
CHUNK = 65_536


def trusting(certificate: Path) -> ssl.SSLContext:
    """Trusts this certificate alone, whatever name it is for. Raises OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False  # it is known by its key
    context.load_verify_locations(certificate)
    return context


class Tunnel:
    """To one gateway. `open` raises OSError."""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext, secret: bytes, *, log: Callable[[str], None]
    ) -> None:
        self._to = host, port
        self._context = context
        self._secret = secret
        self._log = log
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self, port: int) -> None:
        self._server = await asyncio.start_server(self._carry, HERE, port, limit=CHUNK)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One program's connection."""
        host, port = self._to
        try:
            async with asyncio.timeout(PATIENCE_S):
                far_reader, far_writer = await asyncio.open_connection(host, port, ssl=self._context, limit=CHUNK)
        except (OSError, ssl.SSLError) as error:
            self._log(f"the gateway at {host}:{port} cannot be reached, the program's connection was ended: {error}")
            writer.close()
            return
        far_writer.write(GREETING + self._secret + b"\n")
        ways = (self._pump(reader, far_writer), self._pump(far_reader, writer))
        tasks = [asyncio.create_task(one) for one in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, far_writer):
            end.close()
        await asyncio.wait(tasks)
        if not tasks[1].result():
            self._log(f"the gateway at {host}:{port} ended a connection without a word: is the secret the same there?")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Until one end is gone; how many bytes came."""
        total = 0
        try:
            while data := await reader.read(CHUNK):
                total += len(data)
                writer.write(data)
                await writer.drain()
        except (OSError, ssl.SSLError):
            pass  # an end is gone, which is all that matters
        return total
