"""Numbers that can be reckoned with, and the prices an order names."""

from __future__ import annotations

import msgspec

from core.preflight.world import CALL, ES, SPY, D, order
from engine.core.preflight.numbers import NUMBER_MAX, number
from engine.core.preflight.prices import may_be_negative, own_price
from engine.core.units import BLANK


def test_the_largest_number_is_one_and_what_is_beyond_it_is_none() -> None:
    assert NUMBER_MAX == 10**15
    assert number(NUMBER_MAX) == NUMBER_MAX
    assert number(-NUMBER_MAX) == -NUMBER_MAX
    assert number(NUMBER_MAX + 1) is None
    assert number(-NUMBER_MAX - 1) is None


def test_only_futures_and_combinations_may_cost_less_than_nothing() -> None:
    assert may_be_negative(order(ES))
    assert may_be_negative(msgspec.structs.replace(order(SPY), sec_type="BAG"))
    assert not may_be_negative(order(SPY))
    assert not may_be_negative(order(CALL))


def test_an_order_without_a_limit_names_its_trigger() -> None:
    both = order(ES, order_type="STP LMT", limit="100", aux="99")
    assert own_price(both) == 100
    assert own_price(msgspec.structs.replace(both, limit=BLANK)) == 99
    assert own_price(msgspec.structs.replace(both, limit=D("NaN"))) == 99
    assert own_price(order(ES)) is None
