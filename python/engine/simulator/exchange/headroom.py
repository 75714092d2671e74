"""How far an account is from its margin limit, kept up to date cheaply while the time stands still.

A hundred orders in one instant must not value a hundred positions a hundred times. Within an instant only what was
traded is valued anew; when time or a price moves, everything is.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from engine.simulator.exchange import margin
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.ledger import Ledger, Position
from engine.simulator.exchange.margin import Line, Requirement
from engine.simulator.exchange.market import Markets

ZERO = Decimal(0)
_Key = tuple[int, int, int]


class Headroom:
    """Equity with loan value and margin requirement of one account."""

    def __init__(self, *, ledger: Ledger, catalogue: Catalogue, markets: Markets) -> None:
        self._ledger, self._catalogue, self._markets = ledger, catalogue, markets
        self._key: _Key | None = None
        self._equity: dict[int, Decimal] = {}  # contract id -> what the position adds to cash
        self._equity_sum = ZERO
        self._required: dict[int, Requirement] = {}  # hedging group -> what it needs
        self._required_sum = Requirement()

    def equity_with_loan(self, now_ns: int) -> Decimal:
        self._refresh(now_ns)
        return self._ledger.cash + self._equity_sum

    def required(self, now_ns: int) -> Requirement:
        self._refresh(now_ns)
        return self._required_sum

    def change(self, traded: Iterable[tuple[Instrument, Decimal]], now_ns: int) -> tuple[Requirement, Requirement]:
        """What the hedging groups of these contracts need before and after trading signed quantities of them."""
        by_group: dict[int, list[tuple[Instrument, Decimal]]] = {}
        for instrument, quantity in traded:
            by_group.setdefault(instrument.hedging_group, []).append((instrument, quantity))
        before, after = Requirement(), Requirement()
        for group, trades in by_group.items():
            had, will_have = self._group_change(group, trades, now_ns)
            before, after = before + had, after + will_have
        return before, after

    def _group_change(
        self, group: int, trades: list[tuple[Instrument, Decimal]], now_ns: int
    ) -> tuple[Requirement, Requirement]:
        held = {
            position.instrument.con_id: (position.instrument, position.quantity)
            for position in self._ledger.group(group)
        }
        before = margin.required(self._line(found, size, now_ns) for found, size in held.values() if size)
        for instrument, quantity in trades:
            _, had = held.get(instrument.con_id, (instrument, ZERO))
            held[instrument.con_id] = (instrument, had + quantity)
        after = margin.required(self._line(found, size, now_ns) for found, size in held.values() if size)
        return before, after

    def _refresh(self, now_ns: int) -> None:
        key = (now_ns, self._markets.revision, self._ledger.day)
        if key != self._key:
            self._key = key
            self._equity.clear()
            self._required.clear()
            self._equity_sum, self._required_sum = ZERO, Requirement()
            traded = [position for position in self._ledger.positions.values() if position.quantity]
            self._ledger.traded.clear()
        else:
            traded = [self._ledger.positions[con_id] for con_id in self._ledger.traded]
            self._ledger.traded.clear()
        for position in traded:
            con_id = position.instrument.con_id
            worth = self._worth(position, now_ns)
            self._equity_sum += worth - self._equity.get(con_id, ZERO)
            self._equity[con_id] = worth
        for group in {position.instrument.hedging_group for position in traded}:
            positions = [position for position in self._ledger.group(group) if position.quantity]
            needs = margin.required(self._line(found.instrument, found.quantity, now_ns) for found in positions)
            self._required_sum += needs - self._required.get(group, Requirement())
            self._required[group] = needs

    def _worth(self, position: Position, now_ns: int) -> Decimal:
        """What counts as equity beside the cash: options do not."""
        if position.instrument.is_option or not position.quantity:
            return ZERO
        value = position.value(self._markets.last(position.instrument, now_ns))
        return value - position.unsettled if position.instrument.sec_type is SecType.FUTURE else value

    def _line(self, instrument: Instrument, quantity: Decimal, now_ns: int) -> Line:
        underlying = ZERO
        if instrument.is_option:
            underlying = self._markets.last(self._catalogue[instrument.under_con_id], now_ns)
        return Line(instrument, quantity, self._markets.last(instrument, now_ns), underlying)
