"""One closing order, from sending to proven end. Nothing but the broker's word moves it, and no error ends it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum, auto

from engine.core.facts import ExecutionFact, WorkingOrder
from engine.core.kill.commands import Place
from engine.core.kill.looks.survey import Survey

ZERO = Decimal(0)

DEAD_STATUSES = frozenset({"Cancelled", "ApiCancelled"})
HELD_STATUS = "Inactive"  # rejected, which an error tells, or held where a hand may still transmit it
PENDING_STATUS = "PendingSubmit"  # TWS has it, and IBKR has not said that it has


class State(Enum):
    SENT = auto()  # nothing heard yet
    WORKING = auto()  # acknowledged
    QUEUED = auto()  # held by TWS until a session opens
    SUSPECT = auto()  # an error, silence or a lost connection: the reads will tell
    ENDED = auto()  # filled, cancelled, or shown by reads not to exist


class Doubt(Enum):
    """Why an attempt is suspect, which says how much it takes to call it dead."""

    ERROR = auto()  # one later read without it
    VANISHED = auto()  # acknowledged, and gone without a word: two
    ORPHANED = auto()  # two, after `surface_ns`: what carried it is gone, it may still surface
    DENIED = auto()  # never by absence alone: TWS says it does not know it, and may hold it in front of a dialog
    SILENT = auto()  # the same: it is cancelled, or sent again under its own id
    HELD = auto()  # never by absence: TWS may show it in a window, where a hand can still transmit it


ABSENT_READS_MIN = 2  # complete reads without an order that is silent, or denied, before it counts as not there
READS_TO_END = {Doubt.ERROR: 1, Doubt.VANISHED: 2, Doubt.ORPHANED: 2}
"""Complete reads without the order that end it."""


@dataclass(slots=True)
class Attempt:
    """`place` is what was sent last; `signed` what it may still add to the position."""

    place: Place
    sent_ns: int = 0
    sent_serial: int = 0  # the newest survey begun when it was sent: only later ones can show it
    acknowledge_ns: int = 0  # how long it may stay silent
    state: State = State.SENT
    doubt: Doubt = Doubt.ERROR
    doubt_serial: int = 0  # only surveys begun after this one count …
    surface_ns: int = 0  # … and only those begun after this end an order that may still surface
    absent_reads: int = 0
    filled_said: Decimal = ZERO  # by orderStatus
    fills: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)  # identity → (quantity, price)
    counted: Decimal = ZERO  # of the filled quantity, how much the ledger knows
    perm_id: int = 0
    cancel_ns: int | None = None
    acknowledged: bool = False
    sends: int = 0
    left: bool = False  # written to a connection; until then it waits for room there
    end_told: bool = False  # by TWS: cancelled …
    ended_ns: int | None = None  # … and when it ended, told or not
    untold: bool = False  # ended by absence alone, and nobody has said what became of it
    filled_seen: Decimal = ZERO  # as of the last look at it …
    progress_ns: int = 0  # … and when that had grown
    change_lost: bool = False  # the broker has not made the last change
    fixed: bool = False  # the broker does not take a change of it
    pending: bool = False  # TWS has not passed it on, as far as it has said last
    held: bool = False  # listed, but held in the TWS window: it has to be cancelled
    inactive_ns: int | None = None  # since when TWS says that it holds it, and nobody that it was refused
    adrift: bool = False  # its connection is gone: only a global cancel reaches it
    answered: bool = False  # the broker has said something since it was sent last
    stray_until_ns: int | None = None  # it may still arrive over a connection that TWS holds; so long none is missing

    @property
    def live(self) -> bool:
        return self.state is not State.ENDED

    @property
    def stray(self) -> bool:
        """Nobody knows whether it has arrived, or will: no read can tell, only the end of what carries it."""
        return self.stray_until_ns is not None

    @property
    def missed(self) -> bool:
        """TWS does not know it and lists it nowhere: nothing of it is under way, though a dialog may hold it."""
        denied = self.state is State.SUSPECT and self.doubt is Doubt.DENIED
        return denied and self.absent_reads >= ABSENT_READS_MIN

    @property
    def inactive(self) -> bool:
        """TWS has said that it holds it, and no error that it was refused: it is there until its end is told."""
        return self.state is State.SUSPECT and self.doubt is Doubt.HELD

    @property
    def filled(self) -> Decimal:
        """Filled quantity, never negative: the larger of what statuses and executions say."""
        return max(self.filled_said, sum((quantity for quantity, _ in self.fills.values()), ZERO))

    @property
    def remaining(self) -> Decimal:
        return max(self.place.quantity - self.filled, ZERO)

    @property
    def waits(self) -> bool:
        """Nobody but us knows of it: to take it back costs nothing."""
        return self.state is State.SENT and self.sends == 1 and not self.left and not self.answered

    @property
    def used_up(self) -> bool:
        """Filled whole: nothing of it can trade any more. Sent twice, the second one may live when the first filled."""
        return self.sends == 1 and self.remaining == ZERO

    @property
    def sign(self) -> int:
        return 1 if self.place.action == "BUY" else -1

    def is_listed_as(self, order: WorkingOrder) -> bool:
        """Is this the listed order? By orderRef; by permId where the broker gave one and repeats no orderRef."""
        if order.order_ref:
            return order.order_ref == self.place.order_ref
        return self.perm_id != 0 and order.perm_id == self.perm_id

    def idle_since_ns(self, now_ns: int) -> int:
        """Since when nothing has come of it: its last sending or change, or the last look that saw more filled."""
        if self.filled > self.filled_seen:
            self.filled_seen, self.progress_ns = self.filled, now_ns
        return max(self.sent_ns, self.progress_ns)

    def sent(self, now_ns: int, serial: int, acknowledge_ns: int) -> None:
        """It goes out now, for the first time or again."""
        self.state = State.SENT
        self.sent_ns = now_ns
        self.sent_serial = serial
        self.acknowledge_ns = acknowledge_ns
        self.absent_reads = 0
        self.cancel_ns = self.inactive_ns = None
        self.answered = False
        self.sends += 1

    def end(self) -> None:
        self.state = State.ENDED

    def arrived(self) -> None:
        """The broker has said something of it, be it that it is refused."""
        self.acknowledged = self.answered = True
        self.stray_until_ns = None

    def heard(self) -> None:
        """The broker knows the order."""
        self.arrived()
        if self.state in (State.SENT, State.SUSPECT):
            self.state = State.WORKING

    def status(self, status: str, filled: Decimal | None, perm_id: int, serial: int) -> None:
        """orderStatus or openOrder. Repeats and late ones are harmless: an ended attempt stays ended."""
        self.perm_id = perm_id or self.perm_id
        self.pending = status == PENDING_STATUS
        if filled is not None:
            self.filled_said = max(self.filled_said, filled)
        self.arrived()
        if not self.live:
            return
        if status == "Filled":
            self.filled_said = self.place.quantity if filled is None else self.filled_said
            self._end_if_filled()
        elif status in DEAD_STATUSES:
            self.state = State.ENDED
            self.end_told = True
        elif status == HELD_STATUS:
            if self.state is not State.SUSPECT:
                self.suspect(Doubt.HELD, serial)
        else:
            self.heard()
            self._end_if_filled()

    def fill(self, execution: ExecutionFact) -> None:
        """An execution; the same one again or its correction replaces it. It tells of the past: a suspect order is
        not alive for it."""
        self.fills[execution.identity] = (abs(execution.quantity), execution.price)
        self.arrived()
        if self.state is State.SENT:
            self.state = State.WORKING
        self._end_if_filled()

    def _end_if_filled(self) -> None:
        if self.filled >= self.place.quantity:
            self.state = State.ENDED

    def suspect(self, doubt: Doubt, serial: int, surface_ns: int = 0) -> None:
        """Something is wrong; surveys begun after `serial` decide. The same again, or less, changes nothing."""
        if not self.live:
            return
        if self.state is State.SUSPECT and doubt is Doubt.ERROR and self.doubt in (Doubt.ERROR, Doubt.ORPHANED):
            return
        self.state = State.SUSPECT
        self.doubt = doubt
        self.doubt_serial = serial
        self.surface_ns = surface_ns
        self.absent_reads = 0

    def not_sent(self, serial: int, surface_ns: int) -> None:
        """The bytes were never written. A first sending cannot exist; of a repeat, the first one may."""
        if self.acknowledged or self.sends > 1:
            self.orphaned(serial, surface_ns, adrift=True)
        else:
            self.state = State.ENDED

    def orphaned(self, serial: int, surface_ns: int, *, adrift: bool) -> None:
        """The connection it was sent on is gone, or the link behind TWS was: it may live, or surface later."""
        self.adrift = self.adrift or adrift
        self.suspect(Doubt.ORPHANED, serial, surface_ns)

    def may_arrive(self, until_ns: int) -> None:
        """TWS holds the connection it was sent on, and nobody hears it any more. Without a word of the order it is not
        missed before `until_ns`, and whether it arrived stays open after that, too."""
        if self.live and not self.answered:
            self.stray_until_ns = until_ns

    def carrier_ended(self, serial: int, surface_ns: int) -> None:
        """What had not arrived never will; what had shows in reads begun after `surface_ns`."""
        if self.stray:
            self.stray_until_ns = None
            self.suspect(Doubt.ORPHANED, serial, surface_ns)

    def surveyed(self, survey: Survey) -> None:
        """A complete list of open orders, and what has ended where that was asked for."""
        if survey.serial <= self.sent_serial or not self.live:
            return
        ended = next((order for order in survey.completed or () if self.is_listed_as(order)), None)
        if ended is not None:
            self.filled_said = max(self.filled_said, ended.filled)
        # sent again under its own id, it may be the first one that has ended, and the second that lives
        if ended is not None and self.sends == 1 and not any(self.is_listed_as(order) for order in survey.orders):
            self.status(ended.status, ended.filled, ended.perm_id, survey.serial)
            self.end()
        else:
            self._looked_for(survey)

    def _looked_for(self, survey: Survey) -> None:
        """Among the open orders."""
        found = next((order for order in survey.orders if self.is_listed_as(order)), None)
        self.held = found is not None and found.status == HELD_STATUS
        if found is not None:
            self.pending = found.status == PENDING_STATUS
            self._listed(survey.serial)
        elif self.state is State.SUSPECT:
            self._absent(survey)
        elif self.state in (State.WORKING, State.QUEUED):
            self.suspect(Doubt.VANISHED, survey.serial)

    def _listed(self, serial: int) -> None:
        if self.state is State.SUSPECT and serial > self.doubt_serial:
            self.absent_reads = 0
            if not self.held:
                self.heard()
        elif self.state is State.SENT:
            self.heard()

    def _absent(self, survey: Survey) -> None:
        if survey.serial <= self.doubt_serial or survey.begun_ns < (self.stray_until_ns or 0):
            return
        self.absent_reads += 1
        reads = READS_TO_END.get(self.doubt)
        if reads is not None and self.absent_reads >= reads and survey.begun_ns >= self.surface_ns:
            self.state = State.ENDED
            never_arrived = not self.acknowledged and survey.completed is not None
            self.untold = self.doubt in (Doubt.VANISHED, Doubt.ORPHANED) and not never_arrived

    def uncounted_fill(self) -> Decimal:
        """Signed quantity filled since the last call: for the ledger."""
        fresh = self.filled - self.counted
        self.counted = self.filled
        return fresh * self.sign
