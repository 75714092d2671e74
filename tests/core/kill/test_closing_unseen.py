"""What closing orders and others' may have filled unseen: how long it is waited for, and when that is over."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.builders import ES, D, Resolve, Stage, ev, execution, held, option, order
from engine.core.kill.settings import MS, SECOND

CALL = option(11)
KEY = ("DU1", 11)


def cancelled(*, retry_first_ns: int = 500 * MS) -> Stage:
    """Our order was acknowledged and cancelled, and nothing of it filled, as far as anybody has said."""
    stage = Stage(held(CALL, 3), retry_first_ns=retry_first_ns, expected_lag_ns=10 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    return stage


def test_executions_that_were_asked_for_behind_its_end_are_enough() -> None:
    stage = cancelled()
    stage.run(60)
    stage.executions = None  # from then on they cannot be read
    stage.run(900)
    assert len(stage.placed) == 2


def test_executions_that_were_asked_for_before_its_end_are_not() -> None:
    """A look is under way when it is cancelled; its executions may be older than the last fill."""
    stage = Stage(held(CALL, 3), expected_lag_ns=10 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.answers = False
    asked = stage.run(600)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.answers = True
    for command in asked:
        stage._answer(command)
    stage.executions = None
    stage.run(9000)
    assert len(stage.placed) == 1
    stage.run(3000)
    assert len(stage.placed) == 2


@pytest.mark.parametrize("told", ["by the completed orders", "by executions"])
def test_an_order_whose_end_a_look_itself_tells_is_settled_by_that_look(told: str) -> None:
    stage = Stage(held(CALL, 3), expected_lag_ns=10 * SECOND).begin()
    stage.acknowledge(stage.place)
    if told == "by executions":
        stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
        stage.executions = [execution(CALL, -1, "own.01", order_ref=stage.place.order_ref, perm_id=901)]
        stage.positions = [held(CALL, 2)]
    else:
        stage.tell(ev.CloseOrphaned(1))
        stage.ended = [stage.listed(stage.place, status="Cancelled")]
    stage.run(100)
    stage.executions = None
    stage.run(2000)
    assert len(stage.placed) == 2


def test_a_fill_that_is_only_read_when_the_order_is_over_counts() -> None:
    stage = cancelled(retry_first_ns=2 * SECOND)
    stage.executions = [execution(CALL, -2, "own.01", order_ref=stage.place.order_ref, perm_id=901)]
    stage.run(5000)  # the list of positions does not show it yet
    assert [place.quantity for place in stage.placed] == [3, 1]
    assert stage.machine._ledger.expected(KEY) == 1


def test_without_executions_an_order_that_was_filled_whole_is_not_waited_for() -> None:
    stage = Stage(held(CALL, 3), settle_ns=SECOND, expected_lag_ns=10 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.executions = None
    stage.fill(stage.place)
    stage.run(4000)
    assert stage.report.flat


# others' orders -------------------------------------------------------------------------------------------------------


def without_executions(account: str = "DU1") -> Stage:
    """2 ES, and somebody's order there, of which only the order itself can tell how much has filled."""
    stage = Stage(held(ES, 2), orders=[order(ES, "SELL", 2, account=account)], settle_ns=3 * SECOND)
    stage.executions = None
    stage.begin()
    stage.run(5000)
    return stage


def closable(stage: Stage) -> Decimal:
    return stage.machine._ledger.closable(("DU1", ES.con_id))


def test_without_executions_an_order_that_will_not_go_does_not_unsettle_its_contract_as_long_as_nothing_fills() -> None:
    stage = without_executions()
    assert closable(stage) == 2
    stage.orders = [order(ES, "SELL", 2, filled=D(1))]
    stage.run(600)
    assert closable(stage) == 0


@pytest.mark.parametrize(("account", "left"), [("", 0), ("DU1", 0), ("DU2", 2)])
def test_without_executions_an_order_that_names_no_account_may_have_moved_any(account: str, left: int) -> None:
    stage = without_executions(account)
    stage.orders = []
    stage.run(600)
    assert closable(stage) == left


def test_an_order_that_the_completed_orders_show_unfilled_holds_nothing_back() -> None:
    """It is gone behind the global cancel: it may have filled, until it is told that it has not."""
    stage = Stage(held(CALL, 5), orders=[order(CALL, "SELL", 3)], gone_order_ns=6 * SECOND).begin()
    stage.orders = []
    assert stage.next_place(within_ms=1000).quantity == 5


def test_where_nobody_tells_only_what_is_there_in_either_case_is_closed() -> None:
    stage = Stage(held(CALL, 5), orders=[order(CALL, "SELL", 3)], gone_order_ns=6 * SECOND).begin()
    stage.orders, stage.ended = [], []
    assert stage.next_place(within_ms=1000).quantity == 2


def test_what_was_traded_and_is_not_held_is_not_looked_up() -> None:
    stage = Stage().begin()
    stage.executions = [execution(ES, 2)]
    stage.run(1000)
    assert stage.machine._ledger.seen() == (("DU1", ES.con_id),)  # the positions may show it later
    assert stage.all(Resolve) == []


# a fill of ours that the position shows before anybody tells of it ---------------------------------------------------


def shown_before_told(after_ms: int, *, shown: int = 6) -> Stage:
    """Of 10, `shown` show as gone while their close is open; nobody tells of a fill for so long."""
    stage = Stage(held(CALL, 10)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.positions = [held(CALL, 10 - shown)]
    stage.run(after_ms)
    return stage


@pytest.mark.parametrize("after_ms", [900, 6_000, 15_000])
def test_it_is_not_taken_for_news_while_our_order_may_have_filled_unseen(after_ms: int) -> None:
    stage = shown_before_told(after_ms)
    done = execution(CALL, -6, "own.01", order_ref=stage.place.order_ref, perm_id=901)
    assert stage.executions is not None
    stage.executions.append(done)
    stage.tell(ev.CloseFill(1, done))
    stage.run(500)
    ledger = stage.machine._ledger
    assert (ledger.doubtful(KEY), ledger.expected(KEY)) == (False, 4)


def test_what_no_order_of_ours_can_have_filled_is_news_as_ever() -> None:
    stage = shown_before_told(3_900, shown=-2)
    assert stage.machine._ledger.doubtful(KEY)
    stage.run(400)
    assert not stage.machine._ledger.doubtful(KEY) and stage.machine._ledger.expected(KEY) == 12


def test_an_order_whose_end_was_told_has_filled_nothing_unseen() -> None:
    stage = shown_before_told(6_000)
    assert stage.machine._ledger.doubtful(KEY)
    stage.orders = []
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(1_500)
    assert [place.quantity for place in stage.placed] == [10, 4]


def test_an_order_that_is_gone_without_a_word_may_have() -> None:
    stage = shown_before_told(6_000)
    stage.orders, stage.ended = [], []
    stage.run(3_000)
    assert not stage.machine._closing.any_live
    assert stage.machine._ledger.doubtful(KEY) and len(stage.placed) == 1


def test_where_nobody_ever_tells_it_is_news_after_twenty_seconds() -> None:
    stage = shown_before_told(6_000, shown=6)
    while stage.machine._ledger.doubtful(KEY) and stage.now_ns < 60 * SECOND:
        stage.run(100)
    assert 20 * SECOND <= stage.now_ns <= 22 * SECOND
