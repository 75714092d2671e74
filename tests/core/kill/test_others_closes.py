"""What another kill has closed: its own executions, all of them, and no other kill's of the day."""

from __future__ import annotations

from typing import Any

from core.kill.builders import ACCOUNT, ES, SECOND, D, Stage, ev, execution, held, option, order
from engine.core.facts import ExecutionFact
from engine.core.kill.other_kills.others_closes import OthersCloses
from engine.core.kill.report import ClosedPosition, Trade, Trader

CALL = option(11)


def close(quantity: int, number: int, *, kill: str = "k9.1", price: int = 10, **more: Any) -> ExecutionFact:
    fields = {"order_ref": f"QEKILL-{kill}-{number}", "price": D(price), "perm_id": 600 + number}
    return execution(CALL, quantity, more.pop("exec_id", f"other.{number}.01"), **(fields | more))


def test_all_executions_of_the_kill_under_way_count_and_the_price_is_their_average() -> None:
    others = OthersCloses("k1.1")
    others.executions([close(-3, 1, price=10, recent=False), close(-1, 2, price=14)])
    closed = others.closed(joined=True)[ACCOUNT, 11]
    assert (closed.quantity, closed.avg_price, closed.contract) == (4, 11, CALL)


def test_a_kill_of_this_morning_does_not_count() -> None:
    others = OthersCloses("k1.1")
    others.executions([close(-3, 1, kill="old.1", recent=False), close(-1, 2)])
    assert others.closed(joined=True)[ACCOUNT, 11].quantity == 1


def test_a_kill_whose_order_is_open_or_is_executed_now_is_under_way() -> None:
    old = [close(-3, 1, kill="slow-1.1", recent=False)]
    others = OthersCloses("k1.1")
    others.executions(old)
    assert others.closed(joined=True) == {}
    others.orders([order(CALL, "SELL", 1), order(CALL, "SELL", 2, order_ref="QEKILL-slow-1.1-2")])
    assert others.closed(joined=True)[ACCOUNT, 11].quantity == 3
    others = OthersCloses("k1.1")
    others.executions(old)
    others.executions(old)
    assert others.closed(joined=True) == {}  # the same again is none of now
    others.executions([*old, close(-1, 2, kill="late-2.1", recent=False)])
    assert others.closed(joined=True)[ACCOUNT, 11].quantity == 1
    others.executions([*old, close(-1, 2, kill="slow-1.1", recent=False, exec_id="other.3.01")])
    assert others.closed(joined=True)[ACCOUNT, 11].quantity == 5


def test_a_correction_replaces_and_the_same_again_adds_nothing() -> None:
    others = OthersCloses("k1.1")
    others.executions([close(-3, 1)])
    others.executions([close(-3, 1)])
    others.executions([close(-2, 1, exec_id="other.1.02")])
    assert others.closed(joined=True)[ACCOUNT, 11].quantity == 2


def test_this_kills_own_closes_and_other_orders_are_not_anothers() -> None:
    others = OthersCloses("k1.1")
    others.executions([close(-3, 1, kill="k1.1"), execution(CALL, -1), execution(CALL, -1, "2.01", order_ref="QEKILL")])
    assert others.closed(joined=True) == {}


def test_what_comes_to_nothing_was_not_closed() -> None:
    others = OthersCloses("k1.1")
    others.executions([close(-3, 1), close(3, 2)])
    assert others.closed(joined=True) == {}


def joined(*positions: Any) -> Stage:
    stage = Stage(*positions)
    stage.executions = [close(-3, 1, recent=False), close(-1, 2)]
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), ev.Connected((ACCOUNT,), 9000))
    stage.run(12_000)
    return stage


def test_a_joined_press_reports_what_the_other_kill_closed_before_it_looked() -> None:
    [closed] = joined().report.closed
    assert closed == ClosedPosition(
        account=ACCOUNT,
        contract=CALL,
        quantity=D(4),
        orders_sent=0,
        avg_price=D(10),
        by_other_kill=True,
        filled=D(0),
        filled_by_other=D(4),
        at_press=D(0),
        traded=D(0),
        traded_by_others=D(0),
    )


