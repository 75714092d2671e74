"""An order that TWS is asked to hold is in no list: only a word of its transmission, or its end, changes that."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from engine.core.book import Book
from engine.core.contracts import Contract
from engine.core.exposure import Resting, Side
from engine.core.preflight.desk import Preflight
from engine.trading.login_book import LoginBook
from engine.wire.order import Order, OrderState
from engine.wire.replies import OpenOrder, OrderStatus

KEY = (21, 1)
FIVE, ZERO = Decimal(5), Decimal(0)
SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
Told = Callable[[str], OrderStatus | OpenOrder]


def status(word: str, filled: Decimal = ZERO) -> OrderStatus | OpenOrder:
    return OrderStatus(1, word, filled, FIVE - filled, ZERO, 77, 0, ZERO, 21)


def shown(word: str) -> OrderStatus | OpenOrder:
    order = Order(action="BUY", total_quantity=FIVE, order_type="LMT", lmt_price=FIVE, client_id=21, perm_id=77)
    return OpenOrder(1, SPY, order, OrderState(status=word))


def heard(*replies: OrderStatus | OpenOrder) -> Book:
    desk = Preflight()
    made = LoginBook(desk, lambda _: None, lambda: None)
    held = Resting(key=KEY, account="DU1", con_id=SPY.con_id, side=Side.BUY, remaining=FIVE, untransmitted=True)
    desk.book.sent(held)
    for one in replies:
        made.heard(one)
    return desk.book


@pytest.mark.parametrize("word", ["Inactive", "PendingSubmit", "ApiPending"])
def test_what_says_nothing_of_its_transmission_leaves_it_held_and_counted(word: str) -> None:
    book = heard(status(word), shown(word))
    assert book.unacknowledged(KEY) and book.order(KEY)[0].untransmitted
    book.read_orders((), book.mark(), 1)
    assert book.order(KEY), "it is in no list, and counts"


@pytest.mark.parametrize("told", [status, shown])
@pytest.mark.parametrize("word", ["PreSubmitted", "Submitted"])
def test_what_works_is_held_no_longer(told: Told, word: str) -> None:
    book = heard(told(word))
    assert not book.unacknowledged(KEY) and not book.order(KEY)[0].untransmitted


def test_what_has_filled_in_part_is_held_no_longer_whatever_its_status() -> None:
    (order,) = heard(status("PendingCancel", Decimal(2))).order(KEY)
    assert (order.remaining, order.filled, order.untransmitted) == (3, 2, False)


def test_what_was_cancelled_is_gone() -> None:
    assert not heard(status("Cancelled")).order(KEY)
