"""What a read may be: trades just before the kill that it shows or not, and what proves that it does."""

from __future__ import annotations

import pytest

from core.kill.book import CLOSE, EXPECTED, KEY, OTHER, Book, after_the_press_before, ended_before
from core.kill.builders import ES, D, execution, future, order


def test_what_a_recent_trade_opened_further_is_there_in_any_case_and_closed_at_once() -> None:
    """5 shown after buying 5: it is 5, or 10."""
    book = Book(5, first=5, recent=True)
    assert (book.can_close, book.believed) == (5, False)
    assert not book.read(5, 0.9).believed
    assert book.read(5, 1).believed


@pytest.mark.parametrize("side", [1, -1])
def test_so_it_is_on_the_short_side(side: int) -> None:
    book = Book(5 * side, first=5 * side, recent=True)
    assert not book.read(5 * side, 0.9).believed
    assert book.read(5 * side, 1).believed


def test_what_was_believed_is_not_doubted_anew_by_the_same_executions() -> None:
    book = Book(5, first=5, recent=True).read(5, 1)
    book.executions(tuple(book.listed))
    assert book.believed


def test_a_fill_of_ours_that_shows_before_it_is_told_is_not_taken_for_a_trade_that_was_waited_for() -> None:
    """2 held for long enough, though 2 were sold just before; we close them, and the position is the first to know."""
    book = Book(-2, first=2, recent=True).read(2, 6)
    assert (book.can_close, book.believed) == (2, True)
    assert not book.read(0, 6.1).believed
    assert book.filled(-2).read(0, 6.2).all_zero()


def test_of_what_a_recent_trade_may_have_reduced_the_rest_is_closed_at_once() -> None:
    """25 short shown, and 1 was bought: 24 are short in any case."""
    book = Book(1, first=-25, recent=True)
    assert (book.can_close, book.believed) == (-24, False)
    assert book.filled(24).read(-25, 1).can_close == 0  # the feed does not show our fill yet
    caught_up = book.read(0, 2)
    assert caught_up.believed
    assert caught_up.all_zero()


def test_the_rest_that_the_feed_shows_in_the_end_is_closed_when_it_has_stood_long_enough() -> None:
    """The trade was in the first read: 1 is left. But that may also be a feed that misses the last fill."""
    book = Book(1, first=-25, recent=True).filled(24).read(-1, 1)
    assert book.can_close == 0
    assert book.read(-1, 6.9).can_close == 0
    assert book.read(-1, 7).can_close == -1


def test_a_read_that_only_one_history_explains_is_believed_at_once() -> None:
    """10 short shown after buying 7; 3 closed. 7 left: without the 7 bought earlier it could not be so many."""
    assert not Book(7, first=-10, recent=True).filled(3).read(-10, 0.1).believed
    assert Book(7, first=-10, recent=True).filled(3).read(0, 0.1).believed


@pytest.mark.parametrize(
    ("recent", "first", "ours"),
    [
        (-20, 120, [-100]),
        (-20, 120, [-3]),  # a first part of our order is enough: the 20 were sold before it, and would show
        (7, -10, [3]),
        (-20, 120, [-60, -7, -33]),
    ],
)
def test_that_our_own_fills_show_proves_that_the_trades_before_them_do(
    recent: int, first: int, ours: list[int]
) -> None:
    book = Book(recent, first=first, recent=True).executed(*ours)
    assert not book.read(first, 0.1).believed
    left = first + sum(ours)
    assert (book.read(left, 0.2).believed, book.can_close) == (True, left)


@pytest.mark.parametrize("side", [1, -1])
def test_trades_that_went_the_other_way_look_like_none_of_our_fills_whatever_their_pieces(side: int) -> None:
    """5 held after 5 were bought: 5, or 10 of which the feed shows 5. We sold 3, and 2 are shown."""
    book = Book(5 * side, first=5 * side, recent=True).filled(-3 * side)
    assert (book.read(2 * side, 0.1).believed, book.can_close) == (True, 2 * side)


