"""Money that moves without profit or loss is counted once, whoever speaks of it first."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limit_worlds import NOON, SECOND, D, baseline, books
from engine.core.books import Books, Flow, Jump, net_deposits, unexplained
from engine.core.limit_rules import Basis

LATER = NOON + SECOND
DAY = baseline(Basis.DAY, "100000")


def flow(amount: object, at_ns: int = LATER, *, announced: bool = False, currency: str = "USD") -> Flow:
    return Flow(amount=D(str(amount)), currency=currency, at_ns=at_ns, announced=announced)


def jump(amount: object, at_ns: int = LATER, currency: str = "USD") -> Jump:
    return Jump(amount=D(str(amount)), currency=currency, at_ns=at_ns)


def test_money_counts_from_the_moment_it_shows() -> None:
    told = books().with_flow(flow(500, LATER)).with_flow(flow(-200, LATER + 1)).with_flow(flow(70, NOON))
    assert net_deposits(told, DAY, LATER) == 500
    assert net_deposits(told, DAY, LATER - 1) == 0
    assert net_deposits(told, DAY, LATER + 1) == 300
    assert net_deposits(told, baseline(Basis.DAY, "1", at_ns=LATER), LATER + 1) == -200


def test_a_jump_that_is_told_of_afterwards_counts_from_when_it_was_seen() -> None:
    seen = books().with_jump(jump(10_000))
    assert unexplained(seen, DAY) == (10_000, 0)
    told = seen.with_flow(flow(10_000, LATER + 60 * SECOND))
    assert (told.jumps, told.flows) == ((), (flow(10_000),))
    assert unexplained(told, DAY) == (0, 0)
    assert net_deposits(told, DAY, LATER) == 10_000


def test_money_that_was_announced_counts_when_it_is_seen() -> None:
    told = books().with_flow(flow(10_000, NOON, announced=True))
    assert net_deposits(told, DAY, LATER + SECOND) == 0
    seen = told.with_jump(jump(9_990))
    assert (seen.jumps, seen.flows) == ((), (flow(10_000),))
    assert net_deposits(seen, DAY, LATER) == 10_000


@pytest.mark.parametrize(
    ("told", "seen", "same"),
    [
        ("10000", "10000", True),
        ("10000", "7500", True),
        ("10000", "7499.99", False),
        ("7500", "10000", True),
        ("7499.99", "10000", False),
        ("-10000", "-7500", True),
        ("-10000", "10000", False),
        ("1", "-1", False),
    ],
)
def test_told_and_seen_are_the_same_up_to_a_quarter(told: str, seen: str, same: bool) -> None:
    after = books().with_jump(jump(seen)).with_flow(flow(told))
    assert (after.jumps == ()) is same
    before = books().with_flow(flow(told, announced=True)).with_jump(jump(seen))
    assert (before.jumps == ()) is same
    assert any(each.announced for each in before.flows) is not same


def test_other_currencies_are_other_money() -> None:
    assert books().with_jump(jump(10_000)).with_flow(flow(10_000, currency="EUR")).jumps != ()


def test_an_amount_in_another_currency_is_no_deposit_in_this_one() -> None:
    """A million yen that came in, counted as a million dollars, is a loss that fires the circuit breaker."""
    yen = books().with_flow(flow(1_000_000, currency="JPY"))
    assert net_deposits(yen, DAY, LATER) == 0
    assert net_deposits(yen.with_flow(flow(500)), DAY, LATER) == 500


def test_each_jump_is_explained_once_and_each_flow_explains_once() -> None:
    twice = books().with_jump(jump(10_000)).with_jump(jump(10_000, LATER + 1))
    once = twice.with_flow(flow(10_000))
    assert once.jumps == (jump(10_000, LATER + 1),)
    assert once.with_flow(flow(10_000)).jumps == ()
    announced = books().with_flow(flow(10_000, announced=True)).with_flow(flow(10_000, announced=True))
    seen = announced.with_jump(jump(10_000))
    assert [each.announced for each in seen.flows] == [False, True]


def test_money_that_shows_already_does_not_explain_a_later_jump() -> None:
    assert books().with_flow(flow(10_000)).with_jump(jump(10_000, LATER + 1)).jumps != ()


def test_a_jump_that_was_profit_or_loss_after_all_is_not_money() -> None:
    two = books().with_jump(jump(-5_000)).with_jump(jump(300, LATER + 1))
    assert two.with_jump_settled(LATER).jumps == (jump(300, LATER + 1),)
    assert two.with_jump_settled(LATER + 9) == two


def test_jumps_up_and_down_are_kept_apart_and_only_those_after_the_baseline() -> None:
    two = books().with_jump(jump(-5_000)).with_jump(jump(300)).with_jump(jump(900, NOON))
    assert unexplained(two, DAY) == (300, -5_000)
    assert unexplained(books().with_jump(jump("0.75")).with_jump(jump("-0.25")), DAY) == (D("0.75"), D("-0.25"))


def test_whether_money_shows_depends_on_whether_anybody_watched() -> None:
    watched = {"watched_since_ns": NOON, "jump_min": D(500)}
    assert books().understood(flow(10_000), **watched) == flow(10_000, announced=True)
    assert books().understood(flow(-500, NOON), **watched) == flow(-500, NOON, announced=True)
    assert books().understood(flow("-499.99"), **watched) == flow("-499.99")  # too small to be seen
    assert books().understood(flow(10_000, NOON - 1), **watched) == flow(10_000, NOON - 1)
    assert books().understood(flow(10_000), watched_since_ns=None, jump_min=D(500)) == flow(10_000)
    assert books().with_jump(jump(9_000)).understood(flow(10_000), **watched) == flow(10_000)


def test_a_new_baseline_replaces_the_one_of_its_basis_and_forgets_older_money() -> None:
    before = books().with_flow(flow(1, NOON)).with_flow(flow(2, NOON, announced=True)).with_flow(flow(3))
    new = baseline(Basis.DAY, "90000", at_ns=LATER)
    after = before.with_baseline(new)
    assert after.baseline(Basis.DAY) == new
    assert len(after.baselines) == 4
    assert [int(each.amount) for each in after.flows] == [2, 3]
    for basis in Basis:
        after = after.with_baseline(baseline(basis, "90000", at_ns=LATER))
    assert [int(each.amount) for each in after.flows] == [2]


def test_a_higher_peak_of_the_same_arming_was_acted_on_already() -> None:
    acted = books().with_acted(Basis.PEAK, "arming-1")
    higher = msgspec.structs.replace(baseline(Basis.PEAK, "120000"), id="arming-1")
    peak = acted.with_baseline(higher).baseline(Basis.PEAK)
    assert peak is not None
    assert (peak.equity, peak.acted) == (120_000, True)
    fresh = acted.with_baseline(msgspec.structs.replace(higher, id="arming-2")).baseline(Basis.PEAK)
    assert fresh is not None
    assert not fresh.acted


def test_acting_on_one_limit_leaves_the_others_and_other_periods() -> None:
    day = baseline(Basis.DAY, "1")
    acted = books().with_acted(Basis.DAY, day.id)
    assert [one.basis for one in acted.baselines if one.acted] == [Basis.DAY]
    assert books().with_acted(Basis.DAY, "another day") == books()


def test_arming_forgets_the_peak_and_nothing_else() -> None:
    armed = books().armed("arming-2")
    assert armed.arming == "arming-2"
    assert [one.basis for one in armed.baselines] == [Basis.DAY, Basis.WEEK, Basis.MONTH]


def test_counting_anew_forgets_baselines_and_money_but_not_the_arming() -> None:
    full = books().with_flow(flow(5)).with_jump(jump(90))
    assert full.rebased() == Books(arming="arming-1")


RECORDS = st.lists(
    st.one_of(
        st.builds(flow, st.integers(-9000, 9000).filter(bool), st.just(LATER), announced=st.booleans()),
        st.builds(jump, st.integers(-9000, 9000).filter(bool)),
    ),
    max_size=8,
)


@given(RECORDS)
def test_the_same_records_give_the_same_books_after_a_restart(records: list[Flow | Jump]) -> None:
    once, again = books(), books()
    for record in records:
        once = once.with_flow(record) if isinstance(record, Flow) else once.with_jump(record)
    for record in records:
        stored = msgspec.json.decode(msgspec.json.encode(again), type=Books)
        again = stored.with_flow(record) if isinstance(record, Flow) else stored.with_jump(record)
    assert again == once
    flows = sum(isinstance(record, Flow) for record in records)
    assert len(once.flows) == flows
    assert len(once.jumps) <= len(records) - flows
