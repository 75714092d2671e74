"""Trades just before the kill: how long a first read may miss each of them."""

from __future__ import annotations

import pytest

from core.kill.book import CLOSE, OTHER, Book, after_the_press_before, ended_before
from core.kill.builders import ES, D, execution, order
from engine.core.kill.settings import SECOND


@pytest.mark.parametrize("first_read", [True, False])
def test_zero_after_nothing_but_another_kills_closes_is_the_end_of_them_and_not_waited_for(first_read: bool) -> None:
    book = Book(listed=False)
    if first_read:
        book.read(0)
    book.executions(tuple(execution(ES, -1, f"{n}.01", recent=True, order_ref=CLOSE) for n in range(3)))
    book.read(0)
    assert book.believed and book.all_zero()


@pytest.mark.parametrize("shows", [2, 1])
def test_nor_is_what_another_kills_closes_have_left_where_each_of_them_is_more_than_that(shows: int) -> None:
    """A kill never goes through zero, and an execution shows whole or not at all."""
    book = after_the_press_before((-3, CLOSE), (-5, CLOSE), shows=shows)
    assert book.believed


@pytest.mark.parametrize(
    ("trades", "shows"),
    [
        ([(-3, CLOSE), (3, OTHER)], 0),  # they may have closed what the read does not show yet, and more
        ([(-3, CLOSE), (-3, OTHER)], 0),  # a stop that filled at the same time: perhaps through zero
        ([(-3, CLOSE), (2, CLOSE)], 0),  # something was bought back: who knows in which order
        ([(-3, OTHER)], 0),
        ([(-3, CLOSE)], 3),  # the read may miss the close
        ([(-2, CLOSE), (-1, CLOSE)], 1),  # or a part of it
        ([(-3, CLOSE)], -1),
    ],
)
def test_anything_else_that_traded_just_before_is_still_waited_for(trades: list[tuple[int, str]], shows: int) -> None:
    book = after_the_press_before(*trades, shows=shows)
    assert not book.believed and not book.all_zero()


def by_its_own_word() -> Book:
    """Before executions were read: 5 held, and an order that was listed again with 2 bought."""
    book = Book(listed=False)
    book.traces.listed([order(ES, "BUY", 3)], 0)
    book.read(5)
    book.traces.listed([order(ES, "BUY", 3, filled=D(2))], SECOND)
    return book


def test_what_an_order_says_it_traded_before_executions_were_read_may_show_late() -> None:
    book = by_its_own_word()
    book.executions(())
    assert (book.can_close, book.believed) == (5, False)
    assert (book.read(7, 1).can_close, book.believed) == (7, True)


def test_a_feed_that_has_caught_up_with_executions_may_still_miss_what_an_order_says() -> None:
    book = by_its_own_word()
    book.executions((execution(ES, 1, "other.01", recent=True, perm_id=777),))
    assert (book.read(6, 1).can_close, book.believed) == (6, False)
    assert (book.read(8, 2).can_close, book.believed) == (8, True)


def aged(*trades: tuple[int, float], first: int) -> Book:
    """Trades shortly before the press, each at least so many seconds old."""
    book = Book(listed=False)
    book.executions(
        tuple(execution(ES, q, f"{n}.01", age_ns_min=int(age * SECOND)) for n, (q, age) in enumerate(trades))
    )
    return book.read(first)


def test_the_wait_counts_from_the_trade_and_not_from_the_press() -> None:
    book = aged((-5, 4), first=5)
    assert not book.read(5, 1.9).believed
    assert book.read(5, 2).can_close == 5


def test_it_counts_from_the_newest_trade() -> None:
    assert not aged((-5, 5), (-1, 2), (-2, 5.5), first=5).read(5, 3.9).believed
    assert aged((-5, 5), (-1, 2), (-2, 5.5), first=5).read(5, 4).believed


