"""Money that moved without an explanation, seen by several programs at once, and written down by one of them.

Each program that watches a login finds the same jump for itself, some seconds apart. Two that are the same money, found
by different programs within `SAME_NS`, are one; two that one program found are two. Money that came in does not count
here before it shows in the equity that is judged here: it would be a loss that is none. Pure bookkeeping.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.books import Flow, Jump, same_money
from engine.core.followed import SECOND_NS
from engine.core.known import Unknown
from engine.core.restrictions import Scope
from engine.journal.events import CashFlow, JumpSuspected, Record
from engine.journal.state import JournalState

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

    def to_come(self, state: JournalState, scope: Scope, now_ns: int) -> frozenset[int]:
        """Records of money that came in and that others have seen, and this program perhaps not yet."""
        jumps: list[tuple[int, Jump]] = []
        for record in state.jumps:
            jump = _jump_of(record, scope)
            if jump is not None and record.seq not in self._mine and jump.amount > 0 and now_ns - jump.at_ns < SAME_NS:
                jumps.append((record.seq, jump))
        flows = (
            record.seq
            for record in state.cash_flows
            if isinstance(record.event, CashFlow)
            and record.event.scope.meets(scope)
            and not record.event.announced
            and any(same_money(_flow_of(record.event), jump) for _, jump in jumps)
        )
        return frozenset((*(seq for seq, _ in jumps), *flows)) if jumps else frozenset()

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
        written = _jump_of(record, scope)
        if written is None or record.seq in self._mine:
            return False
        as_told = Flow(amount=written.amount, currency=written.currency, at_ns=written.at_ns)
        return abs(written.at_ns - jump.at_ns) <= SAME_NS and same_money(as_told, jump)


def _jump_of(record: Record, scope: Scope) -> Jump | None:
    """What a record says of a jump of this login; None: it says nothing of the kind."""
    event = record.event
    if not isinstance(event, JumpSuspected) or not event.scope.meets(scope):
        return None
    at_ns = record.at_ns if event.seen_ns is None else event.seen_ns
    return Jump(amount=event.after - event.before, currency=event.currency, at_ns=at_ns)


def _flow_of(event: CashFlow) -> Flow:
    return Flow(amount=event.amount, currency=event.currency, at_ns=event.effective_ns)
