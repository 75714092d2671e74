"""What holding our records against the broker has come to: data that prints itself as a table.

MATCH is said only of complete, fresh reads over a healthy link. A read that failed is never a match, and an account
without records is none either.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec

from engine.core.facts import ExecutionFact, PositionFact, WorkingOrder
from engine.core.reconcile import Difference
from engine.trading.naming import amount_of, name_of, quantity_text

EXECUTIONS_SHOWN = 5


class Verdict(Enum):
    MATCH = "match"
    DIFFERENT = "different"
    UNBEGUN = "unbegun"  # there is nothing to compare with: no records were begun yet, and nothing else is wrong
    NOT_READ = "not_read"  # the broker could not be read, or our own records could not


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """One login. `unbegun`: accounts of which there are no records; `missed`: executions of our own orders that were
    missing and are in the records now; `names`: what contracts are called that the broker shows no position in;
    `adopted`: the broker's positions are our records from now on. `notes`: what else is to be known.
    """

    login: str
    verdict: Verdict
    at_ns: int
    accounts: tuple[str, ...] = ()
    positions: int = 0
    orders: int = 0
    held: tuple[PositionFact, ...] = ()  # what the broker shows
    differences: tuple[Difference, ...] = ()
    foreign_orders: tuple[WorkingOrder, ...] = ()
    unbegun: tuple[str, ...] = ()
    missed: tuple[ExecutionFact, ...] = ()
    names: Mapping[int, str] = {}
    adopted: bool = False
    why: str = ""
    notes: tuple[str, ...] = ()

    @property
    def matches(self) -> bool:
        return self.verdict is Verdict.MATCH

    @property
    def exit_code(self) -> int:
        """0 match, 1 different or not begun, 2 could not be read."""
        return {Verdict.MATCH: 0, Verdict.DIFFERENT: 1, Verdict.UNBEGUN: 1, Verdict.NOT_READ: 2}[self.verdict]

    def name_of(self, difference: Difference) -> str:
        if difference.contract is not None:
            return name_of(difference.contract)
        return self.names.get(difference.con_id, f"contract {difference.con_id}")

    def sentences(self) -> tuple[str, ...]:
        """Every difference in words, for the records."""
        unbegun = (f"{account}: there are no records of it" for account in self.unbegun)
        different = (
            f"{one.account} {self.name_of(one)}: expected {quantity_text(one.expected)}, broker "
            f"{quantity_text(one.broker)}{', explained by executions' if one.explained else ''}"
            for one in self.differences
        )
        foreign = (f"{one.account} {order_text(one)}: no record of ours knows it" for one in self.foreign_orders)
        return (*unbegun, *different, *foreign)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        head = {
            Verdict.MATCH: "MATCH",
            Verdict.DIFFERENT: "DIFFERENT",
            Verdict.UNBEGUN: "NO RECORDS YET",
            Verdict.NOT_READ: "COULD NOT BE READ",
        }
        accounts = f" ({', '.join(self.accounts)})" if self.accounts else ""
        lines = [f"{self.login}{accounts}: {head[self.verdict]}"]
        if self.verdict is Verdict.NOT_READ:
            lines += [f"  {self.why}", "  This says nothing about the positions."]
        elif self.verdict is Verdict.MATCH:
            so = "our records from now on" if self.adopted else "as our records say"
            lines.append(f"  {self.positions} positions and {self.orders} working orders are {so}")
        if self.differences:
            lines += self._table()
        for order in self.foreign_orders:
            lines.append(f"  working order that nobody owns: {order.account} {order_text(order)}")
        for account in self.unbegun:
            lines.append(
                f"  {account}: there are no records of it yet. To begin them with what the broker shows: "
                f"qe verify {self.login} --adopt --reason TEXT"
            )
        if self.unbegun or self.adopted:
            lines += self._shown()
        for one in self.missed:
            why = "it corrects an earlier report of it" if one.corrects else "it had been missed"
            lines.append(f"  taken into our records: {_execution_text(one)} ({why})")
        return lines + [f"  {note}" for note in self.notes]

    def _shown(self) -> list[str]:
        """The positions themselves: nobody should adopt what he has not been shown."""
        rows = [
            f"    {one.account} {amount_of(one.quantity)} {name_of(one.contract)}" for one in self.held if one.quantity
        ]
        return ["  The broker shows:", *(rows or ["    no position"])]

    def _table(self) -> list[str]:
        names = {one: self.name_of(one) for one in self.differences}
        wide = max(len(f"{one.account} {name}") for one, name in names.items())
        lines = [f"  {'':<{wide}}  {'expected':>10}  {'broker':>10}  {'difference':>10}"]
        for one, name in names.items():
            row = f"  {f'{one.account} {name}':<{wide}}"
            for quantity in (one.expected, one.broker):
                row += f"  {quantity_text(quantity):>10}"
            lines.append(f"{row}  {quantity_text(one.amount, sign=True):>10}  {_explanation(one)}")
            shown = one.executions[:EXECUTIONS_SHOWN]
            lines += (f"      {_execution_text(execution)}" for execution in shown)
            if len(one.executions) > len(shown):
                lines.append(f"      and {len(one.executions) - len(shown)} more")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types."""
        return {
            "login": self.login,
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "at_ns": self.at_ns,
            "accounts": list(self.accounts),
            "positions": self.positions,
            "orders": self.orders,
            "held": [
                {"account": one.account, "contract": name_of(one.contract), "quantity": str(one.quantity)}
                for one in self.held
                if one.quantity
            ],
            "differences": [
                {
                    "account": one.account,
                    "con_id": one.con_id,
                    "contract": self.name_of(one),
                    "expected": str(one.expected),
                    "broker": str(one.broker),
                    "explained": one.explained,
                    "executions": [_execution_data(execution) for execution in one.executions],
                }
                for one in self.differences
            ],
            "foreign_orders": [
                {"account": one.account, "perm_id": one.perm_id, "client_id": one.client_id, "order": order_text(one)}
                for one in self.foreign_orders
            ],
            "without_records": list(self.unbegun),
            "missed": [_execution_data(one) for one in self.missed],
            "adopted": self.adopted,
            "why": self.why,
            "notes": list(self.notes),
        }


def order_text(order: WorkingOrder) -> str:
    """A working order in a few words, and whose it is."""
    whose = "typed into TWS" if order.client_id == 0 and order.order_id <= 0 else f"client {order.client_id}"
    quantity = quantity_text(order.remaining)
    return f"{order.action} {quantity} {name_of(order.contract)} {order.order_type} ({whose}, permId {order.perm_id})"


def _explanation(one: Difference) -> str:
    if not one.executions:
        return "NOT EXPLAINED by any execution of today"
    return "explained by executions" if one.explained else "NOT EXPLAINED by these executions alone"


def _execution_text(one: ExecutionFact) -> str:
    by = "liquidation by IBKR" if one.liquidation else f"client {one.client_id}"
    when = f" at {one.time}" if one.time else ""
    return f"{quantity_text(one.quantity, sign=True)} at {one.price}{when}, {by}, execution {one.exec_id}"


def _execution_data(one: ExecutionFact) -> dict[str, Any]:
    return {
        "exec_id": one.exec_id,
        "quantity": str(one.quantity),
        "price": str(one.price),
        "time": one.time,
        "client_id": one.client_id,
        "order_ref": one.order_ref,
        "liquidation": one.liquidation,
    }
