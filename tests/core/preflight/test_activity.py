"""Duplicates, repeats and rates: so many pass and one more does not, at the very edge of each window."""

from __future__ import annotations

import msgspec
import pytest

from core.preflight.world import CALL, ES, FREE, HALTED, MES, NOW, PUT, SPY, D, desk, order, sell
from engine.core.exposure import Side
from engine.core.preflight.activity import Activity
from engine.core.preflight.desk import Preflight
from engine.core.preflight.facts import Pace
from engine.core.preflight.intent import Intent, Leg, Special
from engine.core.preflight.settings import SECOND_NS, ProductLimits, Settings
from engine.core.preflight.verdict import PASS, Code, Failure
from engine.core.restrictions import Cause

MINUTE_NS = 60 * SECOND_NS
MANY = {"futures": ProductLimits(), "options": ProductLimits()}


def send(made: Preflight, intent: Intent, at_ns: int) -> Cause | tuple[Code, ...] | None:
    """What a shell does with an order: nothing if it passes, else the codes, or the cause of a halt."""
    verdict = made.judge(intent, FREE, at_ns)
    assert verdict == made.explain(intent, FREE, at_ns)
    if verdict.passed:
        key = intent.special.modifies if intent.special is not None and intent.special.modifies else (1, at_ns)
        made.passed(intent, key, at_ns)
        return None
    return made.refused(verdict, at_ns) or verdict.codes


def test_the_same_order_passes_so_many_times_within_its_window() -> None:
    made = desk(Settings(**MANY))
    intent = order(ES, limit=100)
    assert [send(made, intent, NOW + n) for n in (0, 1)] == [None, None]
    assert made.judge(intent, FREE, NOW + SECOND_NS - 1).failures == (Failure(Code.DUPLICATE, 3, 2),)
    assert send(made, intent, NOW + SECOND_NS) is None
    assert send(made, intent, NOW + SECOND_NS) == (Code.DUPLICATE,)


@pytest.mark.parametrize(
    "other",
    [
        order(ES, 2, limit=100),
        order(ES, limit="100.25"),
        order(ES),
        order(ES, limit=100, aux=5),
        order(ES, limit=100, aux=5, order_type="LIT"),
        sell(ES, limit=100),
        order(MES, limit=100),
        order(ES, limit=100, account="DU2"),
    ],
)
def test_an_order_that_differs_in_anything_is_no_duplicate(other: Intent) -> None:
    made = desk(Settings(duplicates_max=1, **MANY))
    made.accounts = ("DU1", "DU2")
    assert send(made, order(ES, limit=100), NOW) is None
    assert send(made, other, NOW + 1) is None
    assert send(made, other, NOW + 2) == (Code.DUPLICATE,)


def test_combinations_are_the_same_by_their_legs() -> None:
    made = desk(Settings(duplicates_max=1, **MANY))
    one, two = (
        Intent("DU1", 9, "BAG", "SPY", Side.BUY, D(1), "LMT", D(1), special=Special(legs=(Leg(leg, 1, Side.BUY),)))
        for leg in (CALL, PUT)
    )
    assert [send(made, bag, NOW + n) for n, bag in enumerate((one, two))] == [None, None]
    assert send(made, one, NOW + 2) == (Code.DUPLICATE,)


def test_the_same_child_over_and_over_halts_at_once_whatever_its_price() -> None:
    made = desk(Settings(repeats_max=3, **MANY))
    for n in range(3):
        assert send(made, order(ES, limit=100 + n), NOW + n) is None
    assert made.judge(order(ES, limit=50), FREE, NOW + 9).failures == (Failure(Code.REPEATS, 4, 3),)
    assert send(made, order(ES, 2, limit=50), NOW + 9) is None
    assert send(made, order(ES, limit=50), NOW + MINUTE_NS - 1) is Cause.ORDER_RATE
    assert send(made, order(ES, limit=50), NOW + MINUTE_NS) is None


