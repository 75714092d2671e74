"""The fold of restrictions: the severest kind wins, factors multiply, any match of the scope binds."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.restrictions import (
    UNREADABLE,
    UNRESTRICTED,
    UNWRITABLE,
    Cause,
    Kind,
    Override,
    Restriction,
    Scope,
    effective,
)

PAPER = Scope("paper", "127.0.0.1:7497", ("DU1",))


def restriction(
    kind: Kind, *, number: int = 1, scope: Scope = PAPER, until_ns: int | None = None, factor: str = "1"
) -> Restriction:
    return Restriction(
        id=f"r{number}",
        scope=scope,
        kind=kind,
        cause=Cause.MANUAL,
        since_ns=number,
        until_ns=until_ns,
        actor="test",
        reason="because",
        size_factor=Decimal(factor),
    )


def test_nothing_is_cancelled_unless_it_is_asked_for() -> None:
    assert not restriction(Kind.HALT).cancel


OVERRIDE = Override(restriction=restriction(Kind.HALT), at_ns=1, actor="ann", reason="hedged")


@pytest.mark.parametrize("one", [PAPER, restriction(Kind.HALT), OVERRIDE], ids=lambda one: type(one).__name__)
def test_one_that_says_more_than_is_understood_here_is_not_read_as_less(one: msgspec.Struct) -> None:
    data = msgspec.to_builtins(one)
    assert msgspec.convert(data, type(one)) == one
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert({**data, "binds_also": "the moon"}, type(one))


RESTRICTIONS = st.builds(
    restriction,
    st.sampled_from(Kind),
    number=st.integers(1, 99),
    until_ns=st.none() | st.integers(0, 100),
    factor=st.sampled_from(["1", "0.5", "0.25", "0"]),
)


def test_without_restrictions_everything_is_allowed() -> None:
    assert effective([], PAPER, 0) == UNRESTRICTED
    assert UNRESTRICTED.may_add_risk
    assert UNRESTRICTED.may_reduce


@given(st.lists(RESTRICTIONS, max_size=6), st.integers(0, 100))
def test_the_severest_that_stands_wins_and_the_order_does_not_matter(all_: list[Restriction], now: int) -> None:
    state = effective(all_, PAPER, now)
    standing = [one for one in all_ if one.until_ns is None or now < one.until_ns]
    assert sorted(one.id for one in state.standing) == sorted(one.id for one in standing)
    assert state.kind is max((one.kind for one in standing), key=lambda kind: kind.severity, default=None)
    reverse = effective(list(reversed(all_)), PAPER, now)
    assert (reverse.kind, reverse.size_factor) == (state.kind, state.size_factor)


@given(st.lists(RESTRICTIONS, max_size=6), RESTRICTIONS, st.integers(0, 100))
def test_one_more_restriction_never_allows_more(all_: list[Restriction], more: Restriction, now: int) -> None:
    before, after = effective(all_, PAPER, now), effective([*all_, more], PAPER, now)
    assert after.may_add_risk <= before.may_add_risk
    assert after.may_reduce <= before.may_reduce
    assert after.scaled(Decimal(50)) <= before.scaled(Decimal(50))


def test_what_each_kind_allows() -> None:
    allowed = {kind: effective([restriction(kind)], PAPER, 0) for kind in Kind}
    assert [kind for kind, state in allowed.items() if state.may_add_risk] == [Kind.SIZE_FACTOR]
    assert [kind for kind, state in allowed.items() if not state.may_reduce] == [Kind.SHUTDOWN]


def test_factors_multiply_and_half_of_one_is_none() -> None:
    state = effective([restriction(Kind.SIZE_FACTOR, number=n, factor="0.5") for n in (1, 2)], PAPER, 0)
    assert state.size_factor == Decimal("0.25")
    assert state.scaled(Decimal(10)) == 2
    one_half = effective([restriction(Kind.SIZE_FACTOR, factor="0.5")], PAPER, 0)
    assert one_half.scaled(Decimal(1)) == 0


def test_the_end_is_exclusive_and_a_date_in_the_future_binds_already() -> None:
    ends = restriction(Kind.HALT, until_ns=10)
    assert not effective([ends], PAPER, 9).may_add_risk
    assert effective([ends], PAPER, 10).may_add_risk
    assert not effective([restriction(Kind.HALT, number=50)], PAPER, 3).may_add_risk


def test_one_match_of_name_place_or_account_binds_and_unknown_places_match_nothing() -> None:
    halt = [restriction(Kind.HALT)]
    for scope in (Scope("paper"), Scope("demo", "127.0.0.1:7497"), Scope("demo", "elsewhere", ("DU9", "DU1"))):
        assert not effective(halt, scope, 0).may_add_risk, scope
    assert effective(halt, Scope("demo", "127.0.0.1:7496", ("DU2",)), 0).may_add_risk
    assert effective([restriction(Kind.HALT, scope=Scope("x"))], Scope("y"), 0).may_add_risk


def test_the_ids_by_which_the_records_halt_are_kept_by_other_programs() -> None:
    assert (UNREADABLE, UNWRITABLE) == ("journal-unreadable", "journal-unwritable")
