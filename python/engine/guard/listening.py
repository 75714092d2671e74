"""Listens for the engines' signs of life, and escalates a silence while there is something to lose."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from engine.core.alerting import Severity
from engine.core.dead_man import ENGINES_MAX, DeadMan, DeadManSettings, Engine, Escalation, Step
from engine.core.known import Known
from engine.core.restrictions import Cause
from engine.guard.keeper import Telling
from engine.guard.stops import Stops
from engine.trading import IBKRAccountManager
from engine.trading.daemons import Daemons
from engine.trading.heartbeats import FOLDER, Beat, beat_for, file_name, good_bye_of, listen

LOOK_EVERY_S = 0.5
DISK_S_MAX = 2.0
SECOND_NS = 1_000_000_000

Said = dict[str, tuple[str, ...] | None]
"""What was said over the socket, by name: the logins of who lives, None of who has ended on purpose."""


class Listening:
    """For all engines and logins of a guard. `monotonic_ns`: a clock that stands still while the machine sleeps, or
    jumps: either is taken for the listener's own absence."""

    def __init__(
        self,
        manager: IBKRAccountManager,
        stops: Stops,
        alerts: Telling,
        settings: DeadManSettings,
        home: Path,
        *,
        monotonic_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._manager = manager
        self._stops = stops
        self._alerts = alerts
        self._settings = settings
        self._home = home
        self._monotonic_ns = monotonic_ns
        self._log = log
        self._daemons = Daemons()
        self._touched: dict[str, int] = {}
        self._reading: asyncio.Future[tuple[Beat, ...] | None] | None = None
        self._said: Said = {}  # … and is not in the folder yet
        self.man = DeadMan()

    def now_ns(self) -> int:
        """By the clock that silences are measured with."""
        return self._monotonic_ns()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.heard(await self._listen())
            self.judge()
            await asyncio.sleep(LOOK_EVERY_S)

    def beat(self, name: str, logins: tuple[str, ...], pid: int = 0) -> None:
        """A sign of life, however it came."""
        self.man, back = self.man.beat(name, logins, self._monotonic_ns(), pid=pid)
        if back is not None:
            self._log(f"{name} gives signs of life again")
            self._alerts.clear(_key(back.engine), f"{name} was silent for {back.silent_ns // SECOND_NS} s")

    def said(self, name: str, logins: tuple[str, ...], *, goodbye: bool = False) -> str:
        """Over the socket: counts at once, and is kept in the folder, by which a guard that takes this one's place
        knows of it. The name by which it is known.
        """
        name = file_name(name)
        if goodbye:
            self._goodbye(name)
        else:
            self.beat(name, logins)
        if name in self._said or len(self._said) < ENGINES_MAX:
            self._said[name] = None if goodbye else logins
        return name

    def heard(self, beats: tuple[Beat, ...] | None) -> None:
        """What the folder shows: a file that was touched has beaten, one that is gone has said good-bye. None: the
        folder could not be read, and nobody beats by it.
        """
        if beats is None:
            return
        for beat in beats:
            if self._touched.get(beat.name) != beat.touched_ns:
                self._touched[beat.name] = beat.touched_ns
                self.beat(beat.name, beat.words.logins, beat.words.pid)
        for name in self._touched.keys() - {beat.name for beat in beats}:
            del self._touched[name]
            self._goodbye(name)

    def _goodbye(self, name: str) -> None:
        gone = self.man.engines.get(name)
        self.man = self.man.goodbye(name)
        if gone is not None and gone.reached is not None:
            self._alerts.clear(_key(gone), f"{name} has said good-bye")

    def judge(self) -> None:
        """Escalate what is due."""
        risk = {name: self.at_risk(name) for name in self._manager.logins}
        self.man, due = self.man.judge(self._settings, risk, self._monotonic_ns())
        for one in due:
            self._escalate(one)

    def at_risk(self, name: str) -> bool | None:
        """The login holds something that can lose, or an order that may; None: nobody knows."""
        positions, orders = self._manager.positions(name), self._manager.working_orders(name)
        if isinstance(positions, Known) and any(one.quantity for one in positions.value):
            return True
        if isinstance(orders, Known) and orders.value:
            return True
        return False if isinstance(positions, Known) and isinstance(orders, Known) else None

    def _escalate(self, one: Escalation) -> None:
        engine, seconds = one.engine, one.silent_ns // SECOND_NS
        what = f"{engine.name} has given no sign of life for {seconds} s, and there is something to lose"
        then = {Step.TOLD: "", Step.HALTED: ": its logins are halted", Step.KILLED: ": the kill switch is pressed"}
        self._log(what + then[one.step])
        self._alerts.tell(_key(engine), Severity.CRITICAL, f"{engine.name} is silent", what + then[one.step])
        names = tuple(name for name in self._manager.logins if engine.concerns(name))
        if one.step in (Step.HALTED, Step.KILLED):
            self._stops.halt(names, what, Cause.DEAD_MAN)
        if one.step is Step.KILLED:
            self._stops.kill_soon(names, what)

    async def _listen(self) -> tuple[Beat, ...] | None:
        """None: the disk does not answer. One thread at most hangs for it."""
        if self._reading is None:
            said, self._said = self._said, {}
            self._reading = asyncio.get_running_loop().run_in_executor(self._daemons, self._read, said)
        await asyncio.wait({self._reading}, timeout=DISK_S_MAX)
        if not self._reading.done():
            return None
        found, self._reading = self._reading.result(), None
        return found

    def _read(self, said: Said) -> tuple[Beat, ...] | None:
        """On the thread. A touch of our own is known already: it is no later sign of life."""
        kept = self._keep(said)
        try:
            found = listen(self._home)
        except OSError:
            return None
        self._touched.update((one.name, one.touched_ns) for one in found if one.name in kept)
        return found

    def _keep(self, said: Said) -> set[str]:
        """Which names are kept. Bounded: who speaks under ever new ones fills no disk. A disk that takes nothing is no
        silence of theirs: what was said has counted."""
        kept = set()
        for name, logins in said.items():
            path = self._home / FOLDER / name
            with contextlib.suppress(OSError):
                if logins is None:
                    good_bye_of(self._home, name)
                elif path.exists() or not path.parent.exists() or len(list(path.parent.iterdir())) < ENGINES_MAX:
                    beat_for(self._home, name, logins)
                    kept.add(name)
        return kept


def _key(engine: Engine) -> str:
    return f"heartbeat of {engine.name}"
