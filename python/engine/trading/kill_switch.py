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

from engine.broker.closing_right import ClosingRight
from engine.broker.handover import Handover
from engine.broker.kill_driver import SECOND_NS, DriverSettings, KillDriver
from engine.broker.kill_hands import HandsSettings
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginReport, TimelineEntry
from engine.core.kill.settings import KillSettings
from engine.trading.entries import Entry
from engine.trading.reports import KillReport

OnStep: TypeAlias = Callable[[str, TimelineEntry], None]
"""Called with a login's name and every line of its timeline, as it happens."""

IN_USE = "a kill is using this connection"


class _Press:
    """One press of the button and the report it will get."""

    def __init__(self, kill_id: str, reason: str, started_at: str, names: tuple[str, ...]) -> None:
        self.kill_id = kill_id
        self.names = names
        self._reason = reason
        self._started_at = started_at
        self._reports: dict[str, LoginReport] = {}
        self.report: asyncio.Future[KillReport] = asyncio.get_running_loop().create_future()
        self._look()

    def take(self, name: str, report: LoginReport) -> None:
        self._reports[name] = report
        self._look()

    def _look(self) -> None:
        if len(self._reports) == len(self.names) and not self.report.done():
            logins = {name: self._reports[name] for name in self.names}
            self.report.set_result(
                KillReport(kill_id=self.kill_id, reason=self._reason, started_at=self._started_at, logins=logins)
            )


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
    ) -> None:
        self._settings = settings
        self._hands = hands
        self._wall_ns = wall_ns
        self._new_kill_id = new_kill_id
        self._lock_directory = lock_directory
        self._drivers: dict[str, KillDriver] = {}
        self._press: _Press | None = None

    def running(self, name: str) -> bool:
        """A kill of this login still has something to do."""
        driver = self._drivers.get(name)
        return driver is not None and not driver.over and not driver.forsaken

    async def press(
        self,
        entries: list[Entry],
        reason: str,
        *,
        on_step: OnStep | None,
        handovers: Mapping[str, Handover],
        pressed_ns: int | None,
    ) -> KillReport:
        """Start or join the kill of every login given, all at once, and wait for all results."""
        names = tuple(entry.config.name for entry in entries)
        joining = {name for name in names if name in self._drivers and not self._drivers[name].finished}
        press = self._press
        if press is None or press.names != names or joining != set(names):
            now_s = self._wall_ns() / SECOND_NS
            started_at = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="milliseconds")
            press = self._press = _Press(self._new_kill_id(), str(reason), started_at, names)
        for entry in entries:
            name = entry.config.name
            if name in joining:
                driver = self._drivers[name]
                driver.press_again()
            else:
                driver = self._start(entry, f"{press.kill_id}.{names.index(name) + 1}", handovers.get(name), pressed_ns)
            if on_step is not None:
                driver.watch(partial(on_step, name))
            driver.when_finished(partial(press.take, name))
        return await asyncio.shield(press.report)  # whoever waits here may be cancelled; the kill is not

    def _start(self, entry: Entry, kill_id: str, handover: Handover | None, pressed_ns: int | None) -> KillDriver:
        config = entry.config
        if (before := self._drivers.get(config.name)) is not None:
            before.stop_watching()
        if entry.connecting is not None:
            entry.connecting.cancel()
        entry.kill_pressed = True
        login = entry.login if entry.connected else None
        if login is not None:
            login.suspend(IN_USE)
        driver = KillDriver(
            self._machine(entry, kill_id),
            ClosingRight(config.host, config.port, f"kill {kill_id}", self._lock_directory),
            DriverSettings(
                deadline_s=self._settings.deadline_ns / SECOND_NS,
                quarantine_s=self._settings.quarantine_ns / SECOND_NS,
                hands=self._hands,
            ),
            client_id=config.client_id,
            borrowed=login.way if login is not None else None,
            handover=handover,
            pressed_ns=pressed_ns,
        )
        self._drivers[config.name] = driver
        driver.start()
        driver.when_over(lambda: self._give_back(entry, driver))
        return driver

    def _machine(self, entry: Entry, kill_id: str) -> KillMachine:
        config = entry.config
        loop_ns = int(asyncio.get_running_loop().time() * SECOND_NS)
        return KillMachine(
            name=config.name,
            mode=config.mode.value,
            host=config.host,
            port=config.port,
            kill_id=kill_id,
            settings=self._settings,
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
