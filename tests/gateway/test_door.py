"""Who is let in, who is not, and what he is told; what one client does, the others do not feel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config.gateway_table import GatewayTable
from engine.gateway.door import CLIENTS_MAX
from engine.simulator.faults import NotRunning, Restart
from engine.simulator.virtual import VirtualLoop, run
from engine.wire.frames import frame
from engine.wire.replies import CurrentTime, ErrorMessage
from engine.wire.requests import ReqCurrentTime
from gateway.post import DOOR, PAPER_PORT, SPY, Post, order, post, statuses, told
from simulator.wire_client import WireClient, connect


class Raw(asyncio.Protocol):
    """One end that says what it is told to, and keeps what it hears."""

    def __init__(self, first: bytes = b"") -> None:
        self.first, self.heard, self.lost = first, b"", asyncio.Event()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.first:
            self.transport.write(self.first)

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


async def raw(first: bytes = b"") -> Raw:
    _, made = await asyncio.get_running_loop().create_connection(lambda: Raw(first), "127.0.0.1", DOOR)
    return made


def before(tws: Callable[[], asyncio.Protocol] | None, test: Callable[[Post], Awaitable[None]], home: Path) -> None:
    """A gateway before something that is no TWS, or before nothing."""

    async def main(loop: VirtualLoop) -> None:
        if tws is not None:
            await loop.create_server(tws, "127.0.0.1", PAPER_PORT)
        made = Post(None, loop, home)  # type: ignore[arg-type]
        await made.gateway.open()
        await test(made)
        await made.gateway.close()
        await asyncio.sleep(2)

    run(main, limit_s=3600)


def test_a_program_that_speaks_only_protobuf_can_read_why_it_is_refused(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await raw(b"API\0" + frame(b"v213..225"))
        await asyncio.wait_for(client.lost.wait(), 5)
        assert client.heard.startswith(frame(b"178\x0020260311 14:30:00 UTC\0")[:8])
        assert b"\x00503\0" in client.heard and b"version 213 and later" in client.heard

    post(tmp_path, test)


def test_a_client_is_told_when_tws_cannot_be_reached(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await connect(DOOR, 21, ready=False)
        await client.gone()
        [error] = client.of(ErrorMessage)
        assert error.code == 502 and "cannot be reached at 127.0.0.1:7497" in error.text

    before(None, test, tmp_path)


def test_a_redirect_is_not_followed_and_not_passed_on(tmp_path: Path) -> None:
    class Redirecting(Raw):
        def data_received(self, data: bytes) -> None:
            self.transport.write(frame(b"-1\x00evil.example:7496\0"))

    async def test(it: Post) -> None:
        client = await raw(b"API\0" + frame(b"v100..178"))
        await asyncio.wait_for(client.lost.wait(), 10)
        assert b"evil" not in client.heard[:30]
        assert not client.heard.startswith(b"\0\0\0\x15-1")

    before(Redirecting, test, tmp_path)


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n\r\n", b"API\0" + b"\xff\xff\xff\xff", b"API\0" + frame(b"hello")]
)
def test_what_is_no_client_is_sent_away_and_tws_never_hears_of_it(tmp_path: Path, first: bytes) -> None:
    async def test(it: Post) -> None:
        await asyncio.sleep(1)  # the one that waited with us has gone
        links = len(it.loop.network.links_to(PAPER_PORT))
        client = await raw(first)
        await asyncio.wait_for(client.lost.wait(), 5)
        assert not client.heard and len(it.loop.network.links_to(PAPER_PORT)) <= links

    post(tmp_path, test)


def test_one_that_says_nothing_is_sent_away(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await raw()
        await asyncio.wait_for(client.lost.wait(), 15)

    post(tmp_path, test)


def test_an_address_that_is_not_allowed_is_sent_away(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await raw(b"API\0" + frame(b"v100..178"))
        await asyncio.wait_for(client.lost.wait(), 5)
        assert not client.heard

    post(tmp_path, test, warm=False, table=GatewayTable(allow=("10.0.0.0/8",)))


def test_no_more_are_let_in_than_there_is_room_for_and_leaving_makes_room(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        many = [await raw() for _ in range(CLIENTS_MAX)]
        one_more = await raw(b"API\0" + frame(b"v100..178"))
        await asyncio.wait_for(one_more.lost.wait(), 1)
        for each in many:
            each.transport.close()
        await asyncio.sleep(1)
        assert (await it.client()).ready.is_set()

    post(tmp_path, test)


def test_a_client_that_reads_nothing_slows_only_itself(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        deaf, other = await it.client(21), await it.client(22)
        deaf.transport.pause_reading()
        for n in range(20_000):
            deaf.transport.write(frame(b"999\x00%d\0" % n))  # each is answered with an error
        await asyncio.sleep(5)
        client = next(each for each in it.gateway.doors[0]._clients if each.client_id == 21)
        assert client._down.get_write_buffer_size() < 9_000_000
        other.send(order(1, SPY, "BUY", 10, 1))
        await other.until(lambda: statuses(other, 1))

    post(tmp_path, test)


def test_a_client_that_leaves_takes_its_waiting_orders_with_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        client.transport.abort()
        await asyncio.sleep(5)
        assert not it.login.exchange.find_order(21, 1)
        assert not it.desk.checks.desk.book.order((21, 1))
        assert not it.gateway.doors[0]._clients

    post(tmp_path, test)


def test_orders_are_refused_before_tws_has_let_the_client_in(tmp_path: Path) -> None:
    class Hello(Raw):
        def data_received(self, data: bytes) -> None:
            if data.startswith(b"API\0"):
                self.transport.write(frame(b"178\x0020260311 10:30:00 EST\0"))

    async def test(it: Post) -> None:
        client: WireClient = await connect(DOOR, 21, ready=False)
        await asyncio.sleep(1)
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: told(client, 1))
        assert "let this client in" in told(client, 1)[0].text

    before(Hello, test, tmp_path)


def test_after_tws_has_restarted_clients_come_back_and_the_account_is_read_anew(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        await client.gone(limit_s=100)
        await asyncio.sleep(60)
        again = await it.client()
        again.send(order(50, SPY, "BUY", 10, 1))
        await again.until(lambda: statuses(again, 50) or told(again, 50))
        assert not told(again, 50)

    post(tmp_path, test, Restart(after_s=10, for_s=20))


def test_the_gateway_waits_for_a_tws_that_is_not_there_yet(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        assert it.desk.warming_up
        await asyncio.sleep(60)
        assert not it.desk.warming_up
        await (await it.client()).ask(ReqCurrentTime(), CurrentTime)

    post(tmp_path, test, NotRunning(for_s=20), warm=False)
