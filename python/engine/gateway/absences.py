"""A guard that gives no sign of life, a journal that cannot be written: what that means here, and whom it is told.

By default nothing that adds risk passes without either. Where the configuration has it pass all the same, people are
called. A journal that cannot be *read* is another matter: then nobody knows what is halted, and nothing that adds risk
passes, whatever the configuration says. Looks on a thread: a disk may hang.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from engine.config.gateway_table import GatewayTable
from engine.core.alerting import Severity
from engine.core.restrictions import UNWRITABLE
from engine.journal.journal import Journal
from engine.trading import presence
from engine.trading.daemons import Daemons
from engine.trading.order_settings import OrderSettings

REFUSED = "orders that add risk are refused"
PASSED = "orders pass all the same"


class Telling(Protocol):
    """Where alerts go (`engine.guard.alert_desk`)."""

    def tell(self, key: str, severity: Severity, title: str, text: str, *, lasting: bool = True) -> None: ...

    def clear(self, key: str, text: str) -> None: ...


def held_against(table: GatewayTable, found: OrderSettings) -> OrderSettings:
    """What orders are held against here: the settings, and what this table says of a missing guard or journal."""
    return msgspec.structs.replace(
        found,
        guard_required=found.guard_required or table.without_guard == "refuse",
        tolerated=frozenset() if table.without_journal == "refuse" else frozenset({UNWRITABLE}),
    )


class Absences:
    """Of one gateway. `missing`: what is, in words."""

    def __init__(
        self,
        found: OrderSettings,
        journal: Journal,
        home: Path,
        *,
        tell: Telling | None,
        log: Callable[[str], None],
        wall_ns: Callable[[], int],
    ) -> None:
        self.missing: dict[str, str] = {}
        self._guard_then = REFUSED if found.guard_required else f"{PASSED} (gateway.without_guard)"
        self._journal_then = f"{PASSED} (gateway.without_journal)" if UNWRITABLE in found.tolerated else REFUSED
        self._journal = journal
        self._guard = presence.Watch(home)
        self._tell = tell
        self._log = log
        self._wall_ns = wall_ns
        self._daemons = Daemons()
        self._looking: asyncio.Future[dict[str, str]] | None = None

    def look(self) -> None:
        """To be called now and then. What is found is told when it is there."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._daemons, self._look)
            self._looking.add_done_callback(self._looked)

    def _look(self) -> dict[str, str]:
        """On a thread."""
        found = {}
        if not self._guard.sees(self._wall_ns()):
            found["guard"] = f"no guard gives signs of life: {self._guard_then}; start one with qe guard run"
        trouble = self._journal.trouble()
        if trouble is not None:
            readable = self._journal.readable
            then = self._journal_then if readable else REFUSED
            found["journal"] = f"{trouble.short}: {then}; to do: {trouble.next_step}"
        return found

    def _looked(self, looking: asyncio.Future[dict[str, str]]) -> None:
        if looking.cancelled():
            return
        if looking.exception() is not None:
            self._log(f"it could not be seen whether a guard and a journal are there: {looking.exception()!r}")
            return
        before, self.missing = self.missing, looking.result()
        for name, text in self.missing.items():
            if before.get(name) != text:
                self._log(text)
                if self._tell is not None:
                    self._tell.tell(f"gateway without {name}", Severity.CRITICAL, f"the gateway has no {name}", text)
        for name in before.keys() - self.missing.keys():
            self._log(f"the {name} is there again")
            if self._tell is not None:
                self._tell.clear(f"gateway without {name}", f"the {name} is there again")
