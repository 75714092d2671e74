"""The kill switches of one program: one for each event loop that presses.

A watchdog thread has a loop of its own, and its kill must not wait for the loop of an engine that hangs: it shares
nothing with it but the closer's lock. Must never leave a lock to a loop that was closed under its kills.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.trading.kill_switch import KillSwitch


class KillSwitches:
    """Of one manager."""

    def __init__(self, make: Callable[[], KillSwitch]) -> None:
        """`make`: the kill switch of one more loop."""
        self._make = make
        self._by_loop: dict[asyncio.AbstractEventLoop, KillSwitch] = {}

    def here(self) -> KillSwitch:
        """The presses of the running event loop."""
        loop = asyncio.get_running_loop()
        found = self._by_loop.get(loop)
        if found is None:
            self._bury_the_dead()
            found = self._by_loop[loop] = self._make()
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
