"""What the checks are held against. Plain values: the configuration's `[preflight]` fills them in.

None is a limit that is not set: no limit, or with `deny_unlisted` a limit of zero.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from engine.core.products import Product

SECOND_NS = 1_000_000_000
ZERO = Decimal(0)


class Need(Enum):
    """How much a check insists on the fact it needs."""

    OFF = "off"  # not checked
    WHEN_KNOWN = "when_known"  # checked where the fact is there
    REQUIRED = "required"  # without the fact an order that adds risk is refused


class ProductLimits(msgspec.Struct, frozen=True):
    """`account`: contracts or shares of one account, worst case. `order`: of one order."""

    account: Decimal | None = None
    order: Decimal | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every limit of the pre-flight. Sizes are multiplied by the state's size factor."""

    futures: ProductLimits = ProductLimits(account=Decimal(10))
    options: ProductLimits = ProductLimits(account=Decimal(50))
    shares: ProductLimits = ProductLimits(order=Decimal(10_000))
    other: ProductLimits = ProductLimits(order=Decimal(1_000_000))
    deny_unlisted: bool = False

    order_notional: Decimal | None = None
    account_notional: Decimal | None = None
    notional_currency: str = "USD"

    allowed_symbols: frozenset[str] = frozenset()  # none: all
    blocked_symbols: frozenset[str] = frozenset()

    grid: Need = Need.WHEN_KNOWN
    collar: Need = Need.WHEN_KNOWN
    collar_pct: Decimal = Decimal(10)
    option_collar_pct: Decimal = Decimal(50)
    collar_ticks: Decimal = Decimal(20)
    reference_age_ns_max: int = 30 * SECOND_NS
    session: Need = Need.WHEN_KNOWN
    expiry: Need = Need.WHEN_KNOWN
    expiry_days_min: int = 0
    position_age_ns_max: int | None = None  # None: known for as long as the shell says so

    duplicates_max: int = 2
    duplicate_window_ns: int = SECOND_NS
    repeats_max: int = 30
    repeat_window_ns: int = 60 * SECOND_NS
    orders_per_second_max: int = 40
    orders_per_minute_max: int = 300
    rate_breaches_max: int = 3  # in a minute, each in a second of its own; then the login is halted

    def limits(self, product: Product) -> ProductLimits:
        """The limits of a product. With `deny_unlisted` one without an account limit may not be traded at all."""
        limits: ProductLimits = getattr(self, product.value)
        if self.deny_unlisted and limits.account is None:
            return ProductLimits(ZERO, limits.order)
        return limits


DEFAULTS = Settings()
