"""Presses of the button: at most one running kill per login, and every press gets a report.

A press joins what already runs. It never waits for anything before the kills are under way, and never raises for what
the broker does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

import msgspec

from engine.broker.closing_right import ClosingRight
from engine.broker.handover import Handover
from engine.broker.kill_driver import SECOND_NS, DriverSettings, KillDriver
from engine.broker.kill_hands import HandsSettings
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginReport, TimelineEntry
from engine.core.kill.settings import KillSettings
from engine.core.restrictions import Scope
from engine.trading.arguments import words
from engine.trading.entries import Entry
from engine.trading.interrupts import INTERRUPTS
from engine.trading.kill_records import Earlier, KillRecords
from engine.trading.modes import TradingMode, misplaced_note
from engine.trading.reports import KillReport
from engine.trading.stories import Pressed
from engine.trading.watched import ANOTHER_KILL, Watched, with_later, with_watched

OnStep: TypeAlias = Callable[[str, TimelineEntry], None]
"""Called with a login's name and every line of its timeline, as it happens."""

BY_HAND = "stopped by Ctrl-C"
PRESSED_AGO_S_MAX = 60.0  # what is longer ago is no time of a press
IN_USE = "a kill is using this connection"
LOOK_EVERY_S = 0.25  # at the logins that are done, while others are not
LOOK_SOON_S = 0.02  # when only they are waited for
SEEN_AGE_S = 0.1  # how old a look at them may be when the last login is done …
SEE_PATIENCE_S = 3.0  # … and how long a newer one is waited for
MAKE_WAY_AFTER_S = 1.0  # a login that waits for another one sees by then that it is flat too, or is not the same


class _Press:
    """One press of the button and the report it will get, once every login has its result.

    A login that is flat first is watched until then, and one that was not reached is tried until then. If it is open
    when the last one has its result, it is waited for as well, until `deadline_at` (in the loop's time). One of which
    only a person can close the rest is looked at until then, and not waited for.
    """

    def __init__(
        self,
        kill_id: str,
        reason: str,
        started_at: str,
        names: tuple[str, ...],
        deadline_at: float,
        then: Callable[[_Press], None],
        record: Pressed,
        watched: Mapping[str, Watched],
        goes_on_s: float,
    ) -> None:
        self.kill_id = kill_id
        self.record = record
        self.names = names
        self.drivers: dict[str, KillDriver] = {}
        self.beside: list[Earlier] = []  # kills of the same logins, of which more is to be said than their own lines do
        self._reason = reason
        self._started_at = started_at
        self._deadline_at = deadline_at
        self._then = then
        self._watched = watched
        self._goes_on_s = goes_on_s
        self._finished_at: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.report: asyncio.Future[KillReport] = self._loop.create_future()
        self._look()

    def follow(self, name: str, driver: KillDriver) -> None:
        self.drivers[name] = driver
        driver.presses.add(self.kill_id)
        driver.when_finished(lambda _report: self._take(name))

    def _take(self, name: str) -> None:
        self._finished_at[name] = self._loop.time()
        self._look()

    def _look(self) -> None:
        if self.report.done():
            return
        began = self._loop.time()
        logins = {name: self.drivers[name].look() for name in self.names if name in self._finished_at}
        if len(logins) == len(self.names):
            if began >= self._deadline_at or not (self._open_again(logins) or self._not_seen(began)):
                self._conclude(logins)
                return
        elif logins:
            self._make_way()
        if logins:
            if self._timer is not None:
                self._timer.cancel()
            took = self._loop.time() - began  # a report of a very large book is no small thing
            pause = LOOK_SOON_S if len(logins) == len(self.names) else LOOK_EVERY_S
            self._timer = self._loop.call_later(max(pause, 10 * took), self._look)

    def _open_again(self, logins: dict[str, LoginReport]) -> bool:
        return any(self.drivers[name].open_again(report) for name, report in logins.items())

    def _not_seen(self, now: float) -> bool:
        """A login that was flat first has not been looked at since the last one was done; that takes half a second, and
        more where its connection has to be made anew."""
        last = max(self._finished_at.values(), default=now)
        unseen = any(driver.unseen_since(last - SEEN_AGE_S) for driver in self.drivers.values())
        return unseen and now < last + SEE_PATIENCE_S

    def _make_way(self) -> None:
        """A login that is done does not keep another one, which shares an account with it, from closing the rest."""
        for name, finished_at in self._finished_at.items():
            done = self.drivers[name]
            if done.held and self._loop.time() - finished_at >= MAKE_WAY_AFTER_S:
                waiting = [other for other, driver in self.drivers.items() if driver.waits_for(done)]
                if waiting:
                    done.stop_watching(f"watched until {waiting[0]}, which shares an account with it, took over")

    def _conclude(self, logins: dict[str, LoginReport]) -> None:
        for name, driver in self.drivers.items():
            if driver.later is not None:
                logins[name] = with_later(logins[name], driver.later.look())
        for name, before in self._watched.items():
            logins[name] = with_watched(logins[name], before, self.drivers[name].pressed_ns)
        for earlier in self.beside:
            if earlier.login in logins and earlier.login not in self._watched:
                logins[earlier.login] = _with_earlier_noted(logins[earlier.login], earlier)
        logins = {name: _with_mode_noted(login) for name, login in logins.items()}
        self.report.set_result(
            KillReport(
                kill_id=self.kill_id,
                reason=self._reason,
                started_at=self._started_at,
                logins=logins,
                goes_on_s=self._goes_on_s,
            )
        )
        if self._timer is not None:
            self._timer.cancel()
        self._then(self)


