"""What others have traded while a kill was at work, by the broker's own executions: for its report. Pure.

Nothing is decided from it. The first position need not show what was traded in the quarter of a minute before it was
read; those trades are told only where the numbers come out with them, and not without.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.facts import ExecutionFact
from engine.core.kill.held.close_marks import by_a_kill, read_close_mark
from engine.core.kill.held.traces import Key
from engine.core.kill.report import Trade, Trader

ZERO = Decimal(0)


@dataclass(slots=True)
class OthersTrades:
    """`own_id`: the kill that looks."""

    own_id: str = ""
    read: bool = False  # has there been a complete list?
    _old: set[str] = field(default_factory=set)  # identities of the first list: any first position contains these …
    _before: dict[str, ExecutionFact] = field(default_factory=dict)  # … and these or not
    _since: dict[str, ExecutionFact] = field(default_factory=dict)

    def executions(self, listed: Iterable[ExecutionFact]) -> None:
        """A complete list of executions. Corrections replace what they correct."""
        for execution in listed:
            identity = execution.identity
            if identity in self._old or self._is_own(execution):
                continue
            if self.read:
                (self._before if identity in self._before else self._since)[identity] = execution
            elif execution.recent:
                self._before[identity] = execution
            else:
                self._old.add(identity)
        self.read = True

    def _is_own(self, execution: ExecutionFact) -> bool:
        mark = read_close_mark(execution.order_ref)
        return mark is not None and mark.kill_id == self.own_id

    def by_contract(self, own: Collection[str]) -> dict[Key, Others]:
        """`own`: identities of executions that are this kill's, whatever their mark says."""
        found: dict[Key, Others] = {}
        for executions, late in ((self._before, True), (self._since, False)):
            for identity, one in executions.items():
                if identity not in own:
                    others = found.setdefault((one.account, one.con_id), Others())
                    (others.before if late else others.since).append(one)
        return found


@dataclass(slots=True)
class Others:
    """In one contract of one account."""

    before: list[ExecutionFact] = field(default_factory=list)  # shortly before the first look
    since: list[ExecutionFact] = field(default_factory=list)

    def that_come_to(self, missing: Decimal) -> list[ExecutionFact]:
        """All since the first look, and of those before it the youngest that make up what is `missing` besides; a feed
        that is late misses the youngest."""
        rest = missing - net_of(self.since)
        youngest: list[ExecutionFact] = []
        for one in sorted(self.before, key=lambda one: one.age_ns_min):
            if net_of(youngest) == rest:
                break
            youngest.append(one)
        return [*youngest, *self.since] if net_of(youngest) == rest else self.since


def trades_of(executions: Iterable[ExecutionFact]) -> tuple[Trade, ...]:
    """Who has bought and who has sold, each with the average price."""
    found: dict[tuple[Trader, int | None, bool], list[ExecutionFact]] = {}
    for one in executions:
        found.setdefault((*_trader(one), one.quantity > ZERO), []).append(one)
    return tuple(
        Trade(
            by=by,
            quantity=net_of(some),
            avg_price=sum((one.quantity * one.price for one in some), ZERO) / net_of(some),
            client_id=client_id,
        )
        for (by, client_id, _), some in found.items()
        if net_of(some) != ZERO
    )


def net_of(executions: Iterable[ExecutionFact]) -> Decimal:
    return sum((one.quantity for one in executions), ZERO)


def _trader(one: ExecutionFact) -> tuple[Trader, int | None]:
    if by_a_kill(one.order_ref):
        return Trader.ANOTHER_KILL, None
    if one.liquidation:
        return Trader.LIQUIDATION, None
    if one.client_id <= 0 and one.order_id <= 0:
        return Trader.TWS, None
    return Trader.CLIENT, one.client_id
