"""The quick way is taken up to the very edge of every rule, and not one step further.

That it never passes what the whole examination refuses is test_quick_way.py's; here: that it is the quick one.
"""

from __future__ import annotations

from unittest.mock import patch

import msgspec
import pytest

from core.preflight.world import BY_ID, ES, FREE, MES, NOW, PUT, SPY, D, desk, order, price, restricted, sell
from engine.core.book import PositionHeard
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Intent, Special
from engine.core.preflight.numbers import NUMBER_MAX
from engine.core.preflight.settings import SECOND_NS, Need, ProductLimits, Settings
from engine.core.preflight.verdict import PASS, Code
from engine.core.products import Product
from engine.core.restrictions import Kind, State


class Slow(Exception):
    """The whole examination was asked for."""


def quickly(made: Preflight, intent: Intent, now_ns: int = NOW, state: State = FREE) -> bool:
    """Does it pass without the whole examination?"""
    with patch.object(made, "explain", side_effect=Slow):
        try:
            return made.judge(intent, state, now_ns) is PASS
        except Slow:
            return False


def sent(made: Preflight, intent: Intent, *at_ns: int) -> None:
    """So many like it have gone, and nothing of them is left."""
    for one in at_ns:
        made.activity.passed(intent, one)


@pytest.mark.parametrize(
    "intent",
    [order(ES, 1), sell(ES, 10), order(ES, 10, limit="6000.25"), sell(SPY, 1, limit="0.01"), order(SPY, 1)],
)
def test_a_plain_order_goes_the_quick_way_the_first_time_and_every_other_time(intent: Intent) -> None:
    made = desk()
    assert quickly(made, intent)
    assert quickly(made, intent)


@pytest.mark.parametrize(
    "intent",
    [
        order(ES, 11),
        order(ES, 1, limit="6000.26"),
        order(SPY, 1, limit="0"),
        order(ES, D("0.5")),
        order(ES, 1, order_type="STP", aux="6100"),
        order(ES, 1, special=Special()),
    ],
)
def test_what_a_rule_could_refuse_is_examined(intent: Intent) -> None:
    assert not quickly(desk(), intent)


def test_a_lane_is_made_once_for_as_long_as_it_holds() -> None:
    made = desk()
    assert quickly(made, order(ES))
    with patch("engine.core.preflight.desk.make_lane", side_effect=AssertionError):
        assert quickly(made, order(ES))
        assert not quickly(made, order(ES, 11))
    made.book.lost("gone")
    assert not quickly(made, order(ES))
    made.book.read_positions((), made.book.mark(), NOW)
    made.book.read_orders((), made.book.mark(), NOW)
    assert quickly(made, order(ES))


def read_anew(made: Preflight) -> None:
    made.book.read_positions((), made.book.mark(), NOW)
    made.book.read_orders((), made.book.mark(), NOW)


def test_lanes_are_ready_for_the_next_order_before_it_comes() -> None:
    made = desk()
    assert quickly(made, order(ES)) and quickly(made, order(SPY))
    read_anew(made)
    made.prepare(FREE, NOW)
    with patch("engine.core.preflight.desk.make_lane", side_effect=AssertionError):
        assert quickly(made, order(ES)) and quickly(made, order(SPY))
        made.prepare(FREE, NOW)  # what holds is not made again
    half = restricted(Kind.SIZE_FACTOR, "0.5")
    made.prepare(half, NOW)
    with patch("engine.core.preflight.desk.make_lane", side_effect=AssertionError):
        assert quickly(made, order(ES, 5), NOW, half) and not quickly(made, order(ES, 6), NOW, half)


def test_the_lanes_that_were_made_last_are_made_ready_and_no_more_than_a_bound() -> None:
    made = desk()
    assert all(quickly(made, order(one)) for one in (ES, SPY, ES))
    read_anew(made)
    with patch("engine.core.preflight.desk.AHEAD_MAX", 1):
        assert quickly(made, order(ES)), "it is the last one again"
        read_anew(made)
        made.prepare(FREE, NOW)
    with patch("engine.core.preflight.desk.make_lane", side_effect=AssertionError):
        assert quickly(made, order(ES))
        with pytest.raises(AssertionError):
            quickly(made, order(SPY))


