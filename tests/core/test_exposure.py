"""What counts as the worst case: every live order in full, save where the broker itself lets only one of them fill."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import msgspec

from engine.core.exposure import Exposure, OrderKey, Resting, Side, counted

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def resting(
    order_id: int, side: Side, remaining: int, *, parent: OrderKey | None = None, group: str = "", oca_type: int = 0
) -> Resting:
    return Resting(
        key=(1, order_id),
        account="DU1",
        con_id=1,
        side=side,
        remaining=D(remaining),
        parent=parent,
        oca_group=group,
        oca_type=oca_type,
    )


def test_orders_of_each_side_add_up() -> None:
    assert counted([resting(1, BUY, 2), resting(2, BUY, 3), resting(3, SELL, 4)]) == (5, 4)


def test_exits_attached_to_a_waiting_parent_do_not_count_beyond_it() -> None:
    bracket = [resting(1, BUY, 2), resting(2, SELL, 2, parent=(1, 1)), resting(3, SELL, 2, parent=(1, 1))]
    assert counted(bracket) == (2, 0)


def test_of_the_exits_of_a_partly_filled_parent_the_larger_counts_with_what_it_has_beyond_the_rest() -> None:
    bracket = [resting(1, BUY, 2), resting(2, SELL, 5, parent=(1, 1)), resting(3, SELL, 6, parent=(1, 1))]
    assert counted(bracket) == (2, 4)


def test_of_each_group_that_exits_name_the_largest_counts_and_the_parent_once() -> None:
    exits = [resting(n, SELL, n, parent=(1, 1), group=name) for n, name in ((2, "a"), (3, "a"), (4, "b"), (5, ""))]
    assert counted([resting(1, BUY, 2), *exits]) == (2, 10)  # 3 and 4 and 5, beyond 2
    by_tws = [msgspec.structs.replace(one, grouped_by_tws=True) for one in exits[:2]]
    assert counted([resting(1, BUY, 2), *by_tws, exits[3]]) == (2, 3)


def test_orders_whose_parents_lead_back_to_themselves_count_in_full() -> None:
    assert counted([resting(1, BUY, 9, parent=(1, 2)), resting(2, SELL, 9, parent=(1, 1))]) == (9, 9)
    circle = [resting(n, BUY if n % 2 else SELL, 9, parent=(1, n % 4 + 1)) for n in (1, 2, 3, 4)]
    assert counted(circle) == (18, 18)
    hanger_on = resting(5, SELL, 9, parent=(1, 1))
    assert counted([*circle, hanger_on]) == (18, 27), "what hangs on a circle is attached to nothing that opens"
    chain = [resting(1, BUY, 9), *(resting(n, BUY if n % 2 else SELL, 9, parent=(1, n - 1)) for n in (2, 3, 4))]
    assert counted(chain) == (9, 0), "a chain has a beginning"


def test_exits_whose_parent_is_gone_or_elsewhere_count_in_full() -> None:
    assert counted([resting(2, SELL, 2, parent=(1, 1)), resting(3, SELL, 2, parent=(1, 1))]) == (0, 4)


def test_an_attached_order_on_the_side_of_its_parent_counts_in_full() -> None:
    assert counted([resting(1, BUY, 2), resting(2, BUY, 2, parent=(1, 1))]) == (4, 0)


def test_of_a_group_that_cancels_with_block_the_largest_counts_on_each_side() -> None:
    for oca_type in (1, 2):
        group = [resting(n, BUY, n, group="g", oca_type=oca_type) for n in (1, 3, 2)]
        group += [resting(9, SELL, 4, group="g", oca_type=oca_type), resting(8, BUY, 5, group="h", oca_type=oca_type)]
        assert counted(group) == (8, 4)


def test_what_a_modify_has_bound_anew_counts_in_full() -> None:
    sells = [msgspec.structs.replace(resting(n, SELL, 2, group="g", oca_type=1), rebound=n == 2) for n in (1, 2, 3)]
    assert counted(sells) == (0, 4)
    exit_of_1 = msgspec.structs.replace(resting(2, SELL, 2, parent=(1, 1)), rebound=True)
    assert counted([resting(1, BUY, 2), exit_of_1]) == (2, 2)


def test_of_any_other_group_every_order_counts() -> None:
    for oca_type in (0, 3):
        assert counted([resting(n, BUY, n, group="g", oca_type=oca_type) for n in (1, 3)]) == (4, 0)
    assert counted([resting(n, BUY, n, group="", oca_type=1) for n in (1, 3)]) == (4, 0)


def test_the_worst_case_is_the_largest_position_that_any_fills_can_bring() -> None:
    for position, buys, sells in product(range(-3, 4), range(4), range(4)):
        ends = [position + bought - sold for bought in range(buys + 1) for sold in range(sells + 1)]
        assert Exposure(D(position), D(buys), D(sells)).worst == max(map(abs, ends))


def test_the_room_is_what_can_be_sent_without_crossing_zero() -> None:
    for position, buys, sells in product(range(-3, 4), range(4), range(4)):
        exposure = Exposure(D(position), D(buys), D(sells))
        assert exposure.room(SELL) == max(position - sells, 0)
        assert exposure.room(BUY) == max(-position - buys, 0)
        assert exposure.with_order(BUY, D(2)) == Exposure(D(position), D(buys + 2), D(sells))
        assert exposure.with_order(SELL, D(2)) == Exposure(D(position), D(buys), D(sells + 2))


def test_each_side_knows_the_other() -> None:
    assert (BUY.other, SELL.other) == (SELL, BUY)
