"""Which peaks of equity are written down: while equity rises, every tick is one. Pure.

A program judges by the exact peak that it has seen itself. The records have it in steps, so that a restart lowers it by
less than a step, and writes no more than that while equity rises all day.
"""

from __future__ import annotations

from engine.core.books import Baseline, Books, net_deposits
from engine.core.limit_rules import Basis

STEP_PART = 1000  # of the recorded peak: a thousandth, where the circuit breaker takes a hundred and fifty of them
EVERY_NS = 900 * 1_000_000_000  # a lower rise is written down, too, when the record is older than this


def to_record(new: Baseline, recorded: Books) -> bool:
    """Whether a new baseline is to be written down. `recorded`: the books as the records have them."""
    old = recorded.baseline(Basis.PEAK)
    if new.basis is not Basis.PEAK or old is None or (old.id, old.currency) != (new.id, new.currency):
        return True
    if not 0 <= new.at_ns - old.at_ns < EVERY_NS:
        return True
    before = old.equity + net_deposits(recorded, old, new.at_ns)
    return (new.equity - before) * STEP_PART >= abs(before)


class Peak:
    """The exact peak of one login in this program, as long as the records' last one is that which it rose from."""

    def __init__(self) -> None:
        self._exact: Baseline | None = None
        self._recorded_seq = 0

    def put_into(self, recorded: Books, recorded_seq: int) -> Books:
        """The books with the exact peak. `recorded_seq`: the record of the peak in them; 0: there is none. Whoever
        wrote another one since knows better: a person may have begun to count anew.
        """
        there = recorded.baseline(Basis.PEAK)
        exact = self._exact if recorded_seq == self._recorded_seq else None
        if there is None or exact is None or exact.id != there.id:
            return recorded
        return recorded.with_baseline(exact)

    def judged(self, books: Books, recorded_seq: int) -> None:
        """The books after a judgement, and the record of the peak by now."""
        self._exact, self._recorded_seq = books.baseline(Basis.PEAK), recorded_seq
