"""Account values and priced positions as TWS shows them: the exchange's, or what it last knew when its link broke."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.simulator.exchange import AccountValues, PositionView

if TYPE_CHECKING:
    from engine.simulator.server.tws import TwsServer

CENT = Decimal("0.01")


class Books:
    """Reads of one login's accounts."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._values: dict[str, AccountValues] | None = None
        self._positions: list[PositionView] = []
        self._old: dict[str, AccountValues] | None = None

    def freeze(self) -> None:
        """The link is lost: from now on only what is known now."""
        self._server.catch_up()
        exchange = self._server.exchange
        self._positions = exchange.positions()
        self._values = {account: self.values(account) for account in exchange.accounts}

    def thaw(self) -> None:
        self._values = None

    def values_stand_still(self) -> None:
        """Account values, and they alone, stay as they are now."""
        self._old = {account: self.values(account) for account in self._server.exchange.accounts}

    def values_go_on(self) -> None:
        self._old = None

    def values(self, account: str) -> AccountValues:
        if self._values is not None:
            return self._values[account]
        if self._old is not None:
            return self._old[account]
        self._server.catch_up()
        return self._server.exchange.account_values(account)

    def positions(self, account: str) -> list[PositionView]:
        if self._values is not None:
            return [held for held in self._positions if held.account == account]
        self._server.catch_up()
        return self._server.exchange.positions(account)


def money(amount: Decimal) -> str:
    """To the cent, as account values are written."""
    return f"{amount.quantize(CENT):f}"


def account_rows(values: AccountValues, base: str) -> list[tuple[str, str, str]]:
    """Key, value and currency of everything reqAccountUpdates lists."""
    rows = [
        ("AccountCode", values.account, ""),
        ("AccountOrGroup", values.account, base),
        ("AccountReady", "true", ""),
        ("AccountType", "INDIVIDUAL", ""),
        ("Cushion", f"{values.cushion:.6f}", ""),
    ]
    rows += [(key, money(amount), base) for key, amount in _amounts(values).items()]
    rows += [
        ("Currency", base, base),
        ("CashBalance", money(values.total_cash), "BASE"),
        ("NetLiquidationByCurrency", money(values.net_liquidation), "BASE"),
        ("RealizedPnL", money(values.realized_pnl), "BASE"),
        ("UnrealizedPnL", money(values.unrealized_pnl), "BASE"),
    ]
    rows += [("CashBalance", money(amount), currency) for currency, amount in values.cash_by_currency.items()]
    rows += [("ExchangeRate", f"{rate:f}", currency) for currency, rate in values.exchange_rates.items()]
    return rows


def few_rows(values: AccountValues, base: str) -> list[tuple[str, str, str]]:
    """The part of it that programs cannot do without: for worlds by the thousand."""
    return [
        ("AccountReady", "true", ""),
        ("NetLiquidation", money(values.net_liquidation), base),
        ("TotalCashValue", money(values.total_cash), base),
        ("RealizedPnL", money(values.realized_pnl), base),
        ("UnrealizedPnL", money(values.unrealized_pnl), base),
    ]


def ledger_rows(values: AccountValues, base: str) -> list[tuple[str, str, str]]:
    """The part of it that `ledgerAndNLV` asks for."""
    wanted = {
        "NetLiquidation",
        "CashBalance",
        "ExchangeRate",
        "NetLiquidationByCurrency",
        "RealizedPnL",
        "UnrealizedPnL",
    }
    return [row for row in account_rows(values, base) if row[0] in wanted]


def summary_value(values: AccountValues, tag: str) -> str | None:
    """What reqAccountSummary answers to a tag; None for one it does not know."""
    if tag == "AccountType":
        return "INDIVIDUAL"
    if tag == "Cushion":
        return f"{values.cushion:.6f}"
    amount = _amounts(values).get(tag)
    return None if amount is None else money(amount)


def _amounts(values: AccountValues) -> dict[str, Decimal]:
    net, equity = values.net_liquidation, values.equity_with_loan
    return {
        "NetLiquidation": net,
        "TotalCashValue": values.total_cash,
        "SettledCash": values.total_cash,
        "AccruedCash": Decimal(0),
        "BuyingPower": values.buying_power,
        "EquityWithLoanValue": equity,
        "PreviousDayEquityWithLoanValue": equity - values.daily_pnl,
        "GrossPositionValue": values.gross_position_value,
        "InitMarginReq": values.init_margin,
        "MaintMarginReq": values.maint_margin,
        "FullInitMarginReq": values.init_margin,
        "FullMaintMarginReq": values.maint_margin,
        "LookAheadInitMarginReq": values.init_margin,
        "LookAheadMaintMarginReq": values.maint_margin,
        "AvailableFunds": values.available_funds,
        "FullAvailableFunds": values.available_funds,
        "LookAheadAvailableFunds": values.available_funds,
        "ExcessLiquidity": values.excess_liquidity,
        "FullExcessLiquidity": values.excess_liquidity,
        "LookAheadExcessLiquidity": values.excess_liquidity,
        "StockMarketValue": values.stock_value,
        "OptionMarketValue": values.option_value,
        "FuturesPNL": values.futures_pnl,
        "RealizedPnL": values.realized_pnl,
        "UnrealizedPnL": values.unrealized_pnl,
    }
