"""An order reduces when no fills can bring the position through zero or away from it because of it."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import msgspec
import pytest

from engine.core.exposure import Exposure, OrderKey, Resting, Side, counted
from engine.core.reduce_only import Change, plain_change, risk_adding, risk_adding_anywhere

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def resting(order_id: int, side: Side, remaining: int, order_type: str = "LMT", **more: object) -> Resting:
    plain = Resting(
        key=(1, order_id), account="DU1", con_id=1, side=side, remaining=D(remaining), order_type=order_type
    )
    return msgspec.structs.replace(plain, **more)


def change(position: int, others: list[Resting], order: Resting, replaces: OrderKey | None = None) -> Change:
    def exposure(orders: list[Resting]) -> Exposure:
        return Exposure(D(position), *counted(orders))

    rest = [one for one in others if one.key != replaces]
    parents = [one.remaining for one in rest if one.key == order.parent and one.side is not order.side]
    return Change(
        side=order.side,
        quantity=order.remaining,
        before=exposure(others),
        rest=exposure(rest),
        after=exposure([*rest, order]),
        attached=sum(parents, D(0)),
    )


def test_a_plain_order_reduces_exactly_when_its_side_cannot_cross_zero() -> None:
    for position, buys, sells, quantity, side in product(range(-3, 4), range(4), range(4), (1, 2, 4), Side):
        made = plain_change(side, D(quantity), Exposure(D(position), D(buys), D(sells)))
        end = position + (buys + quantity if side is BUY else -sells - quantity)
        safe = 0 <= end <= position or position <= end <= 0
        assert made.reduces == safe, (position, buys, sells, quantity, side)


def test_the_largest_that_reduces_does_and_one_more_does_not() -> None:
    for position, buys, sells, side in product(range(-3, 4), range(4), range(4), Side):
        exposure = Exposure(D(position), D(buys), D(sells))
        largest = plain_change(side, D(9), exposure).largest_reducing
        assert plain_change(side, largest + 1, exposure).reduces is False
        assert largest == 0 or plain_change(side, largest, exposure).reduces
        assert largest == exposure.room(side)


def test_the_largest_that_reaches_no_further_keeps_that_and_one_more_does_not() -> None:
    for position, buys, sells, side, most in product(range(-3, 4), range(4), range(4), Side, range(0, 9, 2)):
        exposure = Exposure(D(position), D(buys), D(sells))
        largest = plain_change(side, D(20), exposure).largest_reaching(D(most))
        within, beyond = (plain_change(side, largest + more, exposure).after.reach(side) for more in (0, 1))
        assert within <= max(most, exposure.reach(side)) < beyond


def test_an_order_that_stays_within_the_worst_case_does_not_raise_it() -> None:
    assert not plain_change(SELL, D(5), Exposure(D(5))).raises_worst
    assert plain_change(SELL, D(11), Exposure(D(5))).raises_worst


def test_a_protective_order_can_be_modified_although_its_sibling_works_too() -> None:
    exits = [resting(1, SELL, 2), resting(2, SELL, 2)]  # the position's stop and target
    assert change(2, exits, resting(2, SELL, 2), replaces=(1, 2)).reduces
    larger = change(2, exits, resting(2, SELL, 3), replaces=(1, 2))
    assert (larger.reduces, larger.largest_reducing) == (False, 2)
    assert not change(2, exits, resting(3, SELL, 2)).reduces


def test_a_waiting_entry_cannot_be_modified_however_small() -> None:
    entry = [resting(1, BUY, 5)]
    for quantity in (1, 5):
        assert not change(0, entry, resting(1, BUY, quantity), replaces=(1, 1)).reduces
        assert not change(3, entry, resting(1, BUY, quantity), replaces=(1, 1)).reduces


def test_an_exit_may_join_a_group_that_cancels_and_an_entry_may_not() -> None:
    group = {"oca_group": "g", "oca_type": 1}
    assert change(2, [resting(1, SELL, 2, **group)], resting(2, SELL, 2, **group)).reduces
    assert not change(0, [resting(1, BUY, 2, **group)], resting(2, BUY, 2, **group)).reduces
    too_large = change(3, [resting(1, SELL, 2, **group), resting(3, SELL, 1)], resting(2, SELL, 4, **group))
    assert (too_large.reduces, too_large.largest_reducing) == (False, 2)
    assert change(3, [resting(1, SELL, 2, **group), resting(3, SELL, 1)], resting(2, SELL, 2, **group)).reduces


def test_the_exits_of_a_bracket_reduce_what_their_parent_opens() -> None:
    parent = [resting(1, BUY, 2)]
    stop = resting(2, SELL, 2, parent=(1, 1))
    assert change(0, parent, stop).reduces
    assert change(0, [*parent, stop], resting(3, SELL, 2, parent=(1, 1))).reduces
    larger = change(0, parent, resting(2, SELL, 3, parent=(1, 1)))
    assert (larger.reduces, larger.largest_reducing) == (False, 2)
    assert not change(0, parent, resting(2, SELL, 2)).reduces  # not attached: it may fill first
    assert not change(0, parent, resting(2, BUY, 2, parent=(1, 1))).reduces  # attached, and opens more


def test_a_change_says_what_is_held_on_its_side_and_whether_it_goes_against_it() -> None:
    long, short, flat = (Exposure(D(n)) for n in (3, -3, 0))
    assert (plain_change(SELL, D(1), long).held, plain_change(BUY, D(1), long).held) == (3, 0)
    assert (plain_change(SELL, D(1), short).held, plain_change(BUY, D(1), short).held) == (0, 3)
    assert plain_change(SELL, D(9), long).against
    assert plain_change(SELL, D(9), Exposure(D(1))).against
    assert not plain_change(BUY, D(1), long).against
    assert not plain_change(BUY, D(1), flat).against


@pytest.mark.parametrize(
    ("position", "orders", "cancelled"),
    [
        (2, [resting(1, BUY, 1), resting(2, SELL, 2, "STP")], [1]),
        (-2, [resting(1, SELL, 1), resting(2, BUY, 2, "TRAIL")], [1]),
        (0, [resting(1, BUY, 1), resting(2, SELL, 1, "STP")], [2, 1]),
        (0, [resting(1, SELL, 0)], [1]),
        (1, [resting(1, BUY, 1), resting(2, SELL, 1, "STP")], [1]),
        (2, [resting(1, SELL, 2), resting(2, SELL, 2, "STP LMT")], [1]),  # the stop is kept
        (2, [resting(1, SELL, 2, parent=(1, 9)), resting(2, SELL, 2, "STP", parent=(1, 9))], []),
        (2, [resting(1, SELL, 2, oca_group="g"), resting(2, SELL, 2, "STP", oca_group="g")], []),
        (3, [resting(1, SELL, 4, oca_group="g"), resting(2, SELL, 2, "STP", oca_group="g")], [1]),
        (3, [resting(1, SELL, 3, oca_group="g"), resting(2, SELL, 2, "STP", oca_group="g"), resting(3, SELL, 1)], [3]),
        (3, [resting(1, SELL, 1), resting(2, SELL, 3), resting(3, SELL, 2)], [2]),
        (None, [resting(1, SELL, 1), resting(2, SELL, 3, "TRAIL LIMIT"), resting(3, BUY, 2, "MKT")], [1, 3]),
    ],
)
def test_a_halt_cancels_what_could_add_risk_and_leaves_what_protects(
    position: int | None, orders: list[Resting], cancelled: list[int]
) -> None:
    found = risk_adding(orders, None if position is None else D(position))
    assert found == tuple((1, order_id) for order_id in cancelled)


def test_what_is_left_after_such_a_halt_can_only_reduce() -> None:
    for position, first, second, third in product((-3, -1, 0, 2, 3), (1, 2, 3), (1, 2), (2, 3)):
        orders = [resting(1, SELL, first), resting(2, BUY, second, "STP"), resting(3, SELL, third, "STP")]
        gone = risk_adding(orders, D(position))
        buys, sells = counted([order for order in orders if order.key not in gone])
        assert (buys, sells) == (0, 0) if position == 0 else max(buys, sells) <= abs(position)
        assert (sells if position < 0 else buys) == 0


def test_what_adds_risk_is_found_in_every_place_and_a_place_without_a_position_is_flat() -> None:
    stop = Resting(key=(1, 1), account="A", con_id=1, side=Side.SELL, remaining=D(3), order_type="STP")
    entry = Resting(key=(1, 2), account="A", con_id=1, side=Side.BUY, remaining=D(1), order_type="LMT")
    flat = Resting(key=(1, 3), account="A", con_id=2, side=Side.SELL, remaining=D(1), order_type="STP")
    assert risk_adding_anywhere([stop, entry, flat], {("A", 1): D(3)}) == ((1, 2), (1, 3))


def test_an_order_in_several_contracts_goes_if_it_adds_risk_in_one_of_them() -> None:
    legs = [
        Resting(key=(1, 1), account="A", con_id=con_id, side=Side.SELL, remaining=D(1), order_type="LMT")
        for con_id in (1, 2)
    ]
    assert risk_adding_anywhere(legs, {("A", 1): D(1), ("A", 2): D(1)}) == ()
    assert risk_adding_anywhere(legs, {("A", 1): D(1)}) == ((1, 1),)


def test_while_positions_are_not_known_every_stop_is_kept_and_nothing_else() -> None:
    stop = Resting(key=(1, 1), account="A", con_id=1, side=Side.SELL, remaining=D(3), order_type="STP LMT")
    exit_ = Resting(key=(1, 2), account="A", con_id=1, side=Side.SELL, remaining=D(1), order_type="LMT")
    assert risk_adding_anywhere([stop, exit_], None) == ((1, 2),)
