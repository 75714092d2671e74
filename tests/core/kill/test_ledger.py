"""What is really held: each hypothesis about a read that disagrees, and how long it takes to believe it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kill.builders import ES, D, execution, future, held, order
from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.kill.ledger import Ledger
from engine.core.kill.settings import SECOND

KEY = ("DU1", ES.con_id)
SETTLE, DOUBT, REDUCED, EXPECTED, LATE, CONTRADICTED, STANDING = (n * SECOND for n in (1, 4, 6, 10, 20, 90, 180))


class Book(Ledger):
    """A ledger with a clock in seconds, read by short words."""

    def __init__(self, *executions: int, first: int | None = None, recent: bool = False, listed: bool = True) -> None:
        super().__init__(
            settle_ns=SETTLE,
            doubt_ns=DOUBT,
            reduced_lag_ns=REDUCED,
            expected_lag_ns=EXPECTED,
            late_feed_ns=LATE,
            contradicted_ns=CONTRADICTED,
            standing_feed_ns=STANDING,
            gone_order_ns=0,
        )
        self.listed = [execution(ES, q, f"early.{n}.01", recent=recent) for n, q in enumerate(executions)]
        if listed:
            self.executions(tuple(self.listed))
        if first is not None:
            self.read(first)

    def read(self, quantity: int, at_s: float = 0) -> Book:
        self.positions((held(ES, quantity),) if quantity else (), int(at_s * SECOND))
        return self

    def traded(self, quantity: int, order_ref: str = "") -> Book:
        """Somebody else's execution shows up in the list."""
        self.listed.append(execution(ES, quantity, f"since.{len(self.listed)}.01", order_ref=order_ref))
        self.executions(tuple(self.listed))
        return self

    def filled(self, quantity: int) -> Book:
        self.own_fill(KEY, D(quantity))
        return self

    def executed(self, *quantities: int) -> Book:
        """Our own order fills in these pieces."""
        for quantity in quantities:
            self.own_execution(execution(ES, quantity, f"own.{len(self._traded.own_executions)}.01"))
        return self.filled(sum(quantities))

    @property
    def can_close(self) -> Decimal:
        return self.closable(KEY)

    @property
    def believed(self) -> bool:
        return not self.doubtful(KEY)


def test_a_fill_of_ours_before_the_first_read_may_be_in_it_or_not() -> None:
    book = Book().filled(-2).read(3)
    assert (book.can_close, book.believed) == (1, False)  # safe under both views


def test_what_was_traded_just_before_the_kill_unsettles_its_own_contract_and_no_other() -> None:
    other = future(2, "NQ")
    book = Book(listed=False)
    book.positions((held(ES, 3), held(other, 4)), 0)
    book.executions((execution(ES, -3, "0.01", recent=True),))
    book.positions((held(ES, 3), held(other, 4)), SETTLE + 1)
    assert (book.can_close, book.closable(("DU1", 2))) == (0, 4)
    assert (book.believed, book.doubtful(("DU1", 2))) == (False, False)


def after_the_press_before(*trades: tuple[int, str], shows: int) -> Book:
    """Trades of the last seconds by orders of these marks, and a first survey that shows so much."""
    book = Book(listed=False)
    listed = [execution(ES, q, f"{n}.01", recent=True, order_ref=ref) for n, (q, ref) in enumerate(trades)]
    book.executions(tuple(listed))
    return book.read(shows)


CLOSE, OTHER = "QEKILL-other-1", "engine"


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


# the law --------------------------------------------------------------------------------------------------------------


def test_a_first_read_is_believed() -> None:
    book = Book(first=5)
    assert (book.can_close, book.believed, book.position(KEY), book.first_seen(KEY)) == (5, True, 5, 5)


def test_trades_of_the_day_before_the_kill_are_contained_in_the_first_read() -> None:
    assert Book(3, -1, first=2).can_close == 2


def test_a_read_that_shows_our_own_fill_is_believed_at_once() -> None:
    book = Book(first=5).filled(-2).read(3)
    assert (book.can_close, book.believed) == (3, True)


