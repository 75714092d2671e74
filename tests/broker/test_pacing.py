"""The pacing budget: no window ever holds more than it may, and cancels always find room."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.broker.pacing import RATE_AFTER_BREACH, RATE_MAX, RESERVE, WINDOW_S, Pacer


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(min_value=0, max_value=0.2), st.booleans()), max_size=300))
def test_no_second_ever_holds_more_than_the_budget(steps: list[tuple[float, bool]]) -> None:
    pacer, now, sent = Pacer(), 0.0, []
    for wait, urgent in steps:
        now += wait
        if pacer.free(now, urgent=urgent):
            pacer.spend(now)
            sent.append(now)
    for start in sent:
        assert sum(start <= at < start + 1 for at in sent) <= RATE_MAX


def test_ordinary_messages_leave_room_for_cancels() -> None:
    pacer = Pacer()
    while pacer.free(0.0):
        pacer.spend(0.0)
    assert pacer.free(0.0, urgent=True) == RESERVE


def test_the_time_given_for_the_next_message_is_the_first_at_which_it_may_go() -> None:
    pacer = Pacer()
    for index in range(RATE_MAX - RESERVE):
        pacer.spend(index / 1000)
    due = pacer.free_at(0.5)
    assert due == WINDOW_S
    assert not pacer.free(due - 0.001)
    assert pacer.free(due) == 1


def test_after_a_complaint_by_tws_far_less_is_sent() -> None:
    pacer = Pacer()
    pacer.slow_down()
    assert pacer.free(0.0, urgent=True) == RATE_AFTER_BREACH
    assert pacer.free(0.0) == RATE_AFTER_BREACH - RESERVE


def test_a_complaint_in_the_middle_of_a_burst_waits_for_enough_of_it_to_pass() -> None:
    pacer = Pacer()
    for index in range(RATE_MAX):
        pacer.spend(index / 100)
    pacer.slow_down()
    due = pacer.free_at(0.5, urgent=True)
    assert not pacer.free(due - 0.001, urgent=True)
    assert pacer.free(due, urgent=True) == 1
