"""What can be traded, with its trading rules: ticks, sessions, size, margin, cost.

An `Instrument` never changes. Where its price comes from and where it stands are other files' subjects.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

import msgspec

from engine.core.contracts import Contract
from engine.simulator.exchange.calendars import Calendar


class SecType(StrEnum):
    STOCK = "STK"
    FUTURE = "FUT"
    OPTION = "OPT"
    FUTURE_OPTION = "FOP"
    CASH = "CASH"
    INDEX = "IND"  # a number that options settle to; not tradable
    COMBO = "BAG"  # several contracts traded as one; never held, only its legs are


class MarketRule(msgspec.Struct, frozen=True):
    """The price grid: from each low edge upwards, the increment. Below zero the grid is mirrored."""

    rule_id: int
    increments: tuple[tuple[Decimal, Decimal], ...]  # (low edge, increment), ascending, first edge 0

    def increment_at(self, price: Decimal) -> Decimal:
        found = self.increments[0][1]
        if len(self.increments) == 1:
            return found
        size = abs(price)
        for low_edge, increment in self.increments[1:]:
            if size < low_edge:
                break
            found = increment
        return found

    def is_on_grid(self, price: Decimal) -> bool:
        return price % self.increment_at(price) == 0

    def floor(self, price: Decimal) -> Decimal:
        """The nearest grid price at or below."""
        step = self.increment_at(price)
        return (price / step).to_integral_value(ROUND_FLOOR) * step

    def ceil(self, price: Decimal) -> Decimal:
        """The nearest grid price at or above."""
        step = self.increment_at(price)
        return (price / step).to_integral_value(ROUND_CEILING) * step


class MarginRates(msgspec.Struct, frozen=True):
    """Futures: money per contract. Stocks and FX: share of market value. Short options: see margin.py."""

    initial: Decimal
    maintenance: Decimal


class CommissionRates(msgspec.Struct, frozen=True):
    """Cost of an execution: per unit, or a share of the value, never less than the minimum per execution."""

    per_unit: Decimal = Decimal(0)
    share_of_value: Decimal = Decimal(0)
    minimum: Decimal = Decimal(0)


class Leg(msgspec.Struct, frozen=True):
    """One contract of a combination: so many are bought (sign 1) or sold (-1) with each combination bought."""

    instrument: Instrument
    ratio: int
    sign: int

    @property
    def signed(self) -> int:
        return self.ratio * self.sign


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One contract with everything the exchange knows about it."""

    con_id: int
    contract: Contract  # complete, as reqContractDetails gives it
    sec_type: SecType
    multiplier: Decimal  # 1 for stocks and FX
    rule: MarketRule
    calendar: Calendar
    reference_price: Decimal  # where its price path starts; options are priced from their underlying
    daily_move_pct: Decimal = Decimal(1)  # one standard deviation of a day
    spread_ticks: int = 1
    margin: MarginRates
    commission: CommissionRates
    price_key: str = ""  # instruments of one key move together (ES and MES)
    under_con_id: int = 0
    expiry_ns: int | None = None
    long_name: str = ""
    contract_month: str = ""
    order_types: str = ""
    valid_exchanges: str = ""
    stock_type: str = ""
    may_be_negative: bool = False  # futures can trade below zero
    cash_settled: bool = False  # options on an index, which are European too
    legs: tuple[Leg, ...] = ()  # of a combination

    @property
    def min_tick(self) -> Decimal:
        return min(increment for _, increment in self.rule.increments)

    @property
    def hedging_group(self) -> int:
        """Contracts of one group offset each other in margin: an underlying and the options on it."""
        return self.under_con_id or self.con_id

    @property
    def parts(self) -> tuple[Leg, ...]:
        """What a trade in it moves: its legs, or the contract itself."""
        return self.legs or (Leg(self, 1, 1),)

    @property
    def kept_hours_of(self) -> SecType:
        """Whose trading hours rule it: a combination trades when the leg does that trades least."""
        if not self.legs:
            return self.sec_type
        return next(leg.instrument.sec_type for leg in self.legs if leg.instrument.calendar == self.calendar)

    @property
    def is_option(self) -> bool:
        return self.sec_type in (SecType.OPTION, SecType.FUTURE_OPTION)

    @property
    def is_tradable(self) -> bool:
        return self.sec_type is not SecType.INDEX

    @property
    def reported(self) -> Contract:
        """The contract as positions report it: no exchange for derivatives, the listing exchange for stocks."""
        exchange = self.contract.primary_exchange if self.sec_type is SecType.STOCK else ""
        return msgspec.structs.replace(self.contract, exchange=exchange)
