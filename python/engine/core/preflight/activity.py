"""How much has been sent lately, and whether that is too much. A state machine: every moment is an argument.

Counted is what passed. Cancels are never counted and never refused. A modify counts as a message and is no child.
`pace` is a look and changes nothing; `passed` and `refused` are told what became of an order.

Two things stop a login until a person resumes it (`refused` says so, and the shell halts with `Cause.ORDER_RATE`): the
same child over and over, at once; too many orders or duplicates, in several different seconds of one minute.
A moment that lies behind an earlier one (a clock set back) counts as the same moment: nothing is forgiven early.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from engine.core.preflight.facts import Pace
from engine.core.preflight.intent import Intent, Leg
from engine.core.preflight.settings import SECOND_NS, Settings
from engine.core.preflight.verdict import Code, Verdict
from engine.core.restrictions import Cause
from engine.core.units import Number

MINUTE_NS = 60 * SECOND_NS
LONG_AGO_NS = -(1 << 62)
PACE_CODES = frozenset({Code.DUPLICATE, Code.REPEATS, Code.RATE_PER_SECOND, Code.RATE_PER_MINUTE})


class _Child(NamedTuple):
    """What makes two orders of one trail the same. A repeated child is the same whatever its type and prices."""

    at_ns: int
    quantity: Number
    legs: tuple[Leg, ...]
    order_type: str
    limit: Number
    aux: Number

    @classmethod
    def of(cls, intent: Intent, at_ns: int) -> _Child:
        legs = intent.special.legs if intent.special else ()
        return cls(at_ns, intent.quantity, legs, intent.order_type, intent.limit, intent.aux)


class Trail:
    """The last orders on one side of one contract, the oldest first: as many as the longest rule looks back on.

    `times` has a time for each place, those not yet taken being long ago: `times[-n]` is always there.
    """

    __slots__ = ("children", "times")

    def __init__(self, length: int) -> None:
        self.children: deque[_Child] = deque(maxlen=length)
        self.times: deque[int] = deque([LONG_AGO_NS] * length, maxlen=length)


class Activity:
    """What one login has sent lately. Memory is bounded by the settings and the number of contracts traded."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._length = max(settings.duplicates_max, settings.repeats_max)
        self._trails: dict[tuple[str, int, bool], Trail] = {}
        self._breaches_ns: deque[int] = deque(maxlen=settings.rate_breaches_max)
        self.second: deque[int] = _full(settings.orders_per_second_max)  # when the last orders went, the oldest first
        self.minute: deque[int] = _full(settings.orders_per_minute_max)

    def trail(self, account: str, con_id: int, buys: bool) -> Trail:
        key = account, con_id, buys
        found = self._trails.get(key)
        if found is None:
            found = self._trails[key] = Trail(self._length)
        return found

    def pace(self, intent: Intent, now_ns: int) -> Pace:
        """What has gone in each window so far, without this order."""
        same = repeats = 0
        if intent.special is None or intent.special.modifies is None:
            this = _Child.of(intent, now_ns)
            settings = self._settings
            for child in self.trail(intent.account, intent.con_id, intent.buys).children:
                age_ns = now_ns - child.at_ns
                repeats += age_ns < settings.repeat_window_ns and child[1:3] == this[1:3]
                same += age_ns < settings.duplicate_window_ns and child[1:] == this[1:]
        return Pace(same, repeats, _within(self.second, now_ns, SECOND_NS), _within(self.minute, now_ns, MINUTE_NS))

    def passed(self, intent: Intent, now_ns: int) -> None:
        """This order goes."""
        self.second.append(now_ns)
        self.minute.append(now_ns)
        if intent.special is None or intent.special.modifies is None:
            trail = self.trail(intent.account, intent.con_id, intent.buys)
            trail.times.append(now_ns)
            trail.children.append(_Child.of(intent, now_ns))

    def refused(self, verdict: Verdict, now_ns: int) -> Cause | None:
        """This order was refused. A cause: the login is to be halted with it until a person resumes."""
        codes = PACE_CODES.intersection(verdict.codes)
        if not codes:
            return None
        if not self._breaches_ns or now_ns - self._breaches_ns[-1] >= SECOND_NS:
            self._breaches_ns.append(now_ns)
        full = len(self._breaches_ns) == self._settings.rate_breaches_max
        often = full and now_ns - self._breaches_ns[0] < MINUTE_NS
        return Cause.ORDER_RATE if often or Code.REPEATS in codes else None


def _full(length: int) -> deque[int]:
    return deque([LONG_AGO_NS] * length, maxlen=length)


def _within(times: deque[int], now_ns: int, window_ns: int) -> int:
    return sum(now_ns - at_ns < window_ns for at_ns in times)