def test_under_a_halt_nothing_is_made_ready() -> None:
    made = desk()
    assert quickly(made, order(ES))
    read_anew(made)
    with patch("engine.core.preflight.desk.make_lane", side_effect=AssertionError):
        made.prepare(restricted(Kind.HALT), NOW)


def test_a_lane_is_of_one_moment_on_and_of_one_size_factor() -> None:
    made, half = desk(), restricted(Kind.SIZE_FACTOR, "0.5")
    assert quickly(made, order(ES, 10), NOW + 1)
    assert not quickly(made, order(ES, 10), NOW + 1, half)
    assert quickly(made, order(ES, 5), NOW + 1, half)
    assert quickly(made, order(ES, 10), NOW)  # made anew for the earlier moment


def test_an_account_that_leaves_the_login_has_no_quick_way() -> None:
    made = desk()
    assert quickly(made, order(ES))
    made.accounts = ("DU2",)
    assert not quickly(made, order(ES))


@pytest.mark.parametrize(("quantity", "quick"), [(3, True), (4, False)])
def test_a_limit_of_one_order_is_reached_quickly_and_not_passed(quantity: int, quick: bool) -> None:
    assert quickly(desk(Settings(futures=ProductLimits(account=D(10), order=D(3)))), order(ES, quantity)) is quick


@pytest.mark.parametrize(("quantity", "quick"), [(3, True), (4, False)])
def test_a_limit_of_the_account_is_reached_quickly_and_not_passed(quantity: int, quick: bool) -> None:
    made = desk(Settings(futures=ProductLimits(account=D(10))), positions={ES: 7})
    assert quickly(made, order(ES, quantity)) is quick


@pytest.mark.parametrize("limits", [("20000", None), (None, "20000"), ("20000", "20000")])
def test_a_limit_in_money_is_reached_quickly_and_not_passed(limits: tuple[str | None, str | None]) -> None:
    in_order, in_account = (None if one is None else D(one) for one in limits)
    made = desk(Settings(order_notional=in_order, account_notional=in_account))
    made.rate("USD", D(1))
    price(made, SPY, "100")
    assert quickly(made, order(SPY, 200))
    assert not quickly(made, order(SPY, 201))
    assert quickly(made, order(SPY, 200, limit="100"))
    assert not quickly(made, order(SPY, 200, limit="100.01"))


def test_what_was_worked_out_for_a_quantity_is_worked_out_anew_with_a_price_or_a_position() -> None:
    made, same = desk(Settings(account_notional=D(20_000), shares=ProductLimits(account=D(150)))), order(SPY, 100)
    made.rate("USD", D(1))
    price(made, SPY, "100")
    assert quickly(made, same) and quickly(made, same)
    price(made, SPY, "201")
    assert not quickly(made, same)
    price(made, SPY, "100")
    assert quickly(made, same)
    made.book.position(PositionHeard("DU1", SPY, D(51), Product.SHARES))
    assert not quickly(made, same)
    made.book.position(PositionHeard("DU1", SPY, D(50), Product.SHARES))
    assert quickly(made, same)
    made.book.position(PositionHeard("DU1", MES, D(1), Product.FUTURES))  # nobody knows what it is worth
    assert not quickly(made, same)
    price(made, MES, "1000")
    assert quickly(made, same)
    price(made, MES, "1001")
    assert not quickly(made, same)


def test_what_is_left_of_a_limit_in_money_is_never_rounded_up() -> None:
    most = D(10**27 + 3)  # of 28 digits: what is left beside 1.5 has one more, and rounded it would be 0.5 too much
    made = desk(Settings(account_notional=most, collar=Need.OFF))
    huge = msgspec.structs.replace(BY_ID[ES], multiplier=D(5 * 10**26 + 1))
    made.list_contract(huge)
    price(made, ES, "1")
    price(made, SPY, "1.5")
    made.book.position(PositionHeard("DU1", SPY, D(1), Product.SHARES))
    assert not made.explain(order(ES, 2), FREE, NOW).passed
    assert not quickly(made, order(ES, 2))


def test_without_a_price_a_market_order_is_not_quick_where_money_is_limited() -> None:
    made = desk(Settings(order_notional=D(20_000)))
    made.rate("USD", D(1))
    assert not quickly(made, order(SPY, 1))
    assert quickly(made, order(SPY, 1, limit="100"))


