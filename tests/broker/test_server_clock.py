"""Which question an answer of TWS's clock may be to, and how long it was on its way."""

from __future__ import annotations

from engine.broker.server_clock import LOST_S, ServerClock


def test_answers_come_in_the_order_of_the_questions() -> None:
    clock = ServerClock(0.0)
    assert clock.now_s(0.0) is None and not clock.told
    clock.asked(1.0)
    clock.asked(20.0)
    clock.heard(500, 25.0)
    assert clock.late_s == 24.0 and clock.unsure_s == 24.0 and clock.told
    clock.heard(524, 26.0)
    assert clock.late_s == 6.0 and clock.unsure_s == 1.0  # the first answer bounds it from above
    assert clock.now_s(30.0) == 528.0


def test_what_comes_once_more_is_no_answer_to_a_later_question() -> None:
    clock = ServerClock(0.0)
    clock.asked(1.0)
    clock.heard(500, 2.0)
    clock.heard(500, 9.0)
    assert clock.late_s == 8.0 and clock.unsure_s == 1.0


def test_what_nobody_asked_for_is_not_older_than_the_connection() -> None:
    clock = ServerClock(5.0)
    clock.heard(500, 9.0)
    assert clock.late_s == 4.0


def test_a_question_that_was_dropped_makes_an_answer_seem_older_for_a_while() -> None:
    clock = ServerClock(0.0)
    clock.asked(1.0)  # dropped
    clock.asked(10.0)
    clock.heard(500, 10.5)
    assert clock.late_s == 9.5
    clock.asked(10.5 + LOST_S)
    clock.heard(560, 11.0 + LOST_S)
    assert clock.late_s == 0.5
