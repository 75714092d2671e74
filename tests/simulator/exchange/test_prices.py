"""Prices: the same for everybody, in whatever order they are asked, and cheap when nobody asks."""

from __future__ import annotations

from decimal import Decimal
from statistics import fmean, pstdev

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.simulator.exchange import Behaviour, Market, options
from engine.simulator.exchange.prices import PricePath, Walk
from simulator.exchange.stage import EXPIRY, HOUR, MINUTE, NIGHT, OPEN, SECOND, STILL, D, Stage, at, fills

MOVING = Behaviour()


@given(st.integers(0, 2**64), st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_a_walk_does_not_depend_on_what_was_asked_before(seed: int, order: list[int]) -> None:
    walk = Walk(seed, "ES")
    asked = {step: walk.at(step) for step in order}
    assert all(Walk(seed, "ES").at(step) == value for step, value in asked.items())


def test_a_walk_has_the_variance_of_a_random_walk() -> None:
    steps = [1, 100, 10_000, 1_000_000]
    for step in steps:
        ends = [Walk(seed, "ES").at(step) / 1e6 for seed in range(400)]
        assert abs(fmean(ends)) < 0.25 * step**0.5
        assert 0.85 < pstdev(ends) / step**0.5 < 1.15
    walk = Walk(3, "ES")
    moves = [(walk.at(n + 1) - walk.at(n)) / 1e6 for n in range(5000)]
    assert 0.9 < pstdev(moves) < 1.1


def test_a_path_goes_through_its_pins_and_walks_on() -> None:
    path = PricePath(Walk(1, "x"), start_ns=0, step_ns=SECOND, price=D(100), daily_move_pct=D(1))
    path.pin(50 * SECOND, D(42), D(0))
    path.pin(90 * SECOND, D(60), D(2))
    assert path.at(50 * SECOND) == path.at(89 * SECOND) == 42
    assert path.at(90 * SECOND) == 60 != path.at(95 * SECOND)
    assert path.next_change_ns(60 * SECOND) == 90 * SECOND
    assert path.next_change_ns(10 * SECOND + 1) == 11 * SECOND


def test_prices_stay_on_the_grid_and_bid_below_ask() -> None:
    stage = Stage(behaviour=MOVING)
    for instrument in (stage.es, stage.cl, stage.aapl, stage.call, stage.catalogue.future("ZN")):
        for _ in range(50):
            stage.wait(7 * SECOND)
            quote = stage.exchange.quote(instrument.con_id)
            assert quote.bid is not None and quote.ask is not None
            assert quote.bid <= quote.last <= quote.ask and quote.bid < quote.ask
            assert all(instrument.rule.is_on_grid(price) for price in (quote.bid, quote.ask, quote.last))


def test_the_small_future_moves_with_the_large_one() -> None:
    stage = Stage(behaviour=MOVING)
    stage.wait(HOUR)
    small = stage.catalogue.future("MES")
    assert stage.exchange.quote(small.con_id).last == stage.exchange.quote(stage.es.con_id).last != 6000


def test_a_closed_market_stands_still_where_it_closed() -> None:
    stage = Stage(behaviour=MOVING, start_ns=OPEN)
    close = at("2026-09-10 00:00")
    stage.exchange.advance(close - 1)
    last = stage.exchange.quote(stage.aapl.con_id).last
    stage.exchange.advance(close + 3 * HOUR)
    assert stage.exchange.quote(stage.aapl.con_id).last == last == stage.exchange.quote(stage.aapl.con_id).close
    stage.exchange.advance(at("2026-09-10 15:00"))
    assert stage.exchange.quote(stage.aapl.con_id).last != last
    assert stage.exchange.quote(stage.aapl.con_id).close == last


def test_a_script_moves_even_a_closed_market() -> None:
    stage = Stage(start_ns=NIGHT)
    stage.price(stage.aapl, 100)
    assert stage.exchange.quote(stage.aapl.con_id).last == 100


def test_an_option_follows_its_underlying_and_never_costs_less_than_nothing() -> None:
    stage = Stage()
    calls = []
    for price in (100, 200, 230, 260, 400):
        stage.price(stage.aapl, price)
        calls.append(stage.exchange.quote(stage.call.con_id).last)
    assert calls == sorted(calls)
    assert calls[0] == 0 and calls[-1] == 170 and 3 < calls[2] < 6


def test_an_option_that_was_scripted_moves_on_from_there() -> None:
    stage = Stage()
    stage.price(stage.call, 10)
    stage.price(stage.aapl, 300)
    assert 70 < stage.exchange.quote(stage.call.con_id).last < 80


@given(st.integers(1, 400), st.integers(0, 20))
def test_an_option_is_worth_at_least_its_intrinsic_value(price: int, days: int) -> None:
    stage = Stage()
    at_ns = (stage.call.expiry_ns or 0) - days * options.NS_PER_DAY
    worth = options.value(stage.call, Decimal(price), at_ns)
    assert worth >= options.intrinsic(stage.call, Decimal(price))
    if days == 0:
        assert worth == options.intrinsic(stage.call, Decimal(price))


def test_an_index_option_is_european_and_has_its_own_hours() -> None:
    stage = Stage()
    (index,) = stage.catalogue.find(Contract(symbol="SPX", sec_type="IND"))
    option = stage.catalogue.option(index, EXPIRY, 6000, "P")
    assert stage.exchange.details(option.con_id).liquid_hours.startswith("20260909:0830-20260909:1515")


def test_a_market_can_be_spread_wide_or_lose_a_side() -> None:
    stage = Stage()
    stage.price(stage.es, 6000)
    stage.exchange.set_market(OPEN, stage.es.con_id, Market(spread_ticks=8, no_bid=True))
    quote = stage.exchange.quote(stage.es.con_id)
    assert (quote.bid, quote.bid_size, quote.ask) == (None, 0, D(6001))


def test_a_scripted_point_fills_a_waiting_order_on_the_instant() -> None:
    stage = Stage()
    stage.price(stage.es, 6000)
    stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5900")
    when = OPEN + 10 * MINUTE + 123
    stage.exchange.script_price(stage.es.con_id, when, D(5890))
    assert stage.exchange.next_event_ns() == when
    assert fills(stage.exchange.advance(when - 1)) == []
    assert fills(stage.exchange.advance(when)) == [(D(1), D(5900))]


def test_an_option_order_hears_of_the_underlyings_script() -> None:
    stage = Stage()
    stage.price(stage.aapl, 230)
    stage.rest(stage.call, "SELL", 1, order_type="LMT", lmt_price="60")
    stage.exchange.script_price(stage.aapl.con_id, OPEN + MINUTE, D(300))
    assert fills(stage.wait(MINUTE)) == [(D(1), D(60))]


def test_thin_liquidity_fills_piece_by_piece_and_is_shared() -> None:
    stage = Stage(behaviour=replace(STILL, depth=D(5)))
    first, second = stage.rest(stage.es, "BUY", 12), stage.rest(stage.es, "BUY", 3)
    assert stage.now(first).filled + stage.now(second).filled <= 5
    events = stage.wait(MINUTE)
    assert len(fills(events)) > 2
    assert stage.now(first).remaining == stage.now(second).remaining == 0


def test_an_idle_year_costs_nothing() -> None:
    stage = Stage(behaviour=MOVING)
    stage.rest(stage.aapl, "BUY", 10)
    assert stage.exchange.next_event_ns() is None
    stage.wait(365 * 24 * HOUR)
    assert stage.exchange.account_values("DU1").daily_pnl != stage.exchange.account_values("DU1").unrealized_pnl
