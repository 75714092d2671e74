"""A press that meets a kill at work: it never lengthens it, and it is never harmless."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    SECOND,
    GlobalCancel,
    Place,
    ReadOrders,
    Stage,
    ev,
    execution,
    held,
    option,
    order,
)
from engine.core.facts import WorkingOrder
from engine.core.kill.commands import Command, ReadCompleted

CALL = option(11)
OTHERS_CLOSE = order(CALL, "SELL", 3, order_ref="QEKILL-other-1", client_id=9001)
FOREIGN = order(ES, "BUY", 1, perm_id=777)


def closing(ms: int = 2000) -> tuple[Stage, Place]:
    """The closer, with one closing order at the exchange, so long after its cancel."""
    stage = Stage(held(CALL, 3)).begin()
    place = stage.place
    stage.acknowledge(place)
    stage.orders = [stage.listed(place)]
    stage.run(ms)
    assert stage.cancels == 1 and len(stage.placed) == 1
    return stage, place


def joined(*orders: WorkingOrder, spare: bool = True, **settings: int) -> Stage:
    """A later press: another kill is at work, which moves and has cancelled."""
    stage = Stage(held(CALL, 3), orders=list(orders), **settings).press()
    stage.tell(ev.LockBusy("pid 7", spare), ev.Connected((ACCOUNT,), 9000))
    return stage


def cancels(commands: list[Command]) -> int:
    return sum(isinstance(command, GlobalCancel) for command in commands)


# the closer is pressed again ------------------------------------------------------------------------------------------


def test_before_anything_is_being_closed_a_press_cancels_unseen() -> None:
    stage = Stage(orders=[FOREIGN]).begin()
    assert cancels(stage.tell(ev.PressedAgain())) == 1


def test_closing_orders_are_not_taken_away_by_a_press() -> None:
    stage, place = closing()
    for _ in range(20):
        stage.tell(ev.PressedAgain())
        stage.run(150)
    assert stage.cancels == 1 and stage.placed == [place]
    assert stage.said.count("pressed_again") == 20 and "press_spared" in stage.said


def test_a_press_looks_at_once_and_cancels_what_is_not_a_closing_order() -> None:
    stage, place = closing()
    stage.orders = [stage.listed(place), FOREIGN]
    assert cancels(stage.tell(ev.PressedAgain())) == 1
    assert "press_cancel" in stage.said


def test_what_is_being_cancelled_already_needs_no_other_cancel() -> None:
    stage, place = closing(300)
    stage.orders = [stage.listed(place), order(ES, "BUY", 1, perm_id=777, status="PendingCancel")]
    assert cancels(stage.tell(ev.PressedAgain())) == 0
    stage.run(1500)
    assert stage.cancels == 2, "the closer itself goes on until all are gone"


def test_an_order_of_a_dead_kill_is_not_the_closers_own() -> None:
    stage, place = closing()
    stage.orders = [stage.listed(place), OTHERS_CLOSE]
    assert cancels(stage.tell(ev.PressedAgain())) == 1


def test_orders_that_cannot_be_read_are_cancelled_unseen() -> None:
    stage, _ = closing()
    stage.orders = None
    assert cancels(stage.tell(ev.PressedAgain())) == 1


def test_a_look_that_does_not_come_in_time_is_not_waited_for() -> None:
    stage, _ = closing()
    stage.answers = False
    stage.tell(ev.PressedAgain())
    assert cancels(stage.run(900)) == 0
    assert cancels(stage.run(200)) == 1
    assert cancels(stage.run(2000)) == 0, "one press, one cancel"


def test_a_look_that_began_before_the_press_does_not_answer_it() -> None:
    stage, place = closing()
    stage.answers = False
    reads = [c for c in stage.run(600) if isinstance(c, ReadOrders)]
    stage.tell(ev.PressedAgain())
    stage.tell(ev.OrdersRead(reads[-1].read_id, (stage.listed(place),)))
    assert "press_spared" not in stage.said
    assert cancels(stage.run(1100)) == 1


def test_who_presses_during_the_look_of_another_gets_a_look_of_his_own() -> None:
    stage, place = closing()
    stage.answers = False
    read = next(c for c in stage.tell(ev.PressedAgain()) if isinstance(c, ReadOrders))
    stage.run(100)
    stage.tell(ev.PressedAgain())
    stage.tell(ev.OrdersRead(read.read_id, (stage.listed(place),)))
    assert "press_spared" not in stage.said
    assert cancels(stage.run(900)) == 0
    assert cancels(stage.run(200)) == 1


def test_while_tws_has_lost_ibkr_a_press_is_not_held_back() -> None:
    stage, _ = closing()
    stage.answers = False
    stage.tell(ev.PressedAgain())
    assert cancels(stage.tell(ev.BrokerLink(False, 1100))) == 1
    assert cancels(stage.tell(ev.PressedAgain())) == 1


def test_with_the_connection_gone_the_next_one_decides_anew() -> None:
    stage, _ = closing()
    stage.answers = False
    stage.tell(ev.PressedAgain(), ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    assert cancels(stage.run(3000)) == 0
    assert cancels(stage.tell(ev.Connected((ACCOUNT,), 9000))) == 1
    assert cancels(stage.run(900)) == 0


@pytest.mark.parametrize(("sent", "more"), [(1, 0), (2, 1)])
def test_a_close_that_fills_while_the_list_is_on_its_way_is_no_order_to_cancel(sent: int, more: int) -> None:
    """Its fill was heard before the list that still shows it; another close is at the exchange. Of one that was sent
    twice under its own id, it may be the second that is listed."""
    stage = Stage(held(CALL, 3), held(ES, 2)).begin(details_for=(ES,))
    first = stage.place
    if sent == 2:
        stage.orders = []
        stage.run(12_000)
        assert [place.key for place in stage.placed].count(first.key) == sent
    stage.acknowledge(first)
    stage.orders = [stage.listed(first)]
    stage.run(3000)
    stage.orders += [stage.listed(place) for place in stage.placed if place.key != first.key]
    stage.run(500)
    before = stage.cancels
    stage.fill(first)
    stage.run(300)
    assert stage.cancels == before + more


# a press of another program -------------------------------------------------------------------------------------------


def test_a_later_press_leaves_the_closing_orders_of_the_first_kill_alone() -> None:
    stage = joined(OTHERS_CLOSE)
    stage.run(20_000)
    assert stage.cancels == 0 and "press_spared" in stage.said
    assert not any("global cancel sent" in entry.text for entry in stage.report.timeline)


def test_a_later_press_cancels_what_is_not_the_first_kills_with_its_first_look() -> None:
    stage = joined(OTHERS_CLOSE, FOREIGN)
    assert stage.now_ns == 0 and stage.cancels == 1


def test_where_the_first_kill_has_not_cancelled_or_does_not_move_the_press_cancels_unseen() -> None:
    stage = Stage(held(CALL, 3), orders=[OTHERS_CLOSE]).press()
    stage.answers = False
    stage.tell(ev.LockBusy("pid 7"))
    assert cancels(stage.tell(ev.Connected((ACCOUNT,), 9000))) == 1


def test_a_first_kill_that_falls_silent_makes_the_press_cancel() -> None:
    stage = joined(OTHERS_CLOSE)
    stage.run(1000)
    assert cancels(stage.tell(ev.LockBusy("pid 7"))) == 1
    (said,) = [entry.text for entry in stage.report.timeline if entry.kind == "lock_silent"]
    assert said == "the other kill gives no sign of life: global cancel sent"
    assert cancels(stage.tell(ev.LockBusy("pid 7"))) == 0


def test_a_closer_that_has_just_taken_over_is_not_called_silent() -> None:
    """The one before it has ended well, and the new one has not said yet that its global cancel has left."""
    stage = joined(OTHERS_CLOSE)
    assert cancels(stage.tell(ev.LockBusy("pid 8"))) == 1
    (said,) = [entry.text for entry in stage.report.timeline if entry.kind == "lock_silent"]
    assert said == "another kill has taken over: global cancel sent"


def test_a_first_kill_that_falls_silent_while_nothing_is_connected_is_for_the_next_connection() -> None:
    stage = joined(OTHERS_CLOSE)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    assert cancels(stage.tell(ev.LockBusy("pid 7"))) == 0
    assert cancels(stage.tell(ev.Connected((ACCOUNT,), 9000))) == 1


def test_whoever_takes_over_cancels_at_once() -> None:
    stage = joined(OTHERS_CLOSE)
    stage.run(1000)
    assert cancels(stage.tell(ev.LockTaken(taken_from="pid 7"))) == 1


def test_who_takes_over_without_a_connection_cancels_on_the_next_one() -> None:
    stage = joined(OTHERS_CLOSE)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    assert cancels(stage.tell(ev.LockTaken())) == 0
    assert cancels(stage.tell(ev.Connected((ACCOUNT,), 9000))) == 1


def test_who_has_been_shut_out_spares_nothing_until_the_new_closer_has_spoken() -> None:
    stage, _ = closing()
    stage.tell(ev.LockLost())
    stage.orders = []
    stage.run(1000)
    assert cancels(stage.tell(ev.PressedAgain())) + stage.said.count("press_spared") > 0
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    assert cancels(stage.tell(ev.Connected((ACCOUNT,), 9000))) == 1


def test_repeats_are_the_closers_business_until_it_does_not_get_them_gone() -> None:
    alone = joined(OTHERS_CLOSE, FOREIGN, spare=False)
    assert cancels(alone.run(1500)) == 1
    stage = joined(OTHERS_CLOSE, FOREIGN)
    assert cancels(stage.run(4500)) == 0
    assert cancels(stage.run(1500)) == 1


@pytest.mark.parametrize(("spare", "unseen"), [(True, 0), (False, 1)])
def test_when_the_link_is_back_a_later_press_looks_first_too(spare: bool, unseen: int) -> None:
    stage = joined(OTHERS_CLOSE, spare=spare)
    stage.tell(ev.BrokerLink(False, 1100))
    stage.answers = False
    assert cancels(stage.tell(ev.BrokerLink(True, 1102))) == unseen
    assert cancels(stage.run(1500)) == 1 - unseen


def test_a_press_after_the_joined_one_looks_as_well() -> None:
    stage = joined(OTHERS_CLOSE, deadline_ns=60 * SECOND)
    stage.run(3000)
    stage.tell(ev.PressedAgain())
    stage.run(2000)
    assert stage.cancels == 0
    stage.orders = [OTHERS_CLOSE, FOREIGN]
    assert cancels(stage.tell(ev.PressedAgain())) == 1


def test_a_joined_press_that_never_had_to_cancel_tells_no_time_of_a_cancel() -> None:
    stage = joined(OTHERS_CLOSE, deadline_ns=30 * SECOND)
    stage.run(3000)
    stage.orders = []
    stage.run(28_000)
    assert stage.finished and stage.cancels == 0
    assert stage.report.timings.first_cancel_ms is None


# a kill before this one has died --------------------------------------------------------------------------------------

STOP = order(ES, "SELL", 3, order_type="STP", client_id=-1, status="Cancelled")
DEAD = ev.EarlierPress("dead", 4 * SECOND)


@pytest.mark.parametrize("told_late", [False, True])
def test_what_a_kill_cancelled_that_died_is_asked_for_and_told_by_the_next(told_late: bool) -> None:
    stage = Stage()
    stage.completed = [STOP]
    if told_late:
        stage.begin().tell(DEAD)
    else:
        stage.press().tell(DEAD, ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    assert stage.all(ReadCompleted)[-1].before_ns == 4 * SECOND
    assert [one.order_type for one in stage.report.cancelled] == ["STP"]
    assert stage.report.notes[0] == (
        "kill dead had begun 4.0 s before this one and not ended by the records then: "
        "what it cancelled and closed is listed here too"
    )


@pytest.mark.parametrize(("cancelled", "by_name"), [(True, False), (False, False), (True, True)])
def test_what_is_listed_as_cancelled_may_be_the_doing_of_another_kill_at_work(cancelled: bool, by_name: bool) -> None:
    """Of which no record tells: it has a state folder of its own."""
    stage = Stage().press()
    stage.completed = [STOP] if cancelled else []
    stage.tell(ev.LockBusy("process 7, kill x", spare=True), ev.Connected((ACCOUNT,), 9000))
    if by_name:
        stage.tell(DEAD)
    stage.run(2000)
    note = "another kill was at work here (process 7, kill x): what is listed as cancelled may be its doing"
    assert (note in stage.report.notes) is (cancelled and not by_name)


def test_one_that_has_given_no_name_is_told_without_one() -> None:
    stage = Stage().press()
    stage.completed = [STOP]
    stage.tell(ev.LockBusy("process 7", spare=True), ev.Connected((ACCOUNT,), 9000), ev.LockTaken(), ev.LockLost())
    stage.run(2000)
    assert "another kill was at work here: what is listed as cancelled may be its doing" in stage.report.notes


def test_nothing_is_asked_again_of_a_kill_that_is_known_or_is_this_one_or_without_a_connection() -> None:
    stage = Stage().begin()
    stage.tell(DEAD)
    asked = len(stage.all(ReadCompleted))
    stage.machine.kill_id = "mine.2"
    stage.tell(DEAD, ev.EarlierPress("mine", SECOND))
    assert len(stage.all(ReadCompleted)) == asked
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"), ev.EarlierPress("other", SECOND))
    assert len(stage.all(ReadCompleted)) == asked


@pytest.mark.parametrize(
    ("ref", "recent", "protective"),
    [
        ("QEKILL-dead.1-1", False, True),
        ("QEKILL-other.1-1", True, True),  # it has just ended
        ("QEKILL-other.1-1", False, False),  # this morning
        ("", True, False),
    ],
)
def test_a_stop_protected_what_the_kill_that_died_has_closed(ref: str, recent: bool, protective: bool) -> None:
    stage = Stage()
    stage.completed = [STOP]
    stage.executions = [execution(ES, -3, perm_id=900, order_ref=ref, recent=recent)]
    stage.press().tell(DEAD, ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    assert [one.protective for one in stage.report.cancelled] == [protective]


# TWS answers, and is not ready ----------------------------------------------------------------------------------------


def test_a_login_that_answers_gets_a_cancel_in_advance_and_another_one_when_it_is_ready() -> None:
    stage = Stage(orders=[FOREIGN]).press()
    assert [one for one in stage.tell(ev.Answering(9000)) if isinstance(one, GlobalCancel)] == [
        GlobalCancel(early=True)
    ]
    assert stage.report.timings.first_cancel_ms is None  # it may have been dropped
    stage.run(3000)
    told = stage.tell(ev.Connected((ACCOUNT,), 9000))
    assert [one for one in told if isinstance(one, GlobalCancel)] == [GlobalCancel()]


def test_a_cancel_in_advance_never_takes_closing_orders_with_it() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(ev.LockBusy("pid 7", spare=True))
    assert cancels(stage.tell(ev.Answering(9000))) == 0
    own, _ = closing()
    own.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"))
    assert cancels(own.tell(ev.Answering(9000))) == 0


def test_what_is_heard_of_another_connection_while_connected_changes_nothing() -> None:
    stage, _ = closing()
    stage.tell(ev.Answering(9001), ev.StillWaiting(ev.Trouble.SILENT, "silent"))
    assert stage.cancels == 1 and "cancel_early" not in stage.said and "waiting" not in stage.said