@pytest.mark.parametrize("ours", [[-80, -20], [-20], [-15, -80, -5]])
def test_it_proves_nothing_where_a_part_of_our_fills_is_as_much_as_those_trades(ours: list[int]) -> None:
    """100 less may be all of ours, or the 20 from before and 80 of ours."""
    left = 120 + sum(ours)
    book = Book(-20, first=120, recent=True).executed(*ours).read(left, 0.1)
    assert not book.believed and book.can_close <= max(left - 20, 0)


def test_nor_where_several_trades_together_are_as_much_as_ours() -> None:
    book = Book(-20, -10, 5, first=120, recent=True).executed(-25)
    assert not book.read(95, 0.1).believed


def test_nor_where_it_is_not_known_in_what_pieces_they_were_filled() -> None:
    book = Book(-20, first=120, recent=True).executed(-50).filled(-40)  # a status was first
    assert not book.read(30, 0.1).believed
    assert not ended_before(3, shows=10).executed(-7).read(3, 0.1).believed  # the order may have filled as 1 and 2


def test_nor_where_others_have_traded_since() -> None:
    assert not Book(-20, first=120, recent=True).traded(-30).executed(-50).read(40, 0.1).believed


def test_nor_where_it_is_unsettled_by_more_than_those_trades() -> None:
    book = Book(-20, first=120, recent=True).executed(-100)
    book.unsettle(KEY, EXPECTED)  # an order of ours has vanished
    assert not book.read(20, 0.1).believed


def test_what_we_fill_in_another_contract_is_neither_here_nor_there() -> None:
    book = Book(-20, first=120, recent=True).executed(-100)
    book.own_execution(execution(future(2, "NQ"), -20, "own.nq.01"))
    assert book.read(20, 0.1).believed


def test_nor_where_there_are_too_many_pieces_to_look_at() -> None:
    book = Book(*(-(2**n) for n in range(12)), first=9000, recent=True).executed(-4200)
    assert not book.read(4800, 0.1).believed


def test_our_fills_that_do_not_show_prove_nothing() -> None:
    book = Book(-20, first=120, recent=True).executed(-100)
    assert not book.read(120, 0.1).believed and book.can_close == 0
    assert not book.read(100, 0.2).believed and book.can_close == 0  # that is the trade before them
    assert book.read(0, 0.3).all_zero()


def closed_behind(trade: int, shows: int = 3) -> Book:
    """Somebody traded just before the press, what the first read shows was believed in time and is closed at 7 s."""
    book = after_the_press_before((trade, OTHER), shows=shows)
    assert book.read(shows, 7).believed
    return book.filled(-shows).read(shows, 8)


@pytest.mark.parametrize("side", [1, -1])
def test_our_fills_that_show_long_behind_themselves_may_be_the_trades_before_us(side: int) -> None:
    """A feed that is half a minute late goes through zero: what others sold shows, and what we have sold is to come."""
    book = closed_behind(-3 * side, shows=3 * side).read(0, 31)
    assert not book.believed and not book.all_zero()
    assert not book.read(0, 37).believed and book.can_close == 0
    assert not book.read(-3 * side, 38).believed  # they were
    for at_s in range(39, 60):
        book.read(-3 * side, at_s)
    assert (book.believed, book.can_close) == (True, -3 * side)


def test_when_they_have_stood_for_as_long_as_a_feed_is_late_they_are_ours() -> None:
    book = closed_behind(-3)
    assert [book.read(0, at_s).believed for at_s in (31, 40, 50, 51)] == [False, False, False, True]
    assert book.all_zero()


def test_our_fills_that_show_at_the_first_look_behind_them_are_not_late_however_long_they_have_stood_then() -> None:
    book = after_the_press_before((1, OTHER), shows=6).executed(1)
    assert not book.read(7, 60).believed
    assert book.read(7, 70).believed


def test_our_fills_that_show_in_time_or_go_the_other_way_are_ours_at_once() -> None:
    assert closed_behind(-3).read(0, 14).believed  # six seconds behind the first read that could have shown them
    assert not closed_behind(-3).read(0, 14.1).believed
    assert closed_behind(3).read(0, 31).believed
    assert closed_behind(-2).read(3, 9).read(0, 14).believed


