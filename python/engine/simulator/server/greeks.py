"""Option computations: greeks beside the quotes of options, and what a price or a volatility would mean."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.core.contracts import Contract
from engine.simulator.exchange import Refusal, greeks
from engine.simulator.exchange.greeks import Greeks
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.server.raw import Fields, RawHandler, reply
from engine.wire.replies import ErrorMessage, Reply

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer

MODEL, DELAYED_MODEL, ASKED_FOR = 13, 83, 53  # tick types
_COMPUTATION = 21
_WITH_ATTRIBUTES = 156  # from this version on
_PRICE_BASED = 1
_PLACES = Decimal("1E-8")
# How TWS says of each number that it could not be found.
NOT_COMPUTED = Greeks(
    volatility=Decimal(-1),
    value=Decimal(-1),
    delta=Decimal(-2),
    gamma=Decimal(-2),
    vega=Decimal(-2),
    theta=Decimal(-2),
    underlying=Decimal(-1),
)


class OptionDesk:
    """Answers about options. Holds nothing."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server

    def raw_handlers(self) -> dict[int, RawHandler]:
        return {54: self._volatility, 55: self._price}  # a cancel always comes too late: both are answered at once

    def _volatility(self, connection: Connection, fields: Fields) -> None:
        req_id, contract, price, underlying = _read(fields, "optionPrice")
        found = self._option(contract, underlying)
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(req_id, found.code, found.text))
            return
        now_ns = self._server.exchange.now_ns
        volatility = greeks.implied_volatility(found, price, underlying, now_ns)
        answer = NOT_COMPUTED
        if volatility is not None:
            answer = greeks.at_volatility(found, underlying, volatility, now_ns)
        connection.send(told(connection.session.version, req_id, ASKED_FOR, answer))

    def _price(self, connection: Connection, fields: Fields) -> None:
        req_id, contract, volatility, underlying = _read(fields, "volatility")
        found = self._option(contract, underlying)
        if not isinstance(found, Refusal) and not 0 < volatility < greeks.VOLATILITY_MAX:
            found = _invalid(f"a volatility of {volatility:f}")
        if isinstance(found, Refusal):
            connection.send(ErrorMessage(req_id, found.code, found.text))
            return
        answer = greeks.at_volatility(found, underlying, volatility, self._server.exchange.now_ns)
        connection.send(told(connection.session.version, req_id, ASKED_FOR, answer))

    def _option(self, contract: Contract, underlying: Decimal) -> Instrument | Refusal:
        self._server.catch_up()
        found = self._server.exchange.resolve(contract)
        if isinstance(found, Refusal):
            return found
        if not found.is_option:
            return _invalid("the contract is not an option")
        if not 0 < underlying < greeks.UNDERLYING_MAX:
            return _invalid(f"an underlying at {underlying:f}")
        return found


def told(version: int, req_id: int, tick_type: int, values: Greeks) -> Reply:
    """One computation. Dividends are none here."""
    head = [req_id, tick_type, _PRICE_BASED] if version >= _WITH_ATTRIBUTES else [6, req_id, tick_type]
    numbers = (
        values.volatility,
        values.delta,
        values.value,
        Decimal(0),
        values.gamma,
        values.vega,
        values.theta,
        values.underlying,
    )
    return reply(_COMPUTATION, *head, *(number.quantize(_PLACES) for number in numbers))


def _read(fields: Fields, what: str) -> tuple[int, Contract, Decimal, Decimal]:
    fields.text("version")
    return fields.whole("reqId"), fields.contract(), fields.number(what), fields.number("underPrice")


def _invalid(cause: str) -> Refusal:
    return Refusal(321, f"Error validating request.-'bX' : cause - {cause}")
