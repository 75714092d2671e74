"""The driver's own promises: it goes on, it ends, it never lies, and there is one closer per login."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from broker.scripted import ES, HOST, PORT, ScriptedTws, open_order, order_status, position, scripted
from engine.broker.closer_lock import LockAnswer, LockState
from engine.broker.closing_right import ClosingRight
from engine.broker.fan_out import Way
from engine.broker.kill_driver import DriverSettings, KillDriver
from engine.broker.link import Link, LinkSettings
from engine.broker.reads import Reads
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.report import LoginOutcome, LoginReport, TimelineEntry
from engine.simulator.virtual import current_loop, settle, until
from engine.wire import replies, requests

DEADLINE_S, GRACE_S = 20.0, 2.0
FLAT = LoginReport(name="paper", mode="paper", host=HOST, port=PORT, outcome=LoginOutcome.FLAT)


class FakeMachine:
    """Does what a test tells it: `on[EventType]` gives commands (or raises)."""

    name, mode, host, port = "paper", "paper", HOST, PORT

    def __init__(self) -> None:
        self.at_start: list[cmd.Command] = [cmd.Connect()]
        self.on: dict[type[ev.Event], Callable[[Any], list[cmd.Command]]] = {}
        self.told: list[tuple[int, ev.Event]] = []
        self.started_ns = -1
        self.outcome = LoginOutcome.FLAT

    def start(self, now_ns: int) -> list[cmd.Command]:
        self.started_ns = now_ns
        return self.at_start

    def handle(self, event: ev.Event, now_ns: int, *, more: bool = False) -> list[cmd.Command]:
        self.told.append((now_ns, event))
        answer = self.on.get(type(event))
        return answer(event) if answer is not None else []

    def report(self) -> LoginReport:
        return FLAT if self.outcome is LoginOutcome.FLAT else msgspec.structs.replace(FLAT, outcome=self.outcome)

    def proven_trades(self) -> bytes:
        return b"8 trades" if self.outcome is LoginOutcome.FLAT else b""

    def heard(self, kind: type[ev.Event]) -> list[Any]:
        return [event for _, event in self.told if isinstance(event, kind)]


def finish(_event: ev.Event | None = None) -> list[cmd.Command]:
    return [cmd.Finish(), cmd.Stop()]


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def make(machine: FakeMachine, locks: Path, **settings: Any) -> KillDriver:
    right = ClosingRight(HOST, PORT, "kill k1", locks)
    return KillDriver(machine, right, DriverSettings(deadline_s=DEADLINE_S, grace_s=GRACE_S, **settings), client_id=1)


async def result_of(driver: KillDriver) -> LoginReport:
    results: list[LoginReport] = []
    driver.when_finished(results.append)
    await until(lambda: bool(results), step_s=0.05)
    return results[0]


async def over(driver: KillDriver) -> None:
    await until(lambda: driver.over, step_s=0.05)


def drive(test: Callable[[ScriptedTws, FakeMachine], Awaitable[None]]) -> None:
    async def main(tws: ScriptedTws) -> None:
        await test(tws, FakeMachine())

    scripted(main)


def test_events_come_in_order_with_a_clock_that_never_goes_back_and_the_result_is_the_machines(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Connected] = lambda _event: [cmd.GlobalCancel(), cmd.WakeAt(5_000_000_001)]
        machine.on[ev.Woke] = finish
        driver = make(machine, locks)
        driver.start()
        assert await result_of(driver) is FLAT
        times = [at for at, _ in machine.told]
        assert times == sorted(times)
        woken_ns, woke = machine.told[-1]
        assert woke == ev.Woke()
        assert 0 <= woken_ns - 5_000_000_001 < 1000
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1
        await over(driver)
        assert asyncio.get_running_loop().time() < 5.1  # nothing lingers behind the result
        await settle()
        assert tws.peers[0].gone

    drive(test)


def test_the_lock_is_asked_for_behind_the_connection(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Connected] = lambda _event: [cmd.GlobalCancel()]
        machine.on[ev.LockTaken] = finish
        driver = make(machine, locks)
        driver.start()
        await over(driver)
        assert machine.heard(ev.LockTaken) == [ev.LockTaken(shared_nothing=False)]

    drive(test)


def test_over_a_connection_that_is_there_the_first_cancel_leaves_before_the_lock_is_asked_for(locks: Path) -> None:
    """A lock lies on a disk, and a disk may hang."""
    done: list[str] = []

    class Noted(ClosingRight):
        def take_from_silent(self, now_s: float, silence_s_max: float) -> LockAnswer:
            done.append("asked for the lock")
            return super().take_from_silent(now_s, silence_s_max)

    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        link = Link(HOST, PORT, 1, LinkSettings())
        await link.connect()
        post = link.post

        def noted(request: requests.Request, **more: Any) -> Any:
            done.append(type(request).__name__)
            return post(request, **more)

        link.post = noted  # type: ignore[method-assign]
        machine.on[ev.Connected] = lambda _event: [cmd.GlobalCancel()]
        machine.on[ev.LockTaken] = finish
        right = Noted(HOST, PORT, "kill k1", locks)
        driver = KillDriver(machine, right, DriverSettings(), client_id=1, borrowed=Way(link, Reads(link)))
        driver.start()
        await over(driver)
        assert done[:2] == ["ReqGlobalCancel", "asked for the lock"]
        link.close("the test is over")

    drive(test)


# --- it never lies, and it always ends -------------------------------------------------------------


@pytest.mark.parametrize("where", ["start", "handle", "report"])
def test_a_fault_of_the_machine_is_unknown_never_flat_and_never_a_hang(locks: Path, where: str) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("a planted fault")

    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        if where == "start":
            machine.start = broken  # type: ignore[method-assign]
        elif where == "report":
            machine.report = broken  # type: ignore[method-assign]
            machine.on[ev.Connected] = finish
        else:
            machine.on[ev.Connected] = broken
        driver = make(machine, locks)
        driver.start()
        report = await result_of(driver)
        assert report.outcome is LoginOutcome.UNKNOWN
        assert "a planted fault" in report.trouble
        assert "check this login in TWS" in report.trouble
        await over(driver)
        if where != "start":
            assert len(tws.requests(requests.ReqGlobalCancel)) == 1  # our own orders must not stay behind
        assert ClosingRight(HOST, PORT, "next", locks).take().state is LockState.TAKEN

    drive(test)


@pytest.mark.parametrize("where", ["handle", "report"])
def test_a_fault_of_the_machine_as_it_is_stopped_leaves_a_report(locks: Path, where: str) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("a planted fault")

    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = make(machine, locks)
        driver.start()
        await settle()
        if where == "report":
            machine.report = broken  # type: ignore[method-assign]
        else:
            machine.on[ev.PressedAgain] = broken
        driver.give_up("stopped by Ctrl-C")
        driver.press_again()
        report = await result_of(driver)
        assert report.outcome is LoginOutcome.UNKNOWN
        assert report.trouble.startswith("stopped by Ctrl-C, and the kill failed by a fault of this program")

    drive(test)


def test_what_is_heard_as_it_is_stopped_is_told_and_nothing_is_done_about_it(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.outcome = LoginOutcome.RESIDUE
        machine.on[ev.PressedAgain] = lambda _event: [cmd.ReadOrders(1)]
        driver = make(machine, locks)
        driver.start()
        await settle()
        driver.give_up("stopped by Ctrl-C")
        driver.press_again()
        report = await result_of(driver)
        assert report.outcome is LoginOutcome.UNKNOWN and machine.heard(ev.PressedAgain)
        await over(driver)
        assert not tws.requests(requests.ReqAllOpenOrders)

    drive(test)


def test_a_faulty_kill_lists_what_was_last_read(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        tws.answers[requests.ReqPositions] = lambda _p, _r: [position(quantity=3), replies.PositionEnd()]
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [open_order(), order_status(), replies.OpenOrderEnd()]
        machine.on[ev.Connected] = lambda _event: [
            cmd.Say("connected", "here"),
            cmd.ReadOrders(1),
            cmd.ReadPositions(2),
            cmd.WakeAt(1_000_000_000),
        ]
        machine.on[ev.Woke] = lambda _event: [cmd.Command()]  # a command that does not exist
        driver = make(machine, locks)
        driver.start()
        report = await result_of(driver)
        assert [(item.contract, item.quantity) for item in report.residue] == [(ES, Decimal(3)), (ES, Decimal(2))]
        assert report.accounts == ("DU1",)
        assert [step.kind for step in report.timeline] == ["connected"]

    drive(test)


def test_a_machine_that_never_finishes_is_ended_at_the_deadline(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = make(machine, locks)
        driver.start()
        report = await result_of(driver)
        assert report.outcome is LoginOutcome.UNKNOWN
        assert "deadline" in report.trouble
        assert asyncio.get_running_loop().time() == pytest.approx(DEADLINE_S + GRACE_S, abs=0.1)
        await over(driver)

    drive(test)


def test_a_machine_that_feeds_itself_for_ever_is_ended_at_the_deadline_too(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Connected] = lambda _event: [cmd.CancelClose(1), cmd.ReadOrders(1)]
        machine.on[ev.Disconnected] = machine.on[ev.Connected]
        driver = make(machine, locks)
        rounds = 0

        def feed(_event: ev.Event) -> list[cmd.Command]:
            nonlocal rounds
            rounds += 1
            driver.press_again()
            return [cmd.WakeAt((rounds // 5000 + 1) * 1_000_000_000)]

        machine.on[ev.PressedAgain] = feed
        driver.press_again()
        loop = asyncio.get_running_loop()
        real_time = loop.time
        driver.start()
        try:
            loop.time = lambda: real_time() + rounds / 5000  # type: ignore[method-assign]  # the spinning takes time
            await until(lambda: driver.finished, step_s=0.0, limit_s=1e9)
        finally:
            del loop.time
        assert driver._result.result().outcome is LoginOutcome.UNKNOWN
        await over(driver)

    drive(test)


def test_a_machine_that_stops_without_a_result_is_unknown(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Connected] = lambda _event: [cmd.Stop()]
        driver = make(machine, locks)
        driver.start()
        report = await result_of(driver)
        assert report.outcome is LoginOutcome.UNKNOWN
        assert "without a result" in report.trouble

    drive(test)


def test_a_watch_that_never_ends_is_ended(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Connected] = lambda _event: [cmd.Finish()]
        driver = make(machine, locks, quarantine_s=5.0)
        driver.start()
        assert await result_of(driver) is FLAT
        assert not driver.over
        await over(driver)
        assert asyncio.get_running_loop().time() == pytest.approx(5 + GRACE_S, abs=0.1)

    drive(test)


# --- flat, and watched on ---------------------------------------------------------------------------

OPEN = msgspec.structs.replace(FLAT, outcome=LoginOutcome.RESIDUE)


def held(locks: Path, machine: FakeMachine, **settings: Any) -> KillDriver:
    machine.on[ev.Connected] = lambda _event: [cmd.Finish()]
    driver = make(machine, locks, hold_s=60.0, **settings)
    driver.start()
    return driver


def test_a_flat_login_is_watched_until_it_is_released_and_its_result_is_that_of_the_moment(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = held(locks, machine)
        said: list[str] = []
        driver.watch(lambda step: said.append(step.kind))
        assert await result_of(driver) is FLAT
        await asyncio.sleep(10)
        assert driver.held
        machine.report = lambda: OPEN  # type: ignore[method-assign]
        assert driver.look() is OPEN
        assert driver.working
        machine.report = lambda: FLAT  # type: ignore[method-assign]
        assert driver.look() is FLAT
        driver.release()
        await settle()
        assert driver.over
        assert said == ["not_flat", "flat"]

    drive(test)


def test_a_login_that_is_let_go_while_open_leaves_no_closing_order_working(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = held(locks, machine)
        await result_of(driver)
        machine.report = lambda: OPEN  # type: ignore[method-assign]
        driver.release()
        await over(driver)
        assert driver.look() is OPEN
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1

    drive(test)


def test_a_login_that_is_not_flat_is_not_watched_on(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.report = lambda: OPEN  # type: ignore[method-assign]
        driver = held(locks, machine)
        assert await result_of(driver) is OPEN
        await settle()
        assert driver.over

    drive(test)


def by_hand(locks: Path, machine: FakeMachine, **settings: Any) -> KillDriver:
    """Only a person can close what is left of it, and others are still worked on."""
    machine.report = lambda: OPEN  # type: ignore[method-assign]
    machine.on[ev.Connected] = lambda _event: [cmd.Finish(by_hand=True)]
    driver = make(machine, locks, hold_s=60.0, **settings)
    driver.start()
    return driver


def test_a_login_that_only_a_person_can_close_is_looked_at_until_it_is_released_and_not_at_work(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = by_hand(locks, machine)
        said: list[tuple[str, str]] = []
        driver.watch(lambda step: said.append((step.kind, step.text)))
        assert await result_of(driver) is OPEN
        await settle()
        assert driver.held and not driver.working and len(machine.heard(ev.Rest)) == 1
        assert not driver.open_again(OPEN)
        machine.report = lambda: FLAT  # type: ignore[method-assign]
        assert driver.look() is FLAT
        machine.report = lambda: OPEN  # type: ignore[method-assign]
        assert driver.look() is OPEN
        driver.release()
        await over(driver)
        assert not tws.requests(requests.ReqGlobalCancel)  # what a person has ordered meanwhile is left alone
        assert said == [("flat", "flat now: two agreeing reads"), ("not_flat", "something is open again")]

    drive(test)


def test_it_gives_the_right_to_close_back_at_once(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = by_hand(locks, machine)
        await result_of(driver)
        await asyncio.sleep(5)
        assert ClosingRight(HOST, PORT, "another", locks).take().state is LockState.TAKEN
        assert not machine.heard(ev.LockLost)
        driver.release()
        await over(driver)

    drive(test)


def test_a_look_that_proves_nothing_yet_is_waited_for_unless_nothing_can_be_seen(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = by_hand(locks, machine)
        await result_of(driver)
        unknown = msgspec.structs.replace(FLAT, outcome=LoginOutcome.UNKNOWN)
        assert driver.open_again(unknown)
        tws.peers[0].transport.close()
        await settle()
        assert not driver.open_again(unknown)
        assert "as last seen" in driver.look().notes[0]

    drive(test)


def test_where_more_tries_are_asked_for_it_goes_on_trying(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = by_hand(locks, machine, quarantine_s=5.0)
        await result_of(driver)
        await asyncio.sleep(10)
        assert driver.held and not driver.working and not machine.heard(ev.Rest)
        assert ClosingRight(HOST, PORT, "another", locks).take().state is LockState.BUSY
        driver.release()
        await over(driver)

    drive(test)


def test_the_configured_watch_begins_with_the_release(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = held(locks, machine, quarantine_s=5.0)
        await result_of(driver)
        await asyncio.sleep(10)
        driver.release()
        released_at = asyncio.get_running_loop().time()
        await over(driver)
        assert asyncio.get_running_loop().time() == pytest.approx(released_at + 5, abs=0.1)

    drive(test)


@pytest.mark.parametrize("where", ["report", "handle"])
def test_a_fault_while_watching_takes_the_claim_back(locks: Path, where: str) -> None:
    def broken(*_: object) -> Any:
        raise ZeroDivisionError("a planted fault")

    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = held(locks, machine)
        await result_of(driver)
        if where == "report":
            machine.report = broken  # type: ignore[method-assign]
        else:
            machine.on[ev.PressedAgain] = broken
            driver.press_again()
            await settle()
        report = driver.look()
        assert report.outcome is LoginOutcome.UNKNOWN
        assert "a planted fault" in report.trouble
        await over(driver)
        assert driver.look().outcome is LoginOutcome.UNKNOWN

    drive(test)


def test_a_watch_that_nobody_releases_is_ended(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = held(locks, machine)
        await result_of(driver)
        await over(driver)
        assert asyncio.get_running_loop().time() == pytest.approx(60, abs=0.5)

    drive(test)


# --- it goes on ------------------------------------------------------------------------------------


def test_cancelling_every_task_of_the_program_does_not_stop_the_kill(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Connected] = lambda _event: [cmd.GlobalCancel(), cmd.WakeAt(3_000_000_000)]
        machine.on[ev.Woke] = finish
        driver = make(machine, locks)
        driver.start()
        me = asyncio.current_task()
        for _ in range(5):
            await asyncio.sleep(0.3)
            for task in asyncio.all_tasks():
                if task is not me:
                    task.cancel()
        assert await result_of(driver) is FLAT
        await over(driver)
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1

    drive(test)


def test_a_loop_that_is_wound_up_waits_for_the_kill(locks: Path) -> None:
    """asyncio.run cancels what is left when its main coroutine ends: the kill then still gets to its end."""
    machine = FakeMachine()
    machine.on[ev.Connected] = lambda _event: [cmd.GlobalCancel(), cmd.WakeAt(3_000_000_000)]
    machine.on[ev.Woke] = finish
    ends: list[LoginReport] = []

    async def main(tws: ScriptedTws) -> None:
        driver = make(machine, locks)
        driver.when_finished(ends.append)
        driver.start()
        await asyncio.sleep(0.1)
        tws.peers.clear()  # and this coroutine ends while the kill is under way

    class Lasting(ScriptedTws):
        async def __aexit__(self, *_: object) -> None: ...

    from engine.simulator.virtual import run

    async def outer() -> None:
        async with Lasting() as tws:
            await main(tws)

    run(outer())
    assert ends == [FLAT]


def test_a_watcher_that_raises_does_not_hurt_the_kill(locks: Path) -> None:
    from engine.simulator.virtual import run

    async def main() -> None:
        async with ScriptedTws():
            machine = FakeMachine()
            machine.on[ev.Connected] = lambda _event: [cmd.Say("a", "b"), *finish()]
            driver = make(machine, locks)
            seen: list[TimelineEntry] = []

            def watcher(step: TimelineEntry) -> None:
                seen.append(step)
                raise RuntimeError("a broken display")

            driver.watch(watcher)
            driver.start()
            assert await result_of(driver) is FLAT
            assert [step.kind for step in seen] == ["a"]

    run(main(), strict=False)


def test_pressing_again_reaches_the_machine(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.PressedAgain] = finish
        driver = make(machine, locks)
        driver.start()
        await asyncio.sleep(1)
        driver.press_again()
        assert await result_of(driver) is FLAT

    drive(test)


# --- one closer ------------------------------------------------------------------------------------


def test_the_second_kill_watches_and_takes_over_within_a_tenth_of_a_second(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        other = ClosingRight(HOST, PORT, "kill other", locks)
        other.take()
        driver = make(machine, locks, take_over_s=0)
        driver.start()
        await asyncio.sleep(5)
        [busy] = machine.heard(ev.LockBusy)  # told once, however often it is tried
        assert "kill other" in busy.holder
        assert not machine.heard(ev.LockTaken)
        other.release(flat=True)
        await asyncio.sleep(0.1)
        assert machine.heard(ev.LockTaken) == [ev.LockTaken(left=ev.Left.FLAT)]

    drive(test)


def test_a_press_that_this_kill_answers_is_no_earlier_one(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = make(machine, locks)
        driver.presses.add("mine")
        driver.start()
        for kill_id in ("mine", "other"):
            driver.earlier_press(kill_id, 1)
        await asyncio.sleep(1)
        assert [each.kill_id for each in machine.heard(ev.EarlierPress)] == ["other"]

    drive(test)


def test_that_another_kill_is_gone_is_told_also_where_tws_is_not_reached(locks: Path) -> None:
    """Or the report tells a person to end a process that is dead."""

    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.port = PORT + 1  # where nothing listens
        other = ClosingRight(HOST, PORT, "kill other", locks)
        other.take()
        driver = make(machine, locks, take_over_s=0)
        driver.start()
        await asyncio.sleep(1)
        other.release(flat=False)
        await asyncio.sleep(1)
        busy, free = machine.heard(ev.LockBusy)
        assert ("kill other" in busy.holder, free.holder) == (True, "")
        assert not machine.heard(ev.LockTaken)

    drive(test)


@pytest.mark.parametrize("outcome", [LoginOutcome.FLAT, LoginOutcome.RESIDUE])
def test_a_kill_that_is_over_says_to_who_waits_whether_it_is_flat(locks: Path, outcome: LoginOutcome) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        later = ClosingRight(HOST, PORT, "later", locks)
        driver = make(machine, locks)
        driver.start()
        await asyncio.sleep(1)
        assert later.take().state is LockState.BUSY
        machine.outcome = outcome
        machine.on[ev.PressedAgain] = lambda _event: [cmd.Finish(), cmd.Stop()]
        driver.press_again()
        await asyncio.sleep(1)
        assert later.take().state is LockState.TAKEN
        flat = outcome is LoginOutcome.FLAT
        assert (later.left, later.proven) == ((ev.Left.FLAT, b"8 trades") if flat else (ev.Left.ENDED, b""))
        later.release()

    drive(test)


def test_a_closer_that_moves_is_waited_for_and_one_that_does_not_is_shut_out(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        other = ClosingRight(HOST, PORT, "kill other", locks)
        other.take()
        driver = make(machine, locks, take_over_s=3.0)
        driver.start()
        for _ in range(40):
            await asyncio.sleep(0.25)
            other.show_life()
        assert not machine.heard(ev.LockTaken)
        await asyncio.sleep(2.5)
        assert not machine.heard(ev.LockTaken)
        await asyncio.sleep(1)
        [taken] = machine.heard(ev.LockTaken)
        assert "kill other, was shut out" in taken.taken_from
        assert other.lost and isinstance(other.enter(), str)
        other.release()

    drive(test)


def test_who_comes_later_learns_that_the_cancel_has_left_and_not_before_it_has(locks: Path) -> None:
    def says(when: str) -> list[bool]:
        later = ClosingRight(HOST, PORT, "later", locks.with_name(when))

        async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
            if when == "connected":
                machine.on[ev.Connected] = lambda _event: [cmd.GlobalCancel()]
            machine.on[ev.PressedAgain] = lambda _event: [cmd.GlobalCancel()]
            driver = make(machine, locks.with_name(when))
            driver.start()
            await asyncio.sleep(1)
            said.append(later.take().struck)
            driver.press_again()
            await asyncio.sleep(1)
            said.append(later.take().struck)

        said: list[bool] = []
        drive(test)
        return said

    assert says("connected") == [True, True]
    assert says("pressed again") == [False, True]


def test_a_cancel_that_left_before_the_hand_over_has_left(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = make(machine, locks)
        driver.start()
        driver._tell(ev.Connected(("DU1",), 1, cancel_sent=True))
        await asyncio.sleep(1)
        assert ClosingRight(HOST, PORT, "later", locks).take().struck

    drive(test)


def test_a_cancel_in_advance_may_have_been_dropped_and_is_not_told_to_others_as_one_that_has_left(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.Answering] = lambda _event: [cmd.GlobalCancel(early=True)]
        driver = make(machine, locks)
        driver.start()
        driver._tell(ev.Answering(1))
        await asyncio.sleep(1)
        assert machine.heard(ev.Answering)
        assert not ClosingRight(HOST, PORT, "later", locks).take().struck

    drive(test)


def test_a_closer_that_moves_and_has_cancelled_is_spared_until_it_moves_no_more(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        other = ClosingRight(HOST, PORT, "kill other", locks)
        other.take()
        driver = make(machine, locks, take_over_s=0)
        driver.start()
        await asyncio.sleep(1)
        other.mark_struck()
        for _ in range(20):
            other.show_life()
            await asyncio.sleep(0.25)
        assert [busy.spare for busy in machine.heard(ev.LockBusy)] == [False, True]
        await asyncio.sleep(2.5)
        assert len(machine.heard(ev.LockBusy)) == 2
        await asyncio.sleep(1)
        assert [busy.spare for busy in machine.heard(ev.LockBusy)] == [False, True, False]
        other.release()

    drive(test)


@pytest.mark.parametrize("shut_out", [True, False])
def test_a_kill_that_wakes_shut_out_sends_no_cancel_that_it_decided_before(locks: Path, shut_out: bool) -> None:
    """Stopped between the decision and the sending: whoever has taken over has cancelled, and closes by now."""

    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        other = ClosingRight(HOST, PORT, "kill other", locks)
        said: list[str] = []

        def sleep(_event: ev.Event) -> list[cmd.Command]:
            driver._keeper._moved_at -= 10
            if shut_out:
                answers = [other.take_from_silent(quarter / 4, 3.0).state for quarter in range(20)]
                assert answers[-1] is LockState.TAKEN
            return [cmd.GlobalCancel()]

        machine.on[ev.PressedAgain] = sleep
        driver = make(machine, locks)
        driver.watch(lambda step: said.append(step.kind))
        driver.start()
        await asyncio.sleep(1)
        driver.press_again()
        await settle()
        assert len(tws.requests(requests.ReqGlobalCancel)) == (not shut_out)
        assert said == (["cancel_left_out"] if shut_out else [])
        assert len(machine.heard(ev.LockLost)) == shut_out
        other.release()

    drive(test)


def test_a_kill_that_ends_while_another_closes_leaves_its_closing_orders_alone(locks: Path) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        other = ClosingRight(HOST, PORT, "kill other", locks)
        other.take()
        driver = held(locks, machine, take_over_s=0)
        await result_of(driver)
        machine.report = lambda: OPEN  # type: ignore[method-assign]
        driver.release()
        await over(driver)
        assert tws.requests(requests.ReqGlobalCancel) == []
        other.release()

    drive(test)


def test_two_kills_that_both_move_never_shut_each_other_out(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        second = FakeMachine()
        for one in (machine, second):
            make(one, locks, take_over_s=1.0).start()
            await settle(100)
        await asyncio.sleep(15)
        assert len(machine.heard(ev.LockTaken)) == 1
        assert not machine.heard(ev.LockLost) and not second.heard(ev.LockTaken)
        await asyncio.sleep(10)

    drive(test)


def test_who_wakes_learns_first_of_all_that_another_has_taken_over_and_gets_the_right_back_when_that_one_is_gone(
    locks: Path,
) -> None:
    async def test(tws: ScriptedTws, machine: FakeMachine) -> None:
        driver = make(machine, locks)
        driver.start()
        await until(lambda: bool(machine.heard(ev.LockTaken)), step_s=0.01)
        loop = current_loop()
        other = ClosingRight(HOST, PORT, "kill other", locks)
        for _ in range(10):  # the loop hangs all the while, and meanwhile something is heard
            loop.stall(0.5)
            other.take_from_silent(loop.time(), 3.0)
        assert other.take().state is LockState.TAKEN
        driver.press_again()
        await settle(10)
        told = [type(event) for _, event in machine.told]
        assert told.index(ev.LockLost) < told.index(ev.PressedAgain)
        await asyncio.sleep(1)
        assert "kill other" in machine.heard(ev.LockBusy)[-1].holder
        other.release()
        await asyncio.sleep(0.2)
        assert len(machine.heard(ev.LockTaken)) == 2

    drive(test)


def test_a_right_that_is_lost_before_the_machine_has_heard_of_it_is_never_told_as_had(
    locks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that heard of its loss first and then of the right would take itself for the closer from then on, and
    cancel the closing orders of the kill that is."""

    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        loop = current_loop()
        driver = make(machine, locks)
        other = ClosingRight(HOST, PORT, "kill other", locks)
        told = driver._keeper._tell

        def tell_and_hang(event: ev.Event) -> None:
            told(event)
            if isinstance(event, ev.LockTaken):
                monkeypatch.setattr(driver._keeper, "_tell", told)
                for _ in range(10):
                    loop.stall(0.5)
                    other.take_from_silent(loop.time(), 3.0)

        monkeypatch.setattr(driver._keeper, "_tell", tell_and_hang)
        driver.start()
        await until(lambda: bool(machine.heard(ev.LockBusy)), step_s=0.01)
        assert machine.heard(ev.LockTaken) == []
        other.release()
        await asyncio.sleep(0.2)
        assert [type(event) for _, event in machine.told][-1] is ev.LockTaken
        assert len(machine.heard(ev.LockTaken)) == 1

    drive(test)


def test_where_no_lock_can_be_had_the_machine_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("not a directory")

    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.LockTaken] = finish
        driver = make(machine, tmp_path / "locks")
        driver.start()
        await over(driver)
        assert machine.heard(ev.LockTaken) == [ev.LockTaken(shared_nothing=True)]

    drive(test)


def test_the_lock_is_free_again_when_the_kill_is_over(locks: Path) -> None:
    async def test(_tws: ScriptedTws, machine: FakeMachine) -> None:
        machine.on[ev.LockTaken] = finish
        driver = make(machine, locks)
        driver.start()
        await over(driver)
        assert ClosingRight(HOST, PORT, "next", locks).take().state is LockState.TAKEN

    drive(test)
