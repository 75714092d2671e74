"""What a kill says, times and asks while it works: its timeline, the times of its report, its questions to TWS."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    MS,
    SECOND,
    D,
    GlobalCancel,
    ReadExecutions,
    ReadOrders,
    ReadPositions,
    Stage,
    ev,
    execution,
    held,
    option,
    order,
)
from engine.core.kill.commands import Command, ReadCompleted
from engine.core.kill.report import LoginOutcome

CALL = option(11)
FOREIGN = order(ES, "BUY", 1, perm_id=777)
ANOTHER = order(ES, "BUY", 1, perm_id=778, order_id=4)
OTHERS_CLOSE = order(CALL, "SELL", 3, order_ref="QEKILL-other-1", client_id=9001)
GONE = ev.Disconnected(ev.Trouble.CLOSED, "gone")
CONNECTED = ev.Connected((ACCOUNT, "DU2"), 9000)


def told(stage: Stage, kind: str) -> list[str]:
    return [entry.text for entry in stage.report.timeline if entry.kind == kind]


def cancels(commands: list[Command]) -> int:
    return sum(isinstance(command, GlobalCancel) for command in commands)


# connections ----------------------------------------------------------------------------------------------------------


def test_each_connection_is_told_with_its_client_its_accounts_and_its_cancel() -> None:
    stage = Stage().press()
    stage.tell(CONNECTED, GONE, ev.Connected((ACCOUNT, "DU2"), 9001))
    assert told(stage, "connected") == [
        "connected as client 9000, accounts DU1, DU2; global cancel sent",
        "connected again as client 9001, accounts DU1, DU2; global cancel sent",
    ]


def test_a_connection_whose_cancel_waits_for_a_look_says_so() -> None:
    stage = Stage().press()
    stage.answers = False
    stage.tell(ev.LockBusy("pid 7", True), CONNECTED)
    assert told(stage, "connected") == [
        "connected as client 9000, accounts DU1, DU2; looking before another global cancel"
    ]


def test_a_lost_connection_is_told_with_its_reason_and_the_same_failure_once() -> None:
    stage = Stage().begin()
    stage.tell(GONE)
    for _ in range(3):
        stage.run(500)
        stage.tell(ev.Disconnected(ev.Trouble.REFUSED, "nobody listens"))
    assert told(stage, "disconnected") == ["gone", "nobody listens"]


@pytest.mark.parametrize(("spare", "kind"), [(False, "cancel_early"), (True, "answering")])
def test_a_login_that_answers_and_is_not_ready_is_told_with_what_was_sent(spare: bool, kind: str) -> None:
    stage = Stage().press()
    stage.tell(ev.LockBusy("pid 7", spare), ev.Answering(9000))
    stays = "TWS answers and is not ready yet for client 9000: staying on this connection"
    assert told(stage, kind) == [stays if spare else f"{stays}; global cancel sent in advance, which it may drop"]


def test_that_a_connection_is_waited_for_is_told_with_the_reason() -> None:
    stage = Stage().press()
    stage.tell(ev.StillWaiting(ev.Trouble.SILENT, "a dialog is open"))
    assert told(stage, "waiting") == ["a dialog is open"]


def test_that_no_lock_could_be_had_is_told() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.tell(ev.LockTaken(shared_nothing=True))
    assert told(stage, "no_lock") == list(stage.report.notes) != []


@pytest.mark.parametrize("news", [ev.PositionChanged(held(CALL, 2)), ev.OrderSeen(777, "Submitted")])
def test_a_position_that_has_moved_and_an_order_that_shows_bring_a_look_very_soon(news: ev.Event) -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(5000)  # the looks are half a second apart by now
    while not any(isinstance(one, ReadOrders) for one in stage.run(10)):
        pass
    heard = [*stage.tell(news), *stage.run(60)]
    assert any(isinstance(one, ReadOrders) for one in heard)


@pytest.mark.parametrize(
    ("news", "flat"),
    [
        (ev.PositionChanged(held(CALL, 1)), False),
        (ev.OrderSeen(777, "Submitted"), False),
        (ev.PositionChanged(held(CALL, 0)), True),  # it is gone: that is no reason to doubt
    ],
)
def test_what_opens_just_before_the_second_look_makes_it_the_first_half_of_a_proof(news: ev.Event, flat: bool) -> None:
    stage = Stage().begin()
    stage.run(390)  # the second look is due in 10 ms
    stage.tell(news)
    stage.run(100)
    assert stage.finished is flat


# presses --------------------------------------------------------------------------------------------------------------


def test_another_press_is_one_more_cancel_without_a_look_of_its_own_and_is_told_so() -> None:
    stage = Stage(orders=[FOREIGN]).begin()
    stage.run(2900)  # the looks are half a second apart by now
    pressed = stage.tell(ev.PressedAgain())
    assert cancels(pressed) == 1 and not any(isinstance(one, ReadOrders) for one in pressed)
    by = "it reports with the first press, in 117 s at the latest"
    assert told(stage, "pressed_again") == [f"pressed again: joined, one more global cancel; {by}"]


def test_another_press_beside_closing_orders_is_told_to_look_for_others() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.tell(ev.PressedAgain())
    assert told(stage, "pressed_again") == [
        "pressed again: joined, looking for orders beside the closing orders; "
        "it reports with the first press, in 120 s at the latest",
    ]


def test_a_press_behind_the_result_is_not_told_when_that_comes() -> None:
    stage = Stage(quarantine_ns=60 * SECOND).begin()
    stage.run(5000)
    assert stage.report.flat
    stage.tell(ev.PressedAgain())
    assert told(stage, "pressed_again") == ["pressed again: joined, one more global cancel"]


def test_a_look_that_answers_no_press_is_followed_by_the_one_that_does_at_once() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    ours = stage.orders = [stage.listed(stage.place)]
    stage.run(3000)
    stage.answers = False
    [read] = [one for one in stage.tell(ev.PressedAgain()) if isinstance(one, ReadOrders)]
    stage.run(100)
    stage.tell(ev.PressedAgain())  # its look has to begin now, and one is under way
    number = read.read_id
    stage.tell(ev.OrdersRead(number, tuple(ours)), ev.PositionsRead(number + 1, tuple(stage.positions or ())))
    answered = stage.tell(ev.ExecutionsRead(number + 2, ()))
    assert any(isinstance(one, ReadOrders) for one in answered)


def test_that_a_close_may_yet_arrive_is_told_with_how_long_it_is_waited_for() -> None:
    stage = Stage(held(CALL, 3), stray_ns=30 * SECOND).begin()
    stage.tell(ev.CloseOrphaned(1, may_arrive=True))
    assert told(stage, "stray") == [
        "closing orders may yet arrive over a connection that fell silent: "
        "not sent again for 30 s, unless TWS ends that connection"
    ]


# times ----------------------------------------------------------------------------------------------------------------


def test_the_times_are_those_of_the_first_cancel_and_of_when_the_first_and_the_last_close_left() -> None:
    stage = Stage(held(CALL, 3)).press()
    stage.run(100)
    stage.tell(ev.LockTaken(), CONNECTED)
    first = stage.place
    assert stage.report.timings.first_close_ms is None  # it waits for room on a connection
    stage.run(30)
    stage.tell(ev.CloseSent(first.key))
    stage.reject(first, 201, "not now")
    stage.tell(ev.CloseSent(stage.next_place().key))
    timings = stage.report.timings
    assert (timings.first_cancel_ms, timings.first_close_ms) == (100, 130)
    assert timings.last_close_ms == stage.now_ns / MS > 500


def come_and_gone() -> Stage:
    """Somebody's order goes, another one comes two seconds later, and goes too."""
    stage = Stage(held(CALL, 3), orders=[FOREIGN]).press()
    stage.tell(ev.LockBusy("pid 7"), CONNECTED)
    for orders in ([], [ANOTHER], []):
        stage.orders = list(orders)
        stage.run(2000)
    return stage


