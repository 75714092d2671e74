"""Can the account afford an order: initial margin, premiums, and the preview that a what-if order asks for.

Reads ledgers and prices, changes neither.
"""

from __future__ import annotations

from decimal import Decimal

from engine.simulator.exchange import commissions, refusals
from engine.simulator.exchange.clearing import Clearing
from engine.simulator.exchange.events import WhatIf
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.ledger import Ledger
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.orders import NewOrder
from engine.simulator.exchange.refusals import Refusal
from engine.simulator.exchange.valuation import Valuation

ZERO = Decimal(0)
Trades = list[tuple[Instrument, Decimal]]


class BuyingPower:
    """What orders would do to the margin of their accounts."""

    def __init__(self, *, markets: Markets, clearing: Clearing, valuation: Valuation) -> None:
        self._markets, self._clearing, self._valuation = markets, clearing, valuation

    def short_of_margin(self, request: NewOrder, instrument: Instrument, now_ns: int) -> Refusal | None:
        """Would the account fall short of initial margin? What needs no more margin than before always passes."""
        self._clearing.roll(now_ns)
        ledger = self._clearing.ledgers[request.account]
        signed = request.quantity * request.sign
        held = ledger.held(request.con_id)
        alone = not (instrument.is_option or instrument.legs) and len(ledger.group(instrument.hedging_group)) == 1
        if alone and held * signed < 0 and abs(signed) <= abs(held):
            return None  # it only makes a position smaller that covers nothing else
        headroom = self._valuation.headroom[request.account]
        trades = _trades(request, instrument)
        before, after = headroom.change(trades, now_ns)
        premium = self._premium(ledger, trades, now_ns)
        if after.initial <= before.initial and not premium:
            return None
        equity = headroom.equity_with_loan(now_ns) - premium
        needed = headroom.required(now_ns).initial - before.initial + after.initial
        return refusals.margin_short(equity, needed) if equity < needed else None

    def preview(self, request: NewOrder, instrument: Instrument, now_ns: int) -> WhatIf:
        """Margin and commission as they would be with the order filled."""
        self._clearing.roll(now_ns)
        values = self._valuation.account(self._clearing.ledgers[request.account], now_ns)
        trades = _trades(request, instrument)
        before, after = self._valuation.headroom[request.account].change(trades, now_ns)
        commission = premium = ZERO
        for part, quantity in trades:
            value = quantity * self._markets.last(part, now_ns) * part.multiplier
            commission += commissions.total(part, abs(quantity), value)
            premium += value if part.is_option else ZERO
        return WhatIf(
            at_ns=now_ns,
            request=request,
            init_margin_before=values.init_margin,
            init_margin_after=values.init_margin - before.initial + after.initial,
            maint_margin_before=values.maint_margin,
            maint_margin_after=values.maint_margin - before.maintenance + after.maintenance,
            equity_with_loan_before=values.equity_with_loan,
            equity_with_loan_after=values.equity_with_loan - premium - commission,
            commission=commission,
        )

    def _premium(self, ledger: Ledger, trades: Trades, now_ns: int) -> Decimal:
        """What opening options costs at once, sold ones deducted; never less than nothing."""
        total = ZERO
        for instrument, quantity in trades:
            if instrument.is_option and (len(trades) > 1 or (quantity > 0 and ledger.held(instrument.con_id) >= 0)):
                total += quantity * self._markets.last(instrument, now_ns) * instrument.multiplier
        return max(total, ZERO)


def _trades(request: NewOrder, instrument: Instrument) -> Trades:
    """What an order would trade, leg by leg."""
    signed = request.quantity * request.sign
    return [(part.instrument, signed * part.signed) for part in instrument.parts]
