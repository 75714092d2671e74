"""A list that a person reads on a phone: never long, and never silent about what it leaves out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.trading.shortly import AT_MOST, shortly


def test_the_first_few_are_named_and_the_rest_is_counted() -> None:
    assert shortly([]) == ""
    assert shortly(["a"]) == "a"
    assert shortly(["a", "b", "c", "d"]) == "a; b; c; d"
    assert shortly(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"
    assert shortly(["a", "b", "c"], between=", ", at_most=1) == "a, and 2 more"


@given(st.lists(st.text("ab", min_size=1, max_size=60), max_size=300))
def test_everything_is_named_or_counted(things: list[str]) -> None:
    parts = shortly(things).split("; ")
    if len(things) <= AT_MOST + 1:
        assert parts == (things or [""])
    else:
        *named, rest = parts
        assert named == things[:AT_MOST] and rest == f"and {len(things) - len(named)} more"
