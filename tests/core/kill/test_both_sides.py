"""Fills of our own to both sides, because others have turned the position: a late feed shows a part of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.kill.book import KEY, Book
from core.kill.faults import Faults, Trade
from core.kill.market import contract
from core.kill.model import Model
from engine.core.kill.settings import SECOND, KillSettings


def turned(first: int, *steps: tuple[str, int]) -> Book:
    """Our fills, and others' trades between them."""
    book = Book(first=first)
    for who, quantity in steps:
        book.executed(quantity) if who == "us" else book.traded(quantity)
    return book


@pytest.mark.parametrize("shows", [-50, -25, 1])
def test_a_late_feed_may_show_our_fills_to_one_side_and_not_those_to_the_other(shows: int) -> None:
    """One held and sold; others sell 50; we buy them. A feed that has come as far as -50 will come to zero."""
    book = turned(1, ("us", -1), ("they", -25), ("they", -25), ("us", 25), ("us", 25))
    for at_s in (1, 3, 6, 21, 60):
        assert (book.read(shows, at_s).can_close, book.believed) == (0, False)
    assert book.read(0, 61).all_zero()


@pytest.mark.parametrize("shows", [-5, 5])
def test_fills_of_ours_that_come_to_nothing_may_be_missing_all_the_same(shows: int) -> None:
    book = turned(5, ("us", -5), ("they", -5), ("us", 5))
    for at_s in (1, 3, 6, 21, 60):
        assert (book.read(shows, at_s).can_close, book.believed) == (0, False)
    assert book.read(0, 61).can_close == 0


def test_what_may_be_closed_is_safe_where_either_side_of_them_does_not_show() -> None:
    book = turned(10, ("us", -10), ("they", -30), ("us", 20))
    assert (book.expected(KEY), book.read(-25, 1).can_close) == (-10, -5)


def test_a_kill_does_not_close_twice_what_others_have_opened_behind_its_close() -> None:
    """Found by random search: the feed is five seconds late, and somebody sells 25 twice behind our close of one."""
    faults = Faults(
        acknowledge_ms=(0, 1),
        fill_ms=(0, 1),
        position_lag_ms=5000,
        position_hints=False,
        trades=tuple(Trade(at_ms=at_ms, key=("DU1", 2), quantity=Decimal(-25)) for at_ms in (7, 195)),
    )
    contracts = {1: contract(1), 2: contract(2), 3: contract(3, "STK")}
    positions = {("DU1", 1): Decimal(-25), ("DU1", 2): Decimal(1), ("DU1", 3): Decimal(-25)}
    story = Model(positions, contracts, [], faults, settings=KillSettings(deadline_ns=30 * SECOND))
    story.run()
    assert not story.violations
