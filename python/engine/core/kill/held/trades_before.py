"""What was traded in the quarter of a minute before the press: a first read of the positions may miss it. Pure.

How long it may depends on whose trade it was and on what it did to the position; each is given its time from when it
was made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from engine.core.kill.held.close_marks import by_a_kill
from engine.core.kill.held.hidden_closes import HiddenCloses
from engine.core.kill.held.traces import NOTHING, Flow, Key, Traces
from engine.core.kill.settings import KillSettings

ZERO = Decimal(0)


class _Piece(NamedTuple):
    """One of these trades."""

    signed: Decimal
    by_kill: bool  # another kill's closing order
    age_ns: int  # so long ago at least


@dataclass(slots=True)
class TradesBefore:
    """Of one login, by contract."""

    settings: KillSettings
    closes: HiddenCloses
    traces: Traces
    flows: dict[Key, Flow] = field(default_factory=dict)
    late: dict[Key, Flow] = field(default_factory=dict)  # of it what executions did not show when the order did
    _pieces: dict[Key, list[_Piece]] = field(default_factory=dict)

    def note(self, key: Key, signed: Decimal, order_ref: str, age_ns: int) -> None:
        self.flows[key] = self.flows.get(key, NOTHING).plus(signed)
        self._pieces.setdefault(key, []).append(_Piece(signed, by_a_kill(order_ref), age_ns))

    def note_late(self, key: Key, signed: Decimal, order_ref: str) -> None:
        """Told by an order, and by no execution yet."""
        self.note(key, signed, order_ref, 0)
        self.late[key] = self.late.get(key, NOTHING).plus(signed)

    def sizes(self, key: Key) -> list[Decimal]:
        """One by one, signed."""
        return [piece.signed for piece in self._pieces.get(key, ())]

    def patience_ns(self, key: Key, position: Decimal) -> int:
        """How long a first read may miss them: each as long as its kind, from when it was made. Only of a contract that
        has some."""
        if key in self.late and not self.closes.may_miss_one(key, position, self.traces):
            return self.settings.expected_lag_ns  # an order does not tell in how many pieces it has filled
        return max(0, *(self._lag_of_ns(key, piece, position) - piece.age_ns for piece in self._pieces[key]))

    def _lag_of_ns(self, key: Key, piece: _Piece, position: Decimal) -> int:
        """How long behind this trade a read may miss it.

        A position that recent trades would have reduced, and above all one that another kill has just closed, may be
        gone already: it is given more time than one that they have opened. A kill's closing orders never open anything,
        and an execution shows whole or not at all. So one of them is not missing where it is larger than all that may
        have been there: what is shown, and what others may have added unseen. And at zero it can only be missing behind
        a trade of others that is missing too, and that one is given its time.
        """
        if not piece.by_kill:
            return self.lag_ns(NOTHING.plus(piece.signed), position)
        pieces = self._pieces[key]
        one_sided = all(other.signed * piece.signed > ZERO for other in pieces if other.by_kill)
        added = sum((o.signed for o in pieces if not o.by_kill and o.signed * piece.signed < ZERO), ZERO)
        too_large = position * piece.signed < ZERO < piece.signed * (position + added + piece.signed)
        if one_sided and (position == ZERO or too_large):
            return 0
        hidden = self.closes.may_miss_one(key, position, self.traces)
        return self.settings.standing_feed_ns if hidden else self.settings.expected_lag_ns

    def lag_ns(self, flow: Flow, position: Decimal) -> int:
        """Longer where some of it may have closed the position, or where nothing is left."""
        reduced = position == ZERO or any(position * part < ZERO for part in flow)
        return self.settings.reduced_lag_ns if reduced else self.settings.settle_ns
