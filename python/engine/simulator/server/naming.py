"""Contracts as people write them in scenario files, and the contracts they mean.

AAPL                        a stock
FUT ES, FUT ES +1           the nearest month of a future, the next one
OPT SPY 20260417 500 P      an option on a stock or an index
FOP ES 20260417 5000 C      an option on the front month of a future
CASH EUR.USD                a currency pair
BAG 1 OPT SPY 20260417 580 P, -1 OPT SPY 20260417 560 P
                            a combination: how many of each contract are bought (or sold) with one of it
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from engine.core.contracts import Contract
from engine.simulator.exchange import Catalogue, Instrument, Leg, combos


class UnknownContract(ValueError):
    """A contract text that names nothing; says what was expected."""


def find_contract(catalogue: Catalogue, text: str) -> Instrument:
    """The contract that a text names. Options are listed on demand; stocks must exist or be plain symbols."""
    words = text.split()
    if words[:1] == ["BAG"]:
        return _combination(catalogue, text.strip().removeprefix("BAG"))
    try:
        match words:
            case [symbol]:
                return catalogue.stock(symbol)
            case ["FUT", symbol]:
                return catalogue.future(symbol)
            case ["FUT", symbol, nth]:
                return catalogue.future(symbol, int(nth))
            case ["OPT", symbol, expiry, strike, right]:
                return catalogue.option(_underlying(catalogue, symbol), _date(expiry), Decimal(strike), _right(right))
            case ["FOP", symbol, expiry, strike, right]:
                return catalogue.option(catalogue.future(symbol), _date(expiry), Decimal(strike), _right(right))
            case ["CASH", pair]:
                base, _, quote = pair.partition(".")
                return catalogue.find(Contract(symbol=base, sec_type="CASH", currency=quote))[0]
            case _:
                raise UnknownContract(
                    f"{text!r} is not one of: AAPL, FUT ES +1, OPT SPY 20260417 500 P, CASH EUR.USD, BAG ..."
                )
    except (IndexError, KeyError, InvalidOperation, ValueError) as error:
        if isinstance(error, UnknownContract):
            raise
        raise UnknownContract(
            f"{text!r} names no contract of the simulator ({error or type(error).__name__})"
        ) from error


def label(instrument: Instrument) -> str:
    """A contract in few words, for people."""
    contract = instrument.contract
    if instrument.legs:
        return " ".join(["BAG", *(f"{leg.signed:+} {label(leg.instrument)}" for leg in instrument.legs)])
    if instrument.is_option:
        return f"{contract.symbol} {contract.last_trade_date} {contract.strike} {contract.right}"
    return contract.local_symbol or contract.symbol


def _combination(catalogue: Catalogue, text: str) -> Instrument:
    legs = []
    for part in text.split(","):
        ratio, _, contract = part.strip().partition(" ")
        if ratio.lstrip("+-") in ("", "0") or not ratio.lstrip("+-").isdigit():
            raise UnknownContract(f"{part.strip()!r}: a leg begins with how many are bought, as in -1 AAPL")
        legs.append(Leg(find_contract(catalogue, contract), abs(int(ratio)), 1 if int(ratio) > 0 else -1))
    if len(legs) < 2:
        raise UnknownContract(f"BAG{text}: a combination has two legs or more, with commas between them")
    return combos.made_of(legs, catalogue)


def _underlying(catalogue: Catalogue, symbol: str) -> Instrument:
    indices = catalogue.find(Contract(symbol=symbol, sec_type="IND"))
    return indices[0] if indices else catalogue.stock(symbol)


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 a calendar day, not a moment
    except ValueError:
        raise UnknownContract(f"{text!r} is not a day, as in 20260417") from None


def _right(text: str) -> str:
    if text not in ("C", "P"):
        raise UnknownContract(f"{text!r}: the right is C or P")
    return text
