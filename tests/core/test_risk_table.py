"""The printed page's risk table, row by row, to the cent."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from core.limit_worlds import CENT, CLOCK, EVENING, NOON, SECOND, SETTINGS, D, books, judged, limits, worth
from engine.core.books import Books, Flow
from engine.core.limit_rules import Basis, Limit
from engine.core.periods import DAY_NS, Period
from engine.core.restrictions import Cause, Kind


class Row(msgspec.Struct, frozen=True):
    limit: Limit
    dollars: int  # on 100 000
    kind: Kind
    cause: Cause
    factor: str
    until_ns: int | None
    cancel: bool
    kill: bool


LATER = NOON + SECOND
TABLE = [
    Row(Limit.DAILY, 2_000, Kind.HALT, Cause.DAILY_LOSS, "1", EVENING, True, False),
    Row(
        Limit.WEEKLY,
        5_000,
        Kind.SIZE_FACTOR,
        Cause.WEEKLY_LOSS,
        "0.5",
        CLOCK.span(Period.WEEK, NOON).end_ns,
        False,
        False,
    ),
    Row(Limit.MONTHLY, 10_000, Kind.HALT, Cause.MONTHLY_LOSS, "1", LATER + 7 * DAY_NS, True, False),
    Row(Limit.BREAKER, 15_000, Kind.SHUTDOWN, Cause.CIRCUIT_BREAKER, "1", None, False, True),
]
ROWS = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.limit.value)


def floor_of(row: Row) -> Decimal:
    return D(100_000 - row.dollars)


def alone(row: Row) -> Books:
    """The milder limits count from just above, so that the row's own limit is the only one within reach."""
    near = floor_of(row) + 100
    milder = list(Limit)[: list(Limit).index(row.limit)]
    return books(**{limit.basis.value: near for limit in milder})


def restarted(before: Books) -> Books:
    return msgspec.json.decode(msgspec.json.encode(before), type=Books)


@ROWS
def test_crossed_by_one_cent(row: Row) -> None:
    judgement = judged(alone(row), floor_of(row) - CENT)
    assert limits(judgement) == [row.limit]
    [imposed] = judgement.impositions
    assert (imposed.kind, imposed.cause, imposed.until_ns) == (row.kind, row.cause, row.until_ns)
    assert (imposed.size_factor, imposed.cancel, imposed.everywhere) == (D(row.factor), row.cancel, False)
    assert judgement.kill is row.kill


@ROWS
def test_a_loss_of_exactly_the_limit_crosses_it(row: Row) -> None:
    assert limits(judged(alone(row), floor_of(row))) == [row.limit]


@ROWS
def test_not_crossed_by_one_cent(row: Row) -> None:
    judgement = judged(alone(row), floor_of(row) + CENT)
    assert (judgement.breaches, judgement.impositions, judgement.kill) == ((), (), False)


@ROWS
def test_a_loss_across_a_restart_crosses_the_limit(row: Row) -> None:
    before = judged(alone(row), floor_of(row) + CENT)
    after = judged(restarted(before.books), floor_of(row), NOON + 60 * SECOND)
    assert after.baselines == ()
    assert limits(after) == [row.limit]


@ROWS
def test_a_restart_does_not_repeat_what_was_acted_on(row: Row) -> None:
    first = judged(alone(row), floor_of(row))
    again = judged(restarted(first.books), floor_of(row) - CENT, NOON + 60 * SECOND)
    assert (again.breaches, again.impositions, again.kill) == ((), (), False)
    assert [gauge.acted for gauge in again.gauges if gauge.limit is row.limit] == [True]


