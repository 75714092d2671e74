"""What others' orders may have traded unseen: told by the orders, shown by executions, or neither."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.kill.builders import ACCOUNT, ES, SECOND, D, combination, execution, order
from engine.core.contracts import ComboLeg
from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.held.traces import ANY_AMOUNT, Flow, Traces, name_of

PATIENCE_NS, LATE_NS = 6 * SECOND, 20 * SECOND
KEY = (ACCOUNT, ES.con_id)
HELD = [(KEY, "ES")]


def traces(*open_now: WorkingOrder) -> Traces:
    made = Traces(PATIENCE_NS, LATE_NS)
    made.listed(open_now, 0)
    return made


def gone(*orders: WorkingOrder) -> Traces:
    made = traces(*orders)
    made.listed((), 0)
    return made


def shown(made: Traces, *executions: ExecutionFact) -> Traces:
    made.executions((name_of(e), (e.account, e.con_id), e.quantity) for e in executions)
    return made


def maybe(made: Traces, at_s: float = 0) -> dict[tuple[str, int], Flow]:
    return made.maybe(HELD, int(at_s * SECOND))


def hidden(made: Traces) -> dict[tuple[str, int], int]:
    return {key: int(signed) for _, key, signed in made.hidden()}


def sell(quantity: int = 5, **more: Any) -> WorkingOrder:
    return order(ES, "SELL", quantity, **more)


def completed(of: WorkingOrder, filled: int) -> WorkingOrder:
    more = {"filled": D(filled), "status": "Cancelled", "perm_id": of.perm_id}
    return order(of.contract, of.action, str(of.quantity), **(more | {"client_id": -1, "order_id": 0}))


def test_an_open_order_has_traded_no_more_than_it_says() -> None:
    made = traces(sell(5))
    made.listed([sell(5, filled=D(2))], 0)
    assert (maybe(made), hidden(made), made.unexplained(0)) == ({}, {KEY: -2}, False)


def test_what_it_had_filled_when_it_was_first_seen_may_be_of_another_day_and_no_execution_will_show_it() -> None:
    made = traces(sell(5, filled=D(2)))
    assert (maybe(made, 5.9), hidden(made)) == ({KEY: Flow(sold=D(-2))}, {})
    assert maybe(made, 6) == {}
    assert maybe(shown(made, execution(ES, -2))) == {}


def test_an_execution_of_the_day_may_be_one_of_those_that_it_had_filled_before_or_not() -> None:
    made = shown(traces(sell(5, filled=D(2))), execution(ES, -1))
    made.completed([completed(sell(5), 3)], 0)
    assert (maybe(made), hidden(made)) == ({KEY: Flow(sold=D(-2))}, {})


@pytest.mark.parametrize(("action", "flow"), [("SELL", Flow(sold=D(-5))), ("BUY", Flow(bought=D(5)))])
def test_an_order_that_is_gone_may_have_filled_whole_for_a_while(action: str, flow: Flow) -> None:
    made = gone(order(ES, action, 5))
    assert (maybe(made), made.unexplained(0)) == ({KEY: flow}, True)
    assert maybe(made, 5.9) == {KEY: flow}
    assert (maybe(made, 6), made.unexplained(PATIENCE_NS)) == ({}, False)


def test_what_it_had_filled_before_it_was_gone_is_certain_and_only_the_rest_may_be() -> None:
    made = traces(sell(5))
    made.listed([sell(5, filled=D(2))], 0)
    made.listed((), 0)
    assert (maybe(made), hidden(made)) == ({KEY: Flow(sold=D(-3))}, {KEY: -2})


@pytest.mark.parametrize("filled", [0, 3, 5])
def test_the_completed_orders_settle_it(filled: int) -> None:
    made = gone(sell(5))
    made.completed([completed(sell(5), filled)], 0)
    assert (maybe(made), made.unexplained(0)) == ({}, False)
    assert hidden(made) == ({KEY: -filled} if filled else {})


def test_an_order_that_was_never_seen_open_is_told_by_the_completed_orders() -> None:
    made = traces()
    made.completed([completed(sell(5), 4)], 0)
    assert hidden(made) == {KEY: -4}


def test_executions_show_what_was_hidden_and_nothing_is_counted_twice() -> None:
    made = gone(sell(5))
    made.completed([completed(sell(5), 4)], 0)
    assert hidden(shown(made, execution(ES, -3, "1.1.1"))) == {KEY: -1}
    assert hidden(shown(made, execution(ES, -3, "1.1.1"), execution(ES, -1, "1.2.1"))) == {}


def test_executions_of_the_whole_order_explain_that_it_is_gone() -> None:
    made = shown(gone(sell(5)), execution(ES, -5))
    assert (maybe(made), made.unexplained(0)) == ({}, False)


def test_an_execution_of_another_order_explains_nothing() -> None:
    made = shown(gone(sell(5)), execution(ES, -5, perm_id=999))
    assert maybe(made) == {KEY: Flow(sold=D(-5))}


def test_two_orders_that_are_gone_may_both_have_filled() -> None:
    made = gone(sell(5), sell(2, perm_id=502, order_id=4), order(ES, "BUY", 1, perm_id=503, order_id=5))
    assert maybe(made) == {KEY: Flow(D(1), D(-7))}


def test_an_order_that_is_listed_again_is_not_gone() -> None:
    made = gone(sell(5))
    made.listed([sell(5)], 0)
    assert maybe(made) == {}


def test_the_time_counts_from_when_it_was_first_missed() -> None:
    made = gone(sell(5))
    made.listed((), 5 * SECOND)
    assert maybe(made, 6) == {}


def test_an_order_that_gets_its_permid_is_the_same_order() -> None:
    made = traces(sell(5, perm_id=0))
    made.listed([sell(5)], 0)
    assert maybe(made) == {}


def test_a_combination_moves_its_legs() -> None:
    spread = order(combination(21, 22), "SELL", 2)
    assert gone(spread).maybe([], 0).keys() == {(ACCOUNT, 21), (ACCOUNT, 22)}


def test_a_combination_that_names_no_legs_may_have_moved_anything_of_its_symbol() -> None:
    vague = order(combination(symbol="ES"), "BUY", 2)
    made = gone(vague)
    assert maybe(made) == {KEY: Flow(ANY_AMOUNT, -ANY_AMOUNT)}
    assert made.maybe([(KEY, "NQ")], 0) == {}
    made.completed([completed(vague, 0)], 0)
    assert maybe(made) == {}


def test_legs_that_one_list_has_named_are_not_forgotten_when_another_does_not_name_them() -> None:
    spread = order(combination(21, 22), "BUY", 2)
    made = gone(spread)
    made.completed([completed(order(combination(symbol="SPY"), "BUY", 2), 1)], 0)
    assert hidden(made).keys() == {(ACCOUNT, 21), (ACCOUNT, 22)}


SPREAD = replace(
    combination(21, 22, 23),
    combo_legs=(
        ComboLeg(con_id=21, ratio=1, action="BUY"),
        ComboLeg(con_id=22, ratio=2, action="SELL"),
        ComboLeg(con_id=23, ratio=0, action="BUY"),  # not told: at least one
    ),
)


@pytest.mark.parametrize(("action", "sign"), [("BUY", 1), ("SELL", -1)])
def test_each_leg_moves_by_its_ratio_to_its_side_and_a_sold_combination_turns_them_round(
    action: str, sign: int
) -> None:
    made = gone(order(SPREAD, action, 2))
    moved = {key[1]: int(flow.net) for key, flow in made.maybe([], 0).items()}
    assert moved == {21: 2 * sign, 22: -4 * sign, 23: 2 * sign}


def test_an_order_that_was_changed_counts_as_it_is_now() -> None:
    made = traces(sell(5))
    made.listed([sell(8)], 0)
    made.listed((), 0)
    assert maybe(made) == {KEY: Flow(sold=D(-8))}


def test_what_was_filled_once_is_not_taken_back_by_an_older_word() -> None:
    made = traces(sell(5))
    made.listed([sell(5, filled=D(3))], 0)
    made.listed([sell(5, filled=D(2))], 0)
    assert hidden(made) == {KEY: -3}


def test_the_same_word_again_is_no_news() -> None:
    made = traces(sell(5, filled=D(2)))
    made.listed([sell(5, filled=D(2))], 5 * SECOND)
    assert maybe(made, 6) == {}


def test_the_same_list_of_executions_again_shows_nothing_more() -> None:
    made = gone(sell(5))
    made.completed([completed(sell(5), 4)], 0)
    for _ in range(2):
        shown(made, execution(ES, -3, "1.1.1"))
    assert hidden(made) == {KEY: -1}


def test_times_count_from_their_events_and_not_from_the_beginning() -> None:
    made = Traces(PATIENCE_NS, LATE_NS)
    made.listed([sell(5, filled=D(2)), sell(1, perm_id=502, order_id=4)], 100 * SECOND)
    assert maybe(made, 105.9) == {KEY: Flow(sold=D(-2))}
    assert maybe(made, 106) == {}
    made.listed([sell(5, filled=D(2))], 200 * SECOND)
    assert maybe(made, 205.9) == {KEY: Flow(sold=D(-1))}
    assert maybe(made, 206) == {}


def test_an_order_without_a_permid_is_missed_like_any_other() -> None:
    assert maybe(gone(sell(5, perm_id=0))) == {KEY: Flow(sold=D(-5))}


@pytest.mark.parametrize("more", [{"account": ""}, {"account": ACCOUNT}])
@pytest.mark.parametrize("symbol", ["", "ES"])
def test_a_vague_order_without_an_account_or_a_symbol_may_be_of_any(more: dict[str, str], symbol: str) -> None:
    made = gone(order(combination(symbol=symbol), "BUY", 2, **more))
    assert maybe(made) == {KEY: Flow(ANY_AMOUNT, -ANY_AMOUNT)}


def test_a_vague_order_of_another_account_is_not_of_this_one() -> None:
    assert maybe(gone(order(combination(symbol="ES"), "BUY", 2, account="DU2"))) == {}


def test_how_much_of_a_vague_order_filled_does_not_say_what_moved_but_executions_do() -> None:
    vague = order(combination(symbol="ES"), "BUY", 2)
    made = gone(vague)
    made.completed([completed(vague, 1)], 5 * SECOND)
    assert maybe(made, 5.9) == {KEY: Flow(ANY_AMOUNT, -ANY_AMOUNT)}
    assert maybe(made, 6) == {}  # it was gone before it was told
    seen = shown(gone(vague), execution(ES, 2))
    assert maybe(seen) == {}


def test_a_vague_order_that_was_never_seen_open_is_gone_since_it_was_told() -> None:
    vague = order(combination(symbol="ES"), "BUY", 2)
    made = traces()
    made.completed([completed(vague, 1)], 5 * SECOND)
    assert maybe(made, 10.9) == {KEY: Flow(ANY_AMOUNT, -ANY_AMOUNT)}
    assert maybe(made, 11) == {}


def heard_by_its_end(of: WorkingOrder, filled: int) -> Traces:
    """Behind the first list of executions, and by no list of open orders."""
    made = traces()
    made.begin()
    made.completed([completed(of, filled)], 0)
    return made


def test_what_has_turned_out_to_be_of_another_day_is_no_news_a_second_time() -> None:
    made = heard_by_its_end(sell(5, perm_id=7), 3)
    assert made.settle_old((), LATE_NS)
    assert hidden(made) == {} and not made.settle_old((), 2 * LATE_NS)


def test_one_leg_whose_position_has_moved_by_it_says_of_all_that_it_is_of_today() -> None:
    made = heard_by_its_end(order(SPREAD, "BUY", 2, perm_id=7), 1)
    assert not made.settle_old({(ACCOUNT, 22)}, LATE_NS)
    assert made.settle_old({(ACCOUNT, 99)}, LATE_NS)


def test_where_tws_lists_another_one_as_cancelled_its_word_about_this_one_is_awaited_for_longer() -> None:
    made = gone(sell(5, perm_id=501), order(ES, "BUY", 1, perm_id=502))
    assert made.untold(0) == set()
    made.completed([completed(order(ES, "BUY", 1, perm_id=502), 0)], 0)
    assert made.untold(LATE_NS - 1) == {KEY} and made.untold(LATE_NS) == set()
    made.completed([completed(sell(5, perm_id=501), 5)], 0)
    assert made.untold(0) == set()


def test_who_lists_only_what_has_filled_is_not_awaited() -> None:
    made = gone(sell(5, perm_id=501), order(ES, "BUY", 1, perm_id=502))
    made.completed([completed(order(ES, "BUY", 1, perm_id=502), 1)], 0)
    assert made.untold(0) == set()


def test_what_is_open_or_was_executed_whole_needs_no_last_word() -> None:
    made = traces(sell(5, perm_id=501))
    made.completed([completed(order(ES, "BUY", 1, perm_id=502), 0)], 0)
    assert made.untold(0) == set()
    made.listed((), 0)
    assert made.untold(0) == {KEY} and shown(made, execution(ES, -5)).untold(0) == set()


def test_a_last_word_takes_back_nothing_and_the_same_word_is_no_news() -> None:
    made = traces(sell(5, filled=D(3)))
    made.last_word(501, D(1), 10 * SECOND)
    assert made.filled(name_of(sell())) == 3
    made.last_word(501, D(3), 10 * SECOND)
    assert maybe(made, 11) == {}


def test_a_last_word_is_awaited_from_when_the_order_was_missed() -> None:
    made = traces(sell(), order(ES, "SELL", 1, perm_id=502))
    made.listed([], 30 * SECOND)
    made.completed([completed(order(ES, "SELL", 1, perm_id=502), 0)], 30 * SECOND)
    assert made.untold(30 * SECOND + LATE_NS - 1) == {KEY}
    assert made.untold(30 * SECOND + LATE_NS) == set()
