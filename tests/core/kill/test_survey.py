"""One look at the login: orders, then positions, then executions, each whole; no answer to an older question counts."""

from __future__ import annotations

import pytest

from core.kill.builders import ES, MS, D, execution, held, order
from engine.core.kill.commands import Command, ReadCompleted, ReadExecutions, ReadOrders, ReadPositions
from engine.core.kill.looks.survey import Surveyor

PATIENCE_NS = 1000 * MS
ORDERS = (order(ES, "BUY", 1),)
POSITIONS = (held(ES, 2),)
EXECUTIONS = (execution(ES, 2),)
ENDED = (order(ES, "BUY", 2, perm_id=502, status="Filled", filled=D(2)),)


def begun(*, new_connection: bool = True) -> Surveyor:
    surveyor = Surveyor(PATIENCE_NS)
    surveyor.begin(0, new_connection=new_connection)
    return surveyor


def rest(surveyor: Surveyor, orders_id: int, *, completed: bool = False) -> list[Command]:
    """What is asked for until orders and positions have been heard."""
    asked = surveyor.heard_orders(orders_id, ORDERS, completed=completed)
    return [*asked, *surveyor.heard_positions(orders_id + 1, POSITIONS, 10)]


def test_positions_that_a_running_look_has_heard_are_newer_than_the_last_look() -> None:
    surveyor = begun()
    assert surveyor.newer is None
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 10)
    assert surveyor.newer == {("DU1", ES.con_id): 2}
    surveyor.heard_executions(3, EXECUTIONS, 0)
    surveyor.heard_completed(4, ENDED)
    assert surveyor.result(20) is not None and surveyor.newer is None
    surveyor.begin(30, new_connection=False)
    assert surveyor.newer is None


def answered(surveyor: Surveyor, first_id: int = 1) -> Surveyor:
    surveyor.heard_orders(first_id, ORDERS)
    surveyor.heard_positions(first_id + 1, POSITIONS, 10)
    surveyor.heard_executions(first_id + 2, EXECUTIONS, 0)
    surveyor.heard_completed(first_id + 3, ENDED)
    return surveyor


@pytest.mark.parametrize("new_connection", [True, False])
def test_positions_are_asked_for_only_when_the_orders_are_known(new_connection: bool) -> None:
    """Asked for together they may be answered first: an order that the newer list shows gone may have filled since."""
    surveyor = Surveyor(PATIENCE_NS)
    assert surveyor.begin(0, new_connection=new_connection) == [ReadOrders(1)]
    assert surveyor.heard_orders(1, ORDERS) == [ReadPositions(2)]


@pytest.mark.parametrize("new_connection", [True, False])
def test_executions_are_asked_for_only_when_the_positions_are_known(new_connection: bool) -> None:
    """A trade between the two would be in the position and in no list of executions, and count once more later."""
    surveyor = begun(new_connection=new_connection)
    surveyor.heard_orders(1, ORDERS)
    asked = surveyor.heard_positions(2, POSITIONS, 10)
    assert asked == [ReadExecutions(3), *([ReadCompleted(4)] if new_connection else [])]
    assert surveyor.heard_positions(2, (), 11) == []
    surveyor.heard_executions(3, EXECUTIONS, 0)
    surveyor.heard_completed(4, ENDED)
    survey = surveyor.result(20)
    assert survey is not None and survey.positions == POSITIONS


def test_the_same_orders_again_ask_for_nothing_more_and_change_nothing() -> None:
    """Another answer to the same question may be newer than the positions."""
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    assert surveyor.heard_orders(1, ()) == []
    answered(surveyor)
    survey = surveyor.result(10)
    assert survey is not None and survey.orders == ORDERS


def test_a_survey_is_whole_or_not_at_all_and_given_once() -> None:
    surveyor = begun()
    assert surveyor.result(0) is None
    surveyor.heard_orders(1, ORDERS)
    assert surveyor.result(0) is None
    surveyor.heard_positions(2, POSITIONS, 10)
    assert surveyor.result(10) is None
    surveyor.heard_executions(3, EXECUTIONS, 0)
    assert surveyor.result(10) is None
    surveyor.heard_completed(4, ENDED)
    survey = surveyor.result(10)
    assert survey is not None
    assert (survey.serial, survey.begun_ns) == (1, 0)
    assert (survey.orders, survey.positions, survey.executions) == (ORDERS, POSITIONS, EXECUTIONS)
    assert survey.completed == ENDED
    assert surveyor.result(10) is None
    assert not surveyor.active


def test_orders_alone_are_not_enough_however_long() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_executions(3, EXECUTIONS, 0)
    assert surveyor.result(10 * PATIENCE_NS) is None


