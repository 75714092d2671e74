"""The gateway as a whole: it says of itself what happens, ends when told, and listens on every port or on none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.config.gateway_table import GatewayTable, allowed_networks
from engine.core.preflight.settings import DEFAULTS
from engine.gateway.gateway import FILE, TEND_EVERY_S, Gateway, read_status
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from gateway.post import DOOR, SPY, Post, order, post, statuses
from gateway.test_metrics import scraped
from ports import free_port
from simulator.wire_client import connect
from trading.stage import PAPER_PORT


async def running(it: Post) -> tuple[asyncio.Task[None], asyncio.Event]:
    ended = asyncio.Event()
    return asyncio.get_running_loop().create_task(it.gateway.run(ended)), ended


async def ending(task: asyncio.Task[None], ended: asyncio.Event) -> None:
    ended.set()
    await asyncio.wait_for(task, 10)


def test_it_says_of_itself_what_passes_and_ends_when_told(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1))
        task, ended = await running(it)
        await asyncio.sleep(3 * TEND_EVERY_S)
        await ending(task, ended)
        said = read_status(tmp_path)
        assert said is not None and not said.shadow
        [line] = said.logins
        assert (line.name, line.port, [one.client_id for one in line.clients]) == ("paper", DOOR, [21])
        assert line.counts["orders passed"] == 1 and "guard" in said.missing
        assert said.at_ns - said.since_ns >= TEND_EVERY_S * 1e9
        await client.gone()
        with pytest.raises(OSError):
            await connect(DOOR, 22)

    post(tmp_path, test)


def test_a_folder_that_takes_no_status_keeps_no_order(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        (tmp_path / FILE).mkdir()  # nothing can be moved there
        client = await it.client()
        task, ended = await running(it)
        await asyncio.sleep(2 * TEND_EVERY_S)
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1))
        await ending(task, ended)
        assert read_status(tmp_path) is None

    post(tmp_path, test)


def test_what_stands_there_and_is_no_status_is_none(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    (tmp_path / FILE).write_text("{")
    assert read_status(tmp_path) is None


def test_its_metrics_are_those_of_the_moment_and_end_with_it(tmp_path: Path) -> None:
    port = free_port()

    async def test(it: Post) -> None:
        task, ended = await running(it)
        await asyncio.sleep(2 * TEND_EVERY_S)
        found = await asyncio.to_thread(scraped, port)
        await ending(task, ended)
        assert found[("ready", "paper")] == 1
        with pytest.raises(OSError):
            scraped(port)

    post(tmp_path, test, table=GatewayTable(metrics_port=port))


def test_it_listens_on_every_port_or_on_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(it: Post) -> None:
        loop, asked = asyncio.get_running_loop(), list[int]()
        listen = loop.create_server

        async def busy(made: Any, host: Any = None, number: Any = None, **more: Any) -> Any:
            asked.append(number)
            if number == DOOR + 2:
                raise OSError(98, "Address already in use")
            return await listen(made, host, number, **more)

        monkeypatch.setattr(loop, "create_server", busy)
        logins = {
            LoginConfig(name=name, mode=TradingMode.PAPER, host="127.0.0.1", port=PAPER_PORT, client_id=1): DOOR + n
            for n, name in enumerate(("one", "other"), start=1)
        }
        second = Gateway(
            logins,
            GatewayTable(),
            OrderSettings(DEFAULTS),
            it.rules,
            home=tmp_path,
            wall_ns=it.loop.wall_ns,
            clock=it.loop.time,
            log=it.lines.append,
        )
        with pytest.raises(OSError, match="in use"):
            await second.open()
        assert asked == [DOOR + 1, DOOR + 2]
        with pytest.raises(OSError):
            await connect(DOOR + 1, 21)

    post(tmp_path, test, warm=False)


@pytest.mark.parametrize(
    ("peer", "let_in"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("::1", True), ("::ffff:10.0.0.1", False), ("?", False)],
)
def test_an_address_is_known_however_it_is_written(tmp_path: Path, peer: str, let_in: bool) -> None:
    async def test(it: Post) -> None:
        assert allowed_networks(GatewayTable())
        assert (it.gateway.doors[0].turns_away(peer) == "") is let_in

    post(tmp_path, test, warm=False)
