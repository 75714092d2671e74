"""What is really held: the law, what a ledger takes in and what it says may be closed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kill.book import BEGAN_NS, KEY, REDUCED, SETTLE, Book
from core.kill.builders import ES, D, execution, future, held, order
from engine.core.kill.settings import SECOND


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


def test_a_fill_of_ours_and_a_trade_of_others_that_cancel_out_may_be_missing_each_for_itself() -> None:
    assert Book(first=5).filled(-2).traded(2).can_close == 3


def test_what_an_order_says_it_trades_behind_the_first_list_counts_by_the_law() -> None:
    book = Book(first=10)
    book.traces.listed([order(ES, "SELL", 5)], BEGAN_NS)
    book.traces.listed([order(ES, "SELL", 5, filled=D(3))], BEGAN_NS)
    book.executions(())
    assert (book.read(7, 1).can_close, book.believed) == (7, True)


def test_an_order_that_is_gone_without_a_word_may_have_filled_for_as_long_as_it_is_given() -> None:
    book = Book()
    book.traces.patience_ns = REDUCED
    book.traces.listed([order(ES, "SELL", 3)], BEGAN_NS)
    book.read(5)
    book.traces.listed([], BEGAN_NS + SECOND)
    assert (book.read(5, 1).can_close, book.believed) == (2, False)
    assert (book.read(5, 7).can_close, book.believed) == (5, True)


def ended_late(filled: int, *, held: int = -25, closed: int = 23) -> Book:
    """An order to buy 6 is first heard of by its end, behind the first lists: so much of it has filled, and no list of
    executions shows anything of it. Of what was held we have closed a part."""
    book = Book(first=held)
    book.traces.completed([order(ES, "BUY", 6, filled=D(filled), perm_id=5)], BEGAN_NS + SECOND)
    book.executions(())
    return book.executed(closed)


def test_what_an_order_filled_that_is_heard_of_by_its_end_counts_as_of_today_for_as_long_as_a_feed_may_be_late() -> (
    None
):
    """1 of it, and of 25 short 23 and 1 are closed: nothing looks different where the feed misses either 1."""
    book = ended_late(1).surveyed(-2, 1).executed(1).surveyed_until(-1, 20)
    assert (book.can_close, book.believed) == (0, False)


def test_but_where_executions_stay_silent_about_it_it_was_of_another_day() -> None:
    book = ended_late(1).surveyed(-2, 1).executed(1).surveyed_until(-1, 21)
    assert (book.can_close, book.believed) == (-1, True)


def test_not_while_executions_cannot_be_read() -> None:
    book = ended_late(1).surveyed(-2, 1).executed(1)
    for at_s in range(2, 60):
        book.read(-1, at_s)
    assert (book.can_close, book.believed) == (0, False)


def test_nor_where_the_position_has_moved_by_it() -> None:
    book = ended_late(1).surveyed(-1, 1)
    for at_s in range(2, 40):
        assert book.surveyed(-1, at_s).believed


def test_nor_where_it_was_told_before_the_first_list_of_executions() -> None:
    """It counts as of the beginning then: in the first position or not."""
    book = Book(listed=False)
    book.traces.completed([order(ES, "BUY", 6, filled=D(5), perm_id=5)], BEGAN_NS)
    book.surveyed(-25)
    assert not book.surveyed_until(-25, 9).believed
    for at_s in range(10, 60):
        assert (book.surveyed(-25, at_s).believed, book.expected(KEY)) == (True, -25)


def test_an_order_that_was_seen_open_has_filled_since_whatever_executions_say() -> None:
    book = Book(first=-25)
    book.traces.listed([order(ES, "BUY", 6, perm_id=5)], BEGAN_NS)
    book.traces.completed([order(ES, "BUY", 6, filled=D(1), perm_id=5)], BEGAN_NS + SECOND)
    book.executions(())
    book.executed(23).read(-2, 1).executed(1)
    assert not book.surveyed_until(-1, 60).believed


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


def test_only_what_is_shown_and_not_safe_to_close_is_hesitated_about() -> None:
    assert not Book().hesitates(KEY), "nothing was read"
    assert not Book(first=0).hesitates(KEY)
    assert not Book(first=3).hesitates(KEY), "it is closed"
    unsure = Book(-3, first=3, recent=True)
    assert unsure.closable(KEY) == 0 and unsure.hesitates(KEY), "sold just before, and perhaps not in the list yet"
    read = Book(first=0)
    read.traded(5).surveyed(0, 1)
    assert read.hesitates(KEY) is False, "nothing is shown there"


def test_contracts_without_an_id_are_several_and_none_takes_the_number_of_a_real_one() -> None:
    book = Book()
    keys = [book.key_of(held(future(0, symbol), 1)) for symbol in ("ES", "NQ", "CL", "ES")]
    assert len(set(keys)) == 3 and keys[0] == keys[3]
    assert all(con_id < 0 for _, con_id in keys)


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
