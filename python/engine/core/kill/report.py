"""The result of a kill as typed data. It claims only what the broker's own answers showed.

How it is printed is the business of `engine.trading.report_text`; here is what was found.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from engine.core.contracts import Contract


class LoginOutcome(Enum):
    """How one login ended, best first."""

    FLAT = "flat"  # two agreeing fresh reads over a healthy link: no position, no working order
    RESIDUE = "residue"  # read, and something is left
    UNKNOWN = "unknown"  # was reached, but the last facts are missing, stale or contradict each other
    UNREACHABLE = "unreachable"  # was never reached


class ResidueReason(Enum):
    """Why something is left. Closed: every residue item has exactly one."""

    WORKING_ORDER = "working_order"  # an order the broker still lists as open
    STILL_SENDING = "still_sending"  # a program keeps sending orders in the contract
    WAITING_FOR_ORDERS = "waiting_for_orders"  # a resting order in the contract could not be confirmed gone
    ORDERS_UNREAD = "orders_unread"  # which orders are open could not be read, and one in the contract may fill
    WAITING_TURN = "waiting_turn"  # another closing order had to come first
    CLOSE_WORKING = "close_working"  # the closing order is live but not (wholly) filled
    CLOSE_WITHDRAWN = "close_withdrawn"  # the closing order has not filled in time, and this kill has withdrawn it
    CLOSE_CANCELLED = "close_cancelled"  # the closing order was cancelled, and nobody said why
    CLOSE_NOT_SENT = "close_not_sent"  # it has not left: it waited for room on a connection, or that was lost
    CLOSE_UNACKNOWLEDGED = "close_unacknowledged"  # sent, and the broker said nothing
    REJECTED = "rejected"  # the broker refuses the closing order
    READ_ONLY = "read_only"  # TWS's API is in read-only mode
    NO_BID = "no_bid"  # nobody buys it
    NO_QUOTE = "no_quote"  # a price was needed and none is live
    MARKET_CLOSED = "market_closed"  # the order would wait for the next session
    HALTED = "halted"  # trading in the contract is halted
    FRACTIONAL = "fractional"  # the API cannot close a fraction of a share
    EXPIRED = "expired"  # the contract no longer trades
    UNRESOLVED = "unresolved"  # the broker does not say where it trades
    POSITION_UNCONFIRMED = "position_unconfirmed"  # position reads and executions contradict each other
    ANOTHER_KILL = "another_kill"  # another kill holds the right to close and has not finished
    NO_PERMISSION = "no_permission"  # the account may not trade it
    STRAY_CLOSE = "stray_close"  # a closing order that may still arrive over a connection that was lost
    LINK_DOWN = "link_down"  # TWS has lost IBKR
    OPENED_SINCE = "opened_since"  # after the kill of this login had ended, while others were worked on
    OUT_OF_TIME = "out_of_time"  # the deadline came first


class ResidueItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is left: a position (`quantity` signed) or a working order (`order` says which)."""

    account: str
    contract: Contract
    quantity: Decimal
    reason: ResidueReason
    first_seen: Decimal | None = None  # a position as it was when first read; None: not known, or an order
    detail: str = ""  # the broker's own words where there are any
    order: str = ""  # for working orders: whose and what, e.g. "client 7: BUY 3 LMT 4100"


class Trader(Enum):
    """Whose trade it was, by the mark of its order."""

    THIS_KILL = "this_kill"
    ANOTHER_KILL = "another_kill"
    CLIENT = "client"  # a program: its client id is told
    TWS = "tws"  # typed into TWS
    LIQUIDATION = "liquidation"  # IBKR's own


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """What one party has bought, or sold, of a contract since its position was first read."""

    by: Trader
    quantity: Decimal  # signed, bought positive
    avg_price: Decimal | None = None  # None: not told for all of it
    client_id: int | None = None  # of a program


class ClosedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position that was open when first read, or that a kill which this one joined has closed since, and that fresh
    reads show closed.

    `at_press + traded + traded_by_others` is zero, as far as executions tell all. None is not known, and never zero;
    records from before these were told have None.
    """

    account: str
    contract: Contract
    quantity: Decimal  # as first read, signed; of one opened since the press, as it was first seen
    orders_sent: int
    avg_price: Decimal | None = None  # of our fills, or the other kill's; None: not told for all of them
    by_other_kill: bool = False  # by executions of its closing orders
    filled: Decimal | None = None  # by this kill's orders, what they bought and what they sold, never negative
    filled_by_other: Decimal | None = None  # by another kill's, also before this one first read the position
    at_press: Decimal | None = None  # by the first complete list of positions, behind the press; zero: opened since
    traded: Decimal | None = None  # by this kill's orders, bought positive
    traded_by_others: Decimal | None = None  # by everybody else, bought positive; None: executions were not read
    trades: tuple[Trade, ...] = ()  # who, and at what price: as far as executions tell


class PartlyClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A position of which closing orders, this kill's or another's, have closed something, and that the last read shows
    still. What more fields say is as in `ClosedPosition`."""

    account: str
    contract: Contract
    quantity: Decimal  # as first read, signed
    filled: Decimal
    avg_price: Decimal | None = None
    filled_by_other: Decimal | None = None
    at_press: Decimal | None = None
    traded: Decimal | None = None
    traded_by_others: Decimal | None = None
    trades: tuple[Trade, ...] = ()


class CancelledOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was open or completed as cancelled during the kill and that fresh reads no longer list.

    `confirmed`: TWS has listed it as ended without having filled whole. If not, it is gone, and nobody has said how.
    `quantity`: what was left of it; None: TWS tells no size of an order that it lists as completed only.
    `protective`: a stop that reduced a position: its protection is gone with it. None: a stop, and the positions could
    not be read.
    """

    account: str
    contract: Contract
    client_id: int
    order_id: int
    perm_id: int
    action: str
    quantity: Decimal | None
    order_type: str
    protective: bool | None = False
    confirmed: bool = True


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A program that went on sending orders after the press. Only ending it stops that: a kill cannot."""

    client_id: int
    orders: int  # seen since the press, open or executed
    last_ms: float  # when the last one was seen, from the press
    still: bool  # at the time of the report


class TimelineEntry(msgspec.Struct, frozen=True):
    """One step of the kill. `at_ms` counts from the press of the button."""

    at_ms: float
    kind: str
    text: str


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the press; None: never happened."""

    connected_ms: float | None = None
    first_cancel_ms: float | None = None
    orders_gone_ms: float | None = None
    first_close_ms: float | None = None
    last_close_ms: float | None = None
    flat_ms: float | None = None
    finished_ms: float | None = None


class LoginReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to one login."""

    name: str
    mode: str  # "paper" or "live"
    host: str
    port: int
    outcome: LoginOutcome
    accounts: tuple[str, ...] = ()
    cancelled: tuple[CancelledOrder, ...] = ()
    closed: tuple[ClosedPosition, ...] = ()
    partly_closed: tuple[PartlyClosed, ...] = ()  # what is left of them is in `residue`
    residue: tuple[ResidueItem, ...] = ()
    senders: tuple[Sender, ...] = ()
    notes: tuple[str, ...] = ()
    trouble: str = ""  # why it is unreachable or unknown, in words
    joined: bool = False  # another kill did the closing; this one watched and verified
    timings: Timings = Timings()
    timeline: tuple[TimelineEntry, ...] = ()

    @property
    def flat(self) -> bool:
        return self.outcome is LoginOutcome.FLAT


class KillReport(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to every login. `flat` only if there is at least one login and each of them is proven flat."""

    kill_id: str
    reason: str
    started_at: str  # ISO 8601, UTC
    logins: dict[str, LoginReport]

    @property
    def flat(self) -> bool:
        return bool(self.logins) and all(r.flat for r in self.logins.values())

    @property
    def residue(self) -> tuple[ResidueItem, ...]:
        return tuple(item for r in self.logins.values() for item in r.residue)

    @property
    def exit_code(self) -> int:
        """0 all verified flat, 1 residue, 2 something unreachable or unknown."""
        outcomes = {r.outcome for r in self.logins.values()}
        if not outcomes or outcomes & {LoginOutcome.UNKNOWN, LoginOutcome.UNREACHABLE}:
            return 2
        return 1 if LoginOutcome.RESIDUE in outcomes else 0
