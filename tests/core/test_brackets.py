"""What belongs together at the broker is judged together: exits of what opens reduce, and what TWS holds stays held."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.core.book import Book, PositionHeard
from engine.core.exposure import Resting, Side
from engine.core.known import Known
from engine.core.preflight.checks_state import RELEASES, check_state
from engine.core.preflight.facts import Facts, Touched
from engine.core.preflight.intent import Intent, Special
from engine.core.preflight.settings import DEFAULTS
from engine.core.preflight.verdict import Code
from engine.core.products import Product
from engine.core.reduce_only import Change
from engine.core.restrictions import Cause, Kind, Restriction, Scope, effective

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def resting(
    order_id: int, side: Side, remaining: int, *, parent: int = 0, held: bool = False, con_id: int = 1
) -> Resting:
    return Resting(
        key=(1, order_id),
        account="DU1",
        con_id=con_id,
        side=side,
        remaining=D(remaining),
        parent=(1, parent) if parent else None,
        untransmitted=held,
    )


def book(position: int, *orders: Resting) -> Book:
    made = Book()
    made.read_positions([PositionHeard("DU1", 1, D(position))], made.mark(), 1)
    made.read_orders([], made.mark(), 1)
    made.sent(*orders)
    return made


def test_an_order_that_a_modify_asks_to_join_a_group_counts_in_full_until_a_list_shows_that_it_has() -> None:
    first, second = (grouped(resting(n, SELL, 5), "g") for n in (1, 2))
    made = book(5, resting(1, SELL, 5))
    assert made.change(first, (1, 1)).reduces
    made.sent(first)
    assert not made.change(second, None).reduces, "TWS may have refused the change of the first"
    made.sent(msgspec.structs.replace(first, remaining=D(4)))
    assert not made.change(second, None).reduces, "nor does asking again tell"
    made.read_orders([first], made.mark(), 2)
    assert made.change(second, None).reduces


def test_an_order_that_a_modify_asks_to_be_attached_counts_in_full_until_a_list_shows_that_it_is() -> None:
    made = book(0, resting(1, SELL, 5), resting(2, BUY, 5))
    made.sent(resting(1, SELL, 5, parent=2))
    assert made.spot(("DU1", 1)).exposure.sells == 5
    made.sent(resting(3, SELL, 5, parent=2))
    assert made.spot(("DU1", 1)).exposure.sells == 5


def grouped(order: Resting, name: str) -> Resting:
    return msgspec.structs.replace(order, oca_group=name, oca_type=1)


def test_an_order_that_only_moves_its_price_is_bound_as_before() -> None:
    exits = [grouped(resting(n, SELL, 5, parent=1), "7") for n in (2, 3)]
    made = book(0, resting(1, BUY, 5), *exits)
    for modify in exits:
        made.sent(modify)
        assert made.spot(("DU1", 1)).exposure.sells == 0


def test_exits_that_name_no_group_are_one_whatever_tws_calls_it_and_whether_or_not_a_modify_repeats_that() -> None:
    first, second = (resting(n, SELL, 5, parent=1) for n in (2, 3))
    made = book(0, resting(1, BUY, 5), first)
    for event in (
        *(lambda: made.working(grouped(first, "7")), lambda: made.sent(second), lambda: made.sent(grouped(first, "7"))),
        *(lambda: made.sent(first), lambda: made.working(grouped(second, "7")), lambda: made.working(first)),
        *(lambda: made.sent(second), lambda: made.working(grouped(second, "7"))),
    ):
        event()
        assert made.spot(("DU1", 1)).exposure.sells == 0


def test_an_exit_that_names_another_group_than_its_siblings_counts_beside_them() -> None:
    parent, first, second = resting(1, BUY, 5), *(resting(n, SELL, 5, parent=1) for n in (2, 3))
    made = book(0, parent, grouped(first, "a"))
    assert made.change(grouped(second, "a"), None).reduces
    for other in (grouped(second, "b"), second):
        found = made.change(other, None)
        assert found.after.sells == 5 and not found.reduces and found.attached == 5
    alone = book(0, grouped(first, "a"))
    alone.working(grouped(first, "a"))
    assert not alone.order((1, 2))[0].grouped_by_tws


def test_orders_that_are_each_others_exits_are_nobodys() -> None:
    made = book(0, resting(1, BUY, 5, parent=2), resting(2, SELL, 5, parent=1))
    assert made.spot(("DU1", 1)).exposure.worst == 5
    assert (made.spot(("DU1", 1)).exposure.buys, made.spot(("DU1", 1)).exposure.sells) == (5, 5)


def test_a_held_order_is_of_the_bracket_that_it_was_in_whatever_a_modify_asked_for() -> None:
    parent, child = resting(1, BUY, 5, held=True), resting(2, SELL, 5, parent=1, held=True)
    made = book(5, parent, child)
    assert made.change(resting(2, SELL, 5), (1, 2)).releases, "the child, as if it had no parent"
    made.sent(resting(2, SELL, 5, held=True))
    assert made.change(resting(2, SELL, 5), (1, 2)).releases, "and again"
    made.sent(resting(2, SELL, 5, parent=9, held=True))
    assert made.change(resting(3, SELL, 1, parent=9), None).releases, "or of the new one"
    made = book(5, resting(1, SELL, 5, held=True), resting(2, BUY, 5, parent=1, held=True))
    made.sent(resting(2, BUY, 5, held=True))
    assert made.change(resting(1, SELL, 5), (1, 1)).releases, "the parent takes its child along all the same"


@pytest.mark.parametrize(
    ("position", "parent", "child", "attached"),
    [
        (0, resting(1, SELL, 5), BUY, 5),
        (3, resting(1, SELL, 5), BUY, 2),  # three of the five close
        (5, resting(1, SELL, 5), BUY, 0),
        (9, resting(1, SELL, 5), BUY, 0),
        (-3, resting(1, SELL, 5), BUY, 5),
        (-2, resting(1, BUY, 5), SELL, 3),
        (0, resting(1, BUY, 5), BUY, 0),  # it adds to its parent
        (0, resting(2, SELL, 5), BUY, 0),  # its parent is not known
        (0, resting(1, SELL, 5, con_id=2), BUY, 0),  # nor does another contract's open anything here
    ],
)
def test_an_exit_may_be_as_large_as_what_its_parent_opens_beyond_what_it_closes(
    position: int, parent: Resting, child: Side, attached: int
) -> None:
    found = book(position, parent).change(resting(9, child, 5, parent=1), None)
    assert found.attached == attached


def test_what_follows_a_close_would_open_again_and_does_not_reduce() -> None:
    closing = book(5, resting(1, SELL, 5))
    assert not closing.change(resting(2, BUY, 5, parent=1), None).reduces
    opening = book(0, resting(1, SELL, 5))
    assert opening.change(resting(2, BUY, 5, parent=1), None).reduces


def test_an_exit_that_has_its_held_parent_transmitted_does_not_reduce_however_small() -> None:
    held = book(5, resting(1, BUY, 5, held=True))
    found = held.change(resting(2, SELL, 1, parent=1), None)
    assert found.releases and not found.reduces and found.largest_reducing == 0
    again = held.change(resting(2, SELL, 1, parent=1, held=True), None)
    assert not again.releases and again.reduces, "it is held as well"


def test_a_held_order_is_transmitted_by_any_of_its_bracket() -> None:
    held = book(5, resting(1, BUY, 5, held=True), resting(2, SELL, 5, parent=1, held=True))
    assert held.change(resting(3, SELL, 1, parent=1), None).releases, "by another exit"
    assert held.change(resting(3, SELL, 1, parent=2), None).releases, "by the child of a child"
    assert held.change(resting(2, SELL, 5, parent=1), (1, 2)).releases, "by an exit that was held itself"
    assert not held.change(resting(3, SELL, 1, parent=9), None).releases, "not by another bracket"
    assert not held.change(resting(3, SELL, 1), None).releases


def test_a_held_order_of_another_contract_counts_as_well() -> None:
    held = book(5, resting(1, BUY, 5, held=True, con_id=2))
    assert held.change(resting(2, SELL, 1, parent=1), None).releases


def test_what_can_only_reduce_may_be_transmitted() -> None:
    parent = book(5, resting(1, SELL, 5, held=True))
    assert not parent.change(resting(2, SELL, 5), None).releases
    assert not parent.change(resting(1, SELL, 5), (1, 1)).releases, "it is judged itself"
    assert not parent.change(resting(2, BUY, 5, parent=1), None).releases, "its parent closes"
    exits = book(0, resting(1, BUY, 5), resting(2, SELL, 5, parent=1, held=True))
    assert not exits.change(resting(3, SELL, 5, parent=1), None).releases, "the parent works, and this is its exit"


def test_together_with_what_else_works_a_held_order_can_add_risk() -> None:
    made = book(5, resting(4, SELL, 5), resting(1, SELL, 5, held=True))
    assert made.change(resting(2, BUY, 1, parent=1), None).releases


def test_what_tws_shows_or_what_has_ended_is_held_no_longer() -> None:
    parent, leg = resting(1, BUY, 5, held=True), resting(2, SELL, 1, parent=1)
    made = book(5, parent)
    made.working(msgspec.structs.replace(parent, untransmitted=False))
    assert not made.change(leg, None).releases
    made = book(5, parent)
    made.ended((1, 1), filled=False)
    assert not made.change(leg, None).releases
    assert not made._untransmitted, "ids are many, and what has ended is forgotten"


def test_an_exit_that_tws_may_not_have_attached_is_attached_to_nothing() -> None:
    made = book(0, resting(1, BUY, 5))
    leg = resting(2, SELL, 5, parent=1)
    assert made.change(leg, None).attached == 5
    assert made.change(msgspec.structs.replace(leg, rebound=True), None).attached == 0


def asked(change: Change) -> Facts:
    """Of a halted login."""
    scope = Scope("paper", "here")
    halt = Restriction(
        id="1", scope=scope, kind=Kind.HALT, cause=Cause.MANUAL, since_ns=0, actor="somebody", reason="a test"
    )
    return Facts(
        now_ns=1,
        market_ahead_ns=0,
        state=effective((halt,), scope, 1),
        accounts=("DU1",),
        positions=Known(None, 1),
        orders=Known(None, 1),
        touched=(Touched(con_id=1, product=Product.SHARES, change=change, total=D(0)),),
    )


EXIT = Intent("DU1", 1, "STK", "SPY", SELL, D(1), "MKT")


def test_the_refusal_says_that_held_orders_would_leave() -> None:
    change = book(5, resting(1, BUY, 5, held=True)).change(resting(2, SELL, 1, parent=1), None)
    (failure,) = check_state(EXIT, asked(change), DEFAULTS)
    assert failure.code is Code.HALTED and str(failure.observed).endswith(RELEASES)


def test_under_a_halt_a_preview_passes_but_not_one_with_which_tws_might_transmit_what_it_holds() -> None:
    preview = msgspec.structs.replace(EXIT, special=Special(what_if=True, parent=(1, 1)))
    leg = resting(2, SELL, 1, parent=1)
    assert [*check_state(preview, asked(book(5, resting(1, BUY, 5, held=True)).change(leg, None)), DEFAULTS)]
    assert not [*check_state(preview, asked(book(5, resting(1, BUY, 5)).change(leg, None)), DEFAULTS)]
    assert not [*check_state(preview, asked(book(0).change(leg, None)), DEFAULTS)]