def test_the_second_of_a_rate_is_over_after_a_second() -> None:
    made = desk(Settings(orders_per_second_max=2, duplicates_max=9, repeats_max=9))
    sent(made, order(SPY), NOW, NOW)
    assert not quickly(made, order(ES), NOW + SECOND_NS - 1)


def test_a_second_and_a_minute_are_over_in_the_same_instant() -> None:
    made = desk(Settings(orders_per_second_max=2, orders_per_minute_max=3, duplicates_max=9, repeats_max=9))
    sent(made, order(SPY), NOW, NOW + 59 * SECOND_NS, NOW + 59 * SECOND_NS)
    assert not quickly(made, order(ES), NOW + 60 * SECOND_NS - 1)
    assert quickly(made, order(ES), NOW + 60 * SECOND_NS)


def test_a_like_order_is_quick_again_when_no_window_holds_one() -> None:
    settings = Settings(duplicates_max=1, repeats_max=1)
    longest = max(60 * SECOND_NS, settings.repeat_window_ns)
    made = desk(settings)
    sent(made, order(ES), NOW)
    assert not quickly(made, order(ES), NOW + longest - 1)
    assert quickly(made, sell(ES), NOW + longest - 1)
    assert quickly(made, order(ES), NOW + longest)


def test_the_window_of_repeats_is_over_to_the_instant_beside_later_orders_that_are_no_duplicates() -> None:
    made = desk(Settings(duplicates_max=1, repeats_max=3))
    sent(made, order(ES), NOW, NOW + 50 * SECOND_NS, NOW + 55 * SECOND_NS)
    assert not quickly(made, order(ES), NOW + 60 * SECOND_NS - 1)
    assert quickly(made, order(ES), NOW + 60 * SECOND_NS)


def test_a_few_orders_in_the_last_minute_make_nothing_slow() -> None:
    made = desk(Settings(orders_per_second_max=2, orders_per_minute_max=5))
    sent(made, order(SPY), NOW, NOW)
    assert quickly(made, order(ES), NOW + 2 * SECOND_NS)


@pytest.mark.parametrize(
    ("settings", "slow_ns"),
    [
        (Settings(duplicates_max=1, duplicate_window_ns=5 * SECOND_NS), 5 * SECOND_NS),
        (Settings(orders_per_second_max=1, duplicate_window_ns=1), SECOND_NS),
        (Settings(repeats_max=1, repeat_window_ns=120 * SECOND_NS), 120 * SECOND_NS),
        (Settings(orders_per_minute_max=1, repeat_window_ns=1), 60 * SECOND_NS),
    ],
)
def test_the_longest_window_counts(settings: Settings, slow_ns: int) -> None:
    made = desk(settings)
    sent(made, order(ES), NOW)
    assert not quickly(made, order(ES), NOW + slow_ns - 1)
    assert quickly(made, order(ES), NOW + slow_ns)


def test_when_a_price_has_grown_old_the_lane_is_made_anew_in_the_same_instant() -> None:
    made = desk()
    price(made, ES, "6000")
    old_ns = NOW + Settings().reference_age_ns_max + 1
    assert quickly(made, order(ES, 1, limit="6000"), old_ns - 1)
    assert not quickly(made, order(ES, 1, limit="9000"), old_ns - 1)
    assert quickly(made, order(ES, 1, limit="9000"), old_ns)


def test_positions_are_believed_to_the_last_instant_of_their_age() -> None:
    made = desk(Settings(position_age_ns_max=30 * SECOND_NS))
    assert quickly(made, order(ES), NOW + 30 * SECOND_NS)
    assert not quickly(made, order(ES), NOW + 30 * SECOND_NS + 1)


def test_limits_are_quick_where_a_tick_is_known_or_not_asked_for() -> None:
    assert quickly(desk(Settings(grid=Need.REQUIRED)), order(ES, 1, limit="6000"))
    assert quickly(desk(), order(PUT, 1, limit="1.2345"))
    assert not quickly(desk(Settings(grid=Need.REQUIRED)), order(PUT, 1, limit="1.2345"))


def test_limits_are_quick_up_to_the_edge_of_the_collar() -> None:
    made = desk()
    price(made, SPY, "100")
    assert quickly(made, order(SPY, 1, limit="110"))
    assert not quickly(made, order(SPY, 1, limit="110.01"))
    assert quickly(made, sell(SPY, 1, limit="90"))
    assert not quickly(made, sell(SPY, 1, limit="89.99"))