def test_so_many_orders_pass_in_any_second_and_any_minute() -> None:
    made = desk(Settings(orders_per_second_max=3, orders_per_minute_max=5, **MANY))
    for n in range(3):
        assert send(made, order(ES, n + 1), NOW + n) is None
    assert made.judge(order(MES), FREE, NOW + SECOND_NS - 1).failures == (Failure(Code.RATE_PER_SECOND, 4, 3),)
    assert [send(made, order(MES, n + 1), NOW + SECOND_NS + n) for n in range(2)] == [None, None]
    assert made.judge(order(SPY), FREE, NOW + 3 * SECOND_NS).failures == (Failure(Code.RATE_PER_MINUTE, 6, 5),)
    assert made.judge(order(SPY), FREE, NOW + MINUTE_NS - 1).failures == (Failure(Code.RATE_PER_MINUTE, 6, 5),)
    assert send(made, order(SPY), NOW + MINUTE_NS) is None


def test_both_rates_are_kept_whichever_is_larger() -> None:
    made = desk(Settings(orders_per_second_max=5, orders_per_minute_max=2, **MANY))
    assert [send(made, order(ES, n + 1), NOW + n) for n in range(3)] == [None, None, (Code.RATE_PER_MINUTE,)]


def test_what_only_reduces_is_counted_and_not_held_back() -> None:
    made = desk(Settings(orders_per_second_max=1, duplicates_max=1, repeats_max=1, **MANY), positions={ES: 3})
    for n in range(3):
        assert made.judge(sell(ES), HALTED if n else FREE, NOW + n) == PASS
        made.passed(sell(ES), (1, n), NOW + n)
    assert send(made, order(MES), NOW + 3) == (Code.RATE_PER_SECOND,)


def test_a_preview_is_a_message_and_is_not_held_back() -> None:
    made = desk(Settings(orders_per_second_max=1))
    preview = order(ES, special=Special(what_if=True))
    assert [send(made, preview, NOW + n) for n in range(3)] == [None] * 3
    assert made.book.exposures == {}
    assert send(made, order(ES, 2), NOW + 3) == (Code.RATE_PER_SECOND,)


def test_a_preview_is_no_child() -> None:
    made = desk(Settings(duplicates_max=1, repeats_max=1))
    assert send(made, order(ES, special=Special(what_if=True)), NOW) is None
    assert send(made, order(ES), NOW + 1) is None
    assert send(made, order(ES), NOW + 2) is Cause.ORDER_RATE


def test_a_modify_is_a_message_and_no_child() -> None:
    made = desk(Settings(duplicates_max=1, repeats_max=1, orders_per_second_max=4, **MANY))
    assert send(made, order(ES, limit=100), NOW) is None
    (key,) = {one.key for place in made.book.spots for one in made.book.order((1, NOW))}
    modify = order(ES, limit=100, special=Special(modifies=key))
    assert [send(made, modify, NOW + n) for n in range(1, 4)] == [None] * 3
    assert send(made, modify, NOW + 4) == (Code.RATE_PER_SECOND,)
    assert send(made, order(ES, limit=100), NOW + 2 * SECOND_NS) is Cause.ORDER_RATE


def test_too_many_in_several_seconds_of_one_minute_halts() -> None:
    made = desk(Settings(orders_per_second_max=1, rate_breaches_max=3, **MANY))
    answers = []
    for second in range(3):
        for n in range(4):
            answers.append(send(made, order(ES, 4 * second + n + 1), NOW + second * SECOND_NS + n))
    refused = (Code.RATE_PER_SECOND,)
    assert answers[:8] == [None, refused, refused, refused, None, refused, refused, refused]
    assert answers[8:] == [None, Cause.ORDER_RATE, Cause.ORDER_RATE, Cause.ORDER_RATE]


