"""Amounts as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.amounts import money_text, percent_text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("1234.5", "USD", "$1,234.50"),
        ("-1234.5", "USD", "-$1,234.50"),
        ("0", "USD", "$0.00"),
        ("-1234.5", "EUR", "-1,234.50 EUR"),
        ("1", "", "1.00"),
    ],
)
def test_money_is_to_the_cent_with_its_currency(amount: str, currency: str, text: str) -> None:
    assert money_text(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("value", "text"), [("2", "2 %"), ("2.50", "2.5 %"), ("2.1049", "2.1 %"), ("100", "100 %"), ("0", "0 %")]
)
def test_a_percentage_has_no_needless_digits(value: str, text: str) -> None:
    assert percent_text(Decimal(value)) == text
