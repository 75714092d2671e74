"""Positions that are there and of which nothing is sent yet, because it is not certain how much of them is there.

Such waits are right and may take from seconds to minutes. Whoever has pressed the button must not wonder why nothing
happens: each is told once, with its reason. Decides nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.core.kill.closes.item import Item
from engine.core.kill.commands import Command, Say
from engine.core.kill.held.ledger import Key, Ledger
from engine.core.kill.settings import SECOND

TOLD_AFTER_NS = 2 * SECOND  # most are over by then
NAMED = 3
MAY_HAVE_FILLED = "an order that is gone may have filled, and TWS has not said what became of it"
NOT_AGREED = "TWS's positions and executions do not agree yet"


@dataclass(slots=True)
class Hesitating:
    _since: dict[Key, int] = field(default_factory=dict)
    _told: set[Key] = field(default_factory=set)

    def looked(self, items: Iterable[Item], ledger: Ledger, now_ns: int) -> list[Command]:
        """Behind a look."""
        waiting = [item for item in items if not item.live and not item.lessons.given_up and ledger.hesitates(item.key)]
        self._since = {item.key: self._since.get(item.key, now_ns) for item in waiting}
        told: dict[str, list[str]] = {}
        for item in waiting:
            if item.key not in self._told and now_ns - self._since[item.key] >= TOLD_AFTER_NS:
                self._told.add(item.key)
                why = MAY_HAVE_FILLED if ledger.may_have_filled(item.key) else NOT_AGREED
                told.setdefault(why, []).append(item.name)
        return [Say("close_waits", f"{_in_short(names)}: not closed yet: {why}") for why, names in told.items()]


def _in_short(names: list[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
