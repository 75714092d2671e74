"""What the accounts are worth and what they may do: values, P&L, margin. Reads the books, never writes them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.headroom import Headroom
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.ledger import Ledger, Position
from engine.simulator.exchange.market import Markets

ZERO = Decimal(0)


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """A position at one moment."""

    account: str
    con_id: int
    instrument: Instrument
    quantity: Decimal
    avg_cost: Decimal  # per contract or share, with multiplier and commissions
    market_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal  # today
    daily_pnl: Decimal


class AccountValues(msgspec.Struct, frozen=True, kw_only=True):
    """An account's values at one moment, in its base currency and exact; round when printing."""

    account: str
    net_liquidation: Decimal
    total_cash: Decimal  # all currencies in base
    cash_by_currency: dict[str, Decimal]
    exchange_rates: dict[str, Decimal]
    stock_value: Decimal
    option_value: Decimal
    futures_pnl: Decimal  # gains of open futures not yet settled into cash
    gross_position_value: Decimal
    equity_with_loan: Decimal
    init_margin: Decimal
    maint_margin: Decimal
    available_funds: Decimal
    excess_liquidity: Decimal
    buying_power: Decimal
    cushion: Decimal  # excess liquidity as a share of net liquidation; 0 when that is not positive
    daily_pnl: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal  # today
    realized_total: Decimal  # since the start of the simulation
    contributed: Decimal  # start capital and deposits, positions brought in at their cost


class Valuation:
    """Prices positions at the market of an instant."""

    def __init__(self, *, ledgers: Iterable[Ledger], catalogue: Catalogue, markets: Markets) -> None:
        self._markets = markets
        self.headroom = {
            ledger.account: Headroom(ledger=ledger, catalogue=catalogue, markets=markets) for ledger in ledgers
        }

    def position(self, account: str, position: Position, now_ns: int) -> PositionView:
        price = self._markets.last(position.instrument, now_ns)
        value = position.value(price)
        return PositionView(
            account=account,
            con_id=position.instrument.con_id,
            instrument=position.instrument,
            quantity=position.quantity,
            avg_cost=position.average_cost,
            market_price=price,
            market_value=value,
            unrealized_pnl=value - position.cost,
            realized_pnl=position.realized_today,
            daily_pnl=value - position.day_start_value - position.day_flow,
        )

    def account(self, ledger: Ledger, now_ns: int) -> AccountValues:
        cash = {"USD": ledger.cash}
        rates = {"USD": Decimal(1)}
        stocks = options = futures = foreign = gross = unrealized = daily = ZERO
        for position in ledger.positions.values():
            instrument = position.instrument
            price = self._markets.last(instrument, now_ns) if position.quantity else ZERO
            value = position.value(price)
            unrealized += value - position.cost
            daily += value - position.day_start_value - position.day_flow
            match instrument.sec_type:
                case SecType.STOCK:
                    stocks += value
                case SecType.OPTION | SecType.FUTURE_OPTION:
                    options += value
                case SecType.FUTURE:
                    futures += value - position.unsettled
                case _:
                    foreign += value
                    if position.quantity:
                        cash[instrument.contract.symbol] = position.quantity
                        rates[instrument.contract.symbol] = price
            if instrument.sec_type in (SecType.STOCK, SecType.OPTION, SecType.FUTURE_OPTION):
                gross += abs(value)
        needed = self.headroom[ledger.account].required(now_ns)
        equity = ledger.cash + foreign + futures + stocks
        worth = equity + options
        return AccountValues(
            account=ledger.account,
            net_liquidation=worth,
            total_cash=ledger.cash + foreign,
            cash_by_currency=cash,
            exchange_rates=rates,
            stock_value=stocks,
            option_value=options,
            futures_pnl=futures,
            gross_position_value=gross,
            equity_with_loan=equity,
            init_margin=needed.initial,
            maint_margin=needed.maintenance,
            available_funds=equity - needed.initial,
            excess_liquidity=equity - needed.maintenance,
            buying_power=max(equity - needed.initial, ZERO) * 4,
            cushion=(equity - needed.maintenance) / worth if worth > 0 else ZERO,
            daily_pnl=daily,
            unrealized_pnl=unrealized,
            realized_pnl=sum((position.realized_today for position in ledger.positions.values()), ZERO),
            realized_total=sum((position.realized for position in ledger.positions.values()), ZERO),
            contributed=ledger.contributed,
        )
