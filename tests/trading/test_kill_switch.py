"""The button: pressed connected or not, once or twice, in one process or two; and whoever pressed it may go away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from broker.scripted import ScriptedTws, scripted
from engine.core.kill.report import LoginOutcome, TimelineEntry
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, current_loop, settle, until
from engine.trading import IBKRAccountManager, TradingMode, Unknown, errors
from engine.trading.kill_ids import new_kill_id
from engine.trading.report_text import render
from engine.wire import requests
from trading.stage import LIVE_PORT, PAPER_PORT, manager, stage

TWIN_PORT = 4001  # another way to the live login


def test_both_logins_are_flat_and_the_report_says_so(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        await asyncio.sleep(3)
        report = await mgr.kill_switch_all("EMERGENCY")
        assert report.flat
        assert report.exit_code == 0
        assert report.reason == "EMERGENCY"
        assert world.is_flat()
        assert list(report.logins) == ["paper", "live"]
        assert str(report).startswith(" FLAT ")
        assert report.started_at.startswith("2026-03-11T14:30:03")
        await mgr.disconnect_all()

    stage("calm", test)


@pytest.mark.parametrize("state", ["never connected", "connected", "half-connected", "lost"])
def test_it_works_in_every_state_of_the_connection(tmp_path: Path, state: str) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        connecting = None
        if state == "half-connected":
            connecting = asyncio.ensure_future(mgr.connect_all())
            await settle(3)
        elif state != "never connected":
            await mgr.connect_all()
        if state == "lost":
            for port in (PAPER_PORT, LIVE_PORT):
                loop.network.links_to(port)[0].cut()
            await settle()
        assert (await mgr.kill_switch_all("EMERGENCY")).flat
        assert world.is_flat()
        if connecting is not None:
            assert not (await connecting).all_connected
        await mgr.disconnect_all()

    stage("calm", test)


def test_the_first_cancels_of_all_logins_leave_in_the_same_moment(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        await manager(loop, tmp_path).kill_switch_all("EMERGENCY")
        cancels = {entry.login: entry.at_ns for entry in reversed(world.log.requests(requests.ReqGlobalCancel))}
        assert abs(cancels["paper"] - cancels["live"]) <= 5_000_000

    stage("calm", test)


def test_an_unreachable_login_is_reported_while_the_other_is_flattened(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        steps: list[tuple[str, float]] = []

        def on_step(name: str, step: TimelineEntry) -> None:
            if step.kind == "finished":
                steps.append((name, step.at_ms))

        report = await mgr.kill_switch_all("EMERGENCY", on_step=on_step)
        assert report.logins["paper"].flat
        assert report.logins["live"].outcome is LoginOutcome.UNREACHABLE
        assert report.exit_code == 2
        assert world.login("paper").is_flat()
        assert [name for name, _ in steps] == ["paper", "live"]
        assert steps[0][1] < 1000  # one login's trouble never delays another's
        text = str(report)
        assert text.startswith(" NOT FLAT ")
        assert "Close All Positions" in text
        assert "1-877-442-2757" in text

    stage("not-running", test)


def test_the_kill_asks_nothing_about_paper_or_live(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = IBKRAccountManager(wall_ns=loop.wall_ns, lock_directory=tmp_path)
        mgr.add_account("said to be paper", TradingMode.PAPER, port=LIVE_PORT)
        assert (await mgr.connect("said to be paper")).mode_mismatch
        report = await mgr.kill_switch("said to be paper", "EMERGENCY")
        assert report.flat
        assert world.login("live").is_flat()
        assert not world.login("paper").is_flat()
        [note] = report.logins["said to be paper"].notes
        assert note.startswith("this login is set up as paper, and U") and note.endswith("looks live")

    stage("calm", test)


def test_an_unknown_login_is_a_clear_error_and_no_login_is_not_flat(tmp_path: Path) -> None:
    async def main(_tws: ScriptedTws) -> None:
        with pytest.raises(errors.UnknownLogin, match="'paper', 'live'"):
            await manager(current_loop(), tmp_path).kill_switch("liev", "EMERGENCY")
        nothing = await IBKRAccountManager().kill_switch_all("EMERGENCY")
        assert not nothing.flat
        assert nothing.exit_code == 2
        assert "no login" in str(nothing)

    scripted(main)


# --- pressed twice ---------------------------------------------------------------------------------


def test_a_second_press_joins_gets_the_same_result_and_sends_no_close_of_its_own(tmp_path: Path) -> None:
    def closes(*, twice: bool) -> tuple[int, int, bool]:
        async def test(world: World, loop: VirtualLoop) -> tuple[int, int, bool]:
            mgr = manager(loop, tmp_path)
            first = asyncio.ensure_future(mgr.kill_switch_all("EMERGENCY"))
            await asyncio.sleep(0.02)
            second = asyncio.ensure_future(mgr.kill_switch_all("again!")) if twice else first
            same = await first is await second
            assert world.is_flat()
            cancels = len(world.log.requests(requests.ReqGlobalCancel))
            return len(world.log.requests(requests.PlaceOrder)), cancels, same

        return stage("calm", test)

    once, twice = closes(twice=False), closes(twice=True)
    assert twice[0] == once[0]
    assert twice[1] == once[1] + 2  # its global cancel is welcome
    assert twice[2]


def test_a_press_for_one_login_joins_the_kill_of_all(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        everything = asyncio.ensure_future(mgr.kill_switch_all("EMERGENCY"))
        await asyncio.sleep(0.02)
        one = await mgr.kill_switch("live", "this one too")
        assert one.logins["live"].timings == (await everything).logins["live"].timings
        assert list(one.logins) == ["live"]
        assert world.is_flat()

    stage("calm", test)


def test_a_kill_in_another_program_is_joined_and_both_report_flat(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> int:
        first, second = manager(loop, tmp_path), manager(loop, tmp_path, prefix="other")
        reports = await asyncio.gather(first.kill_switch_all("one"), second.kill_switch_all("two"))
        assert all(report.flat for report in reports)
        assert world.is_flat()
        joined = [report.logins["live"].joined for report in reports]
        assert sorted(joined) == [False, True]
        refs = {entry.message.order.order_ref[:8] for entry in world.log.requests(requests.PlaceOrder, login="live")}
        return len(refs)

    assert stage("calm", test) == 1  # closing orders came from one of them only


def test_who_joins_a_kill_that_ends_well_is_flat_right_behind_it_and_calls_it_what_it_is(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        first, second = manager(loop, tmp_path), manager(loop, tmp_path, prefix="other")
        closing = asyncio.ensure_future(first.kill_switch_all("one"))
        closing.add_done_callback(lambda _: ended.append(loop.time()))
        ended: list[float] = []
        await asyncio.sleep(0.3)
        report = await second.kill_switch_all("two")
        assert report.flat and world.is_flat() and (await closing).flat
        assert loop.time() - ended[0] < 0.6
        told = [step.text for login in report.logins.values() for step in login.timeline if step.kind == "took_over"]
        assert set(told) == {"the other kill has ended and says that it is flat: verifying it"}

    stage("calm", test)


def test_the_joiner_takes_over_when_the_first_kill_dies(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        first, second = manager(loop, tmp_path), manager(loop, tmp_path, prefix="other")
        dying = asyncio.ensure_future(first.kill_switch_all("one"))
        await asyncio.sleep(0.06)
        joining = asyncio.ensure_future(second.kill_switch_all("two"))
        await asyncio.sleep(0.5)
        for driver in first._kills.here()._drivers.values():  # as when its process is killed: no word to anybody
            driver._stopped = True
            driver._hands.let_go("killed")
            driver._right.release()
        report = await joining
        assert report.flat
        assert world.is_flat()
        assert any(step.kind == "took_over" for step in report.logins["live"].timeline)
        dying.cancel()

    stage("slow-fills", test)


def test_two_logins_of_one_account_close_it_once(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        mgr.add_account("twin", TradingMode.LIVE, port=TWIN_PORT, client_id=9)
        held = world.login("live").positions()
        report = await mgr.kill_switch_all("EMERGENCY")
        assert report.flat
        assert world.is_flat()
        assert sorted(report.logins[name].joined for name in ("live", "twin")) == [False, True]
        closes = [entry.message for entry in world.log.requests(requests.PlaceOrder, login="live")]
        assert len(closes) == len(held)
        assert len({order.order.order_ref for order in closes}) == len(held)
        assert loop.time() < 3

    stage("calm", test, more_live_ports=(TWIN_PORT,))


def test_two_logins_whose_accounts_only_have_the_same_name_are_both_closed_one_behind_the_other(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        report = await manager(loop, tmp_path).kill_switch_all("EMERGENCY")
        assert report.flat
        assert world.is_flat()
        assert loop.time() < 5

    stage("calm", test, same_account="DU1")


def test_a_kill_after_a_finished_one_is_a_new_kill(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        first = await mgr.kill_switch_all("EMERGENCY")
        world.login("live").trader(5).place("SPY", "BUY", 10, "MKT")
        await asyncio.sleep(1)
        assert not world.is_flat()
        second = await mgr.kill_switch_all("again")
        assert second.flat
        assert second.kill_id != first.kill_id
        assert [closed.contract.symbol for closed in second.logins["live"].closed] == ["SPY"]

    stage("calm", test)


# --- flat, while another login is not yet ---------------------------------------------------------


def test_a_login_that_opens_again_while_another_is_awaited_is_closed_again_and_the_report_is_of_the_end(
    tmp_path: Path,
) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        steps: list[tuple[str, str]] = []
        mgr = manager(loop, tmp_path)
        killing = asyncio.ensure_future(
            mgr.kill_switch_all("EMERGENCY", on_step=lambda name, step: steps.append((name, step.kind)))
        )
        await asyncio.sleep(3)
        assert world.login("paper").is_flat()
        assert not killing.done()  # live is not there, and is given up after 5 s
        world.login("paper").trader(5).place("SPY", "BUY", 10, "MKT")
        await asyncio.sleep(0.1)
        assert not world.login("paper").is_flat()
        report = await killing
        assert world.login("paper").is_flat()
        assert report.logins["paper"].flat
        assert "SPY" in [closed.contract.symbol for closed in report.logins["paper"].closed]
        assert report.logins["live"].outcome is LoginOutcome.UNREACHABLE
        assert [kind for name, kind in steps if name == "paper" and kind in ("finished", "not_flat", "flat")] == [
            "finished",
            "not_flat",
            "flat",
        ]
        await settle()
        assert not loop.network.links_to(PAPER_PORT)

    stage("not-running", test)


def test_a_login_that_is_open_when_the_last_one_is_done_is_waited_for(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        killing = asyncio.ensure_future(manager(loop, tmp_path).kill_switch_all("EMERGENCY"))
        await asyncio.sleep(4.4)
        world.login("paper").trader(5).place("SPY", "BUY", 10, "MKT")
        report = await killing
        assert report.logins["paper"].flat
        assert world.login("paper").is_flat()
        assert loop.time() > 5

    stage("not-running", test)


def test_what_opens_right_before_the_last_login_is_done_is_seen(tmp_path: Path) -> None:
    def opened_at(at_s: float) -> None:
        async def test(world: World, loop: VirtualLoop) -> None:
            killing = asyncio.ensure_future(manager(loop, tmp_path / str(at_s)).kill_switch_all("EMERGENCY"))
            await asyncio.sleep(at_s)
            world.login("paper").trader(5).place("SPY", "BUY", 10, "MKT")
            report = await killing
            assert report.logins["paper"].flat
            assert world.login("paper").is_flat()

        stage("not-running", test)

    for hundredths in range(475, 500, 5):
        opened_at(hundredths / 100)


def test_who_keeps_opening_is_reported_as_not_flat_at_the_deadline(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        killing = asyncio.ensure_future(manager(loop, tmp_path, deadline_s=12).kill_switch_all("EMERGENCY"))
        await asyncio.sleep(4)
        other = world.login("paper").trader(5)
        while not killing.done():
            other.place("SPY", "BUY", 10, "MKT")
            await asyncio.sleep(0.2)
        assert not (await killing).logins["paper"].flat
        assert loop.time() == pytest.approx(12, abs=0.5)

    stage("not-running", test)


def test_a_login_that_cannot_be_watched_to_the_end_is_unknown_and_not_flat(tmp_path: Path) -> None:
    """Nobody can say what another program has opened there since."""

    async def test(world: World, loop: VirtualLoop) -> None:
        killing = asyncio.ensure_future(manager(loop, tmp_path).kill_switch_all("EMERGENCY"))
        await asyncio.sleep(3)
        await world.stop()
        report = await killing
        paper = report.logins["paper"]
        assert paper.outcome is LoginOutcome.UNKNOWN and report.exit_code == 2
        assert "nothing listens on" in paper.trouble
        said = " ".join(render(report).split())
        assert "It was flat after" in said and "could not be watched to the end of this kill" in said
        assert loop.time() < 20, "nobody waits for it as for one that is open again"

    stage("not-running", test)


def test_a_login_whose_connection_is_lost_a_moment_before_the_report_is_looked_at_once_more(tmp_path: Path) -> None:
    def lost_at(at_s: float) -> None:
        async def test(world: World, loop: VirtualLoop) -> None:
            killing = asyncio.ensure_future(manager(loop, tmp_path / str(at_s)).kill_switch_all("EMERGENCY"))
            await asyncio.sleep(at_s)
            for connection in list(world.login("paper").server.connections.values()):
                connection.close()
            assert (await killing).logins["paper"].flat

        stage("not-running", test)

    for hundredths in range(490, 560, 2):  # live is given up at five seconds, and paper looked at once more after that
        lost_at(hundredths / 100)


def test_when_all_are_flat_the_report_comes_at_once_and_nothing_is_watched_on(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        finished: list[float] = []

        def on_step(_name: str, step: TimelineEntry) -> None:
            if step.kind == "finished":
                finished.append(loop.time())

        mgr = manager(loop, tmp_path)
        assert (await mgr.kill_switch_all("EMERGENCY", on_step=on_step)).flat
        assert loop.time() == pytest.approx(max(finished), abs=0.001)
        await settle()
        assert not loop.network.links_to(LIVE_PORT)
        assert not mgr._kills.here().running("live")

    stage("calm", test)


# --- whoever pressed it may go away ----------------------------------------------------------------


def test_a_caller_that_loses_patience_does_not_stop_the_kill(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mgr.kill_switch_all("EMERGENCY"), 0.01)
        await mgr.disconnect_all()
        await until(world.is_flat, limit_s=5)
        report = await mgr.kill_switch_all("and now I wait")
        assert report.flat

    stage("calm", test)


def test_a_program_that_cancels_all_its_tasks_does_not_stop_the_kill(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        servers = asyncio.all_tasks()
        killing = asyncio.ensure_future(mgr.kill_switch_all("EMERGENCY"))
        await asyncio.sleep(0)
        for _ in range(3):
            for task in asyncio.all_tasks() - servers:
                task.cancel()
            await asyncio.sleep(0.01)
        assert killing.cancelled()
        await until(world.is_flat, limit_s=30)

    stage("calm", test)


def test_the_program_that_ends_meanwhile_ends_when_the_kill_has(tmp_path: Path) -> None:
    worlds: list[World] = []

    async def test(world: World, loop: VirtualLoop) -> None:
        worlds.append(world)
        asyncio.ensure_future(manager(loop, tmp_path).kill_switch_all("EMERGENCY"))  # noqa: RUF006
        await asyncio.sleep(0.001)
        world.stop = _do_nothing  # type: ignore[method-assign]

    stage("calm", test)
    assert worlds[0].is_flat()


async def _do_nothing() -> None:
    """TWS does not end with the program."""


# --- beside the manager's other work ---------------------------------------------------------------


def test_the_connection_is_lent_to_the_kill_and_comes_back(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        await asyncio.sleep(1)
        killing = asyncio.ensure_future(mgr.kill_switch_all("EMERGENCY"))
        await asyncio.sleep(0.001)
        during = mgr.positions("live")
        assert isinstance(during, Unknown)
        assert "kill" in during.why
        await killing
        await asyncio.sleep(1)
        after = mgr.positions("live")
        assert not isinstance(after, Unknown)
        assert [fact for fact in after.value if fact.quantity != 0] == []
        assert len(loop.network.links_to(LIVE_PORT)) == 1
        await mgr.disconnect_all()
        await settle()
        assert not loop.network.links_to(LIVE_PORT)

    stage("calm", test)


def test_disconnecting_during_a_kill_waits_for_it(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        killing = asyncio.ensure_future(mgr.kill_switch_all("EMERGENCY"))
        await asyncio.sleep(0.001)
        await mgr.disconnect_all()
        assert (await killing).flat
        await asyncio.sleep(0.1)
        assert not loop.network.links_to(LIVE_PORT)
        assert world.is_flat()

    stage("calm", test)


def test_a_manager_whose_loop_was_closed_kills_on_the_next_loop(tmp_path: Path) -> None:
    """connect in one asyncio.run, kill in another; and a kill whose loop ended hard does not block the next."""
    made: list[IBKRAccountManager] = []

    async def first(world: World, loop: VirtualLoop) -> None:
        made.append(manager(loop, tmp_path))
        await made[0].connect_all()
        driver_loop_ends = asyncio.ensure_future(made[0].kill_switch("paper", "one"))
        await asyncio.sleep(0.001)
        driver_loop_ends.cancel()
        for driver in made[0]._kills.here()._drivers.values():
            driver._shrug_off_cancel = _give_in  # type: ignore[method-assign]
        await world.stop()

    stage("calm", first, strict=False)

    async def second(world: World, _loop: VirtualLoop) -> None:
        report = await made[0].kill_switch_all("two")
        assert report.flat
        assert not any(login.joined for login in report.logins.values())
        assert world.is_flat()

    stage("calm", second)


def _give_in() -> None:
    raise asyncio.CancelledError


def test_kill_ids_are_in_the_order_of_the_presses_to_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no lock keeps two kills apart the later press gives way by them."""
    at_ms = 1_795_779_764_000  # a whole second
    ids = []
    for ms in (0, 1, 35, 36, 999, 1000):
        monkeypatch.setattr(time, "time_ns", lambda ms=ms: (at_ms + ms) * 1_000_000)
        ids.append(new_kill_id())
    assert ids == sorted(ids) and len({one[:14] for one in ids}) == 6
    assert {len(one) for one in ids} == {16}


def test_two_kills_of_one_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_795_779_764_000_000_000)
    assert len({new_kill_id() for _ in range(50)}) > 40
