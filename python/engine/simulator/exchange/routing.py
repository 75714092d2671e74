"""From what a client names to the one contract meant, and what TWS tells about a contract."""

from __future__ import annotations

import msgspec

from engine.core.contracts import Contract
from engine.simulator.exchange import combos, refusals
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.refusals import Refusal


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """Contract details that depend on the day, with the instrument for the rest."""

    instrument: Instrument
    under_symbol: str
    under_sec_type: str
    time_zone_id: str
    trading_hours: str
    liquid_hours: str
    market_rule_ids: str  # one for each valid exchange


def details(instrument: Instrument, catalogue: Catalogue, now_ns: int) -> Details:
    """What reqContractDetails says of a contract now."""
    under = catalogue.get(instrument.under_con_id) if instrument.under_con_id else None
    venues = instrument.valid_exchanges.split(",")
    return Details(
        instrument=instrument,
        under_symbol=under.contract.symbol if under is not None else "",
        under_sec_type=under.contract.sec_type if under is not None else "",
        time_zone_id=instrument.calendar.zone_id,
        trading_hours=instrument.calendar.hours_text(now_ns, liquid=False),
        liquid_hours=instrument.calendar.hours_text(now_ns, liquid=True),
        market_rule_ids=",".join(str(instrument.rule.rule_id) for _ in venues),
    )


def resolve(contract: Contract, catalogue: Catalogue) -> Instrument | Refusal:
    """The one contract an order is for. An order, unlike a query, must name its exchange."""
    if contract.sec_type == SecType.COMBO:
        return combos.resolve(contract, catalogue)
    if contract.con_id:
        found = catalogue.get(contract.con_id)
        if found is None:
            return refusals.NO_SUCH_CONTRACT
        if not agrees(contract, found.contract):
            return refusals.CONFLICTING_CON_ID
    else:
        fitting = catalogue.find(contract)
        if not fitting:
            return refusals.NO_SUCH_CONTRACT
        if len(fitting) > 1:
            return refusals.ambiguous(contract.symbol)
        found = fitting[0]
    if not contract.exchange:
        return refusals.MISSING_EXCHANGE
    if contract.exchange not in found.valid_exchanges.split(","):
        return refusals.NO_SUCH_CONTRACT
    return found


def agrees(wanted: Contract, have: Contract) -> bool:
    """Does nothing that accompanies a contract id contradict it?"""
    pairs = (
        (wanted.symbol, have.symbol),
        (wanted.sec_type, have.sec_type),
        (wanted.currency, have.currency),
        (wanted.local_symbol, have.local_symbol),
        (wanted.right[:1].upper(), have.right),
        (wanted.multiplier, have.multiplier),
    )
    if any(named and named != there for named, there in pairs):
        return False
    return have.last_trade_date.startswith(wanted.last_trade_date[:8])