def test_that_no_orders_are_left_is_told_again_and_timed_anew_when_some_have_come_since() -> None:
    stage = come_and_gone()
    assert told(stage, "orders_gone") == ["no working orders are left"] * 2
    assert stage.report.timings.orders_gone_ms is not None and stage.report.timings.orders_gone_ms > 4000


# questions ------------------------------------------------------------------------------------------------------------


def test_what_was_cancelled_is_asked_for_each_time_by_a_number_of_its_own() -> None:
    stage = come_and_gone()
    reads = [*stage.all(ReadOrders), *stage.all(ReadPositions), *stage.all(ReadExecutions), *stage.all(ReadCompleted)]
    numbers = [one.read_id for one in reads]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(("ago_s", "before_s"), [((), 0), ((4, 9), 9), ((9, 4), 9)])
def test_it_is_asked_for_as_far_back_as_the_first_kill_that_died(ago_s: tuple[int, ...], before_s: int) -> None:
    stage = Stage().press()
    stage.tell(*(ev.EarlierPress(f"dead{n}", seconds * SECOND) for n, seconds in enumerate(ago_s)))
    stage.tell(ev.LockTaken(), CONNECTED)
    assert stage.all(ReadCompleted)[-1].before_ns == before_s * SECOND


def test_completed_orders_that_nobody_asked_for_were_not_cancelled_by_the_kill() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.CompletedRead(99, (FOREIGN,)))
    assert stage.report.cancelled == ()


