"""Is another kill closing this login that no lock keeps apart from this one? Pure; times are arguments.

Two machines do not see each other's locks, and some machines have none. What both kills see is the broker: each closing
order bears the id of its kill, and ids begin with the time of the press. So the later press gives way to the earlier
one for as long as that shows new closing orders; what it sent before counts for a moment only, because it may be dead.
The earlier one goes on, unless it has sent nothing yet: then it gives way to whoever has. A kill that is known to have
ended, by its lock or by the records, is nobody's rival.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias
from zlib import crc32

from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.held.close_marks import read_close_mark
from engine.core.kill.looks.survey import Survey
from engine.core.kill.settings import SECOND, KillSettings

MAY_LIVE_NS = 3 * SECOND
"""How long after its last new order a kill is given way to of which nothing shows but what it may have left behind."""

LIVES_NS = 12 * SECOND
"""The same where it has sent something since: longer than a closing order waits before it is changed or withdrawn."""

OPEN_NS = 20 * SECOND
"""The same while one of its orders is open, and since that last filled."""


Order: TypeAlias = tuple[str, int]
"""A closing order by its mark: whose it is, and which of its kill's orders."""


@dataclass(slots=True)
class _Rival:
    news_ns: int  # when its last new order was seen …
    moved_ns: int = 0  # … and when an open one had filled further
    lives: bool = False  # a new one came after this kill had begun to look
    acted: bool = False  # … or did so at once, or one of its orders has filled since
    open_orders: dict[Order, Decimal] = field(default_factory=dict)  # by the last look: how much each has filled


@dataclass(slots=True)
class Rivals:
    """`own_id`: the kill that looks."""

    own_id: str
    settings: KillSettings
    _first_ns: int | None = None  # when the first look was complete
    _seen: set[Order] = field(default_factory=set)
    _by_id: dict[str, _Rival] = field(default_factory=dict)
    _executed: set[str] = field(default_factory=set)
    _ended: set[str] = field(default_factory=set)  # presses

    def looked(self, survey: Survey, now_ns: int) -> None:
        """A complete look. What was traded before the first one may be all that a kill has done that has ended."""
        executions = survey.executions or ()
        is_open = {order: one.filled for one in survey.orders for order in _marked([one])}
        first = self._first_ns is None
        if self._first_ns is None:
            self._first_ns = now_ns
            self._seen = _marked(executions) - is_open.keys()
        lives = now_ns - self._first_ns >= self.settings.settle_ns
        for kill_id, number in (is_open.keys() | _marked(e for e in executions if e.recent)) - self._seen:
            self._seen.add((kill_id, number))
            rival = self._by_id.setdefault(kill_id, _Rival(now_ns))
            rival.news_ns, rival.lives, rival.acted = now_ns, rival.lives or lives, rival.acted or not first
        for kill_id in self._filled_since(executions):
            self._by_id[kill_id].acted |= not first
        for kill_id, rival in self._by_id.items():
            open_orders = {order: filled for order, filled in is_open.items() if order[0] == kill_id}
            if any(filled > rival.open_orders.get(order, filled) for order, filled in open_orders.items()):
                rival.moved_ns = now_ns
            rival.open_orders = open_orders

    def _filled_since(self, executions: Iterable[ExecutionFact]) -> set[str]:
        """Kills that are known here and have executions that no look before has shown."""
        new = [e for e in executions if e.identity not in self._executed]
        self._executed.update(e.identity for e in new)
        return {kill_id for kill_id, _ in _marked(new)} & self._by_id.keys()

    def ended(self, press_id: str) -> None:
        """The records and the lock say together that this one is dead."""
        self._ended.add(press_id)

    def all_ended(self) -> None:
        """The right to close was another's, and is this kill's now: who was seen until now is not at work."""
        self._ended.update(map(_press, self._by_id))

    def first(self, now_ns: int, *, sent: bool) -> str:
        """The kill to give way to; empty: none. `sent`: this one has sent a closing order."""
        mine = _press(self.own_id)
        at_work = [
            kill_id
            for kill_id, rival in self._by_id.items()
            if (press := _press(kill_id)) not in self._ended
            and (press < mine if sent else press != mine)
            and _at_work(rival, now_ns)
        ]
        return min(at_work, default="")

    def met(self) -> tuple[str, ...]:
        """Other presses that have sent or filled closing orders beside this kill, and are not known to be dead. What
        one that died had left, and this kill's cancel took, is nothing that both could have closed."""
        known = {_press(self.own_id), *self._ended}
        acted = {_press(kill_id) for kill_id, rival in self._by_id.items() if rival.acted}
        return tuple(sorted(acted - known))

    def spread_ns(self) -> int:
        """How much later than need be this kill sends its first order where no lock can be had: two that were pressed
        at once would send theirs at once."""
        return crc32(self.own_id.encode()) % max(self.settings.nothing_shared_spread_ns, 1)


def _at_work(rival: _Rival, now_ns: int) -> bool:
    if not rival.lives:
        return now_ns - rival.news_ns < MAY_LIVE_NS
    if not rival.open_orders:
        return now_ns - rival.news_ns < LIVES_NS
    return now_ns - max(rival.news_ns, rival.moved_ns) < OPEN_NS


def _marked(some: Iterable[WorkingOrder | ExecutionFact]) -> set[Order]:
    """The closing orders that these are, or are of."""
    marks = filter(None, (read_close_mark(one.order_ref) for one in some))
    return {(mark.kill_id, mark.number) for mark in marks}


def _press(kill_id: str) -> str:
    """Each login's part of a press has an id that begins with that of the press."""
    return kill_id.partition(".")[0]
