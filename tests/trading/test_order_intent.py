"""An order is never made to look smaller than it is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.units import BLANK, UNSET, Number
from engine.trading.order_intent import intent_of, unjudgeable
from engine.wire.order import Order

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")


def limit_of(action: str, limit: Number, discretionary: Number | int) -> Number:
    plain = Order(action=action, total_quantity=Decimal(1), order_type="LMT", lmt_price=limit)
    order = replace(plain, discretionary_amt=discretionary)  # a whole number counts as well
    return intent_of(SPY, order, account="DU1", client_id=1, listing=None).limit


@pytest.mark.parametrize("amount", [Decimal("2.5"), Decimal("-2.5")])
def test_a_limit_reaches_as_far_as_tws_may_go_beyond_it(amount: Decimal) -> None:
    assert limit_of("BUY", Decimal(100), amount) == Decimal("102.5")
    assert limit_of("SELL", Decimal(100), amount) == Decimal("97.5")
    assert limit_of("BUY", Decimal(100), 2) == 102


@pytest.mark.parametrize("amount", [Decimal(0), BLANK])
def test_without_an_amount_the_limit_is_what_it_says(amount: Number) -> None:
    assert limit_of("SELL", Decimal(100), amount) == 100


@pytest.mark.parametrize("limit", [BLANK, Decimal("NaN")])
def test_no_limit_reaches_nowhere(limit: Number) -> None:
    assert limit_of("BUY", limit, Decimal(1)) is limit


@pytest.mark.parametrize(
    "word", ["fa_group", "fa_profile", "fa_method", "fa_percentage", "model_code", "shares_allocation"]
)
def test_whatever_names_other_accounts_than_its_own_is_an_allocation(word: str) -> None:
    order = replace(Order(action="BUY", total_quantity=Decimal(1), order_type="MKT"), **{word: "Technology"})
    special = intent_of(SPY, order, account="DU1", client_id=1, listing=None).special
    assert special is not None and special.allocation == "Technology"


def test_an_order_that_tws_gives_another_size_cannot_be_judged() -> None:
    plain = Order(action="BUY", total_quantity=Decimal(1), order_type="VOL")
    assert "randomize_size" in unjudgeable(SPY, replace(plain, randomize_size=True))
    assert "randomize_size" in unjudgeable(SPY, replace(plain, randomize_size=UNSET))
    assert unjudgeable(SPY, plain) == unjudgeable(SPY, replace(plain, randomize_size=BLANK)) == ""