def test_what_completed_orders_tell_counts_whatever_they_were_asked_for() -> None:
    """A dead kill's order fills behind the first look; executions and positions are late, and only the list that says
    what was cancelled tells of it."""
    stage = Stage(held(CALL, 3), takeover_settle_ns=SECOND, settle_ns=SECOND).press()
    stage.tell(ev.LockBusy("pid 7"), CONNECTED)
    asked = stage.all(ReadCompleted)[-1]
    dead = order(CALL, "SELL", 1, order_ref="QEKILL-dead-1of3", perm_id=77, filled=D(1))
    stage.tell(ev.CompletedRead(asked.read_id, (), (dead,)), ev.LockTaken())
    assert stage.next_place().quantity == 2


@pytest.mark.parametrize("taken", [ev.LockTaken(), ev.LockTaken(shared_nothing=True)])
def test_behind_another_kill_completed_orders_are_asked_for_before_anything_is_sized(taken: ev.LockTaken) -> None:
    """Its last order has filled behind the first look; executions and positions are late."""
    stage = Stage(held(CALL, 3), takeover_settle_ns=SECOND, nothing_shared_settle_ns=SECOND).press()
    stage.tell(ev.LockBusy("pid 7"), CONNECTED, taken)
    stage.run(500)
    asked = len(stage.all(ReadCompleted))
    stage.ended = [order(CALL, "SELL", 1, order_ref="QEKILL-dead-1of3", perm_id=77, filled=D(1))]
    assert stage.next_place().quantity == 2
    assert len(stage.all(ReadCompleted)) == asked + 1, "and once only"


def test_an_old_list_that_comes_late_takes_no_proof_back() -> None:
    stage = Stage(quarantine_ns=20 * SECOND).begin()
    stage.run(1000)
    assert stage.report.flat
    stage.tell(ev.OrdersRead(99, (FOREIGN,)))
    assert stage.report.flat and told(stage, "not_flat") == []


@pytest.mark.parametrize("others", [True, False])
def test_orders_that_come_while_closing_orders_are_at_work_are_cancelled_with_patience(others: bool) -> None:
    """Another kill's or this one's: a global cancel would take them too."""
    stage = Stage(held(CALL, 3), cancel_again_ns=SECOND, cancel_new_ns=100 * MS).press()
    stage.tell(ev.LockBusy("pid 7") if others else ev.LockTaken(), CONNECTED)
    if others:
        at_work = OTHERS_CLOSE
    else:
        stage.acknowledge(stage.place)
        at_work = stage.listed(stage.place)
    stage.orders = [at_work]
    stage.run(300)
    stage.orders = [at_work, FOREIGN]
    assert cancels(stage.run(500)) == 0
    assert cancels(stage.run(1000)) == 1


