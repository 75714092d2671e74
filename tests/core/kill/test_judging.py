"""How long a read that disagrees has to stand before it is believed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.book import BEGAN_NS, EXPECTED, KEY, SETTLE, STANDING, Book
from core.kill.builders import ES, D, execution, order
from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.kill.settings import SECOND

# a late feed ----------------------------------------------------------------------------------------------------------


def test_a_feed_that_does_not_show_our_fill_yet_cannot_double_a_close() -> None:
    book = Book(first=5).filled(-5).read(5)
    assert (book.can_close, book.believed, book.all_zero()) == (0, False, False)


def test_what_is_safe_under_both_views_may_be_closed_meanwhile() -> None:
    assert Book(first=10).filled(-4).read(10).can_close == 6
    assert Book(first=-10).filled(4).read(-10).can_close == -6


def test_a_late_view_of_our_own_fills_is_never_believed() -> None:
    book = Book(first=5).filled(-5)
    for at_s in range(0, 1000, 5):
        book.read(5, at_s)
    assert (book.can_close, book.believed) == (0, False)


def test_part_of_our_own_fills_missing_is_a_late_view_too() -> None:
    book = Book(first=5).filled(-3).filled(-2)
    for at_s in range(0, 1000, 5):
        book.read(2, at_s)
    assert (book.can_close, book.believed) == (0, False)


def through_zero_and_back() -> Book:
    """Others sold 5 and bought 5 again, and the feed shows nothing of it: that is lawful, and was believed."""
    return Book(first=5).traded(-5).traded(5).read(5, 100)


@pytest.mark.parametrize("shown", [2, 0, 8, 10])
def test_a_feed_that_goes_through_trades_that_cancel_out_is_not_taken_for_news(shown: int) -> None:
    """Least of all where it comes through zero: 5 are held, and they would count as flat."""
    book = through_zero_and_back()
    for at_s in (101, 103, 105, 119.9):
        assert not book.read(shown, at_s).believed
    if shown:
        assert book.read(shown, 120).believed  # such a feed would have gone on
    else:
        assert not book.read(shown, 190.9).believed and book.read(shown, 191).believed  # nothing says that it has gone


def test_what_has_vanished_without_an_execution_is_not_gone_for_a_long_time() -> None:
    """TWS was started again, and shows no positions before it has loaded them."""
    book = Book(first=5)
    for at_s in (100, 103, 106, 120, 189.9):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 190).all_zero()


@pytest.mark.parametrize(
    ("sec_type", "rest", "believed"),
    [(kind, 1, True) for kind in ("OPT", "FOP", "WAR", "IOPT")] + [("OPT", 0, False), ("STK", 1, False)],
)
def test_an_option_may_end_without_an_execution_but_not_together_with_everything_else(
    sec_type: str, rest: int, believed: bool
) -> None:
    ledger, option, other = Book(), contract_of(sec_type, 11), contract_of("STK", 12)
    for at_s, quantity in ((0, 3), (10, 0), (12, 0), (14, 0)):
        facts = [
            PositionFact("DU1", option, Decimal(quantity)),
            PositionFact("DU1", other, Decimal(rest if at_s else 1)),
        ]
        ledger.positions(tuple(facts), int(at_s * SECOND))
        ledger.executions((), 0)
    assert (not ledger.doubtful(("DU1", 11))) is believed


def contract_of(sec_type: str, con_id: int) -> Contract:
    return Contract(con_id=con_id, symbol="X", sec_type=sec_type)


@pytest.mark.parametrize(("moved", "zero_by_s"), [(True, 8), (False, 93)])
def test_a_trade_during_the_first_read_is_not_counted_once_more_when_it_is_told(moved: bool, zero_by_s: int) -> None:
    """A stop fills while the positions are read: the row says 2, then 0, and the executions were listed before."""
    book = Book(listed=False)
    book.executions(())
    book.positions((PositionFact("DU1", ES, D(0), moved=moved),), 0)
    book.executions((execution(ES, -2, "stop.01"),))
    book.read(0, 1)
    assert book.can_close == 0, "and nothing is opened for it"
    book.read(0, zero_by_s - 3)
    assert not book.all_zero()
    assert book.read(0, zero_by_s).all_zero()


def test_what_no_part_of_those_trades_explains_is_news() -> None:
    for shown in (-1, 11):
        book = through_zero_and_back()
        for at_s in (101, 103, 105):
            book.read(shown, at_s)
        assert book.believed


def test_trades_are_kept_in_mind_from_when_they_were_believed_and_not_from_the_newest_look() -> None:
    book = through_zero_and_back().read(5, 115)
    for at_s in (117, 118, 121):
        book.read(2, at_s)
    assert book.believed


def test_trades_of_several_looks_are_kept_in_mind_together_as_long_as_each_follows_soon() -> None:
    book = Book(first=20).traded(-5).traded(5).read(20, 100).traded(-4).traded(4).read(20, 119)
    for at_s in (120, 124, 138.9):
        assert not book.read(12, at_s).believed  # 5 and 4 of them
    book = Book(first=20).traded(-5).traded(5).read(20, 100).traded(-4).traded(4).read(20, 120)
    for at_s in (121, 123, 125):
        book.read(12, at_s)  # the 5 are history
    assert book.believed


def test_our_own_fills_that_show_are_kept_in_mind_like_others() -> None:
    """5 of 10 were closed and shown; a feed that shows 8 a moment later is an older one."""
    book = Book(first=10).filled(-5).read(5, 100)
    for at_s in (101, 103, 105):
        assert not book.read(8, at_s).believed


def test_a_late_view_of_others_executions_is_believed_after_a_long_time() -> None:
    book = Book(first=5).traded(-5)
    for at_s in (0, 5, 10, 19):
        assert book.read(5, at_s).can_close == 0
    assert not book.believed
    assert book.read(5, 20).can_close == 5


@pytest.mark.parametrize("shown", [4, 5, 8])
def test_a_view_that_misses_any_part_of_what_others_traded_is_late(shown: int) -> None:
    """5, +4 and −3 leave 6; a late feed may show 5, 9, 2 or anything between."""
    book = Book(first=5).traded(4).traded(-3)
    for at_s in (0, 5, 10, 19):
        book.read(shown, at_s)
    assert not book.believed


def test_a_trade_in_a_contract_without_a_position_keeps_it_from_being_flat() -> None:
    """The feed may be late: a resting order has filled, and no list of positions shows it yet."""
    book = Book().read(0)
    assert book.all_zero()
    book.traded(5).read(0, 1)
    assert not book.all_zero()
    assert book.contract(KEY).con_id == ES.con_id and book.contract(KEY).symbol == ""
    book.read(5, 2)
    assert (book.contract(KEY), book.can_close, book.believed) == (ES, 5, True)


def test_zero_that_may_be_a_late_view_is_believed_after_a_long_time() -> None:
    book = Book().read(0).traded(5)
    for at_s in (1, 5, 10, 20):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 91).all_zero()


# something moved it ---------------------------------------------------------------------------------------------------


def stood(book: Book, quantity: int, for_s: int) -> Book:
    for at_s in range(1, for_s + 2):
        book.read(quantity, at_s)
    return book


def test_what_no_whole_executions_come_to_is_no_late_view_of_our_own_fills() -> None:
    """2 bought just before, of 10 short or 12; we buy the 8 that are safe; 1 is assigned: 1 short is news."""
    book = Book(2, first=-10, recent=True).executed(8)
    assert not stood(book, -1, 19).believed
    assert stood(book, -1, 20).believed and book.can_close == -1


@pytest.mark.parametrize(("pieces", "shown"), [((7, 1), -3), ((5, 2, 1), -5), ((8, 1), -9), ((7, 1), -1), ((8,), -10)])
def test_what_some_of_the_executions_come_to_is_never_believed(pieces: tuple[int, ...], shown: int) -> None:
    book = Book(2, first=-10, recent=True).executed(*pieces)
    assert not stood(book, shown, 60).believed


def test_all_of_our_own_fills_and_nothing_else_is_no_view_that_misses_some_of_them() -> None:
    """1 of 12 short was bought back as the kill began; its execution was told behind the position of 11 short."""
    book = Book(first=-11).traded(1)
    assert book.can_close == -10
    book.executed(10)
    assert not stood(book, -1, 19).believed
    assert stood(book, -1, 20).believed and book.can_close == -1


def test_but_where_a_part_of_our_fills_and_the_trade_of_others_come_to_the_same_it_is_never_believed() -> None:
    assert not stood(Book(first=-11).traded(1).executed(9, 1), -1, 60).believed


def test_nor_where_there_are_too_many_fills_to_look_at() -> None:
    book = Book(first=-10_000).traded(1).executed(*(2**n for n in range(12)))
    assert not stood(book, -10_000 + 4095, 60).believed


def test_nor_where_ours_and_others_are_together_too_many_to_look_at() -> None:
    """What shows is all of ours and one of theirs: of a few that would be news."""
    ours, theirs = [1, 2, 4, 8, 16, 32], [64, 128, 256, 512, 1024, 2048]
    book = Book(first=-10_000)
    for quantity in theirs:
        book.traded(quantity)
    assert not stood(book.executed(*ours), -10_000 + 63 + 64, 60).believed
    few = Book(first=-10_000).traded(64).traded(128).executed(*ours)
    assert stood(few, -10_000 + 63 + 64, 60).believed


def test_fills_that_are_not_known_one_by_one_may_look_like_anything() -> None:
    assert not stood(Book(2, first=-10, recent=True).filled(8), -1, 60).believed


def told_by_an_order(filled: int) -> Book:
    """2 bought just before, of 10 short or 12; we buy the 8 that are safe; and an order tells that it has bought."""
    book = Book(2, first=-10, recent=True).executed(8)
    book.traces.listed((order(ES, "BUY", 5, perm_id=5),), 0)
    book.traces.listed((order(ES, "BUY", 5, perm_id=5, filled=filled),), 0)
    book.orders_told()
    return book


@pytest.mark.parametrize("shown", [-10, -9, -8, -7, -6, -5])
def test_an_order_that_tells_of_more_than_its_executions_may_show_any_part_of_it(shown: int) -> None:
    """None, one, two or three of those that it tells of, the 2 bought before or not, and nothing of ours."""
    assert not stood(told_by_an_order(3), shown, 60).believed


def test_but_no_more_than_it_tells() -> None:
    assert not stood(told_by_an_order(3), -4, 19).believed
    assert stood(told_by_an_order(3), -4, 20).believed


@pytest.mark.parametrize(("shown", "believed"), [(-7, False), (-5, False), (-4, True)])
def test_an_order_that_is_gone_without_a_word_may_show_any_part_of_it(shown: int, *, believed: bool) -> None:
    book = Book(2, first=-10, recent=True).executed(8)
    book.traces.patience_ns = STANDING
    book.traces.listed((order(ES, "BUY", 3, perm_id=5),), BEGAN_NS)
    book.traces.listed((), BEGAN_NS)
    assert (book.surveyed_until(shown, 60).expected(KEY) == shown) == believed


def test_fills_of_ours_that_were_believed_are_no_part_of_what_may_be_missing() -> None:
    """10 bought of 25 short, and believed; 4 more, and the trade of others shows in them or not: never 4 without 10."""
    book = Book(first=-25).executed(10).surveyed(-15).executed(4).traded(1)
    assert not book.surveyed_until(-11, 21).believed
    assert book.surveyed(-11, 22).believed and book.can_close == -11


def test_nor_where_it_is_not_known_which_of_them_were_believed() -> None:
    """3 and 7 told of what was counted as 5 and 5."""
    book = Book(first=-25).filled(5).surveyed(-20)
    for piece in (3, 7):
        book.own_execution(execution(ES, piece, f"own.{piece}.01"))
    assert not book.filled(5).traded(1).surveyed_until(-15, 60).believed


@pytest.mark.parametrize("signed", [-3, 3])
def test_as_much_as_our_order_may_have_filled_is_no_news_for_as_long_as_a_feed_may_be_late(signed: int) -> None:
    book = Book(first=5)
    book.in_flight([(KEY, D(signed))])
    assert not stood(book, 5 + signed, 19).believed
    assert stood(book, 5 + signed, 20).believed


@pytest.mark.parametrize("signed", [-3, 3])
def test_more_than_our_order_may_have_filled_is_news(signed: int) -> None:
    book = Book(first=5)
    book.in_flight([(KEY, D(signed))])
    assert stood(book, 5 + signed + signed // 3, 4).believed


def test_a_position_that_no_late_feed_explains_is_believed_after_a_while() -> None:
    """An assignment, a transfer: no execution tells of it."""
    book = Book(first=5)
    for at_s in (0, 2, 3.9):
        assert not book.read(8, at_s).believed
    assert book.read(8, 4).believed
    assert book.can_close == 8


def test_meanwhile_the_part_that_was_there_before_may_be_closed() -> None:
    assert Book(first=5).read(8).can_close == 5
    assert Book(first=5).read(2).can_close == 2


def test_a_position_that_turned_around_without_an_execution_waits() -> None:
    assert Book(first=5).read(-3).can_close == 0


def test_two_reads_are_not_enough_however_far_apart() -> None:
    book = Book(first=5).read(8, 0).read(8, 60)
    assert not book.believed
    assert book.read(8, 61).believed


def test_reads_that_disagree_begin_the_wait_anew() -> None:
    book = Book(first=5).read(8, 0).read(8, 2).read(9, 3)
    for at_s in (4, 5, 6.9):
        assert not book.read(9, at_s).believed
    assert book.read(9, 7).believed


def test_each_other_number_has_to_be_read_three_times() -> None:
    book = Book(first=5).read(8, 0).read(8, 1).read(9, 2).read(9, 60)
    assert not book.believed
    assert book.read(9, 61).believed


def test_the_law_obeyed_again_ends_the_doubt() -> None:
    book = Book(first=5).read(8, 0).read(5, 1)
    assert (book.can_close, book.believed) == (5, True)


def test_a_fill_of_our_own_begins_the_wait_anew() -> None:
    """The reads until now need not show it."""
    book = Book(first=-25)
    for at_s in (0, 2, 3):
        book.read(-50, at_s)
    book.filled(25)
    book.read(-50, 4)
    assert not book.believed


def test_while_trades_are_hidden_our_own_fills_may_be_missing_from_the_read_as_well() -> None:
    """5 held, somebody sold 3 unseen, we sold 2: 2 is shown, but 0 is left."""
    assert Book(first=5).filled(-2).read(2).can_close == 0


def test_what_is_believed_is_the_new_base() -> None:
    book = Book(first=5)
    for at_s in (0, 2, 4):
        book.read(8, at_s)
    assert book.filled(-8).read(0, 5).all_zero()


# others trade on ------------------------------------------------------------------------------------------------------


def trades_on(book: Book, position: int, seconds: int) -> list[bool]:
    """Somebody trades 10 this way and that every second, so that no two reads are alike: when is one believed?"""
    seen = []
    for second in range(1, seconds + 1):
        signed = 10 if second % 2 else -10
        position += signed
        seen.append(book.traded(signed).read(position, second).believed)
    return seen


def test_others_who_trade_on_do_not_make_the_wait_for_recent_trades_longer() -> None:
    book = Book(-10, 20, first=40, recent=True)
    assert trades_on(book, 40, 9) == [False] * 5 + [True] * 4
    assert book.can_close == 50 - 10, "what is there under each view first"


def test_what_breaks_the_law_is_not_believed_because_others_trade_on() -> None:
    book = Book(-10, 20, first=40, recent=True)
    trades_on(book, 40, 5)
    assert not book.traded(10).read(50, 6.5).believed  # of 60 by executions
    assert book.read(60, 6.6).believed


def test_a_doubt_that_comes_later_has_its_own_time() -> None:
    book = Book(first=40)
    book.unsettle(KEY, EXPECTED)
    assert trades_on(book, 40, 15) == [False] * 10 + [True] * 5
    book.unsettle(KEY, SETTLE)
    assert not book.traded(-10).read(40, 16).believed and book.traded(10).read(50, 17).believed


def test_where_nobody_else_trades_a_read_has_to_stand() -> None:
    book = Book(-10, 20, first=40, recent=True).read(40, 5)
    assert not book.executed(-10).read(30, 7).believed
