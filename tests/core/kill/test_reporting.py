"""The report's lists: what is closed is no residue, what is left is not closed, and each names its own account."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ES,
    SECOND,
    D,
    ReadOrders,
    ReadPositions,
    Stage,
    details,
    ev,
    execution,
    held,
    option,
    order,
)
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill.commands import ReadCompleted
from engine.core.kill.outcome.reporting import FILLED_SINCE, list_may_be_short
from engine.core.kill.report import LoginOutcome, ResidueReason

CALL = option(11)


def test_one_of_two_positions_is_closed_and_the_other_is_left() -> None:
    stage = Stage(held(CALL, 3), held(ES, 2, "DU2"), deadline_ns=20 * SECOND).begin()
    stage.fill(next(place for place in stage.placed if place.contract.con_id == CALL.con_id))
    stage.tell(ev.Unresolved(ES.con_id, "nobody knows"))
    stage.run(21_000)
    report = stage.report
    assert report.outcome is LoginOutcome.RESIDUE
    assert [(one.account, one.contract, one.quantity, one.orders_sent) for one in report.closed] == [
        ("DU1", CALL, 3, 1)
    ]
    assert [(one.account, one.contract.con_id, one.quantity) for one in report.residue] == [("DU2", ES.con_id, 2)]


@pytest.mark.parametrize("side", [1, -1])
def test_a_position_of_which_a_part_was_closed_says_how_much(side: int) -> None:
    stage = Stage(held(ES, 10 * side), deadline_ns=20 * SECOND).begin(details_for=(ES,))
    stage.fill(stage.next_place(), 7)
    stage.run(21_000)
    report = stage.report
    assert report.closed == ()
    told = [(one.account, one.contract, one.quantity, one.filled, one.avg_price) for one in report.partly_closed]
    assert told == [("DU1", ES, 10 * side, 7, 10)]
    assert [one.quantity for one in report.residue if one.contract == ES] == [3 * side]


def test_a_position_that_was_closed_whole_was_not_closed_in_part() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.fill(stage.next_place())
    stage.run(21_000)
    assert stage.report.closed and not stage.report.partly_closed


def test_what_the_first_strike_has_cancelled_is_told_with_its_size_and_its_owner() -> None:
    stage = Stage(held(ES, 3))
    stage.press()
    stage.tell(ev.FirstLook((order(ES, "SELL", 3, order_type="STP"), order(ES, "BUY", 1, order_ref="QEKILL-k-1"))))
    stage.tell(ev.LockTaken(), ev.Connected(("DU1",), 9000, cancel_sent=True), ev.Resolved(ES.con_id, details(ES)))
    stage.fill(stage.next_place())
    stage.run(21_000)
    [gone] = stage.report.cancelled
    assert (gone.client_id, gone.quantity, gone.protective) == (7, 3, True)


def test_an_order_that_a_list_shows_gone_is_told_though_no_look_comes_to_its_end() -> None:
    """A stop that went with the cancel, and positions that cannot be read: the worst of both."""
    stage = Stage(orders=[order(ES, "SELL", 3, order_type="STP")], deadline_ns=5 * SECOND)
    stage.positions = None
    stage.begin()
    assert stage.report.cancelled == () and stage.reasons == [ResidueReason.WORKING_ORDER]
    stage.orders = []
    stage.run(6000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN and stage.residue == []
    [gone] = stage.report.cancelled
    assert (gone.client_id, gone.quantity, gone.protective) == (7, 3, None)


def test_an_order_that_filled_is_not_called_cancelled_though_no_look_comes_to_its_end() -> None:
    stage = Stage(orders=[order(ES, "SELL", 3)], deadline_ns=5 * SECOND)
    stage.positions = None
    stage.begin()
    stage.orders, stage.executions = [], [execution(ES, -3)]
    stage.run(1000)
    assert stage.report.cancelled == ()


def test_an_order_that_went_before_any_list_is_told_by_the_completed_orders_of_the_first_look() -> None:
    stage = Stage(held(ES, 3))
    stage.completed = [order(ES, "SELL", 3, order_type="STP", client_id=-1)]
    stage.begin(details_for=(ES,))
    [gone] = stage.report.cancelled
    assert (gone.client_id, gone.protective) == (-1, True)


def test_where_completed_orders_are_not_told_the_list_of_cancelled_orders_may_be_short_and_says_so() -> None:
    """Server versions below 150 do not tell them."""
    failures = {"positions": "cut", "completed orders": "this TWS is too old"}
    [note] = list_may_be_short(failures)
    assert note == (
        "TWS has not told its completed orders (this TWS is too old): orders that were cancelled before the first list "
        "was read are missing among the cancelled"
    )
    stage = Stage(held(ES, 3))
    stage.press()
    stage.tell(ev.LockTaken())
    stage.answers = False
    stage.tell(ev.Connected(("DU1",), 9000))
    stage.tell(ev.OrdersRead(stage.all(ReadOrders)[0].read_id, ()))
    stage.tell(ev.PositionsRead(stage.all(ReadPositions)[0].read_id, ()))
    [read] = stage.all(ReadCompleted)
    stage.tell(ev.ReadFailed(read.read_id, "this TWS is too old"))
    assert stage.report.notes == (note,)
    stage.tell(ev.CompletedRead(read.read_id, ()))
    assert stage.report.notes == () == list_may_be_short({"positions": "cut"})


def test_where_no_list_of_orders_came_the_report_says_that_it_cannot_name_what_the_cancel_took() -> None:
    stage = Stage(deadline_ns=5 * SECOND)
    stage.orders = None
    stage.begin()
    stage.run(6000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN
    [note] = [note for note in stage.report.notes if "protective stops among them" in note]
    assert note.startswith("The global cancel was sent, and no list of orders could be read: ")
    told = Stage(deadline_ns=5 * SECOND)
    told.positions = None
    told.begin()
    told.run(6000)
    assert told.report.outcome is LoginOutcome.UNKNOWN
    assert not [note for note in told.report.notes if "protective stops among them" in note]


def test_what_was_open_behind_the_first_cancel_and_not_read_since_is_told_as_last_seen() -> None:
    stage = Stage(deadline_ns=5 * SECOND)
    stage.orders = None
    stage.press()
    stage.tell(ev.FirstLook((order(ES, "SELL", 3),)), ev.LockTaken(), ev.Connected(("DU1",), 9000, cancel_sent=True))
    stage.run(6000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN
    assert stage.report.cancelled == () and stage.reasons == [ResidueReason.WORKING_ORDER]


def test_a_working_order_that_is_left_has_the_sign_of_its_side() -> None:
    def left(side: str, perm_id: int) -> WorkingOrder:
        return order(ES, side, 3, perm_id=perm_id, filled=D(1))

    stage = Stage(orders=[left("BUY", 501), left("SELL", 502)], deadline_ns=5 * SECOND).begin()
    stage.run(6000)
    assert [one.quantity for one in stage.residue] == [2, -2]
    assert {one.reason for one in stage.residue} == {ResidueReason.WORKING_ORDER}


def test_of_a_position_that_only_executions_tell_of_it_is_said_that_no_list_shows_it() -> None:
    stage = Stage(deadline_ns=5 * SECOND).begin()
    assert stage.executions is not None
    stage.executions.append(execution(ES, 2, "late.01"))
    stage.run(1000)
    unconfirmed = [one for one in stage.residue if not one.order]
    told = "by its trades; TWS's list shows none: look before you close it by hand"
    assert [(one.quantity, one.reason, one.detail) for one in unconfirmed] == [
        (2, ResidueReason.POSITION_UNCONFIRMED, told)
    ]


def test_what_the_kill_has_closed_and_no_list_shows_yet_is_said_once_and_not_as_not_closed() -> None:
    """A report said both: closed 3 of long 3, and not closed: long 3."""
    stage = Stage(held(option(11), 3), deadline_ns=9 * SECOND).begin()
    stage.acknowledge(stage.place)
    positions = stage.positions
    stage.fill(stage.place)
    stage.orders, stage.positions = None, positions
    stage.run(9000)
    assert stage.report.partly_closed[0].filled == 3
    assert [(one.quantity, one.reason, one.detail) for one in stage.residue] == [
        (3, ResidueReason.POSITION_UNCONFIRMED, FILLED_SINCE)
    ]


def test_what_only_a_newer_list_shows_where_all_was_traded_away_is_unconfirmed_without_words() -> None:
    stage = Stage(deadline_ns=9 * SECOND)
    stage.executions = [execution(ES, 2, "1.01"), execution(ES, -2, "2.01")]
    stage.begin()
    stage.orders, stage.positions = None, [held(ES, 2)]
    stage.run(2000)
    assert [(one.quantity, one.reason, one.detail) for one in stage.residue] == [
        (2, ResidueReason.POSITION_UNCONFIRMED, "")
    ]


def test_while_the_link_is_down_such_a_position_has_none_either() -> None:
    stage = Stage(deadline_ns=5 * SECOND).begin()
    assert stage.executions is not None
    stage.executions.append(execution(ES, 2, "late.01"))
    stage.run(1000)
    stage.tell(ev.BrokerLink(False, 1100))
    assert [(one.reason, one.detail) for one in stage.residue if not one.order] == [(ResidueReason.LINK_DOWN, "")]


def test_who_keeps_sending_is_the_reason_where_only_executions_tell_of_the_position() -> None:
    stage = Stage(orders=[order(ES, "BUY", 1)], deadline_ns=9 * SECOND).begin()
    assert stage.executions is not None
    stage.run(1500)
    for number in (1, 2):
        stage.executions.append(execution(ES, 2, f"late.{number}.01", perm_id=70 + number, client_id=42))
        stage.run(600)
    [one] = [one for one in stage.residue if not one.order]
    assert (one.reason, one.detail) == (ResidueReason.STILL_SENDING, "stop the program with client id 42")


def test_what_only_a_person_can_close_keeps_its_reason_although_somebody_keeps_sending_there() -> None:
    stays = order(ES, "BUY", 1)
    stage = Stage(held(CALL, 3), orders=[stays], deadline_ns=20 * SECOND, orders_patience_ns=0).begin()
    stage.reject(stage.place, 10243, "fractional")
    stage.run(1500)
    for number in (1, 2):
        stage.orders = [stays, order(CALL, "BUY", 1, perm_id=70 + number, client_id=42)]
        stage.run(600)
    assert stage.report.senders
    assert left(stage)[0] is ResidueReason.FRACTIONAL


def test_of_a_close_that_tws_has_not_shown_nobody_says_that_it_is_at_the_exchange() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=2 * SECOND).begin()
    assert left(stage)[0] is ResidueReason.CLOSE_NOT_SENT
    stage.tell(ev.CloseSent(stage.place.key))
    stage.run(2100)
    assert stage.reasons == [ResidueReason.CLOSE_UNACKNOWLEDGED]


def test_a_close_that_is_under_way_needs_no_words() -> None:
    assert left(unfilled()) == (ResidueReason.CLOSE_WORKING, "")


# what has become of a closing order that did not fill -----------------------------------------------------------------


def unfilled(deadline_s: int = 12) -> Stage:
    """It rests at the exchange, and nobody takes it."""
    stage = Stage(held(CALL, 3), deadline_ns=deadline_s * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    return stage


def withdrawn(stage: Stage, words: str = "Order Canceled - reason:") -> None:
    """TWS answers the cancel as it does: the status first, then the error."""
    assert stage.orders is not None
    stage.orders.clear()
    stage.tell(ev.CloseStatus(stage.place.key, "Cancelled", D(0), 901), ev.CloseError(stage.place.key, 202, words))


def left(stage: Stage) -> tuple[ResidueReason, str]:
    [one] = [one for one in stage.residue if not one.order]
    return one.reason, one.detail


@pytest.mark.parametrize("deadline_s", [4, 5, 8, 12])
def test_a_close_that_this_kill_has_withdrawn_is_neither_working_nor_refused(deadline_s: int) -> None:
    stage = unfilled(deadline_s)
    stage.run(deadline_s * 1000 - min(deadline_s * 250, 3000) + 50)
    assert stage.withdrawn == [1]
    withdrawn(stage)
    stage.run(3000)
    assert stage.finished and left(stage) == (ResidueReason.CLOSE_WITHDRAWN, "")


def test_a_withdrawal_that_nobody_has_confirmed_is_told_as_that() -> None:
    stage = unfilled()
    stage.run(8000)
    assert left(stage) == (ResidueReason.CLOSE_WORKING, "")
    stage.run(5000)
    assert stage.finished
    assert left(stage) == (ResidueReason.CLOSE_WORKING, "it is withdrawn, and TWS has not confirmed that")


def test_what_was_objected_to_an_order_before_it_is_not_why_it_has_not_filled() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=12 * SECOND).begin()
    stage.reject(stage.place, 201, "margin")
    second = stage.next_place()
    assert left(stage) == (ResidueReason.REJECTED, "201: margin")
    stage.acknowledge(second)
    assert left(stage) == (ResidueReason.CLOSE_WORKING, "")
    stage.orders = [stage.listed(second)]
    stage.run(9500)
    withdrawn(stage)
    stage.run(3000)
    assert stage.finished and left(stage) == (ResidueReason.CLOSE_WITHDRAWN, "")


def test_while_the_link_is_down_what_the_broker_last_said_is_still_told() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=12 * SECOND).begin()
    stage.reject(stage.place, 201, "margin")
    stage.tell(ev.BrokerLink(False, 1100))
    assert left(stage) == (ResidueReason.LINK_DOWN, "201: margin")


def test_a_kill_that_has_lost_its_right_names_nobody_before_it_knows_who_has_it() -> None:
    stage = Stage(held(CALL, 3))
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), ev.Connected(("DU1",), 9000))
    stage.run(1000)
    assert left(stage) == (ResidueReason.ANOTHER_KILL, "pid 7")
    stage.tell(ev.LockTaken(), ev.LockLost())
    assert left(stage) == (ResidueReason.ANOTHER_KILL, "")


def test_a_close_that_somebody_else_has_cancelled_was_not_refused() -> None:
    stage = unfilled()
    withdrawn(stage)
    assert left(stage) == (ResidueReason.CLOSE_CANCELLED, "")


def test_a_cancel_that_the_broker_explains_is_a_refusal() -> None:
    stage = unfilled()
    withdrawn(stage, "Order Canceled - reason:Insufficient buying power")
    assert left(stage) == (ResidueReason.REJECTED, "202: Order Canceled - reason:Insufficient buying power")


# a program that goes on -----------------------------------------------------------------------------------------------


def besieged(*positions: PositionFact, steps: int = 30, **settings: int) -> Stage:
    """Client 42 sends an order in the contract four times a second; none of them stays longer than that."""
    stage = Stage(*positions, orders=[order(CALL, "BUY", 1, perm_id=599, client_id=42)], **settings).begin()
    stage.run(1000)
    for step in range(steps):
        stage.orders = [order(CALL, "BUY", 1, perm_id=600 + step, client_id=42, order_id=step + 1)]
        stage.run(250)
    return stage


def test_what_a_program_keeps_trading_is_left_for_that_reason_and_names_it() -> None:
    stage = besieged(held(CALL, 3), deadline_ns=60 * SECOND)
    assert left(stage) == (ResidueReason.STILL_SENDING, "stop the program with client id 42")
    assert [(s.client_id, s.still) for s in stage.report.senders] == [(42, True)]
    assert stage.said.count("still_sending") == 1 and stage.cancels > 25


def test_a_contract_that_it_does_not_trade_has_its_own_reason() -> None:
    stage = besieged(held(ES, 2), deadline_ns=60 * SECOND)
    assert left(stage)[0] is not ResidueReason.STILL_SENDING


def test_around_orders_that_keep_coming_a_contract_is_closed_after_a_second_but_for_options() -> None:
    """What rests is never the same order twice; a US option is not taken with orders on both sides."""
    stage = Stage(held(CALL, 3), held(ES, 9), deadline_ns=60 * SECOND)
    stage.orders = [order(ES, "SELL", 1, perm_id=599, client_id=42), order(CALL, "SELL", 1, perm_id=699, client_id=42)]
    stage.begin(details_for=(ES,))
    for step in range(24):
        stage.run(250)
        stage.orders = [
            order(ES, "SELL", 1, perm_id=600 + step, client_id=42, order_id=step + 1),
            order(CALL, "SELL", 1, perm_id=700 + step, client_id=42, order_id=100 + step),
        ]
    assert [(place.contract.con_id, place.quantity) for place in stage.placed] == [(ES.con_id, 8)]


def test_while_a_program_keeps_sending_it_looks_more_often() -> None:
    stage = besieged(deadline_ns=60 * SECOND)
    stage.orders = [order(CALL, "BUY", 1, perm_id=601, client_id=42)]
    looks = len(stage.all(ReadOrders))
    stage.run(3000)
    assert len(stage.all(ReadOrders)) - looks >= 18  # every 150 ms, and not every 500
    stage.run(3000)
    looks = len(stage.all(ReadOrders))
    stage.run(3000)
    assert len(stage.all(ReadOrders)) - looks <= 7


def test_while_a_program_keeps_sending_it_is_not_told_each_time_that_all_orders_are_gone() -> None:
    stage = besieged(held(CALL, 3), deadline_ns=60 * SECOND)
    for step in range(20):
        stage.orders = (
            [order(CALL, "BUY", 1, perm_id=700 + step, client_id=42, order_id=step + 100)] if step % 2 else []
        )
        stage.run(250)
    assert 1 <= stage.said.count("orders_gone") <= 3


# an order that was heard of, and a connection that is lost ------------------------------------------------------------


def test_an_order_that_was_acknowledged_before_the_connection_was_lost_is_called_working() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=5 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    stage.run(6000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN
    assert [(one.reason, one.detail) for one in stage.residue] == [(ResidueReason.CLOSE_WORKING, "")]


def test_an_order_that_was_cancelled_with_the_last_words_of_a_connection_is_not_called_working() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=5 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.machine.handle(ev.CloseStatus(stage.place.key, "Cancelled", D(0), 901), stage.now_ns, more=True)
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "gone"))
    stage.run(6000)
    assert stage.reasons == [ResidueReason.OUT_OF_TIME]


def test_a_residue_is_of_one_moment_though_a_part_of_a_newer_look_is_there() -> None:
    stage = Stage(held(CALL, 3), orders=[order(ES, "BUY", 1)], deadline_ns=5 * SECOND).begin()
    stage.run(4500)
    stage.orders, stage.positions = [], None
    stage.run(1000)
    assert stage.report.outcome is LoginOutcome.RESIDUE
    assert ResidueReason.WORKING_ORDER in stage.reasons


def test_a_flat_report_names_no_residue_until_a_look_has_shown_what_came_behind_it() -> None:
    stage = Stage(held(CALL, 3), quarantine_ns=30 * SECOND).begin()
    place = stage.place
    stage.fill(place)
    stage.run(3000)
    assert stage.report.flat
    stage.answers = False
    stage.fill(place, 1)
    assert stage.report.flat and stage.residue == []
    stage.answers, stage.positions = True, [held(CALL, -1)]
    stage.run(5000)
    assert not stage.report.flat and [one.quantity for one in stage.residue] == [-1]