# the report -----------------------------------------------------------------------------------------------------------


def test_a_flat_report_names_nothing_as_left_and_no_trouble() -> None:
    stage = Stage(held(CALL, 3), quarantine_ns=20 * SECOND).begin()
    place = stage.place
    stage.fill(place)
    stage.run(3000)
    assert told(stage, "finished") == ["flat"] and stage.report.trouble == ""
    late = execution(CALL, -3, "late.01", order_ref=place.order_ref, perm_id=901)
    stage.tell(ev.CloseFill(place.key, late))  # what comes of it the next look shows
    assert stage.report.flat and stage.residue == []


def test_a_report_of_what_is_left_has_no_trouble_with_the_reads() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=5 * SECOND).begin()
    stage.run(5000)
    assert stage.report.outcome is LoginOutcome.RESIDUE and stage.report.trouble == ""


def test_each_read_that_failed_is_in_the_trouble() -> None:
    stage = Stage(deadline_ns=5 * SECOND)
    stage.positions = None
    stage.begin()
    stage.orders = None
    stage.run(5000)
    assert stage.report.trouble == (
        "positions could not be read: no answer within 3 s; open orders could not be read: no answer within 3 s"
    )


def test_that_another_kills_closes_went_with_the_cancel_is_noted_and_what_came_of_it_once_all_is_flat() -> None:
    stage = Stage(held(CALL, 3), orders=[OTHERS_CLOSE]).begin()
    stage.orders = []
    place = stage.next_place()
    went = "1 closing order of a kill went with a global cancel"
    assert stage.report.notes == (went,)
    stage.fill(place)
    stage.run(3000)
    assert stage.report.flat
    assert stage.report.notes == (f"{went}; what was still needed was sent again",)


def test_of_several_orders_of_this_kill_none_is_noted_as_gone_with_a_cancel() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.reject(stage.place, 201, "not now")
    place = stage.next_place()
    stage.acknowledge(place)
    stage.orders = [stage.listed(place)]
    stage.run(300)
    stage.tell(ev.CloseStatus(place.key, "Cancelled", D(0), 902))
    stage.run(100)  # the list is late
    stage.orders = []
    stage.fill(stage.next_place())
    stage.run(3000)
    assert place.key == 2 and stage.report.flat and stage.report.notes == ()


def test_a_stop_protected_what_the_kill_under_way_has_closed_long_before() -> None:
    stage = Stage()
    stage.executions = [execution(CALL, -3, "other.1.01", order_ref="QEKILL-k9.1-1", perm_id=601, recent=False)]
    stop = order(CALL, "SELL", 3, order_type="STP")
    stage.orders = [stop, order(ES, "SELL", 1, order_ref="QEKILL-k9.1-2", perm_id=602)]
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), CONNECTED)
    stage.orders = []
    stage.run(3000)
    assert [(one.quantity, one.protective) for one in stage.report.cancelled] == [(D(3), True)]


@pytest.mark.parametrize(("accounts", "begins"), [((ACCOUNT,), "ESZ6: "), ((ACCOUNT, "DU2"), f"{ACCOUNT} ESZ6: ")])
def test_where_a_login_has_several_accounts_each_closing_order_says_whose_it_is(
    accounts: tuple[str, ...], begins: str
) -> None:
    stage = Stage(held(ES, 1)).press()
    stage.tell(ev.LockTaken(), ev.Connected(accounts, 9000))
    stage.run(2000)
    stage.tell(ev.CloseSent(stage.place.key))
    assert told(stage, "close_sent")[0].startswith(begins)


def test_why_a_look_failed_is_said_once_until_one_is_complete_again() -> None:
    stage = Stage(held(ES, 1)).begin()

    def fails(times: int) -> None:
        stage.answers = False
        for _ in range(times):
            stage.run(1000)
            stage.tell(ev.ReadFailed(stage.all(ReadOrders)[-1].read_id, "no answer"))
        stage.answers = True

    fails(3)
    assert told(stage, "read_failed") == ["no answer"]
    stage.run(5000)
    fails(2)
    assert told(stage, "read_failed") == ["no answer"] * 2
