"""A contract's terms as the checks use them, made of what the broker says of it. What it leaves open is None."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from engine.core.contracts import Contract
from engine.core.facts import Details
from engine.core.preflight.numbers import number
from engine.core.products import Product, product_of


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a contract's terms. None: the broker was not asked, or did not say.

    `last_trade_date` is YYYYMMDD or YYYYMM, as the broker spells it.
    """

    con_id: int
    sec_type: str
    symbol: str
    currency: str = ""
    multiplier: Decimal | None = None
    strike: Decimal | None = None
    right: str = ""
    under_con_id: int | None = None
    last_trade_date: str = ""
    min_tick: Decimal | None = None
    size_increment: Decimal | None = None
    trading_hours: str = ""
    liquid_hours: str = ""
    time_zone_id: str = ""

    @property
    def product(self) -> Product:
        return product_of(self.sec_type)

    @classmethod
    def of_contract(cls, contract: Contract) -> Listing:
        """From a position or an order: no ticks and no hours."""
        return cls(
            con_id=contract.con_id,
            sec_type=contract.sec_type,
            symbol=contract.symbol,
            currency=contract.currency,
            multiplier=_positive(contract.multiplier),
            strike=number(contract.strike),
            right=contract.right,
            last_trade_date=contract.last_trade_date,
        )

    @classmethod
    def of_details(cls, details: Details) -> Listing:
        return msgspec.structs.replace(
            cls.of_contract(details.contract),
            under_con_id=details.under_con_id,
            min_tick=_positive(details.min_tick),
            size_increment=_positive(details.size_increment),
            trading_hours=details.trading_hours,
            liquid_hours=details.liquid_hours,
            time_zone_id=details.time_zone_id,
        )


def _positive(value: Decimal | str | None) -> Decimal | None:
    """A multiplier, tick or increment: a number above zero, or not known."""
    try:
        found = number(Decimal(value)) if value is not None else None
    except InvalidOperation:  # the text is no number
        return None
    return found if found is not None and found > 0 else None
