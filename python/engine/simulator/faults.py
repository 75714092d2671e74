"""Everything that can be made to go wrong, as data: what, when, how often. What each does is in `server/trouble.py`.

A fault works the same on real sockets and in virtual time. All times are simulated seconds. Without a trigger a fault
starts `after_s` after the simulator; with `on` it starts `after_s` after the `nth` request of that type on its login.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec


def _kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


class Fault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag=_kebab,
    omit_defaults=True,
):
    """When a fault is in force."""

    login: str = ""  # empty: every login
    on: str = ""  # the request type that starts it, e.g. "ReqGlobalCancel"; "CloseOrder" is an order of a kill
    nth: int = 1
    after_s: float = 0.0
    for_s: float | None = None  # None: to the end

    @property
    def kind(self) -> str:
        return _kebab(type(self).__name__)


# --- the connection --------------------------------------------------------------------------------
class Latency(Fault, frozen=True):
    """Every message takes this long, each way; order is kept."""

    seconds: float
    jitter_s: float = 0.0  # up to this much more, drawn for each message


class HalfOpen(Fault, frozen=True):
    """The server's bytes vanish on the connections that exist when this starts; it still hears. No end of stream."""

    new_connections: bool = False  # those made later too


class BlackHole(Fault, frozen=True):
    """Connections are accepted; nothing is read, done or answered."""


class SilentAccept(Fault, frozen=True):
    """The "accept incoming connection" dialog: TCP connects, then silence. At its end later ones are let in."""

    stage: Literal["handshake", "start"] = "handshake"  # "start": version agreed, but no nextValidId and no accounts
    confirmed: bool = False  # it ends by somebody pressing Accept: the connections that wait are answered, too


class SlowStart(Fault, frozen=True):
    """TWS is logging in: it answers the handshake of each connection at once, and lets it in so much later."""

    seconds: float
    accounts_s: float = 0.0  # managedAccounts comes this long before nextValidId
    hears: bool = False  # what is sent meanwhile is done, not dropped


class ImmediateEof(Fault, frozen=True):
    """The connection is closed as soon as it is made."""

    first: int | None = None  # None: every one


class NotRunning(Fault, frozen=True):
    """Nothing listens: connections are refused, those that exist are closed."""


class Restart(Fault, frozen=True):
    """TWS restarts: all connections end, nobody listens for a while, then it is back."""

    down_s: float = 20.0
    reset_ids: bool = True  # order ids start again from 1


class ClientIdBusy(Fault, frozen=True):
    """Client ids are held by a crashed program: 326, then the connection is closed."""

    client_ids: tuple[int, ...] = ()  # empty: every id below 9000
    as_eof: bool = False  # close without a word, as some versions do


class Disconnect(Fault, frozen=True):
    """A connection ends after so many requests on it, counted from when this starts; 0: at once."""

    after_messages: int = 0
    how: Literal["eof", "reset"] = "reset"
    times: int | None = 1  # how many connections; None: every one


class LinkLost(Fault, frozen=True):
    """TWS loses IBKR: 1100, later 1101 or 1102 (`for_s`). Reads come from memory, fills go unreported for good.

    Orders sent meanwhile are kept and submitted afterwards, as TWS's default setting has it.
    """

    restored: Literal[1101, 1102] = 1102
    cancels_kept: bool = False  # what becomes of cancels sent meanwhile is not documented: lost, or sent afterwards


class Pacing(Fault, frozen=True):
    """Another message limit than 50 a second and the third breach."""

    messages_max: int
    breaches_max: int = 3


# --- requests and replies --------------------------------------------------------------------------
class DropRequests(Fault, frozen=True):
    """Requests of these types vanish without a word. PlaceOrder: the dialog that TWS shows before a first order."""

    requests: tuple[str, ...]
    first: int | None = None
    client_ids: tuple[int, ...] = ()


class DropReplies(Fault, frozen=True):
    """Replies of these types vanish. Position and PositionEnd: the read is never answered."""

    replies: tuple[str, ...]
    first: int | None = None
    client_ids: tuple[int, ...] = ()


class DelayRequests(Fault, frozen=True):
    """Requests of these types are taken up late, others overtake them."""

    requests: tuple[str, ...]
    seconds: float


class AnswerError(Fault, frozen=True):
    """Requests of these types are answered with an error. ReqPositions and 2151: positions not available yet."""

    requests: tuple[str, ...]
    code: int
    text: str
    first: int | None = None


class ReadOnly(Fault, frozen=True):
    """The API is set to read-only: orders, cancels and order lists answer 321."""

    late_s: float = 0.0  # TWS has taken 20 s
    reads: bool = True  # False: order lists are still answered


class StatusNoise(Fault, frozen=True):
    """Order messages repeat, overtake each other or stay away. Percentages of orderStatus; openOrder only repeats."""

    duplicate_pct: float = 0.0
    reorder_pct: float = 0.0
    omit_pct: float = 0.0
    delay_s_max: float = 0.5


