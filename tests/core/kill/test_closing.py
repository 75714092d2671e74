"""All the contracts of a login: whose turn it is, what stands in the way, and what nobody has told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.kill.builders import (
    ACCOUNT,
    ES,
    D,
    Resolve,
    Stage,
    combination,
    details,
    ev,
    execution,
    future,
    held,
    option,
    order,
    stock,
)
from engine.core.contracts import Contract
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill.closes.closing import touches
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.core.kill.settings import SECOND

CALL = option(11)


def sent_to(stage: Stage) -> list[int]:
    return [place.contract.con_id for place in stage.placed]


# one order first ------------------------------------------------------------------------------------------------------


def test_one_order_is_acknowledged_before_the_rest_is_sent() -> None:
    """TWS may show a dialog on the first order, and drop what arrives meanwhile without a word."""
    stage = Stage(*(held(option(n, f"S{n}"), 1) for n in range(1, 6))).begin()
    stage.run(2000)
    assert len(stage.placed) == 1
    stage.acknowledge(stage.place)
    assert len(stage.placed) == 5


def test_a_refusal_acknowledges_as_well() -> None:
    stage = Stage(held(option(1, "A"), 1), held(option(2, "B"), 1)).begin()
    stage.reject(stage.place, 201, "margin")
    stage.run(100)
    assert sent_to(stage)[:2] == [1, 2]


def test_when_the_first_stays_silent_another_one_is_tried() -> None:
    stage = Stage(held(option(1, "A"), 1), held(option(2, "B"), 1), held(option(3, "C"), 1)).begin()
    stage.run(3100)
    assert sent_to(stage) == [1, 2]


def test_over_a_slow_link_the_others_do_not_wait_for_as_long_as_the_first_may_stay_silent() -> None:
    stage = Stage(held(option(1, "A"), 1), held(option(2, "B"), 1), held(option(3, "C"), 1))
    stage.answers = False
    stage.begin()
    stage.run(60_000)
    stage.answers = True
    stage.tell(ev.OrdersRead(1, ()))
    stage.run(2900)
    assert sent_to(stage) == [1]
    stage.run(200)
    assert sent_to(stage) == [1, 2] and stage.withdrawn == []


def test_once_acknowledged_always_acknowledged() -> None:
    stage = Stage(held(option(1, "A"), 2), held(option(2, "B"), 1)).begin()
    stage.acknowledge_first()
    stage.orders = []
    stage.fill(stage.placed[0])
    stage.positions = [held(option(1, "A"), 1), held(option(2, "B"), 1), held(option(3, "C"), 1)]
    stage.executions = [*(stage.executions or []), execution(option(3), 1, "9.01"), execution(option(1), 1, "8.01")]
    stage.run(1000)
    assert sent_to(stage) == [1, 2, 1, 3]


# short options first --------------------------------------------------------------------------------------------------


def test_short_options_go_before_what_may_cover_them() -> None:
    stage = Stage(held(CALL, 3), held(option(12), -3), held(option(13), -1)).begin()
    assert sent_to(stage) == [12]
    stage.acknowledge_first()
    assert sent_to(stage) == [12, 13]
    stage.fill(stage.placed[0])
    stage.run(300)
    assert 11 not in sent_to(stage)
    stage.fill(stage.placed[1])
    stage.run(300)
    assert sent_to(stage) == [12, 13, 11]


def test_the_stock_behind_short_calls_waits_and_so_does_the_future_behind_short_options_on_it() -> None:
    fop = Contract(con_id=14, symbol="ES", sec_type="FOP", exchange="CME", currency="USD")
    stage = Stage(held(stock(), 300), held(option(12), -3), held(ES, 2), held(fop, -2))
    stage.begin(details_for=(stock(), ES))
    stage.acknowledge(stage.place)
    stage.run(200)
    assert sorted(sent_to(stage)) == [12, 14]


def test_another_underlying_or_another_account_does_not_wait() -> None:
    stage = Stage(held(option(12), -3), held(option(13, "QQQ"), 1), held(CALL, 1, "DU2")).begin()
    stage.acknowledge_first()
    assert sorted(sent_to(stage)) == [11, 12, 13]


def test_it_does_not_wait_for_ever() -> None:
    stage = Stage(held(CALL, 3), held(option(12), -3), short_options_first_ns=5 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4900)
    assert sent_to(stage) == [12]
    stage.run(200)
    assert sent_to(stage) == [12, 11]


def test_nor_anew_for_each_order_that_a_short_option_takes() -> None:
    stage = Stage(held(CALL, 3), held(option(12), -3), short_options_first_ns=5 * SECOND).begin()
    begun_ns = stage.now_ns
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(3000)
    stage.orders = []
    stage.tell(ev.CloseStatus(stage.place.key, "Cancelled", D(0), 901))
    again = stage.next_place(1000)
    stage.acknowledge(again)
    stage.orders = [stage.listed(again)]
    stage.run(4900 - (stage.now_ns - begun_ns) * 1000 // SECOND)
    assert sent_to(stage) == [12, 12]
    stage.run(200)
    assert sent_to(stage) == [12, 12, 11]


def test_nor_for_a_short_option_that_only_a_person_can_close() -> None:
    stage = Stage(held(CALL, 3), held(option(12), -3)).begin()
    stage.reject(stage.place, 392, "expired")
    stage.run(200)
    assert sent_to(stage) == [12, 11]


def in_doubt(*also: PositionFact) -> Stage:
    """3 of the short calls were bought just before the press: for six seconds they may be gone already."""
    stage = Stage(held(CALL, 3), held(option(12), -3), *also, reduced_lag_ns=6 * SECOND)
    stage.executions = [execution(option(12), 3)]
    return stage.begin()


def test_a_short_option_in_doubt_still_goes_first_and_is_given_its_time_to_fill() -> None:
    stage = in_doubt()
    stage.run(5900)
    assert sent_to(stage) == []
    stage.run(400)
    assert sent_to(stage) == [12]
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4600)
    assert sent_to(stage) == [12]
    stage.run(500)
    assert sent_to(stage) == [12, 11]


def test_a_short_option_that_stays_in_doubt_is_not_waited_for_for_ever() -> None:
    stage = Stage(held(CALL, 3), held(option(12), -3), reduced_lag_ns=60 * SECOND, short_options_unsent_ns=12 * SECOND)
    stage.executions = [execution(option(12), 3)]
    stage.begin()
    stage.run(11_900)
    assert sent_to(stage) == []
    stage.run(400)
    assert sent_to(stage) == [11]


def test_the_first_order_of_all_is_a_short_options() -> None:
    """The others wait for its acknowledgement."""
    assert sent_to(Stage(held(option(13, "QQQ"), 1), held(option(12), -1)).begin()) == [12]


def test_while_a_position_is_in_doubt_it_does_not_wait_for_short_options() -> None:
    """Not before it could be closed; 3 were sold just before the press, and for six seconds it may be gone already."""
    stage = Stage(held(CALL, 3), held(option(12), -3), short_options_first_ns=5 * SECOND, reduced_lag_ns=6 * SECOND)
    stage.executions = [execution(CALL, -3)]
    stage.begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(10_000)
    assert sent_to(stage) == [12]
    stage.run(2000)
    assert sent_to(stage) == [12, 11]


def test_each_wait_for_short_options_is_a_new_one() -> None:
    stage = Stage(held(CALL, 3), held(option(12), -3), short_options_first_ns=5 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(4000)
    stage.orders = []
    stage.fill(stage.place)
    call = stage.next_place(within_ms=1000)
    assert call.contract.con_id == 11
    stage.tell(ev.CloseStatus(call.key, "Cancelled", D(0), 902))
    stage.positions = [held(CALL, 3), held(option(13), -1)]
    stage.executions = [*(stage.executions or []), execution(option(13), -1, "13.01")]
    short = stage.next_place(within_ms=1000)
    assert short.contract.con_id == 13
    stage.acknowledge(short)
    stage.orders = [stage.listed(short)]
    stage.run(4000)
    assert sent_to(stage) == [12, 11, 13]
    stage.run(2000)
    assert sent_to(stage) == [12, 11, 13, 11]


def test_the_wait_counts_from_when_it_could_have_gone() -> None:
    """Another kill had the right to close for a minute: that is not time in which the short options were tried."""
    stage = Stage(held(CALL, 3), held(option(12), -3), takeover_settle_ns=0)
    stage.press()
    stage.tell(ev.LockBusy("pid 1"), ev.Connected(("DU1",), 9000))
    stage.run(60_000)
    stage.tell(ev.LockTaken())
    stage.run(600)
    stage.acknowledge(stage.place)
    stage.run(600)
    assert sent_to(stage) == [12]


# resting orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["BUY", "SELL"])
def test_a_contract_waits_until_its_own_orders_are_known_to_be_gone(action: str) -> None:
    stage = Stage(held(CALL, 3), orders=[order(CALL, action, 1)]).begin()
    stage.run(3000)
    assert stage.placed == []
    assert stage.reasons == [ResidueReason.WAITING_FOR_ORDERS, ResidueReason.WORKING_ORDER]
    stage.orders = []
    stage.run(600)
    assert sent_to(stage) == [11]


def test_orders_in_other_contracts_and_accounts_do_not_hold_it_back() -> None:
    others = [order(option(12), "BUY", 1), order(CALL, "BUY", 1, account="DU2", perm_id=502)]
    assert sent_to(Stage(held(CALL, 3), orders=others).begin()) == [11]


def test_an_order_of_an_unknown_account_holds_back_every_account() -> None:
    assert Stage(held(CALL, 3), orders=[order(CALL, "BUY", 1, account="")]).begin().placed == []


@pytest.mark.parametrize(
    ("quantity", "action", "left"),
    [(10, "SELL", 6), (10, "BUY", 10), (-10, "BUY", -6), (-10, "SELL", -10), (4, "SELL", 0), (3, "SELL", 0)],
)
def test_around_an_order_that_will_not_go_only_what_stays_clear_of_zero_is_closed(
    quantity: int, action: str, left: int
) -> None:
    stage = Stage(held(CALL, quantity), orders=[order(CALL, action, 5, filled=D(1))], orders_patience_ns=8 * SECOND)
    stage.executions = [execution(CALL, 1 if action == "BUY" else -1, recent=False)]
    stage.begin()
    stage.run(7900)
    assert stage.placed == []
    stage.run(700)
    side = "SELL" if quantity > 0 else "BUY"
    assert [(p.action, p.quantity) for p in stage.placed] == ([(side, abs(D(left)))] if left else [])
    if not left:  # it may be closed by that order itself
        assert ResidueReason.WAITING_FOR_ORDERS in stage.reasons


def test_an_order_that_comes_up_late_is_given_as_much_time_to_go() -> None:
    stage = Stage(held(option(12), 1), orders_patience_ns=8 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.orders = [stage.listed(stage.place)]
    stage.run(30_000)
    stage.positions = [held(option(12), 1), held(CALL, 10)]
    stage.executions = [execution(CALL, 10, "11.01")]
    stage.orders = [stage.listed(stage.place), order(CALL, "SELL", 5)]
    stage.run(7900)
    assert sent_to(stage).count(11) == 0
    stage.run(1000)
    assert stage.place.contract.con_id == 11 and stage.place.quantity == 5


def test_each_wait_for_an_order_that_will_not_go_is_a_new_one() -> None:
    stage = Stage(held(CALL, 10), orders=[order(CALL, "SELL", 5)], orders_patience_ns=8 * SECOND).begin()
    stage.run(9000)
    stage.acknowledge(stage.place)
    stage.tell(ev.CloseStatus(stage.place.key, "Cancelled", D(0), 902))
    stage.run(7000)
    assert sent_to(stage) == [11]
    stage.run(3000)
    assert sent_to(stage) == [11, 11]


@pytest.mark.parametrize("account", ["", ACCOUNT])
def test_orders_that_keep_coming_besiege_their_contract_whether_or_not_they_name_the_account(account: str) -> None:
    stage = Stage(held(ES, 9), deadline_ns=60 * SECOND)
    stage.orders = [order(ES, "SELL", 1, account=account, perm_id=599, client_id=42)]
    stage.begin(details_for=(ES,))
    for step in range(24):
        stage.run(250)
        stage.orders = [order(ES, "SELL", 1, account=account, perm_id=600 + step, client_id=42, order_id=step + 1)]
    assert [place.quantity for place in stage.placed] == [8]


def test_what_one_program_keeps_trading_elsewhere_besieges_nothing_here() -> None:
    stage = Stage(held(ES, 9), deadline_ns=60 * SECOND)
    stands = order(ES, "SELL", 1, perm_id=599)
    stage.orders = [stands]
    stage.begin(details_for=(ES,))
    other = stock(21, "MSFT")
    for step in range(24):
        stage.run(250)
        stage.orders = [stands, order(other, "SELL", 1, perm_id=600 + step, client_id=42, order_id=step + 1)]
    assert stage.placed == []


def test_all_the_orders_that_will_not_go_are_counted() -> None:
    stubborn = [order(CALL, "SELL", 2), order(CALL, "SELL", 3, perm_id=502), order(CALL, "BUY", 9, perm_id=503)]
    stage = Stage(held(CALL, 10), orders=stubborn).begin()
    stage.run(9000)
    assert stage.place.quantity == 5


@pytest.mark.parametrize("beside", [[], [order(CALL, "SELL", 1, perm_id=502)]])
def test_a_combination_is_never_closed_around(beside: list[WorkingOrder]) -> None:
    stage = Stage(held(CALL, 10), orders=[order(combination(11, 12), "SELL", 1), *beside]).begin()
    stage.run(60_000)
    assert stage.placed == []


@pytest.mark.parametrize(
    ("resting", "touched"),
    [
        (order(CALL, "SELL", 1), True),
        (order(option(12), "SELL", 1), False),
        (order(combination(11, 12), "SELL", 1), True),
        (order(combination(12, 13), "SELL", 1), False),
        (order(combination(), "SELL", 1), True),  # which legs is not said: its symbol then
        (order(combination(symbol="QQQ"), "SELL", 1), False),
        (order(combination(symbol=""), "SELL", 1), True),
    ],
)
def test_what_an_order_may_move(resting: WorkingOrder, touched: bool) -> None:
    assert touches(resting, 11, "SPY") is touched


def test_our_close_is_known_by_its_mark_alone_and_no_order_without_a_permid_is_taken_for_it() -> None:
    stage = Stage(held(CALL, 3)).begin()
    ours, foreign = stage.listed(stage.place), order(option(12), "BUY", 1, perm_id=0)
    closing = stage.machine._closing
    assert closing.others((ours, foreign)) == [foreign]
    assert closing._not_ours((ours, foreign)) == [foreign]


def test_a_living_close_of_this_kill_is_not_in_its_own_way() -> None:
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 1)).begin()
    first = stage.place
    stage.orders = [stage.listed(first)]
    stage.run(600)
    assert "orders_gone" in stage.said and sent_to(stage) == [11, 12]


def test_it_is_known_by_its_permid_where_its_mark_is_not_repeated() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.orders = [order(CALL, "SELL", 3, perm_id=901, client_id=9000)]
    stage.run(600)
    assert "cancel_again" not in stage.said and "orders_gone" in stage.said


def test_a_close_that_was_thought_to_be_over_and_is_listed_is_in_the_way() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.reject(stage.place, 202, "Order Canceled - reason:")
    stage.orders = [stage.listed(stage.place)]
    stage.run(2000)
    assert len(stage.placed) == 1


# fills that nobody told -----------------------------------------------------------------------------------------------


def test_an_own_execution_that_was_only_read_counts_as_a_fill() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.executions = [execution(CALL, -3, "x.01", order_ref=stage.place.order_ref, perm_id=901)]
    stage.positions = []
    stage.run(2000)
    assert stage.report.flat and len(stage.placed) == 1
    assert stage.report.closed[0].avg_price == 10


def test_an_own_execution_is_known_by_its_permid_too() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.executions = [execution(CALL, -3, "x.01", perm_id=901)]
    stage.positions = []
    stage.run(2000)
    assert stage.report.flat and len(stage.placed) == 1


def test_a_fill_with_another_ref_is_none_of_ours_whatever_its_permid() -> None:
    """The permId came from a status, which says no orderRef: it may have been about another order."""
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    stage.executions = [execution(CALL, -1, "x.01", perm_id=901, order_ref="somebody's")]
    stage.run(500)
    (close,) = stage.machine._closing.orders.values()
    assert close[1].filled == 0


def test_an_order_with_another_ref_stands_in_the_way_whatever_its_permid() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.acknowledge(stage.place)
    ours = stage.listed(stage.place)
    theirs = replace(ours, order_ref="somebody's")
    closing = stage.machine._closing
    assert closing.others((ours, theirs, replace(ours, order_ref=""))) == [theirs]


def test_an_own_fill_and_a_feed_that_does_not_show_it_send_nothing_more() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.executions = [execution(CALL, -3, "x.01", order_ref=stage.place.order_ref)]
    stage.run(30_000)
    assert len(stage.placed) == 1
    assert stage.reasons == [ResidueReason.POSITION_UNCONFIRMED]


def test_an_order_that_vanished_without_a_word_is_waited_for_before_another_is_sent() -> None:
    stage = Stage(held(CALL, 3), expected_lag_ns=10 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.run(9900)
    assert len(stage.placed) == 1
    stage.run(4000)
    assert len(stage.placed) == 2


def test_without_executions_an_order_that_is_over_may_have_filled() -> None:
    stage = Stage(held(CALL, 3), expected_lag_ns=10 * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.executions = None
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 901))
    stage.run(9900)
    assert len(stage.placed) == 1
    stage.run(2000)
    assert len(stage.placed) == 2


def test_an_order_that_was_never_written_is_over_and_another_follows() -> None:
    stage = Stage(held(CALL, 3)).begin()
    stage.tell(ev.CloseNotSent(1, "the connection that carries orders was lost"))
    stage.run(1000)
    assert [p.key for p in stage.placed] == [1, 2]


def test_a_lost_connection_puts_the_orders_it_carried_in_doubt_until_two_looks_do_not_show_them() -> None:
    stage = Stage(held(CALL, 3), unacknowledged_lost_ns=SECOND).begin()
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"))
    assert stage.machine._closing.items["DU1", 11].live
    stage.tell(ev.Connected(("DU1",), 9000))
    stage.run(950)
    assert sent_to(stage) == [11]
    stage.run(3000)
    assert [p.key for p in stage.placed] == [1, 2]


@pytest.mark.parametrize(("deadline_s", "wait_ms"), [(120, 45_000), (40, 15_000)])
def test_an_acknowledged_order_is_not_sent_anew_while_a_restarted_tws_may_be_loading_it(
    deadline_s: int, wait_ms: int
) -> None:
    stage = Stage(held(CALL, 3), deadline_ns=deadline_s * SECOND).begin()
    stage.acknowledge(stage.place)
    stage.ended = []  # nor does TWS tell that it has ended
    stage.tell(ev.Disconnected(ev.Trouble.CLOSED, "lost"), ev.Connected(("DU1",), 9000))
    stage.run(wait_ms - 100)
    assert [p.key for p in stage.placed] == [1]
    stage.run(22_000)
    assert [p.key for p in stage.placed][:2] == [1, 2]


def test_a_lost_link_puts_only_living_orders_in_doubt() -> None:
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 1)).begin()
    stage.tell(ev.BrokerLink(False, 1100), ev.BrokerLink(True, 1102))
    stage.orders = [stage.listed(stage.place)]
    stage.run(1000)
    assert sent_to(stage) == [11, 12]  # the first one lives, which is its acknowledgement


def test_without_executions_an_order_of_others_that_is_gone_unsettles_its_own_contract_alone() -> None:
    stage = Stage(held(CALL, 3), held(ES, 2), orders=[order(ES, "SELL", 2)], settle_ns=3 * SECOND)
    stage.executions = None
    stage.begin()
    stage.run(5000)
    stage.orders = []
    stage.run(600)
    ledger = stage.machine._ledger
    assert (ledger.closable(("DU1", 11)), ledger.closable(("DU1", ES.con_id))) == (3, 0)


def test_without_executions_an_order_that_stays_as_it_was_unsettles_nothing() -> None:
    stage = Stage(held(CALL, 3), orders=[order(option(12), "BUY", 1), order(ES, "BUY", 1, perm_id=502)])
    stage.executions = None
    stage.begin()
    stage.run(3000)
    assert stage.machine._ledger.closable(("DU1", 11)) == 3


@pytest.mark.parametrize("change", ["gone", "filled further"])
def test_without_executions_an_order_of_others_that_has_moved_may_have_moved_the_position(change: str) -> None:
    resting = order(CALL, "SELL", 2, filled=D(0))
    stage = Stage(held(CALL, 3), orders=[resting], settle_ns=3 * SECOND).begin()
    stage.executions = None
    stage.run(100)
    stage.orders = [] if change == "gone" else [order(CALL, "SELL", 2, filled=D(1))]
    stage.run(1000)
    stage.orders = []
    stage.run(1900)
    assert stage.placed == []
    if change == "filled further":
        stage.positions = [held(CALL, 2)]
    stage.run(3500)
    assert len(stage.placed) == 1


def test_an_order_of_others_that_stays_as_it_is_has_moved_nothing() -> None:
    stage = Stage(held(CALL, 3), orders=[order(option(12), "SELL", 2)], settle_ns=3 * SECOND).begin()
    assert len(stage.placed) == 1


# hints ----------------------------------------------------------------------------------------------------------------


def test_a_position_that_moves_is_looked_at_before_anything_is_sized() -> None:
    stage = Stage(held(CALL, 3), orders=[order(CALL, "SELL", 1)]).begin()
    stage.orders = []
    stage.answers = False
    stage.run(100)  # a look is under way, and answered by hand
    stage.tell(ev.PositionChanged(held(CALL, 1)))
    reads = stage.commands[-20:]
    stage.answers = True
    for command in reads:
        stage._answer(command)
    assert stage.placed == []
    stage.positions = [held(CALL, 1)]
    stage.executions = [execution(CALL, -2)]
    stage.run(600)
    assert [p.quantity for p in stage.placed] == [1]


def test_a_hint_that_says_nothing_new_delays_nothing() -> None:
    stage = Stage(held(CALL, 3), orders=[order(CALL, "SELL", 1)]).begin()
    stage.orders = []
    stage.tell(ev.PositionChanged(held(CALL, 3)), ev.PositionChanged(held(option(99), 1)))
    stage.run(100)
    assert len(stage.placed) == 1


# the end --------------------------------------------------------------------------------------------------------------


def test_near_the_deadline_our_own_unfilled_orders_are_withdrawn_and_nothing_new_is_sent() -> None:
    stage = Stage(held(CALL, 3), held(option(12, "QQQ"), 2), deadline_ns=20 * SECOND, wrap_up_ns=3 * SECOND).begin()
    stage.acknowledge_first()
    first, second = stage.placed
    stage.orders = [stage.listed(first), stage.listed(second)]
    stage.acknowledge(second)
    stage.run(16_900)
    assert stage.withdrawn == []
    stage.run(200)
    assert sorted(stage.withdrawn) == [1, 2]
    stage.orders = []
    stage.tell(ev.CloseStatus(1, "Cancelled", D(0), 0), ev.CloseStatus(2, "Cancelled", D(0), 0))
    stage.run(2900)
    assert stage.finished and len(stage.placed) == 2 and sorted(stage.withdrawn) == [1, 2]
    assert stage.report.outcome is LoginOutcome.RESIDUE


def test_positions_that_come_up_late_are_closed_too() -> None:
    stage = Stage().begin()
    stage.positions = [held(CALL, 2)]
    stage.executions = [execution(CALL, 2)]
    stage.run(600)
    assert sent_to(stage) == [11]


def test_what_was_looked_up_once_is_not_asked_again() -> None:
    stage = Stage(held(ES, 3)).begin()
    stage.tell(ev.Resolved(ES.con_id, details(ES)))
    stage.fill(stage.place, 1)
    stage.tell(ev.CloseStatus(1, "Cancelled", D(1), 901))
    stage.run(2000)
    assert len(stage.all(Resolve)) == 1 and len(stage.placed) == 2


def test_options_need_no_look_up_at_all() -> None:
    assert Stage(held(CALL, 3), held(Contract(con_id=5, symbol="EUR", sec_type="CASH"), 1)).begin().all(Resolve) == []


def test_a_future_that_names_its_exchange_needs_none_either() -> None:
    named = Contract(con_id=1, symbol="ES", sec_type="FUT", exchange="CME")
    stage = Stage(held(named, 1), held(future(2, "NQ"), 1)).begin()
    assert [r.contract.con_id for r in stage.all(Resolve)] == [2]


# what a global cancel would disturb, and what is taken back -----------------------------------------------------------


def test_a_global_cancel_disturbs_an_order_that_lives_and_is_neither_withdrawn_nor_adrift() -> None:
    living, adrift, withdrawn = (Stage(held(CALL, 3)).begin() for _ in range(3))
    adrift.tell(ev.CloseOrphaned(1))
    withdrawn.run(3100)  # silence
    assert withdrawn.withdrawn == [1]
    assert [stage.machine._closing.any_working for stage in (living, adrift, withdrawn)] == [True, False, False]


def test_an_order_that_has_just_ended_is_not_taken_back() -> None:
    stage = Stage(held(CALL, 3)).begin()
    assert len(stage.machine._closing.withdraw(stage.now_ns)) == 1
    stage.machine.handle(ev.CloseStatus(1, "Cancelled", D(0), 901), stage.now_ns, more=True)
    assert stage.machine._closing.withdraw(stage.now_ns + 60 * SECOND) == []


def test_where_no_lock_can_be_had_one_look_behind_the_first_order_is_enough_for_all_the_rest() -> None:
    three = [held(option(n, f"S{n}"), 1) for n in (11, 12, 13)]
    stage = Stage(*three, nothing_shared_settle_ns=0, nothing_shared_spread_ns=0).press()
    stage.tell(ev.LockTaken(shared_nothing=True), ev.Connected((ACCOUNT,), 9000))
    stage.acknowledge_first()
    if len(stage.placed) == 1:
        stage.next_place()
    assert len(stage.placed) == 3
