"""Runs a simulated world until it is told to stop, and shows it: a live picture on a terminal, lines anywhere else."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.live import Live

from engine.simulator.build import build_world
from engine.simulator.scenario import ScenarioError, load_scenario
from engine.simulator.server import Entry, World
from engine.simulator.view import LINES_MAX, SPOKEN, line, world_view

REFRESH_S = 0.5
EXIT_USAGE = 64  # as on every command line that was not understood
ENTRIES_MAX = 2_000  # nobody asks this world for its past


def run_sim(
    scenario: str | Path = "calm",
    *,
    host: str = "127.0.0.1",
    ports: Mapping[str, Sequence[int]] | None = None,
    speed: float = 1.0,
    seed: int | None = None,
    plain: bool | None = None,
    console: Console | None = None,
) -> int:
    """Serve a scenario until Ctrl-C. `ports` are by login, or by mode for all of that mode. `plain` forces lines (True)
    or the live picture (False). Returns an exit code."""
    out = console or Console()
    try:
        plan = load_scenario(scenario)
    except ScenarioError as error:
        return _unusable(out, error)

    asked = ports or {}
    by_name = {login.name: asked.get(login.name) or asked.get(login.mode) or () for login in plan.logins}

    async def main() -> int:
        try:
            world = build_world(plan, host=host, ports=by_name, speed=speed, seed=seed)
        except ScenarioError as error:
            return _unusable(out, error)
        world.log.keep(ENTRIES_MAX)
        try:
            await world.start()
        except OSError as error:
            out.print(_port_taken(world, error), style="red", markup=False)
            return 2
        try:
            await show(world, out, plain=is_plain(out) if plain is None else plain, stop=_stop_on_signal())
        finally:
            await world.stop()
        return 0

    return asyncio.run(main())


def is_plain(console: Console) -> bool:
    """It is nothing that can be drawn upon: a pipe, a file, or a terminal that only takes lines."""
    return not console.is_terminal or console.is_dumb_terminal


async def show(world: World, console: Console, *, plain: bool, stop: asyncio.Event) -> None:
    """Show a running world until `stop` is set."""
    if plain:
        await _show_lines(world, console, stop)
    else:
        await _show_picture(world, console, stop)


def greeting(world: World) -> list[str]:
    """Where to connect."""
    lines = [f"simulator: {world.title}; this is not real money"]
    for login in world.logins.values():
        accounts = ", ".join(login.server.exchange.accounts)
        ports = " and ".join(str(port) for port in login.ports)
        lines.append(f"{login.name}: {login.mode} account {accounts} on {login.server.host} port {ports}")
    return lines


async def _show_lines(world: World, console: Console, stop: asyncio.Event) -> None:
    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    for text in greeting(world):
        say(text)
    unwatch = world.log.watch(lambda entry: say(line(entry)) if entry.kind in SPOKEN else None)
    try:
        await stop.wait()
    finally:
        unwatch()
    say("simulator: stopped")


async def _show_picture(world: World, console: Console, stop: asyncio.Event) -> None:
    recent: deque[Entry] = deque(maxlen=LINES_MAX)
    unwatch = world.log.watch(lambda entry: recent.append(entry) if entry.kind in SPOKEN else None)
    try:
        with Live(console=console, auto_refresh=False, screen=True) as live:
            while not stop.is_set():
                live.update(world_view(world, recent, columns=console.width, rows=console.height), refresh=True)
                try:
                    await asyncio.wait_for(stop.wait(), REFRESH_S)
                except TimeoutError:
                    continue
    finally:
        unwatch()
    for text in (*greeting(world), "simulator: stopped"):
        console.print(text, markup=False, highlight=False)


def _stop_on_signal() -> asyncio.Event:
    """An event that Ctrl-C and a polite kill set; where signals cannot be had, KeyboardInterrupt does the work."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except (NotImplementedError, RuntimeError, ValueError):
            break  # Windows, or not the main thread
    return stop


def _port_taken(world: World, error: OSError) -> str:
    wanted = ", ".join(f"{login.name} {'/'.join(map(str, login.ports))}" for login in world.logins.values())
    return (
        f"The simulator cannot listen ({error.strerror or error}). It needs the ports: {wanted}.\n"
        "Is TWS, IB Gateway or another simulator running? Stop it, or choose others: --paper-port, --live-port."
    )


def _unusable(out: Console, error: ScenarioError) -> int:
    out.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
    return EXIT_USAGE
