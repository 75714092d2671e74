"""The simulated TWS lets clients in, and keeps them out, as TWS does."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from engine.simulator import faults
from engine.simulator.server import Kind, Login, PacingRule, ServerOptions
from engine.simulator.virtual import VirtualLoop, run
from engine.wire.replies import CurrentTime, ErrorMessage, ManagedAccounts, NextValidId, PositionEnd
from engine.wire.requests import PlaceOrder, ReqCurrentTime, ReqIds, ReqPositions, UnknownRequest
from simulator.wire_client import WireClient, connect, in_world, order, small_world


class Raw(asyncio.Protocol):
    """A peer that sends bytes of its own making."""

    def __init__(self, *writes: bytes) -> None:
        self.writes = writes
        self.received: list[bytes] = []
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        for data in self.writes:
            transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


def raw_session(*writes: bytes, **world: Any) -> tuple[list[bytes], bool, list[str]]:
    """What a raw peer gets, whether it was hung up on, and the log's complaints."""

    async def main(loop: VirtualLoop) -> tuple[list[bytes], bool, list[str]]:
        async with small_world(**world) as made:
            port = made.login("paper").ports[0]
            _, raw = await loop.create_connection(lambda: Raw(*writes), "127.0.0.1", port)
            await asyncio.sleep(2)
            complaints = [entry.text for entry in made.log if entry.kind is Kind.MALFORMED]
            return raw.received, raw.lost.done(), complaints

    return run(main)


def frame(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


@pytest.mark.parametrize(
    ("offer", "version"),
    [(b"v100..178", 178), (b"v100..225", 178), (b"v157", 157), (b"v100..151 +PACEAPI", 151), (b"v178", 178)],
)
def test_the_version_is_the_clients_best_but_never_above_178(offer: bytes, version: int) -> None:
    received, lost, _ = raw_session(b"API\0" + frame(offer))
    assert len(received) == 1, "the reply stands alone in one write"
    size = int.from_bytes(received[0][:4], "big")
    fields = received[0][4:].split(b"\0")
    assert size == len(received[0]) - 4
    assert fields[0] == b"%d" % version
    assert fields[1] == b"20260311 10:30:00 EST"
    assert not lost


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"API\0" + frame(b"hello"),
        b"API\0" + frame(b"v213..225"),
        b"API\0\xff\xff\xff\xff",
        b"API\0" + frame(b"v100..178") + b"\xff\xff\xff\xff",
    ],
)
def test_what_is_not_a_client_of_ours_is_hung_up_on_and_recorded(garbage: bytes) -> None:
    _, lost, complaints = raw_session(garbage)
    assert lost
    assert len(complaints) == 1


def test_half_a_handshake_waits_without_harm() -> None:
    received, lost, complaints = raw_session(b"API\0\0\0")
    assert (received, lost, complaints) == ([], False, [])


def test_start_brings_accounts_next_id_and_farm_notices() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(0.1)
        assert client.replies[:2] == [ManagedAccounts(("DU1",)), NextValidId(1)]
        assert [reply.code for reply in client.of(ErrorMessage)] == [2104, 2106, 2158]

    in_world(test)


def test_an_id_in_use_answers_326_and_hangs_up_while_the_first_stays() -> None:
    async def test(login: Login, client: WireClient) -> None:
        second = await connect(login.ports[0], 1, ready=False)
        await second.gone()
        assert [reply.code for reply in second.replies] == [326]
        client.send(ReqCurrentTime())
        await client.until(lambda: client.of(CurrentTime))
        client.transport.close()
        await asyncio.sleep(0.1)
        assert (await connect(login.ports[0], 1)).ready.is_set(), "the id is free again"

    in_world(test)


def test_several_clients_at_once_and_not_more_than_the_limit() -> None:
    async def test(login: Login, client: WireClient) -> None:
        others = [await connect(login.ports[0], number) for number in range(2, 4)]
        assert all(other.ready.is_set() for other in others)
        late = await connect(login.ports[0], 9, ready=False)
        await late.gone()
        assert not late.ready.is_set()

    in_world(test, options=ServerOptions(clients_max=3))


def test_next_valid_id_counts_per_client_and_survives_a_reconnect() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 40, "AAPL", "BUY", 1, 100))
        client.send(ReqIds())
        await client.until(lambda: NextValidId(41) in client.replies)
        client.transport.close()
        await asyncio.sleep(0.1)
        again = await connect(login.ports[0], 1)
        other = await connect(login.ports[0], 2)
        assert again.of(NextValidId) == [NextValidId(41)]
        assert other.of(NextValidId) == [NextValidId(1)]

    in_world(test)


def test_current_time_is_the_simulated_one() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(90)
        (answer,) = await client.ask(ReqCurrentTime(), CurrentTime)
        assert answer.time_s == login.server.clock.now_ns() // 1_000_000_000

    in_world(test)


