"""Known and unknown are two types: nothing that is unknown has a value, not even an empty one."""

from __future__ import annotations

import msgspec
import pytest

from engine.core.known import Fact, Known, Unknown


def test_unknown_has_a_reason_and_no_value() -> None:
    nothing: Fact[tuple[int, ...]] = Unknown("the read failed")
    assert not hasattr(nothing, "value") and nothing == Unknown("the read failed")


def test_an_empty_value_that_is_known_is_not_unknown() -> None:
    empty: Fact[tuple[int, ...]] = Known((), 5)
    assert empty != Unknown("") and isinstance(empty, Known) and (empty.value, empty.at_ns) == ((), 5)


def test_the_same_value_at_another_time_is_another_fact() -> None:
    assert Known(1, 5) == Known(1, 5) != Known(1, 6)


@pytest.mark.parametrize("fact", [Known(1, 5), Unknown("why")])
def test_a_fact_does_not_change(fact: Known[int] | Unknown) -> None:
    name = type(fact).__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(fact, name, getattr(fact, name))
    assert msgspec.structs.replace(fact) == fact
