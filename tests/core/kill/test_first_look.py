"""What the first strike saw open may have filled under its cancel, though no list of this kill ever shows it."""

from __future__ import annotations

from msgspec.structs import replace

from core.kill.builders import ACCOUNT, ES, SECOND, D, Stage, details, ev, execution, held, order
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill.report import LoginOutcome

STOP = order(ES, "SELL", 2, order_type="STP", perm_id=501)
BUY = order(ES, "BUY", 2, perm_id=502)


def struck(*positions: PositionFact, saw: WorkingOrder, ended: list[WorkingOrder]) -> Stage:
    """Struck, and `saw` is gone by the first look; `ended` is what TWS lists as completed."""
    stage = Stage(*positions)
    stage.ended = ended
    stage.press()
    stage.tell(ev.FirstLook((saw,)), ev.LockTaken(), ev.Connected((ACCOUNT,), 9000, cancel_sent=True))
    stage.tell(ev.Resolved(ES.con_id, details(ES)))
    return stage


def test_a_position_that_it_may_have_closed_is_not_closed_twice() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[])
    stage.run(3000)
    assert not stage.placed
    stage.executions, stage.positions = [execution(ES, -2, perm_id=501)], []
    stage.run(30_000)
    assert not stage.placed and stage.report.outcome is LoginOutcome.FLAT


def test_nothing_is_flat_while_it_may_have_opened_a_position() -> None:
    stage = struck(saw=BUY, ended=[])
    stage.run(3000)
    assert not stage.finished
    stage.executions, stage.positions = [execution(ES, 2, perm_id=502)], [held(ES, 2)]
    stage.fill(stage.next_place())
    stage.run(30_000)
    assert stage.report.outcome is LoginOutcome.FLAT and [place.action for place in stage.placed] == ["SELL"]


def test_what_tws_lists_as_cancelled_is_waited_for_no_longer() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[replace(STOP, status="Cancelled")])
    assert [place.quantity for place in stage.placed] == [2]


def test_where_nobody_tells_it_is_closed_in_the_end() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[])
    stage.fill(stage.next_place())
    assert stage.now_ns >= 6 * SECOND
    stage.run(30_000)
    assert stage.report.outcome is LoginOutcome.FLAT


def test_a_first_look_that_is_heard_behind_a_list_does_not_open_anything_again() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[])
    gone_ns = stage.now_ns
    stage.run(1000)
    stage.tell(ev.FirstLook((STOP,)))
    stage.next_place()
    assert stage.now_ns - gone_ns < 7 * SECOND


def test_where_tws_lists_cancelled_orders_nothing_is_flat_before_it_has_told_of_this_one() -> None:
    other = order(ES, "BUY", 1, perm_id=503, status="Cancelled")
    stage = struck(saw=BUY, ended=[other])
    stage.run(15_000)
    assert not stage.finished
    stage.executions, stage.positions = [execution(ES, 2, perm_id=502)], [held(ES, 2)]
    stage.ended = [other, replace(BUY, status="Filled", filled=BUY.quantity)]
    stage.fill(stage.next_place())
    stage.run(30_000)
    assert stage.report.outcome is LoginOutcome.FLAT


def test_that_it_was_cancelled_is_said_where_tws_has_said_so() -> None:
    def told(*ended: WorkingOrder) -> list[tuple[int, bool]]:
        stage = struck(saw=BUY, ended=list(ended))
        return [(order.perm_id, order.confirmed) for order in stage.report.cancelled]

    assert told() == [(502, False)]
    assert told(replace(BUY, status="Cancelled")) == [(502, True)]
    assert told(replace(BUY, status="Filled", filled=BUY.quantity)) == []


def last_word(of: WorkingOrder, status: str, filled: int) -> ev.OrderEnded:
    return ev.OrderEnded(of.perm_id, status, D(filled))


def test_a_status_that_says_that_it_was_cancelled_is_waited_for_no_longer() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[])
    stage.run(500)
    assert not stage.placed
    stage.tell(last_word(STOP, "Cancelled", 0))
    stage.run(600)
    assert [place.quantity for place in stage.placed] == [2]
    assert [order.confirmed for order in stage.report.cancelled] == [True]


def test_a_status_that_says_that_it_has_filled_is_believed_before_any_list() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[])
    stage.tell(last_word(STOP, "Filled", 2))
    stage.run(5000)
    assert not stage.placed and stage.report.cancelled == ()
    stage.executions, stage.positions = [execution(ES, -2, perm_id=501)], []
    stage.run(30_000)
    assert not stage.placed and stage.report.outcome is LoginOutcome.FLAT


def test_an_order_that_a_list_shows_open_behind_its_last_word_is_open() -> None:
    stage = Stage(held(ES, 2), orders=[STOP]).begin(details_for=(ES,))
    stage.ended = []
    stage.tell(last_word(STOP, "Cancelled", 0))
    stage.run(1000)
    stage.orders = []
    stage.run(3000)
    assert not stage.placed and [order.confirmed for order in stage.report.cancelled] == [False]


def test_a_last_word_about_an_order_that_nobody_has_seen_says_nothing() -> None:
    stage = struck(held(ES, 2), saw=STOP, ended=[])
    stage.tell(last_word(BUY, "Cancelled", 0))
    stage.run(3000)
    assert not stage.placed and [order.confirmed for order in stage.report.cancelled] == [False]