@ROWS
def test_across_its_rollover_a_loss_begins_anew_but_the_peak_does_not(row: Row) -> None:
    before = judged(alone(row), floor_of(row) + CENT)
    period = row.limit.basis.period or Period.MONTH
    rollover = CLOCK.span(period, NOON).end_ns
    after = judged(before.books, floor_of(row) - CENT, rollover)
    if row.limit.basis is Basis.PEAK:
        assert limits(after) == [row.limit]
        return
    assert row.limit.basis in {one.basis for one in after.baselines}
    assert after.breaches == ()
    allowed = (floor_of(row) - CENT) * row.dollars / 100_000
    assert limits(judged(after.books, floor_of(row) - CENT - allowed + CENT, rollover + SECOND)).count(row.limit) == 0
    assert row.limit in limits(judged(after.books, floor_of(row) - CENT - allowed, rollover + SECOND))


@ROWS
def test_acted_on_yesterday_does_not_spare_today(row: Row) -> None:
    period = row.limit.basis.period
    if period is None:
        rearmed = judged(judged(alone(row), floor_of(row)).books.armed("arming-2"), floor_of(row))
        assert [(one.basis, one.id) for one in rearmed.baselines] == [(Basis.PEAK, "arming-2")]
        assert limits(judged(rearmed.books, floor_of(row) * D("0.85"), LATER + SECOND))[0] is Limit.BREAKER
        return
    rollover = CLOCK.span(period, NOON).end_ns
    acted = judged(judged(alone(row), floor_of(row)).books, floor_of(row), rollover).books
    fallen = floor_of(row) * (100_000 - row.dollars) / 100_000
    assert row.limit in limits(judged(acted, fallen, rollover + SECOND))


@ROWS
def test_a_deposit_hides_no_loss(row: Row) -> None:
    with_money = alone(row).with_flow(Flow(amount=D(10_000), currency="USD", at_ns=LATER))
    base = D(110_000) if row.limit.basis is Basis.PEAK else D(100_000)
    floor = 110_000 - base * row.dollars / 100_000
    moment = LATER + SECOND
    assert limits(judged(with_money, floor + CENT, moment)) == []
    assert limits(judged(with_money, floor, moment)) == [row.limit]


@ROWS
def test_a_withdrawal_is_no_loss(row: Row) -> None:
    with_money = alone(row).with_flow(Flow(amount=D(-1_000), currency="USD", at_ns=LATER))
    base = D(99_000) if row.limit.basis is Basis.PEAK else D(100_000)
    floor = 99_000 - base * row.dollars / 100_000
    moment = LATER + SECOND
    assert limits(judged(with_money, floor + CENT, moment)) == []
    assert limits(judged(with_money, floor, moment)) == [row.limit]


@ROWS
def test_stale_data_is_no_breach_and_no_pass_but_blind(row: Row) -> None:
    stale = worth(floor_of(row) - CENT, NOON)
    moment = NOON + SETTINGS.equity_age_ns_max + 1
    first = judged(alone(row), stale, moment)
    assert (first.breaches, first.impositions, first.kill) == ((), (), False)
    assert first.unknown == ("equity is 60 s old",)
    blind = judged(first.books, stale, moment + SETTINGS.blind_grace_ns)
    assert [(one.kind, one.cause) for one in blind.impositions] == [(Kind.HALT, Cause.BLIND)]
    back = judged(blind.books, floor_of(row) - CENT, moment + SETTINGS.blind_grace_ns + SECOND)
    assert back.sees_again
    assert limits(back) == [row.limit]


def test_a_fall_through_everything_crosses_every_limit_at_once_the_severest_first() -> None:
    judgement = judged(books(), "85000")
    assert limits(judgement) == [Limit.BREAKER, Limit.MONTHLY, Limit.WEEKLY, Limit.DAILY]
    assert [one.kind for one in judgement.impositions] == [Kind.SHUTDOWN, Kind.HALT, Kind.SIZE_FACTOR, Kind.HALT]
    assert judgement.kill


def test_after_an_override_only_the_next_limit_acts() -> None:
    daily = judged(books(), "98000")
    assert limits(daily) == [Limit.DAILY]
    assert limits(judged(daily.books, "95000.01", LATER + SECOND)) == []
    assert limits(judged(daily.books, "95000", LATER + SECOND)) == [Limit.WEEKLY]
