"""The words of a refusal: numbers and times as a person reads them, and the key that would change the limit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.preflight.texts import sentence
from engine.core.preflight.verdict import Code, Failure


@pytest.mark.parametrize("code", [Code.POSITION_STALE, Code.REFERENCE_STALE])
def test_times_are_told_in_seconds(code: Code) -> None:
    said = sentence(Failure(code, 31_500_000_000, 30_000_000_000))
    assert "31.5 s" in said
    assert "at most 30 s" in said


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Decimal("559880.000"), "559880"),
        (Decimal("-3.20"), "-3.2"),
        (Decimal("1E+2"), "100"),
        (Decimal("Infinity"), "Infinity"),
        (Decimal(0), "0"),
    ],
)
def test_numbers_are_told_without_the_zeros_that_arithmetic_leaves_behind(value: Decimal, told: str) -> None:
    assert f"could come to {told} in money" in sentence(Failure(Code.ACCOUNT_NOTIONAL, value, Decimal(1)))
    assert f"would pass is {told};" in sentence(Failure(Code.MAX_CONTRACTS, Decimal(1), Decimal(1), value))


def test_an_order_without_an_account_is_told_as_one() -> None:
    assert ": an order without an account is not of" in sentence(Failure(Code.ACCOUNT_NOT_IN_LOGIN, "", "U1, U2"))
    assert ": account 'U9' is not of" in sentence(Failure(Code.ACCOUNT_NOT_IN_LOGIN, "U9", "U1, U2"))


def test_why_there_is_no_price_is_told() -> None:
    assert "(TWS said no)" in sentence(Failure(Code.REFERENCE_MISSING, "TWS said no", 1))
    assert "(none was asked for)" in sentence(Failure(Code.REFERENCE_MISSING, None, 1))


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (Code.MAX_CONTRACTS, "max_futures"),
        (Code.ORDER_QUANTITY, "max_order_futures"),
        (Code.ORDER_NOTIONAL, "max_order_notional"),
        (Code.ACCOUNT_NOTIONAL, "max_account_notional"),
        (Code.COLLAR, "collar_pct"),
        (Code.DUPLICATE, "duplicates_max"),
        (Code.REPEATS, "repeats_max"),
        (Code.RATE_PER_SECOND, "orders_per_second"),
        (Code.RATE_PER_MINUTE, "orders_per_minute"),
    ],
)
def test_a_limit_is_told_with_the_key_that_changes_it(code: Code, key: str) -> None:
    assert f"{key} " in sentence(Failure(code, 2, 1)) or f"{key}," in sentence(Failure(code, 2, 1))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("1.50", "1.5"),
        ("2.1", "2.1"),
        ("2.10", "2.1"),
        ("21.0", "21"),
        ("101.00", "101"),
        ("110", "110"),
        ("0.01", "0.01"),
    ],
)
def test_what_is_no_zero_behind_the_point_stays(value: str, shown: str) -> None:
    told = sentence(Failure(Code.COLLAR, Decimal(value), Decimal(1)))
    assert told.startswith(f"collar: the limit price {shown} is beyond 1, too far from the market;")


def test_counts_are_counts_and_times_are_seconds() -> None:
    rate = sentence(Failure(Code.RATE_PER_SECOND, 41, 40))
    assert rate.startswith("rate_per_second: 41 orders in a second, at most 40 are allowed;")
    stale = sentence(Failure(Code.REFERENCE_STALE, 31_500_000_000, 30_000_000_000))
    assert "is 31.5 s old, at most 30 s are allowed;" in stale
