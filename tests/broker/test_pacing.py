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


def burst(pacer: Pacer, now: float) -> int:
    sent = 0
    while pacer.free(now, urgent=True):
        pacer.spend(now)
        sent += 1
    return sent


@settings(max_examples=200)
@given(st.lists(st.lists(st.floats(min_value=0.01, max_value=0.2), min_size=1, max_size=5), max_size=15))
def test_what_a_network_that_stalls_for_a_second_delivers_at_once_is_no_more_than_the_budget(
    stalls: list[list[float]],
) -> None:
    """Everything that is sent arrives when TWS is next heard, which is as late as it can be."""
    pacer, now, arrived = Pacer(), 0.0, []
    for stall in stalls:
        on_the_way = 0
        for wait in stall:
            on_the_way += burst(pacer, now)
            now += wait
        pacer.heard(now)
        arrived += [now] * on_the_way
    for start in arrived:
        assert sum(start <= at < start + 1 for at in arrived) <= RATE_MAX


def test_what_is_heard_holds_up_nothing_that_was_heard_of_before() -> None:
    pacer = Pacer()
    assert burst(pacer, 0.0) == RATE_MAX
    pacer.heard(0.01)
    pacer.heard(1.0)
    assert not pacer.free(1.0, urgent=True)
    assert pacer.free(0.01 + WINDOW_S, urgent=True) == RATE_MAX