def test_executions_that_stay_away_are_unknown_not_none() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 10)
    assert surveyor.result(10 + PATIENCE_NS - 1) is None
    survey = surveyor.result(10 + PATIENCE_NS)
    assert survey is not None and survey.executions is None
    assert "executions" in surveyor.failures


def test_behind_positions_that_were_slow_executions_are_waited_for_as_long() -> None:
    slow_ns, surveyor = 4 * PATIENCE_NS, begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, slow_ns)
    assert surveyor.result(2 * slow_ns - 1) is None
    survey = surveyor.result(2 * slow_ns)
    assert survey is not None and survey.executions is None
    surveyor.begin(3 * slow_ns, new_connection=False)
    surveyor.heard_orders(5, ORDERS)
    surveyor.heard_positions(6, POSITIONS, 4 * slow_ns)
    assert surveyor.result(4 * slow_ns + slow_ns // 5 - 1) is None
    assert surveyor.result(4 * slow_ns + slow_ns // 5) is not None


def test_executions_that_fail_are_not_waited_for() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 10)
    surveyor.heard_completed(4, ENDED)
    assert not surveyor.failed(3, "refused")
    survey = surveyor.result(10)
    assert survey is not None and survey.executions is None


def test_once_executions_have_stayed_away_they_are_waited_for_less() -> None:
    surveyor = begun()
    surveyor.failed(3, "no answer")
    answered(surveyor)
    surveyor.failures["executions"] = "no answer"
    surveyor.result(10)
    surveyor.begin(0, new_connection=True)
    surveyor.heard_orders(5, ORDERS)
    surveyor.heard_positions(6, POSITIONS, 0)
    surveyor.heard_completed(8, ENDED)
    assert surveyor.result(PATIENCE_NS // 5 - 1) is None
    assert surveyor.result(PATIENCE_NS // 5) is not None


def test_executions_that_only_come_late_get_their_time_again() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 0)
    assert surveyor.result(PATIENCE_NS) is not None
    surveyor.heard_executions(3, EXECUTIONS, 0)  # too late for this survey
    surveyor.begin(0, new_connection=True)
    surveyor.heard_orders(5, ORDERS)
    surveyor.heard_positions(6, POSITIONS, 0)
    surveyor.heard_completed(8, ENDED)
    assert surveyor.result(PATIENCE_NS // 5) is None


def test_answers_to_an_older_survey_do_not_count() -> None:
    surveyor = begun()
    surveyor.begin(5, new_connection=True)
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 10)
    assert surveyor.result(10 * PATIENCE_NS) is None
    answered(surveyor, first_id=2)
    survey = surveyor.result(10)
    assert survey is not None and survey.serial == 2


def test_a_failed_read_of_an_older_survey_does_not_end_this_one() -> None:
    surveyor = begun()
    surveyor.begin(5, new_connection=True)
    assert not surveyor.failed(1, "no answer")
    assert surveyor.active


def test_without_orders_or_positions_there_is_no_survey() -> None:
    for read_id, what in ((1, "open orders"), (2, "positions")):
        surveyor = begun()
        if what == "positions":
            surveyor.heard_orders(1, ORDERS)
        assert surveyor.failed(read_id, "no answer within 3 s")
        assert surveyor.failures == {what: "no answer within 3 s"}
        assert not surveyor.active
        answered(surveyor)
        assert surveyor.result(0) is None


def test_a_read_that_works_again_clears_its_failure() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.failed(2, "no answer")
    surveyor.begin(0, new_connection=True)
    surveyor.failed(3, "no answer")
    orders, *_ = surveyor.begin(0, new_connection=False)
    assert set(surveyor.failures) == {"open orders", "positions"}
    positions, *beside = surveyor.heard_orders(orders.read_id, ORDERS)
    assert [type(command) for command in beside] == [ReadExecutions, ReadCompleted]  # to be told, and no part of it
    assert len(surveyor.heard_positions(positions.read_id, POSITIONS, 10)) == 2
    assert surveyor.failures == {}


def test_an_abandoned_survey_has_no_result() -> None:
    surveyor = answered(begun())
    surveyor.abandon()
    assert surveyor.result(0) is None
    assert not surveyor.failed(1, "no answer")


def test_no_read_has_the_id_of_another() -> None:
    surveyor = begun()
    more = rest(surveyor, 1)
    taken = surveyor.take_read_id()
    again = surveyor.begin(0, new_connection=True)
    assert len({1, taken, *(command.read_id for command in (*more, *again))}) == 6


def test_a_question_not_asked_yet_cannot_fail() -> None:
    surveyor = begun(new_connection=False)
    assert not surveyor.failed(0, "?")
    assert surveyor.active and surveyor.failures == {}


def test_completed_orders_that_stay_away_or_fail_are_unknown_and_waited_for_less() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 0)
    surveyor.heard_executions(3, EXECUTIONS, 0)
    assert surveyor.result(PATIENCE_NS - 1) is None
    survey = surveyor.result(PATIENCE_NS)
    assert survey is not None and survey.completed is None
    surveyor.begin(0, new_connection=True)
    surveyor.heard_orders(5, ORDERS)
    surveyor.heard_positions(6, POSITIONS, 0)
    surveyor.heard_executions(7, EXECUTIONS, 0)
    assert surveyor.result(PATIENCE_NS // 5 - 1) is None
    assert not surveyor.failed(8, "no such request")
    assert surveyor.result(0) is not None


def test_completed_orders_are_asked_for_until_they_were_told_but_not_for_ever() -> None:
    surveyor = begun()
    asked = []
    for _ in range(5):
        surveyor.abandon()
        (read_orders,) = surveyor.begin(0, new_connection=False)
        more = rest(surveyor, read_orders.read_id)
        asked.append(any(isinstance(command, ReadCompleted) for command in more))
    assert asked == [True, True, True, False, False]


def test_completed_orders_once_told_are_asked_for_again_only_when_they_may_say_more() -> None:
    surveyor = answered(begun())
    assert surveyor.result(10) is not None
    surveyor.begin(0, new_connection=False)
    assert rest(surveyor, 5) == [ReadPositions(6), ReadExecutions(7)]
    surveyor.abandon()
    surveyor.begin(0, new_connection=False)
    assert ReadCompleted(11) in rest(surveyor, 8, completed=True)


@pytest.mark.parametrize("late", ["executions", "completed orders"])
def test_a_tws_whose_answers_come_late_is_waited_for_longer_the_next_time(late: str) -> None:
    surveyor = begun()
    for factor, first in ((1, 1), (2, 5), (4, 9), (4, 13)):
        surveyor.heard_orders(first, ORDERS)
        surveyor.heard_positions(first + 1, POSITIONS, 0)
        if late == "executions":
            surveyor.heard_completed(first + 3, ENDED)
        else:
            surveyor.heard_executions(first + 2, EXECUTIONS, 0)
        assert surveyor.result(factor * PATIENCE_NS - 1) is None
        assert surveyor.result(factor * PATIENCE_NS) is not None
        if late == "executions":
            surveyor.heard_executions(first + 2, EXECUTIONS, 0)
        else:
            surveyor.heard_completed(first + 3, ENDED)
        surveyor.begin(0, new_connection=True)


def test_no_answer_to_another_question_counts() -> None:
    surveyor = begun()
    assert surveyor.heard_orders(99, ORDERS) == []
    surveyor.heard_positions(2, POSITIONS, 10)
    surveyor.heard_orders(1, ORDERS)
    assert surveyor.result(10) is None  # those were positions of before the orders
    surveyor.heard_positions(2, POSITIONS, 10)
    surveyor.heard_executions(99, EXECUTIONS, 0)
    surveyor.heard_completed(99, ENDED)
    assert surveyor.result(10) is None  # they may still come
    survey = surveyor.result(10 + PATIENCE_NS)
    assert survey is not None
    assert (survey.executions, survey.completed) == (None, None)

    other = begun()
    other.heard_orders(1, ORDERS)
    other.heard_positions(99, POSITIONS, 10)
    other.heard_executions(3, EXECUTIONS, 0)
    other.heard_completed(4, ENDED)
    assert other.result(10 + PATIENCE_NS) is None


def test_a_list_of_orders_that_was_not_asked_for_is_not_taken_for_the_one_that_was() -> None:
    surveyor = begun()
    surveyor.heard_orders(99, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 10)
    surveyor.heard_executions(3, EXECUTIONS, 0)
    surveyor.heard_completed(4, ENDED)
    assert surveyor.result(10) is None


def test_orders_of_a_survey_that_was_abandoned_ask_for_nothing() -> None:
    surveyor = begun(new_connection=False)
    surveyor.abandon()
    assert surveyor.heard_orders(1, ORDERS) == []


def test_what_stayed_away_is_a_failure_by_its_name_until_it_comes_after_all() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 0)
    assert surveyor.result(PATIENCE_NS) is not None
    assert surveyor.failures == {"executions": "no answer in time", "completed orders": "no answer in time"}
    surveyor.heard_completed(4, ENDED)
    surveyor.heard_executions(3, EXECUTIONS, 0)
    assert surveyor.failures == {}


def test_what_has_ended_is_asked_for_once_where_something_is_gone_and_not_from_then_on() -> None:
    surveyor = answered(begun())
    assert surveyor.result(10) is not None
    surveyor.begin(0, new_connection=False)
    assert ReadCompleted(8) in rest(surveyor, 5, completed=True)
    surveyor.abandon()
    surveyor.begin(0, new_connection=False)
    assert rest(surveyor, 9) == [ReadPositions(10), ReadExecutions(11)]


def test_a_later_survey_does_not_repeat_what_an_earlier_one_was_told() -> None:
    surveyor = answered(begun())
    first = surveyor.result(10)
    assert first is not None and first.completed == ENDED
    surveyor.begin(20, new_connection=False)
    surveyor.heard_orders(5, ORDERS)
    surveyor.heard_positions(6, POSITIONS, 30)
    surveyor.heard_executions(7, EXECUTIONS, 0)
    second = surveyor.result(30)
    assert second is not None and second.completed is None


def test_a_failure_is_kept_until_the_same_read_is_answered() -> None:
    surveyor = begun()
    rest(surveyor, 1)
    assert surveyor.failed(3, "no executions") is False
    assert surveyor.failed(4, "no completed orders") is False
    assert surveyor.failed(99, "somebody else's") is False
    assert surveyor.failures == {"executions": "no executions", "completed orders": "no completed orders"}
    surveyor.heard_completed(4, ENDED)
    assert surveyor.failures == {"executions": "no executions"}
    surveyor.heard_executions(3, EXECUTIONS, 0)
    assert surveyor.failures == {}


def test_what_has_ended_is_asked_for_again_until_it_was_told_once() -> None:
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.heard_positions(2, POSITIONS, 10)
    surveyor.heard_executions(3, EXECUTIONS, 0)
    surveyor.failed(4, "no answer")
    assert surveyor.result(10) is not None
    surveyor.begin(20, new_connection=False)
    assert rest(surveyor, 5) == [ReadPositions(6), ReadExecutions(7), ReadCompleted(8)]


def test_where_the_orders_cannot_be_read_the_rest_is_asked_for_beside_them_to_be_told() -> None:
    surveyor = begun()
    surveyor.failed(1, "read-only")
    assert surveyor.orders_unread
    assert surveyor.begin(0, new_connection=False) == [ReadOrders(2), ReadPositions(3), ReadCompleted(4)]
    assert [number for number in range(1, 10) if surveyor.asked_positions(number)] == [3]
    assert surveyor.heard_orders(2, ORDERS) == [ReadPositions(5)]
    assert surveyor.asked_positions(5), "and of those that came before the orders nothing is proven"
    assert surveyor.heard_positions(3, POSITIONS, 10) == []
    surveyor.heard_executions(6, EXECUTIONS, 0)
    surveyor.heard_completed(7, ENDED)
    assert surveyor.result(20) is None


def test_before_the_first_survey_none_is_under_way() -> None:
    surveyor = Surveyor(PATIENCE_NS)
    assert not surveyor.active and surveyor.result(0) is None
    assert not any(surveyor.asked_positions(number) for number in range(1, 5))


def test_what_has_ended_is_asked_for_from_that_very_moment_on() -> None:
    surveyor = begun(new_connection=False)
    surveyor.ask_completed_from(500)
    surveyor.begin(499, new_connection=False)
    assert ReadCompleted(5) not in rest(surveyor, 2)
    surveyor.begin(500, new_connection=False)
    assert ReadCompleted(8) in rest(surveyor, 5)


def test_a_number_was_asked_for_once_it_was_taken() -> None:
    surveyor = Surveyor(PATIENCE_NS)
    assert not surveyor.has_asked(1)
    assert surveyor.take_read_id() == 1
    assert surveyor.has_asked(1) and not surveyor.has_asked(2)


def test_positions_that_were_asked_for_by_an_earlier_look_are_none_of_the_next_one() -> None:
    """They may be older than its orders: what has filled since would be in neither."""
    surveyor = begun()
    surveyor.heard_orders(1, ORDERS)
    surveyor.abandon()
    assert surveyor.begin(20, new_connection=False) == [ReadOrders(3)]
    assert surveyor.heard_positions(2, (), 21) == []
    assert surveyor.heard_orders(3, ORDERS) == [ReadPositions(4)]
    assert surveyor.heard_positions(2, (), 22) == []
    assert surveyor.heard_positions(4, POSITIONS, 23)[0] == ReadExecutions(5)
