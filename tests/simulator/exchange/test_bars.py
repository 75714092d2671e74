"""Historical bars: of the scenario's own path, the same however they are asked for, and never of the future."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.contracts import Contract
from engine.simulator.exchange import Behaviour, Instrument
from engine.simulator.exchange.bars import BARS_MAX, DAY_S, Asked, Bar, Show, Span, TooManyBars
from engine.simulator.exchange.volumes import MINUTE_NS, Volumes
from simulator.exchange.stage import HOUR, MINUTE, OPEN, SECOND, D, Stage

MOVING = Behaviour(moves=True)


def bars(
    stage: Stage,
    instrument: Instrument,
    span: Span,
    size_s: int,
    *,
    show: Show = Show.TRADES,
    regular_hours: bool = True,
    end_ns: int | None = None,
) -> list[Bar]:
    asked = Asked(
        end_ns=stage.now_ns if end_ns is None else end_ns,
        span=span,
        size_s=size_s,
        show=show,
        regular_hours=regular_hours,
    )
    return stage.exchange.bars(instrument.con_id, asked)


def test_the_last_bar_ends_with_the_present_price() -> None:
    stage = Stage(behaviour=MOVING)
    for instrument in (stage.es, stage.aapl, stage.call):
        last = bars(stage, instrument, Span(3600, "S"), 60)[-1]
        stage.wait(SECOND)
        assert last.close == pytest.approx(stage.exchange.quote(instrument.con_id).last, rel=D("0.02"))


def test_bars_show_what_a_watcher_saw() -> None:
    stage = Stage(behaviour=MOVING)
    seen: list[Decimal] = []
    start_ns = stage.now_ns
    for _ in range(12):
        seen.append(stage.exchange.quote(stage.es.con_id).last)
        stage.wait(5 * SECOND)
    (bar,) = [b for b in bars(stage, stage.es, Span(120, "S"), 60) if b.start_ns == start_ns]
    assert (bar.open, bar.high, bar.low) == (seen[0], max([*seen, bar.close]), min([*seen, bar.close]))


@given(st.integers(0, 2**32), st.sampled_from((60, 300, 3600)), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_every_bar_holds_together_and_they_follow_each_other(seed: int, size_s: int, days: int) -> None:
    stage = Stage(behaviour=MOVING, seed=seed)
    for instrument in (stage.es, stage.aapl, stage.call):
        found = bars(stage, instrument, Span(days, "D"), size_s)
        for bar in found:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.low <= bar.average <= bar.high or abs(bar.average - bar.low) < instrument.min_tick
            assert bar.volume >= 0 and instrument.rule.is_on_grid(bar.open)
        for one, after in pairwise(found):
            assert one.start_ns < after.start_ns <= stage.now_ns
            assert after.start_ns - one.start_ns == size_s * SECOND or after.trade_date > one.trade_date


def test_a_past_asked_for_later_is_the_same_past() -> None:
    stage = Stage(behaviour=MOVING)
    first = bars(stage, stage.aapl, Span(2, "D"), 300, end_ns=OPEN)
    stage.wait(HOUR)
    again = bars(stage, stage.aapl, Span(2, "D"), 300, end_ns=OPEN)
    assert first == again
    assert Stage(behaviour=MOVING).exchange.quote(stage.aapl.con_id) != stage.exchange.quote(stage.aapl.con_id)


def test_the_future_is_not_told() -> None:
    stage = Stage(behaviour=MOVING)
    tomorrow = bars(stage, stage.es, Span(1, "D"), 60, end_ns=OPEN + 24 * HOUR)
    assert tomorrow == bars(stage, stage.es, Span(1, "D"), 60, end_ns=OPEN)
    assert max(bar.start_ns for bar in tomorrow) <= OPEN


def test_what_was_before_the_start_moves_and_leads_to_the_starts_price() -> None:
    stage = Stage(behaviour=MOVING)
    days = bars(stage, stage.aapl, Span(1, "M"), DAY_S)
    assert len({day.close for day in days}) > 10
    for one, after in pairwise(days):
        assert abs(after.close - one.close) < one.close / 5
    stage.price(stage.aapl, 230)
    minutes = bars(stage, stage.aapl, Span(600, "S"), 60)
    assert abs(minutes[-1].open - 230) < 5, "a price set at the start has a past that leads to it"


def test_a_market_that_stands_still_stood_still() -> None:
    stage = Stage()
    days = bars(stage, stage.es, Span(5, "D"), DAY_S)
    assert {(day.open, day.high, day.low, day.close) for day in days} == {
        (stage.exchange.quote(stage.es.con_id).last,) * 4
    }


def test_regular_hours_or_all_of_them() -> None:
    stage = Stage()
    regular = bars(stage, stage.aapl, Span(2, "D"), 1800)
    extended = bars(stage, stage.aapl, Span(2, "D"), 1800, regular_hours=False)
    assert len(regular) == 13 + 3  # a whole day, and today from 9:30 to 11:00
    assert len(extended) == 32 + 14  # from 4:00 to 20:00, and to 11:00


def test_weekends_and_holidays_have_no_bars() -> None:
    stage = Stage()
    days = [bar.trade_date for bar in bars(stage, stage.aapl, Span(2, "W"), DAY_S)]
    assert date(2026, 9, 7) not in days, "Labor Day"
    assert all(day.weekday() < 5 for day in days) and len(days) == 11 - 1


def test_weeks_and_months_are_put_together_of_days() -> None:
    stage = Stage(behaviour=MOVING)
    days = bars(stage, stage.aapl, Span(3, "M"), DAY_S)
    weeks = bars(stage, stage.aapl, Span(3, "M"), 7 * DAY_S)
    months = bars(stage, stage.aapl, Span(3, "M"), 30 * DAY_S)
    assert 12 <= len(weeks) <= 14 and 3 <= len(months) <= 4
    for whole in (weeks, months):
        assert whole[0].open == days[0].open and whole[-1].close == days[-1].close
        assert max(bar.high for bar in whole) == max(day.high for day in days)
        assert sum(bar.volume for bar in whole) == sum(day.volume for day in days)


def test_bid_and_ask_lie_beside_the_middle_and_have_no_volume() -> None:
    stage = Stage()
    one = {show: bars(stage, stage.aapl, Span(60, "S"), 60, show=show)[-1] for show in Show}
    assert one[Show.BID].close < one[Show.MIDPOINT].close < one[Show.ASK].close
    assert one[Show.MIDPOINT].volume == one[Show.MIDPOINT].count == -1
    assert one[Show.TRADES].volume > 0


def test_currencies_have_prices_and_no_trades() -> None:
    stage = Stage()
    (euro,) = stage.catalogue.find(Contract(symbol="EUR", sec_type="CASH", currency="USD"))
    assert bars(stage, euro, Span(1, "D"), 3600, show=Show.MIDPOINT)[0].volume == -1


def test_too_much_is_refused_before_it_is_computed() -> None:
    stage = Stage()
    with pytest.raises(TooManyBars, match="bars"):
        bars(stage, stage.es, Span(1, "M"), 1)
    assert len(bars(stage, stage.es, Span(BARS_MAX, "S"), 1)) == BARS_MAX


def test_history_has_a_beginning() -> None:
    stage = Stage()
    days = bars(stage, stage.aapl, Span(10, "Y"), DAY_S)
    assert 490 < len(days) < 510
    assert bars(stage, stage.aapl, Span(1, "D"), DAY_S, end_ns=stage.exchange.history_begins_ns) == []


def test_volume_grows_with_every_minute_and_only_then() -> None:
    stage = Stage()
    volumes = Volumes(seed=1, markets=stage.exchange._markets)
    sums = [volumes.of_session(stage.es, OPEN + minute * MINUTE_NS) for minute in range(300)]
    assert all(one < after for one, after in pairwise(sums))
    assert volumes.of_session(stage.es, OPEN + MINUTE - 1) == sums[0]
    assert volumes.between(stage.es, OPEN, OPEN + 5 * MINUTE) == sums[5] - sums[0]
