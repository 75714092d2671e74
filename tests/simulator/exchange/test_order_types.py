"""Each order type, shown by one readable example of what it does and one of what it must not do."""

from __future__ import annotations

import pytest

from engine.simulator.exchange import Fill, Market, OrderType, PositionChanged, Status, WhatIf
from simulator.exchange.stage import D, Stage, fills, of, refusal, statuses


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_market_order_takes_the_other_side_at_once(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    assert fills(stage.place(stage.es, "BUY", 2)) == [(D(2), D("6000.25"))]
    assert fills(stage.place(stage.es, "SELL", 2)) == [(D(2), D("6000.00"))]
    assert stage.held(stage.es) == 0


def test_the_story_of_a_fill_is_told_in_ibkrs_order(stage: Stage) -> None:
    names = [type(event).__name__ for event in stage.place(stage.es, "BUY", 2)]
    assert names == ["OrderAccepted", "Fill", "StatusChanged", "Commission", "PositionChanged", "AccountChanged"]


def test_a_limit_order_that_crosses_fills_at_the_better_market(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    assert fills(stage.place(stage.es, "BUY", 1, order_type="LMT", lmt_price="6010")) == [(D(1), D("6000.25"))]


def test_a_resting_limit_order_fills_at_its_own_price(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    order = stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5990")
    assert order.status is Status.SUBMITTED
    assert fills(stage.price(stage.es, "5990.25")) == []  # the ask is at 5990.50
    assert fills(stage.price(stage.es, "5980")) == [(D(1), D("5990"))]


def test_a_stop_waits_presubmitted_and_becomes_a_market_order(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    order = stage.rest(stage.es, "SELL", 1, order_type="STP", aux_price="5990")
    assert (order.status, order.why_held) == (Status.PRE_SUBMITTED, "trigger")
    assert fills(stage.price(stage.es, "5990.25")) == []
    assert fills(stage.price(stage.es, "5985")) == [(D(1), D("5985"))]


def test_a_stop_limit_becomes_a_limit_order_and_keeps_its_limit(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    order = stage.rest(stage.es, "SELL", 1, order_type="STP LMT", aux_price="5990", lmt_price="5988")
    assert fills(stage.price(stage.es, "5980")) == []  # through the limit: triggered, but not filled
    assert stage.now(order).status is Status.SUBMITTED
    assert fills(stage.price(stage.es, "5989")) == [(D(1), D("5988"))]


def test_a_trailing_stop_follows_the_market_one_way_only(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    order = stage.rest(stage.es, "SELL", 1, order_type="TRAIL", aux_price="10")
    assert stage.now(order).trail_stop_price == D(5990)
    stage.price(stage.es, 6020)
    assert stage.now(order).trail_stop_price == D(6010)
    stage.price(stage.es, 6015)
    assert stage.now(order).trail_stop_price == D(6010)
    assert fills(stage.price(stage.es, 6005)) == [(D(1), D(6005))]


def test_a_trailing_percent_keeps_its_share_of_the_price(stage: Stage) -> None:
    stage.price(stage.aapl, 200)
    order = stage.rest(stage.aapl, "BUY", 10, order_type="TRAIL", trailing_percent="5")
    assert stage.now(order).trail_stop_price == D(210)
    stage.price(stage.aapl, 180)
    assert stage.now(order).trail_stop_price == D(189)


def test_midprice_fills_between_bid_and_ask(stage: Stage) -> None:
    stage.price(stage.aapl, 200)
    stage.exchange.set_market(stage.now_ns, stage.aapl.con_id, Market(spread_ticks=10))
    assert fills(stage.place(stage.aapl, "BUY", 5, order_type="MIDPRICE")) == [(D(5), D("200.00"))]
    capped = stage.rest(stage.aapl, "BUY", 5, order_type="MIDPRICE", lmt_price="199.90")
    assert capped.status is Status.SUBMITTED
    assert fills(stage.price(stage.aapl, "199.80")) == [(D(5), D("199.80"))]


def test_immediate_or_cancel_takes_what_there_is(stage: Stage) -> None:
    stage.price(stage.es, 6000)
    events = stage.place(stage.es, "BUY", 1, order_type="LMT", lmt_price="5999", tif="IOC")
    assert not of(events, Fill)
    assert statuses(events)[-1] is Status.CANCELLED


def test_a_what_if_order_tells_the_margin_and_does_nothing(stage: Stage) -> None:
    (preview,) = stage.place(stage.es, "BUY", 2, what_if=True)
    assert isinstance(preview, WhatIf)
    assert preview.init_margin_after == 2 * stage.es.margin.initial
    assert stage.exchange.open_orders() == [] and stage.held(stage.es) == 0


def test_a_what_if_order_beyond_the_margin_tells_the_numbers_and_the_refusal(stage: Stage) -> None:
    events = stage.place(stage.es, "BUY", 1000, what_if=True)
    assert len(of(events, WhatIf)) == 1 and refusal(events) == 201


def test_oil_can_be_bought_and_sold_below_zero(stage: Stage) -> None:
    stage.price(stage.cl, "-37.63")
    assert fills(stage.place(stage.cl, "BUY", 1)) == [(D(1), D("-37.62"))]
    assert fills(stage.place(stage.cl, "SELL", 1, order_type="LMT", lmt_price="-37.63")) == [(D(1), D("-37.63"))]


@pytest.mark.parametrize("order_type", list(OrderType))
def test_no_order_type_fills_a_cancelled_order(stage: Stage, order_type: str) -> None:
    stage.price(stage.aapl, 200)
    prices = {
        "LMT": {"lmt_price": 190},
        "STP": {"aux_price": 210},
        "STP LMT": {"aux_price": 210, "lmt_price": 212},
        "TRAIL": {"aux_price": 10},
        "MIDPRICE": {"lmt_price": 190},
        "MKT": {},
    }[order_type]
    stage.exchange.set_market(stage.now_ns, stage.aapl.con_id, Market(no_ask=True))
    order = stage.rest(stage.aapl, "BUY", 5, order_type=order_type, **prices)
    stage.exchange.cancel(stage.now_ns, order.perm_id)
    for price in (150, 250, 200):
        assert not of(stage.price(stage.aapl, price), PositionChanged)
    assert stage.now(order).status is Status.CANCELLED
