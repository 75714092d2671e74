"""Greeks agree with the prices of the options they are of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from engine.simulator.exchange import Catalogue, greeks, options
from engine.simulator.exchange.calendars import NS_PER_S
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.server.naming import find_contract
from engine.simulator.virtual import START_NS

CATALOGUE = Catalogue.standard(date(2026, 3, 11))
SPOT = Decimal(600)


def option(strike: int, right: str) -> Instrument:
    return find_contract(CATALOGUE, f"OPT SPY 20260417 {strike} {right}")


@pytest.mark.parametrize("strike", [560, 590, 600, 610, 640])
def test_signs_and_bounds_are_those_of_any_option(strike: int) -> None:
    call, put = (greeks.of(option(strike, right), SPOT, START_NS) for right in "CP")
    assert 0 <= call.delta <= 1 and -1 <= put.delta <= 0
    assert abs(call.delta - put.delta - 1) < Decimal("0.001")
    for each in (call, put):
        assert each.gamma >= -Decimal("1E-9") and each.vega > 0 and each.theta < 0


def test_delta_says_what_the_next_dollar_is_worth() -> None:
    call = option(600, "C")
    told = greeks.of(call, SPOT, START_NS)
    gained = options.value(call, SPOT + 1, START_NS) - options.value(call, SPOT, START_NS)
    assert abs(gained - told.delta - told.gamma / 2) < Decimal("0.001")


@pytest.mark.parametrize("volatility", ["0.05", "0.2", "0.9"])
def test_the_implied_volatility_of_a_value_is_the_one_it_came_from(volatility: str) -> None:
    put, wanted = option(590, "P"), Decimal(volatility)
    price = greeks.value_at(put, SPOT, wanted, START_NS)
    found = greeks.implied_volatility(put, price, SPOT, START_NS)
    assert found is not None and abs(found - wanted) < Decimal("0.0001")


def test_a_price_below_the_intrinsic_value_or_beyond_all_volatility_has_none() -> None:
    call = option(560, "C")
    assert greeks.implied_volatility(call, Decimal(39), SPOT, START_NS) is None
    assert greeks.implied_volatility(call, Decimal(10**6), SPOT, START_NS) is None


def test_at_expiry_an_option_moves_with_its_underlying_or_not_at_all() -> None:
    call = option(560, "C")
    assert call.expiry_ns is not None
    for strike, delta in ((560, 1), (640, 0)):
        told = greeks.of(option(strike, "C"), SPOT, call.expiry_ns + NS_PER_S)
        assert (told.delta, told.gamma, told.theta) == (delta, 0, 0)
