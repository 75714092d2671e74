"""What the guard does to a login beside the limits: halts and kills with their incidents, told and written down.

One kill of a login at a time, whoever asks for it; a halt by the same cause is not doubled. The wire comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeAlias

from engine.core.alerting import Severity
from engine.core.known import Known
from engine.core.restrictions import Cause, Restriction
from engine.guard.keeper import Telling
from engine.journal.incident_log import Story
from engine.trading import IBKRAccountManager, KillReport
from engine.trading.daemons import Daemons
from engine.trading.incident_records import keep_incident, tell
from engine.trading.stories import position_lines

Held: TypeAlias = dict[str, tuple[str, ...] | None]


class Stops:
    """Of all logins of a guard."""

    def __init__(
        self,
        manager: IBKRAccountManager,
        alerts: Telling,
        page: Path,
        *,
        wall_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._manager = manager
        self._alerts = alerts
        self._page = page
        self._wall_ns = wall_ns
        self._log = log
        self._daemons = Daemons()
        self._kills: dict[str, asyncio.Task[KillReport]] = {}
        self._halting: set[tuple[str, Cause]] = set()
        self._tasks: set[asyncio.Task[object]] = set()

    def halt(self, names: tuple[str, ...], reason: str, cause: Cause) -> None:
        """Nothing that adds risk leaves any program; on a thread for each login, because a disk may hang. It is one
        incident of all of them.
        """
        new = tuple(name for name in names if (name, cause) not in self._halting)  # one that waits is enough
        if new:
            self._halting |= {(name, cause) for name in new}
            self._begin(self._halt(new, reason, cause))

    async def kill(self, name: str, reason: str, *, beside: tuple[str, ...] = ()) -> KillReport:
        """Pull the switch on a login; a kill of ours that runs already is joined. `beside`: the other logins that it is
        pulled on for the same reason at the same time, which makes it one incident.
        """
        running = self._kills.get(name)
        if running is None or running.done():
            self._log(f"{name}: KILL: {reason}")
            running = asyncio.get_running_loop().create_task(self._kill(name, reason, beside), name=f"kill {name}")
            self._kills[name] = running
        return await asyncio.shield(running)

    async def kill_all(self, names: tuple[str, ...], reason: str) -> dict[str, KillReport]:
        """The same on several logins at the same time."""
        reports = await asyncio.gather(*(self.kill(name, reason, beside=names) for name in names))
        return dict(zip(names, reports, strict=True))

    def kill_soon(self, names: tuple[str, ...], reason: str) -> None:
        """The same, without waiting for its end."""
        self._begin(self.kill_all(names, reason))

    async def settled(self) -> None:
        """Everything that was begun has come to its end."""
        while pending := [task for task in (*self._tasks, *self._kills.values()) if not task.done()]:
            await asyncio.wait(pending)

    # --- inside -------------------------------------------------------------------------------------
    async def _kill(self, name: str, reason: str, beside: tuple[str, ...]) -> KillReport:
        key = f"{name}: kill"
        self._alerts.tell(key, Severity.CRITICAL, f"KILL of {name}", reason)
        report = await self._manager.kill_switch(name, reason, beside=beside)
        verdict = "FLAT" if report.flat else "NOT FLAT"
        self._log(f"{name}: kill ended: {verdict}")
        text = report.to_text(colour=False).removeprefix(f" {verdict} ").lstrip()  # the title says it already
        self._alerts.tell(key, Severity.CRITICAL, f"KILL of {name}: {verdict}", text)
        return report

    async def _halt(self, names: tuple[str, ...], reason: str, cause: Cause) -> None:
        loop, held = asyncio.get_running_loop(), self._held(names)
        try:
            imposing = [loop.run_in_executor(self._daemons, self._impose, name, reason, cause) for name in names]
            done = await asyncio.gather(*imposing, return_exceptions=True)
            imposed = {name: one for name, one in zip(names, done, strict=True) if isinstance(one, Restriction)}
            if imposed:
                await loop.run_in_executor(self._daemons, self._tell, imposed, reason, cause, held)
            for one in done:
                if isinstance(one, BaseException):
                    raise one  # told as every fault of a task is, behind what could be done
        finally:
            self._halting -= {(name, cause) for name in names}

    def _impose(self, name: str, reason: str, cause: Cause) -> Restriction | None:
        """None: it stands already."""
        rules, scope = self._manager.rules, self._manager.scope(name)
        if any(one.cause is cause for one in rules.state(scope).standing):
            return None
        return rules.halt(scope, reason, cause=cause, actor="guard").restriction

    def _held(self, names: tuple[str, ...]) -> Held:
        """What each login holds, as lines of the incident log; None: not known."""
        positions = {name: self._manager.positions(name) for name in names}
        return {
            name: position_lines(name, one.value) if isinstance(one, Known) else None for name, one in positions.items()
        }

    def _tell(self, imposed: dict[str, Restriction], reason: str, cause: Cause, held: Held) -> None:
        journal, now_ns = self._manager.rules.journal, self._wall_ns()
        scopes, last = tuple(self._manager.scope(name) for name in imposed), tuple(imposed.values())[-1]
        begun = keep_incident(journal, scopes, trigger=cause.value, what=reason, at_ns=now_ns, mark=last.id)
        lines: list[str] = []
        for name in imposed:
            of_it = held[name]
            lines += (f"{name}: not known",) if of_it is None else of_it
        story = Story(
            incident_id=begun.id,
            at_ns=now_ns,
            trigger=cause.value,
            logins=tuple(imposed),
            what=reason,
            joined=begun.joined,
            before=tuple(lines),
            after=tuple(lines),  # a halt closes nothing
        )
        tell(self._page, story, journal)

    def _begin(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
