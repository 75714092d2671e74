"""What is held is told where TWS does not tell its open orders, and nothing is closed or proven by it."""

from __future__ import annotations

from core.kill.builders import (
    ACCOUNT,
    ES,
    MS,
    SECOND,
    D,
    ReadOrders,
    ReadPositions,
    Say,
    Stage,
    ev,
    execution,
    held,
    option,
    order,
    stock,
)
from engine.core.contracts import Contract
from engine.core.kill.commands import ReadWorth
from engine.core.kill.looks.shown import NAMES_MAX, NO_ORDERS, Shown
from engine.core.kill.looks.survey import Surveyor
from engine.core.kill.report import LoginOutcome, ResidueReason

CALL = option(11)
NAMELESS = Contract(symbol="CL", sec_type="FUT", local_symbol="CLF7")


def unlisted(*positions: object, **settings: int) -> Stage:
    """A TWS that answers everything but its open orders."""
    stage = Stage(*positions, **{"deadline_ns": 10 * SECOND, **settings})  # type: ignore[arg-type]
    stage.orders = None
    return stage


def left(stage: Stage) -> list[tuple[str, int, ResidueReason]]:
    return [(item.contract.symbol, int(item.quantity), item.reason) for item in stage.residue]


# the report -----------------------------------------------------------------------------------------------------------


def test_what_is_held_is_listed_though_no_look_was_ever_complete() -> None:
    stage = unlisted(held(ES, 3), held(CALL, -2)).begin()
    stage.run(10_000)
    assert stage.report.outcome is LoginOutcome.UNKNOWN and not stage.placed
    assert left(stage) == [("ES", 3, ResidueReason.ORDERS_UNREAD), ("SPY", -2, ResidueReason.ORDERS_UNREAD)]
    assert [(item.first_seen, item.detail) for item in stage.residue] == [(D(3), ""), (D(-2), "")]
    assert "open orders could not be read" in stage.report.trouble


def test_what_changes_meanwhile_is_listed_as_it_is_now() -> None:
    stage = unlisted(held(ES, 3)).begin()
    stage.positions = [held(ES, 5), held(CALL, 1)]
    stage.run(10_000)
    assert left(stage) == [("ES", 5, ResidueReason.ORDERS_UNREAD), ("SPY", 1, ResidueReason.ORDERS_UNREAD)]


def test_what_the_last_complete_look_showed_is_listed_as_newer_lists_show_it() -> None:
    stage = Stage(held(CALL, 3), orders=[order(CALL, "SELL", 3)], deadline_ns=10 * SECOND).begin()
    stage.orders = None
    stage.positions = [held(CALL, 2), held(ES, 1)]
    stage.executions = [execution(CALL, -1)]
    stage.run(10_000)
    assert [(symbol, quantity) for symbol, quantity, _ in left(stage)[:2]] == [("SPY", 2), ("ES", 1)]


def test_a_newer_list_that_shows_nothing_takes_nothing_off_the_report() -> None:
    """A TWS that has restarted and not loaded its positions would look like that."""
    stage = Stage(held(CALL, 3), orders=[order(CALL, "SELL", 3)], deadline_ns=10 * SECOND).begin()
    stage.orders, stage.positions = None, []
    stage.run(10_000)
    assert ("SPY", 3) in [(symbol, quantity) for symbol, quantity, _ in left(stage)]


def test_a_contract_without_an_id_is_listed_once() -> None:
    stage = Stage(held(NAMELESS, 4), orders=[order(NAMELESS, "SELL", 4)], deadline_ns=10 * SECOND).begin()
    stage.orders = None
    stage.run(10_000)
    assert [int(item.quantity) for item in stage.residue if not item.order] == [4]


def test_a_close_that_waited_for_its_turn_is_told_as_waiting_for_the_orders() -> None:
    stage = Stage(held(CALL, 3), orders=[], deadline_ns=40 * SECOND).press()
    stage.tell(ev.Connected((ACCOUNT,), 9000))  # another kill may be closing: nothing is sent
    stage.orders = None
    stage.run(25_000)  # until what was seen is too old to size an order
    stage.tell(ev.LockTaken())
    stage.run(15_000)
    assert left(stage) == [("SPY", 3, ResidueReason.ORDERS_UNREAD)]


