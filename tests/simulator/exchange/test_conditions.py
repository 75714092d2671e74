"""Conditional orders: held until their conditions come true, or ended by them, and by nothing else."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest

from engine.simulator.exchange import Behaviour, Instrument, Market, OrderView, Quote, Status
from engine.simulator.exchange.conditions import (
    ChangeIs,
    Condition,
    CushionIs,
    Fact,
    PriceIs,
    TimeIs,
    Traded,
    Trigger,
    VolumeIs,
    are_met,
    price_is,
)
from simulator.exchange.stage import ACCOUNT, HOUR, MINUTE, NIGHT, OPEN, SECOND, STILL, D, Stage, codes, refusal


def waiting(stage: Stage, instrument: Instrument, *facts: Fact, **fields: object) -> OrderView:
    """A market order to buy one that waits for all of these."""
    return stage.rest(instrument, "BUY", 1, conditions=tuple(Condition(fact) for fact in facts), **fields)


def is_filled(stage: Stage, order: OrderView) -> bool:
    return stage.now(order).status is Status.FILLED


def test_an_order_waits_for_its_price_and_then_fills_by_itself() -> None:
    stage = Stage()
    stage.price(stage.aapl, 230)
    order = waiting(stage, stage.es, PriceIs(stage.aapl.con_id, False, D(220)))
    stage.wait(MINUTE)
    assert stage.now(order).status is Status.PRE_SUBMITTED
    stage.price(stage.aapl, 221)
    assert stage.now(order).status is Status.PRE_SUBMITTED
    stage.price(stage.aapl, 220)
    assert is_filled(stage, order)


def test_a_condition_that_came_true_once_is_done_with() -> None:
    stage = Stage()
    stage.price(stage.aapl, 230)
    order = waiting(
        stage, stage.es, PriceIs(stage.aapl.con_id, False, D(220)), order_type="LMT", lmt_price=D(1000), tif="GTC"
    )
    stage.price(stage.aapl, 220)
    assert stage.now(order).status is Status.SUBMITTED
    stage.price(stage.aapl, 240)
    stage.wait(MINUTE)
    assert stage.now(order).status is Status.SUBMITTED


def test_a_price_that_walks_there_is_noticed_without_a_hand() -> None:
    stage = Stage(behaviour=Behaviour(moves=True))
    last = stage.exchange.quote(stage.es.con_id).last
    order = waiting(stage, stage.aapl, PriceIs(stage.es.con_id, True, last + 2))
    for _ in range(HOUR // MINUTE):
        seen = stage.exchange.quote(stage.es.con_id).last
        stage.wait(MINUTE)
        if is_filled(stage, order):
            return
        assert seen < last + 2
    pytest.fail("the price never came; another seed is needed")


def test_time_releases_at_its_instant() -> None:
    stage = Stage()
    order = waiting(stage, stage.es, TimeIs(True, OPEN + 90 * SECOND))
    stage.wait(90 * SECOND - 1)
    assert not is_filled(stage, order)
    stage.wait(1)
    assert is_filled(stage, order)


def test_a_time_that_has_passed_never_releases() -> None:
    stage = Stage()
    order = waiting(stage, stage.es, TimeIs(False, OPEN - SECOND), tif="GTC")
    stage.wait(HOUR)
    assert stage.now(order).status is Status.PRE_SUBMITTED


def test_volume_counts_the_session_and_only_grows() -> None:
    stage = Stage()
    order = waiting(stage, stage.es, VolumeIs(stage.aapl.con_id, True, 10_000_000))
    near = waiting(stage, stage.es, VolumeIs(stage.aapl.con_id, True, 1))
    assert is_filled(stage, near)
    stage.wait(HOUR)
    assert not is_filled(stage, order)


def test_the_change_is_measured_from_the_last_close() -> None:
    stage = Stage()
    close = stage.exchange.quote(stage.aapl.con_id).close
    order = waiting(stage, stage.es, ChangeIs(stage.aapl.con_id, False, D(-5)))
    stage.price(stage.aapl, stage.aapl.rule.floor(close * D("0.96")))
    assert not is_filled(stage, order)
    stage.price(stage.aapl, stage.aapl.rule.floor(close * D("0.95")))
    assert is_filled(stage, order)


def test_the_margin_cushion_is_that_of_the_orders_account() -> None:
    stage = Stage(cash=100_000)
    order = waiting(stage, stage.aapl, CushionIs(False, D(80)))
    stage.wait(MINUTE)
    assert not is_filled(stage, order)
    stage.rest(stage.es, "BUY", 2)
    assert stage.exchange.account_values(ACCOUNT).cushion < D("0.8")
    stage.wait(2 * SECOND)
    assert is_filled(stage, order)


def test_a_trade_in_a_symbol_releases_at_the_same_instant() -> None:
    stage = Stage()
    stage.rest(stage.aapl, "BUY", 1)
    stage.wait(SECOND)
    order = waiting(stage, stage.es, Traded("AAPL", "STK"))
    stage.wait(MINUTE)
    assert not is_filled(stage, order), "what was traded before the order does not count"
    stage.rest(stage.cl, "BUY", 1)
    stage.wait(0)
    assert not is_filled(stage, order)
    stage.rest(stage.aapl, "BUY", 1)
    stage.wait(0)
    assert is_filled(stage, order)


def test_conditions_may_end_a_working_order_instead() -> None:
    stage = Stage()
    stage.price(stage.aapl, 230)
    order = waiting(
        stage,
        stage.es,
        PriceIs(stage.aapl.con_id, False, D(220)),
        conditions_cancel_order=True,
        order_type="LMT",
        lmt_price=D(1000),
    )
    assert stage.now(order).status is Status.SUBMITTED, "until then it works like any other"
    stage.price(stage.aapl, 219)
    assert stage.now(order).status is Status.CANCELLED


def test_outside_regular_hours_conditions_sleep_unless_told_otherwise() -> None:
    stage = Stage(start_ns=NIGHT)
    stage.price(stage.cl, 60)
    fact = PriceIs(stage.cl.con_id, False, D(55))
    asleep = waiting(stage, stage.es, fact)
    awake = waiting(stage, stage.es, fact, conditions_ignore_rth=True)
    stage.price(stage.cl, 50)
    assert is_filled(stage, awake) and not is_filled(stage, asleep)
    stage.exchange.advance(OPEN + 24 * HOUR)
    assert is_filled(stage, asleep)


def test_a_held_order_can_be_cancelled_changed_and_swept_away() -> None:
    stage = Stage()
    never = PriceIs(stage.aapl.con_id, True, D(100_000))
    orders = [waiting(stage, stage.es, never) for _ in range(3)]
    stage.exchange.cancel(stage.now_ns, orders[0].perm_id)
    changed = stage.order(stage.es, "BUY", 2, order_id=orders[1].request.order_id)
    stage.exchange.place(stage.now_ns, changed)
    assert is_filled(stage, orders[1]), "a modification without conditions releases it"
    stage.exchange.cancel_all(stage.now_ns)
    assert stage.exchange.open_orders() == []
    assert stage.held(stage.es) == 2


def test_a_held_day_order_ends_with_its_day() -> None:
    stage = Stage()
    order = waiting(stage, stage.es, PriceIs(stage.aapl.con_id, True, D(100_000)))
    stage.wait(12 * HOUR)
    assert stage.now(order).status is Status.CANCELLED


def test_a_conditional_child_waits_for_its_parent_first() -> None:
    stage = Stage()
    stage.price(stage.aapl, 200)
    parent = stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price=1000, transmit=False)
    child = stage.rest(
        stage.es,
        "SELL",
        1,
        parent_id=parent.request.order_id,
        conditions=(Condition(PriceIs(stage.aapl.con_id, False, D(220))),),
    )
    stage.wait(MINUTE)
    assert stage.now(child).status is Status.PRE_SUBMITTED and stage.held(stage.es) == 0


def test_a_condition_on_a_contract_that_is_not_is_refused() -> None:
    stage = Stage()
    condition = (Condition(PriceIs(12, True, D(1))),)
    assert refusal(stage.place(stage.es, "BUY", 1, conditions=condition)) == 321
    order = stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price=1000)
    changed = stage.order(stage.es, "BUY", 1, order_id=order.request.order_id, conditions=condition)
    assert refusal(stage.exchange.place(stage.now_ns, changed)) == 321


def test_a_held_order_for_a_closed_market_is_queued_only_when_released() -> None:
    stage = Stage(start_ns=NIGHT)
    stage.price(stage.cl, 60)
    order = waiting(stage, stage.aapl, PriceIs(stage.cl.con_id, False, D(55)), conditions_ignore_rth=True)
    assert codes(stage.wait(MINUTE)) == []
    assert codes(stage.price(stage.cl, 50)) == [399] and stage.now(order).status is Status.PRE_SUBMITTED
    assert codes(stage.wait(14 * HOUR)) == [] and is_filled(stage, order)


@pytest.mark.parametrize("truths", list(product((True, False), repeat=3)))
@pytest.mark.parametrize("joins", list(product((True, False), repeat=3)))
def test_and_binds_closer_than_or(truths: tuple[bool, ...], joins: tuple[bool, ...]) -> None:
    facts = [TimeIs(True, place) for place in range(3)]
    found = are_met(
        [Condition(fact, join) for fact, join in zip(facts, joins, strict=True)],
        lambda fact: isinstance(fact, TimeIs) and truths[fact.at_ns],
    )
    a, b, c = truths
    wanted = {
        (True, True): a and b and c,
        (True, False): (a and b) or c,
        (False, True): a or (b and c),
        (False, False): a or b or c,
    }[joins[:2]]
    assert found is wanted
    assert are_met([], lambda _fact: False)


def quote(bid: str | None, ask: str | None, last: str) -> Quote:
    return Quote(
        bid=None if bid is None else D(bid),
        ask=None if ask is None else D(ask),
        bid_size=D(1),
        ask_size=D(1),
        last=D(last),
        close=D(0),
        halted=False,
        is_open=True,
    )


@pytest.mark.parametrize(
    ("trigger", "is_more", "seen", "met"),
    [
        (Trigger.DEFAULT, True, quote("9", "11", "10"), True),
        (Trigger.LAST, False, quote("9", "9.5", "11"), False),
        (Trigger.BID_ASK, True, quote("9", "11", "10"), False),
        (Trigger.BID_ASK, True, quote("10", "11", "9"), True),
        (Trigger.BID_ASK, False, quote("9", "10", "11"), True),
        (Trigger.DOUBLE_BID_ASK, False, quote("9", None, "9"), False),
        (Trigger.LAST_OR_BID_ASK, True, quote(None, None, "10"), True),
        (Trigger.MIDPOINT, True, quote("9", "11", "0"), True),
        (Trigger.MIDPOINT, True, quote(None, "11", "10"), False),
    ],
)
def test_each_trigger_looks_at_its_own_price(trigger: Trigger, is_more: bool, seen: Quote, met: bool) -> None:
    assert price_is(PriceIs(1, is_more, Decimal(10), trigger), seen) is met


def test_a_missing_bid_meets_nothing() -> None:
    stage = Stage(behaviour=STILL)
    stage.exchange.set_market(stage.now_ns, stage.aapl.con_id, Market(no_bid=True))
    order = waiting(stage, stage.es, PriceIs(stage.aapl.con_id, True, D(1), Trigger.BID_ASK))
    stage.wait(MINUTE)
    assert not is_filled(stage, order)
