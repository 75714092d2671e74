"""The money, by examples one can check with pencil and paper."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.simulator.exchange import (
    AccountSpec,
    AccountValues,
    Commission,
    Event,
    Exchange,
    Holding,
    Instrument,
    PositionView,
    Rejected,
)
from simulator.exchange.stage import ACCOUNT, EXPIRY, HOUR, OPEN, STILL, D, Stage, at, of


@pytest.fixture
def stage() -> Stage:
    stage = Stage(cash=100_000)
    stage.price(stage.es, 6000)
    stage.price(stage.aapl, 200)
    return stage


def values(stage: Stage) -> AccountValues:
    return stage.exchange.account_values(ACCOUNT)


def position(stage: Stage, instrument: Instrument) -> PositionView:
    (found,) = [p for p in stage.exchange.positions(ACCOUNT) if p.con_id == instrument.con_id]
    return found


def realized(stage: Stage, events: Sequence[Event]) -> Decimal | None:
    (commission,) = of(events, Commission)
    return commission.realized_pnl


def test_a_stocks_average_cost_includes_the_commission(stage: Stage) -> None:
    stage.place(stage.aapl, "BUY", 100)  # at 200.01, for 1.00
    assert position(stage, stage.aapl).avg_cost == D("200.02")
    assert values(stage).total_cash == 100_000 - D("20002.00")


def test_a_futures_average_cost_includes_multiplier_and_commission(stage: Stage) -> None:
    stage.place(stage.es, "BUY", 2)  # at 6000.25, for 4.50
    assert position(stage, stage.es).avg_cost == D("300014.75")
    assert values(stage).total_cash == D("99995.50")  # a future costs only its commission
    assert values(stage).futures_pnl == -25


def test_a_short_positions_average_cost_is_what_it_brought(stage: Stage) -> None:
    stage.place(stage.aapl, "SELL", 100)  # at 200.00, for 1.00
    assert position(stage, stage.aapl).avg_cost == D("199.99")
    assert position(stage, stage.aapl).quantity == -100


def test_opening_realizes_nothing_and_closing_realizes_the_difference_less_both_commissions(stage: Stage) -> None:
    assert realized(stage, stage.place(stage.aapl, "BUY", 100)) is None
    stage.price(stage.aapl, 210)
    assert realized(stage, stage.place(stage.aapl, "SELL", 100)) == 100 * (D("210.00") - D("200.01")) - 2
    assert values(stage).net_liquidation == 100_000 + D("997.00")


def test_a_partial_close_realizes_its_share(stage: Stage) -> None:
    stage.place(stage.aapl, "BUY", 100)
    stage.price(stage.aapl, 210)
    assert realized(stage, stage.place(stage.aapl, "SELL", 25)) == 25 * (210 - D("200.02")) - 1
    assert position(stage, stage.aapl).avg_cost == D("200.02")


def test_an_order_through_zero_closes_the_one_and_opens_the_other(stage: Stage) -> None:
    stage.place(stage.es, "BUY", 2)
    stage.price(stage.es, 6010)
    assert realized(stage, stage.place(stage.es, "SELL", 3)) == 2 * 50 * D("9.75") - 4 * D("2.25")
    assert position(stage, stage.es).quantity == -1
    assert position(stage, stage.es).avg_cost == 6010 * 50 - D("2.25")


def test_futures_are_settled_into_cash_when_the_day_begins() -> None:
    stage = Stage(cash=100_000, behaviour=STILL)
    stage.price(stage.es, 6000)
    stage.place(stage.es, "BUY", 1)
    stage.price(stage.es, 6020)
    before = values(stage)
    stage.exchange.advance(at("2026-09-10 04:00"))  # midnight in New York
    after = values(stage)
    assert after.net_liquidation == before.net_liquidation
    assert (after.futures_pnl, after.total_cash) == (0, before.total_cash + before.futures_pnl)
    assert after.unrealized_pnl == before.unrealized_pnl
    assert (before.daily_pnl, after.daily_pnl) == (D("985.25"), 0)


def test_a_deposit_moves_equity_but_not_daily_pnl(stage: Stage) -> None:
    stage.exchange.deposit(OPEN, ACCOUNT, D("-2500"))
    assert values(stage).net_liquidation == 97_500
    assert values(stage).daily_pnl == 0


def test_a_currency_bought_is_cash_in_that_currency(stage: Stage) -> None:
    euro = stage.catalogue.find(replace(stage.aapl.contract, con_id=12087792))[0]
    stage.price(euro, "1.1")
    stage.place(euro, "BUY", 20_000)
    assert values(stage).cash_by_currency["EUR"] == 20_000
    assert values(stage).exchange_rates["EUR"] == D("1.1")
    stage.price(euro, "1.2")
    assert values(stage).net_liquidation == 100_000 + 20_000 * (D("1.2") - D("1.10005")) - 2


def test_equity_with_loan_leaves_options_out_and_net_liquidation_does_not(stage: Stage) -> None:
    stage.place(stage.call, "BUY", 1)
    now = values(stage)
    assert now.option_value > 0
    assert now.net_liquidation - now.equity_with_loan == now.option_value


def test_daily_pnl_of_a_held_position_starts_at_nothing() -> None:
    catalogue_stage = Stage()
    holding = Holding(catalogue_stage.es.con_id, D(2), D(5900))
    exchange = Exchange(seed=1, start_ns=OPEN, accounts=[AccountSpec(ACCOUNT, D(50_000), (holding,))], behaviour=STILL)
    now = exchange.account_values(ACCOUNT)
    assert now.daily_pnl == 0
    assert now.unrealized_pnl == 2 * 50 * (exchange.quote(holding.con_id).last - 5900)
    assert now.net_liquidation == 50_000 + now.unrealized_pnl


def test_daily_pnl_of_positions_adds_up_to_that_of_the_account(stage: Stage) -> None:
    stage.place(stage.es, "BUY", 1)
    stage.place(stage.aapl, "SELL", 50)
    stage.wait(24 * HOUR)
    stage.price(stage.es, 6030)
    stage.price(stage.aapl, 190)
    assert values(stage).daily_pnl == sum(p.daily_pnl for p in stage.exchange.positions()) == 1500 + 500


def test_margin_of_a_vertical_spread_is_its_width() -> None:
    stage = Stage(cash=100_000)
    stage.price(stage.aapl, 230)
    lower, upper = (stage.catalogue.option(stage.aapl, EXPIRY, strike, "P") for strike in (220, 230))
    stage.exchange.add_holding(OPEN, ACCOUNT, Holding(upper.con_id, D(-3), D(5)))
    naked = values(stage).init_margin
    stage.exchange.add_holding(OPEN, ACCOUNT, Holding(lower.con_id, D(3), D(2)))
    assert values(stage).init_margin == 3 * 10 * 100 < naked


def test_margin_of_a_calendar_spread_needs_the_long_leg_to_outlive_the_short_one() -> None:
    stage = Stage(cash=100_000)
    stage.price(stage.aapl, 230)
    later = stage.catalogue.option(stage.aapl, EXPIRY.replace(day=25), 230, "C")
    for short, long, is_covered in ((stage.call, later, True), (later, stage.call, False)):
        fresh = Stage(cash=100_000)
        fresh.price(fresh.aapl, 230)
        for leg, quantity in ((short, -1), (long, 1)):
            fresh.catalogue.add(leg)
            fresh.exchange.add_holding(OPEN, ACCOUNT, Holding(leg.con_id, D(quantity), D(4)))
        assert (values(fresh).init_margin == 0) is is_covered


def test_within_one_instant_the_margin_check_sees_what_was_just_traded(stage: Stage) -> None:
    for quantity in (1, 2, -2, 1):
        stage.place(stage.es, "BUY" if quantity > 0 else "SELL", abs(quantity))
        stage.place(stage.aapl, "BUY", 10)
        (refused,) = of(stage.place(stage.es, "BUY", 50), Rejected)
        now = values(stage)
        assert f"[{now.equity_with_loan:.2f} USD]" in refused.text
        needed = now.init_margin + 50 * stage.es.margin.initial
        assert f"[{needed:.2f} USD]" in refused.text
    stage.price(stage.es, 6000)  # makes everything be valued anew
    assert values(stage) == now


def test_accounts_of_one_login_do_not_touch_each_other() -> None:
    stage = Stage(accounts=("DU1", "DU2"))
    stage.place(stage.es, "BUY", 1, account="DU2")
    assert stage.exchange.positions("DU1") == []
    assert stage.exchange.account_values("DU1").net_liquidation == 1_000_000
    assert stage.held(stage.es, "DU2") == 1


def test_a_contract_with_nobody_to_trade_with_fills_nothing() -> None:
    stage = Stage(behaviour=replace(STILL, depth=D(0)))
    order = stage.rest(stage.es, "BUY", 1)
    stage.wait(HOUR // 60)
    assert stage.now(order).filled == 0 and stage.now(order).is_open