def test_a_read_that_shows_others_executions_is_believed_at_once() -> None:
    book = Book(first=5).traded(2).read(7)
    assert (book.can_close, book.believed) == (7, True)


def test_what_a_list_does_not_name_is_at_zero() -> None:
    book = Book(first=5).filled(-5).read(0)
    assert (book.can_close, book.believed, book.all_zero()) == (0, True, True)


def test_a_contract_that_the_first_list_did_not_name_was_at_zero_then() -> None:
    book = Book(first=5)
    book.positions((held(ES, 5), held(future(2), 3)), 0)
    assert book.doubtful(("DU1", 2))  # nothing has been executed there
    assert book.closable(("DU1", 2)) == 0


def test_a_correction_replaces_what_it_corrects() -> None:
    book = Book(first=5)
    book.executions((execution(ES, 2, "x.01"),))
    book.executions((execution(ES, 3, "x.02"),))
    assert book.expected(KEY) == 8


def test_an_execution_of_our_own_is_not_counted_twice() -> None:
    book = Book(first=5)
    book.executions((execution(ES, -2, "x.01"),))
    book.own_execution(execution(ES, -2, "x.01"))
    book.own_fill(KEY, D(-2))
    assert book.expected(KEY) == 3
    book.executions((execution(ES, -2, "x.01"),))
    assert book.expected(KEY) == 3


def test_accounts_and_contracts_do_not_mix() -> None:
    book = Book()
    book.positions((held(ES, 5), held(ES, -3, "DU2"), held(future(2), 7)), 0)
    assert [book.closable(key) for key in (KEY, ("DU2", 1), ("DU1", 2))] == [5, -3, 7]
    assert book.seen() == (KEY, ("DU2", 1), ("DU1", 2))


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


@pytest.mark.parametrize(("sec_type", "rest", "believed"), [("OPT", 1, True), ("OPT", 0, False), ("STK", 1, False)])
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
        ledger.executions(())
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


def test_fills_that_are_not_known_one_by_one_may_look_like_anything() -> None:
    assert not stood(Book(2, first=-10, recent=True).filled(8), -1, 60).believed


def test_an_order_that_tells_of_more_than_its_executions_may_look_like_anything() -> None:
    book = Book(2, first=-10, recent=True).executed(8)
    book.traces.listed((order(ES, "BUY", 3, perm_id=5),), 0)
    book.traces.listed((order(ES, "BUY", 3, perm_id=5, filled=1),), 0)
    book.orders_told()
    assert not stood(book, -4, 60).believed


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


# trades just before the kill ------------------------------------------------------------------------------------------


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


def ended_before(filled: int, *executions: int, shows: int) -> Book:
    """An order to sell 5 has ended by its own word, and the first executions show only these of it, then a position."""
    book = Book(listed=False)
    book.traces.completed([order(ES, "SELL", 5, filled=D(filled))], 0)
    book.executions(tuple(execution(ES, q, f"{n}.01", recent=True) for n, q in enumerate(executions)))
    return book.read(shows)


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


# executions that cannot be read ---------------------------------------------------------------------------------------


def blind(first: int) -> Book:
    """Executions could not be read when positions first were."""
    return Book(listed=False, first=first)


def test_without_executions_a_first_read_has_to_stand_for_a_while() -> None:
    book = blind(5)
    assert book.can_close == 0
    assert book.read(5, 1).can_close == 5


def test_the_first_executions_may_hold_trades_that_an_earlier_read_missed() -> None:
    book = blind(5).read(5, 1)
    assert book.believed
    book.executions((execution(ES, 3),))
    assert not book.believed
    assert book.read(5, 2).can_close == 5  # 5 or 8
    book = blind(5).read(5, 1)
    book.executions((execution(ES, -3),))
    assert book.read(5, 2).can_close == 2


