"""Kills by other programs of this machine, heard of within hundredths of a second: each login's door is told once.

A kill is on the wire before it is in the journal, and nothing has to be heard here for its shutdown to bind the next
order. What is gained is that the orders of clients are cancelled over connections that stand already, and under their
own client ids. Must never wait for a disk on the loop, nor act on a kill of the past.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.core.restrictions import Scope
from engine.journal.events import KillPressed, Record
from engine.journal.journal import Journal
from engine.trading.daemons import Daemons

LOOK_EVERY_S = 0.02
UNSURE_EVERY_S = 0.25  # while the journal cannot tell by a glance that nothing is new
AGE_NS_MAX = 30_000_000_000  # what is read later than this was pressed before the gateway began, or slept

OnKill = Callable[[str], None]
"""Called on the loop with the reason."""


class Kills:
    """Of all logins of a gateway. `watch` runs until it is cancelled."""

    def __init__(self, journal: Journal, wall_ns: Callable[[], int]) -> None:
        self._journal = journal
        self._wall_ns = wall_ns
        self._daemons = Daemons()
        self._strikes: list[tuple[Callable[[], Scope], OnKill]] = []
        self._seen: dict[str, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def tell(self, scope: Callable[[], Scope], strike: OnKill) -> None:
        """From now on this login's kills are told."""
        self._strikes.append((scope, strike))

    async def watch(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._journal.follow(self._hear)
        while True:
            pause_s = LOOK_EVERY_S
            if self._journal.stirred():
                await loop.run_in_executor(self._daemons, self._journal.state)
                pause_s = UNSURE_EVERY_S if self._journal.stirred() else LOOK_EVERY_S
            await asyncio.sleep(pause_s)

    def _hear(self, record: Record) -> None:
        """On any thread."""
        if isinstance(record.event, KillPressed) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._take, record.event, record.at_ns)

    def _take(self, pressed: KillPressed, at_ns: int) -> None:
        if pressed.kill_id in self._seen or abs(self._wall_ns() - at_ns) > AGE_NS_MAX:
            return
        self._seen[pressed.kill_id] = None
        for scope, strike in self._strikes:
            if any(one.meets(scope()) for one in pressed.scopes):
                strike(pressed.reason)
