"""Exercise, assignment and expiry: options become what they are written on, and the money adds up to the cent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine.core.contracts import Contract
from engine.simulator.exchange import Event, Fill, Holding, Instruction, Instrument, PositionChanged, Status
from simulator.exchange.stage import ACCOUNT, EXPIRY, HOUR, MINUTE, OPEN, SECOND, D, Stage, fills, of, refusal

TODAY_ENDS = OPEN + 5 * HOUR  # 16:00 in New York


def hold(stage: Stage, instrument: Instrument, quantity: int, price: Decimal | int = 10) -> None:
    stage.exchange.add_holding(stage.now_ns, ACCOUNT, Holding(instrument.con_id, D(quantity), D(price)))


def ask(stage: Stage, option: Instrument, quantity: int, **fields: Any) -> list[Event]:
    asked = {"client_id": 1, "req_id": 9, "account": ACCOUNT, "lapse": False} | fields
    return stage.exchange.exercise(stage.now_ns, Instruction(con_id=option.con_id, quantity=D(quantity), **asked))


def adds_up(stage: Stage) -> bool:
    values = stage.exchange.account_values(ACCOUNT)
    return values.net_liquidation - values.contributed == values.realized_total + values.unrealized_pnl


def index_option(stage: Stage, right: str, strike: int) -> Instrument:
    (spx,) = stage.catalogue.find(Contract(symbol="SPX", sec_type="IND"))
    return stage.catalogue.option(spx, EXPIRY, strike, right)


def test_exercise_is_done_at_the_end_of_the_session_and_not_before() -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    hold(stage, stage.call, 3)
    assert ask(stage, stage.call, 2) == []
    stage.exchange.advance(TODAY_ENDS - 1)
    assert stage.held(stage.call) == 3
    cash = stage.exchange.account_values(ACCOUNT).total_cash
    events = stage.exchange.advance(TODAY_ENDS)
    assert (stage.held(stage.call), stage.held(stage.aapl)) == (1, 200)
    assert stage.exchange.account_values(ACCOUNT).total_cash == cash - 200 * 230
    assert not of(events, Fill) and of(events, PositionChanged)
    assert adds_up(stage)


def test_a_put_delivers_the_stock() -> None:
    stage = Stage()
    put = stage.catalogue.option(stage.aapl, EXPIRY, 300, "P")
    hold(stage, put, 1)
    ask(stage, put, 1)
    stage.exchange.advance(TODAY_ENDS)
    assert (stage.held(put), stage.held(stage.aapl)) == (0, -100)
    assert adds_up(stage)


def test_an_option_on_a_future_becomes_the_future_at_the_strike() -> None:
    stage = Stage()
    stage.price(stage.es, 6100)
    option = stage.catalogue.option(stage.es, EXPIRY, 6000, "C")
    hold(stage, option, 2, 100)
    ask(stage, option, 2)
    stage.wait(12 * HOUR)
    assert (stage.held(option), stage.held(stage.es)) == (0, 2)
    assert stage.exchange.account_values(ACCOUNT).unrealized_pnl == 2 * 50 * 100
    assert adds_up(stage)


def test_options_sold_meanwhile_are_not_exercised() -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    hold(stage, stage.call, 3)
    ask(stage, stage.call, 3)
    stage.rest(stage.call, "SELL", 2)
    stage.exchange.advance(TODAY_ENDS)
    assert (stage.held(stage.call), stage.held(stage.aapl)) == (0, 100)


@pytest.mark.parametrize(
    ("held", "asked", "fields", "code"),
    [
        (0, 1, {}, 322),
        (2, 3, {}, 322),
        (-2, 1, {}, 322),
        (2, 0, {}, 322),
        (2, -1, {}, 322),
    ],
)
def test_only_what_is_held_long_can_be_exercised(held: int, asked: int, fields: dict[str, Any], code: int) -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    if held:
        hold(stage, stage.call, held)
    assert refusal(ask(stage, stage.call, asked, **fields)) == code
    stage.exchange.advance(TODAY_ENDS)
    assert stage.held(stage.aapl) == 0


def test_what_is_spoken_for_cannot_be_asked_for_again() -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    hold(stage, stage.call, 3)
    assert ask(stage, stage.call, 2) == [] == ask(stage, stage.call, 1, lapse=True)
    assert refusal(ask(stage, stage.call, 1)) == 322


def test_a_worthless_option_is_exercised_only_with_override() -> None:
    stage = Stage()
    stage.price(stage.aapl, 200)
    hold(stage, stage.call, 1)
    assert refusal(ask(stage, stage.call, 1)) == 322
    assert ask(stage, stage.call, 1, override=True) == []
    stage.exchange.advance(TODAY_ENDS)
    assert stage.held(stage.aapl) == 100 and adds_up(stage)


def test_stocks_and_european_options_cannot_be_exercised() -> None:
    stage = Stage()
    hold(stage, stage.aapl, 100)
    assert refusal(ask(stage, stage.aapl, 1)) == 322
    option = index_option(stage, "P", 9000)
    hold(stage, option, 1)
    assert refusal(ask(stage, option, 1)) == 322


def test_assignment_turns_short_options_into_their_underlying_at_once() -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    hold(stage, stage.call, -3, 20)
    events = stage.exchange.assign(stage.now_ns, ACCOUNT, stage.call.con_id, D(2))
    assert (stage.held(stage.call), stage.held(stage.aapl)) == (-1, -200)
    assert not of(events, Fill) and adds_up(stage)
    stage.exchange.assign(stage.now_ns, ACCOUNT, stage.call.con_id, D(50))
    assert (stage.held(stage.call), stage.held(stage.aapl)) == (0, -300), "never more than there are"
    assert stage.exchange.assign(stage.now_ns, ACCOUNT, stage.call.con_id, D(1)) == []


@pytest.mark.parametrize(
    ("right", "strike", "held", "stock"),
    [("C", 230, 2, 200), ("C", 230, -2, -200), ("P", 270, 1, -100), ("P", 270, -1, 100)],
)
def test_stock_options_in_the_money_are_delivered_at_expiry(right: str, strike: int, held: int, stock: int) -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    option = stage.catalogue.option(stage.aapl, EXPIRY, strike, right)
    hold(stage, option, held)
    order = stage.rest(option, "SELL", 2, order_type="LMT", lmt_price=90, tif="GTC")
    stage.exchange.advance(option.expiry_ns or 0)
    assert (stage.held(option), stage.held(stage.aapl)) == (0, stock)
    assert stage.now(order).status is Status.CANCELLED
    assert adds_up(stage)


def test_options_out_of_the_money_are_gone_with_their_premium() -> None:
    stage = Stage()
    stage.price(stage.aapl, 230)
    hold(stage, stage.call, 1, 7)
    stage.exchange.advance(stage.call.expiry_ns or 0)
    assert stage.exchange.positions() == []
    assert stage.exchange.account_values(ACCOUNT).realized_total == -700


def test_what_is_left_to_lapse_is_not_delivered() -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    hold(stage, stage.call, 3)
    ask(stage, stage.call, 2, lapse=True)
    stage.exchange.advance(stage.call.expiry_ns or 0)
    assert (stage.held(stage.call), stage.held(stage.aapl)) == (0, 100)
    assert adds_up(stage)


def test_an_exercise_asked_for_on_the_last_day_comes_before_the_end() -> None:
    stage = Stage()
    stage.price(stage.aapl, 200)
    hold(stage, stage.call, 1)
    stage.exchange.advance((stage.call.expiry_ns or 0) - MINUTE)
    ask(stage, stage.call, 1, override=True)
    stage.wait(MINUTE)
    assert (stage.held(stage.call), stage.held(stage.aapl)) == (0, 100)
    assert refusal(ask(stage, stage.call, 1)) == 392


def test_index_options_are_paid_in_cash_at_expiry() -> None:
    stage = Stage()
    option = index_option(stage, "C", 100)
    hold(stage, option, 1, 5000)
    before = stage.exchange.account_values(ACCOUNT).total_cash
    stage.exchange.advance(option.expiry_ns or 0)
    assert stage.exchange.positions() == []
    assert stage.exchange.account_values(ACCOUNT).total_cash > before and adds_up(stage)


def test_futures_end_in_cash_even_when_they_came_by_delivery() -> None:
    stage = Stage()
    stage.price(stage.es, 6100)
    option = stage.catalogue.option(stage.es, date(2026, 9, 11), 6000, "C")
    hold(stage, option, 1, 100)
    stage.exchange.advance(option.expiry_ns or 0)
    assert stage.held(stage.es) == 1
    stage.exchange.advance(stage.es.expiry_ns or 0)
    assert stage.exchange.positions() == [] and adds_up(stage)


def test_shares_from_an_exercise_can_be_sold_like_any_others() -> None:
    stage = Stage()
    stage.price(stage.aapl, 250)
    hold(stage, stage.call, 1)
    ask(stage, stage.call, 1)
    stage.exchange.advance(TODAY_ENDS)
    stage.exchange.advance(OPEN + 24 * HOUR + SECOND)
    assert len(fills(stage.place(stage.aapl, "SELL", 100))) == 1
    assert stage.exchange.positions() == [] and adds_up(stage)
