"""What the guard does to a login beside the limits: halts and kills with their incidents, told and written down.

One kill of a login at a time, whoever asks for it; a halt by the same cause is not doubled. The wire comes first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

from engine.core.alerting import Severity
from engine.core.restrictions import Cause
from engine.guard.keeper import Telling
from engine.journal.incident_log import Story
from engine.trading import IBKRAccountManager, KillReport
from engine.trading.daemons import Daemons
from engine.trading.incident_records import begin_or_join, tell


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

    def halt(self, name: str, reason: str, cause: Cause) -> None:
        """Nothing that adds risk leaves any program; on a thread, because a disk may hang."""
        if (name, cause) not in self._halting:  # one that waits for the disk is enough
            self._halting.add((name, cause))
            self._begin(self._halt(name, reason, cause))

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
        self._alerts.tell(key, Severity.CRITICAL, f"KILL of {name}: {verdict}", str(report.to_text(colour=False)))
        return report

    async def _halt(self, name: str, reason: str, cause: Cause) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._daemons, self._write_halt, name, reason, cause)
        finally:
            self._halting.discard((name, cause))

    def _write_halt(self, name: str, reason: str, cause: Cause) -> None:
        rules, scope = self._manager.rules, self._manager.scope(name)
        if any(one.cause is cause for one in rules.state(scope).standing):
            return
        halted = rules.halt(scope, reason, cause=cause, actor="guard")
        now_ns = self._wall_ns()
        begun = begin_or_join(
            rules.journal.state(), (scope,), trigger=cause.value, what=reason, at_ns=now_ns, mark=halted.restriction.id
        )
        rules.journal.keep(*begun.events)
        tell(
            self._page,
            Story(
                incident_id=begun.id,
                at_ns=now_ns,
                trigger=cause.value,
                logins=(name,),
                what=reason,
                joined=begun.joined,
            ),
            rules.journal,
        )

    def _begin(self, work: Coroutine[object, object, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
