"""A position that shows nothing of what another kill has closed is not closed again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.book import BEGAN_NS, Book
from core.kill.builders import ES, SECOND, execution, order
from engine.core.facts import ExecutionFact
from engine.core.kill.held.hidden_closes import HiddenCloses
from engine.core.kill.held.traces import Traces

KEY = ("DU1", ES.con_id)
CLOSE = "QEKILL-other.1-1"
STANDING = 180 * SECOND


def close(
    signed: int, exec_id: str = "kill.01", age_s: int = 0, order_ref: str = CLOSE, perm_id: int = 501
) -> ExecutionFact:
    return execution(
        ES, signed, exec_id, order_ref=order_ref, perm_id=perm_id, age_ns_min=age_s * SECOND, recent=age_s <= 15
    )


def trade(signed: int, exec_id: str = "bot.01", age_s: int = 0) -> ExecutionFact:
    return close(signed, exec_id, age_s, order_ref="bot", perm_id=9)


def ended(action: str, quantity: int, filled: int, perm_id: int = 501) -> Traces:
    traces = Traces(0, 0)
    traces.completed([order(ES, action, quantity, filled=Decimal(filled), order_ref=CLOSE, perm_id=perm_id)], 0)
    traces.executions([((perm_id, 0, 0), KEY, Decimal(filled))])
    return traces


def after(*listed: ExecutionFact) -> HiddenCloses:
    closes = HiddenCloses(STANDING)
    closes.executions(listed)
    return closes


def may_miss(closes: HiddenCloses, position: int, traces: Traces | None = None) -> bool:
    return closes.may_miss_one(KEY, Decimal(position), traces or ended("SELL", 20, 20))


@pytest.mark.parametrize("side", [1, -1])
def test_a_position_as_before_the_close_may_miss_it(side: int) -> None:
    closes = after(close(-20 * side))
    traces = ended("SELL" if side > 0 else "BUY", 20, 20)
    assert may_miss(closes, 20 * side, traces) and may_miss(closes, 50 * side, traces)


def test_zero_the_other_side_and_another_contract_do_not() -> None:
    closes = after(close(-20))
    assert not may_miss(closes, 0) and not may_miss(closes, -20)
    assert not closes.may_miss_one(("DU1", ES.con_id + 1), Decimal(20), Traces(0, 0))


def test_less_than_was_closed_in_one_execution_shows_it() -> None:
    assert not may_miss(after(close(-20)), 19)
    assert may_miss(after(close(-20), close(-5, "kill2.01")), 19)  # and another one may still be missing


def test_what_the_order_has_left_is_what_is_left() -> None:
    """A kill died in the middle of an order, which somebody has cancelled since: the rest must be closed."""
    closes = after(close(-20))
    assert not may_miss(closes, 20, ended("SELL", 40, 20))
    assert may_miss(closes, 40, ended("SELL", 40, 20))


def test_less_than_it_has_left_was_reduced_by_somebody_else() -> None:
    assert not may_miss(after(close(-1)), 2, ended("SELL", 8, 1))


def test_the_long_wait_ends_when_something_else_shows_and_obeys_the_law() -> None:
    """Others traded before the press, so the first of the other kill's orders closed only what was safe."""
    before = (trade(-1, age_s=2), close(-1, "kill.01"))
    book = Book(listed=False)
    book.executions(before)
    book.read(1)
    book.executions((*before, close(-1, "kill2.01", perm_id=502)))
    assert not book.read(0, 1).all_zero()
    assert book.read(0, 12).all_zero()


def marked(signed: int, held: int, number: int, age_s: int = 0) -> ExecutionFact:
    return close(signed, f"kill{number}.01", age_s, f"QEKILL-other.1-{number}of{held}", perm_id=500 + number)


def test_what_its_mark_says_was_there_is_left_behind_an_order_of_which_nothing_else_is_told() -> None:
    """A kill died behind the first half of a position that TWS takes in halves, or in the middle of an order that the
    next press has cancelled; completed orders name no quantity, or cannot be read."""
    closes = after(marked(-20, held=40, number=1))
    assert not may_miss(closes, 20, Traces(0, 0))
    assert may_miss(closes, 21, Traces(0, 0)) and may_miss(closes, 40, Traces(0, 0))