def test_without_a_collar_limits_are_quick_up_to_the_largest_number() -> None:
    made = desk(Settings(collar=Need.OFF))
    for intent in (order, sell):
        assert quickly(made, intent(SPY, 1, limit=NUMBER_MAX))
        assert not quickly(made, intent(SPY, 1, limit=NUMBER_MAX + 1))
    assert quickly(made, sell(SPY, 1, limit="0.01"))


def test_what_trades_in_regular_hours_alone_is_not_quick_for_an_order_outside_them() -> None:
    made = desk()
    day = {"trading_hours": "20260528:CLOSED", "liquid_hours": "20260528:0930-20260528:1800"}
    made.list_contract(msgspec.structs.replace(BY_ID[SPY], time_zone_id="US/Eastern", **day))
    assert made.judge(order(SPY, 1), FREE, NOW) == PASS
    assert made.judge(order(SPY, 1, outside_rth=True), FREE, NOW).codes == (Code.MARKET_CLOSED,)


def test_a_limit_is_quick_while_the_market_is_closed_and_a_market_order_is_not() -> None:
    made = desk()
    made.list_contract(
        msgspec.structs.replace(
            BY_ID[SPY],
            time_zone_id="US/Eastern",
            trading_hours="20260528:CLOSED",
            liquid_hours="20260528:CLOSED",
        )
    )
    assert quickly(made, order(SPY, 1, limit="100"))
    assert not quickly(made, order(SPY, 1))


HOUR_NS = 3600 * SECOND_NS
CLOSES_NS = NOW + 26 * 60 * SECOND_NS + 20 * SECOND_NS + 7 * 60 * SECOND_NS  # 17:00 in New York


def in_hours() -> Preflight:
    """It trades until 17:00 of the day, and the moment is 16:26:40."""
    made = desk()
    hours = "20260528:0930-20260528:1700;20260529:CLOSED"
    made.list_contract(
        msgspec.structs.replace(BY_ID[SPY], time_zone_id="US/Eastern", trading_hours=hours, liquid_hours=hours)
    )
    return made


@pytest.mark.parametrize("ahead_ns", [0, HOUR_NS // 2, -HOUR_NS, -30 * 24 * HOUR_NS])
def test_the_quick_way_ends_when_the_market_closes_by_its_own_clock(ahead_ns: int) -> None:
    made = in_hours()
    made.market_clock(ahead_ns)
    closes_ns = CLOSES_NS - ahead_ns
    assert quickly(made, order(SPY, 1), closes_ns - 1)
    assert made.judge(order(SPY, 1), FREE, closes_ns).codes == (Code.MARKET_CLOSED,)


@pytest.mark.parametrize("ahead_ns", [0, HOUR_NS, -HOUR_NS])
def test_the_quick_way_ends_when_a_contract_expires_by_the_markets_clock(ahead_ns: int) -> None:
    made = desk()
    made.list_contract(msgspec.structs.replace(BY_ID[ES], last_trade_date="20260529"))
    made.market_clock(ahead_ns)
    over_ns = 1_780_142_400 * SECOND_NS - ahead_ns
    assert quickly(made, order(ES, 1), over_ns - 1)
    assert made.judge(order(ES, 1), FREE, over_ns).codes == (Code.EXPIRED,)


def test_what_was_quick_by_another_clock_is_examined_anew() -> None:
    made = in_hours()
    assert quickly(made, order(SPY, 1))
    made.market_clock(HOUR_NS)
    assert made.judge(order(SPY, 1), FREE, NOW).codes == (Code.MARKET_CLOSED,)


def test_the_markets_clock_is_another_from_two_seconds_on() -> None:
    made = desk()
    assert made.terms.market_ahead_ns == 0
    for told_ns, held_ns in (
        (2 * SECOND_NS - 1, 0),
        (2 * SECOND_NS, 2 * SECOND_NS),
        (1, 2 * SECOND_NS),
        (0, 0),
        (-2 * SECOND_NS, -2 * SECOND_NS),
    ):
        made.market_clock(told_ns)
        assert made.terms.market_ahead_ns == held_ns
