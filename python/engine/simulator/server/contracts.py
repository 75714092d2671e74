"""Contract details and market rules: what can be traded, and on which price grid."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.simulator.exchange import Instrument, SecType
from engine.simulator.server import notices
from engine.wire.replies import (
    ContractDetails,
    ContractDetailsEnd,
    ErrorMessage,
    MarketRule,
    OptionParameters,
    OptionParametersEnd,
    PriceIncrement,
)
from engine.wire.requests import ReqContractDetails, ReqMarketRule, ReqSecDefOptParams, Request

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer

SIZE_STEP = Decimal(1)


class ContractDesk:
    """Answers about contracts. Holds nothing but the market rules it has named to somebody."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._rules: dict[int, tuple[PriceIncrement, ...]] = {}

    def handlers(self) -> dict[type[Request], Handler]:
        return {ReqContractDetails: self._details, ReqMarketRule: self._rule, ReqSecDefOptParams: self._series}

    def stop(self) -> None:
        """Nothing runs here by itself."""

    def _details(self, connection: Connection, request: ReqContractDetails) -> None:
        self._server.catch_up()
        found = self._server.exchange.catalogue.find(request.contract)
        if not found:
            connection.send(ErrorMessage(request.req_id, 200, notices.NO_CONTRACT))
            return
        connection.send(*(self._reply(request.req_id, instrument) for instrument in found))
        connection.send(ContractDetailsEnd(request.req_id))

    def _reply(self, req_id: int, instrument: Instrument) -> ContractDetails:
        details = self._server.exchange.details(instrument.con_id)
        increments = tuple(PriceIncrement(low, step) for low, step in instrument.rule.increments)
        self._rules[instrument.rule.rule_id] = increments
        return ContractDetails(
            req_id=req_id,
            contract=instrument.contract,
            market_name=instrument.contract.trading_class or instrument.contract.symbol,
            min_tick=instrument.min_tick,
            order_types=instrument.order_types,
            valid_exchanges=instrument.valid_exchanges,
            under_con_id=instrument.under_con_id,
            long_name=instrument.long_name,
            contract_month=instrument.contract_month,
            time_zone_id=details.time_zone_id,
            trading_hours=details.trading_hours,
            liquid_hours=details.liquid_hours,
            agg_group=1,
            under_symbol=details.under_symbol,
            under_sec_type=details.under_sec_type,
            market_rule_ids=details.market_rule_ids,
            real_expiration_date=instrument.contract.last_trade_date,
            stock_type=instrument.stock_type if instrument.sec_type is SecType.STOCK else "",
            min_size=SIZE_STEP,
            size_increment=SIZE_STEP,
            suggested_size_increment=SIZE_STEP,
        )

    def _rule(self, connection: Connection, request: ReqMarketRule) -> None:
        increments = self._rules.get(request.rule_id)
        if increments is None:
            connection.send(ErrorMessage(notices.NO_ID, 321, f"Market rule {request.rule_id} is not known"))
            return
        connection.send(MarketRule(request.rule_id, increments))

    def _series(self, connection: Connection, request: ReqSecDefOptParams) -> None:
        """The option series on an underlying, one answer for each class, exchange and multiplier."""
        series: dict[tuple[str, str, str], tuple[set[str], set[Decimal]]] = {}
        for option in self._server.exchange.catalogue.options_on(request.symbol, request.con_id):
            contract = option.contract
            if option.sec_type is SecType.FUTURE_OPTION and request.fut_fop_exchange not in ("", contract.exchange):
                continue
            key = (contract.exchange, contract.trading_class, contract.multiplier)
            days, strikes = series.setdefault(key, (set(), set()))
            days.add(contract.last_trade_date)
            if isinstance(contract.strike, Decimal):
                strikes.add(contract.strike)
        for (exchange, trading_class, multiplier), (days, strikes) in sorted(series.items()):
            connection.send(
                OptionParameters(
                    request.req_id,
                    exchange,
                    request.con_id,
                    trading_class,
                    multiplier,
                    tuple(sorted(days)),
                    tuple(sorted(strikes)),
                )
            )
        connection.send(OptionParametersEnd(request.req_id))