def test_what_the_order_itself_says_has_filled_is_not_left() -> None:
    closes, traces = after(marked(-20, held=40, number=1)), Traces(0, 0)
    traces.listed([order(ES, "SELL", 40, filled=Decimal(30), order_ref="QEKILL-other.1-1of40", perm_id=501)], 0)
    traces.executions([((501, 0, 0), KEY, Decimal(20))])
    assert may_miss(closes, 20, traces) and not may_miss(closes, 10, traces)


def test_all_that_an_order_has_traded_counts_however_old() -> None:
    closes = after(
        close(-15, "kill1.01", 300, "QEKILL-other.1-1of40", 501), close(-5, "kill1.02", 20, "QEKILL-other.1-1of40", 501)
    )
    assert not may_miss(closes, 20, Traces(0, 0)) and may_miss(closes, 25, Traces(0, 0))


def test_behind_the_second_half_nothing_is_left_of_the_first() -> None:
    closes = after(marked(-20, held=40, number=1), marked(-20, held=20, number=2))
    assert may_miss(closes, 20, Traces(0, 0))
    assert not closes.have_left(KEY, Traces(0, 0))
    assert after(marked(-20, held=40, number=1)).have_left(KEY, Traces(0, 0))


def test_each_kill_that_has_left_something_counts() -> None:
    closes = after(marked(-20, held=40, number=1), close(-5, "b.01", 0, "QEKILL-next.1-7of5", 900))
    assert closes.have_left(KEY, Traces(0, 0))
    assert not closes.have_left(("DU1", ES.con_id + 1), Traces(0, 0))


def test_the_last_order_is_the_one_with_the_highest_number_in_whatever_order_they_are_listed() -> None:
    for listed in ([(2, 20), (1, 40)], [(1, 40), (2, 20)]):
        closes = after(*(marked(-20, held=held, number=number) for number, held in listed))
        assert not closes.have_left(KEY, Traces(0, 0)) and closes.ended_at_nothing(KEY, Traces(0, 0))
    for listed in ([(2, 40), (1, 20)], [(1, 20), (2, 40)]):
        closes = after(*(marked(-20, held=held, number=number) for number, held in listed))
        assert closes.have_left(KEY, Traces(0, 0)) and not closes.ended_at_nothing(KEY, Traces(0, 0))


def test_the_same_list_again_tells_of_no_more_that_was_traded() -> None:
    closes = after(marked(-20, held=40, number=1))
    closes.executions((marked(-20, held=40, number=1),))
    assert closes.have_left(KEY, Traces(0, 0)) and not may_miss(closes, 20, Traces(0, 0))


def test_of_several_orders_the_one_that_has_least_left_tells() -> None:
    closes = after(close(-20), close(-10, "kill2.01", perm_id=502))
    traces = ended("SELL", 40, 20)
    traces.completed([order(ES, "SELL", 20, filled=Decimal(10), order_ref=CLOSE, perm_id=502)], 0)
    traces.executions([((501, 0, 0), KEY, Decimal(20)), ((502, 0, 0), KEY, Decimal(10))])
    assert not may_miss(closes, 10, traces)
    assert may_miss(closes, 20, traces)


@pytest.mark.parametrize("side", [1, -1])
def test_what_is_less_than_the_last_of_a_close_shows_all_of_it(side: int) -> None:
    """A feed shows trades in their order: with one piece missing, every later one would be missing too."""
    traces = ended("SELL" if side > 0 else "BUY", 20, 20)
    pieces = [close(-n * side, f"kill{n}.01", age_s) for n, age_s in ((15, 9), (1, 8), (4, 5))]
    assert not may_miss(after(*pieces), side, traces)
    assert may_miss(after(*pieces), 4 * side, traces)


@pytest.mark.parametrize(
    ("pieces", "missed"),
    [
        (((1, 7), (4, 5)), False),
        (((1, 6), (4, 5)), True),  # whole seconds: it may have been the last
        (((1, 8), (4, 0)), True),  # no age: nobody knows which was the last
        (((4, 8), (1, 5)), True),
    ],
)
def test_which_piece_was_the_last_is_known_to_a_second(pieces: tuple[tuple[int, int], ...], missed: bool) -> None:
    closes = after(*(close(-quantity, f"kill{quantity}.01", age_s) for quantity, age_s in pieces))
    assert may_miss(closes, 1, ended("SELL", 5, 5)) is missed


