"""The book never forgets what may be live, and never counts a fill for nothing before a position shows it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.book import NOT_READ, Book, PositionHeard
from engine.core.exposure import FLAT, Exposure, Resting, Side
from engine.core.known import Known, Unknown
from engine.core.products import Product, product_of

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
FUTURES, OPTIONS = Product.FUTURES, Product.OPTIONS
ES = ("DU1", 1)


def resting(
    order_id: int, side: Side, remaining: int, filled: int = 0, *, con_id: int = 1, product: Product | None = FUTURES
) -> Resting:
    return Resting(
        key=(1, order_id),
        account="DU1",
        con_id=con_id,
        side=side,
        remaining=D(remaining),
        filled=D(filled),
        product=product,
    )


def held(quantity: int, con_id: int = 1, product: Product | None = FUTURES) -> PositionHeard:
    return PositionHeard("DU1", con_id, D(quantity), product)


def book(*positions: PositionHeard) -> Book:
    made = Book()
    made.read_positions(positions, made.mark(), 5)
    made.read_orders((), made.mark(), 6)
    return made


def exposure(made: Book) -> Exposure:
    return made.spot(ES).exposure


def test_where_nothing_was_ever_heard_of_nothing_is_held_and_nothing_may_close() -> None:
    nothing = Book().spot(ES)
    assert (nothing.exposure, nothing.position, nothing.worst, nothing.notional) == (FLAT, 0, 0, None)


def test_the_orders_that_count_can_be_named() -> None:
    made = book(held(3))
    assert made.order_keys == ()
    made.sent(resting(1, BUY, 2), resting(1, SELL, 2, con_id=2))
    made.sent(resting(2, BUY, 1))
    assert made.order_keys == ((1, 1), (1, 2))
    made.ended((1, 1), filled=False)
    assert made.order_keys == ((1, 2),)


def test_nothing_is_known_before_the_first_reading_and_after_the_link_is_lost() -> None:
    made = Book()
    assert (made.positions, made.orders) == (NOT_READ, NOT_READ)
    made = book(held(3))
    assert (made.positions, made.orders) == (Known(None, 5), Known(None, 6))
    epoch = made.epoch
    made.lost("link lost")
    assert made.positions == made.orders == Unknown("link lost")
    assert made.epoch != epoch


def test_each_reading_makes_another_epoch() -> None:
    made = Book()
    epochs = [made.epoch]
    made.read_positions((), made.mark(), 5)
    epochs.append(made.epoch)
    made.read_orders((), made.mark(), 5)
    epochs.append(made.epoch)
    assert len(set(epochs)) == 3


def test_what_is_sent_counts_at_once_and_no_loss_or_reading_makes_it_forgotten() -> None:
    made = book()
    made.sent(resting(7, BUY, 3))
    made.lost("link lost")
    assert exposure(made) == Exposure(D(0), D(3), D(0))
    made.read_orders((), made.mark(), 9)
    made.read_positions((), made.mark(), 9)
    assert exposure(made) == Exposure(D(0), D(3), D(0))
    made.ended((1, 7), filled=False)
    assert exposure(made) == FLAT
    assert made.exposures == {}


def test_a_fill_counts_until_the_position_shows_it() -> None:
    made = book()
    made.sent(resting(7, BUY, 3))
    made.working(resting(7, BUY, 1, filled=2))
    assert exposure(made) == Exposure(D(0), D(3), D(0))
    made.position(held(2))
    assert exposure(made) == Exposure(D(2), D(1), D(0))
    made.ended((1, 7), filled=True)
    assert exposure(made) == Exposure(D(2), D(1), D(0))
    made.position(held(3))
    assert exposure(made) == Exposure(D(3), D(0), D(0))


def test_it_tells_whether_a_position_has_yet_to_show_a_fill() -> None:
    made = book(held(1))
    assert not made.waits_for_positions
    made.sent(resting(7, BUY, 3))
    made.ended((1, 7), filled=True)
    assert made.waits_for_positions
    made.position(held(1, con_id=99))
    assert made.waits_for_positions, "one of several contracts is enough"
    made.position(held(4))
    assert not made.waits_for_positions


def test_several_fills_add_up_and_a_position_shows_as_much_as_it_moved() -> None:
    made = book(held(9))
    made.working(resting(7, SELL, 6))
    made.working(resting(7, SELL, 4, filled=2))
    made.working(resting(7, SELL, 1, filled=5))
    assert exposure(made) == Exposure(D(9), D(0), D(6))
    made.position(held(8))
    assert exposure(made) == Exposure(D(8), D(0), D(5))
    made.position(held(9))  # moved the other way: it shows none of it
    assert exposure(made) == Exposure(D(9), D(0), D(5))
    made.position(held(5))
    assert exposure(made) == Exposure(D(5), D(0), D(1))


def test_a_position_of_which_nothing_was_expected_is_taken_as_it_is() -> None:
    made = book(held(1))
    made.position(held(-4))
    assert exposure(made) == Exposure(D(-4))


def test_a_complete_reading_shows_what_was_filled_before_it_began_and_not_what_came_later() -> None:
    made = book()
    made.working(resting(7, BUY, 3))
    made.working(resting(7, BUY, 2, filled=1))
    mark = made.mark()
    made.read_positions([held(1)], mark, 9)
    assert exposure(made) == Exposure(D(1), D(2), D(0))
    mark = made.mark()
    made.working(resting(7, BUY, 1, filled=2))
    made.read_positions([held(1)], mark, 9)
    assert exposure(made) == Exposure(D(1), D(2), D(0))


def test_a_position_that_is_missing_from_a_complete_reading_is_flat() -> None:
    made = book(held(3), held(4, con_id=2))
    made.read_positions([held(5, con_id=2)], made.mark(), 9)
    assert made.exposures == {("DU1", 2): Exposure(D(5))}


def test_an_order_missing_from_a_complete_reading_may_have_been_filled() -> None:
    made = book()
    made.working(resting(7, BUY, 3))
    made.read_orders((), made.mark(), 9)
    assert made.order((1, 7)) == ()
    assert exposure(made) == Exposure(D(0), D(3), D(0))
    made.read_positions([held(3)], made.mark(), 9)
    assert exposure(made) == Exposure(D(3))


def test_what_was_heard_while_a_reading_was_under_way_is_newer_than_it() -> None:
    made = book()
    made.working(resting(7, BUY, 3))
    mark = made.mark()
    made.working(resting(8, BUY, 1))
    made.working(resting(7, BUY, 1, filled=2))
    made.read_orders([resting(7, BUY, 3)], mark, 9)
    assert exposure(made) == Exposure(D(0), D(4), D(0))
    assert made.order((1, 7))[0].remaining == 1
    assert made.order((1, 8))[0].remaining == 1
    made.read_orders([resting(7, BUY, 1, filled=2), resting(9, SELL, 5)], made.mark(), 9)
    assert made.order((1, 9))[0].remaining == 5


def test_a_reading_acknowledges_what_was_sent_before_it() -> None:
    made = book()
    made.sent(resting(7, BUY, 3))
    made.read_orders([resting(7, BUY, 3)], made.mark(), 9)
    made.read_orders((), made.mark(), 10)
    assert made.order((1, 7)) == ()


def test_a_modify_counts_with_the_larger_of_the_two_until_the_broker_shows_it() -> None:
    made = book()
    made.working(resting(7, BUY, 5, filled=1))
    made.sent(resting(7, BUY, 2))
    assert exposure(made).buys == 5
    made.working(resting(7, BUY, 2, filled=1))
    assert exposure(made).buys == 2
    made.sent(resting(7, BUY, 6))
    assert exposure(made).buys == 6


def test_an_order_cannot_change_its_side() -> None:
    made = book()
    made.sent(resting(7, BUY, 5))
    with pytest.raises(ValueError, match=r"^order \(1, 7\) cannot change its side: cancel it and send another$"):
        made.sent(resting(7, SELL, 5))
    assert exposure(made).buys == 5


def test_an_order_of_several_contracts_is_one_order() -> None:
    made = book()
    made.sent(resting(7, BUY, 1, con_id=2), resting(7, SELL, 2, con_id=1))
    assert [one.con_id for one in made.order((1, 7))] == [1, 2]
    made.ended((1, 7), filled=False)
    assert made.exposures == {}
    made.ended((1, 7), filled=False)


def test_an_order_of_which_one_leg_was_heard_since_is_not_missing_from_an_older_reading() -> None:
    made = book()
    made.working(resting(7, BUY, 1, con_id=2))
    mark = made.mark()
    made.working(resting(7, SELL, 2, con_id=1))
    made.read_orders((), mark, 9)
    assert len(made.order((1, 7))) == 2
    made.sent(resting(7, SELL, 2, con_id=1))
    made.read_orders((), made.mark(), 9)
    assert len(made.order((1, 7))) == 2


def test_the_sums_of_a_product_are_over_its_contracts_whatever_their_side() -> None:
    made = book(held(3), held(-4, con_id=2), held(10, con_id=3, product=OPTIONS))
    made.working(resting(7, SELL, 1, con_id=2))
    assert made.total("DU1", FUTURES).contracts == 8
    assert made.total("DU1", OPTIONS).contracts == 10
    assert made.total("DU2", FUTURES).contracts == 0


def test_a_contract_whose_product_is_not_known_counts_in_every_product_until_it_is() -> None:
    made = book(held(3, product=None))
    assert [made.total("DU1", product).contracts for product in Product] == [3, 3, 3, 3]
    made.describe(1, OPTIONS, None)
    assert [made.total("DU1", product).contracts for product in Product] == [0, 3, 0, 0]
    made.position(held(4, product=None))
    assert made.total("DU1", OPTIONS).contracts == 4


def test_worth_is_the_worst_case_in_money_and_says_where_there_is_no_price() -> None:
    made = book(held(3), held(-2, con_id=2))
    worth = made.worth("DU1")
    assert (worth.notional, worth.unpriced) == (0, 2)
    made.describe(1, FUTURES, D(-10))
    assert (worth.notional, worth.unpriced) == (30, 1)
    made.describe(2, FUTURES, D(5))
    assert (worth.notional, worth.unpriced) == (40, 0)
    made.working(resting(7, BUY, 4))
    assert worth.notional == 80
    made.describe(1, FUTURES, None)
    assert (worth.notional, worth.unpriced) == (10, 1)
    made.read_positions((), made.mark(), 9)
    made.ended((1, 7), filled=False)
    assert (worth.notional, worth.unpriced) == (0, 0)


def test_what_an_order_would_change_is_told_without_changing_it() -> None:
    made = book(held(2))
    made.working(resting(7, SELL, 2))
    new = made.change(resting(9, SELL, 1), None)
    assert (new.before, new.rest) == (Exposure(D(2), D(0), D(2)), Exposure(D(2), D(0), D(2)))
    assert new.after == Exposure(D(2), D(0), D(3))
    modify = made.change(resting(7, SELL, 1), (1, 7))
    assert (modify.rest, modify.after) == (Exposure(D(2)), Exposure(D(2), D(0), D(1)))
    assert exposure(made) == Exposure(D(2), D(0), D(2))


def test_an_exit_is_attached_to_the_parent_that_works_on_the_other_side() -> None:
    made = book()
    made.working(resting(7, BUY, 2))
    exit_ = Resting(key=(1, 8), account="DU1", con_id=1, side=SELL, remaining=D(2), parent=(1, 7))
    assert made.change(exit_, None).attached == 2
    same_side = Resting(key=(1, 8), account="DU1", con_id=1, side=BUY, remaining=D(2), parent=(1, 7))
    assert made.change(same_side, None).attached == 0


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["send", "show", "fill", "end", "position", "read positions", "read orders", "lose"]),
        st.integers(1, 3),
        st.integers(1, 4),
    ),
    max_size=25,
)


class Truth:
    """A broker: what really is, with positions that are shown late."""

    def __init__(self) -> None:
        self.position = self.shown = 0
        self.live: dict[int, tuple[Side, int, int]] = {}

    def worst(self) -> int:
        buys, sells = (sum(left for side, left, _ in self.live.values() if side is each) for each in Side)
        return max(self.position + buys, sells - self.position)


@given(EVENTS)
def test_the_book_never_counts_less_than_what_can_really_happen(events: list[tuple[str, int, int]]) -> None:
    truth, made, next_id = Truth(), book(), 1
    for what, which, size in events:
        ids = sorted(truth.live)
        order_id = ids[which % len(ids)] if ids else 0
        side, left, filled = truth.live.get(order_id, (BUY, 0, 0))
        match what:
            case "send":
                side = BUY if size % 2 else SELL
                truth.live[next_id] = side, size, 0
                made.sent(resting(next_id, side, size))
                next_id += 1
            case "show" if ids:
                made.working(resting(order_id, side, left, filled))
            case "fill" if ids and left:
                done = min(size, left)
                truth.position += done if side is BUY else -done
                truth.live[order_id] = side, left - done, filled + done
                if which == 1:
                    continue  # it is told later, or by the position first
                made.working(resting(order_id, side, left - done, filled + done))
            case "end" if ids:
                del truth.live[order_id]
                made.working(resting(order_id, side, left, filled))  # how much of it was filled comes with its end
                made.ended((1, order_id), filled=False)
            case "position":
                truth.shown = truth.position
                made.position(held(truth.shown))
            case "read positions":
                made.read_positions([held(truth.position)], made.mark(), 9)
            case "read orders":
                listed = [resting(one, side, left, filled) for one, (side, left, filled) in truth.live.items()]
                made.read_orders(listed, made.mark(), 9)
            case "lose":
                made.lost("gone")
        assert made.spot(ES).worst >= truth.worst()
        assert made.total("DU1", FUTURES).contracts == made.spot(ES).worst


def test_products_by_security_type() -> None:
    named = {
        text: product_of(text).value for text in ("FUT", "CONTFUT", "OPT", "FOP", "WAR", "IOPT", "STK", "CASH", "")
    }
    assert named == {
        "FUT": "futures",
        "CONTFUT": "futures",
        "OPT": "options",
        "FOP": "options",
        "WAR": "options",
        "IOPT": "options",
        "STK": "shares",
        "CASH": "other",
        "": "other",
    }
