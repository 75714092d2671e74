"""Trades of before the first look of which executions tell only later: the first position may contain them already."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.book import BEGAN_NS, EXPECTED, KEY, LATE, REDUCED, Book, ended_before
from core.kill.builders import ES, D, execution, order
from core.kill.faults import Faults, Trade
from core.kill.market import contract
from core.kill.model import Model
from engine.core.kill.settings import SECOND


def told(book: Book, quantity: int, *, age_s: float, at_s: float, order_ref: str = "", perm_id: int = 501) -> Book:
    """A list of executions shows one more trade, made so long ago at least."""
    more = {"order_ref": order_ref, "perm_id": perm_id, "recent": age_s < 15, "age_ns_min": int(age_s * SECOND)}
    book.listed.append(execution(ES, quantity, f"late.{len(book.listed)}.01", **more))
    book.executions(tuple(book.listed), BEGAN_NS + int(at_s * SECOND))
    return book


def test_a_trade_of_before_is_not_expected_once_more_behind_our_own_fill() -> None:
    """25 short, which somebody had sold two seconds before; we buy them; nothing of that shows yet."""
    book = told(Book(first=-25).filled(25), -25, age_s=2.1, at_s=0.1)
    assert (book.read(-25, 0.1).can_close, book.believed) == (0, False)
    assert book.read(0, 0.2).all_zero()


def test_a_trade_of_since_is() -> None:
    book = told(Book(first=-25).filled(25), -25, age_s=1.9, at_s=2)
    assert (book.read(-25, 2).can_close, book.believed) == (-25, True)


def test_of_which_nobody_knows_how_old_it_is_is_one_of_since() -> None:
    book = told(Book(first=5), -2, age_s=0, at_s=1)
    assert book.expected(KEY) == 3


@pytest.mark.parametrize("shows", [5, 3])
def test_the_first_position_contains_it_or_not(shows: int) -> None:
    book = told(Book(first=5), -2, age_s=3, at_s=1)
    assert book.read(shows, 1).can_close == 3
    assert book.believed == (shows == 3)
    assert book.read(shows, 3.9).believed == (shows == 3)
    assert book.read(shows, 4).believed, "six seconds from when it was made"


def test_what_is_older_than_any_feed_is_late_is_in_the_first_position() -> None:
    book = told(Book(first=5), -2, age_s=16, at_s=1)
    assert (book.read(5, 1).can_close, book.believed) == (5, True)


def test_what_an_order_had_told_of_it_is_not_taken_for_another_trade() -> None:
    """Five sold by the order's own word, two of them by an execution that comes later: five in all."""
    book = ended_before(5, shows=20)
    assert (book.can_close, book.expected(KEY)) == (15, 20)
    told(book, -2, age_s=3, at_s=1)
    assert (book.read(20, 1).can_close, book.expected(KEY)) == (15, 20)
    assert (book.read(15, 1.1).can_close, book.believed) == (15, True)


def test_what_is_more_than_it_had_told_is() -> None:
    book = ended_before(2, shows=20)
    told(book, -5, age_s=3, at_s=1)
    assert (book.read(20, 1).can_close, book.expected(KEY)) == (15, 20)


def test_what_an_order_tells_behind_the_first_list_counts_from_then_on_until_an_execution_tells_when_it_was() -> None:
    book = Book(first=20)
    book.traces.completed([order(ES, "SELL", 5, filled=D(5))], BEGAN_NS)
    book.orders_told()
    assert book.expected(KEY) == 15
    told(book, -5, age_s=3, at_s=1)
    assert (book.expected(KEY), book.read(20, 1).can_close) == (20, 15)


def test_an_explanation_that_was_used_does_not_cover_it() -> None:
    """Five bought just before were found to show; then two more come to light."""
    book = Book(5, first=10, recent=True)
    assert book.read(15, 0.1).believed
    told(book, 2, age_s=3, at_s=1)
    assert (book.read(15, 1).can_close, book.believed) == (15, False)
    assert not book.read(17, 1.1).believed, "all of them are in doubt again"
    assert not book.read(17, 10).believed
    assert book.read(17, 1.1 + LATE / SECOND).believed


def test_what_else_was_in_doubt_stays_so() -> None:
    book = Book(first=10)
    book.unsettle(KEY, EXPECTED)
    told(book, -2, age_s=3, at_s=1)
    assert book.read(10, 1).can_close == 0
    assert not book.read(10, 10.9).believed and book.read(10, 11).believed


def test_another_kills_close_of_before_is_given_its_time() -> None:
    book = told(Book(first=5), -2, age_s=1.5, at_s=1, order_ref="QEKILL-other-1of5")
    assert (book.read(5, 1).can_close, book.believed) == (3, False)
    assert not book.read(5, 100).believed, "it would look as before that close"
    assert book.read(3, 101).can_close == 3


def test_where_it_shows_nowhere_nothing_is_flat_before_its_time() -> None:
    book = told(Book(first=0), 2, age_s=2, at_s=1)
    assert not book.read(0, 1).all_zero() and not book.read(0, 1 + REDUCED / SECOND - 2.1).all_zero()
    assert book.read(0, 1 + REDUCED / SECOND - 2).all_zero()


@pytest.mark.parametrize("lag_ms", [3000, 3040, 3200])
def test_a_kill_does_not_close_twice_what_was_opened_before_it_and_is_told_late(lag_ms: int) -> None:
    """Found by the random search: the position showed it at once, its execution three seconds later."""
    faults = Faults(
        acknowledge_ms=(0, 1),
        fill_ms=(0, 1),
        position_lag_ms=100,
        execution_lag_ms=lag_ms,
        position_hints=False,
        refuse_until_ms=4000,
        trades=(Trade(at_ms=1542, key=("DU1", 1), quantity=Decimal(-25)),),
    )
    story = Model({("DU1", 1): Decimal(0)}, {1: contract(1)}, [], faults)
    assert story.run().flat and not story.violations
