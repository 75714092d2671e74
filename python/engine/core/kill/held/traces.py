"""What others' orders may have traded that executions do not show yet. Pure; times are arguments.

An order tells itself how much of it has filled: in every list of open orders and, for good, among the completed ones.
Executions and positions may both be later than that. An order that is gone, and of whose end nobody has told, may have
filled whole; after `patience_ns` it is taken not to have. A TWS that lists any as cancelled lists them all: of this one
too it will tell what it was, and nothing is said of its contracts before that, or `late_ns` later.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from engine.core.facts import ExecutionFact, WorkingOrder

Key: TypeAlias = tuple[str, int]
"""(account, conId)."""

Name: TypeAlias = tuple[int, int, int]
"""What names an order account-wide: permId, or the client's own numbers while it has none."""

ZERO = Decimal(0)
ANY_AMOUNT = Decimal("Infinity")


def name_of(order: WorkingOrder | ExecutionFact) -> Name:
    return (order.perm_id, 0, 0) if order.perm_id else (0, order.client_id, order.order_id)


class Flow(NamedTuple):
    """What others have traded in one contract."""

    bought: Decimal = ZERO
    sold: Decimal = ZERO  # never positive

    @property
    def net(self) -> Decimal:
        return self.bought + self.sold

    def since(self, base: Flow) -> Flow:
        return Flow(self.bought - base.bought, self.sold - base.sold)

    def plus(self, signed: Decimal) -> Flow:
        return Flow(self.bought + max(signed, ZERO), self.sold + min(signed, ZERO))


NOTHING = Flow()


@dataclass(slots=True)
class _Trace:
    """One order of somebody else."""

    order: WorkingOrder
    first_filled: Decimal = ZERO  # as first listed: of this day or another, shown by executions or not
    filled: Decimal = ZERO  # the most that anybody has said …
    filled_ns: int = 0  # … and since when
    gone_ns: int | None = None  # since when it is not listed as open
    begun: bool = False  # listed as open, or told before the first list of executions: what it tells later is new
    ended: bool = False  # listed as completed: `filled` is all there will be
    executed: dict[Key, Decimal] = field(default_factory=dict)  # by executions; never negative

    def legs(self) -> Iterator[tuple[Key, Decimal]]:
        """What it moves, signed, for each unit that fills. Nothing where a combination does not name its legs."""
        sign = 1 if self.order.buys else -1
        if self.order.contract.sec_type != "BAG":
            yield (self.order.account, self.order.contract.con_id), Decimal(sign)
        for leg in self.order.contract.combo_legs:
            each = (leg.ratio or 1) * (1 if leg.action == "BUY" else -1)
            yield (self.order.account, leg.con_id), Decimal(sign * each)

    def unshown(self, units: Decimal) -> Iterator[tuple[Key, Decimal]]:
        """Of so many filled units: what no execution shows, signed."""
        for key, each in self.legs():
            amount = max(units * abs(each) - self.executed.get(key, ZERO), ZERO)
            if amount:
                yield key, amount if each > ZERO else -amount

    @property
    def vague(self) -> bool:
        """A combination that does not say of what."""
        return self.order.contract.sec_type == "BAG" and not self.order.contract.combo_legs


