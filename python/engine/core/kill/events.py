"""What can happen to a kill of one login. The driver reports; the machine decides.

Times are integer nanoseconds of one monotonic clock and come as the `now_ns` argument of `KillMachine.handle`.
`read_id` names the read command that is answered. Events about a closing order name it by the `key` of its
`Place` command, whatever order id or connection the driver used.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import msgspec

from engine.core.facts import (
    AccountWorth,
    Details,
    ExecutionFact,
    PositionFact,
    PriceStep,
    Quote,
    UnreadPosition,
    WorkingOrder,
)


class Event(msgspec.Struct, frozen=True):
    """Base of everything that can happen."""


class Trouble(Enum):
    """Why a login cannot be reached."""

    REFUSED = "refused"  # nothing listens there
    SILENT = "silent"  # connected, but TWS does not answer (dialog, untrusted address, frozen, half-open)
    CLOSED = "closed"  # TWS ended the connection
    CLIENT_IDS_BUSY = "client_ids_busy"  # 326 for the configured and every emergency id
    NOT_TWS = "not_tws"  # the answer is not the TWS protocol
    UNSUPPORTED = "unsupported"  # the protocol version is outside what we speak
    FAILED = "failed"  # any other failure of the network or the operating system


class Connected(Event, frozen=True):
    """The login answers: next valid id and managed accounts are both there. `cancel_sent`: the driver has already
    written a global cancel on this connection (an emergency start does that before anything else). `own_numbers`: TWS
    answers and has named no order number that can be one; the driver numbers the orders itself."""

    accounts: tuple[str, ...]
    client_id: int
    cancel_sent: bool = False
    own_numbers: bool = False


class Struck(Event, frozen=True):
    """A global cancel was sent at `at_ns`, before the rest of this kill was there; `text` tells of it."""

    at_ns: int
    text: str


class Greeted(Event, frozen=True):
    """TWS has answered the handshake: it is there. Should nothing listen any more, it is being restarted."""


class Answering(Event, frozen=True):
    """TWS has answered the handshake and does not let this connection in yet: it is logging in, or busy. It is stayed
    on. Told again when TWS goes on to name the accounts. What is sent now it may drop."""

    client_id: int


class StillWaiting(Event, frozen=True):
    """The login is not reached yet, and a connection that it has accepted is stayed on: why, if it stays so."""

    trouble: Trouble
    text: str


class Disconnected(Event, frozen=True):
    """The main connection is gone, or a try to connect failed and nothing is stayed on."""

    trouble: Trouble
    text: str


class BrokerLink(Event, frozen=True):
    """TWS's own link to IBKR: lost (1100, 2110) or back (1101, 1102). While lost, reads come from TWS's memory."""

    up: bool
    code: int = 0


class Left(Enum):
    """How the kill that had the right to close until now has left it, as far as it says so itself."""

    DEAD = "dead"  # without a word
    ENDED = "ended"  # its kill was over, and the login not proven flat
    FLAT = "flat"  # … and proven flat: no closing order of its own was under way any more


class LockTaken(Event, frozen=True):
    """This kill is now the one that may send closing orders for the login. `shared_nothing`: no lock can be had on
    this machine, so another closer cannot be excluded; the machine then counts twice before it sends. `taken_from`: who
    had it until now and hung, and what was done to him; he can send nothing any more. Empty: nobody hung. `left`: what
    the others said who had it while this kill waited; of several the worst. `proven`: the mark of the trades behind
    which the last of them was proven flat (proven.py), whether this kill waited for it or not; empty: none."""

    shared_nothing: bool = False
    taken_from: str = ""
    left: Left = Left.DEAD
    proven: bytes = b""


class LockBusy(Event, frozen=True):
    """Another kill closes this login; this one cancels, watches and reports until the lock is free. `spare`: that kill
    moves, and says that its own global cancel has left: another one would take its closing orders with it, so the
    orders are looked at first. Told again when that is no longer so. No `holder`: nobody has it any more, and this kill
    gets it as soon as it knows which accounts there are to close."""

    holder: str = ""
    spare: bool = False


class LockLost(Event, frozen=True):
    """This kill did not move for so long that another one has taken over. It is told at once on waking: from now on
    this one cancels, watches and reports, and none of its closing orders would be let through."""


class OrdersRead(Event, frozen=True):
    """A complete list of open orders of every client, answered to `read_id` up to its end marker.

    The kill's own orders carry the `order_ref` of their `Place`, restored by the driver from (client id, order id)
    or permId where the broker did not repeat it. The same holds for executions.
    """

    read_id: int
    orders: tuple[WorkingOrder, ...]


class FirstLook(Event, frozen=True):
    """Open orders as TWS listed them right behind the global cancel of the first strike, before this kill had begun:
    what the cancel took away, or what filled under it. Nothing is done about them: each look reads its own."""

    orders: tuple[WorkingOrder, ...]


class PositionsRead(Event, frozen=True):
    """A list of positions, answered to `read_id` up to its end marker. Complete with its `unread` rows: what those are
    about is unknown, and no fact of this list is about that."""

    read_id: int
    positions: tuple[PositionFact, ...]
    unread: tuple[UnreadPosition, ...] = ()


class ExecutionsRead(Event, frozen=True):
    """All executions since midnight that the broker lists, answered to `read_id`."""

    read_id: int
    executions: tuple[ExecutionFact, ...]


class CompletedRead(Event, frozen=True):
    """Orders known to have been cancelled since the button was pressed (what cannot be dated is left out): evidence for
    the report, not for a decision. `ended`: all that ended since shortly before it, however, and how much of each had
    filled; what cannot be dated is among them, and what does not tell how much is not."""

    read_id: int
    orders: tuple[WorkingOrder, ...]
    ended: tuple[WorkingOrder, ...] = ()


class ReadFailed(Event, frozen=True):
    """A read that gave no complete, wholly understood answer. The facts it was to bring are unknown."""

    read_id: int
    why: str


class WorthRead(Event, frozen=True):
    """What TWS says its accounts are worth, answered to `read_id` up to its end marker."""

    read_id: int
    accounts: tuple[AccountWorth, ...]


class PositionChanged(Event, frozen=True):
    """A position update outside a read. A hint to read again, never a fact to size an order from."""

    position: PositionFact


class OrderSeen(Event, frozen=True):
    """openOrder or orderStatus of a living order that is not ours, outside a read. A hint to read again, and a reason
    not to call the login flat before that."""

    perm_id: int
    status: str


class OrderEnded(Event, frozen=True):
    """orderStatus of an order that is not ours and has ended: TWS tells it to the client that placed it, and to a
    master client. As good a last word as a list of completed orders. `filled`: how much of it, in all."""

    perm_id: int
    status: str
    filled: Decimal


class Resolved(Event, frozen=True):
    con_id: int
    details: Details


class Unresolved(Event, frozen=True):
    con_id: int
    why: str


class RuleHeard(Event, frozen=True):
    """A market rule's price steps, from the lowest edge up; none where the broker does not tell them."""

    rule_id: int
    steps: tuple[PriceStep, ...]


