"""The quotes asked for one contract: when, what came, and whether anybody is on the other side. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.facts import Quote, QuoteKind

QUOTES_MAX = 2  # quotes without the needed side, or without any price, before a contract is left to a person


@dataclass(slots=True)
class Quotes:
    """At most one question is open at a time."""

    last: Quote | None = None
    heard_ns: int = -1
    asked_ns: int | None = None  # the newest question for the present order, answered or not
    without_side: int = 0  # live quotes that lacked the side an order needs, one after another
    without_price: int = 0  # answers that no limit could be priced from, one after another

    @property
    def answered(self) -> bool:
        return self.asked_ns is not None and self.heard_ns >= self.asked_ns

    def ask(self, now_ns: int) -> None:
        self.asked_ns = now_ns

    def heard(self, quote: Quote | None, now_ns: int) -> None:
        self.last = quote
        self.heard_ns = now_ns

    def forget(self) -> None:
        """The next order asks anew."""
        self.asked_ns = None

    def forget_open(self) -> None:
        """The connection broke: what was asked will not be answered."""
        if not self.answered:
            self.asked_ns = None

    def nobody(self, *, buys: bool) -> bool:
        """Judge the newest answer: live quotes, more than once, without the side this order needs."""
        quote = self.last
        if quote is None or quote.kind is not QuoteKind.LIVE:
            return False
        missing = quote.ask is None if buys else quote.bid is None
        self.without_side = self.without_side + 1 if missing else 0
        return self.without_side >= QUOTES_MAX

    def no_price(self) -> bool:
        """One more answer that gave no price: enough of them?"""
        self.without_price += 1
        return self.without_price >= QUOTES_MAX

    def order_sent(self) -> None:
        self.asked_ns = None
        self.without_side = self.without_price = 0