@dataclass(slots=True)
class Traces:
    """Others' orders, from first sight to the last word about them."""

    patience_ns: int
    late_ns: int  # nothing that TWS tells is later than this
    _lists_cancelled: bool = False
    _traces: dict[Name, _Trace] = field(default_factory=dict)

    def listed(self, orders: Iterable[WorkingOrder], now_ns: int) -> None:
        """A complete list of others' open orders."""
        open_now = set()
        for order in orders:
            known = name_of(order) in self._traces
            trace = self._trace(order, now_ns)
            if not known:
                trace.first_filled = order.filled
            trace.begun, trace.gone_ns, trace.ended = True, None, False
            open_now.add(name_of(order))
            if order.perm_id:  # it had none before
                self._traces.pop((0, order.client_id, order.order_id), None)
        for name, trace in self._traces.items():
            if name not in open_now and trace.gone_ns is None:
                trace.gone_ns = now_ns

    def completed(self, orders: Iterable[WorkingOrder], now_ns: int) -> None:
        """Others' orders that the broker says have ended; some may never have been seen open."""
        for order in orders:
            trace = self._trace(order, now_ns)
            self._lists_cancelled = self._lists_cancelled or order.filled == ZERO
            trace.ended = True
            trace.gone_ns = now_ns if trace.gone_ns is None else trace.gone_ns

    def last_word(self, perm_id: int, filled: Decimal, now_ns: int) -> None:
        """TWS says that one of them has ended, and so much of it has filled. A list that shows it open knows
        better."""
        trace = self._traces.get((perm_id, 0, 0))
        if trace is None:
            return
        trace.ended = True
        if filled > trace.filled:
            trace.filled, trace.filled_ns = filled, now_ns

    def _trace(self, order: WorkingOrder, now_ns: int) -> _Trace:
        trace = self._traces.setdefault(name_of(order), _Trace(order, filled_ns=now_ns))
        if order.contract.combo_legs or not trace.order.contract.combo_legs:
            trace.order = order
        if order.filled > trace.filled:
            trace.filled, trace.filled_ns = order.filled, now_ns
        return trace

    def executions(self, listed: Iterable[tuple[Name, Key, Decimal]]) -> None:
        """All executions of others' orders."""
        for trace in self._traces.values():
            trace.executed = {}
        for name, key, quantity in listed:
            if name in self._traces:
                executed = self._traces[name].executed
                executed[key] = executed.get(key, ZERO) + abs(quantity)

    def begin(self) -> None:
        """The first list of executions is there: what has been told until now is of the beginning."""
        for trace in self._traces.values():
            trace.begun = True

    def settle_old(self, contained: Container[Key], now_ns: int) -> bool:
        """True where something that counted until now counts no more. Call it behind a complete list of executions.

        An order first heard of by its end, behind the first list, may have filled on another day: it is then in the
        first position, and no list of executions ever shows it. Where they have been silent about it for `late_ns`
        it was so, but not of a contract in `contained`, whose position has moved by it.
        """
        old = [trace for trace in self._traces.values() if self._is_old(trace, contained, now_ns)]
        for trace in old:
            trace.first_filled = trace.filled
        return bool(old)

    def _is_old(self, trace: _Trace, contained: Container[Key], now_ns: int) -> bool:
        told = trace.filled - trace.first_filled
        if trace.begun or not told or now_ns - trace.filled_ns < self.late_ns:
            return False
        return not any(key in contained for key, _ in trace.unshown(told))

    def left(self, name: Name, key: Key) -> Decimal:
        """How much of this contract the order has not filled, as far as anybody has said; zero of an unknown order."""
        trace = self._traces.get(name)
        if trace is None:
            return ZERO
        return trace.order.quantity - max(trace.filled, trace.executed.get(key, ZERO))

    def filled(self, name: Name) -> Decimal:
        """How much of the order has filled, as far as it has said itself; zero of an unknown order."""
        trace = self._traces.get(name)
        return ZERO if trace is None else trace.filled

    def unexplained(self, now_ns: int) -> bool:
        """Is an order gone that may have filled, for all that is known?"""
        return any(
            self._may_have_filled(trace, now_ns) and bool(trace.vague or self._beyond(trace, trace.order.quantity))
            for trace in self._traces.values()
        )

    def untold(self, now_ns: int) -> set[Key]:
        """Contracts of orders that are gone, and that TWS has still to list as filled or cancelled."""
        if not self._lists_cancelled:
            return set()
        gone = (t for t in self._traces.values() if t.gone_ns is not None and now_ns - t.gone_ns < self.late_ns)
        return {key for trace in gone if not trace.ended for key, _ in self._beyond(trace, trace.order.quantity)}

    def hidden(self) -> Iterator[tuple[WorkingOrder, Key, Decimal]]:
        """What has traded since by the orders' own word, and is not among the executions, signed."""
        for trace in self._traces.values():
            for key, signed in trace.unshown(trace.filled - trace.first_filled):
                yield trace.order, key, signed

    def maybe(self, held: Iterable[tuple[Key, str]], now_ns: int) -> dict[Key, Flow]:
        """What may have traded beyond that, for all that is known. `held`: contracts and their symbols."""
        flows: dict[Key, Flow] = {}
        for trace in self._traces.values():
            if trace.vague and self._may_have_filled(trace, now_ns):
                order = trace.order
                for key, symbol in held:
                    if order.account in ("", key[0]) and order.contract.symbol in ("", symbol):
                        flows[key] = Flow(ANY_AMOUNT, -ANY_AMOUNT)
            for key, signed in self._beyond(trace, self._most(trace, now_ns)):
                flows[key] = flows.get(key, NOTHING).plus(signed)
        return flows

    def _may_have_filled(self, trace: _Trace, now_ns: int) -> bool:
        if trace.gone_ns is None or now_ns - trace.gone_ns >= self.patience_ns:
            return False
        if trace.vague:
            return not trace.executed and not (trace.ended and trace.filled == ZERO)
        return not trace.ended

    def _most(self, trace: _Trace, now_ns: int) -> Decimal:
        """How much of it may have filled lately."""
        if self._may_have_filled(trace, now_ns):
            return max(trace.order.quantity, trace.filled)
        lately = now_ns - trace.filled_ns < self.patience_ns
        return trace.filled if lately else trace.filled - trace.first_filled

    @staticmethod
    def _beyond(trace: _Trace, most: Decimal) -> list[tuple[Key, Decimal]]:
        """What it has moved if so many units have filled, beyond what is said or shown."""
        said = dict(trace.unshown(trace.filled - trace.first_filled))
        rest = ((key, signed - said.get(key, ZERO)) for key, signed in trace.unshown(most))
        return [(key, signed) for key, signed in rest if signed != ZERO]