def test_a_trade_that_the_feed_has_had_time_for_is_not_waited_for() -> None:
    assert aged((-5, 6), first=0).all_zero()
    assert not aged((-5, 5.9), first=0).all_zero()


@pytest.mark.parametrize("side", [1, -1])
def test_a_trade_that_has_had_its_time_may_yet_be_what_shows_in_the_place_of_ours(side: int) -> None:
    """50 shown, 25 of them sold four seconds before. We sold 25, and 25 are shown: ours, or those before and ours still
    to come. Two seconds behind it the trade before must have come; ours may take six."""
    book = aged((-25 * side, 4), first=50 * side).executed(-25 * side).read(50 * side, 0.1).read(25 * side, 1.5)
    for at_s in (3.5, 4, 6):
        assert (book.read(25 * side, at_s).believed, book.can_close) == (False, 0)
    assert (book.read(25 * side, 6.1).believed, book.can_close) == (True, 25 * side)


def test_what_begins_to_show_when_the_trade_before_has_had_its_time_is_ours() -> None:
    book = aged((-25, 4), first=50).executed(-25).read(50, 0.1).read(50, 1.9).read(25, 2)
    assert not book.read(25, 3.9).believed
    assert (book.read(25, 4).believed, book.can_close) == (True, 25)


def test_each_fill_of_ours_has_its_own_time_to_show() -> None:
    book = aged((-25, 4), first=60).executed(-25).read(60, 0.1).executed(-10).read(25, 1.5)
    assert not book.read(25, 7.4).believed
    assert book.read(25, 7.5).believed


def of_both(*trades: tuple[int, str, float], first: int) -> Book:
    """Trades shortly before the press, by whom, each at least so many seconds old."""
    book = Book(listed=False)
    book.executions(
        tuple(
            execution(ES, q, f"{n}.01", order_ref=ref, age_ns_min=int(age * SECOND))
            for n, (q, ref, age) in enumerate(trades)
        )
    )
    return book.read(first)


def waited(book: Book, shows: int) -> float:
    """How many seconds the same must be read until it is believed."""
    return next(tenths / 10 for tenths in range(200) if book.read(shows, tenths / 10).believed)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("trades", "shows", "seconds"),
    [
        ([(1, OTHER, 4), (-1, CLOSE, 0)], 0, 2),  # at zero a close is missing only behind what it closed
        ([(1, OTHER, 6), (-1, CLOSE, 0)], 0, 0),
        ([(-3, CLOSE, 0), (1, OTHER, 0)], 1, 1),  # more than is shown and was added
        ([(-3, CLOSE, 0), (2, OTHER, 0)], 1, 10),  # as much: it may have closed all of it
        ([(-3, CLOSE, 0), (1, OTHER, 0), (1, OTHER, 0)], 1, 10),
        ([(-3, CLOSE, 4), (2, OTHER, 0)], 1, 6),  # each from when it was made
        ([(-3, CLOSE, 9.5), (2, OTHER, 0)], 1, 1),
        ([(-3, CLOSE, 0), (-1, OTHER, 0)], 1, 6),  # what others have sold adds nothing to be closed
        ([(-3, CLOSE, 0), (2, CLOSE, 0)], 1, 10),  # closes of two sides: something is not told
        ([(-3, CLOSE, 0)], -1, 10),  # the other side of what it left
    ],
)
def test_another_kills_close_is_waited_for_only_where_it_can_be_missing(
    trades: list[tuple[int, str, float]], shows: int, seconds: float, side: int
) -> None:
    book = of_both(*((side * q, ref, age) for q, ref, age in trades), first=side * shows)
    assert waited(book, side * shows) == seconds


def test_what_only_an_order_tells_has_no_age() -> None:
    book = Book(listed=False)
    book.traces.completed([order(ES, "SELL", 2, filled=D(2), perm_id=502)], 0)
    book.executions((execution(ES, -1, age_ns_min=9 * SECOND),))
    assert not book.read(0, 0).read(0, 9.9).all_zero()
    assert book.read(0, 10).all_zero()