def _with_mode_noted(login: LoginReport) -> LoginReport:
    note = misplaced_note(TradingMode(login.mode), login.accounts)
    return msgspec.structs.replace(login, notes=(*login.notes, note)) if note else login


def _with_earlier_noted(login: LoginReport, earlier: Earlier) -> LoginReport:
    if earlier.by_guard:
        note = f"kill {earlier.kill_id} is the guard's, which was told of this press"
    elif earlier.just_ended and login.cancelled:
        note = (
            f"kill {earlier.kill_id} had only just ended when this one began: what is listed as cancelled may be its "
            "doing, for TWS dates it to the second"
        )
    else:
        return login
    return msgspec.structs.replace(login, notes=(*login.notes, note))


class KillSwitch:
    """All kills of one manager."""

    def __init__(
        self,
        settings: KillSettings,
        hands: HandsSettings,
        *,
        wall_ns: Callable[[], int],
        new_kill_id: Callable[[], str],
        lock_directory: Path | None,
        records: KillRecords,
    ) -> None:
        self._records = records
        self._settings = settings
        self._hands = hands
        self._wall_ns = wall_ns
        self._new_kill_id = new_kill_id
        self._lock_directory = lock_directory
        self._drivers: dict[str, KillDriver] = {}
        self._press: _Press | None = None
        self._waiting: list[_Press] = []  # presses without a report

    def running(self, name: str) -> bool:
        """A kill of this login still has something to do."""
        driver = self._drivers.get(name)
        return driver is not None and not driver.over and not driver.forsaken

    def give_up(self) -> None:
        """The loop of these kills was closed under them: let the locks go."""
        for driver in self._drivers.values():
            driver.stop_watching()

    async def press(
        self,
        entries: list[Entry],
        reason: str,
        *,
        on_step: OnStep | None,
        handovers: Mapping[str, Handover],
        pressed_ns: int | None,
        after_watch: bool = False,
        beside: tuple[Scope, ...] = (),
    ) -> KillReport:
        """Start or join the kill of every login given, all at once, and wait for all results. `after_watch`: what the
        kills of the press before have done since their report belongs into this one's. `beside`: logins with a press of
        their own that belongs to the same incident.
        """
        pressed_ns = pressed_ns if type(pressed_ns) is int else None
        names = tuple(entry.config.name for entry in entries)
        joining = {name for name in names if name in self._drivers and self._drivers[name].working}
        press = self._press
        if press is None or press.report.done() or press.names != names or joining != set(names):
            watched = self._watched(names) if after_watch and not joining else {}
            press = self._press = self._begin(names, words(reason), pressed_ns, entries, watched, beside)
        for entry in entries:
            name = entry.config.name
            if name in joining:
                driver = self._drivers[name]
                driver.press_again()
            else:
                driver = self._start(entry, f"{press.kill_id}.{names.index(name) + 1}", handovers.get(name), pressed_ns)
            if callable(on_step):  # or the kill would end here, and the next login would get none
                driver.watch(partial(on_step, name))
            press.follow(name, driver)
        waited_for = press
        with INTERRUPTS.taken(lambda: _stop(waited_for)):
            report = await asyncio.shield(press.report)  # whoever waits here may be cancelled; the kill is not
            await self._records.settled()
        return report

    def _watched(self, names: tuple[str, ...]) -> dict[str, Watched]:
        """The kills of the press before, as they were reported and as they stand."""
        before = self._press
        if before is None or not before.report.done():
            return {}
        told = before.report.result().logins
        return {
            name: Watched(told[name], driver.look(), driver.pressed_ns)
            for name, driver in before.drivers.items()
            if name in names and name in told and driver.finished and not driver.forsaken
        }

    def _begin(
        self,
        names: tuple[str, ...],
        reason: str,
        pressed_ns: int | None,
        entries: list[Entry],
        watched: Mapping[str, Watched],
        beside: tuple[Scope, ...],
    ) -> _Press:
        now_s = asyncio.get_running_loop().time()
        pressed_at = now_s if pressed_ns is None else pressed_ns / SECOND_NS
        ago_s = min(max(now_s - pressed_at, 0), PRESSED_AGO_S_MAX)  # `qe kill` loads this program behind its cancel
        wall_ns, ago_ns = self._wall_ns(), round(ago_s * SECOND_NS)
        started_at = datetime.fromtimestamp((wall_ns - ago_ns) / SECOND_NS, UTC).isoformat(timespec="milliseconds")
        deadline_at = pressed_at + self._settings.deadline_ns / SECOND_NS
        kill_id = self._new_kill_id()
        scopes = tuple(entry.scope for entry in entries)
        record = Pressed(kill_id=kill_id, reason=reason, scopes=scopes, at_ns=wall_ns, beside=beside, ago_ns=ago_ns)
        goes_on_s = self._settings.quarantine_ns / SECOND_NS
        press = _Press(kill_id, reason, started_at, names, deadline_at, self._concluded, record, watched, goes_on_s)
        if not press.report.done():
            self._waiting.append(press)
            self._records.pressed(record, lambda: _release(entries), partial(_tell_of_earlier, press))
        return press

    def _concluded(self, press: _Press) -> None:
        """Let go of the logins that nobody waits for any more."""
        if press.names:
            self._records.ended(press.record, press.report.result())
        self._waiting = [other for other in self._waiting if other is not press]
        for driver in press.drivers.values():
            if not any(driver in other.drivers.values() for other in self._waiting):
                driver.release()

    def _start(self, entry: Entry, kill_id: str, handover: Handover | None, pressed_ns: int | None) -> KillDriver:
        config = entry.config
        if (before := self._drivers.get(config.name)) is not None:
            before.stop_watching(ANOTHER_KILL)
        entry.kill_pressed = True
        at_home = entry.loop is None or entry.loop is asyncio.get_running_loop()
        if entry.connecting is not None and at_home:
            entry.connecting.cancel()
        login = entry.login if entry.connected and at_home else None
        if login is not None:
            login.suspend(IN_USE)
        driver = KillDriver(
            self._machine(entry, kill_id),
            ClosingRight(config.host, config.port, f"kill {kill_id}", self._lock_directory),
            DriverSettings(
                deadline_s=self._settings.deadline_ns / SECOND_NS,
                hold_s=self._hold_ns / SECOND_NS,
                quarantine_s=self._settings.quarantine_ns / SECOND_NS,
                take_over_s=self._settings.take_over_ns / SECOND_NS,
                hands=self._hands,
            ),
            client_id=config.client_id,
            borrowed=login.way if login is not None else None,
            handover=handover,
            pressed_ns=pressed_ns,
        )
        self._drivers[config.name] = driver
        if before is not None:
            before.followed_by(driver)
        driver.start()
        if login is not None:
            driver.when_over(lambda: self._give_back(entry, driver))
        return driver

    @property
    def _hold_ns(self) -> int:
        """No login waits longer for another one than a whole kill takes."""
        return self._settings.deadline_ns

    def _machine(self, entry: Entry, kill_id: str) -> KillMachine:
        config = entry.config
        loop_ns = int(asyncio.get_running_loop().time() * SECOND_NS)
        return KillMachine(
            name=config.name,
            mode=config.mode.value,
            host=config.host,
            port=config.port,
            kill_id=kill_id,
            settings=msgspec.structs.replace(
                self._settings, quarantine_ns=self._hold_ns + self._settings.quarantine_ns
            ),
            wall_offset_ns=self._wall_ns() - loop_ns,
        )

    def _give_back(self, entry: Entry, driver: KillDriver) -> None:
        """The borrowed connection is its owner's again."""
        if entry.login is None or self._drivers.get(entry.config.name) is not driver:
            return
        if entry.close_after_kill:
            entry.login.close("disconnected")
        else:
            entry.login.resume()


def _tell_of_earlier(press: _Press, earlier: Earlier) -> None:
    """To the kill of that login: what the earlier one did belongs into its report, as nobody else may tell it."""
    driver = press.drivers.get(earlier.login)
    if earlier.just_ended or earlier.by_guard:
        press.beside.append(earlier)
    if driver is not None and not earlier.just_ended:
        driver.earlier_press(earlier.kill_id, earlier.ago_ns)


def _stop(press: _Press) -> None:
    """Whoever waits for it wants no more, and gets the report of what is known."""
    for driver in press.drivers.values():
        driver.give_up(BY_HAND)


def _release(entries: list[Entry]) -> None:
    """The rules hold the shutdown now, until it is reset and armed."""
    for entry in entries:
        entry.kill_pressed = False
