"""Live quotes that nobody is meant to trade at make no price."""

from __future__ import annotations

import pytest

from core.kill.builders import ES, SECOND, Stage, ev, future, held, option, quote, stock
from core.kill.test_launching import extended
from engine.core.contracts import Contract
from engine.core.facts import QuoteKind
from engine.core.kill.closes.no_market import no_market
from engine.core.kill.commands import OrderType

PENNY = stock(22, "PENNY")
CALL = option(11)


@pytest.mark.parametrize(
    ("contract", "bid", "ask", "why"),
    [
        (stock(), "0.01", "199999.99", "the quote is too wide to be a market: bid 0.01, ask 199999.99"),
        (stock(), "100", "150.01", "the quote is too wide to be a market: bid 100, ask 150.01"),
        (stock(), "100", "98.99", "the quote is crossed: bid 100, ask 98.99"),
        (stock(), "-1", "-1", "the quote is no price: bid -1, ask -1"),
        (stock(), "-1", None, "the quote is no price: bid -1, ask none"),
        (ES, "6000", "4000", "the quote is crossed: bid 6000, ask 4000"),
        (CALL, "0.01", "10.02", "the quote is too wide to be a market: bid 0.01, ask 10.02"),
        (CALL, "1", "20.01", "the quote is too wide to be a market: bid 1, ask 20.01"),
    ],
)
def test_what_is_no_market_says_why(contract: Contract, bid: str, ask: str | None, why: str) -> None:
    assert no_market(quote(bid, ask), contract) == why


@pytest.mark.parametrize(
    ("contract", "bid", "ask"),
    [
        (stock(), "100", "150"),
        (stock(), "100", "100"),
        (stock(), "100", "99"),
        (stock(), "100", None),
        (stock(), None, "100"),
        (stock(), None, None),
        (stock(), "NaN", "1"),
        (PENNY, "0.01", "0.26"),
        (CALL, "0.05", "1.00"),
        (CALL, "1", "11"),
        (CALL, "0.05", "10.05"),
        (CALL, "0", "0.05"),
        (ES, "-37.5", "-30"),
        (ES, "0", "500"),
        (future(), "-37.5", "4"),
    ],
)
def test_what_may_be_a_market_is_one(contract: Contract, bid: str | None, ask: str | None) -> None:
    assert no_market(quote(bid, ask), contract) == ""


def test_what_is_not_live_is_judged_elsewhere() -> None:
    assert no_market(quote("0.01", "199999.99", QuoteKind.DELAYED), stock()) == ""


def test_a_stock_before_the_opening_is_not_given_away_at_a_stub() -> None:
    stage = Stage(held(stock(), 3)).begin()
    stage.tell(extended(stock()), ev.Quoted(21, quote("0.01", "199999.99")))
    assert stage.place.order_type is OrderType.MARKET and stage.place.limit_price is None


def test_whose_market_order_is_refused_is_left_with_the_quote_that_is_none() -> None:
    stage = Stage(held(CALL, 3), deadline_ns=60 * SECOND).begin()
    stage.reject(stage.place, 387, "Unsupported order type for this exchange and security type.")
    for _ in range(4):
        stage.run(2000)
        stage.tell(ev.Quoted(11, quote("0.01", "199.99")))
    assert len(stage.placed) == 1
    [left] = stage.residue
    assert left.detail == (
        "387: Unsupported order type for this exchange and security type.; "
        "the quote is too wide to be a market: bid 0.01, ask 199.99"
    )