def test_what_stands_in_the_way_of_everything_comes_first() -> None:
    stage = unlisted(held(ES, 3)).press()
    stage.tell(ev.LockBusy("kill 7"), ev.Connected((ACCOUNT,), 9000))
    stage.run(1000)
    assert left(stage) == [("ES", 3, ResidueReason.ANOTHER_KILL)] and stage.residue[0].detail == "kill 7"
    stage.tell(ev.LockTaken())
    stage.tell(ev.Notice(321, "The API is in Read-Only mode"))
    assert left(stage) == [("ES", 3, ResidueReason.READ_ONLY)] and stage.residue[0].detail == ""
    stage.tell(ev.BrokerLink(False, 1100))
    assert left(stage) == [("ES", 3, ResidueReason.LINK_DOWN)]


def test_positions_of_a_look_that_broke_off_are_listed_too() -> None:
    stage = Stage(held(ES, 3), deadline_ns=10 * SECOND).press()
    stage.answers = False
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.tell(ev.OrdersRead(stage.all(ReadOrders)[-1].read_id, ()))
    asked = stage.all(ReadPositions)[-1]
    stage.tell(ev.PositionsRead(asked.read_id, (held(ES, 3),)))
    assert left(stage) == [("ES", 3, ResidueReason.OUT_OF_TIME)] and "orders_unread" not in stage.said


def test_a_stop_that_protected_it_is_told_to_protect_no_more() -> None:
    stage = unlisted(held(CALL, 3))
    stage.completed = [order(CALL, "SELL", 3, order_type="STP", status="Cancelled")]
    stage.begin().run(100)
    assert [(item.order_type, item.protective) for item in stage.report.cancelled] == [("STP", True)]


def test_an_order_whose_cancel_takes_a_while_is_told_as_cancelled_all_the_same() -> None:
    """The first list of completed orders was answered before it had gone."""
    stage = unlisted(held(CALL, 3)).begin()
    assert stage.report.cancelled == ()
    stage.completed = [order(CALL, "SELL", 3, order_type="STP", status="Cancelled")]
    stage.run(3000)
    assert [(item.order_type, item.protective) for item in stage.report.cancelled] == [("STP", True)]


def test_a_list_that_answers_an_older_question_is_not_what_is_held_now() -> None:
    stage = unlisted(held(ES, 3)).begin()
    stage.run(3000)
    older = stage.all(ReadPositions)[0]
    told = stage.tell(ev.PositionsRead(older.read_id, (held(CALL, 7),)))
    assert not any(isinstance(command, Say) for command in told)
    assert left(stage) == [("ES", 3, ResidueReason.ORDERS_UNREAD)]


def test_what_tws_remembers_without_its_link_is_told_and_nothing_is_done_by_it() -> None:
    """Whoever phones the broker needs to know what there is."""
    stage = Stage(held(ES, 3), deadline_ns=10 * SECOND).press()
    stage.orders = None
    stage.tell(ev.LockTaken(), ev.Connected((ACCOUNT,), 9000))
    stage.orders = []
    stage.tell(ev.BrokerLink(False, 1100))
    stage.run(10_000)
    assert left(stage) == [("ES", 3, ResidueReason.LINK_DOWN)]
    assert stage.report.outcome is LoginOutcome.UNKNOWN and not stage.placed
    assert [command.text for command in stage.all(Say) if command.kind == "link_down"][1:] == [
        "TWS shows +3 ESZ6, and has lost its link to IBKR: this is its memory, and nothing can be closed"
    ]


def test_without_a_connection_nobody_is_asked() -> None:
    stage = Stage(held(ES, 3)).press()
    stage.tell(ev.BrokerLink(False, 1100))
    assert stage.all(ReadPositions) == []