def test_a_piece_that_is_told_later_may_have_been_the_last_however_old_it_is() -> None:
    closes = after(close(-4, "kill4.01", 5))
    assert not may_miss(closes, 1, ended("SELL", 5, 5))
    closes.executions((close(-4, "kill4.01", 6), close(-1, "kill1.01", 30)))
    assert may_miss(closes, 1, ended("SELL", 5, 5))
    closes.executions((close(-4, "kill4.01", 7), close(-1, "kill1.02", 31)))
    assert may_miss(closes, 1, ended("SELL", 5, 5)), "and its correction too"


def test_what_only_the_order_tells_may_have_been_the_last() -> None:
    closes, traces = after(close(-4, "kill4.01", 5)), Traces(0, 0)
    traces.listed([order(ES, "SELL", 5, order_ref=CLOSE)], 0)
    traces.completed([order(ES, "SELL", 5, filled=Decimal(5), order_ref=CLOSE)], 1)
    traces.executions([((501, 0, 0), KEY, Decimal(4))])
    assert may_miss(closes, 1, traces)
    assert not may_miss(after(), 4, ended_untold(5)), "not where it is more than what is there"


def test_the_same_list_again_makes_none_of_them_later() -> None:
    closes = after(close(-4, "kill4.01", 5), close(-1, "kill1.01", 8))
    closes.executions((close(-4, "kill4.01", 6), close(-1, "kill1.01", 9)))
    assert not may_miss(closes, 1, ended("SELL", 5, 5))


def ended_untold(filled: int) -> Traces:
    """Only the order tells of its fills."""
    traces = Traces(0, 0)
    traces.listed([order(ES, "SELL", filled, order_ref=CLOSE)], 0)
    traces.completed([order(ES, "SELL", filled, filled=Decimal(filled), order_ref=CLOSE)], 1)
    return traces


def test_of_an_order_that_nobody_tells_of_nothing_is_left() -> None:
    assert may_miss(after(close(-20)), 20, Traces(0, 0))


def test_an_order_that_has_filled_counts_before_an_execution_tells_of_it() -> None:
    traces = Traces(0, 0)
    working = order(ES, "SELL", 20, order_ref=CLOSE)
    traces.listed([working], 0)
    traces.completed([order(ES, "SELL", 20, filled=Decimal(20), order_ref=CLOSE)], 1)
    assert may_miss(after(), 20, traces)
    bots = Traces(0, 0)
    bots.listed([order(ES, "SELL", 20, order_ref="bot")], 0)
    bots.completed([order(ES, "SELL", 20, filled=Decimal(20), order_ref="bot")], 1)
    assert not may_miss(after(), 20, bots)


@pytest.mark.parametrize(("age_s", "missed"), [(0, True), (179, True), (180, False)])
def test_a_close_from_before_the_press_counts_for_three_minutes(age_s: int, missed: bool) -> None:
    assert may_miss(after(close(-20, age_s=age_s)), 20) is missed


@pytest.mark.parametrize(("age_s", "missed"), [(31, True), (30, True), (29, False)])
def test_who_has_traded_since_may_have_opened_it_again(age_s: int, missed: bool) -> None:
    assert may_miss(after(close(-20, age_s=30), trade(20, age_s=age_s)), 20) is missed


def test_who_has_traded_in_the_same_moment_has_not_traded_since() -> None:
    assert may_miss(after(close(-20), trade(20)), 20)


def test_so_may_who_trades_later_while_it_is_looked_at() -> None:
    closes = after(trade(20, age_s=60), close(-20, age_s=30))
    closes.executions((trade(20, age_s=61), close(-20, age_s=31)))
    assert may_miss(closes, 20)
    closes.executions((trade(20, age_s=62), close(-20, age_s=32), trade(5, "new.01")))
    assert not may_miss(closes, 20)


def test_a_correction_of_a_close_replaces_it() -> None:
    closes = after(close(-20, "kill.01"))
    closes.executions((close(-2, "kill.02"),))
    assert may_miss(closes, 2) and len(closes._closes) == 1


def test_so_does_one_that_comes_when_the_close_is_old() -> None:
    closes = after(close(-20, "kill.01", 170))
    closes.executions((close(-2, "kill.02", 185),))
    assert may_miss(closes, 2)


def test_one_too_old_in_the_first_list_is_too_old_in_the_next() -> None:
    closes = after(close(-20, age_s=200))
    closes.executions((close(-20, age_s=201),))
    assert not may_miss(closes, 20)


def test_a_close_that_is_told_later_counts_however_old_it_is() -> None:
    closes = after()
    closes.executions((close(-20, age_s=400),))
    assert may_miss(closes, 20)


