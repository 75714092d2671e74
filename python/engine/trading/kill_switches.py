"""The kill switches of one program: one for each event loop that presses.

A watchdog thread has a loop of its own, and its kill must not wait for the loop of an engine that hangs: it shares
nothing with it but the closer's lock. Must never leave a lock to a loop that was closed under its kills.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from engine.broker.kill_hands import HandsSettings
from engine.core.kill.settings import KillSettings
from engine.trading.kill_records import KillRecords
from engine.trading.kill_switch import KillSwitch


class KillSwitches:
    """Of one manager."""

    def __init__(
        self,
        kill: KillSettings,
        hands: HandsSettings,
        *,
        wall_ns: Callable[[], int],
        new_kill_id: Callable[[], str],
        lock_directory: Path | None,
        records: KillRecords,
    ) -> None:
        self._kill = kill
        self._hands = hands
        self._wall_ns = wall_ns
        self._new_kill_id = new_kill_id
        self._lock_directory = lock_directory
        self._records = records
        self._by_loop: dict[asyncio.AbstractEventLoop, KillSwitch] = {}

    def here(self) -> KillSwitch:
        """The presses of the running event loop."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            self._bury_the_dead()
            found = self._by_loop[loop] = KillSwitch(
                self._kill,
                self._hands,
                wall_ns=self._wall_ns,
                new_kill_id=self._new_kill_id,
                lock_directory=self._lock_directory,
                records=self._records,
            )
        return found

    def running(self, name: str) -> bool:
        """A kill of this login is under way, on any loop."""
        return any(kills.running(name) for kills in self._by_loop.values())

    def _bury_the_dead(self) -> None:
        """A loop that was closed under its kills leaves their locks to nobody."""
        for loop, kills in tuple(self._by_loop.items()):
            if loop.is_closed():
                kills.give_up()
                del self._by_loop[loop]
