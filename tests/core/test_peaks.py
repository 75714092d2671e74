"""A peak is exact in the program that saw it and in steps in the records; a restart lowers it by less than a step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.limit_worlds import NOON, SECOND, D, baseline, books
from engine.core.books import Baseline, Books, Flow
from engine.core.limit_rules import Basis
from engine.core.peaks import EVERY_NS, Peak, to_record

LATER = NOON + SECOND


def peak(equity: str, at_ns: int = LATER, **changes: str) -> Baseline:
    return replace(baseline(Basis.PEAK, equity, at_ns=at_ns), **changes)


def test_a_rise_below_a_step_is_not_written_and_one_of_a_step_is() -> None:
    assert not to_record(peak("100099.99"), books())
    assert to_record(peak("100100"), books())


def test_what_is_not_a_peak_or_the_first_of_its_kind_is_always_written() -> None:
    assert to_record(baseline(Basis.DAY, "100000.01"), books())
    assert to_record(peak("1"), Books())
    assert to_record(peak("100000.01", id="arming-2"), books())
    assert to_record(peak("100000.01", currency="EUR"), books())


def test_a_small_rise_is_written_when_the_record_has_grown_old_or_is_of_the_future() -> None:
    assert not to_record(peak("100000.01", NOON + EVERY_NS - 1), books())
    assert to_record(peak("100000.01", NOON + EVERY_NS), books())
    assert to_record(peak("100000.01", NOON - 1), books())


def test_a_deposit_is_no_rise() -> None:
    paid_in = books().with_flow(Flow(amount=D(50_000), currency="USD", at_ns=NOON + 1))
    assert not to_record(peak("150100"), paid_in)
    assert to_record(peak("150150"), paid_in)


def test_the_exact_peak_holds_as_long_as_nobody_has_written_another() -> None:
    known = Peak()
    assert known.put_into(books(), 7) == books(), "nothing has been judged yet"
    known.judged(books(peak="100050"), 7)
    carried = known.put_into(books().with_acted(Basis.PEAK, "arming-1"), 7).baseline(Basis.PEAK)
    assert carried is not None
    assert (carried.equity, carried.acted) == (D(100_050), True)
    assert known.put_into(books(), 8) == books(), "somebody has: it may have been a person who counts anew"
    assert known.put_into(Books(arming="arming-1"), 7) == Books(arming="arming-1"), "there is none any more"
    other = books().armed("arming-2").with_baseline(peak("90000", id="arming-2"))
    assert known.put_into(other, 7) == other


@given(st.lists(st.decimals("0.01", "2000000", places=2), min_size=1, max_size=30))
def test_the_records_are_never_a_step_below_the_exact_peak(equities: list[D]) -> None:
    recorded, exact = Books(arming="arming-1"), D(0)
    for number, equity in enumerate(equities):
        if equity <= exact:
            continue
        exact = equity
        new = peak(str(equity), NOON + number)
        if to_record(new, recorded):
            recorded = recorded.with_baseline(new)
        kept = recorded.baseline(Basis.PEAK)
        assert kept is not None
        assert kept.equity <= exact < kept.equity * D("1.001") or kept.equity == exact
