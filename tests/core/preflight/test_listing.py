"""A contract's terms are what the broker says of it; what it does not say, or says in no number, is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.contracts import Contract
from engine.core.facts import Details
from engine.core.preflight.listing import Listing
from engine.core.products import Product
from engine.core.units import BLANK

CALL = Contract(7, "SPY", "OPT", "20260619", Decimal(600), "C", "100", currency="USD")


def test_every_term_is_taken_from_the_contract_and_its_details() -> None:
    details = Details(
        contract=CALL,
        under_con_id=8,
        min_tick=Decimal("0.01"),
        size_increment=Decimal(1),
        trading_hours="a",
        liquid_hours="b",
        time_zone_id="c",
    )
    listing = Listing.of_details(details)
    assert listing == Listing(
        con_id=7,
        sec_type="OPT",
        symbol="SPY",
        currency="USD",
        multiplier=Decimal(100),
        strike=Decimal(600),
        right="C",
        under_con_id=8,
        last_trade_date="20260619",
        min_tick=Decimal("0.01"),
        size_increment=Decimal(1),
        trading_hours="a",
        liquid_hours="b",
        time_zone_id="c",
    )
    assert listing.product is Product.OPTIONS
    assert Listing.of_contract(CALL).min_tick is None


@pytest.mark.parametrize("text", ["", "many", "0", "-5", "NaN", "sNaN", "Infinity", "1e999"])
def test_a_multiplier_that_is_no_number_above_zero_is_not_known(text: str) -> None:
    assert Listing.of_contract(Contract(7, multiplier=text, strike=BLANK)) == Listing(con_id=7, sec_type="", symbol="")


@pytest.mark.parametrize("number", [None, Decimal(0), Decimal("NaN"), Decimal(-1)])
def test_neither_is_such_a_tick_or_increment(number: Decimal | None) -> None:
    listing = Listing.of_details(Details(contract=CALL, min_tick=number, size_increment=number))
    assert (listing.min_tick, listing.size_increment) == (None, None)
