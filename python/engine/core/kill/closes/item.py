"""Closing one contract of one account: at most one closing order at a time, sized from facts newer than the last one.

Pure. Here is what is known of it and what was heard; a living order is looked after in `tending`, a new one is made
in `launching`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.contracts import Contract, short_name
from engine.core.facts import Details, Quote
from engine.core.hours import Session, session_at
from engine.core.kill.closes.attempt import ZERO, Attempt, Doubt, State
from engine.core.kill.closes.lessons import Lessons
from engine.core.kill.closes.lookups import Lookups
from engine.core.kill.closes.no_market import no_market
from engine.core.kill.closes.quotes import Quotes
from engine.core.kill.closes.reactions import UNKNOWN_ORDER, Effect, Reaction, Remedy, react
from engine.core.kill.commands import Command, Place, Say
from engine.core.kill.held.ledger import Key
from engine.core.kill.report import ResidueReason
from engine.core.kill.settings import KillSettings

ACKNOWLEDGE_FACTOR_MAX = 16

OVERTAKEN = frozenset(
    {
        None,
        ResidueReason.REJECTED,
        ResidueReason.CLOSE_NOT_SENT,
        ResidueReason.CLOSE_UNACKNOWLEDGED,
        ResidueReason.CLOSE_CANCELLED,
    }
)
"""What explains nothing any more once the broker has taken an order."""


@dataclass(slots=True, kw_only=True)
class Moment:
    """The facts of the moment, for one item's step."""

    now_ns: int
    serial_begun: int  # newest survey begun
    serial_done: int  # newest survey completed
    closable: Decimal  # signed; safe to close under every view of the position
    expected: Decimal  # signed; the position by what has been traded
    may_send: bool  # lock held, link healthy, time left
    may_launch: bool  # and this item's turn
    details: Details | None  # of this contract, or of its group
    details_pending: bool  # asked and not yet answered
    lookups: Lookups  # what else is known of contracts, and what is still to be asked
    wall_s: float  # since the Unix epoch
    place_key: int  # the key a new order would get
    kill_id: str
    slow_ns: int  # so long TWS needed for the last survey, or half as long again as for the first word about an order

    @property
    def session(self) -> Session:
        """Where the contract stands in its trading day; asked for only when an order is priced."""
        return Session.UNKNOWN if self.details is None else session_at(self.details, self.wall_s)


