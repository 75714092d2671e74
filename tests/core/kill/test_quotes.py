"""Quotes asked for one contract: what is still open, and when nobody is on the other side."""

from __future__ import annotations

import pytest

from core.kill.builders import quote
from engine.core.facts import Quote, QuoteKind
from engine.core.kill.closes.quotes import Quotes


def asked(at_ns: int = 5) -> Quotes:
    quotes = Quotes()
    quotes.ask(at_ns)
    return quotes


def heard(*answers: Quote | None) -> Quotes:
    quotes = asked()
    for answer in answers:
        quotes.heard(answer, 9)
    return quotes


def test_nothing_asked_is_nothing_answered() -> None:
    assert not Quotes().answered


def test_a_question_is_answered_by_what_comes_after_it() -> None:
    quotes = asked()
    assert not quotes.answered
    quotes.heard(None, 5)
    assert quotes.answered
    quotes.ask(6)
    assert not quotes.answered


def test_an_answer_to_an_older_question_is_not_one_to_this() -> None:
    quotes = Quotes()
    quotes.heard(quote(), 4)
    quotes.ask(5)
    assert not quotes.answered


def test_when_the_connection_breaks_an_open_question_is_asked_anew_an_answered_one_is_not() -> None:
    quotes = asked()
    quotes.forget_open()
    assert quotes.asked_ns is None
    quotes.ask(5)
    quotes.heard(quote(), 6)
    quotes.forget_open()
    assert quotes.answered


@pytest.mark.parametrize(("buys", "one_sided"), [(False, quote(bid=None)), (True, quote(ask=None))])
def test_nobody_is_there_when_two_live_quotes_lack_the_side(buys: bool, one_sided: Quote) -> None:
    quotes = heard(one_sided)
    assert not quotes.nobody(buys=buys)
    assert quotes.nobody(buys=buys)


def test_the_other_side_does_not_matter() -> None:
    quotes = heard(quote(bid=None))
    assert not any(quotes.nobody(buys=True) for _ in range(5))


def test_a_quote_with_the_side_begins_the_count_anew() -> None:
    quotes = heard(quote(bid=None))
    quotes.nobody(buys=False)
    quotes.heard(quote(), 10)
    assert not quotes.nobody(buys=False)
    quotes.heard(quote(bid=None), 11)
    assert not quotes.nobody(buys=False)


@pytest.mark.parametrize(
    "answer", [None, quote(bid=None, kind=QuoteKind.DELAYED), quote(bid=None, kind=QuoteKind.FROZEN)]
)
def test_what_is_not_live_proves_nobody_missing(answer: Quote | None) -> None:
    quotes = heard(answer)
    assert not any(quotes.nobody(buys=False) for _ in range(5))


def test_a_bid_of_zero_is_a_bid() -> None:
    quotes = heard(quote(bid="0"))
    assert not any(quotes.nobody(buys=False) for _ in range(5))


def test_two_answers_without_a_price_are_enough() -> None:
    quotes = Quotes()
    assert [quotes.no_price(), quotes.no_price()] == [False, True]


def test_an_order_begins_anew() -> None:
    quotes = heard(quote(bid=None))
    quotes.nobody(buys=False)
    quotes.no_price()
    quotes.order_sent()
    assert quotes.asked_ns is None
    assert not quotes.nobody(buys=False)
    assert not quotes.no_price()
