"""Where and how a position is closed: exchange, order type, price on the grid, whole quantity."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kill.builders import ES, D, details, future, option, quote, stock
from engine.core.contracts import Contract
from engine.core.facts import Quote, QuoteKind
from engine.core.hours import Session
from engine.core.kill.closes.grid import Grid
from engine.core.kill.closes.routing import (
    LEVEL_MAX,
    LEVEL_MIN,
    LIMIT_OFFSETS,
    details_group,
    exchange_for,
    fallback_exchange,
    limit_price,
    needs_quote,
    tactic,
    two_sided,
    whole_part,
)
from engine.core.kill.commands import OrderType

TICK = Grid(((D(0), D("0.25")),))
CENT = Grid(((D(0), D("0.01")),))


def with_exchange(contract: Contract, exchange: str) -> Contract:
    return msgspec.structs.replace(contract, exchange=exchange)


# exchanges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sec_type", ["STK", "OPT", "CFD", "WAR", "IOPT", "BOND", "FUND"])
def test_smart_serves_what_it_serves_whatever_the_position_named(sec_type: str) -> None:
    assert exchange_for(Contract(sec_type=sec_type, exchange="NASDAQ"), None) == "SMART"


def test_a_future_has_no_exchange_until_the_broker_says_so() -> None:
    assert exchange_for(ES, None) is None
    assert exchange_for(ES, details(ES, "CME")) == "CME"


def test_the_brokers_word_beats_the_positions() -> None:
    assert exchange_for(with_exchange(ES, "GLOBEX"), details(ES, "CME")) == "CME"


def test_the_positions_exchange_serves_while_the_broker_says_nothing() -> None:
    assert exchange_for(with_exchange(ES, "CME"), None) == "CME"
    assert exchange_for(with_exchange(ES, "CME"), details(ES, "")) == "CME"


@pytest.mark.parametrize("never", ["QBALGO", "QBALGO2", "VALUE"])
def test_never_routes_to_what_takes_no_plain_order(never: str) -> None:
    assert exchange_for(with_exchange(ES, never), None) is None
    assert exchange_for(ES, details(ES, never, valid_exchanges=(never, "CME"))) == "CME"


def test_currencies_go_to_idealpro() -> None:
    assert exchange_for(Contract(sec_type="CASH", symbol="EUR"), None) == "IDEALPRO"


HOMES = {
    "CME": "ES MES NQ MNQ RTY M2K 6E EUR GBP JPY HE LE BTC MBT",
    "CBOT": "YM MYM ZB ZN ZF ZT UB TN ZC ZS ZW ZL ZM",
    "NYMEX": "CL MCL QM NG QG RB HO PL PA",
    "COMEX": "GC MGC SI SIL HG MHG",
    "CFE": "VIX VXM",
}


@pytest.mark.parametrize(
    ("symbol", "exchange"), [(symbol, exchange) for exchange, symbols in HOMES.items() for symbol in symbols.split()]
)
def test_common_futures_have_an_exchange_when_the_broker_does_not_answer(symbol: str, exchange: str) -> None:
    assert fallback_exchange(future(symbol=symbol)) == exchange
    assert fallback_exchange(Contract(sec_type="FOP", symbol=symbol)) == exchange


def test_an_unknown_future_has_none() -> None:
    assert fallback_exchange(future(symbol="XYZ")) is None


@pytest.mark.parametrize(("sec_type", "exchange"), [("CASH", "IDEALPRO"), ("CRYPTO", "PAXOS"), ("BAG", None)])
def test_fallbacks_of_other_types(sec_type: str, exchange: str | None) -> None:
    assert fallback_exchange(Contract(sec_type=sec_type, symbol="ES")) == exchange


# look-ups -------------------------------------------------------------------------------------------------------------


def test_futures_of_one_product_share_a_look_up() -> None:
    assert details_group(future(1)) == details_group(future(2))
    assert details_group(future(1)) != details_group(future(1, symbol="NQ"))


def test_options_on_futures_of_one_product_share_a_look_up() -> None:
    one, other = (msgspec.structs.replace(future(n), sec_type="FOP") for n in (1, 2))
    assert details_group(one) == details_group(other)


def test_an_option_on_a_future_is_another_group() -> None:
    assert details_group(ES) != details_group(msgspec.structs.replace(ES, sec_type="FOP"))


@pytest.mark.parametrize(("field", "value"), [("multiplier", "5"), ("trading_class", "EW"), ("currency", "EUR")])
def test_what_may_trade_elsewhere_is_another_group(field: str, value: str) -> None:
    assert details_group(msgspec.structs.replace(ES, **{field: value})) != details_group(ES)


def test_stocks_of_one_listing_exchange_share_their_hours() -> None:
    assert details_group(stock(1, "A")) == details_group(stock(2, "B"))
    assert details_group(stock(1, exchange="NASDAQ")) != details_group(stock(1, exchange="NYSE"))


def test_a_stock_that_names_only_its_primary_exchange_belongs_there() -> None:
    assert details_group(stock(1, exchange="NYSE")) == details_group(
        Contract(sec_type="STK", currency="USD", primary_exchange="NYSE")
    )


def test_every_other_contract_is_a_group_of_its_own() -> None:
    assert details_group(option(1)) != details_group(option(2))


# quantities -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("quantity", "whole"), [("2.7", "2"), ("-2.7", "-2"), ("0.5", "0"), ("-0.5", "0"), ("3", "3")])
def test_whole_units_are_cut_toward_zero(quantity: str, whole: str) -> None:
    assert whole_part(stock(), D(quantity)) == D(whole)


@pytest.mark.parametrize("sec_type", ["CASH", "CRYPTO", "FUND"])
def test_what_trades_in_fractions_keeps_them(sec_type: str) -> None:
    assert whole_part(Contract(sec_type=sec_type), D("-2.7")) == D("-2.7")
    assert whole_part(Contract(sec_type=sec_type), D("-2.7"), always=True) == D("-2")  # unless they were refused


# order types ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [Session.LIQUID, Session.CLOSED, Session.UNKNOWN])
def test_a_market_order_where_it_works(session: Session) -> None:
    chosen = tactic(stock(), session, quote(), buys=False, wants_limit=False, level=0, grid=TICK)
    assert (chosen.order_type, chosen.limit_price, chosen.outside_rth) == (OrderType.MARKET, None, False)


def test_a_stock_outside_regular_hours_needs_a_limit_and_the_flag() -> None:
    chosen = tactic(stock(), Session.EXTENDED, quote(), buys=False, wants_limit=False, level=0, grid=TICK)
    assert (chosen.order_type, chosen.limit_price, chosen.outside_rth) == (OrderType.LIMIT, D("99.5"), True)


@pytest.mark.parametrize("contract", [ES, option()])
def test_what_is_not_a_stock_has_no_extended_hours(contract: Contract) -> None:
    assert not needs_quote(contract, Session.EXTENDED, wants_limit=False)


def test_a_refused_market_order_is_followed_by_a_limit() -> None:
    chosen = tactic(ES, Session.LIQUID, quote(), buys=True, wants_limit=True, level=0, grid=TICK)
    assert (chosen.order_type, chosen.limit_price, chosen.outside_rth) == (OrderType.LIMIT, D("101.75"), False)


@pytest.mark.parametrize(
    ("session", "outside"), [(Session.LIQUID, False), (Session.UNKNOWN, True), (Session.CLOSED, True)]
)
def test_a_limit_for_a_stock_may_fill_outside_regular_hours_unless_these_are_they(
    session: Session, outside: bool
) -> None:
    chosen = tactic(stock(), session, quote(), buys=True, wants_limit=True, level=0, grid=TICK)
    assert chosen.outside_rth is outside


@pytest.mark.parametrize("kind", [QuoteKind.FROZEN, QuoteKind.DELAYED, QuoteKind.DELAYED_FROZEN])
def test_never_prices_from_a_quote_that_is_not_live(kind: QuoteKind) -> None:
    assert limit_price(quote(kind=kind), buys=True, level=0, grid=TICK) is None
    chosen = tactic(stock(), Session.EXTENDED, quote(kind=kind), buys=False, wants_limit=False, level=0, grid=TICK)
    assert chosen.order_type is OrderType.MARKET
    assert "no live quote" in chosen.note  # and says so


def test_without_any_quote_the_order_type_that_needs_none() -> None:
    chosen = tactic(ES, Session.LIQUID, None, buys=True, wants_limit=True, level=0, grid=TICK)
    assert chosen.order_type is OrderType.MARKET


def test_crypto_is_immediate_or_cancel() -> None:
    crypto = Contract(sec_type="CRYPTO")
    assert tactic(crypto, Session.LIQUID, None, buys=False, wants_limit=False, level=0, grid=TICK).tif == "IOC"
    assert tactic(ES, Session.LIQUID, None, buys=False, wants_limit=False, level=0, grid=TICK).tif == "DAY"
    assert tactic(crypto, Session.LIQUID, quote(), buys=False, wants_limit=True, level=0, grid=TICK).tif == "IOC"


# prices ---------------------------------------------------------------------------------------------------------------


def test_a_limit_goes_through_the_far_side() -> None:
    assert limit_price(quote("100", "101"), buys=True, level=0, grid=CENT) == D("101.51")
    assert limit_price(quote("100", "101"), buys=False, level=0, grid=CENT) == D("99.5")


def test_each_level_goes_further() -> None:
    prices = [limit_price(quote(), buys=False, level=level, grid=TICK) for level in range(len(LIMIT_OFFSETS) + 2)]
    assert prices[:3] == [D("99.5"), D("99"), D("98")]
    assert prices[-1] == prices[-2] == D("92")  # the last level is as far as it goes


def test_a_price_is_rounded_to_where_it_fills() -> None:
    assert limit_price(quote("100.10", "100.10"), buys=True, level=0, grid=TICK) == D("100.75")
    assert limit_price(quote("100.10", "100.10"), buys=False, level=0, grid=TICK) == D("99.5")


def test_at_least_one_step_through() -> None:
    assert limit_price(quote("1", "1"), buys=True, level=0, grid=TICK) == D("1.25")


@pytest.mark.parametrize("bid", ["0.25", "0.5"])
def test_a_sell_through_a_tiny_bid_stays_at_one_tick(bid: str) -> None:
    assert limit_price(quote(bid), buys=False, level=4, grid=TICK) == D("0.25")


def test_a_sell_through_a_bid_below_the_grid_takes_that_bid() -> None:
    """Somebody bids it, so it is a price; one tick of a grid too coarse would never fill."""
    assert limit_price(quote("0.01"), buys=False, level=0, grid=TICK) == D("0.01")


def test_what_is_too_far_for_the_broker_has_levels_that_are_nearer() -> None:
    prices = [limit_price(quote(), buys=True, level=level, grid=CENT) for level in (-1, -2, -3, -9)]
    assert prices == [D("101.26"), D("101.11"), D("101.01"), D("101.01")]  # never less than one step through


@pytest.mark.parametrize("level", range(LEVEL_MIN, LEVEL_MAX))
def test_every_level_goes_further_than_the_one_before(level: int) -> None:
    near, far = (limit_price(quote(), buys=True, level=n, grid=CENT) for n in (level, level + 1))
    assert near is not None and far is not None and near < far


@pytest.mark.parametrize(
    ("seen", "market"),
    [
        (quote(), True),
        (quote("0", "0"), True),
        (quote(bid=None), False),
        (quote(ask=None), False),
        (quote(halted=True), False),
        (quote(kind=QuoteKind.FROZEN), False),
        (quote(kind=QuoteKind.DELAYED), False),
        (None, False),
    ],
)
def test_a_market_is_live_and_has_two_sides(seen: Quote | None, market: bool) -> None:
    assert two_sided(seen) is market


def test_prices_may_be_negative() -> None:
    assert limit_price(quote("-37.5", "-37"), buys=False, level=0, grid=TICK) == D("-37.75")
    assert limit_price(quote("-37.5", "-37"), buys=True, level=0, grid=TICK) == D("-36.75")


def test_prices_may_be_zero() -> None:
    assert limit_price(quote("0", "0"), buys=False, level=0, grid=TICK) == D("-0.25")
    assert limit_price(quote("0", "0"), buys=True, level=0, grid=TICK) == D("0.25")


def test_without_the_side_it_needs_there_is_no_price() -> None:
    assert limit_price(quote(bid=None), buys=False, level=0, grid=TICK) is None
    assert limit_price(quote(bid=None), buys=True, level=0, grid=TICK) is not None
    assert limit_price(quote(ask=None), buys=True, level=0, grid=TICK) is None


@pytest.mark.parametrize("absurd", ["NaN", "Infinity", "1000000001", "-1000000001"])
def test_what_is_beyond_reason_is_no_price(absurd: str) -> None:
    assert limit_price(quote(absurd), buys=False, level=0, grid=TICK) is None


def test_the_largest_price_within_reason_is_one() -> None:
    assert limit_price(quote("1000000000"), buys=False, level=0, grid=TICK) == D("995000000")


@given(
    st.decimals(-(10**6), 10**6, places=2),
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from([D("0.01"), D("0.05"), D("0.25"), D("1"), D("0.0000001"), D("32")]),
)
def test_every_price_is_on_the_grid_and_through_the_market(far: Decimal, buys: bool, level: int, step: Decimal) -> None:
    price = limit_price(Quote(far, far, QuoteKind.LIVE), buys=buys, level=level, grid=Grid(((D(0), step),)))
    assert price is not None
    assert price % step == 0 or price == far  # what somebody quotes is a price
    if buys:
        assert price >= far + step
    else:
        assert price <= far - step or (far > 0 and price == min(step, far))
        assert far <= 0 or price > 0