def test_executions_that_become_known_later_may_be_contained_in_what_was_believed() -> None:
    """7 were bought unseen, shown and believed; we sold them. When the 7 come to be listed they are not there twice."""
    book = Book(first=0)
    book.positions((held(ES, 7),), 1 * SECOND)
    book.positions((held(ES, 7),), 3 * SECOND)
    book.positions((held(ES, 7),), 5 * SECOND)
    assert book.can_close == 7
    book.filled(-7)
    assert book.traded(7).read(7, 6).can_close == 0
    assert book.read(0, 7).read(0, 8).all_zero()


def seen_too_late(shows: int, *, filled: int) -> Book:
    """25 short believed without executions, `filled` by us, and then it is heard that others have sold 1."""
    book = Book(first=-25)
    book.positions((held(ES, -25),), SECOND)  # without executions
    return book.filled(filled).traded(-1).read(shows, 2)


def test_what_was_traded_unseen_may_show_only_later_and_is_believed_in_the_end() -> None:
    """1 short after we bought 25: it was sold behind the read that was believed, or the feed misses one of ours."""
    book = seen_too_late(-1, filled=25)
    for at_s in (3, 10, 21.9):
        assert book.read(-1, at_s).can_close == 0
    assert book.read(-1, 22).can_close == -1
    assert book.filled(1).read(0, 23).all_zero()


@pytest.mark.parametrize(
    ("first", "unseen", "wait_s"),
    [
        (25, 1, 1),  # it has opened the position further …
        (-25, -1, 1),
        (25, -1, 6),  # … or may have closed of it …
        (-25, 1, 6),
        (0, 1, 6),  # … or nothing is left
        (0, -1, 6),
    ],
)
def test_how_long_a_position_may_miss_what_was_traded_unseen(first: int, unseen: int, wait_s: int) -> None:
    book = Book(first=first)
    book.positions((held(ES, first),), SECOND)  # without executions
    if first == 0:
        book.traded(5).read(5, 1).traded(-5).read(0, 1)
        book.positions((), 2 * SECOND)
    book.traded(unseen).read(first, 10)
    assert not book.read(first, 10 + wait_s - 0.1).believed
    assert book.read(first, 10 + wait_s).believed


def test_what_may_be_missing_of_it_is_closed_last() -> None:
    """25 held for long enough, though 1 was sold unseen: 24 are there in any case, and then 1 more."""
    book = Book(first=25)
    book.positions((held(ES, 25),), SECOND)
    book.traded(-1).read(25, 2).read(25, 8)
    assert book.can_close == 24
    assert book.filled(-24).read(1, 9).can_close == 1


def test_each_time_that_executions_could_not_be_read_counts_anew() -> None:
    book = seen_too_late(-26, filled=0)
    assert book.believed  # caught up with the first trade unseen
    book.positions((held(ES, -26),), 3 * SECOND)
    book.traded(-1).read(-26, 4)
    assert not book.believed
    assert (book.read(-27, 4.1).can_close, book.believed) == (-27, True)


def test_once_they_are_read_again_trades_count_by_the_law() -> None:
    """2 of our own do not show yet, then 3 are bought: 3 shown would be a view that misses one or the other."""
    book = Book(first=5)
    book.positions((held(ES, 5),), SECOND)  # without executions
    book.executions(tuple(book.listed))
    book.filled(-2).read(5, 2).traded(3)
    for at_s in (3, 10, 30, 60):
        assert not book.read(3, at_s).believed
    assert book.read(6, 61).believed


def test_trades_of_the_day_are_in_the_first_position_however_late_they_are_told() -> None:
    book = blind(5)
    book.orders_told()
    book.read(5, 1)
    book.executions((execution(ES, 3, recent=False),))
    assert (book.read(5, 1.1).can_close, book.believed) == (5, True)


def test_an_order_that_is_gone_without_a_word_may_have_filled_for_as_long_as_it_is_given() -> None:
    book = Book()
    book.traces.patience_ns = REDUCED
    book.traces.listed([order(ES, "SELL", 3)], 0)
    book.read(5)
    book.traces.listed([], SECOND)
    assert (book.read(5, 1).can_close, book.believed) == (2, False)
    assert (book.read(5, 7).can_close, book.believed) == (5, True)