def test_unknown_requests_are_answered_by_name_and_the_session_goes_on() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(UnknownRequest(88, b"88\x0077\x00265598\x00AAPL\x00"))
        client.send(UnknownRequest(555, b"555\x001\x00"))
        await client.until(lambda: client.errors(162) and client.errors(320))
        historical, unknown = client.errors(162)[0], client.errors(320)[0]
        assert historical.req_id == 77
        assert "reqHistogramData (88)" in historical.text
        assert "message id 555" in unknown.text
        await client.ask(ReqPositions(), PositionEnd)

    in_world(test)


def test_a_frame_that_does_not_fit_is_answered_with_320_and_recorded() -> None:
    async def test(login: Login, client: WireClient) -> list[str]:
        client.transport.write(frame(b"61\x001\x00surplus\x00"))
        await client.until(lambda: client.errors(320))
        await client.ask(ReqPositions(), PositionEnd)
        return [entry.text for entry in login.server.log if entry.kind is Kind.MALFORMED]

    assert len(in_world(test)) == 1


# --- pacing ------------------------------------------------------------------------------------------
def test_fifty_messages_a_second_pass_and_the_next_is_refused_unread() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(2)
        for number in range(1, 61):
            client.send(order(login, number, "AAPL", "BUY", 1, 100 + number))
        await asyncio.sleep(0.5)
        (error,) = client.errors(100)
        assert error.text == "Max rate of messages per second has been exceeded:max=50 rec=51 (1)"
        assert {view.request.order_id for view in login.working()} <= set(range(1, 51))
        client.send(ReqCurrentTime())
        await asyncio.sleep(1)
        assert not client.of(CurrentTime), "still inside the refused second"
        await client.ask(ReqCurrentTime(), CurrentTime)

    in_world(test)


def test_the_third_breach_ends_the_session() -> None:
    async def test(login: Login, client: WireClient) -> None:
        for _ in range(3):
            await asyncio.sleep(2)
            client.send(*[ReqCurrentTime()] * 51)
        await client.gone()
        assert len(client.errors(100)) == 3

    in_world(test)


def test_a_client_in_pace_mode_is_slowed_down_instead() -> None:
    async def main(loop: VirtualLoop) -> float:
        async with small_world() as made:
            client = await connect(made.login("paper").ports[0], 5, connect_options="+PACEAPI")
            began = loop.time()
            client.send(*[ReqCurrentTime()] * 101)
            await client.until(lambda: len(client.of(CurrentTime)) == 101)
            assert not client.errors(100)
            return loop.time() - began

    assert 2.0 <= run(main) <= 2.1


def test_forty_five_a_second_never_breach() -> None:
    async def test(login: Login, client: WireClient) -> None:
        for _ in range(200):
            client.send(ReqCurrentTime())
            await asyncio.sleep(1 / 45)
        assert len(client.of(CurrentTime)) == 200

    in_world(test)


def test_pacing_can_be_switched_off() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(*[ReqCurrentTime()] * 500)
        await client.until(lambda: len(client.of(CurrentTime)) == 500)

    in_world(test, options=ServerOptions(pacing=PacingRule(None)))


# --- the way out -------------------------------------------------------------------------------------
def test_no_burst_ends_on_a_multiple_of_4096_bytes() -> None:
    async def test(login: Login, client: WireClient) -> None:
        for length in range(4000, 4200):
            client.chunks.clear()
            text = "x" * length
            login.server.clients[1].send(ErrorMessage(-1, 399, text))
            await asyncio.sleep(0.01)
            assert sum(map(len, client.chunks)) % 4096

    in_world(test)


def test_stop_ends_connections_and_frees_the_port() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await login.server.stop()
        assert await client.gone() is None
        with pytest.raises(ConnectionRefusedError):
            await connect(login.ports[0], 2)
        await login.server.stop()

    in_world(test)


def test_the_log_knows_who_sent_what_and_when() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(1.5)
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await asyncio.sleep(0.1)
        (entry,) = login.server.log.requests(PlaceOrder, login="paper")
        assert (entry.client_id, entry.connection) == (1, 1)
        assert entry.at_ns == login.server.clock.start_ns + 1_500_000_000

    in_world(test)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_seed_gives_the_same_log(seed: int) -> None:
    noise = faults.StatusNoise(duplicate_pct=50, reorder_pct=50, omit_pct=20)

    def once() -> list[str]:
        async def test(login: Login, client: WireClient) -> list[str]:
            for number in range(1, 20):
                client.send(order(login, number, "AAPL", "BUY" if number % 2 else "SELL", number))
                await asyncio.sleep(0.3)
            return [f"{entry.at_ns} {entry.line()} {entry.message}" for entry in login.server.log]

        return in_world(test, noise, faults.Latency(seconds=0.05, jitter_s=0.2), seed=seed)

    first = once()
    assert first == once()
    assert len(first) > 50
