"""Money that moved without an explanation, seen by several programs at once, and written down by one of them.

Each program that watches a login finds the same jump for itself, some seconds apart. Two that are the same money, found
by different programs within `SAME_NS`, are one; two that one program found are two. Pure bookkeeping.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.core.account_equity import SECOND_NS
from engine.core.books import Flow, Jump, same_money
from engine.core.known import Unknown
from engine.core.restrictions import Scope
from engine.journal.events import JumpSuspected, Record
from engine.journal.fold import JournalState

SAME_NS = 300 * SECOND_NS  # reports come every three minutes, and may be as old
REMEMBERED_MAX = 1_000


class SeenJumps:
    """What this program has found of one login, and what of that is in the journal."""

    def __init__(self) -> None:
        self._open: list[Jump] = []
        self._kept_back: list[Jump] = []  # in the books here, and still to be written
        self._mine: dict[int, None] = {}  # records that say what was found here, written by whomever

    def heard(self, jumps: Iterable[Jump]) -> None:
        """Found now."""
        self._open += jumps

    def not_written(self, records: Iterable[Record], scope: Scope) -> tuple[Jump, ...]:
        """Those that nobody has written down. What another program wrote of the same money is taken for it."""
        left = []
        for jump in self._open:
            found = next((one for one in records if self._is_it(one, jump, scope)), None)
            if found is None:
                left.append(jump)
            else:
                self._note(found.seq)
        self._open = left
        return tuple(left)

    def written(self, seqs: Iterable[int]) -> None:
        """All that was open is in the journal, in these records."""
        self._open = []
        for seq in seqs:
            self._note(seq)

    def kept_back(self, jumps: Iterable[Jump]) -> None:
        """They could not be written, and are in the books of this program."""
        self._open = []
        self._kept_back += jumps

    def all_written(self, state: JournalState | Unknown, scope: Scope) -> None:
        """What was kept back has been written down meanwhile."""
        if not isinstance(state, Unknown):
            for jump in self._kept_back:
                found = next((one for one in state.jumps if self._is_it(one, jump, scope)), None)
                if found is not None:
                    self._note(found.seq)
        self._kept_back = []

    def _note(self, seq: int) -> None:
        self._mine[seq] = None
        if len(self._mine) > REMEMBERED_MAX:
            del self._mine[next(iter(self._mine))]

    def _is_it(self, record: Record, jump: Jump, scope: Scope) -> bool:
        event = record.event
        if record.seq in self._mine or not isinstance(event, JumpSuspected) or not event.scope.meets(scope):
            return False
        at_ns = record.at_ns if event.seen_ns is None else event.seen_ns
        amount: Decimal = event.after - event.before
        as_told = Flow(amount=amount, currency=event.currency, at_ns=at_ns)
        return abs(at_ns - jump.at_ns) <= SAME_NS and same_money(as_told, jump)