def test_what_the_other_kill_has_not_closed_wholly_is_not_called_closed() -> None:
    report = joined(held(CALL, 2)).report
    assert report.closed == ()
    [part] = report.partly_closed
    assert (part.quantity, part.filled, part.filled_by_other, part.traded, part.avg_price) == (2, 0, 4, 0, None)


def test_what_has_been_closed_long_before_a_position_list_was_read_is_told_too() -> None:
    stage = Stage()
    stage.executions = [close(-3, 1, recent=False)]
    stage.orders = [order(ES, "SELL", 1, order_ref="QEKILL-k9.1-2")]
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), ev.Connected((ACCOUNT,), 9000))
    assert [(c.contract, c.quantity) for c in stage.report.closed] == [(CALL, 3)]


def test_a_stop_of_a_position_that_the_other_kill_has_closed_was_protective() -> None:
    stage = Stage()
    stage.executions = [close(-3, 1)]
    stage.orders = [order(CALL, "SELL", 3, order_type="STP")]
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), ev.Connected((ACCOUNT,), 9000))
    stage.orders = []
    stage.run(12_000)
    assert [o.protective for o in stage.report.cancelled] == [True]


def test_who_takes_over_names_both() -> None:
    stage = Stage(held(CALL, 2))
    stage.executions = [close(-3, 1)]
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), ev.Connected((ACCOUNT,), 9000), ev.LockTaken())
    place = stage.next_place(20_000)
    stage.acknowledge(place)
    stage.fill(place)
    stage.run(12_000)
    [closed] = stage.report.closed
    assert (closed.quantity, closed.orders_sent, closed.by_other_kill) == (2, 1, True)
    assert (closed.filled, closed.filled_by_other) == (2, 3)


def test_who_takes_over_and_fills_nothing_names_the_other_alone() -> None:
    stage = Stage(held(CALL, 2))
    stage.press()
    stage.tell(ev.LockBusy("pid 7", True), ev.Connected((ACCOUNT,), 9000), ev.LockTaken())
    place = stage.next_place(20_000)
    stage.acknowledge(place)
    stage.executions = [close(-2, 1)]
    stage.positions = []
    stage.tell(ev.CloseStatus(place.key, "Cancelled", D(0), 901))
    stage.run(30_000)
    [closed] = stage.report.closed
    assert (closed.quantity, closed.orders_sent, closed.by_other_kill) == (2, 0, True)
    assert (closed.filled, closed.filled_by_other, closed.traded, closed.traded_by_others) == (0, 2, 0, -2)
    assert closed.trades == (Trade(by=Trader.ANOTHER_KILL, quantity=D(-2), avg_price=D(10)),)


def test_who_joins_nobody_reports_nobody_elses_closes() -> None:
    stage = Stage()
    stage.executions = [close(-3, 1)]
    stage.begin()
    stage.run(12_000)
    assert stage.report.flat and stage.report.closed == ()


def test_what_a_kill_closed_that_had_not_ended_is_told_as_that_ones_though_nobody_joined_it() -> None:
    stage = Stage()
    stage.executions = [close(-3, 1, recent=False), close(-2, 1, kill="old.1", recent=False, exec_id="2.01")]
    stage.begin().tell(ev.EarlierPress("k9", 30 * SECOND))
    stage.run(1000)
    [closed] = stage.report.closed
    assert (closed.quantity, closed.by_other_kill, closed.filled, closed.filled_by_other) == (3, True, 0, 3)
    assert not stage.report.joined


def test_two_kills_of_one_beginning_are_not_taken_for_each_other() -> None:
    others = OthersCloses("k1.1")
    others.executions([close(-3, 1, kill="k91.1", recent=False)])
    assert others.closed(joined=False, earlier=["k9"]) == {}
    assert others.closed(joined=False, earlier=["k91"])[ACCOUNT, 11].quantity == 3
