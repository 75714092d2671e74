"""A kill's own fills may only reduce: everything else they did to a position is found."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.desk.exchange_truth import crossings
from engine.simulator.exchange import Movement


def fill(signed: int, ref: str = "QEKILL-1") -> Movement:
    return Movement(0, "DU1", 7, Decimal(signed), ref)


@pytest.mark.parametrize(
    ("fills", "held_now", "found"),
    [
        ([fill(-2), fill(-1)], 0, 0),  # 3 sold down to nothing
        ([fill(2)], -1, 0),  # -3 bought down to -1
        ([fill(-4)], -1, 1),  # 3 sold through zero
        ([fill(-3), fill(-3)], -3, 1),  # closed, and opened the other way
        ([fill(1)], 4, 1),  # 3 grew
        ([fill(-3, "strategy"), fill(-3)], -3, 1),  # somebody else closed first: what we sold then opened a short
        ([fill(-6, "strategy")], -3, 0),  # not ours
        ([fill(-3, ""), fill(-3)], -3, 1),  # assigned or expired first: no execution told, and yet a crossing
    ],
)
def test_what_went_through_zero_is_found_in_the_fills(fills: list[Movement], held_now: int, found: int) -> None:
    assert len(crossings(fills, {("DU1", 7): Decimal(held_now)} if held_now else {})) == found
