"""What a report says was closed, how much of it by whom, and at what price. Pure; adds no judgement of its own.

A reader holds it against the statement: what was there at the press, what this kill's orders traded, what others did.
What is not known of these is told as not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from engine.core.kill.closes.attempt import Attempt
from engine.core.kill.closes.closing import Closing
from engine.core.kill.held.ledger import Key, Ledger
from engine.core.kill.other_kills.others_closes import Closed as OthersClose
from engine.core.kill.outcome.others_trades import Others, OthersTrades, net_of, trades_of
from engine.core.kill.report import ClosedPosition, PartlyClosed, Trade, Trader

ZERO = Decimal(0)
NOBODY = MappingProxyType[Key, OthersClose]({})


@dataclass(slots=True)
class _Ours:
    """This kill's orders in one contract of one account."""

    attempts: list[Attempt] = field(default_factory=list)
    orders_sent: int = 0

    @property
    def traded(self) -> Decimal:
        return sum((attempt.filled * attempt.sign for attempt in self.attempts), ZERO)

    @property
    def filled(self) -> Decimal:
        return sum((attempt.filled for attempt in self.attempts), ZERO)

    @property
    def may_have_more(self) -> bool:
        """Has one ended without a word, or not ended, that may have filled further?"""
        return any(attempt.remaining > ZERO and (attempt.live or attempt.untold) for attempt in self.attempts)

    def trades(self) -> tuple[Trade, ...]:
        """The larger one first: that is the one that has closed it."""
        sides = [_side([one for one in self.attempts if one.sign == sign], sign) for sign in (1, -1)]
        return tuple(sorted(filter(None, sides), key=lambda trade: -abs(trade.quantity)))

    def price(self) -> Decimal | None:
        """Of the side that they come to."""
        net = self.traded
        return next((trade.avg_price for trade in self.trades() if trade.quantity * net > ZERO), None)


def _side(attempts: list[Attempt], sign: int) -> Trade | None:
    filled = sum((attempt.filled for attempt in attempts), ZERO)
    if filled == ZERO:
        return None
    fills = [fill for attempt in attempts for fill in attempt.fills.values()]
    told = sum((quantity for quantity, _ in fills), ZERO)
    worth = sum((quantity * price for quantity, price in fills), ZERO)
    return Trade(by=Trader.THIS_KILL, quantity=filled * sign, avg_price=worth / told if told == filled else None)


class ToldClosed:
    """`theirs`: what another kill has closed that is told here too. Made anew for each report."""

    def __init__(
        self, closing: Closing, ledger: Ledger, others: OthersTrades, theirs: Mapping[Key, OthersClose] = NOBODY
    ) -> None:
        self._ledger, self._theirs, self._read = ledger, theirs, others.read
        self._ours: dict[Key, _Ours] = {}
        for item, attempt in closing.orders.values():  # once: a large book is reported on again and again
            self._ours.setdefault(item.key, _Ours(orders_sent=item.orders_sent)).attempts.append(attempt)
        own = {identity for _, attempt in closing.orders.values() for identity in attempt.fills}
        self._others = others.by_contract(own)

    def closed(self) -> tuple[ClosedPosition, ...]:
        """Contracts that were open when first seen, or that another kill has closed, and that the last read shows at
        zero."""
        at_zero = [key for key in self._ledger.seen() if self._ledger.position(key) == ZERO]
        read = [self._closed(key) for key in at_zero]
        unread = [self._by_them(key, by) for key, by in self._theirs.items() if key not in self._ledger.seen()]
        return tuple(item for item in (*read, *unread) if item.quantity != ZERO)

    def partly(self) -> tuple[PartlyClosed, ...]:
        """Contracts of which closing orders have closed something, and that the last read shows open."""
        held = [key for key in self._ledger.seen() if self._ledger.position(key) != ZERO]
        return tuple(
            PartlyClosed(
                account=key[0],
                contract=self._ledger.contract(key),
                quantity=self._ledger.first_seen(key),
                filled=ours.filled,
                avg_price=ours.price(),
                filled_by_other=None if by is None else abs(by.quantity),
                **self._sums(key, ours),
            )
            for key, ours, by in ((key, self._ours.get(key, _Ours()), self._theirs.get(key)) for key in held)
            if ours.filled != ZERO or by is not None
        )

    def _closed(self, key: Key) -> ClosedPosition:
        ours, by = self._ours.get(key, _Ours()), self._theirs.get(key)
        if by is not None and ours.filled == ZERO:
            return self._by_them(key, by)
        sums = self._sums(key, ours)
        return ClosedPosition(
            account=key[0],
            contract=self._ledger.contract(key),
            quantity=self._ledger.first_seen(key),
            orders_sent=ours.orders_sent,
            avg_price=ours.price(),
            by_other_kill=by is not None,
            filled=None if sums["traded"] is None else ours.filled,
            filled_by_other=None if by is None else abs(by.quantity),
            **sums,
        )

    def _by_them(self, key: Key, by: OthersClose) -> ClosedPosition:
        """Nothing of it by this kill, whose first read may have shown less than they closed."""
        seen = key in self._ledger.seen()
        sums = self._sums(key, self._ours.get(key, _Ours())) if seen else {"traded": ZERO}
        return ClosedPosition(
            account=key[0],
            contract=by.contract,
            quantity=by.quantity,
            orders_sent=0,
            avg_price=by.avg_price,
            by_other_kill=True,
            filled=sums["traded"],
            filled_by_other=abs(by.quantity),
            **sums,
        )

    def _sums(self, key: Key, ours: _Ours) -> dict[str, Any]:
        """Who has traded how much. An order that may have filled unseen makes ours unknown, unless all adds up."""
        at_press, traded = self._ledger.at_first(key), ours.traded
        others = self._others.get(key, Others())
        missing = ZERO if at_press is None else self._ledger.position(key) - at_press - traded
        theirs = others.that_come_to(missing)
        net = net_of(theirs)
        unknown = ours.may_have_more and (at_press is None or net != missing)
        return {
            "at_press": at_press,
            "traded": None if unknown else traded,
            "traded_by_others": net if self._read else None,
            "trades": (*ours.trades(), *trades_of(theirs)),
        }
