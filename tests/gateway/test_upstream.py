"""What is handed to TWS is with the system before the gate is left, whole, and in its turn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from engine.gateway.upstream import Upstream

uvloop = pytest.importorskip("uvloop", reason="Windows has none")
RUNNERS = [asyncio.run, uvloop.run]
LARGE = bytes(range(256)) * 40_000  # more than the system takes at once


class Client:
    """The other end's owner, who hears nothing."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()

    def hung_up(self, _: str) -> None:
        self.ended.set()

    def clogged(self, paused: bool) -> None: ...


def joined(runner: Callable[..., object], test: Callable[[Upstream, socket.socket, Client], Awaitable[None]]) -> None:
    """An end at TWS over real sockets, and TWS's own socket, which does not wait."""

    async def main() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        client = Client()
        up = Upstream(client)  # type: ignore[arg-type]
        await asyncio.get_running_loop().create_connection(lambda: up, *listening.getsockname())
        tws, _ = listening.accept()
        tws.setblocking(False)
        try:
            await test(up, tws, client)
        finally:
            up.close()
            tws.close()
            listening.close()
            await asyncio.sleep(0)

    runner(main())


async def all_of(tws: socket.socket, size: int) -> bytes:
    heard = b""
    async with asyncio.timeout(20):
        while len(heard) < size:
            heard += await asyncio.get_running_loop().sock_recv(tws, 1 << 20)
    return heard


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("how", ["write", "write_now"])
def test_a_message_is_with_the_system_when_it_has_been_handed_over(runner: Callable[..., object], how: str) -> None:
    async def test(up: Upstream, tws: socket.socket, _: Client) -> None:
        assert getattr(up, how)(b"an order")
        assert tws.recv(100) == b"an order", "without a turn of the event loop"

    joined(runner, test)


@pytest.mark.parametrize("runner", RUNNERS)
def test_while_a_part_waits_nothing_is_handed_over_now_and_the_rest_follows_in_its_turn(
    runner: Callable[..., object],
) -> None:
    async def test(up: Upstream, tws: socket.socket, _: Client) -> None:
        assert up.write(LARGE) and up.backlog
        assert not up.write_now(b"an order"), "it would wait in a buffer"
        assert up.write(b"a cancel")
        assert await all_of(tws, len(LARGE) + 8) == LARGE + b"a cancel"
        assert up.write_now(b"an order") and await all_of(tws, 8) == b"an order"

    joined(runner, test)


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_connection_that_is_gone_takes_nothing_and_is_told_of(runner: Callable[..., object]) -> None:
    async def test(up: Upstream, tws: socket.socket, client: Client) -> None:
        up.pause_reading()  # so that it is found out by writing
        tws.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        tws.close()
        for _ in range(3):
            up.write(b"a cancel")
        await asyncio.wait_for(client.ended.wait(), 5)
        assert not up.write_now(b"an order") and not up.write(b"an order")

    joined(runner, test)
