"""Is another kill closing this login that no lock keeps apart from this one? Pure; times are arguments.

Two machines do not see each other's locks, and some machines have none. What both kills see is the broker: each closing
order bears the id of its kill, and ids begin with the time of the press. So the later press gives way to the earlier
one for as long as that shows new closing orders; what it sent before counts for a moment only, because it may be dead.
The earlier one goes on, unless it has sent nothing yet: then it gives way to whoever has. A kill that is known to have
ended, by its lock or by the records, is nobody's rival.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from zlib import crc32

from engine.core.kill.close_marks import read_close_mark
from engine.core.kill.settings import SECOND, KillSettings
from engine.core.kill.survey import Survey

MAY_LIVE_NS = 3 * SECOND
"""How long after its last new order a kill is given way to of which nothing shows but what it may have left behind."""

LIVES_NS = 12 * SECOND
"""The same where it has sent something since: longer than a closing order waits before it is changed or withdrawn."""

OPEN_NS = 20 * SECOND
"""The same while one of its orders is open, and since that last filled."""


@dataclass(slots=True)
class _Rival:
    news_ns: int  # when its last new order was seen …
    moved_ns: int = 0  # … and when an open one had filled further
    lives: bool = False  # a new one came after this kill had begun to look
    open_orders: dict[int, Decimal] = field(default_factory=dict)  # by the last look: how much each has filled


@dataclass(slots=True)
class Rivals:
    """`own_id`: the kill that looks."""

    own_id: str
    settings: KillSettings
    _first_ns: int | None = None  # when the first look was complete
    _seen: set[tuple[str, int]] = field(default_factory=set)  # closing orders: whose, and which of its orders
    _by_id: dict[str, _Rival] = field(default_factory=dict)
    _ended: tuple[str, ...] = ()  # presses

    def looked(self, survey: Survey, now_ns: int) -> None:
        """A complete look. What was traded before the first one may be all that a kill has done that has ended."""
        if self._first_ns is None:
            self._first_ns = now_ns
            self._seen = {
                (mark.kill_id, mark.number)
                for execution in survey.executions or ()
                if (mark := read_close_mark(execution.order_ref))
            } - {(mark.kill_id, mark.number) for o in survey.orders if (mark := read_close_mark(o.order_ref))}
        lives = now_ns - self._first_ns >= self.settings.settle_ns
        is_open = [(mark, order.filled) for order in survey.orders if (mark := read_close_mark(order.order_ref))]
        recent = [execution.order_ref for execution in survey.executions or () if execution.recent]
        traded = filter(None, map(read_close_mark, recent))
        for mark in chain((mark for mark, _ in is_open), traded):
            if (mark.kill_id, mark.number) not in self._seen:
                self._seen.add((mark.kill_id, mark.number))
                rival = self._by_id.setdefault(mark.kill_id, _Rival(now_ns))
                rival.news_ns, rival.lives = now_ns, rival.lives or lives
        for kill_id, rival in self._by_id.items():
            open_orders = {mark.number: filled for mark, filled in is_open if mark.kill_id == kill_id}
            if any(filled > rival.open_orders.get(number, filled) for number, filled in open_orders.items()):
                rival.moved_ns = now_ns
            rival.open_orders = open_orders

    def ended(self, press_id: str) -> None:
        """The records and the lock say together that this one is dead."""
        self._ended = (*self._ended, press_id)

    def all_ended(self) -> None:
        """The right to close was another's, and is this kill's now: who was seen until now is not at work."""
        self._ended = (*self._ended, *map(_press, self._by_id))

    def first(self, now_ns: int, *, sent: bool) -> str:
        """The kill to give way to; empty: none. `sent`: this one has sent a closing order."""
        mine = _press(self.own_id)
        at_work = [
            kill_id
            for kill_id, rival in self._by_id.items()
            if (press := _press(kill_id)) != mine
            and (press < mine or not sent)
            and press not in self._ended
            and _at_work(rival, now_ns)
        ]
        return min(at_work, default="")

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


def _press(kill_id: str) -> str:
    """Each login's part of a press has an id that begins with that of the press."""
    return kill_id.partition(".")[0]
