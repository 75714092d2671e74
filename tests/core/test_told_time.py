"""How far another clock is from ours: bounds that hold, and grow narrower with each answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.core.told_time import SECOND_NS, ToldTime

instants = st.integers(0, 10**6 * SECOND_NS)
answers = st.lists(st.tuples(instants, instants, instants), min_size=1)


@given(st.integers(-(10**9), 10**9).map(lambda s: s * SECOND_NS // 1000), answers)
def test_the_true_offset_is_always_between_the_bounds(offset_ns: int, answered: list[tuple[int, int, int]]) -> None:
    told = ToldTime()
    for moments in answered:
        asked_ns, at_ns, now_ns = sorted(moments)
        told.heard((at_ns + offset_ns) // SECOND_NS, asked_ns=asked_ns, now_ns=now_ns)
        assert told.offset_ns is not None
        assert told.offset_ns <= offset_ns <= told.offset_ns + told.late_ns + SECOND_NS


def test_of_several_answers_the_one_that_was_quickest_counts() -> None:
    told = ToldTime()
    assert told.late_ns == 0
    told.heard(1_000, asked_ns=0, now_ns=28 * SECOND_NS)
    assert (told.offset_ns, told.late_ns) == (972 * SECOND_NS, 28 * SECOND_NS)
    told.heard(1_030, asked_ns=30 * SECOND_NS, now_ns=31 * SECOND_NS)
    assert (told.offset_ns, told.late_ns) == (999 * SECOND_NS, SECOND_NS)
    told.heard(1_040, asked_ns=40 * SECOND_NS, now_ns=60 * SECOND_NS)
    assert (told.offset_ns, told.late_ns) == (999 * SECOND_NS, SECOND_NS)


def test_an_answer_that_contradicts_all_before_is_believed() -> None:
    """A clock was set, or this machine slept."""
    for now_s in (1_000, 3_000):
        told = ToldTime()
        told.heard(2_000, asked_ns=0, now_ns=0)
        told.heard(now_s, asked_ns=SECOND_NS, now_ns=2 * SECOND_NS)
        assert told.offset_ns == (now_s - 2) * SECOND_NS


def test_what_was_asked_in_the_future_was_asked_now() -> None:
    told = ToldTime()
    told.heard(100, asked_ns=9 * SECOND_NS, now_ns=0)
    assert (told.offset_ns, told.late_ns) == (100 * SECOND_NS, 0)
