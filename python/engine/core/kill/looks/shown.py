"""The newest list of positions, where the look it belongs to has come to nothing. Pure.

Without the open orders nothing is sized, closed or proven by it: what rests may fill. Nor by what TWS remembers while
it has no link to IBKR. But TWS has shown it, so it is told: as it comes, and among what is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.contracts import short_name
from engine.core.facts import PositionFact
from engine.core.kill.commands import Command, Say
from engine.core.kill.held.traces import Key

NAMES_MAX = 8
NO_ORDERS = "does not tell its open orders: not closed, as long as one of those may fill"
FROM_MEMORY = "has lost its link to IBKR: this is its memory, and nothing can be closed"


@dataclass(slots=True)
class Shown:
    """`positions`: what is not zero, by the newest list; none once a complete look has taken it in. `known`: there has
    been a list."""

    positions: tuple[PositionFact, ...] = ()
    known: bool = False
    _said: frozenset[Key] = frozenset()

    def heard(self, listed: tuple[PositionFact, ...]) -> None:
        """A complete list of positions, whatever becomes of its look."""
        self.positions = tuple(fact for fact in listed if fact.quantity != 0)
        self.known = True

    def taken(self) -> None:
        """By a complete look: from here on the ledger knows better."""
        self.positions = ()

    def tell(self, kind: str, why: str) -> list[Command]:
        """What is held all the same, whenever that is something new, and `why` nothing is done about it."""
        held = frozenset((fact.account, fact.contract.con_id) for fact in self.positions)
        if held <= self._said:
            return []
        self._said = held
        named = [f"{fact.quantity:+f} {short_name(fact.contract)}" for fact in self.positions[:NAMES_MAX]]
        more = len(self.positions) - len(named)
        names = ", ".join(named) + (f" and {more} more" if more else "")
        return [Say(kind, f"TWS shows {names}, and {why}")]
