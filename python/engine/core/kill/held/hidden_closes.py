"""Could a position be older than what another kill has closed? Pure.

A second press finds executions of the first one's closing orders, and a position. A feed that stands still shows the
position as it was before them, and nothing in it says so: to close it again goes through zero. What those orders have
left tells: each bears in its mark what was there when it was sent, and without what the last of them has traded that is
what is left. Of a mark that does not say, what the order has left to fill: most orders are for all that is there. More
than that, which such a close would have reduced, is taken for an old position for `standing_ns`, unless somebody has
traded since, who may have opened it again.

A feed shows trades in their order and each of them whole. So what is missing, if anything is, is the last of what those
orders traded; where that is larger than what is there, all of them show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from engine.core.facts import ExecutionFact
from engine.core.kill.held.close_marks import CloseMark, by_a_kill, read_close_mark
from engine.core.kill.held.traces import Key, Name, Traces, name_of
from engine.core.kill.settings import SECOND

ZERO = Decimal(0)
ORDER_SLACK_NS = SECOND  # executions bear whole seconds: which of two so close to each other was first, nobody knows


class _Close(NamedTuple):
    """One execution of another kill's closing order."""

    order: Name
    mark: CloseMark | None
    key: Key
    signed: Decimal
    age_ns: int  # when it was first read; 0: not known, or about a moment …
    later: bool  # … and that was behind the first list


@dataclass(slots=True)
class HiddenCloses:
    """Of one login."""

    standing_ns: int
    _closes: dict[str, _Close] = field(default_factory=dict)  # by execution identity
    _executed: dict[tuple[Name, Key], Decimal] = field(default_factory=dict)  # by kills' orders, never negative
    _seen: set[str] = field(default_factory=set)  # identities in the lists until now
    _reopened: set[Key] = field(default_factory=set)  # traded by somebody else since a kill closed it
    _read: bool = False

    def executions(self, listed: Sequence[ExecutionFact]) -> None:
        """A complete list of executions, without our own."""
        new = [execution for execution in listed if execution.identity not in self._seen]
        for execution in listed:
            told_now = self._read and execution.identity not in self._seen
            if by_a_kill(execution.order_ref) and (told_now or self._counts(execution)):
                self._take(execution)
        self._executed = {}
        for execution in listed:
            if by_a_kill(execution.order_ref):
                told = name_of(execution), (execution.account, execution.con_id)
                self._executed[told] = self._executed.get(told, ZERO) + abs(execution.quantity)
        oldest: dict[Key, int] = {}
        for close in self._closes.values():
            oldest[close.key] = max(close.age_ns, oldest.get(close.key, 0))
        for execution in new:
            key = (execution.account, execution.con_id)
            later = self._read or execution.age_ns_min < oldest.get(key, 0)
            if key in oldest and later and not by_a_kill(execution.order_ref):
                self._reopened.add(key)
        self._seen |= {execution.identity for execution in new}
        self._read = True

    def knows(self, identity: str) -> bool:
        """Is this the execution of such a close, young enough to be missed?"""
        return identity in self._closes

    def _counts(self, execution: ExecutionFact) -> bool:
        """In the first list, and as a correction later."""
        if self._read:
            return self.knows(execution.identity)
        return execution.age_ns_min < self.standing_ns

    def _take(self, execution: ExecutionFact) -> None:
        key, known = (execution.account, execution.con_id), self._closes.get(execution.identity)
        age_ns, later = (execution.age_ns_min, self._read) if known is None else (known.age_ns, known.later)
        mark = read_close_mark(execution.order_ref)
        self._closes[execution.identity] = _Close(name_of(execution), mark, key, execution.quantity, age_ns, later)

    def may_miss_one(self, key: Key, position: Decimal, traces: Traces) -> bool:
        """Is this position what a feed would show that is older than one of these closes?"""
        if position == ZERO or key in self._reopened:
            return False
        closes = [close for close in self._closes.values() if close.key == key]
        fitting = [(close.order, close.mark) for close in closes if _fits(close.signed, position)]
        unshown = [
            (name_of(order), read_close_mark(order.order_ref))
            for order, at, signed in traces.hidden()
            if at == key and by_a_kill(order.order_ref) and _fits(signed, position)
        ]
        if not unshown and not any(_fits(close.signed, position) for close in _last(closes)):
            return False
        return abs(position) > min(self._left(name, mark, key, traces) for name, mark in (*fitting, *unshown))

    def have_left(self, key: Key, traces: Traces) -> bool:
        """Has the last of any kill's closing orders left something?"""
        last: dict[object, _Close] = {}
        for close in self._closes.values():
            if close.key == key:
                whose: object = close.order if close.mark is None else close.mark.kill_id
                last[whose] = max(close, last.get(whose, close), key=_number)
        return any(self._left(close.order, close.mark, key, traces) != ZERO for close in last.values())

    def ended_at_nothing(self, key: Key, traces: Traces) -> bool:
        """Are all these closes one kill's, and was the last of its orders for all that it held to be there, and filled
        so far? What moved the position between them, and no execution tells, that kill has seen."""
        closes = [close for close in self._closes.values() if close.key == key]
        last = max(closes, key=_number, default=None)
        if last is None or last.mark is None or last.mark.held is None or key in self._reopened:
            return False
        one_kill = all(close.mark is not None and close.mark.kill_id == last.mark.kill_id for close in closes)
        return one_kill and self._left(last.order, last.mark, key, traces) == ZERO

    def _left(self, order: Name, mark: CloseMark | None, key: Key, traces: Traces) -> Decimal:
        """What was there behind what this order has traded, as far as anybody has said."""
        if mark is None or mark.held is None:
            return traces.left(order, key)
        return mark.held - max(self._executed.get((order, key), ZERO), traces.filled(order))


def _number(close: _Close) -> int:
    return 0 if close.mark is None else close.mark.number


def _fits(signed: Decimal, position: Decimal) -> bool:
    """One that is larger than what is there has been seen: an execution shows whole or not at all."""
    return signed * position < ZERO and abs(signed) <= abs(position)


def _last(closes: Sequence[_Close]) -> list[_Close]:
    """Which of them may have been the last. All, where it is not known how old they are."""
    newest_ns = min((close.age_ns for close in closes if not close.later), default=0)
    if not newest_ns:
        return [*closes]
    return [close for close in closes if close.later or close.age_ns <= newest_ns + ORDER_SLACK_NS]