def test_what_another_kill_closed_more_than_ten_seconds_ago_is_not_closed_again_while_the_feed_stands_still() -> None:
    book = Book(listed=False)
    book.executions((close(-20, age_s=60),))
    book.traces.completed([order(ES, "SELL", 20, filled=Decimal(20), order_ref=CLOSE)], 0)
    book.read(20)
    for at_s in (1, 10, 30, 119):
        assert book.read(20, at_s).can_close == 0 and not book.believed
    assert book.read(0, 119.5).believed


def test_what_others_sold_beside_it_makes_a_close_no_larger_than_what_is_there() -> None:
    """It may be missing; only what they bought could have been there for it without being seen."""
    book = Book(listed=False)
    book.executions((close(-4), trade(-3)))
    for at_s in (0, 7, 60):
        assert book.read(5, at_s).can_close == 0 and not book.believed


def test_after_three_minutes_it_is_news() -> None:
    book = Book(listed=False)
    book.executions((close(-20, age_s=60),))
    book.read(20)
    assert not book.read(20, 119).believed
    assert book.read(20, 121).believed and book.can_close == 20


def test_a_feed_that_stands_still_while_another_kill_closes_is_not_believed_either() -> None:
    book = Book(first=20)
    book.executions((close(-20),))
    for at_s in (1, 5, 21, 60, 119):
        assert book.read(20, at_s).can_close == 0 and not book.believed
    assert book.read(0, 119.5).believed


def test_what_explains_a_position_once_explains_it_only_once() -> None:
    """Sold and bought just before the press, one bought back by us: a position that has not moved by that may be right,
    for the trades before may be in it or not. Told that we bought one more, it cannot be explained by them again."""
    book = Book(-3, 2, first=-1, recent=True).executed(1)
    for at_s in (1, 10, 20, 60, 89):
        assert book.read(-1, at_s).can_close == 0
    assert book.read(-1, 91).can_close == -1
    book.executed(1)
    for at_s in (92, 120, 150, 200, 300):
        assert book.read(-1, at_s).can_close == 0 and not book.believed


def test_what_is_left_behind_an_older_kills_close_of_a_part_is_waited_for() -> None:
    """It had closed 4 of 12. What its close may have left is closed at once, and is 4 as well: what shows then may be
    either of the two, and the other still to come."""
    book = Book(listed=False)
    book.executions((close(4, age_s=1),))
    book.traces.completed([order(ES, "BUY", 4, filled=Decimal(4), order_ref=CLOSE)], 0)
    assert book.read(-8).can_close == -4
    book.executed(4)
    for at_s in (1, 21, 60, 119):
        assert book.read(-4, at_s).can_close == 0 and not book.believed
    assert book.read(-4, 181).can_close == -4


def test_how_long_it_stood_before_somebody_traded_says_nothing_of_that_trade() -> None:
    """A second press waits for a picture that may miss the first one's close, and then another program sells."""
    book = Book(listed=False)
    book.executions((close(-1),))
    for at_s in (0, 10, 25):
        book.read(1, at_s)
    book.executions((close(-1), trade(-1)))
    for at_s in (25.1, 30, 45):
        assert book.read(1, at_s).can_close == 0 and not book.believed
    assert book.read(-1, 45.5).can_close != 1


def told_behind_zero(*listed: ExecutionFact, filled: int = 20) -> Book:
    """Executions were read just before another kill closed everything, and the positions behind that."""
    book = Book(first=0)
    book.traces.completed([order(ES, "SELL", 20, filled=Decimal(filled), order_ref=CLOSE)], 0)
    book.executions(listed)
    return book


@pytest.mark.parametrize("pieces", [(20,), (12, 8)])
def test_zero_that_another_kill_has_made_is_not_waited_for_as_if_something_were_there(pieces: tuple[int, ...]) -> None:
    book = told_behind_zero(*(close(-n, f"kill{n}.01") for n in pieces))
    for at_s in (1, 10, 20):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 21).all_zero()


