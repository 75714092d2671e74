"""Everything that is known when one order is judged. Frozen: the same order and facts give the same verdict always."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.exposure import OrderKey, Resting
from engine.core.known import Fact
from engine.core.preflight.intent import MarginPreview, Reference
from engine.core.preflight.listing import Listing
from engine.core.products import Product
from engine.core.reduce_only import Change
from engine.core.restrictions import State


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """One contract that the order would trade: itself, or a leg of it.

    `change`: the exposure with and without the order. `total`: the worst cases of its product in this account, before.
    `unit`: what one contract is worth in the currency of the limits, at the order's price; None: nobody knows.
    `unit_held`: the same at the price by which the account's worst case counts it; None: likewise.
    """

    con_id: int
    product: Product
    change: Change
    total: Decimal
    listing: Listing | None = None
    reference: Reference | None = None
    unit: Decimal | None = None
    unit_held: Decimal | None = None


class Pace(msgspec.Struct, frozen=True):
    """What has been sent in each window so far: orders like this one, children like it, orders in all."""

    same: int = 0
    repeats: int = 0
    in_second: int = 0
    in_minute: int = 0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the login, the account and the contracts.

    `touched` is empty where it cannot be said what the order would trade: then a check of the form has failed.
    `replaced`: the order that this one modifies, as it stands; empty: there is none, or it is not working.
    `unconfirmed`: an order like this one of which nobody has said what became of it.
    `market_ahead_ns`: how far TWS's clock is ahead of ours. No default: whoever leaves it out judges hours wrongly.
    `margin` None: nobody asked. `notional`: the account's worst case in money; None: a contract in it has no price.
    """

    now_ns: int
    market_ahead_ns: int
    state: State
    accounts: tuple[str, ...]
    positions: Fact[None]
    orders: Fact[None]
    touched: tuple[Touched, ...]
    listing: Listing | None = None
    reference: Reference | None = None
    replaced: tuple[Resting, ...] = ()
    notional: Decimal | None = None
    pace: Pace = Pace()
    unconfirmed: OrderKey | None = None
    margin: Fact[MarginPreview] | None = None

    @property
    def market_ns(self) -> int:
        """What the market's clock shows: sessions and expiries are judged by it, and not by this machine's."""
        return self.now_ns + self.market_ahead_ns

    @property
    def adds_risk(self) -> bool:
        """The order could open or enlarge a position, or nobody can say that it could not."""
        return not self.touched or not all(one.change.reduces for one in self.touched)