class ServerClock(Event, frozen=True):
    """IBKR's clock by TWS's own word, good to a second: it, and not this machine's, says which session it is. It told
    that at most `late_ns` ago: so long the answer may have been on its way."""

    unix_s: int
    late_ns: int = 0


class Quoted(Event, frozen=True):
    con_id: int
    quote: Quote


class NoQuote(Event, frozen=True):
    con_id: int
    why: str


class CloseSent(Event, frozen=True):
    """The order's bytes have been handed to the socket."""

    key: int


class CloseNotSent(Event, frozen=True):
    """The order's bytes were never written: it cannot exist at the broker."""

    key: int
    why: str


class CloseStatus(Event, frozen=True):
    """orderStatus or openOrder of a closing order. `filled` is cumulative, None where the message has none."""

    key: int
    status: str
    filled: Decimal | None
    perm_id: int = 0


class CloseFill(Event, frozen=True):
    """execDetails of a closing order (live or from a read)."""

    key: int
    execution: ExecutionFact


class CloseError(Event, frozen=True):
    """An error or warning that names a closing order. Not proof that the order is dead."""

    key: int
    code: int
    text: str


class CloseOrphaned(Event, frozen=True):
    """The connection that carried the order is gone; whether the order lives is for the next reads to show.

    `may_arrive`: it was given up here, for silence. TWS has not ended it, so what was sent on it may arrive any time.
    """

    key: int
    may_arrive: bool = False


class CarrierEnded(Event, frozen=True):
    """TWS has let a new connection in under the client id of the one that carried the order: it has ended the old one,
    and what had not arrived by then never will."""

    key: int


class Notice(Event, frozen=True):
    """An error or notice that names no order of ours and no read."""

    code: int
    text: str


class PressedAgain(Event, frozen=True):
    """Somebody pressed the button again for this login: at most one more global cancel, nothing else."""


class Rest(Event, frozen=True):
    """Only a person can close what is left, and other logins are still worked on: look on until the report, so that it
    tells how things are then, and send nothing that acts."""


class EarlierPress(Event, frozen=True):
    """Another kill of this login, pressed `ago_ns` before this one, has not ended by the records: it runs, or it died
    and nobody has told what it did. Evidence for the report, never for a decision."""

    kill_id: str
    ago_ns: int


class Woke(Event, frozen=True):
    """The time asked for by `WakeAt` has come, or simply time has passed."""


ReadEvent: TypeAlias = FirstLook | OrdersRead | PositionsRead | ExecutionsRead | CompletedRead | WorthRead | ReadFailed
"""An answer to a read, or that there is none."""