def test_a_frozen_feed_never_gets_more_than_is_there_under_either_view() -> None:
    """The first read missed 1 bought; it stands for so long that it is believed. Then our 24 do not show either."""
    book = Book(1, first=-25, recent=True)
    for at_s in (1, 3, 6, 9):
        assert book.read(-25, at_s).can_close == -24
    book.filled(24)
    for at_s in (10, 20, 40):
        assert book.read(-25, at_s).can_close == 0
    assert book.read(0, 41).read(0, 51).read(0, 61).all_zero()


def test_exactly_what_was_traded_just_before_may_show_late_and_is_believed_in_the_end() -> None:
    """25 short believed, 1 more sold just before, 25 closed: 1 short shown is what is left, or a late view of 25."""
    book = Book(-1, first=-25, recent=True).read(-25, 1).filled(25)
    for at_s in (2, 3, 21.9):
        assert book.read(-1, at_s).can_close == 0
    assert book.read(-1, 22).can_close == -1


def test_a_recent_trade_that_may_have_closed_the_position_is_waited_for_longer() -> None:
    book = Book(-5, first=5, recent=True)
    for at_s in (1, 3, 5.9):
        assert book.read(5, at_s).can_close == 0
    assert book.read(5, 6).can_close == 5


def test_for_a_short_position_a_recent_buy_is_what_may_have_closed_it() -> None:
    book = Book(5, first=-5, recent=True)
    assert book.read(-5, 1).can_close == 0
    assert Book(-5, first=-5, recent=True).read(-5, 1).can_close == -5


def test_a_position_that_another_kill_was_closing_is_waited_for_longest() -> None:
    """Of ten, five are left, and so much its order has not filled."""
    book = Book(listed=False)
    book.executions((execution(ES, -5, order_ref="QEKILL-other-1"),))
    book.traces.completed([order(ES, "SELL", 10, filled=D(5), order_ref="QEKILL-other-1")], 0)
    book.executions((execution(ES, -5, order_ref="QEKILL-other-1"),))
    book.read(5)
    for at_s in (1, 5, 9.9):
        assert book.read(5, at_s).can_close == 0
    assert book.read(5, 10).can_close == 5


def test_a_recent_trade_without_a_position_keeps_the_contract_from_being_flat_for_a_while() -> None:
    book = Book(5, first=0, recent=True)
    for at_s in (1, 5.9):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 6).all_zero()


def test_a_feed_that_catches_up_with_exactly_the_recent_trades_is_believed_at_once() -> None:
    assert Book(-2, first=5, recent=True).read(3, 0.1).can_close == 3


def test_a_feed_that_may_miss_our_own_fills_has_not_caught_up() -> None:
    """7 were bought, seen and believed before executions could be read; we sold them; a late feed still shows 7."""
    book = Book(listed=False, first=7).read(7, 1)
    book.filled(-7)
    book.executions((execution(ES, 7),))
    assert book.read(7, 2).can_close == 0


def test_what_an_order_says_it_has_filled_may_be_in_the_first_position_or_not_though_no_execution_shows_it() -> None:
    book = ended_before(2, shows=5)
    assert (book.can_close, book.believed) == (3, False)
    assert not book.read(5, 9.9).believed
    assert book.read(5, 10).believed


def test_a_feed_that_has_caught_up_with_the_executions_may_still_miss_what_only_the_order_tells() -> None:
    """10 held, 3 sold: one shown by an execution, two by the order alone. The position shows the one."""
    book = ended_before(3, -1, shows=10).read(9, 1)
    assert (book.can_close, book.believed) == (7, False)
    assert not book.read(9, 10.9).believed
    assert book.read(7, 11).believed


def test_trades_that_are_not_recent_delay_nothing() -> None:
    assert Book(-5, first=5, recent=False).can_close == 5
