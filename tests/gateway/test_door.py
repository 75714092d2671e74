"""Who is let in, who is not, and what he is told; what one client does, the others do not feel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.config.gateway_table import GatewayTable
from engine.gateway.door import CLIENTS_MAX
from engine.simulator.faults import DelayRequests, NotRunning, Restart
from engine.simulator.virtual import VirtualLoop, run
from engine.wire.frames import frame
from engine.wire.replies import CurrentTime, ErrorMessage
from engine.wire.requests import ReqAutoOpenOrders, ReqCurrentTime, ReqOpenOrders
from gateway.post import DOOR, LIVE_PORT, PAPER_PORT, SPY, Post, order, post, statuses, told
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


def test_a_client_that_reads_no_refusals_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.gateway.client.ANSWERS_BYTES_MAX", 100_000)

    async def test(it: Post) -> None:
        deaf, other = await it.client(21), await it.client(22)
        deaf.transport.pause_reading()
        for n in range(5_000):
            deaf.transport.write(frame(b"999\x00%d\0" % n))  # each is answered with an error
        await asyncio.sleep(5)
        assert [each.client_id for each in it.gateway.doors[0]._clients] == [22]
        other.send(order(1, SPY, "BUY", 10, 1))
        await other.until(lambda: statuses(other, 1))

    post(tmp_path, test)


FLOOD = frame(b"1\0" + b"6\0" * 500)


class Flooding(Raw):
    """A TWS that tells more than anybody reads, and reads nothing after its first words."""

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"API\0"):
            self.transport.write(frame(b"178\x0020260311 10:30:00 EST\0"))
            return
        self.transport.pause_reading()
        asyncio.get_running_loop().create_task(self.flood())

    async def flood(self) -> None:
        for _ in range(3_000):
            self.transport.write(FLOOD)
            await asyncio.sleep(0)


def test_what_a_client_does_not_read_is_not_taken_from_tws_and_the_reverse(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await connect(DOOR, 21, ready=False)
        await client.until(lambda: client.session.version)
        client.transport.pause_reading()
        await asyncio.sleep(5)
        [inside] = it.gateway.doors[0]._clients
        assert 0 < inside._down.get_write_buffer_size() < 1_000_000
        for _ in range(3_000):
            client.transport.write(frame(b"49\x001\0" * 100))
            await asyncio.sleep(0.001)
        await asyncio.sleep(5)
        assert 0 < inside._up.backlog < 1_000_000

    before(Flooding, test, tmp_path)


def test_orders_that_wait_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.gateway.order_line.QUEUE_MAX", 3)

    async def test(it: Post) -> None:
        client = await it.client()
        client.send(*(order(n, SPY, "BUY", n, 1) for n in range(1, 10)))
        await client.until(lambda: told(client, 9) and statuses(client, 1))
        assert "too_many_waiting" in told(client, 9)[0].text

    post(tmp_path, test)


def test_a_client_names_itself_once(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.transport.write(frame(b"71\x002\x0022\0\0"))
        await client.gone()

    post(tmp_path, test)


@pytest.mark.parametrize("request_", [ReqAutoOpenOrders(True), ReqOpenOrders()])
def test_manual_orders_are_not_bound_while_the_login_is_halted(
    tmp_path: Path, request_: ReqAutoOpenOrders | ReqOpenOrders
) -> None:
    async def test(it: Post) -> None:
        client = await it.client(0)
        it.halt()
        client.send(request_)
        await client.until(lambda: client.errors(321))

    post(tmp_path, test)


def test_a_paper_gateway_passes_nothing_to_a_live_account(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        await asyncio.sleep(5)
        client = await it.client()
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "U7654321" in told(client, 1)[0].text and "no paper account" in told(client, 1)[0].text

    post(tmp_path, test, warm=False, port=LIVE_PORT)


def test_a_client_that_leaves_takes_its_waiting_orders_with_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        client.transport.abort()
        await asyncio.sleep(0.01)
        assert not [one for one in asyncio.all_tasks() if one.get_name() == "orders of client 21"]
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


def test_what_a_client_says_in_parts_is_passed_on_whole(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        await it.client()
        inside = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        looks_whole = frame(b"49\x001\0")
        long = frame(b"1\x00" + looks_whole + b"\0")
        sent: list[bytes] = []
        inside._up._transport.write = sent.append
        inside._straighten()
        at = long.index(looks_whole)
        for part in (long[:at], looks_whole, long[at + len(looks_whole) :]):
            inside.data_received(part)
        assert sent == [long]

    post(tmp_path, test)


def test_what_tws_says_in_parts_is_passed_on_whole(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        await it.client()
        inside = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        whole = frame(b"49\x001\0")
        long = frame(b"6\x00" + whole + b"\0")
        told_: list[bytes] = []
        inside._down.write = told_.append
        inside._up._straight = told_.append
        at = long.index(whole)
        for part in (long[:at], long[at : at + len(whole)], long[at + len(whole) :]):
            inside._up.data_received(part)
        assert told_ == [long]

    post(tmp_path, test)


def test_a_read_keeps_its_place_behind_an_order_that_waits(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        unknown = SPY.__class__(symbol="QQQ", sec_type="STK", exchange="SMART", currency="USD")
        client.send(order(1, unknown, "BUY", 1, 1))
        await asyncio.sleep(0.1)
        client.send(ReqCurrentTime())
        await client.until(lambda: client.of(CurrentTime) and (statuses(client, 1) or told(client, 1)))
        kinds = [type(one).__name__ for one in client.replies]
        assert kinds.index("CurrentTime") > kinds.index("OpenOrder")

    post(tmp_path, test, DelayRequests(requests=("ReqContractDetails",), seconds=1.0))


def test_a_thousand_orders_of_one_client_do_not_hold_up_the_read_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(it: Post) -> None:
        one, other = await it.client(21), await it.client(22)
        taken, line = 0, next(each for each in it.gateway.doors[0]._clients if each.client_id == 21)._policing

        def order_came(message: bytes, then: Callable[[bytes], None] = line.order) -> None:
            nonlocal taken
            taken += 1
            then(message)

        monkeypatch.setattr(line, "order", order_came)
        stream = b"".join(one.session.send(order(n, SPY, "BUY", n, 1)) for n in range(1, 901))
        one.transport.write(stream)
        await other.ask(ReqCurrentTime(), CurrentTime)
        assert taken < 450
        await one.until(lambda: told(one, 900))
        assert taken == 900
        await one.ask(ReqCurrentTime(), CurrentTime)

    post(tmp_path, test)


def test_one_that_has_named_itself_may_stay(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        await asyncio.sleep(60)
        await client.ask(ReqCurrentTime(), CurrentTime)

    post(tmp_path, test)