def test_what_was_shown_before_the_link_broke_is_not_asked_for_again() -> None:
    stage = Stage(held(ES, 3), deadline_ns=10 * SECOND).begin()
    asked = len(stage.all(ReadPositions))
    stage.tell(ev.BrokerLink(False, 1100))
    assert len(stage.all(ReadPositions)) == asked


# the timeline ---------------------------------------------------------------------------------------------------------


def told(stage: Stage) -> list[str]:
    return [command.text for command in stage.all(Say) if command.kind == "orders_unread"]


def test_it_is_said_once_and_again_when_something_else_is_held() -> None:
    stage = unlisted(held(ES, 3)).begin()
    stage.run(3000)
    assert len(told(stage)) == 1 and "+3 ESZ6" in told(stage)[0] and "not closed" in told(stage)[0]
    stage.positions = [held(ES, 2)]
    stage.run(2000)
    assert len(told(stage)) == 1
    stage.positions = [held(ES, 2), held(stock(21, "MSFT"), 5)]
    stage.run(3000)
    assert len(told(stage)) == 2 and "+5 MSFT" in told(stage)[1]


def test_who_holds_nothing_is_told_nothing() -> None:
    stage = unlisted().begin()
    stage.run(3000)
    assert told(stage) == []


def test_of_many_positions_some_are_named_and_the_rest_is_counted() -> None:
    shown = Shown()
    shown.heard(tuple(held(stock(number, f"S{number}"), number) for number in range(1, NAMES_MAX + 3)))
    (said,) = shown.tell("orders_unread", NO_ORDERS)
    assert said == Say(
        "orders_unread",
        "TWS shows +1 S1, +2 S2, +3 S3, +4 S4, +5 S5, +6 S6, +7 S7, +8 S8 and 2 more, and does not tell its open "
        "orders: not closed, as long as one of those may fill",
    )


def test_so_many_as_can_be_named_are_named() -> None:
    shown = Shown()
    shown.heard(tuple(held(stock(number, f"S{number}"), number) for number in range(1, NAMES_MAX + 1)))
    (said,) = shown.tell("orders_unread", NO_ORDERS)
    assert isinstance(said, Say) and "+7 S7, +8 S8, and does not tell" in said.text


def test_account_values_are_not_asked_what_a_list_has_shown() -> None:
    """They would say that the positions are not loaded."""
    stage = unlisted(held(ES, 3), unwitnessed_ns=20 * SECOND).begin()
    stage.run(5000)
    assert stage.all(ReadWorth) == [] and "positions_missing" not in stage.said
    empty = unlisted(unwitnessed_ns=20 * SECOND).begin()
    empty.run(5000)
    assert empty.all(ReadWorth)


# the questions --------------------------------------------------------------------------------------------------------


def test_positions_asked_beside_orders_that_failed_are_never_those_of_the_look() -> None:
    """They are older than the orders, should those come after all: what filled in between would be closed again."""
    surveyor = Surveyor(SECOND)
    surveyor.begin(0, new_connection=True)
    surveyor.failed(1, "no answer")
    orders, shown, _ = surveyor.begin(5, new_connection=False)
    assert (
        isinstance(orders, ReadOrders) and isinstance(shown, ReadPositions) and surveyor.asked_positions(shown.read_id)
    )
    surveyor.heard_positions(shown.read_id, (held(ES, 3),), 6)
    asked = surveyor.heard_orders(orders.read_id, ())
    again = next(command for command in asked if isinstance(command, ReadPositions))
    assert again.read_id > shown.read_id and surveyor.result(6) is None
    assert surveyor.asked_positions(again.read_id) and not surveyor.asked_positions(2)


def test_once_the_orders_are_told_the_kill_goes_on_as_ever() -> None:
    stage = unlisted(held(CALL, 3)).begin()
    stage.run(4000)
    stage.orders = []
    place = stage.next_place()
    assert (place.action, place.quantity) == ("SELL", D(3))
    stage.acknowledge(place)
    stage.fill(place)
    stage.run(5000)
    assert stage.report.flat and stage.now_ns < 20_000 * MS
