"""Accidents that others have had, as far as they can be stopped before an order is sent."""

from __future__ import annotations

import pytest

from core.preflight.world import CALL, CL, ES, FREE, NOW, SPY, D, desk, order, price, sell
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import SECOND_NS, Need, ProductLimits, Settings
from engine.core.preflight.texts import sentences
from engine.core.preflight.verdict import PASS, Code
from engine.core.restrictions import Cause


def test_knight_a_strategy_that_sends_again_because_it_sees_no_fills_is_stopped() -> None:
    made = desk(Settings(futures=ProductLimits(), duplicates_max=1000, repeats_max=30, orders_per_minute_max=10_000))
    sent, cause = 0, None
    while cause is None and sent < 100:
        at_ns = NOW + sent * SECOND_NS
        verdict = made.judge(order(ES, limit=100), FREE, at_ns)
        if verdict.passed:
            made.passed(order(ES, limit=100), (1, sent), at_ns)
            sent += 1
        else:
            cause = made.refused(verdict, at_ns)
    assert (sent, cause) == (30, Cause.ORDER_RATE)


def test_knight_with_the_default_limits_its_exposure_ends_at_the_limit() -> None:
    made, sent = desk(), 0
    for n in range(100):
        if made.judge(order(ES), FREE, NOW + n * SECOND_NS).passed:
            made.passed(order(ES), (1, n), NOW + n * SECOND_NS)
            sent += 1
    assert sent == 10


def test_goldman_with_a_required_collar_no_order_at_a_made_up_price_leaves_before_the_open() -> None:
    made = desk(Settings(collar=Need.REQUIRED, orders_per_second_max=1000))
    price(made, CALL, "7.35", NOW - 16 * 3600 * SECOND_NS)  # yesterday's
    for n in range(100):
        assert made.judge(sell(CALL, 1, limit="1"), FREE, NOW + n).codes == (Code.REFERENCE_STALE,)
    price(made, CALL, "7.35", NOW + 100)
    assert made.judge(sell(CALL, 1, limit="1"), FREE, NOW + 200).codes == (Code.COLLAR,)


@pytest.mark.parametrize("text", ["0", "NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("con_id", [ES, SPY, CALL])
def test_hanmag_no_order_leaves_with_a_number_that_is_none(con_id: int, text: str) -> None:
    made = desk(positions={con_id: 5})
    for intent in (order(con_id, D(text)), sell(con_id, D(text), limit=5), sell(con_id, 1, limit=D(text))):
        assert not made.judge(intent, FREE, NOW).passed
        assert not made.explain(intent, FREE, NOW).passed


@pytest.mark.parametrize("con_id", [ES, SPY, CALL])
def test_citi_quantity_and_worth_swapped_is_refused_in_one_line(con_id: int) -> None:
    verdict = desk().judge(sell(con_id, 444_000_000_000, limit=58), FREE, NOW)
    assert not verdict.passed
    lines = sentences(verdict).splitlines()
    assert len(lines) == len(verdict.failures)
    assert "444000000000" in lines[0]


def test_everbright_with_every_acknowledgement_lost_the_exposure_stays_within_the_limit() -> None:
    made = desk(Settings(repeats_max=1000, duplicates_max=1000))
    made.book.lost("link lost")  # what was sent is not forgotten with the link
    made.book.read_positions((), made.book.mark(), NOW)
    for n in range(50):
        made.book.read_orders((), made.book.mark(), NOW)  # the broker shows none of it
        intent = order(ES, 3)
        if made.judge(intent, FREE, NOW + n * SECOND_NS).passed:
            made.passed(intent, (1, n), NOW + n * SECOND_NS)
    assert made.book.spot(("DU1", ES)).worst == 9


def below_zero(limit: str, side: str) -> Intent:
    return order(CL, 1, limit=limit) if side == "buy" else sell(CL, 1, limit=limit)


@pytest.mark.parametrize(
    ("reference", "side", "limit", "passes"),
    [
        ("0.10", "buy", "0.30", True),
        ("0.10", "buy", "0.31", False),
        ("0.10", "sell", "-0.10", True),
        ("0.10", "sell", "-0.11", False),
        ("0.00", "sell", "-0.20", True),
        ("0.00", "sell", "-0.21", False),
        ("-37.00", "sell", "-40.70", True),
        ("-37.00", "sell", "-40.71", False),
        ("-37.00", "buy", "-33.30", True),
        ("-37.00", "buy", "-33.29", False),
    ],
)
def test_oil_below_zero_the_collar_holds_on_both_sides_of_it(
    reference: str, side: str, limit: str, passes: bool
) -> None:
    made = desk()
    price(made, CL, reference)
    verdict = made.judge(below_zero(limit, side), FREE, NOW)
    assert verdict.passed == passes
    assert passes or verdict.codes == (Code.COLLAR,)


def test_oil_below_zero_worth_is_never_negative() -> None:
    made = desk(Settings(order_notional=D(37_000), account_notional=D(37_000)))
    price(made, CL, "-37.00")
    assert made.judge(sell(CL, 1, limit="-37.00"), FREE, NOW) == PASS
    assert made.judge(sell(CL, 1), FREE, NOW) == PASS
    made.passed(sell(CL, 1), (1, 1), NOW)
    assert made.judge(sell(CL, 2, limit="-37.00"), FREE, NOW + SECOND_NS).codes == (
        Code.ORDER_NOTIONAL,
        Code.ACCOUNT_NOTIONAL,
    )
