"""A clock is doubted when it stands before what is recorded, or moves by more than the time that passed."""

from __future__ import annotations

import pytest

from engine.journal.clocks import Doubt, Reading, doubts

SECOND = 10**9


@pytest.mark.parametrize(
    ("wall", "passed", "recorded", "expected"),
    [
        (110, 10, 100, ()),
        (112, 10, 100, ()),
        (113, 10, 100, (Doubt.JUMPED,)),
        (107, 10, 100, (Doubt.JUMPED,)),
        (108, 10, 110, ()),
        (110, 10, 113, (Doubt.BEHIND_RECORDS,)),
        (90, 10, 100, (Doubt.BEHIND_RECORDS, Doubt.JUMPED)),
    ],
)
def test_doubts(wall: int, passed: int, recorded: int, expected: tuple[Doubt, ...]) -> None:
    now = Reading(wall * SECOND, passed * SECOND)
    since = Reading(100 * SECOND, 0)
    assert doubts(now, since=since, recorded_ns_max=recorded * SECOND, tolerance_ns=2 * SECOND) == expected


def test_the_first_reading_can_only_be_held_against_the_records() -> None:
    assert doubts(Reading(0, 0), since=None, recorded_ns_max=0, tolerance_ns=0) == ()
    assert doubts(Reading(0, 0), since=None, recorded_ns_max=1, tolerance_ns=0) == (Doubt.BEHIND_RECORDS,)
