"""An order is never made to look smaller than it is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.units import BLANK, Number
from engine.trading.order_intent import intent_of
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