def test_a_part_of_our_own_fills_missing_is_still_never_believed_after_trades_unseen() -> None:
    book = seen_too_late(-2, filled=25)
    for at_s in (30, 60, 90):
        assert book.read(-2, at_s).can_close == 0


def test_a_feed_that_catches_up_with_exactly_what_was_traded_unseen_is_believed_at_once() -> None:
    assert seen_too_late(-26, filled=0).can_close == -26


def test_once_it_is_believed_trades_unseen_are_history() -> None:
    """What the position before that may have missed explains nothing any more."""
    book = seen_too_late(-26, filled=0).filled(25)
    for at_s in (3, 30, 60, 90):
        assert book.read(-2, at_s).can_close == 0


def test_nothing_is_caught_up_with_where_a_late_feed_of_others_looks_the_same() -> None:
    """5 short after 3 were sold just before; others buy 5 and end it. 3 short is a late view of that, or the truth."""
    book = Book(-3, first=-5, recent=True).traded(5)
    assert not book.read(-3, 0.1).believed


def test_executions_seen_in_time_are_counted_from_then_on() -> None:
    book = Book(first=5)
    book.positions((held(ES, 5),), SECOND)  # without executions
    book.executions(())
    book.positions((held(ES, 5),), 2 * SECOND)
    assert book.can_close == 5
    assert book.traded(-2).read(5, 3).can_close == 3


def test_unsettled_reads_must_stand_for_the_patience_asked_for() -> None:
    book = Book(first=5)
    book.unsettle(KEY, 3 * SECOND)
    assert (book.can_close, book.all_zero()) == (0, False)
    assert book.read(5, 1).can_close == 0
    assert book.read(5, 3.9).can_close == 0
    assert book.read(5, 4).can_close == 5


def test_unsettled_twice_the_longer_patience_counts() -> None:
    book = Book(first=5)
    book.unsettle(KEY, 3 * SECOND)
    book.unsettle(KEY, 1 * SECOND)
    book.read(5, 1)
    assert book.read(5, 3).can_close == 0
    assert book.read(5, 4).can_close == 5
    book.unsettle(KEY, 1 * SECOND)  # a new trouble has a patience of its own
    assert book.read(5, 5).read(5, 6).can_close == 5


def test_a_new_trouble_begins_the_wait_anew() -> None:
    book = Book(first=5)
    book.unsettle(KEY, 3 * SECOND)
    book.read(5, 1).unsettle(KEY, 3 * SECOND)
    assert not book.read(5, 4).believed
    assert book.read(5, 7).believed


def test_what_was_never_seen_cannot_be_unsettled() -> None:
    book = Book()
    book.unsettle(KEY, SECOND)
    assert book.seen() == ()


# all zero -------------------------------------------------------------------------------------------------------------


def test_before_the_first_read_nothing_is_flat() -> None:
    assert not Book().all_zero()


def test_an_empty_list_is_flat() -> None:
    assert Book().read(0).all_zero()


def test_a_position_is_not_flat() -> None:
    assert not Book(first=1).all_zero()


def test_a_doubted_zero_is_not_flat() -> None:
    assert not Book(first=5).read(0).all_zero()


def test_an_unsettled_zero_is_not_flat() -> None:
    book = Book(first=5).filled(-5).read(0)
    book.unsettle(KEY, SECOND)
    assert not book.all_zero()


# in general -----------------------------------------------------------------------------------------------------------

quantities = st.integers(-20, 20)


@given(quantities, st.lists(st.tuples(st.sampled_from(["filled", "traded", "read"]), quantities), max_size=12))
def test_what_may_be_closed_is_never_more_than_any_view_holds(first: int, steps: list[tuple[str, int]]) -> None:
    book = Book(first=first)
    for n, (what, quantity) in enumerate(steps):
        {"filled": book.filled, "traded": book.traded}.get(what, lambda q, at=n: book.read(q, at))(quantity)
        if KEY not in book.seen():
            continue
        free, shown, lawful = book.can_close, book.position(KEY), book.expected(KEY)
        assert abs(free) <= min(abs(shown), abs(lawful))
        assert free == 0 or (free > 0) == (shown > 0) == (lawful > 0)


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
