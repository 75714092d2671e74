"""What another kill has closed, from the broker's own executions: for the report of a press behind it. Pure.

Nothing is decided from it. Closing orders carry the id of their kill in their mark. The kill under way is the one whose
orders are open, or were executed lately; of its executions the older ones count too, and those of other kills of the
day do not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.held.close_marks import read_close_mark
from engine.core.kill.held.ledger import Key

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Closed:
    """What one contract's position was reduced by. `quantity`: the part of the position that is gone, signed."""

    contract: Contract
    quantity: Decimal
    avg_price: Decimal


@dataclass(slots=True)
class OthersCloses:
    """`own_id`: the kill that looks."""

    own_id: str = ""
    _known: dict[str, ExecutionFact] = field(default_factory=dict)  # by identity: corrections replace
    _under_way: set[str] = field(default_factory=set)  # "", of orders that are no kill's, is that of no execution
    _read: bool = False

    def orders(self, listed: Iterable[WorkingOrder]) -> None:
        """A complete list of open orders."""
        self._under_way |= {self._kill_of(order.order_ref) for order in listed}

    def executions(self, listed: Iterable[ExecutionFact]) -> None:
        """A complete list of executions."""
        for execution in listed:
            kill_id = self._kill_of(execution.order_ref)
            if not kill_id:
                continue
            if execution.recent or (self._read and execution.identity not in self._known):
                self._under_way.add(kill_id)
            self._known[execution.identity] = execution
        self._read = True

    def closed(self, *, joined: bool, earlier: Iterable[str] = ()) -> dict[Key, Closed]:
        """By account and contract; what its orders came to in all. `joined`: of the kill under way. `earlier`: of these
        that had not ended when this one was pressed, be it that they had died."""
        begun = tuple(f"{kill_id}." for kill_id in earlier)
        found: dict[Key, list[ExecutionFact]] = {}
        for execution in self._known.values():
            kill_id = self._kill_of(execution.order_ref)
            if (joined and kill_id in self._under_way) or kill_id.startswith(begun):
                found.setdefault((execution.account, execution.con_id), []).append(execution)
        return {key: _total(some) for key, some in found.items() if _traded(some) != ZERO}

    def _kill_of(self, order_ref: str) -> str:
        """Whose closing order this is; empty: ours, or none of a kill's."""
        mark = read_close_mark(order_ref)
        return "" if mark is None or mark.kill_id == self.own_id else mark.kill_id


def _traded(executions: list[ExecutionFact]) -> Decimal:
    return sum((e.quantity for e in executions), ZERO)


def _total(executions: list[ExecutionFact]) -> Closed:
    """Of executions that do not come to nothing."""
    traded = sum((abs(e.quantity) for e in executions), ZERO)
    worth = sum((abs(e.quantity) * e.price for e in executions), ZERO)
    return Closed(
        contract=executions[-1].contract,
        quantity=-_traded(executions),
        avg_price=worth / traded,
    )
