"""What a kill of one login asks its driver to do. Commands are done in order, each at most once."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from engine.core.contracts import Contract

CLOSE_REF_PREFIX = "QEKILL"
"""Every closing order's `orderRef` begins with this, so that any program can tell a kill's orders from others'."""


class Command(msgspec.Struct, frozen=True):
    """Base of everything the machine may ask for."""


class Connect(Command, frozen=True):
    """Open (or reopen) the login, falling back to emergency client ids when the id is in use.
    Answer: `Connected` or `Disconnected`."""


class GlobalCancel(Command, frozen=True):
    """reqGlobalCancel, ahead of anything queued. `early`: on connections that TWS has answered and not let in yet. It
    may drop it, so nothing is taken to be cancelled by it."""

    early: bool = False


class ReadOrders(Command, frozen=True):
    """reqAllOpenOrders. Answer: `OrdersRead` or `ReadFailed`, within the driver's read timeout."""

    read_id: int


class ReadPositions(Command, frozen=True):
    """A fresh list of positions (cancelPositions first where one is subscribed).
    Answer: `PositionsRead` or `ReadFailed`."""

    read_id: int


class ReadExecutions(Command, frozen=True):
    """reqExecutions, unfiltered. Answer: `ExecutionsRead` or `ReadFailed`."""

    read_id: int


class ReadCompleted(Command, frozen=True):
    """reqCompletedOrders (api_only false). Answer: `CompletedRead` or `ReadFailed`. `before_ns`: what was cancelled so
    long before the press is asked for too."""

    read_id: int
    before_ns: int = 0


class ReadWorth(Command, frozen=True):
    """reqAccountSummary of all accounts, ended behind the answer: net liquidation, gross position value, maintenance
    margin; and with `cash` what they have in each currency. Answer: `WorthRead` or `ReadFailed`."""

    read_id: int
    cash: bool = False


class Resolve(Command, frozen=True):
    """Contract details by conId alone. Answer: `Resolved` or `Unresolved`."""

    contract: Contract


class AskRule(Command, frozen=True):
    """The market rule of that number: on which steps prices may be. Answer: `RuleHeard`, or none; nobody waits long."""

    rule_id: int


class AskQuote(Command, frozen=True):
    """Bid and ask by one snapshot. Answer: `Quoted` or `NoQuote`."""

    contract: Contract  # with exchange


class OrderType(Enum):
    MARKET = "MKT"
    LIMIT = "LMT"


class Place(Command, frozen=True, kw_only=True):
    """Send a closing order, or the same order again.

    `key` is unique within the kill. When `key` was placed before, the driver sends the *same order id on the same
    connection*: TWS takes that as a modification of a living order, or as a new one if the first never arrived, so a
    repeat can never double it. If that connection is gone the driver answers `CloseNotSent`.
    """

    key: int
    account: str
    contract: Contract  # routed: conId and exchange are set
    action: str  # BUY or SELL
    quantity: Decimal  # positive
    order_type: OrderType
    limit_price: Decimal | None = None
    outside_rth: bool = False
    tif: str = "DAY"
    order_ref: str = CLOSE_REF_PREFIX


class CancelClose(Command, frozen=True):
    """cancelOrder for a closing order, on the connection that placed it."""

    key: int


class WakeAt(Command, frozen=True):
    """Send `Woke` at this time at the latest; replaces an earlier one."""

    at_ns: int


class Say(Command, frozen=True):
    """One line for the timeline: what happened, in words an operator understands."""

    kind: str  # stable, machine-readable: connected, cancel_sent, orders_gone, close_sent, close_filled, …
    text: str


class Finish(Command, frozen=True):
    """The kill has its result (`machine.report()`). With a quarantine the machine goes on watching afterwards.
    `by_hand`: before the deadline, because only a person can close what is left."""

    by_hand: bool = False


class Stop(Command, frozen=True):
    """Nothing more will be asked: the driver may disconnect and release the lock."""