class SilentFills(Fault, frozen=True):
    """Fills send execDetails but no orderStatus."""


class StalePositions(Fault, frozen=True):
    """Positions follow fills this late, in reads and in updates."""

    lag_s: float


class StandingFeed(Fault, frozen=True):
    """TWS answers from a picture of the moment at which this begins, and catches up when it ends. Positions: in reads
    and updates. Orders: in every list, while single orders and executions are told as ever.
    """

    feed: Literal["positions", "orders"]


class OldAccountValues(Fault, frozen=True):
    """Account values are those of the moment at which this begins, until it ends: in TWS, up to three minutes."""


class LateCommissions(Fault, frozen=True):
    """Commission reports come this late, or never."""

    seconds: float | None = None


class AccountNotReady(Fault, frozen=True):
    """accountReady=false: the server is resetting, account values may be wrong."""


# --- orders ----------------------------------------------------------------------------------------
class Reject(Fault, frozen=True):
    """New orders are refused."""

    code: int = 201
    text: str = "Order rejected - reason:The order was refused by the simulator's scenario"
    contract: str = ""  # as in positions, e.g. "AAPL" or "OPT SPY 20260320 500 P"; empty: all
    action: Literal["", "BUY", "SELL"] = ""
    order_type: str = ""  # "MKT", "LMT", …; empty: all
    first: int | None = None
    while_short_options: bool = False  # only while the account is short options: margin of a long leg


class FillRace(Fault, frozen=True):
    """An order fills between a cancel's arrival and its effect."""

    first: int | None = None
    window_s: float = 0.3  # how long the cancel takes
    fill_s: float = 0.1  # how long after its arrival the order fills


class SlowCancel(Fault, frozen=True):
    """Cancels take this long; the orders may fill meanwhile."""

    seconds: float


class SlowAck(Fault, frozen=True):
    """New orders are acknowledged this late."""

    seconds: float


class SlowFill(Fault, frozen=True):
    """Working orders need this long before their first chance of a fill."""

    seconds: float


class FarLimits(Fault, frozen=True):
    """Limit prices further through the market than this percentage are cancelled (202), or capped (2161)."""

    percent: Decimal
    cap: bool = False


class PartialFills(Fault, frozen=True):
    """No more than this quantity trades per contract, side and second."""

    quantity: Decimal = Decimal(1)


# --- the world -------------------------------------------------------------------------------------
class NoBid(Fault, frozen=True):
    """Nobody bids for the contract: it cannot be sold."""

    contract: str


class IdleMarketOrders(Fault, frozen=True):
    """Market orders in the contract are acknowledged and never fill; limit orders do."""

    contract: str


class Halted(Fault, frozen=True):
    """Trading in the contract is halted."""

    contract: str
    hold: bool = False  # True: orders are kept (2128), False: refused (154)


class ClosedMarket(Fault, frozen=True):
    """The contract's market is closed, whatever the calendar says: orders are queued (399)."""

    contract: str


class PriceJump(Fault, frozen=True):
    """The price jumps."""

    contract: str
    price: Decimal


class Liquidation(Fault, frozen=True):
    """IBKR closes part of a position itself."""

    contract: str
    quantity: Decimal  # signed: negative sells
    account: str = ""


class Assignment(Fault, frozen=True):
    """Short options are assigned: the account gets, or owes, what they were written on. No execution tells of it."""

    contract: str
    quantity: Decimal  # of options
    account: str = ""


class IntruderOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the other program sends."""

    contract: str
    action: Literal["BUY", "SELL"]
    quantity: Decimal
    order_type: Literal["MKT", "LMT"] = "MKT"
    limit: Decimal | None = None


class Intruder(Fault, frozen=True):
    """Another program, or a hand in TWS (client 0), trades."""

    orders: tuple[IntruderOrder, ...]
    client_id: int = 77
    account: str = ""
    times: int = 1
    every_s: float = 1.0


AnyFault: TypeAlias = (
    Latency
    | HalfOpen
    | BlackHole
    | SilentAccept
    | SlowStart
    | ImmediateEof
    | NotRunning
    | Restart
    | ClientIdBusy
    | Disconnect
    | LinkLost
    | Pacing
    | DropRequests
    | DropReplies
    | DelayRequests
    | AnswerError
    | ReadOnly
    | StatusNoise
    | SilentFills
    | StalePositions
    | StandingFeed
    | OldAccountValues
    | LateCommissions
    | AccountNotReady
    | Reject
    | FillRace
    | SlowCancel
    | SlowAck
    | SlowFill
    | FarLimits
    | PartialFills
    | NoBid
    | IdleMarketOrders
    | Halted
    | ClosedMarket
    | PriceJump
    | Liquidation
    | Assignment
    | Intruder
)

ALL: tuple[type[Fault], ...] = AnyFault.__args__
