"""`qe sim` as people see it: a picture on a terminal, lines elsewhere, a clear word when it cannot start."""

from __future__ import annotations

import asyncio
import io
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
from rich.console import Console

from engine.simulator import faults
from engine.simulator.live import is_plain, run_sim, show
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.view import shares, world_view
from engine.simulator.virtual import VirtualLoop, run
from simulator.wire_client import connect, order, scenario_world


def picture(world: World, columns: int = 170, rows: int = 60) -> str:
    out = io.StringIO()
    console = Console(file=out, width=columns, height=rows)
    console.print(world_view(world, deque(world.log, maxlen=5), columns=columns, rows=rows))
    return out.getvalue()


def test_the_picture_shows_both_logins_whose_orders_rest_and_what_is_broken() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(load_scenario("calm")) as world:
            live = world.login("live")
            live.server.trouble.add(faults.LinkLost())
            await connect(live.ports[0], 41)
            await asyncio.sleep(1)
            seen = picture(world)
            for part in ("DU1234567", "U7654321", "AAPL 20260417 250 C", "client 11", "TWS", "PreSubmitted", "41"):
                assert part in seen, part
            assert "no link to IBKR (1100)" in seen
            assert "faults: link-lost" in seen
            assert "Wednesday 11 March 2026 10:30:01" in seen
            assert "FLAT" not in seen

    run(main)


def test_the_picture_says_flat_only_when_it_is_so() -> None:
    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(load_scenario("several-accounts")) as world:
            paper = world.login("paper")
            paper.server.act(paper.exchange.cancel_all)
            assert "FLAT" not in picture(world)
            for held in paper.position_views():
                text = held.instrument.contract.symbol
                if held.instrument.is_option or text == "ES":
                    continue
                paper.trader(5).place(text, "SELL", held.quantity)
            assert "FLAT" not in picture(world)
            for held in paper.position_views():
                paper.server.act(
                    lambda now, held=held: paper.server.exchange.liquidate(
                        now, held.account, held.con_id, -held.quantity
                    )
                )
            assert picture(world).count("FLAT") == 1

    run(main)


@pytest.mark.parametrize("scenario", ["calm", "several-accounts"])
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (80, 80), (200, 24), (60, 18)])
def test_every_login_is_in_the_picture_however_small_the_terminal(scenario: str, columns: int, rows: int) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(load_scenario(scenario)) as world:
            await asyncio.sleep(1)
            seen = picture(world, columns, rows)
            assert len(seen.splitlines()) <= rows
            for login in world.logins.values():
                assert f"{login.name} ({login.mode})" in seen
            assert seen.count("clients connected") == len(world.logins)
            if (scenario, rows) == ("calm", 24):
                assert " more " in seen
            assert "─ messages ─" in seen

    run(main)


def test_short_lists_share_what_room_there_is() -> None:
    assert shares(5, [8, 7, 1]) == [2, 2, 1]
    assert shares(10, [2, 7, 1]) == [2, 7, 1]
    assert shares(9, [2, 7, 1]) == [2, 6, 1]
    assert shares(0, [2, 7]) == shares(-3, [2, 7]) == [0, 0]


def test_lines_tell_where_to_connect_and_what_happens() -> None:
    out = io.StringIO()

    async def main(loop: VirtualLoop) -> None:
        async with scenario_world(load_scenario("calm")) as world:
            stop = asyncio.Event()
            showing = asyncio.create_task(show(world, Console(file=out), plain=True, stop=stop))
            await asyncio.sleep(1)
            login = world.login("paper")
            client = await connect(login.ports[0], 41)
            client.send(order(login, 1, "AAPL", "BUY", 1))
            await asyncio.sleep(1)
            stop.set()
            await showing

    run(main)
    lines = out.getvalue().splitlines()
    assert "this is not real money" in lines[0]
    assert "paper account DU1234567 on 127.0.0.1 port" in lines[1]
    assert "10:30:01.000  paper #1 client 41 request PlaceOrder 1: BUY 1 265598 MKT" in lines
    assert any("paper  client 41 fill BOT 1 AAPL at 2" in text for text in lines)
    assert lines[-1] == "simulator: stopped"


def test_an_unknown_scenario_and_a_taken_port_are_told_plainly() -> None:
    out = Console(file=io.StringIO(), width=200)
    assert run_sim("nonesuch", console=out) == 64
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_sim("calm", ports={"paper": (port,), "live": (0,)}, console=out) == 2  # by mode or by name
    text = out.file.getvalue()
    assert "there is no such scenario; there are: calm" in text
    assert f"It needs the ports: paper {port}" in text and "--paper-port" in text


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(number: signal.Signals) -> None:
    code = (
        "import sys; from engine.simulator.live import run_sim; "
        "sys.exit(run_sim('calm', ports={'paper': (0,), 'live': (0,)}))"
    )
    folder = Path(__file__).parents[2] / "python"
    with subprocess.Popen([sys.executable, "-u", "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(number)
        assert process.stdout.read().strip() == "simulator: stopped"
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("terminal", "term", "plain"), [(True, "xterm", False), (True, "dumb", True), (False, "xterm", True)]
)
def test_what_cannot_be_drawn_upon_gets_lines(terminal: bool, term: str, plain: bool) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, _environ={"TERM": term})
    assert is_plain(console) is plain
