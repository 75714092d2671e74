"""What TWS itself believes: orders, positions and executions as they were last reported to it.

The exchange holds the truth; this is TWS's copy, which lags or stands still when a fault says so. Reads are answered
from here and never from the exchange.
"""

from __future__ import annotations

from decimal import Decimal

from engine.simulator.exchange import (
    Commission,
    Correction,
    Event,
    Exchange,
    Execution,
    Fill,
    OrderAccepted,
    OrderMessage,
    OrderView,
    PositionChanged,
    StatusChanged,
)


class Memory:
    """TWS's copy of one login's facts."""

    def __init__(self, exchange: Exchange) -> None:
        self._orders: dict[int, OrderView] = {}
        self._completed: dict[int, OrderView] = {}
        self.positions: dict[tuple[str, int], tuple[Decimal, Decimal]] = {}  # quantity, average cost
        self.executions: dict[str, Execution] = {}  # by id without its last part: a correction replaces
        self.commissions: dict[str, Commission] = {}
        self._picture: tuple[list[OrderView], list[OrderView]] | None = None  # open and completed, as they were once
        for view in exchange.open_orders(include_untransmitted=True):
            self.note_order(view)
        for view in exchange.completed_orders():
            self.note_order(view)
        for held in exchange.positions():
            self.positions[held.account, held.con_id] = (held.quantity, held.avg_cost)
        for execution, commission in exchange.executions():
            self.executions[root(execution.exec_id)] = execution
            self.commissions[root(execution.exec_id)] = commission

    def note(self, event: Event) -> None:
        """Take in what the exchange reported. Positions have their own call: they may lag."""
        match event:
            case OrderAccepted(order=view) | StatusChanged(order=view) | OrderMessage(order=view):
                self.note_order(view)
            case Fill(execution=execution, order=after):
                self.executions[root(execution.exec_id)] = execution
                if after is not None:  # IBKR's own liquidation has no order
                    self.note_order(after)
            case Correction(execution=execution):
                self.executions[root(execution.exec_id)] = execution
            case Commission(exec_id=exec_id):
                self.commissions[root(exec_id)] = event

    def note_order(self, view: OrderView) -> None:
        self._orders.pop(view.perm_id, None)
        (self._orders if view.is_open else self._completed)[view.perm_id] = view

    def note_position(self, event: PositionChanged) -> None:
        self.positions[event.account, event.con_id] = (event.quantity, event.avg_cost)

    def open_orders(self) -> list[OrderView]:
        """Open orders that IBKR has seen, oldest first; untransmitted ones are invisible to the API."""
        if self._picture is not None:
            return self._picture[0]
        return [view for _, view in sorted(self._orders.items()) if view.transmitted]

    def completed_orders(self) -> list[OrderView]:
        if self._picture is not None:
            return self._picture[1]
        return [view for _, view in sorted(self._completed.items())]

    def freeze_orders(self) -> None:
        """From now on lists of orders show this moment."""
        self._picture = self.open_orders(), self.completed_orders()

    def thaw_orders(self) -> None:
        self._picture = None

    def execution_of(self, exec_id: str) -> Execution | None:
        return self.executions.get(root(exec_id))


def root(exec_id: str) -> str:
    """The part of an execution id that a correction keeps."""
    return exec_id.rpartition(".")[0] or exec_id
