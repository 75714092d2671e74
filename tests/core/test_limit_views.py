"""What people see of the limits: the judgement's numbers, since and until when; a reason where there are none."""

from __future__ import annotations

import msgspec
import pytest

from core.limit_worlds import CENT, CLOCK, EVENING, NOON, SECOND, SETTINGS, D, books, judged, worth
from engine.core.books import Books
from engine.core.known import Unknown
from engine.core.limit_rules import Action, Limit
from engine.core.limit_views import LimitsView, LimitView, last_known, limit_views
from engine.core.periods import DAY_NS, Period
from engine.core.restrictions import Cause, Kind, Override, Restriction, Scope

LATER = NOON + SECOND
HALT = Restriction(
    id="r1",
    scope=Scope("paper"),
    kind=Kind.HALT,
    cause=Cause.DAILY_LOSS,
    since_ns=LATER,
    until_ns=EVENING,
    actor="test",
    reason="a test",
)


def views(equity: str, standing: tuple[Restriction, ...] = (), overrides: tuple[Override, ...] = ()) -> LimitsView:
    judgement = judged(books(), equity)
    shown = limit_views(judgement.gauges, judgement.books, CLOCK, LATER, standing, overrides)
    return LimitsView(login="paper", at_ns=LATER, limits=shown, equity=worth(equity, LATER))


def test_a_limit_is_shown_with_what_is_used_and_left_and_when_it_counts_anew() -> None:
    daily = views("98000.01")[Limit.DAILY]
    assert (daily.action, daily.limit_pct, daily.acted) == (Action.HALT, 2, False)
    assert (daily.baseline, daily.allowed, daily.loss, daily.left) == (D(100_000), D(2_000), D("1999.99"), CENT)
    assert (daily.used, daily.currency) == (D("0.999995"), "USD")
    assert (daily.since_ns, daily.until_ns, daily.restriction) == (NOON, EVENING, None)


def test_the_breaker_never_counts_anew_by_itself() -> None:
    assert views("98000")[Limit.BREAKER].until_ns is None


def test_what_stands_of_a_limit_is_shown_with_it_alone() -> None:
    shown = views("98000", (HALT,))
    assert shown[Limit.DAILY].restriction is HALT
    assert shown[Limit.DAILY].acted
    assert shown[Limit.WEEKLY].restriction is None


def test_a_limit_that_was_crossed_and_no_longer_restricts_is_set_aside() -> None:
    assert not views("98000", (HALT,))[Limit.DAILY].set_aside, "its halt stands"
    assert views("98000")[Limit.DAILY].set_aside, "it was overridden"
    assert not views("98000")[Limit.WEEKLY].set_aside, "it was never crossed"


def override(at_ns: int, reason: str = "a hedge", cause: Cause = Cause.DAILY_LOSS) -> Override:
    return Override(restriction=msgspec.structs.replace(HALT, cause=cause), at_ns=at_ns, actor="ann", reason=reason)


def test_who_set_a_crossed_limit_aside_is_shown_with_it_and_with_no_other() -> None:
    first, last = override(LATER), override(LATER + 1, "another")
    shown = views("98000", (), (last, first, override(LATER + 2, cause=Cause.WEEKLY_LOSS)))
    assert shown[Limit.DAILY].override is last, "the last one counts"
    assert shown[Limit.WEEKLY].override is None, "it was not crossed"
    assert shown[Limit.MONTHLY].override is None


def test_an_override_of_an_earlier_day_or_of_what_stands_again_is_not_shown() -> None:
    start = CLOCK.span(Period.DAY, LATER).start_ns
    assert views("98000", (), (override(start - 1),))[Limit.DAILY].override is None
    assert views("98000", (), (override(start),))[Limit.DAILY].override is not None
    assert views("98000", (HALT,), (override(LATER),))[Limit.DAILY].override is None


def test_an_override_of_the_breaker_belongs_to_no_period() -> None:
    aside = override(1, cause=Cause.CIRCUIT_BREAKER)
    assert views("80000", (), (aside,))[Limit.BREAKER].override is aside


def test_what_is_not_known_has_a_reason_and_no_numbers() -> None:
    dark = Unknown("the link is lost")
    judgement = judged(books(), dark)
    for one in limit_views(judgement.gauges, judgement.books, CLOCK, LATER):
        assert one.unknown == "the link is lost"
        assert {one.baseline, one.allowed, one.loss, one.left, one.used, one.since_ns} == {None}


def test_before_anything_was_read_there_is_no_currency_either() -> None:
    judgement = judged(Books(), Unknown("nothing was read"))
    assert {one.currency for one in limit_views(judgement.gauges, judgement.books, CLOCK, LATER)} == {""}


@pytest.mark.parametrize("days", [0, 1, 30])
def test_the_last_known_equity_is_shown_for_as_long_as_its_periods_last(days: int) -> None:
    now_ns = LATER + days * DAY_NS
    gauges = last_known(SETTINGS, CLOCK, books(), worth("99000", LATER), now_ns)
    shown: dict[Limit, LimitView] = {one.limit: one for one in limit_views(gauges, books(), CLOCK, now_ns)}
    assert shown[Limit.BREAKER].loss == 1_000
    for limit, period in ((Limit.DAILY, Period.DAY), (Limit.WEEKLY, Period.WEEK), (Limit.MONTHLY, Period.MONTH)):
        lasts = CLOCK.span(period, NOON).end_ns > now_ns
        assert shown[limit].loss == (D(1_000) if lasts else None)
        assert bool(shown[limit].unknown) is not lasts
