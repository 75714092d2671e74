"""The same program over real sockets and real time: once, because virtual time could hide what a socket does."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.kill.report import TimelineEntry
from engine.core.kill.settings import KillSettings
from engine.desk.exchange_truth import truth_of
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.trading import IBKRAccountManager, KillReport, TradingMode
from engine.trading.manager import ManagerSettings
from engine.voice import shared_voice
from ports import free_port


def test_both_logins_are_flattened_over_real_sockets(tmp_path: Path) -> None:
    async def main() -> tuple[KillReport, bool]:
        world = build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)})
        async with world:
            mgr = IBKRAccountManager(lock_directory=tmp_path / "locks", wall_ns=lambda: world.clock.now_ns())
            mgr.add_account("paper", TradingMode.PAPER, port=world.login("paper").ports[0])
            mgr.add_account("live", TradingMode.LIVE, port=world.login("live").ports[0])
            assert (await mgr.connect_all()).all_connected
            began = time.monotonic_ns()
            report = await mgr.kill_switch_all("EMERGENCY", pressed_ns=began)
            await mgr.disconnect_all()
            return report, world.is_flat()

    report, flat = asyncio.run(main())
    assert report.flat, str(report)
    assert flat
    for login in report.logins.values():
        assert login.timings.first_cancel_ms is not None
        assert login.timings.finished_ms is not None


@pytest.fixture
def world_apart() -> Iterator[World]:
    """A simulated world on a loop and a thread of its own, so that a test may let its own loop hang."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    world = build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)}, loop=loop)
    asyncio.run_coroutine_threadsafe(world.start(), loop).result(10)
    yield world
    asyncio.run_coroutine_threadsafe(world.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def managed(world: World, locks: Path, **kill: int) -> IBKRAccountManager:
    settings = ManagerSettings(kill=KillSettings(**kill))
    mgr = IBKRAccountManager(settings=settings, lock_directory=locks, wall_ns=lambda: world.clock.now_ns())
    mgr.add_account("paper", TradingMode.PAPER, port=world.login("paper").ports[0])
    mgr.add_account("live", TradingMode.LIVE, port=world.login("live").ports[0])
    return mgr


def in_thread(mgr: IBKRAccountManager, reports: list[KillReport]) -> threading.Thread:
    """A watchdog: it presses in a thread and a loop of its own."""
    thread = threading.Thread(target=lambda: reports.append(asyncio.run(mgr.kill_switch_all("watchdog"))))
    thread.start()
    return thread


@pytest.fixture
def pythons_own() -> Iterator[None]:
    """SIGINT as a program finds it that was started in a terminal: whoever runs the tests may ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_at(step: str) -> Callable[[str, TimelineEntry], None]:
    """Ctrl-C, once, when a kill has come so far."""
    pressed: list[str] = []

    def heard(_name: str, entry: TimelineEntry) -> None:
        if entry.kind == step and not pressed:
            pressed.append(step)
            signal.raise_signal(signal.SIGINT)

    return heard


@pytest.mark.usefixtures("pythons_own")
def test_one_ctrl_c_does_not_keep_the_report_from_whoever_waits_for_it(
    world_apart: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def engine() -> KillReport:
        mgr = managed(world_apart, tmp_path)
        report = await mgr.kill_switch_all("EMERGENCY", on_step=interrupt_at("close_sent"))
        await mgr.disconnect_all()
        return report

    assert asyncio.run(engine()).flat
    assert shared_voice().finish(10)
    assert "The kill goes on, and its report comes." in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("pythons_own")
def test_a_second_ctrl_c_stops_the_kill_and_the_report_says_so(tmp_path: Path) -> None:
    async def engine() -> tuple[KillReport, set[str]]:
        mgr = IBKRAccountManager(lock_directory=tmp_path / "locks")
        mgr.add_account("paper", TradingMode.PAPER, port=free_port())
        loop = asyncio.get_running_loop()
        for at_s in (0.05, 0.1, 0.5):  # the second is the same press
            loop.call_later(at_s, signal.raise_signal, signal.SIGINT)
        report = await mgr.kill_switch_all("EMERGENCY")
        await mgr.disconnect_all()
        await asyncio.sleep(0.05)
        return report, {task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("kill")}

    began = time.monotonic()
    report, left = asyncio.run(engine())
    assert 0.5 <= time.monotonic() - began < 4
    assert (report.flat, report.exit_code) == (False, 2)
    assert "stopped by Ctrl-C" in report.logins["paper"].trouble and "fault of this program" not in str(report)
    assert not left


def test_a_program_that_takes_ctrl_c_itself_keeps_it(world_apart: World, tmp_path: Path) -> None:
    heard: list[int] = []

    async def engine() -> KillReport:
        mgr = managed(world_apart, tmp_path)
        return await mgr.kill_switch_all("EMERGENCY", on_step=interrupt_at("close_sent"))

    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        assert asyncio.run(engine()).flat
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_a_watchdog_thread_kills_while_the_engines_loop_hangs(world_apart: World, tmp_path: Path) -> None:
    reports: list[KillReport] = []

    async def engine() -> None:
        mgr = managed(world_apart, tmp_path)
        assert (await mgr.connect_all()).all_connected
        watchdog = in_thread(mgr, reports)
        watchdog.join(20)  # the engine's loop hangs all the while
        assert reports
        assert reports[0].flat
        await mgr.disconnect_all()

    asyncio.run(engine())
    assert world_apart.is_flat()


def test_two_presses_in_two_loops_at_once_both_see_the_end(world_apart: World, tmp_path: Path) -> None:
    reports: list[KillReport] = []

    async def engine() -> KillReport:
        mgr = managed(world_apart, tmp_path)
        await mgr.connect_all()
        watchdog = in_thread(mgr, reports)
        report = await mgr.kill_switch_all("engine")
        await asyncio.to_thread(watchdog.join, 30)
        await mgr.disconnect_all()
        return report

    assert asyncio.run(engine()).flat
    assert reports[0].flat
    assert world_apart.is_flat()


def test_an_engine_that_hangs_in_its_own_kill_is_shut_out_and_adds_nothing_when_it_moves_again(
    world_apart: World, tmp_path: Path
) -> None:
    reports: list[KillReport] = []
    closing: set[str] = set()

    async def engine() -> KillReport:
        other = managed(world_apart, tmp_path, take_over_ns=400_000_000)

        def hang(name: str, step: TimelineEntry) -> None:
            if step.kind == "close_sent":
                closing.add(name)
            # both have the right to close by now; an engine's callback that stands until the other is done
            if closing == {"paper", "live"} and not reports:
                in_thread(other, reports).join(40)

        return await managed(world_apart, tmp_path).kill_switch_all("engine", on_step=hang)

    late = asyncio.run(engine())
    [first] = reports
    assert first.flat and late.flat
    assert any("was shut out" in step.text for login in first.logins.values() for step in login.timeline)
    for login in late.logins.values():
        kinds = [step.kind for step in login.timeline]
        lost, again = kinds.index("lock_lost"), kinds.index("took_over")  # the other one was done by then
        assert "close_sent" not in kinds[lost:again]
    assert world_apart.is_flat()
    assert not any(login.crossings for login in truth_of(world_apart).logins.values())
