"""Beyond this machine: TLS and a secret in front, or the port is not opened; programs come through a tunnel."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from msgspec.structs import replace

from engine.config.gateway_table import GatewayTable
from engine.core.preflight.settings import DEFAULTS
from engine.gateway import fence
from engine.gateway.door import Door
from engine.gateway.fence import FenceError, fence_of
from engine.gateway.gateway import Gateway
from engine.gateway.tunnel import Tunnel, trusting
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import open_rules
from engine.wire.replies import CurrentTime
from engine.wire.requests import ReqCurrentTime
from gateway.post import SPY, order, statuses
from simulator.wire_client import connect

HERE = Path(__file__).parent
CERTIFICATE, OTHER = HERE / "fence_certificate.pem", HERE / "fence_other.pem"
SECRET = "0123456789abcdef"
FENCED = GatewayTable(
    listen="127.0.0.1", tls_certificate=str(CERTIFICATE), tls_key=str(HERE / "fence_key.pem"), secret=SECRET
)


class Fenced:
    """A gateway behind its fence, over sockets, before a simulated TWS."""

    def __init__(self, door: Door, lines: list[str]) -> None:
        self.door, self.lines = door, lines
        self.port = door.address[1]
        self.tunnels: list[Tunnel] = []

    async def tunnel(self, secret: str = SECRET, certificate: Path = CERTIFICATE) -> Tunnel:
        made = Tunnel("127.0.0.1", self.port, trusting(certificate), secret.encode(), log=self.lines.append)
        await made.open(0)
        self.tunnels.append(made)
        return made

    async def secured(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=trusting(CERTIFICATE))

    async def heard(self, words: str) -> None:
        async with asyncio.timeout(10):
            while not [line for line in self.lines if words in line]:  # noqa: ASYNC110 another's log
                await asyncio.sleep(0.01)


def fenced(home: Path, test: Callable[[Fenced], Awaitable[Any]], table: GatewayTable = FENCED) -> None:
    async def main() -> None:
        lines: list[str] = []
        async with build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)}) as world:
            tws = world.login("paper").ports[0]
            config = LoginConfig(name="paper", mode=TradingMode.PAPER, host="127.0.0.1", port=tws, client_id=95)
            gateway = Gateway(
                {config: 0},
                table,
                OrderSettings(replace(DEFAULTS, position_age_ns_max=None)),
                open_rules(home),
                home=home,
                wall_ns=time.time_ns,
                clock=time.perf_counter,
                log=lines.append,
            )
            await gateway.open()
            fenced = Fenced(gateway.doors[0], lines)
            try:
                async with asyncio.timeout(30):
                    await test(fenced)
            finally:
                for one in fenced.tunnels:
                    await one.close()
                await gateway.close()
                await asyncio.sleep(0.05)  # for what is said at the end

    asyncio.run(main())


# --- what may be opened ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("listen", ["0.0.0.0", "192.168.1.5", "trading-host", "::"])
@pytest.mark.parametrize("without", ["tls_certificate", "tls_key", "secret"])
def test_beyond_this_machine_nothing_is_opened_without_tls_and_a_secret(listen: str, without: str) -> None:
    with pytest.raises(FenceError, match=without):
        fence_of(replace(FENCED, listen=listen, **{without: ""}))
    assert fence_of(replace(FENCED, listen=listen)) is not None


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_this_machine_alone_nothing_need_stand_in_front(listen: str) -> None:
    assert fence_of(GatewayTable(listen=listen)) is None


def test_half_a_fence_is_none_even_here() -> None:
    with pytest.raises(FenceError, match="secret"):
        fence_of(replace(FENCED, secret=""))


@pytest.mark.parametrize("secret", ["short", "0123456789abcde", "0123456789abcdé!", "0123456789abcdef\n"])
def test_a_secret_that_can_be_guessed_or_not_be_said_is_none(secret: str) -> None:
    with pytest.raises(FenceError, match="plain characters"):
        fence_of(replace(FENCED, secret=secret))


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(FenceError, match="cannot be used"):
        fence_of(replace(FENCED, tls_certificate=str(tmp_path / "none.pem")))


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody() -> None:
    locked = HERE.parent / "web" / "locked_key.pem"
    with pytest.raises(FenceError, match="the key has a passphrase"):
        fence_of(replace(FENCED, tls_key=str(locked)))


# --- who comes through -----------------------------------------------------------------------------------------------
def test_a_program_trades_through_a_tunnel(tmp_path: Path) -> None:
    async def test(it: Fenced) -> None:
        tunnel = await it.tunnel()
        client = await connect(tunnel.port, 21)
        while it.door.desk.warming_up:
            await client.ask(ReqCurrentTime(), CurrentTime)
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: "Submitted" in statuses(client, 1))
        client.transport.close()

    fenced(tmp_path, test)


def test_a_wrong_secret_gets_no_answer_and_is_sent_away_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "WRONG_PAUSE_S", 0.2)

    async def test(it: Fenced) -> None:
        tunnel = await it.tunnel("another secret of it")
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        writer.write(b"API\0\0\0\0\x09v100..178")
        assert await reader.read() == b""
        assert time.monotonic() - began >= 0.2
        writer.close()
        await it.heard("has not said the secret")
        await it.heard("is the secret the same there?")

    fenced(tmp_path, test)


@pytest.mark.parametrize("words", [b"", b"API\0\0\0\0\x09v100..178", b"x" * 400, b"QE-GATEWAY 1 \n"])
def test_without_the_secret_nobody_is_a_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: bytes) -> None:
    monkeypatch.setattr(fence, "WRONG_PAUSE_S", 0.05)
    monkeypatch.setattr(fence, "PATIENCE_S", 0.5)

    async def test(it: Fenced) -> None:
        reader, writer = await it.secured()
        writer.write(words)
        with contextlib.suppress(OSError):  # an abort may be heard as one
            assert await reader.read() == b""
        writer.close()
        assert not it.door.line().clients

    fenced(tmp_path, test)


def test_one_that_speaks_no_tls_is_sent_away(tmp_path: Path) -> None:
    async def test(it: Fenced) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
        writer.write(b"API\0\0\0\0\x09v100..178")
        with contextlib.suppress(OSError):
            assert b"178" not in await reader.read()
        writer.close()
        await it.heard("no TLS")

    fenced(tmp_path, test)


def test_a_tunnel_speaks_to_no_other_gateway(tmp_path: Path) -> None:
    async def test(it: Fenced) -> None:
        tunnel = await it.tunnel(certificate=OTHER)
        reader, writer = await asyncio.open_connection("127.0.0.1", tunnel.port)
        assert await reader.read() == b""
        writer.close()
        await it.heard("cannot be reached")
        assert [line for line in it.lines if "CERTIFICATE_VERIFY_FAILED" in line]

    fenced(tmp_path, test)


def test_an_address_that_is_not_allowed_is_sent_away_before_the_handshake(tmp_path: Path) -> None:
    async def test(it: Fenced) -> None:
        with pytest.raises((OSError, ssl.SSLError)):
            await it.secured()
        await it.heard("not in gateway.allow")

    fenced(tmp_path, test, replace(FENCED, allow=("10.0.0.0/8",)))


def test_strangers_are_bounded_and_make_room_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fence, "PATIENCE_S", 0.5)

    async def test(it: Fenced) -> None:
        many = [await asyncio.open_connection("127.0.0.1", it.port) for _ in range(fence.STRANGERS_MAX + 5)]
        await it.heard("others are being looked at")
        assert len(it.door._strangers) <= fence.STRANGERS_MAX
        await it.heard("no TLS")
        for _, writer in many:
            writer.close()
        tunnel = await it.tunnel()
        assert (await connect(tunnel.port, 21)).ready.is_set()

    fenced(tmp_path, test)


# --- on uvloop, as the gateway runs ----------------------------------------------------------------------------------
def on_uvloop(come: Callable[[int], Any]) -> tuple[Any, list[str], list[dict[str, Any]]]:
    """What one who comes on a thread of his own has to tell, what was logged, and what went wrong in the loop."""
    lines: list[str] = []
    faults: list[dict[str, Any]] = []
    strangers: set[fence.Fence] = set()

    class Greeting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
            transport.write(b"come in")

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: faults.append(context))
        found = fence_of(FENCED)
        assert found is not None
        server = await loop.create_server(
            lambda: fence.Fence(*found, strangers, turned_away=lambda _: "", then=Greeting, log=lines.append),
            "127.0.0.1",
            0,
        )
        told = await asyncio.to_thread(come, server.sockets[0].getsockname()[1])
        server.close()
        async with asyncio.timeout(10):
            while strangers:  # noqa: ASYNC110 nobody is looked at for ever
                await asyncio.sleep(0.05)
        return told

    return uvloop.run(main()), lines, faults


def test_one_who_speaks_before_tls_has_begun_to_listen_is_heard() -> None:
    """Half of those who were quick enough waited five seconds for nothing, and were sent away."""

    def come(port: int) -> list[object]:
        said: list[object] = []
        for _ in range(20):
            try:
                with trusting(CERTIFICATE).wrap_socket(socket.create_connection(("127.0.0.1", port), 1)) as secured:
                    secured.sendall(fence.GREETING + SECRET.encode() + b"\n")
                    said.append(secured.recv(7))
            except OSError as error:
                return [*said, error]
        return said

    told, _, faults = on_uvloop(come)
    assert told == [b"come in"] * 20 and not faults


def test_one_who_is_gone_before_tls_has_begun_leaves_nothing_behind() -> None:
    def come(port: int) -> None:
        for n in range(60):
            gone = socket.create_connection(("127.0.0.1", port), 3)
            gone.sendall(b"\x16\x03\x01" * (n % 3))
            if n % 2:  # without a farewell
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            gone.close()

    _, _, faults = on_uvloop(come)
    assert not faults
