"""What trades when: queues, day orders, outside regular hours, expiries."""

from __future__ import annotations

import pytest

from engine.simulator.exchange import Market, OrderMessage, Status
from simulator.exchange.stage import HOUR, NIGHT, OPEN, SATURDAY, SECOND, D, Stage, at, codes, fills, of

EARLY = at("2026-09-09 10:00")  # 6:00 in New York: stocks trade, but not in regular hours


def test_a_market_order_at_night_is_queued_until_the_opening() -> None:
    stage = Stage(start_ns=NIGHT)
    events = stage.place(stage.aapl, "BUY", 10)
    (notice,) = of(events, OrderMessage)
    assert notice.code == 399
    assert "BUY 10 AAPL NASDAQ.NMS" in notice.text
    assert notice.text.endswith("will not be placed at the exchange until 2026-09-10 09:30:00 US/Eastern.")
    assert notice.order.status is Status.PRE_SUBMITTED
    opening = at("2026-09-10 13:30")
    assert stage.exchange.next_event_ns() == opening
    assert fills(stage.exchange.advance(opening - 1)) == []
    assert len(fills(stage.exchange.advance(opening))) == 1


def test_at_the_weekend_an_order_waits_for_monday() -> None:
    stage = Stage(start_ns=SATURDAY)
    (notice,) = of(stage.place(stage.aapl, "BUY", 1), OrderMessage)
    assert "2026-09-14 09:30:00 US/Eastern" in notice.text
    (notice,) = of(stage.place(stage.es, "BUY", 1), OrderMessage)
    assert "2026-09-13 17:00:00 US/Central" in notice.text


def test_futures_trade_at_night() -> None:
    stage = Stage(start_ns=NIGHT)
    assert len(fills(stage.place(stage.es, "BUY", 1))) == 1


def test_a_limit_order_may_fill_outside_regular_hours_when_it_says_so() -> None:
    stage = Stage(start_ns=EARLY)
    assert codes(stage.place(stage.aapl, "BUY", 1, order_type="LMT", lmt_price="231")) == [399]
    allowed = stage.place(stage.aapl, "BUY", 1, order_type="LMT", lmt_price="231", outside_rth=True)
    assert len(fills(allowed)) == 1


def test_a_market_order_cannot_go_outside_regular_hours() -> None:
    stage = Stage(start_ns=EARLY)
    events = stage.place(stage.aapl, "BUY", 1, outside_rth=True)
    assert codes(events) == [2109, 399] and fills(events) == []


@pytest.mark.parametrize(
    ("order_type", "prices"), [("STP", {"aux_price": "240"}), ("TRAIL", {"aux_price": "5"}), ("MIDPRICE", {})]
)
def test_what_becomes_a_market_order_stays_inside_regular_hours(order_type: str, prices: dict[str, str]) -> None:
    stage = Stage(start_ns=EARLY)
    events = stage.place(stage.aapl, "BUY", 1, order_type=order_type, outside_rth=True, **prices)
    assert codes(events) == [2109, 399]


def test_options_trade_in_regular_hours_only() -> None:
    stage = Stage(start_ns=EARLY)
    events = stage.place(stage.call, "BUY", 1, order_type="LMT", lmt_price="4", outside_rth=True)
    assert codes(events) == [2109, 399] and fills(events) == []


def test_the_flag_is_ignored_with_a_warning_for_futures() -> None:
    stage = Stage()
    events = stage.place(stage.es, "BUY", 1, outside_rth=True)
    assert codes(events) == [2109] and len(fills(events)) == 1


def test_a_stop_on_a_future_sleeps_at_night_unless_allowed() -> None:
    stage = Stage(start_ns=NIGHT)
    stage.price(stage.es, 6000)
    sleeping = stage.rest(stage.es, "SELL", 1, order_type="STP", aux_price="5990")
    waking = stage.rest(stage.es, "SELL", 1, order_type="STP", aux_price="5990", outside_rth=True)
    stage.price(stage.es, 5980)
    assert stage.now(sleeping).is_open and not stage.now(waking).is_open
    assert len(fills(stage.exchange.advance(at("2026-09-10 13:30")))) == 1


def test_a_stop_limit_that_was_reached_by_day_works_on_at_night() -> None:
    stage = Stage()
    stage.price(stage.es, 6000)
    stage.rest(stage.es, "SELL", 1, order_type="STP LMT", aux_price="5990", lmt_price="5988", tif="GTC")
    stage.price(stage.es, 5980)
    stage.exchange.advance(NIGHT)
    assert fills(stage.price(stage.es, 5989)) == [(D(1), D(5988))]


@pytest.mark.parametrize(("outside_rth", "ends"), [(False, "2026-09-09 20:00"), (True, "2026-09-10 00:00")])
def test_a_day_order_ends_with_its_session(outside_rth: bool, ends: str) -> None:
    stage = Stage()
    order = stage.rest(stage.aapl, "BUY", 1, order_type="LMT", lmt_price="100", outside_rth=outside_rth)
    stage.exchange.advance(at(ends) - 1)
    assert stage.now(order).is_open
    events = stage.exchange.advance(at(ends))
    assert stage.now(order).status is Status.CANCELLED and codes(events) == [202]


def test_a_day_order_on_a_future_ends_at_the_daily_break() -> None:
    stage = Stage()
    order = stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5000")
    stage.exchange.advance(at("2026-09-09 21:00"))
    assert stage.now(order).status is Status.CANCELLED


def test_a_good_till_cancelled_order_sleeps_and_wakes() -> None:
    stage = Stage()
    order = stage.rest(stage.aapl, "BUY", 1, order_type="LMT", lmt_price="100", tif="GTC")
    stage.exchange.advance(at("2026-09-09 22:00"))
    assert stage.now(order).status is Status.PRE_SUBMITTED
    stage.exchange.advance(at("2026-09-10 14:00"))
    assert stage.now(order).status is Status.SUBMITTED
    assert fills(stage.price(stage.aapl, 90)) == [(D(1), D(100))]


def test_a_gap_over_night_fills_a_waking_order_at_the_market() -> None:
    stage = Stage(start_ns=at("2026-09-09 22:00"))
    stage.rest(stage.aapl, "SELL", 1, order_type="LMT", lmt_price="240")
    stage.exchange.script_price(stage.aapl.con_id, at("2026-09-10 13:00"), D(250))
    assert fills(stage.exchange.advance(at("2026-09-10 13:30"))) == [(D(1), D(250))]


def test_a_scenario_can_close_a_market_by_hand() -> None:
    stage = Stage()
    stage.exchange.set_market(OPEN, stage.es.con_id, Market(closed=True))
    assert codes(stage.place(stage.es, "BUY", 1)) == [399]
    assert not stage.exchange.quote(stage.es.con_id).is_open
    assert len(fills(stage.exchange.set_market(stage.now_ns, stage.es.con_id, Market()))) == 1


def test_an_idle_exchange_has_nothing_ahead() -> None:
    stage = Stage()
    assert stage.exchange.next_event_ns() is None
    assert stage.wait(24 * HOUR) == []


def test_a_resting_order_in_a_still_market_waits_for_the_bell_alone() -> None:
    stage = Stage()
    stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5000")
    assert stage.exchange.next_event_ns() == at("2026-09-09 21:00")


def test_time_never_goes_back() -> None:
    stage = Stage()
    stage.wait(SECOND)
    with pytest.raises(ValueError, match="time cannot go back"):
        stage.exchange.advance(OPEN)
