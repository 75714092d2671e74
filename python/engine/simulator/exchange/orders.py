"""An order as the exchange sees it: what was asked for, and what has become of it.

`NewOrder` is the request, word for word as the client meant it; `OrderView` is a snapshot that never changes
after it was handed out, so that a delayed message still tells what was true when it was made.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.simulator.exchange.conditions import Condition


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    MKT = "MKT"
    LMT = "LMT"
    STP = "STP"
    STP_LMT = "STP LMT"
    TRAIL = "TRAIL"
    MIDPRICE = "MIDPRICE"


class Tif(StrEnum):
    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"


class Status(StrEnum):
    """IBKR's order states, spelled as TWS spells them."""

    PENDING_SUBMIT = "PendingSubmit"  # sent, not yet acknowledged by IBKR
    PRE_SUBMITTED = "PreSubmitted"  # IBKR holds it: stop not triggered, parent not filled, market closed
    SUBMITTED = "Submitted"  # working at the exchange
    PENDING_CANCEL = "PendingCancel"  # may still fill
    CANCELLED = "Cancelled"
    FILLED = "Filled"
    INACTIVE = "Inactive"  # refused by IBKR, or never transmitted: see `OrderView.is_open`


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A request to place an order, or (same client and order id as a live one) to modify it.

    Text fields stay text: what the exchange does not know it refuses with IBKR's code. A price that the client
    left out is None, which is not zero.
    """

    client_id: int  # 0 is TWS itself: orders typed by hand
    order_id: int
    account: str
    con_id: int
    action: str
    quantity: Decimal
    order_type: str
    lmt_price: Decimal | None = None
    aux_price: Decimal | None = None  # stop price, or the trailing amount
    trailing_percent: Decimal | None = None
    trail_stop_price: Decimal | None = None
    tif: str = "DAY"
    oca_group: str = ""
    oca_type: int = 0  # 1 cancel the others, 2 reduce them with block, 3 reduce them without
    parent_id: int = 0  # order id of the parent, same client
    transmit: bool = True
    outside_rth: bool = False
    order_ref: str = ""
    what_if: bool = False
    cash_qty: Decimal | None = None
    exchange: str = "SMART"
    conditions: tuple[Condition, ...] = ()
    conditions_cancel_order: bool = False  # they end the order instead of releasing it
    conditions_ignore_rth: bool = False  # they are looked at outside regular hours too

    @property
    def sign(self) -> int:
        return 1 if self.action == Action.BUY else -1


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """One order at one moment."""

    request: NewOrder  # as last modified
    perm_id: int  # account-wide, increasing
    status: Status
    filled: Decimal
    remaining: Decimal
    avg_fill_price: Decimal  # 0 while nothing is filled, as TWS reports it
    last_fill_price: Decimal
    placed_ns: int
    transmitted: bool = True  # False: it rests in the TWS window and IBKR has not seen it
    parent_perm_id: int = 0
    why_held: str = ""  # "child", "trigger" or empty
    trail_stop_price: Decimal | None = None  # where a trailing stop stands now
    completed_ns: int | None = None
    completed_status: str = ""  # e.g. "Filled Size: 3", "Cancelled by Trader"

    @property
    def is_open(self) -> bool:
        """May this order still fill, now or after a hand has transmitted it?"""
        return self.completed_ns is None


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One fill. A correction repeats it with the last part of the id increased."""

    exec_id: str
    at_ns: int
    account: str
    con_id: int
    side: str  # BOT or SLD
    quantity: Decimal
    price: Decimal
    perm_id: int
    client_id: int
    order_id: int
    order_ref: str
    exchange: str
    cum_qty: Decimal
    avg_price: Decimal
    liquidation: bool = False  # IBKR closed it, not the customer
    last_liquidity: int = 2  # 1 added, 2 removed
    price_revised: bool = False

    @property
    def signed(self) -> Decimal:
        return self.quantity if self.side == "BOT" else -self.quantity


class Movement(msgspec.Struct, frozen=True):
    """A change of a position: by an execution, or (without a reference) by exercise, assignment, expiry, transfer."""

    at_ns: int
    account: str
    con_id: int
    signed: Decimal
    order_ref: str = ""
