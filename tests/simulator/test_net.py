"""The network in memory behaves as sockets do, and breaks as they do, the same way for the same seed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.simulator.net import Conditions, Way
from engine.simulator.virtual import VirtualLoop, run

PORT = 7497


class Recorder(asyncio.Protocol):
    """Notes everything that happens to it, with the time."""

    def __init__(self) -> None:
        self.log: list[tuple[float, str, Any]] = []
        self.transport: asyncio.Transport | None = None

    def note(self, what: str, value: Any = None) -> None:
        self.log.append((asyncio.get_running_loop().time(), what, value))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.note("data", data)

    def eof_received(self) -> None:
        self.note("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.note("lost", type(exc).__name__ if exc else None)

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    def received(self) -> bytes:
        return b"".join(value for _, what, value in self.log if what == "data")

    def kinds(self) -> list[str]:
        return [what for _, what, _ in self.log]


async def pair(loop: VirtualLoop) -> tuple[Recorder, Recorder]:
    """A client and the server's end of its connection."""
    ends: list[Recorder] = []

    def factory() -> Recorder:
        ends.append(Recorder())
        return ends[-1]

    await loop.create_server(factory, "127.0.0.1", PORT)
    _, client = await loop.create_connection(Recorder, "localhost", PORT)
    return client, ends[0]


def test_bytes_go_both_ways_and_close_ends_both_ends() -> None:
    async def main(loop: VirtualLoop) -> None:
        client, server = await pair(loop)
        client.transport.write(b"hello")
        server.transport.write(b"world")
        await asyncio.sleep(1)
        client.transport.close()
        client.transport.write(b"too late")
        await asyncio.sleep(1)
        assert client.received() == b"world"
        assert server.received() == b"hello"
        assert server.kinds()[-2:] == ["eof", "lost"]
        assert client.log[-1][1:] == ("lost", None)
        assert client.transport.is_closing()
        assert client.transport.get_extra_info("peername") == ("127.0.0.1", PORT)

    run(main)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    writes=st.lists(st.binary(min_size=1, max_size=60), max_size=12),
    conditions=st.builds(
        Conditions,
        latency_s=st.sampled_from([0.0, 0.01, 0.3]),
        jitter_s=st.sampled_from([0.0, 0.2]),
        fragment_pct=st.sampled_from([0.0, 50.0, 100.0]),
        coalesce_s=st.sampled_from([0.0, 0.04]),
    ),
)
def test_bytes_arrive_whole_and_in_order_and_the_same_for_the_same_seed(
    seed: int, writes: list[bytes], conditions: Conditions
) -> None:
    async def main(loop: VirtualLoop) -> list[tuple[float, str, Any]]:
        loop.network.set_conditions(conditions)
        client, server = await pair(loop)
        for data in writes:
            client.transport.write(data)
            await asyncio.sleep(0.005)
        await asyncio.sleep(10)
        assert server.received() == b"".join(writes)
        return server.log

    assert run(main, seed=seed) == run(main, seed=seed)


def test_pieces_and_joins_happen() -> None:
    async def main(loop: VirtualLoop) -> tuple[int, int]:
        loop.network.set_conditions(Conditions(fragment_pct=100))
        client, server = await pair(loop)
        client.transport.write(b"x" * 100)
        await asyncio.sleep(1)
        pieces = server.kinds().count("data")
        loop.network.links[0].set_conditions(Conditions(coalesce_s=0.5))
        client.transport.write(b"a")
        await asyncio.sleep(0.01)
        client.transport.write(b"b")
        await asyncio.sleep(1)
        return pieces, server.kinds().count("data") - pieces

    pieces, joined = run(main)
    assert pieces > 1
    assert joined == 1


def test_nothing_listening_is_refused_and_a_mute_host_times_out() -> None:
    async def main(loop: VirtualLoop) -> float:
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, "127.0.0.1", 4001)
        loop.network.never_answer("10.0.0.9", 7496)
        with pytest.raises(TimeoutError):
            await loop.create_connection(Recorder, "10.0.0.9", 7496)
        return loop.time()

    assert run(main) == 127.0


def test_a_cut_resets_both_ends_and_loses_what_was_under_way() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.network.set_conditions(Conditions(latency_s=1))
        client, server = await pair(loop)
        client.transport.write(b"lost")
        loop.network.links[0].cut()
        await asyncio.sleep(5)
        assert server.received() == b""
        assert client.log[-1][1:] == server.log[-1][1:] == ("lost", "ConnectionResetError")

    run(main)


def test_half_open_swallows_one_way_without_a_word() -> None:
    async def main(loop: VirtualLoop) -> None:
        client, server = await pair(loop)
        loop.network.links_to(PORT)[0].half_open(Way.TO_CLIENT)
        client.transport.write(b"ping")
        server.transport.write(b"pong")
        await asyncio.sleep(3600)
        assert server.received() == b"ping"
        assert client.kinds() == ["made"]

    run(main)


def test_a_silent_peer_fills_the_write_buffer() -> None:
    async def main(loop: VirtualLoop) -> None:
        client, _ = await pair(loop)
        loop.network.links[0].black_hole()
        for _ in range(5):
            client.transport.write(b"x" * 40_000)
        assert client.kinds() == ["made", "pause"]
        client.transport.abort()
        await asyncio.sleep(1)
        assert client.kinds()[-1] == "lost"

    run(main)


def test_a_reader_that_pauses_makes_the_writer_pause_and_go_on() -> None:
    async def main(loop: VirtualLoop) -> None:
        client, server = await pair(loop)
        server.transport.pause_reading()
        client.transport.write(b"x" * 200_000)
        await asyncio.sleep(1)
        assert client.kinds() == ["made", "pause"]
        assert server.received() == b""
        server.transport.resume_reading()
        await asyncio.sleep(1)
        assert client.kinds() == ["made", "pause", "resume"]
        assert len(server.received()) == 200_000

    run(main)


def test_streams_work_on_it() -> None:
    async def main(loop: VirtualLoop) -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"line\n")
        answer = await reader.read()
        writer.close()
        server.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        return answer

    assert run(main) == b"line\n"


def test_an_address_can_be_listened_on_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        await loop.create_server(Recorder, "127.0.0.1", PORT)
        with pytest.raises(OSError, match="in use"):
            await loop.create_server(Recorder, None, PORT)
        await loop.create_server(Recorder, "10.0.0.2", PORT)

    run(main)