def test_what_catches_up_with_all_of_the_trades_before_may_be_a_part_of_them_where_some_cancel_out() -> None:
    """10 and 5 bought, 2 sold and 2 bought; the first read misses none of the 2 sold: 15 more is 15 of 17."""
    book = Book(-2, 5, 10, 2, first=-24, recent=True)
    assert not book.read(-9, 0.1).believed
    assert Book(-2, 5, 10, 4, first=-24, recent=True).read(-7, 0.1).believed  # no part of these is as much as all


def test_what_only_orders_tell_may_cancel_out_too() -> None:
    book = Book(listed=False)
    book.traces.completed([order(ES, "SELL", 2, filled=D(2), perm_id=502)], 0)
    book.executions((execution(ES, 5, recent=True),))
    assert not book.read(10).read(13, 0.1).believed


def joined(*closes: int, first: int, other: int = 0) -> Book:
    """Another kill is at work: some of its closes just before the first read, and then what another program trades,
    and `closes`."""
    book = after_the_press_before((-2, CLOSE), shows=first)
    if other:
        book.traded(other).read(first + other, 0.1)
    for n, quantity in enumerate(closes, 1):
        book.traded(quantity, order_ref=CLOSE).read(first + other + sum(closes[:n]), 0.2 * n)
    return book


def test_when_another_kill_has_closed_everything_under_our_eyes_that_is_the_end_of_it() -> None:
    assert joined(-3, -2, first=5).all_zero()


@pytest.mark.parametrize(
    ("closes", "first", "other"),
    [
        ([-3], 5, 0),  # 2 are left: closed, or not shown yet
        ([-3, 1, -3], 5, 0),  # something was bought back
        ([-3, -2], 6, -1),  # a stop, perhaps through zero
    ],
)
def test_where_anything_else_has_traded_or_is_left_it_is_waited_for(closes: list[int], first: int, other: int) -> None:
    assert not joined(*closes, first=first, other=other).believed


def test_nor_is_zero_the_end_where_another_program_traded_last() -> None:
    """A stop filled beside the kill's close, perhaps through zero."""
    assert not after_the_press_before((-2, CLOSE), shows=3).traded(-3, order_ref=OTHER).read(0, 0.1).all_zero()


@pytest.mark.parametrize("side", [1, -1])
def test_nor_where_kills_closes_went_both_ways_before_and_since(side: int) -> None:
    """Two of them, or one that overshot: who knows in which order."""
    book = after_the_press_before((2 * side, CLOSE), (-side, CLOSE), shows=-2 * side)
    assert not book.traded(2 * side, order_ref=CLOSE).read(0, 0.1).believed


def test_a_program_that_traded_earlier_in_the_day_has_no_part_in_another_kills_closes() -> None:
    book = Book(listed=False)
    book.listed = [execution(ES, 5, "day.01", recent=False), execution(ES, -2, "kill.01", order_ref=CLOSE)]
    book.executions(tuple(book.listed))
    book.read(3)
    assert book.traded(-3, order_ref=CLOSE).read(0, 0.1).all_zero()


def test_nor_is_zero_the_end_where_an_order_tells_that_it_has_filled_meanwhile() -> None:
    book = after_the_press_before((-2, CLOSE), shows=6)
    book.traces.listed([order(ES, "SELL", 1, perm_id=502)], 0)
    book.traces.completed([order(ES, "SELL", 1, perm_id=502, filled=D(1))], 0)
    assert not book.traded(-5, order_ref=CLOSE).read(0, 0.1).all_zero()


def test_nor_where_we_have_closed_ourselves() -> None:
    assert not after_the_press_before((-2, CLOSE), shows=5).executed(-2, -3).read(0, 0.1).all_zero()


def test_a_close_of_which_only_the_order_tells_may_have_filled_in_parts() -> None:
    book = Book(listed=False)
    book.traces.completed([order(ES, "SELL", 3, filled=D(3), order_ref=CLOSE)], 0)
    book.executions(())
    assert not book.read(1).believed


def test_nor_is_zero_the_end_where_it_is_not_what_has_been_traded() -> None:
    book = after_the_press_before((-2, CLOSE), shows=6).traded(-3, order_ref=CLOSE)
    assert not book.read(0, 0.1).all_zero()
