"""How much has been sent lately, and whether that is too much. A state machine: every moment is an argument.

Counted is what passed. Cancels are never counted and never refused. A modify and a preview count as a message and are
no child.
`pace` is a look and changes nothing; `passed` and `refused` are told what became of an order.

Two things stop a login until a person resumes it (`refused` says so, and the shell halts with `Cause.ORDER_RATE`): the
same child over and over, at once; too many orders or duplicates, or an order again that may be live, in several
different seconds of one minute.
A moment that lies behind an earlier one (a clock set back) counts as the same moment: nothing is forgiven early.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Container
from decimal import Decimal
from typing import TypeAlias

from engine.core.exposure import Side
from engine.core.preflight.facts import Pace
from engine.core.preflight.intent import Intent, Leg
from engine.core.preflight.numbers import number
from engine.core.preflight.settings import SECOND_NS, Settings
from engine.core.preflight.verdict import Code, Verdict
from engine.core.restrictions import Cause

MINUTE_NS = 60 * SECOND_NS
BUY = Side.BUY  # a global is quicker to reach than an attribute
LONG_AGO_NS = -(1 << 62)
PACE_CODES = frozenset({Code.UNCONFIRMED, Code.DUPLICATE, Code.REPEATS, Code.RATE_PER_SECOND, Code.RATE_PER_MINUTE})


Trail: TypeAlias = deque[tuple[int, Intent]]
"""The last orders on one side of one contract with their moments, the oldest first."""
NOTHING_SENT: tuple[Trail, Trail] = (deque(maxlen=0), deque(maxlen=0))
NO_TRAILS: dict[str, tuple[Trail, Trail]] = {}


class Activity:
    """What one login has sent lately."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._window_ns = max(settings.duplicate_window_ns, settings.repeat_window_ns)
        minutes = -(-self._window_ns // MINUTE_NS)
        # one more than these within the window, and there are too many orders for any that adds risk
        self._kept = max(settings.orders_per_minute_max * minutes, settings.duplicates_max, settings.repeats_max)
        self._trails: dict[int, dict[str, tuple[Trail, Trail]]] = {}
        self._breaches_ns: deque[int] = deque(maxlen=settings.rate_breaches_max)
        longest = max(settings.orders_per_second_max, settings.orders_per_minute_max)
        self.messages: deque[int] = deque([LONG_AGO_NS] * longest, maxlen=longest)  # when the last ones went

    def __len__(self) -> int:
        """Contracts of which something is remembered."""
        return len(self._trails)

    def forget(self, now_ns: int, but: Container[int]) -> None:
        """Contracts in which nothing has gone for so long that it does not count, save these."""
        for con_id, of_accounts in tuple(self._trails.items()):
            both = (trail for sides in of_accounts.values() for trail in sides)
            if con_id not in but and all(not one or now_ns - one[-1][0] >= self._window_ns for one in both):
                del self._trails[con_id]

    def trails(self, account: str, con_id: int) -> tuple[Trail, Trail]:
        """The sells and the buys of one contract."""
        found = self._trails.setdefault(con_id, {}).get(account)
        if found is None:
            found = self._trails[con_id][account] = deque(maxlen=self._kept), deque(maxlen=self._kept)
        return found

    def pace(self, intent: Intent, now_ns: int) -> Pace:
        """What has gone in each window so far, without this order."""
        settings, same, repeats = self._settings, 0, 0
        if is_child(intent):
            trails = self._trails.get(intent.con_id, NO_TRAILS).get(intent.account, NOTHING_SENT)
            for at_ns, order in reversed(trails[intent.buys]):
                age_ns = now_ns - at_ns
                if age_ns >= self._window_ns:
                    break
                if is_like(order, intent):
                    repeats += age_ns < settings.repeat_window_ns
                    same += age_ns < settings.duplicate_window_ns and _prices(order) == _prices(intent)
        moments = tuple(self.messages)
        in_second, in_minute = (_since(moments, now_ns - window_ns) for window_ns in (SECOND_NS, MINUTE_NS))
        return Pace(same, repeats, in_second, in_minute)

    def passed(self, intent: Intent, now_ns: int) -> None:
        """This order goes."""
        messages = self.messages
        if now_ns < messages[-1]:
            now_ns = messages[-1]
        messages.append(now_ns)
        if intent.special is None or is_child(intent):
            try:
                found = self._trails[intent.con_id][intent.account]
            except KeyError:
                found = self.trails(intent.account, intent.con_id)
            found[intent.side is BUY].append((now_ns, intent))

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


def is_like(order: Intent, other: Intent) -> bool:
    """Of two orders on one side of one contract: as much of the same, whatever the prices."""
    return order.quantity == number(other.quantity) and _legs(order) == _legs(other)


def _since(moments: tuple[int, ...], start_ns: int) -> int:
    """How many came after the start of a window."""
    return len(moments) - bisect_right(moments, start_ns)


def is_child(intent: Intent) -> bool:
    """It trades, and is not an order that works already."""
    return intent.special is None or (intent.special.modifies is None and not intent.special.what_if)


def _legs(intent: Intent) -> tuple[Leg, ...]:
    return intent.special.legs if intent.special is not None else ()


def _prices(intent: Intent) -> tuple[str, Decimal | None, Decimal | None]:
    return intent.order_type, number(intent.limit), number(intent.aux)
