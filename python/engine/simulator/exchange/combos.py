"""Combinations (BAG): what one is made of, and what it costs. Pure.

A combination has no price of its own: it costs what its legs cost together, counted in the price of its largest leg,
so a spread may cost less than nothing. It is never held; a fill of it is a fill of every leg at the same instant.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.core.contracts import ComboLeg, Contract
from engine.simulator.exchange import refusals
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.instruments import (
    CommissionRates,
    Instrument,
    Leg,
    MarginRates,
    MarketRule,
    SecType,
)
from engine.simulator.exchange.products import con_id
from engine.simulator.exchange.refusals import Refusal

ZERO = Decimal(0)
REPORTED_CON_ID = 28812380  # IBKR reports every combination in dollars under this contract id
LEGS_MAX = 8
RATIO_MAX = 1000
_LEAST_HOURS = (SecType.OPTION, SecType.FUTURE_OPTION, SecType.STOCK, SecType.FUTURE)
_SIGNS = {"BUY": 1, "SELL": -1, "SSHORT": -1}

Touch = tuple[Decimal | None, Decimal | None]


def resolve(wanted: Contract, catalogue: Catalogue) -> Instrument | Refusal:
    """The combination that a client describes leg by leg; the same legs are the same combination."""
    if len(wanted.combo_legs) < 2 or len({leg.con_id for leg in wanted.combo_legs}) != len(wanted.combo_legs):
        return refusals.COMBO_NEEDS_LEGS
    if not wanted.exchange:
        return refusals.MISSING_EXCHANGE
    if len(wanted.combo_legs) > LEGS_MAX:
        return refusals.COMBO_INVALID
    legs: list[Leg] = []
    for number, named in enumerate(wanted.combo_legs, 1):
        leg = _leg(named, catalogue)
        if leg is None:
            return refusals.combo_leg_invalid(number)
        legs.append(leg)
    if any(leg.instrument.contract.currency != legs[0].instrument.contract.currency for leg in legs):
        return refusals.COMBO_INVALID
    return made_of(legs, catalogue, wanted)


def _leg(named: ComboLeg, catalogue: Catalogue) -> Leg | None:
    """The leg, or None when it names nothing that can be part of a combination."""
    found = catalogue.get(named.con_id)
    sign = _SIGNS.get(named.action.upper())
    if found is None or sign is None or found.sec_type not in _LEAST_HOURS or not 0 < named.ratio <= RATIO_MAX:
        return None
    return Leg(found, named.ratio, sign)


def made_of(legs: list[Leg], catalogue: Catalogue, wanted: Contract | None = None) -> Instrument:
    """List the combination of these legs."""
    named = tuple(
        ComboLeg(
            con_id=leg.instrument.con_id,
            ratio=leg.ratio,
            action="BUY" if leg.sign > 0 else "SELL",
            exchange=leg.instrument.contract.exchange,
        )
        for leg in legs
    )
    text = ",".join(f"{leg.con_id}|{leg.ratio if leg.action == 'BUY' else -leg.ratio}" for leg in named)
    first = legs[0].instrument.contract
    symbols = sorted({leg.instrument.contract.symbol for leg in legs})
    contract = Contract(
        con_id=REPORTED_CON_ID,
        symbol=wanted.symbol if wanted is not None and wanted.symbol else ",".join(symbols),
        sec_type=SecType.COMBO.value,
        exchange=first.exchange if len({leg.exchange for leg in named}) == 1 else "SMART",
        currency=first.currency,
        combo_legs_description=text,
        combo_legs=wanted.combo_legs if wanted is not None else named,
    )
    identity = con_id(f"BAG {contract.symbol} {text} {named_again(contract.combo_legs)}")
    ruling = min(legs, key=lambda leg: _LEAST_HOURS.index(leg.instrument.sec_type)).instrument
    venues = {"SMART", *(venue for leg in legs for venue in leg.instrument.valid_exchanges.split(","))} - {"QBALGO"}
    expiries = [leg.instrument.expiry_ns for leg in legs if leg.instrument.expiry_ns is not None]
    return catalogue.add_combo(
        Instrument(
            con_id=identity,
            contract=contract,
            sec_type=SecType.COMBO,
            multiplier=max(leg.instrument.multiplier for leg in legs),
            rule=MarketRule(0, ((ZERO, min(leg.instrument.min_tick for leg in legs)),)),
            calendar=ruling.calendar,
            reference_price=ZERO,
            margin=MarginRates(ZERO, ZERO),
            commission=CommissionRates(),
            expiry_ns=min(expiries, default=None),
            valid_exchanges=",".join(sorted(venues)),
            may_be_negative=True,
            legs=tuple(legs),
        )
    )


def named_again(legs: tuple[ComboLeg, ...]) -> str:
    """Everything a client may say of its legs, so that two ways to say it are two combinations."""
    return ";".join("|".join(str(value) for value in msgspec.structs.astuple(leg)) for leg in legs)


def weight(combo: Instrument, leg: Leg) -> Decimal:
    """How many of the combination's price points one point of the leg's price is."""
    return leg.signed * leg.instrument.multiplier / combo.multiplier


def price(combo: Instrument, of_leg: Callable[[Instrument], Decimal]) -> Decimal:
    """The price of the combination at these prices of its legs."""
    return sum((weight(combo, leg) * of_leg(leg.instrument) for leg in combo.legs), ZERO)


def touch(combo: Instrument, of_leg: Callable[[Instrument], Touch]) -> Touch:
    """Best bid and ask: what buying or selling every leg at once would bring. A leg without a market leaves none."""
    bid: Decimal | None = ZERO
    ask: Decimal | None = ZERO
    for leg in combo.legs:
        leg_bid, leg_ask = of_leg(leg.instrument)
        low, high = (leg_bid, leg_ask) if leg.sign > 0 else (leg_ask, leg_bid)
        bid = None if bid is None or low is None else bid + weight(combo, leg) * low
        ask = None if ask is None or high is None else ask + weight(combo, leg) * high
    return bid, ask


def first_leg_price(combo: Instrument, wanted: Decimal, of_leg: Callable[[Instrument], Decimal]) -> Decimal:
    """The price of the first leg at which the combination costs what is wanted, the other legs staying as they are."""
    first, *others = combo.legs
    rest = sum((weight(combo, leg) * of_leg(leg.instrument) for leg in others), ZERO)
    return max(first.instrument.rule.floor((wanted - rest) / weight(combo, first)), first.instrument.min_tick)