@pytest.mark.parametrize(
    ("listed", "filled"),
    [
        ((close(-20), trade(-1)), 20),  # somebody else's, who may have opened something
        ((close(-12),), 12),  # its order has something left
        ((close(-12), close(-8, "kill2.01", order_ref="QEKILL-third.1-1", perm_id=502)), 12),  # one of two kills' has
        ((close(-20), close(3, "kill2.01", perm_id=502)), 20),  # both ways: who knows in which order
    ],
)
def test_it_is_where_anything_says_that_something_may_be_there(listed: tuple[ExecutionFact, ...], filled: int) -> None:
    book = told_behind_zero(*listed, filled=filled)
    for at_s in (1, 21, 60, 90):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 91).all_zero()


def bought_back_twice(*listed: tuple[int, str]) -> Book:
    """Short 1 that somebody is assigned, which no execution tells: another kill buys 1 back, and sells it again."""
    book = Book(first=-1)
    trades = [close(signed, f"{n}.01", order_ref=ref, perm_id=500 + n) for n, (signed, ref) in enumerate(listed)]
    book.executions(tuple(trades))
    return book


@pytest.mark.parametrize(
    "listed",
    [
        [(1, "QEKILL-other.1-4of1"), (-1, "QEKILL-other.1-7of1")],
        [(-1, "QEKILL-other.1-7of1"), (1, "QEKILL-other.1-4of1")],  # in whatever order they are listed
    ],
)
def test_zero_behind_a_kill_that_closed_to_both_sides_is_zero_when_its_last_order_left_nothing(
    listed: list[tuple[int, str]],
) -> None:
    book = bought_back_twice(*listed)
    for at_s in (1, 10, 20):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 21).all_zero()


@pytest.mark.parametrize(
    "listed",
    [
        [(1, "QEKILL-other.1-4of1"), (-1, "QEKILL-other.1-7of2")],  # the last of its orders has left something
        [(1, "QEKILL-other.1-4of1"), (-1, "QEKILL-third.1-7of1")],  # two kills: who knows which was the last
        [(1, "QEKILL-other.1-4of1"), (-1, "QEKILL-other.1-7")],  # an older program's mark does not say
        [(1, "QEKILL-other.1"), (-1, "QEKILL-other.1-7of1")],  # no kill marks like that
        [(1, "QEKILL-other.1-4of1"), (-1, "QEKILL-other.1")],
        [(1, "QEKILL-other.1-4of1"), (-1, "QEKILL-other.1-7of1"), (1, "bot"), (-1, "bot")],  # somebody else too
        [(1, "bot"), (-1, "bot")],  # and no kill at all
    ],
)
def test_it_is_doubted_where_anything_says_that_it_may_not_have_been_the_last(listed: list[tuple[int, str]]) -> None:
    book = bought_back_twice(*listed)
    for at_s in (1, 21, 60, 90):
        assert not book.read(0, at_s).all_zero()
    assert book.read(0, 91).all_zero()


def test_nor_is_it_believed_where_others_traded_before_it_or_this_kill_did() -> None:
    theirs = (
        close(1, "4.01", order_ref="QEKILL-other.1-4of1", perm_id=504),
        close(-1, "7.01", order_ref="QEKILL-other.1-7of1", perm_id=507),
    )
    mixed, ours = Book(first=-1), Book(first=-2).executed(1)
    before = (trade(1, "bot1.01"), trade(-1, "bot2.01"))
    mixed.executions(before)
    mixed.executions((*before, *theirs))
    ours.executions(theirs)
    for book in (mixed, ours):
        for at_s in (1, 21, 60, 90):
            assert not book.read(0, at_s).all_zero()
        assert book.read(0, 91).all_zero()


def test_what_shows_beside_a_kill_that_left_nothing_is_no_zero() -> None:
    book = bought_back_twice((1, "QEKILL-other.1-4of1"), (-1, "QEKILL-other.1-7of1"))
    for at_s in (1, 21, 60):
        assert not book.read(1, at_s).all_zero()


def test_it_is_where_an_order_may_have_filled_of_which_nobody_tells() -> None:
    book = told_behind_zero(close(-20))
    book.traces.patience_ns = 200 * SECOND
    book.traces.listed([order(ES, "BUY", 5, perm_id=9)], BEGAN_NS)
    book.traces.listed([], BEGAN_NS)
    for at_s in (1, 21, 60, 90):
        book.read(0, at_s)
        assert book._holdings[KEY].doubted


def test_nothing_is_called_flat_in_a_hurry_that_executions_contradict() -> None:
    book = Book(first=0).traded(7)
    for at_s in (1, 10, 20, 30, 60, 90):
        assert not book.read(0, at_s).all_zero()
    assert book.read(7, 90.5).can_close == 7
