"""What our records say against what the broker shows, contract by contract. Pure.

A difference may be explained by executions that our records do not have (another program, TWS by hand, IBKR itself);
explained or not, it is a difference until somebody adopts the broker's truth. Records that were never begun are not
records of nothing: `Expected` is then unknown, and the caller has to say so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypeAlias

import msgspec

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact, WorkingOrder

ZERO = Decimal(0)

Place: TypeAlias = tuple[str, int]
"""A broker account and a contract id."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One contract of one account. `executions`: what happened there that our records do not have; `explained`: they
    account for all of it. `contract` is None where the broker shows no position and our records name only its id.
    """

    account: str
    con_id: int
    contract: Contract | None
    expected: Decimal
    broker: Decimal
    executions: tuple[ExecutionFact, ...] = ()

    @property
    def amount(self) -> Decimal:
        """What the broker shows beyond our records, signed."""
        return self.broker - self.expected

    @property
    def explained(self) -> bool:
        return sum((execution.quantity for execution in self.executions), ZERO) == self.amount


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All differences of a login, and the working orders that no record of ours knows."""

    differences: tuple[Difference, ...]
    foreign_orders: tuple[WorkingOrder, ...]

    @property
    def matches(self) -> bool:
        return not self.differences and not self.foreign_orders


def compare(
    *,
    expected: Mapping[Place, Decimal],
    positions: Iterable[PositionFact],
    unrecorded: Iterable[ExecutionFact] = (),
    orders: Iterable[WorkingOrder] = (),
    our_refs: frozenset[str] = frozenset(),
) -> Comparison:
    """Hold a complete, fresh reading of the broker against our records.

    `unrecorded`: executions that the broker tells and our records lack. A corrected execution counts once, as it was
    told last. An order is ours if its orderRef is among `our_refs`.
    """
    shown: dict[Place, Decimal] = defaultdict(Decimal)
    contracts: dict[Place, Contract] = {}
    for position in positions:
        place = position.account, position.contract.con_id
        shown[place] += position.quantity
        contracts[place] = position.contract
    told = _by_place(unrecorded)
    differences = tuple(
        Difference(
            account=place[0],
            con_id=place[1],
            contract=contracts.get(place),
            expected=expected.get(place, ZERO),
            broker=shown.get(place, ZERO),
            executions=told.get(place, ()),
        )
        for place in sorted({*expected, *shown})
        if expected.get(place, ZERO) != shown.get(place, ZERO)
    )
    foreign = tuple(order for order in orders if order.order_ref not in our_refs)
    return Comparison(differences=differences, foreign_orders=foreign)


def _by_place(executions: Iterable[ExecutionFact]) -> dict[Place, tuple[ExecutionFact, ...]]:
    last = {execution.identity: execution for execution in executions}
    found: dict[Place, list[ExecutionFact]] = defaultdict(list)
    for execution in last.values():
        found[execution.account, execution.con_id].append(execution)
    return {place: tuple(of_place) for place, of_place in found.items()}
