"""The prices a contract trades at: bands of a market rule, a tick, a guess; and rounding that never hurts a fill."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kill.builders import ES, D, details, option, steps
from engine.core.facts import PriceStep
from engine.core.kill.closes.grid import BANDS_MAX, Grid, price_grid

NICKELS = steps(("0", "0.05"), ("3", "0.10"))


def one_step(step: str) -> Grid:
    return Grid(((D(0), D(step)),))


# which grid -----------------------------------------------------------------------------------------------------------


def test_the_market_rule_beats_the_tick() -> None:
    assert price_grid(details(ES), NICKELS, 0) == Grid(((D(0), D("0.05")), (D(3), D("0.10"))))


def test_without_a_rule_the_brokers_tick_is_the_grid() -> None:
    assert price_grid(details(ES), (), 0) == one_step("0.25")


@pytest.mark.parametrize("tick", [None, D(0), D("-0.01"), D("1E-30"), D("1E+9"), D("NaN")])
def test_without_a_tick_within_reason_a_cent(tick: Decimal | None) -> None:
    assert price_grid(details(ES, min_tick=tick), (), 0) == one_step("0.01")


@pytest.mark.parametrize("tick", [D("1E-9"), D("1E+6")])
def test_the_limits_of_reason_are_within_it(tick: Decimal) -> None:
    assert price_grid(details(ES, min_tick=tick), (), 0).bands == ((D(0), tick),)


def test_without_details_a_cent() -> None:
    assert price_grid(None, (), 0) == one_step("0.01")


@pytest.mark.parametrize(
    "senseless",
    [
        steps(("1", "0.05")),  # nothing is said of the prices below
        steps(("0", "0")),
        steps(("0", "-0.05")),
        steps(("0", "NaN")),
        steps(("0", "0.05"), ("NaN", "0.10")),
        steps(("0", "0.05"), ("0", "0.10")),
        steps(("0", "0.05"), ("5", "0.10"), ("3", "0.25")),
        tuple(PriceStep(D(n), D(1)) for n in range(BANDS_MAX + 1)),
    ],
)
def test_a_rule_that_makes_no_sense_is_none(senseless: tuple[PriceStep, ...]) -> None:
    assert price_grid(details(ES), senseless, 0) == one_step("0.25")


def test_a_rule_may_have_many_bands() -> None:
    assert len(price_grid(None, tuple(PriceStep(D(n), D(1)) for n in range(BANDS_MAX)), 0).bands) == BANDS_MAX


def test_a_refused_price_makes_the_grid_coarser_and_keeps_it_a_multiple_of_the_tick() -> None:
    penny = details(option(), min_tick=D("0.01"))
    coarser = [price_grid(penny, (), n).step_at(D(1)) for n in range(7)]
    assert coarser == [D(x) for x in ("0.01", "0.05", "0.1", "0.25", "1", "1", "1")]
    odd = details(ES, min_tick=D("0.03"))
    assert price_grid(odd, (), 1) == one_step("0.03")  # no coarser grid is a multiple of it


def test_a_refused_price_on_a_rule_that_is_finer_than_the_tick_is_put_on_the_tick_first() -> None:
    """They contradict each other, and it is the rule that was refused."""
    cents = steps(("0", "0.01"), ("3", "0.5"))
    quarter = details(ES, min_tick=D("0.25"))
    grids = [price_grid(quarter, cents, times).bands for times in range(3)]
    assert [[step for _, step in bands] for bands in grids] == [
        [D("0.01"), D("0.5")],
        [D("0.25"), D("0.5")],
        [D(1), D(1)],
    ]
    assert price_grid(None, cents, 1).bands[0][1] == D("0.05")


def test_every_band_of_a_refused_rule_gets_coarser() -> None:
    assert price_grid(None, NICKELS, 1) == Grid(((D(0), D("0.1")), (D(3), D("1"))))


# rounding -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "step"),
    [("0", "0.05"), ("2.99", "0.05"), ("3", "0.10"), ("40", "0.10"), ("-2.99", "0.05"), ("-3", "0.10")],
)
def test_the_step_depends_on_the_price_and_is_mirrored_below_zero(price: str, step: str) -> None:
    assert price_grid(None, NICKELS, 0).step_at(D(price)) == D(step)


@pytest.mark.parametrize(
    ("price", "up", "down"),
    [
        ("2.97", "3.00", "2.95"),
        ("3.04", "3.10", "3.00"),
        ("3.00", "3.00", "3.00"),
        ("0.01", "0.05", "0"),
        ("-2.97", "-2.95", "-3.00"),
        ("-3.04", "-3.00", "-3.10"),
    ],
)
def test_a_buy_goes_up_and_a_sell_goes_down(price: str, up: str, down: str) -> None:
    grid = price_grid(None, NICKELS, 0)
    assert (grid.onward(D(price), up=True), grid.onward(D(price), up=False)) == (D(up), D(down))


def test_a_price_that_rounds_over_an_edge_is_put_on_the_grid_beyond_it() -> None:
    odd = price_grid(None, steps(("0", "0.4"), ("1", "0.3")), 0)
    assert odd.onward(D("0.9"), up=True) == D("1.2")
    assert odd.onward(D("1.1"), up=False) == D("0.8")  # 0.9 is below the edge, and not on the grid there


@given(
    st.decimals(-(10**6), 10**6, places=4),
    st.lists(st.sampled_from(["0.0001", "0.01", "0.05", "0.1", "0.25", "1", "5"]), min_size=1, max_size=5),
    st.lists(st.integers(1, 1000), min_size=4, max_size=4, unique=True),
    st.booleans(),
)
def test_rounding_never_makes_a_price_hard_to_fill(price: Decimal, sizes: list[str], more: list[int], up: bool) -> None:
    edges = [0, *sorted(more)][: len(sizes)]
    grid = price_grid(None, tuple(PriceStep(D(e), D(s)) for e, s in zip(edges, sizes, strict=True)), 0)
    rounded = grid.onward(price, up=up)
    assert rounded >= price if up else rounded <= price
    assert rounded % grid.step_at(rounded) == 0


def test_the_coarser_steps_are_those_that_exchanges_use() -> None:
    finest = details(ES, min_tick=D("0.01"))
    steps_tried = [price_grid(finest, (), times).bands[0][1] for times in range(6)]
    assert steps_tried == [D("0.01"), D("0.05"), D("0.1"), D("0.25"), D(1), D(1)]


@pytest.mark.parametrize(("tick", "step"), [("1E-9", "1E-9"), ("9E-10", "0.01"), ("1E6", "1E6"), ("1000001", "0.01")])
def test_a_step_is_within_reason(tick: str, step: str) -> None:
    assert price_grid(details(ES, min_tick=D(tick)), (), 0).bands == ((0, D(step)),)


def test_a_rule_has_at_most_thirty_two_bands() -> None:
    assert BANDS_MAX == 32


@pytest.mark.parametrize(("times", "step"), [(1, "0.01"), (2, "0.05"), (3, "0.1"), (4, "0.25"), (5, "1"), (9, "1")])
def test_a_grid_of_tenths_of_a_cent_becomes_coarser_step_by_step(times: int, step: str) -> None:
    assert price_grid(details(ES, min_tick=D("0.001")), (), times) == one_step(step)


def test_a_rule_that_agrees_with_the_tick_becomes_coarser_at_the_first_refusal() -> None:
    assert price_grid(details(ES), steps(("0", "0.25")), 1) == one_step("1")
