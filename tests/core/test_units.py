from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.units import BLANK, UNSET, ZERO, known


def test_zero_is_a_number() -> None:
    assert known(Decimal(0)) == ZERO == 0


@pytest.mark.parametrize("absent", [BLANK, UNSET, None, Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")])
def test_what_is_absent_or_not_finite_is_not_a_number(absent: Decimal | None) -> None:
    assert known(absent) is None


def test_blank_and_unset_are_two_things() -> None:
    assert BLANK is not UNSET


@pytest.mark.parametrize("absent", [BLANK, UNSET])
def test_arithmetic_on_an_absent_number_raises(absent: object) -> None:
    with pytest.raises(TypeError):
        absent + Decimal(1)  # type: ignore[operator]
