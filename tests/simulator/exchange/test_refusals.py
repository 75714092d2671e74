"""What the broker refuses, and with which code."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.simulator.exchange import (
    FarLimit,
    HaltedPolicy,
    Holding,
    Instrument,
    Market,
    Refusal,
    Rejected,
    Status,
)
from simulator.exchange.stage import EXPIRY, SECOND, STILL, D, Stage, codes, fills, of, refusal


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.price(stage.es, 6000)
    stage.price(stage.aapl, 230)
    return stage


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"quantity": 0}, 434),
        ({"quantity": "-1"}, 388),
        ({"quantity": "0.5"}, 10243),
        ({"cash_qty": D(-100)}, 10244),
        ({"cash_qty": D("0.001")}, 434),
        ({"cash_qty": D(100), "order_type": "STP", "aux_price": 240}, 10244),
        ({"action": "HOLD"}, 321),
        ({"tif": "SOMETIME"}, 321),
        ({"order_type": "VWAP"}, 387),
        ({"order_type": "LMT"}, 463),
        ({"order_type": "STP"}, 463),
        ({"order_type": "LMT", "lmt_price": "-5"}, 463),
        ({"order_type": "LMT", "lmt_price": "NaN"}, 463),
        ({"order_type": "LMT", "lmt_price": "230.005"}, 110),
        ({"order_type": "STP LMT", "aux_price": "230.5", "lmt_price": "230.001"}, 110),
        ({"order_type": "TRAIL"}, 321),
        ({"account": ""}, 435),
        ({"account": "U999"}, 321),
    ],
)
def test_a_malformed_order_never_comes_into_being(stage: Stage, fields: dict[str, Any], code: int) -> None:
    action, quantity = fields.pop("action", "BUY"), D(fields.pop("quantity", 1))
    events = stage.place(stage.aapl, action, quantity, order_id=77, **fields)
    assert refusal(events) == code
    assert stage.exchange.find_order(1, 77) is None


def test_an_unknown_contract_is_200(stage: Stage) -> None:
    unknown = replace(stage.aapl, con_id=5)
    assert refusal(stage.place(unknown, "BUY", 1)) == 200


def test_the_price_grid_of_an_index_option_depends_on_the_price(stage: Stage) -> None:
    index = stage.catalogue.find(Contract(symbol="SPX", sec_type="IND"))[0]
    option = stage.catalogue.option(index, EXPIRY, 6000, "C")
    stage.exchange.behaviour = replace(STILL, far_limit=FarLimit.ACCEPT)
    assert stage.rest(option, "BUY", 1, order_type="LMT", lmt_price="2.95").is_open
    assert refusal(stage.place(option, "BUY", 1, order_type="LMT", lmt_price="3.05")) == 110


def test_midprice_is_for_stocks(stage: Stage) -> None:
    assert refusal(stage.place(stage.es, "BUY", 1, order_type="MIDPRICE")) == 387


def test_an_index_cannot_be_traded(stage: Stage) -> None:
    index = stage.catalogue.find(Contract(symbol="SPX", sec_type="IND"))[0]
    assert refusal(stage.place(index, "BUY", 1)) == 387


def test_the_other_side_of_a_resting_us_option_order_is_refused(stage: Stage) -> None:
    resting = stage.rest(stage.call, "BUY", 1, order_type="LMT", lmt_price="0.01")
    (rejected,) = of(stage.place(stage.call, "SELL", 1), Rejected)
    assert (rejected.code, rejected.order) == (201, None)
    assert "both sides of the same US Option contract" in rejected.text
    stage.exchange.cancel(stage.now_ns, resting.perm_id)
    assert fills(stage.place(stage.call, "SELL", 1))


def test_futures_may_rest_on_both_sides(stage: Stage) -> None:
    stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5990")
    stage.rest(stage.es, "SELL", 1, order_type="LMT", lmt_price="6010")


def test_twenty_orders_a_side_and_no_more(stage: Stage) -> None:
    for _ in range(20):
        stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5990")
    assert refusal(stage.place(stage.es, "BUY", 1, order_type="LMT", lmt_price="5990")) == 201
    stage.rest(stage.es, "SELL", 1, order_type="LMT", lmt_price="6010")
    assert len(stage.exchange.open_orders()) == 21


def test_a_limit_far_through_the_market_is_cancelled_capped_or_taken(stage: Stage) -> None:
    far = {"order_type": "LMT", "lmt_price": "400"}
    (rejected,) = of(stage.place(stage.aapl, "BUY", 1, **far), Rejected)
    assert rejected.code == 202 and "too far through the market" in rejected.text
    stage.exchange.behaviour = replace(STILL, far_limit=FarLimit.CAP)
    stage.exchange.set_market(stage.now_ns, stage.aapl.con_id, Market(depth=D(1)))
    events = stage.place(stage.aapl, "BUY", 5, order_id=50, **far)
    capped = stage.exchange.find_order(1, 50)
    assert 2161 in codes(events) and capped is not None and capped.request.lmt_price == D("253.01")
    stage.exchange.behaviour = replace(STILL, far_limit=FarLimit.ACCEPT)
    assert stage.rest(stage.aapl, "BUY", 5, **far).request.lmt_price == 400


def test_a_limit_far_from_the_market_on_the_passive_side_is_nobodys_business(stage: Stage) -> None:
    assert stage.rest(stage.aapl, "BUY", 1, order_type="LMT", lmt_price="1").status is Status.SUBMITTED


def test_a_halted_contract_refuses_orders_and_holds_old_ones(stage: Stage) -> None:
    resting = stage.rest(stage.aapl, "BUY", 1, order_type="LMT", lmt_price="229")
    stage.exchange.halt(stage.now_ns, stage.aapl.con_id)
    assert refusal(stage.place(stage.aapl, "BUY", 1)) == 154
    stage.exchange.script_price(stage.aapl.con_id, stage.now_ns + SECOND, D(220))
    assert fills(stage.wait(5 * SECOND)) == []
    assert stage.now(resting).is_open
    assert fills(stage.exchange.resume(stage.now_ns, stage.aapl.con_id)) == [(D(1), D(229))]


def test_a_scenario_may_let_orders_wait_through_a_halt(stage: Stage) -> None:
    stage.exchange.behaviour = replace(STILL, halted=HaltedPolicy.HOLD)
    stage.exchange.halt(stage.now_ns, stage.aapl.con_id)
    events = stage.place(stage.aapl, "BUY", 1)
    assert codes(events) == [2128] and fills(events) == []
    assert len(fills(stage.exchange.resume(stage.now_ns, stage.aapl.con_id))) == 1


def test_a_worthless_option_has_no_bid_and_cannot_be_sold(stage: Stage) -> None:
    stage.rest(stage.call, "BUY", 1)
    stage.price(stage.call, 0)
    assert stage.exchange.quote(stage.call.con_id).bid is None
    order = stage.rest(stage.call, "SELL", 1)
    stage.wait(60 * SECOND)
    assert stage.now(order).status is Status.SUBMITTED and stage.held(stage.call) == 1


def test_an_expired_contract_takes_no_orders(stage: Stage) -> None:
    stage.exchange.advance((stage.call.expiry_ns or 0) + SECOND)
    assert refusal(stage.place(stage.call, "BUY", 1)) == 392


def test_an_order_beyond_the_margin_is_refused() -> None:
    stage = Stage(cash=20_000)
    assert len(fills(stage.place(stage.es, "BUY", 1))) == 1
    (rejected,) = of(stage.place(stage.es, "BUY", 1), Rejected)
    assert rejected.code == 201 and "Initial Margin" in rejected.text


def test_a_closing_order_needs_no_margin_even_when_the_account_has_none() -> None:
    stage = Stage(cash=20_000)
    stage.price(stage.es, 6000)
    stage.place(stage.es, "BUY", 1)
    stage.price(stage.es, 5000)  # equity is far below zero
    assert fills(stage.place(stage.es, "SELL", 1)) == [(D(1), D(5000))]


def test_selling_the_long_leg_of_a_spread_first_is_refused_for_margin() -> None:
    stage = Stage(cash=3_000)
    stage.price(stage.aapl, 230)
    lower, upper = (stage.catalogue.option(stage.aapl, EXPIRY, strike, "P") for strike in (220, 230))
    for leg, quantity in ((lower, 1), (upper, -1)):
        stage.exchange.add_holding(stage.now_ns, "DU1", Holding(leg.con_id, D(quantity), D(3)))
    assert refusal(stage.place(lower, "SELL", 1)) == 201
    assert len(fills(stage.place(upper, "BUY", 1))) == 1  # the short leg first
    assert len(fills(stage.place(lower, "SELL", 1))) == 1


def test_stock_covers_short_calls_one_for_a_hundred_shares() -> None:
    stage = Stage(cash=0)
    stage.price(stage.aapl, 230)
    stage.exchange.add_holding(stage.now_ns, "DU1", Holding(stage.aapl.con_id, D(100), D(230)))
    before = stage.exchange.account_values("DU1").init_margin
    assert len(fills(stage.place(stage.call, "SELL", 1))) == 1
    assert stage.exchange.account_values("DU1").init_margin == before
    assert refusal(stage.place(stage.call, "SELL", 5)) == 201  # these would be naked


def test_an_order_id_cannot_be_used_twice(stage: Stage) -> None:
    stage.place(stage.es, "BUY", 1, order_id=5)
    assert refusal(stage.place(stage.es, "BUY", 1, order_id=5)) == 104
    cancelled = stage.rest(stage.es, "BUY", 1, order_id=6, order_type="LMT", lmt_price="5990")
    stage.exchange.cancel(stage.now_ns, cancelled.perm_id)
    assert refusal(stage.place(stage.es, "BUY", 1, order_id=6)) == 103


def test_after_a_restart_of_tws_order_ids_come_again(stage: Stage) -> None:
    first = stage.rest(stage.es, "BUY", 1, order_id=5)
    working = stage.rest(stage.es, "BUY", 1, order_id=6, order_type="LMT", lmt_price="5990")
    stage.exchange.forget_order_ids()
    second = stage.rest(stage.es, "BUY", 1, order_id=5)
    assert second.perm_id > first.perm_id
    assert stage.exchange.find_order(1, 6) == working


def resolved(stage: Stage, contract: Contract) -> Instrument | int:
    answer = stage.exchange.resolve(contract)
    return answer.code if isinstance(answer, Refusal) else answer


def test_an_order_must_name_one_contract_and_its_exchange(stage: Stage) -> None:
    es = stage.es
    assert resolved(stage, Contract(con_id=es.con_id, exchange="CME")) == es
    assert resolved(stage, es.reported) == 321  # as position() gives it: without exchange
    assert resolved(stage, Contract(con_id=es.con_id, exchange="SMART")) == 200
    assert resolved(stage, Contract(con_id=es.con_id, symbol="NQ", exchange="CME")) == 478
    assert resolved(stage, Contract(con_id=1, exchange="CME")) == 200
    assert resolved(stage, Contract(symbol="ES", sec_type="FUT", exchange="CME")) == 200  # which month?