def test_seconds_that_lie_more_than_a_minute_apart_do_not_halt() -> None:
    made = desk(Settings(orders_per_second_max=1, rate_breaches_max=2, **MANY))
    verdict = made.judge(order(ES), FREE, NOW)
    made.passed(order(ES), (1, 1), NOW)
    verdict = made.judge(order(MES), FREE, NOW)
    assert made.refused(verdict, NOW) is None
    assert made.refused(verdict, NOW + SECOND_NS - 1) is None
    assert made.refused(verdict, NOW + MINUTE_NS) is None
    assert made.refused(verdict, NOW + MINUTE_NS + SECOND_NS) is Cause.ORDER_RATE
    assert made.refused(verdict, NOW + 3 * MINUTE_NS) is None
    assert made.refused(verdict, NOW + 3 * MINUTE_NS + SECOND_NS) is Cause.ORDER_RATE


def test_other_refusals_are_no_breaches() -> None:
    made = desk(Settings(rate_breaches_max=1))
    assert made.refused(made.judge(order(ES, 11), FREE, NOW), NOW) is None
    assert made.refused(made.judge(order(ES), HALTED, NOW), NOW) is None
    assert made.refused(PASS, NOW) is None


def test_a_clock_set_back_forgives_nothing() -> None:
    made = desk(Settings(orders_per_second_max=2, duplicates_max=2, **MANY))
    hour_ns = 60 * MINUTE_NS
    assert [send(made, order(ES), NOW), send(made, order(ES), NOW - hour_ns)] == [None, None]
    assert send(made, order(ES), NOW - hour_ns) == (Code.DUPLICATE, Code.RATE_PER_SECOND)
    assert send(made, order(ES), NOW + SECOND_NS - 1) == (Code.DUPLICATE, Code.RATE_PER_SECOND)
    assert send(made, order(ES), NOW + SECOND_NS) is None


def test_an_order_that_is_no_number_is_no_duplicate_of_anything() -> None:
    made = desk(Settings(duplicates_max=1))
    assert send(made, order(ES, limit=100), NOW) is None
    for quantity in ("NaN", "sNaN"):
        odd = msgspec.structs.replace(order(ES, limit=100), quantity=D(quantity))
        assert send(made, odd, NOW) == (Code.QUANTITY_NOT_POSITIVE,)
    assert send(made, order(ES, limit=D("sNaN")), NOW) == (Code.PRICE_NOT_FINITE,)


def test_what_passes_is_counted_whether_or_not_it_was_judged_here() -> None:
    activity = Activity(Settings())
    activity.passed(order(ES), NOW)
    activity.passed(sell(ES), NOW)
    activity.passed(order(ES, account="DU2"), NOW)
    assert activity.pace(order(ES), NOW) == Pace(same=1, repeats=1, in_second=3, in_minute=3)


def test_over_a_long_window_as_many_orders_are_kept_as_can_come_in_it() -> None:
    made = desk(Settings(orders_per_minute_max=3, repeats_max=1, repeat_window_ns=3 * MINUTE_NS, **MANY))
    for n in range(8):
        assert send(made, order(ES, n + 1), NOW + n * 22 * SECOND_NS) is None
    assert send(made, order(ES, 1), NOW + 179 * SECOND_NS) is Cause.ORDER_RATE
    assert send(made, order(ES, 1), NOW + 180 * SECOND_NS) is None


def test_each_window_ends_at_its_own_moment() -> None:
    short, long = SECOND_NS // 2, SECOND_NS
    for settings in (
        Settings(duplicates_max=9, repeats_max=1, duplicate_window_ns=long, repeat_window_ns=short, **MANY),
        Settings(duplicates_max=1, repeats_max=9, duplicate_window_ns=short, repeat_window_ns=long, **MANY),
    ):
        made = desk(settings)
        assert send(made, order(ES), NOW) is None
        assert send(made, order(ES), NOW + short - 1) is not None
        assert send(made, order(ES), NOW + short) is None
