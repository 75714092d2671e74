"""What somebody wants to send, in the few terms that a check needs. Both ways in (library, gateway) fill this in.

It says what the order says and nothing more: an absent number stays absent, a text stays as it was spelled. It must
never hold a default where the order was silent, except where TWS itself has one.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.exposure import OrderKey, Side
from engine.core.units import BLANK, Number


class Leg(msgspec.Struct, frozen=True, gc=False):
    """One leg of a combination, as for a bought one: selling the combination turns it round."""

    con_id: int
    ratio: int
    side: Side


class Special(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What only some orders have. An order without any of it has no `Special` at all.

    `legs`: of a combination. `parent`: the order after whose fill it becomes active. `modifies`: the order it replaces.
    `allocation`: it names a group, profile or model of an adviser instead of an account. `cash_qty`: sized by money.
    `untransmitted`: TWS is asked to hold it.
    """

    legs: tuple[Leg, ...] = ()
    parent: OrderKey | None = None
    oca_group: str = ""
    oca_type: int = 0
    modifies: OrderKey | None = None
    cash_qty: Number = BLANK
    what_if: bool = False
    allocation: str = ""
    untransmitted: bool = False


class Intent(msgspec.Struct, frozen=True, gc=False):
    """One order before it is sent. `quantity` is never signed: the side is in `side`.

    `con_id` 0: the contract is not resolved, which is refused. `account` empty: TWS's default, which is only certain
    in a login of one account. A combination has `sec_type` BAG and its legs in `special`.
    """

    account: str
    con_id: int
    sec_type: str
    symbol: str
    side: Side
    quantity: Number
    order_type: str
    limit: Number = BLANK
    aux: Number = BLANK
    tif: str = ""
    outside_rth: bool = False
    special: Special | None = None

    @property
    def buys(self) -> bool:
        return self.side is Side.BUY


class Reference(msgspec.Struct, frozen=True):
    """The price an order is held against, and when it was true. May be zero or negative."""

    price: Decimal
    at_ns: int


class MarginPreview(msgspec.Struct, frozen=True):
    """What a whatIf answered, in the account's base currency: after the order, were it filled."""

    equity_with_loan_after: Decimal
    initial_margin_after: Decimal