@dataclass(slots=True)
class Item:
    """One contract of one account."""

    key: Key
    contract: Contract
    settings: KillSettings
    names_account: bool = False
    lessons: Lessons = field(init=False)
    quotes: Quotes = field(default_factory=Quotes)
    attempt: Attempt | None = None  # the order that is being looked after
    orders_sent: int = 0
    min_serial: int = 0  # a survey begun later than this one is fresh enough to size from
    pending: Reaction | None = None  # what the broker's last error asks for, applied when the attempt has ended
    acknowledge_factor: int = 1
    first_sent_ns: int | None = None  # when its first closing order was sent
    waiting_since_ns: int | None = None  # since when only its turn or its resting orders hold it back
    details_asked_ns: int | None = None
    prices_wanted_ns: int | None = None  # since when its own price steps would be of use
    too_large_ns: int | None = None  # since when every look shows less than what its order has still to fill
    stays: str = ""  # why the newest order was left as it is, once that has been said
    newest: Place | None = None  # as sent last, also when it has ended …
    newest_filled: bool = False  # … and whether it was filled whole …
    newest_withdrawn: bool = False  # … or this kill asked for its cancel
    blocked: bool = False  # resting orders in the contract stand in its way, by the last look
    errors: set[int] = field(default_factory=set)  # codes heard about it since it was sent

    def __post_init__(self) -> None:
        self.lessons = Lessons(self.settings)

    @property
    def live(self) -> bool:
        return self.attempt is not None and self.attempt.live

    @property
    def name(self) -> str:
        """The contract; its account first, where the login has several."""
        name = short_name(self.contract)
        return f"{self.key[0]} {name}" if self.names_account else name

    def looked(self, position: Decimal, now_ns: int) -> None:
        """A complete look shows this much, and its executions are counted."""
        attempt = self.attempt
        if attempt is None or not attempt.live or attempt.remaining <= max(position * -attempt.sign, ZERO):
            self.too_large_ns = None
        elif self.too_large_ns is None:
            self.too_large_ns = now_ns

    # what was heard -------------------------------------------------------------------------------------------------

    def heard_error(self, key: int, code: int, text: str, now_ns: int, serial: int) -> None:
        """An error that names one of this item's closing orders. The newest counts, even when it has just ended; the
        same error again says nothing new."""
        if self.newest is None or key != self.newest.key or code in self.errors:
            return
        self.errors.add(code)
        reaction = react(code, text)
        attempt = self.attempt
        if attempt is None or not attempt.live:
            self._heard_late(self.newest, reaction, code, text, now_ns)
        elif code == UNKNOWN_ORDER:
            # it may still lie in front of a dialog: the same order again, under its own id, cannot double
            doubt = Doubt.ERROR if attempt.acknowledged else Doubt.DENIED
            attempt.suspect(doubt, serial, now_ns + self.settings.settle_ns)
        elif attempt.cancel_ns is not None and reaction.bare:
            attempt.suspect(Doubt.ERROR, serial)  # the answer to our own cancel: how much of it filled, the reads say
        elif reaction.effect is Effect.ALIVE:
            self._heard_notice(attempt, reaction.remedy)
        else:
            self._heard_objection(attempt, reaction, code, text, serial)

    def heard_not_sent(self, attempt: Attempt, why: str) -> None:
        """Its bytes were never written. One that this kill has taken back has its reason already."""
        if attempt.waits and attempt.cancel_ns is None and self.lessons.reason in OVERTAKEN:
            self.lessons.reason, self.lessons.detail = ResidueReason.CLOSE_NOT_SENT, why

    def _heard_notice(self, attempt: Attempt, remedy: Remedy) -> None:
        if not attempt.inactive:  # a notice, or that it cannot be cancelled as it is, does not say that it works
            attempt.heard()
        match remedy:
            case Remedy.NO_FURTHER:
                self.lessons.no_further()
            case Remedy.RESEND:
                attempt.change_lost = True
            case Remedy.REPLACE:
                attempt.fixed = True
            case _:
                pass

    def _heard_objection(self, attempt: Attempt, reaction: Reaction, code: int, text: str, serial: int) -> None:
        attempt.arrived()
        if not self._bare_cancel(reaction):
            self.lessons.objection(reaction, code, text)
            self.pending = reaction
        if reaction.effect is Effect.QUEUED:
            attempt.state = State.QUEUED
        else:
            attempt.suspect(Doubt.ERROR, serial)

    def _heard_late(self, place: Place, reaction: Reaction, code: int, text: str, now_ns: int) -> None:
        """The status said it has ended, and only now the error says why."""
        if reaction.effect is Effect.ALIVE or self.lessons.given_up or self.newest_filled:
            return
        if code == UNKNOWN_ORDER:
            return  # the answer to a cancel that came too late: no reason why it has ended
        withdrawn = self.newest_withdrawn if self.attempt is None else self.attempt.cancel_ns is not None
        if self._bare_cancel(reaction) or (withdrawn and reaction.bare):
            return
        self.lessons.objection(reaction, code, text)
        if self.attempt is not None:
            self.pending = reaction
        else:
            self.lessons.learn(reaction, place, now_ns)

    def _bare_cancel(self, reaction: Reaction) -> bool:
        """The bare news that an order is cancelled explains nothing that is explained already."""
        return reaction.bare and self.lessons.reason not in (None, ResidueReason.CLOSE_WORKING)

    def heard_quote(self, quote: Quote | None, now_ns: int, why: str = "") -> None:
        """The answer to `AskQuote`; None: there is none, and `why`. What is no market is none either."""
        stub = no_market(quote, self.contract) if quote is not None else ""
        self.quotes.heard(None if stub else quote, now_ns)
        if self.lessons.market_refused and (quote is None or stub):
            self.lessons.no_price(stub or why, newest=bool(stub))
        if quote is not None and quote.halted:
            self.lessons.reason, self.lessons.detail = ResidueReason.HALTED, "the quote says halted"

    def forget_questions(self) -> None:
        """The connection broke: what was asked will not be answered."""
        self.quotes.forget_open()
        self.details_asked_ns = self.prices_wanted_ns = None

    def outdate(self, serial: int) -> None:
        """Surveys up to `serial` do not show what has happened since."""
        self.min_serial = max(self.min_serial, serial)

    def nudge(self, now_ns: int) -> None:
        """Something else filled."""
        if self.pending is None:
            self.lessons.others_filled(now_ns)

    # the order's beginning and end ----------------------------------------------------------------------------------

    def sent(self, attempt: Attempt, moment: Moment) -> None:
        """The attempt's order goes out now, for the first time or again under its own id."""
        settings = self.settings
        patience_ns = settings.acknowledge_ns * self.acknowledge_factor
        patience_ns = max(patience_ns, min(moment.slow_ns, settings.acknowledge_slow_ns))
        attempt.sent(moment.now_ns, moment.serial_begun, patience_ns)
        self.attempt = attempt
        self.first_sent_ns = moment.now_ns if self.first_sent_ns is None else self.first_sent_ns
        self.newest, self.newest_filled = attempt.place, False
        self.errors.clear()
        self.stays = ""
        self.too_large_ns = None
        self.orders_sent += 1

    def withdraw_in_time(self, attempt: Attempt, now_ns: int) -> None:
        """The end is near: the cancel of its living order is asked for. What was objected to orders before one that the
        broker has taken is not why it is still open."""
        attempt.cancel_ns = now_ns
        if attempt.state is State.WORKING and self.lessons.reason in OVERTAKEN:
            self.lessons.reason, self.lessons.detail = ResidueReason.CLOSE_WORKING, ""

    def why_open(self) -> tuple[ResidueReason | None, str]:
        """What has become of its orders, for the report. None: there is nothing to say of them."""
        attempt, reason = self.attempt, self.lessons.reason
        if attempt is not None and attempt.live and attempt.state is State.WORKING and reason in OVERTAKEN:
            reason = ResidueReason.CLOSE_WORKING
        if reason is not ResidueReason.CLOSE_WORKING:
            return reason, self.lessons.detail
        if attempt is None or not attempt.live:
            return ResidueReason.CLOSE_WITHDRAWN, self.stays
        if not attempt.acknowledged:
            return why_unseen(attempt), ""
        return reason, self.stays if attempt.cancel_ns is None else "it is withdrawn, and TWS has not confirmed that"

    def conclude(self, moment: Moment) -> list[Command]:
        """If the attempt has ended: remember what it did, and learn from what the broker said."""
        attempt = self.attempt
        if attempt is None or attempt.live:
            return []
        self.attempt = None
        self.outdate(moment.serial_begun)  # facts must be newer than this end
        self.quotes.forget()
        reaction, self.pending = self.pending, None
        self.newest_filled = attempt.remaining == ZERO
        self.newest_withdrawn = attempt.cancel_ns is not None
        if self.newest_filled:
            self.acknowledge_factor = 1
            self.lessons.succeeded()
            return [Say("close_filled", f"{self.name}: {attempt.place.action} {attempt.filled} filled")]
        if attempt.filled > ZERO:
            self.lessons.progress()
        if reaction is not None:
            self.lessons.learn(reaction, attempt.place, moment.now_ns)
        else:
            self.lessons.wait(moment.now_ns, self.settings.retry_first_ns)  # cancelled, and nobody said why
        text = f"{self.name}: closing order ended, {attempt.filled} filled. {self.lessons.detail}"
        return [Say("close_ended", text.strip())]


def why_unseen(attempt: Attempt) -> ResidueReason:
    """Of a living order that the broker has not shown: nobody may say that it is at the exchange."""
    return ResidueReason.CLOSE_NOT_SENT if attempt.waits else ResidueReason.CLOSE_UNACKNOWLEDGED
