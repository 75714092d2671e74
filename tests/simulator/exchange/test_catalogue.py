"""Contracts: who is who, what is found by which description, and what their rules are."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.simulator.exchange import Catalogue, SecType
from simulator.exchange.stage import EXPIRY, OPEN, D, Stage

TODAY = date(2026, 9, 9)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.standard(TODAY)


def test_contract_ids_are_the_same_in_every_run_and_whatever_was_asked_before(catalogue: Catalogue) -> None:
    other = Catalogue.standard(TODAY)
    other.stock("ZZZZ")
    other.find(Contract(symbol="SPX", sec_type="OPT"))
    description = Contract(symbol="AAPL", sec_type="OPT", last_trade_date="20260918", strike=D(230), right="C")
    (mine,), (theirs,) = catalogue.find(description), other.find(description)
    assert mine == theirs
    assert catalogue[mine.con_id] == other[mine.con_id]
    assert catalogue.stock("AAPL").con_id == 265598  # IBKR's own


def test_a_contract_id_alone_finds_an_option_nobody_has_listed_yet(catalogue: Catalogue) -> None:
    (option,) = Catalogue.standard(TODAY).find(Contract(local_symbol="AAPL  260918C00230000"))
    assert catalogue.get(option.con_id) == option
    assert catalogue.get(1) is None


def test_every_contract_of_the_standard_catalogue_has_an_id_of_its_own(catalogue: Catalogue) -> None:
    for day in range(0, 400, 7):
        Catalogue.standard(TODAY + timedelta(days=day)).get(1)  # lists every series; a clash raises


@pytest.mark.parametrize(
    ("description", "count"),
    [
        (Contract(symbol="ES", sec_type="FUT", exchange="CME"), 4),
        (Contract(symbol="ES", sec_type="FUT", last_trade_date="202612"), 1),
        (Contract(symbol="ES", sec_type="FUT", exchange="SMART"), 0),
        (Contract(symbol="CL", sec_type="FUT", last_trade_date="202612"), 1),  # ends in November
        (Contract(local_symbol="ESZ6", sec_type="FUT"), 1),
        (Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD"), 1),
        (Contract(symbol="AAPL", sec_type="STK", currency="EUR"), 0),
        (Contract(symbol="EUR", sec_type="CASH", exchange="IDEALPRO"), 1),
        (Contract(symbol="AAPL", sec_type="OPT", last_trade_date="20260918", right="CALL"), 11),
        (Contract(symbol="AAPL", sec_type="OPT", last_trade_date="20260918", strike=D(230)), 2),
        (Contract(symbol="SPX", sec_type="OPT", trading_class="SPXW", strike=D(6000), right="P"), 3),
        (Contract(symbol="NOSUCH", sec_type="STK"), 0),
        (Contract(con_id=265598, symbol="whatever"), 1),
    ],
)
def test_a_description_finds_every_contract_it_fits(catalogue: Catalogue, description: Contract, count: int) -> None:
    assert len(catalogue.find(description)) == count


@pytest.mark.parametrize(
    ("symbol", "multiplier", "tick"),
    [
        ("ES", 50, "0.25"),
        ("MES", 5, "0.25"),
        ("NQ", 20, "0.25"),
        ("CL", 1000, "0.01"),
        ("GC", 100, "0.10"),
        ("ZN", 1000, "0.015625"),
    ],
)
def test_futures_have_their_real_multipliers_and_ticks(
    catalogue: Catalogue, symbol: str, multiplier: int, tick: str
) -> None:
    future = catalogue.future(symbol)
    assert (future.multiplier, future.min_tick) == (multiplier, D(tick))
    assert future.contract.multiplier == str(multiplier)


@pytest.mark.parametrize(
    ("local_symbol", "last_day"),
    [
        ("ESZ6", "20261218"),  # third Friday
        ("CLZ6", "20261120"),  # three business days before 25 November
        ("GCZ6", "20261229"),  # third business day from the end
        ("ZNZ6", "20261221"),  # seven business days before the last one
    ],
)
def test_futures_end_on_their_real_days(catalogue: Catalogue, local_symbol: str, last_day: str) -> None:
    (future,) = catalogue.find(Contract(sec_type="FUT", local_symbol=local_symbol))
    assert future.contract.last_trade_date == last_day


def test_front_months_have_not_ended() -> None:
    for day in range(0, 365, 5):
        today = TODAY + timedelta(days=day)
        for symbol in ("ES", "CL", "GC", "ZN"):
            assert Catalogue.standard(today).future(symbol).contract.last_trade_date >= f"{today:%Y%m%d}"


def test_options_exist_on_stocks_indices_and_futures(catalogue: Catalogue) -> None:
    on_stock = catalogue.option(catalogue.stock("AAPL"), EXPIRY, 230, "C")
    on_future = catalogue.option(catalogue.future("ES"), EXPIRY, 6000, "P")
    (index,) = catalogue.find(Contract(symbol="SPX", sec_type="IND"))
    on_index = catalogue.option(index, EXPIRY, 6000, "P")
    assert [option.sec_type for option in (on_stock, on_future, on_index)] == ["OPT", "FOP", "OPT"]
    assert [option.multiplier for option in (on_stock, on_future, on_index)] == [100, 50, 100]
    assert on_future.under_con_id == catalogue.future("ES").con_id


def test_a_hundred_contracts_can_be_made_up(catalogue: Catalogue) -> None:
    made = {catalogue.stock(f"BENCH{n}", 10 + n).con_id for n in range(100)}
    made |= {catalogue.option(catalogue.stock("AAPL"), EXPIRY, 100 + n, "C").con_id for n in range(100)}
    assert len(made) == 200


def test_two_contracts_cannot_share_an_id(catalogue: Catalogue) -> None:
    impostor = replace(catalogue.stock("MSFT"), con_id=265598)
    with pytest.raises(ValueError, match="is taken by AAPL"):
        catalogue.add(impostor)


def test_positions_report_futures_without_exchange_and_stocks_with_their_listing(catalogue: Catalogue) -> None:
    assert catalogue.future("ES").reported.exchange == ""
    assert catalogue.stock("AAPL").reported.exchange == "NASDAQ"
    assert catalogue.stock("AAPL").contract.exchange == "SMART"


def test_a_price_grid_may_widen_with_the_price_and_is_the_same_below_zero(catalogue: Catalogue) -> None:
    rule = catalogue.option(catalogue.future("ES"), EXPIRY, 6000, "P").rule
    assert [rule.is_on_grid(D(price)) for price in ("9.95", "10.05", "10.25")] == [True, False, True]
    oil = catalogue.future("CL").rule
    assert oil.is_on_grid(D("-37.63")) and not oil.is_on_grid(D("-37.635"))
    assert (oil.floor(D("-37.635")), oil.ceil(D("-37.635"))) == (D("-37.64"), D("-37.63"))


def test_details_tell_hours_in_ibkrs_words() -> None:
    stage = Stage(start_ns=OPEN)
    details = stage.exchange.details(stage.aapl.con_id)
    assert details.liquid_hours.startswith("20260909:0930-20260909:1600;20260910:0930-")
    assert "20260912:CLOSED;20260913:CLOSED;20260914:0930-" in details.liquid_hours
    assert details.trading_hours.startswith("20260909:0400-20260909:2000;")
    assert details.time_zone_id == "US/Eastern"
    assert len(details.market_rule_ids.split(",")) == len(stage.aapl.valid_exchanges.split(","))
    option = stage.exchange.details(stage.call.con_id)
    assert (option.under_symbol, option.under_sec_type) == ("AAPL", SecType.STOCK)


def test_a_strike_is_one_strike_however_it_is_written(catalogue: Catalogue) -> None:
    stock = catalogue.stock("AAPL")
    assert catalogue.option(stock, EXPIRY, Decimal("230.00"), "C") is catalogue.option(stock, EXPIRY, 230, "C")
