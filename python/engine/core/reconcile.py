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
        return _sum(self.executions) == self.amount


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All differences of a login, and the working orders that no record of ours knows."""

    differences: tuple[Difference, ...]
    foreign_orders: tuple[WorkingOrder, ...]

    @property
    def matches(self) -> bool:
        return not self.differences and not self.foreign_orders


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading of the broker comes to, held against our records.

    `unbegun`: accounts of which we have no records, which is not the same as records of nothing. `missed`: executions
    of our own orders that our records lack and that account for all that is different where they happened: they belong
    into the records. `counted`: executions that the records contain, as their agreement shows.
    """

    comparison: Comparison
    unbegun: tuple[str, ...]
    missed: tuple[ExecutionFact, ...]
    counted: tuple[tuple[str, Decimal], ...]

    @property
    def matches(self) -> bool:
        return self.comparison.matches and not self.unbegun


def reconcile(
    *,
    accounts: Iterable[str],
    records: Mapping[str, Mapping[int, Decimal]],
    positions: Iterable[PositionFact],
    executions: Iterable[ExecutionFact],
    recorded: Mapping[str, Decimal],
    orders: Iterable[WorkingOrder],
    our_refs: frozenset[str],
    our_perm_ids: frozenset[int] = frozenset(),
) -> Reconciliation:
    """Hold a complete, fresh reading of the broker against our records of these accounts.

    `records`: positions by account; an account that is not in it was never begun. `executions`: what the broker tells
    of today; `recorded`: those of them that the records contain, by identity, with the quantity of each. An execution
    of a contract whose position agrees is contained in it, unless it is so recent that the position may be older. One
    of our own that is missing, and whose like make up the difference exactly, was missed. Whatever else is different
    is a difference.
    """
    accounts, last_told = tuple(accounts), {execution.identity: execution for execution in executions}
    begun = {account: records[account] for account in accounts if account in records}
    shown = [position for position in positions if position.account in begun]
    expected = {(account, con_id): quantity for account, held in begun.items() for con_id, quantity in held.items()}
    lacking = {
        place: of_place
        for place, of_place in _by_place(_unrecorded(last_told.values(), recorded)).items()
        if place[0] in begun
    }
    missed = _missed(expected, _sums(shown), lacking, our_refs)
    comparison = compare(
        expected=expected | {place: expected.get(place, ZERO) + _sum(of_place) for place, of_place in missed.items()},
        positions=shown,
        unrecorded=(one for place, of_place in lacking.items() for one in of_place if one not in missed.get(place, ())),
        orders=orders,
        our_refs=our_refs,
        our_perm_ids=our_perm_ids,
    )
    differing = {(one.account, one.con_id) for one in comparison.differences}
    contained = (
        one.identity
        for place, of_place in lacking.items()
        for one in of_place
        if place not in differing and one not in missed.get(place, ()) and not one.recent
    )
    return Reconciliation(
        comparison=comparison,
        unbegun=tuple(account for account in accounts if account not in begun),
        missed=tuple(last_told[one.identity] for of_place in missed.values() for one in of_place),
        counted=tuple((identity, last_told[identity].quantity) for identity in contained),
    )


def _missed(
    expected: Mapping[Place, Decimal],
    shown: Mapping[Place, Decimal],
    lacking: Mapping[Place, tuple[ExecutionFact, ...]],
    our_refs: frozenset[str],
) -> dict[Place, tuple[ExecutionFact, ...]]:
    """Where our own executions that the records lack are all that is different."""
    found = {}
    for place, of_place in lacking.items():
        ours = tuple(one for one in of_place if one.order_ref in our_refs)
        difference = shown.get(place, ZERO) - expected.get(place, ZERO)
        if difference and _sum(ours) == difference:
            found[place] = ours
    return found


def _sum(executions: Iterable[ExecutionFact]) -> Decimal:
    return sum((execution.quantity for execution in executions), ZERO)


def _sums(positions: Iterable[PositionFact]) -> dict[Place, Decimal]:
    shown: dict[Place, Decimal] = defaultdict(Decimal)
    for position in positions:
        shown[position.account, position.contract.con_id] += position.quantity
    return shown


def _unrecorded(executions: Iterable[ExecutionFact], recorded: Mapping[str, Decimal]) -> Iterable[ExecutionFact]:
    """What the records lack; of a corrected execution, what the correction changed."""
    for execution in executions:
        lacking = execution.quantity - recorded.get(execution.identity, ZERO)
        if lacking:
            yield msgspec.structs.replace(execution, quantity=lacking)


def compare(
    *,
    expected: Mapping[Place, Decimal],
    positions: Iterable[PositionFact],
    unrecorded: Iterable[ExecutionFact] = (),
    orders: Iterable[WorkingOrder] = (),
    our_refs: frozenset[str] = frozenset(),
    our_perm_ids: frozenset[int] = frozenset(),
) -> Comparison:
    """Hold a complete, fresh reading of the broker against our records.

    `unrecorded`: executions that the broker tells and our records lack. A corrected execution counts once, as it was
    told last. An order is ours if its orderRef is among `our_refs`, or its permId among `our_perm_ids`.
    """
    positions = tuple(positions)
    shown = _sums(positions)
    contracts = {(position.account, position.contract.con_id): position.contract for position in positions}
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
    foreign = tuple(order for order in orders if order.order_ref not in our_refs and order.perm_id not in our_perm_ids)
    return Comparison(differences=differences, foreign_orders=foreign)


def _by_place(executions: Iterable[ExecutionFact]) -> dict[Place, tuple[ExecutionFact, ...]]:
    last = {execution.identity: execution for execution in executions}
    found: dict[Place, list[ExecutionFact]] = defaultdict(list)
    for execution in last.values():
        found[execution.account, execution.con_id].append(execution)
    return {place: tuple(of_place) for place, of_place in found.items()}
