"""What is traded: a contract as the broker names it, and what is known of its trading rules."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.units import BLANK, Number, Whole


class TagValue(msgspec.Struct, frozen=True, gc=False):
    """A free-form pair, as algorithm and routing parameters use it."""

    tag: str
    value: str


class ComboLeg(msgspec.Struct, frozen=True, gc=False):
    """One leg of a combination (BAG) contract."""

    con_id: int = 0
    ratio: int = 0
    action: str = ""
    exchange: str = ""
    open_close: Whole = 0
    short_sale_slot: Whole = 0
    designated_location: str = ""
    exempt_code: Whole = -1


class DeltaNeutral(msgspec.Struct, frozen=True, gc=False):
    """The hedging contract of a delta-neutral combination."""

    con_id: int = 0
    delta: Number = BLANK
    price: Number = BLANK


class Contract(msgspec.Struct, frozen=True, gc=False):
    """A contract in IBKR's terms. Text stays as the broker spelled it; only numbers are converted.

    `last_trade_date` is YYYYMMDD or YYYYMM (an option's expiry, a future's last trade date or month).
    """

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    last_trade_date: str = ""
    strike: Number = Decimal(0)
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    sec_id_type: str = ""
    sec_id: str = ""
    include_expired: bool = False
    combo_legs_description: str = ""
    combo_legs: tuple[ComboLeg, ...] = ()
    delta_neutral: DeltaNeutral | None = None
    description: str = ""
    issuer_id: str = ""


def short_name(contract: Contract) -> str:
    """A contract as lines of a kill's timeline call it."""
    strike = contract.strike
    struck = f"{strike.normalize():f}" if isinstance(strike, Decimal) and strike.is_finite() and strike else ""
    terms = " ".join(filter(None, (contract.symbol, contract.last_trade_date, struck, contract.right)))
    return contract.local_symbol or terms or str(contract.con_id)
