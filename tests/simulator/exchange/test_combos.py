"""Combinations (BAG): priced by their legs, filled leg by leg at one instant, never held."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.contracts import ComboLeg, Contract
from engine.simulator.exchange import Behaviour, Fill, Holding, Instrument, Market, Refusal, Status, WhatIf
from simulator.exchange.stage import ACCOUNT, EXPIRY, MINUTE, NIGHT, SECOND, STILL, D, Stage, codes, of, refusal


def bag(stage: Stage, *legs: tuple[Instrument, int], **fields: str) -> Instrument:
    """The combination of these contracts, each with how many are bought (or sold) with one of it."""
    named = tuple(
        ComboLeg(leg.con_id, abs(count), "BUY" if count > 0 else "SELL", leg.contract.exchange) for leg, count in legs
    )
    found = stage.exchange.resolve(
        Contract(symbol="AAPL", sec_type="BAG", currency="USD", combo_legs=named, **{"exchange": "SMART"} | fields)
    )
    assert isinstance(found, Instrument), found
    return found


def spread(stage: Stage) -> tuple[Instrument, Instrument, Instrument]:
    """A call spread, and its two legs."""
    short = stage.catalogue.option(stage.aapl, EXPIRY, 240, "C")
    return bag(stage, (stage.call, 1), (short, -1)), stage.call, short


def test_a_market_order_fills_every_leg_at_once_at_its_own_side_of_the_market() -> None:
    stage = Stage()
    combo, long, short = spread(stage)
    asked, bid = stage.exchange.quote(long.con_id).ask, stage.exchange.quote(short.con_id).bid
    assert asked is not None and bid is not None
    events = stage.place(combo, "BUY", 3)
    summary, *legs = (fill.execution for fill in of(events, Fill))
    assert (summary.con_id, summary.quantity, summary.price) == (combo.con_id, 3, asked - bid)
    assert [(leg.con_id, leg.side, leg.quantity, leg.price) for leg in legs] == [
        (long.con_id, "BOT", 3, asked),
        (short.con_id, "SLD", 3, bid),
    ]
    assert len({leg.exec_id.split(".")[1] for leg in (summary, *legs)}) == 1
    assert [leg.exec_id.split(".")[2] for leg in (summary, *legs)] == ["01", "02", "03"]
    assert stage.held(long) == 3 and stage.held(short) == -3 and stage.held(combo) == 0


def test_the_summary_is_told_and_never_booked() -> None:
    stage = Stage()
    combo, long, short = spread(stage)
    stage.place(combo, "BUY", 1)
    booked = [execution.con_id for execution, _ in stage.exchange.executions()]
    assert booked == [long.con_id, short.con_id]


def test_ratios_multiply_and_a_sold_combination_turns_every_leg() -> None:
    stage = Stage()
    _, long, short = spread(stage)
    ratio = bag(stage, (long, 1), (short, -2))
    stage.place(ratio, "SELL", 4)
    assert (stage.held(long), stage.held(short)) == (-4, 8)


def test_a_limit_may_be_below_zero_and_holds() -> None:
    stage = Stage()
    _, long, short = spread(stage)
    credit = bag(stage, (short, 1), (long, -1))
    natural = stage.exchange.quote(credit.con_id).ask
    assert natural is not None and natural < 0
    waiting = stage.rest(credit, "BUY", 1, order_type="LMT", lmt_price=natural - D("0.01"))
    assert waiting.status is Status.SUBMITTED
    filled = stage.rest(credit, "BUY", 1, order_type="LMT", lmt_price=natural)
    assert filled.status is Status.FILLED and filled.avg_fill_price == natural


def test_a_resting_combination_fills_when_its_legs_come_to_its_limit() -> None:
    stage = Stage()
    near, far = stage.catalogue.future("ES"), stage.catalogue.future("ES", 1)
    stage.price(near, 6000)
    stage.price(far, 6050)
    calendar = bag(stage, (far, 1), (near, -1), exchange="CME")
    resting = stage.rest(calendar, "BUY", 2, order_type="LMT", lmt_price=45)
    assert stage.now(resting).status is Status.SUBMITTED
    stage.price(near, 6010)
    done = stage.now(resting)
    assert done.status is Status.FILLED and done.avg_fill_price <= 45
    assert (stage.held(far), stage.held(near)) == (2, -2)


def test_a_covered_call_is_priced_by_the_share() -> None:
    stage = Stage()
    covered = bag(stage, (stage.aapl, 100), (stage.call, -1))
    stock, call = stage.exchange.quote(stage.aapl.con_id), stage.exchange.quote(stage.call.con_id)
    assert stock.ask is not None and call.bid is not None
    assert stage.exchange.quote(covered.con_id).ask == stock.ask - call.bid
    stage.place(covered, "BUY", 2)
    assert (stage.held(stage.aapl), stage.held(stage.call)) == (200, -2)


@pytest.mark.parametrize("sign", [1, -1])
def test_no_leg_fills_without_the_others(sign: int) -> None:
    stage = Stage(behaviour=Behaviour(moves=False, depth=D(7), enforce_margin=False))
    combo, long, short = spread(stage)
    order = stage.rest(combo, "BUY" if sign > 0 else "SELL", 40)
    assert order.filled <= 7, "no more than the legs have to offer"
    for _ in range(120):
        stage.wait(SECOND)
        assert stage.held(long) == -stage.held(short) == sign * stage.now(order).filled
    assert stage.now(order).status is Status.FILLED


@pytest.mark.parametrize("broken", ["no_ask", "halted", "closed"])
def test_a_leg_without_a_market_keeps_the_combination_waiting(broken: str) -> None:
    stage = Stage()
    combo, long, _short = spread(stage)
    if broken == "halted":
        stage.exchange.halt(stage.now_ns, long.con_id)
        assert refusal(stage.place(combo, "BUY", 1)) == 154
        return
    stage.exchange.set_market(stage.now_ns, long.con_id, Market(no_ask=broken == "no_ask", closed=broken == "closed"))
    order = stage.rest(combo, "BUY", 1)
    stage.wait(MINUTE)
    assert stage.now(order).is_open and stage.held(long) == 0
    stage.exchange.set_market(stage.now_ns, long.con_id, Market())
    stage.wait(MINUTE)
    assert stage.now(order).status is Status.FILLED


def test_a_combination_keeps_the_hours_of_its_leg_that_trades_least() -> None:
    stage = Stage(start_ns=NIGHT)
    events = stage.place(bag(stage, (stage.es, 1), (stage.catalogue.future("ES", 1), -1), exchange="CME"), "BUY", 1)
    assert of(events, Fill)
    combo, long, _ = spread(stage)
    assert codes(stage.place(combo, "BUY", 1)) == [399] and stage.held(long) == 0


def test_a_global_cancel_ends_a_working_combination() -> None:
    stage = Stage()
    combo, long, short = spread(stage)
    order = stage.rest(combo, "BUY", 1, order_type="LMT", lmt_price=D("0.01"))
    stage.exchange.cancel_all(stage.now_ns)
    assert stage.now(order).status is Status.CANCELLED
    assert stage.held(long) == stage.held(short) == 0


def test_margin_sees_the_spread_and_not_a_naked_short() -> None:
    stage = Stage(cash=3_000)
    combo, _long, short = spread(stage)
    assert refusal(stage.place(short, "SELL", 1)) == 201
    assert of(stage.place(combo, "SELL", 1), Fill)
    assert refusal(stage.place(combo, "SELL", 50)) == 201


def test_closing_a_spread_needs_no_margin() -> None:
    stage = Stage(cash=3_000)
    combo, long, short = spread(stage)
    stage.place(combo, "SELL", 1)
    assert of(stage.place(combo, "BUY", 1), Fill)
    assert stage.held(long) == stage.held(short) == 0


def test_commissions_are_charged_leg_by_leg_and_the_money_adds_up() -> None:
    stage = Stage(behaviour=Behaviour(moves=False, depth=D(3)))
    combo, long, short = spread(stage)
    stage.rest(combo, "BUY", 10)
    stage.wait(MINUTE)
    costs: dict[int, Decimal] = {}
    for execution, commission in stage.exchange.executions():
        costs[execution.con_id] = costs.get(execution.con_id, D(0)) + commission.amount
    assert costs.keys() == {long.con_id, short.con_id} and costs[long.con_id] == costs[short.con_id] > 0
    values = stage.exchange.account_values(ACCOUNT)
    assert values.net_liquidation - values.contributed == values.realized_total + values.unrealized_pnl


def test_a_what_if_of_a_smart_combination_is_refused_and_of_a_routed_one_answered() -> None:
    stage = Stage()
    combo, *_ = spread(stage)
    assert refusal(stage.place(combo, "BUY", 1, what_if=True)) == 360
    (preview,) = of(stage.place(combo, "SELL", 1, what_if=True, exchange="CBOE"), WhatIf)
    assert preview.init_margin_after - preview.init_margin_before == 1000
    assert preview.commission > 0


def test_working_combinations_end_with_their_first_leg() -> None:
    stage = Stage()
    combo, long, _ = spread(stage)
    order = stage.rest(combo, "BUY", 1, order_type="LMT", lmt_price=D("0.01"), tif="GTC")
    assert long.expiry_ns is not None
    stage.exchange.advance(long.expiry_ns)
    assert stage.now(order).status is Status.CANCELLED


def test_the_same_legs_are_the_same_combination_and_carry_ibkrs_one_contract_id() -> None:
    stage = Stage()
    combo, long, short = spread(stage)
    assert bag(stage, (long, 1), (short, -1)) is combo
    assert bag(stage, (short, -1), (long, 1)) is not combo
    assert combo.contract.con_id == 28812380 != combo.con_id
    assert combo.contract.combo_legs_description == f"{long.con_id}|1,{short.con_id}|-1"


def leg(con_id: int, ratio: int = 1, action: str = "BUY") -> ComboLeg:
    return ComboLeg(con_id, ratio, action, "SMART")


def test_a_combination_that_makes_no_sense_is_refused_with_ibkrs_code() -> None:
    stage = Stage()
    good = leg(stage.aapl.con_id)
    other = stage.call.con_id
    euro = stage.catalogue.find(Contract(symbol="EUR", sec_type="CASH", currency="USD"))[0].con_id

    def code(*legs: ComboLeg, exchange: str = "SMART") -> int:
        found = stage.exchange.resolve(Contract(symbol="X", sec_type="BAG", exchange=exchange, combo_legs=legs))
        assert isinstance(found, Refusal)
        return found.code

    assert code() == code(good) == code(good, good) == 314
    assert code(good, leg(1)) == code(good, leg(other, 0)) == code(good, leg(other, -1)) == 313
    assert code(good, leg(other, 1, "HOLD")) == code(good, leg(euro)) == 313
    assert code(good, leg(other), exchange="") == 321


def test_stops_and_midpoint_orders_are_not_for_combinations() -> None:
    stage = Stage()
    combo, *_ = spread(stage)
    assert refusal(stage.place(combo, "BUY", 1, order_type="STP", aux_price=5)) == 387
    assert refusal(stage.place(combo, "BUY", 1, order_type="MIDPRICE")) == 387


def test_legs_that_are_held_are_closed_by_the_opposite_combination() -> None:
    stage = Stage(behaviour=STILL)
    combo, long, short = spread(stage)
    for held, quantity in ((long, 2), (short, -2)):
        stage.exchange.add_holding(stage.now_ns, ACCOUNT, Holding(held.con_id, D(quantity), D(5)))
    stage.place(combo, "SELL", 2)
    assert stage.exchange.positions() == []
