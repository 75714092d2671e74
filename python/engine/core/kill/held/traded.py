"""What has traded in each contract of one login: by others' executions and orders, and by our own closing orders. Pure.

Others' trades count from the first complete list of executions on: what that one holds, the first position contains,
and so it does what a later list tells of an earlier time. But the youngest of those may be missing from it
(trades_before.py), and what an order says counts until executions show it (traces.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate

from engine.core.facts import ExecutionFact
from engine.core.kill.held.close_marks import by_a_kill
from engine.core.kill.held.hidden_closes import HiddenCloses
from engine.core.kill.held.holding import Holding
from engine.core.kill.held.sums import hull
from engine.core.kill.held.traces import NOTHING, Flow, Key, Name, Traces, name_of
from engine.core.kill.held.trades_before import TradesBefore

ZERO = Decimal(0)


@dataclass(slots=True)
class Traded:
    """Our own fills are told by `own_fill`, others' executions come in complete lists."""

    traces: Traces
    closes: HiddenCloses
    recent: TradesBefore
    since: dict[Key, Flow] = field(default_factory=dict)  # what others have traded since the first list
    maybe: dict[Key, Flow] = field(default_factory=dict)  # what they may have traded beyond that
    anew: set[Key] = field(default_factory=set)  # by others, since the last read: the reads until now need not show it
    own: dict[Key, Flow] = field(default_factory=dict)
    own_executions: dict[str, tuple[Key, Decimal]] = field(default_factory=dict)
    foreign: dict[str, tuple[Name, Key, Decimal]] = field(default_factory=dict)  # by execution identity
    in_flight: dict[Key, tuple[Decimal, Decimal]] = field(default_factory=dict)  # we may have sold, and bought, more
    mixed: set[Key] = field(
        default_factory=set
    )  # traded shortly before the kill or since by anything but another kill's closing orders
    known: bool = False  # executions, since the last read of positions
    told_late: set[Key] = field(default_factory=set)  # by the last list, of trades before the first one
    _before: dict[Key, Flow] | None = None  # sums of the first list: trades of the day before the kill
    _before_ns: int = 0  # when it was there
    _orders_before: dict[tuple[Name, Key], Decimal] = field(default_factory=dict)  # of it, what only orders told

    @property
    def begun(self) -> bool:
        """Has there been a complete list of executions?"""
        return self._before is not None

    def own_fill(self, key: Key, signed: Decimal) -> None:
        self.own[key] = self.own.get(key, NOTHING).plus(signed)

    def own_execution(self, execution: ExecutionFact) -> None:
        """This execution belongs to one of our closing orders: `own_fill` counts it."""
        identity = execution.identity
        self.own_executions[identity] = ((execution.account, execution.con_id), execution.quantity)
        if self.foreign.pop(identity, None) is not None:
            self._sum_up()

    def may_be_filled(self, parts: Iterable[tuple[Key, Decimal]]) -> None:
        """What closing orders of ours may have filled without a word so far, signed: all that replace what was said."""
        flying: dict[Key, list[Decimal]] = {}
        for key, signed in parts:
            flying.setdefault(key, []).append(signed)
        self.in_flight = {key: hull(signed) for key, signed in flying.items()}

    def orders_told(self) -> None:
        """Others' orders have said how much of them is filled, and executions are not read this time."""
        if self._before is not None:
            self._sum_up()

    def executions(self, listed: tuple[ExecutionFact, ...], now_ns: int) -> None:
        """A complete list of executions. Corrections replace what they correct."""
        self.told_late.clear()
        theirs = [execution for execution in listed if execution.identity not in self.own_executions]
        self.closes.executions(theirs)
        for execution in theirs:
            identity = execution.identity
            key = (execution.account, execution.con_id)
            if self._before is not None and identity not in self.foreign:
                self._note_whose(key, execution.order_ref)
                if execution.age_ns_min > now_ns - self._before_ns:
                    self._take_late(execution, key, self._before)
            elif self._before is None and (
                execution.recent or self.closes.knows(identity)
            ):  # the first read may miss it
                self.recent.note(key, execution.quantity, execution.order_ref, execution.age_ns_min)
                self._note_whose(key, execution.order_ref)
            self.foreign[identity] = (name_of(execution), key, execution.quantity)
        self.traces.executions(self.foreign.values())
        if self._before is None:
            for order, key, signed in self.traces.hidden():
                self.recent.note_late(key, signed, order.order_ref)
                self._orders_before[name_of(order), key] = signed
            self.traces.begin()
            self._before_ns = now_ns
        self._sum_up()
        self.known = True

    def _take_late(self, execution: ExecutionFact, key: Key, before: dict[Key, Flow]) -> None:
        """By its age it was made before the first list, which did not show it yet. The first position may contain it as
        any other of that time: to count it as made since would be to expect it once more."""
        told = self._orders_before.get((name_of(execution), key), ZERO)
        known = max(min(told, execution.quantity), ZERO) + min(max(told, execution.quantity), ZERO)
        self._orders_before[name_of(execution), key] = told - known
        new = execution.quantity - known
        before[key] = before.get(key, NOTHING).plus(new)
        if new != ZERO and (execution.recent or self.closes.knows(execution.identity)):
            self.recent.note(key, new, execution.order_ref, execution.age_ns_min)
            self.told_late.add(key)

    def _note_whose(self, key: Key, order_ref: str) -> None:
        if not by_a_kill(order_ref):
            self.mixed.add(key)

    def _sum_up(self) -> None:
        sums: dict[Key, Flow] = {}
        for _, key, quantity in self.foreign.values():
            sums[key] = sums.get(key, NOTHING).plus(quantity)
        for order, key, signed in self.traces.hidden():
            self._note_whose(key, order.order_ref)
            sums[key] = sums.get(key, NOTHING).plus(signed)
        if self._before is None:
            self._before = sums
        before, known = self._before, self.since
        self.since = {key: flow.since(before.get(key, NOTHING)) for key, flow in sums.items()}
        for key in {*self.since, *known}:
            if self.since.get(key, NOTHING) != known.get(key, NOTHING):
                self.anew.add(key)

    def contracts(self) -> Iterable[Key]:
        """Every contract that others have traded, or may have, as far as a first position need not show it."""
        return (*self.recent.flows, *(key for key, flow in self.since.items() if flow != NOTHING), *self.maybe)

    def foreign_since(self, key: Key, holding: Holding) -> Flow:
        """By others, beyond what the base contains."""
        return self.since.get(key, NOTHING).since(holding.base_foreign)

    def own_since(self, key: Key, holding: Holding) -> Flow:
        """By us, beyond what the base contains. To both sides where others have turned the position meanwhile: a late
        feed may show the one part and not the other."""
        return self.own.get(key, NOTHING).since(holding.base_own)

    def own_pieces_since(self, key: Key, holding: Holding) -> list[Decimal] | None:
        """Our own executions beyond what the base contains, signed, one by one; None where not all are known so."""
        pieces = [signed for owner, signed in self.own_executions.values() if owner == key]
        sums = [ZERO, *accumulate(pieces)]
        if sums[-1] != self.own.get(key, NOTHING).net or holding.base_own.net not in sums:
            return None
        return pieces[sums.index(holding.base_own.net) :]

    def expected(self, key: Key, holding: Holding) -> Decimal:
        """The position by the law."""
        return holding.base + self.own_since(key, holding).net + self.foreign_since(key, holding).net
