from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import ComboLeg, Contract, DeltaNeutral
from engine.core.units import BLANK


def test_what_is_not_said_of_a_contract_is_empty() -> None:
    silent = Contract()
    assert all(getattr(silent, name) in (0, "", False, (), None) for name in Contract.__struct_fields__)
    assert silent.strike == Decimal(0) and silent.delta_neutral is None


def test_a_leg_of_which_nothing_is_said_carries_the_words_of_the_wire_for_nothing() -> None:
    silent = ComboLeg()
    assert silent.exempt_code == -1
    assert all(getattr(silent, name) in (0, "") for name in ComboLeg.__struct_fields__ if name != "exempt_code")


def test_a_hedge_without_numbers_has_none_and_not_zero() -> None:
    assert DeltaNeutral() == DeltaNeutral(con_id=0, delta=BLANK, price=BLANK)
