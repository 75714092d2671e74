"""Closing one contract of one account: at most one closing order at a time, sized from facts newer than the last one.

Pure. The machine tells it what was heard and asks it, with the facts of the moment, for its next step.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from engine.core.contracts import Contract
from engine.core.facts import Details, Quote, QuoteKind
from engine.core.hours import Session, session_at
from engine.core.kill.attempt import ZERO, Attempt, Doubt, State
from engine.core.kill.commands import (
    CLOSE_REF_PREFIX,
    AskQuote,
    CancelClose,
    Command,
    OrderType,
    Place,
    Resolve,
    Say,
)
from engine.core.kill.ledger import Key
from engine.core.kill.reactions import Effect, Reaction, Remedy, react
from engine.core.kill.report import ResidueReason
from engine.core.kill.routing import (
    exchange_for,
    fallback_exchange,
    price_grid,
    tactic,
    whole_part,
)
from engine.core.kill.settings import KillSettings

DETAILS_TRIES_MAX = 3  # unanswered look-ups of a contract that no order can be routed without
NO_QUOTES_MAX = 2  # live quotes without the needed side before a contract is left to a person
SMALLEST_SPLIT = Decimal(1)

MAY_PASS = frozenset({ResidueReason.HALTED, ResidueReason.READ_ONLY})
"""What can change within minutes, by the exchange or by a hand in TWS's settings: tried until the deadline."""


@dataclass(slots=True, kw_only=True)
class Moment:
    """The facts of the moment, for one item's step."""

    now_ns: int
    serial_begun: int  # newest survey begun
    serial_done: int  # newest survey completed
    closable: Decimal  # signed; safe to close under every view of the position
    may_send: bool  # lock held, link healthy, time left
    may_launch: bool  # and this item's turn
    details: Details | None  # of this contract, or of its group
    details_pending: bool  # asked and not yet answered
    wall_s: float  # since the Unix epoch
    place_key: int  # the key a new order would get
    kill_id: str

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
    attempt: Attempt | None = None
    orders_sent: int = 0
    spent: Decimal = ZERO  # quantity × price of own fills of ended attempts, for the average
    min_serial: int = 0  # a survey begun later than this one is fresh enough to size from
    not_before_ns: int = 0
    tries: int = 0
    pending: Reaction | None = None  # what the broker's last error asks for, applied when the attempt has ended
    market_refused: bool = False
    level: int = 0
    coarser: int = 0
    size_max: Decimal | None = None
    own_details: bool = False  # the group's answer did not serve: ask for this contract alone
    acknowledge_factor: int = 1
    given_up: bool = False
    reason: ResidueReason | None = None
    detail: str = ""
    quote: Quote | None = None
    quote_ns: int = -1
    quote_asked_ns: int | None = None
    one_sided_quotes: int = 0
    waiting_since_ns: int | None = None  # since when only its turn or its resting orders hold it back
    details_asked_ns: int | None = None
    last_key: int = 0  # of the newest attempt, also when it has ended …
    last_filled: bool = False  # … and whether it was filled whole
    last_outside_rth: bool = False
    last_quantity: Decimal = ZERO

    @property
    def live(self) -> bool:
        return self.attempt is not None and self.attempt.live

    # what was heard -------------------------------------------------------------------------------------------------

    def heard_error(self, key: int, code: int, text: str, now_ns: int, serial: int) -> None:
        """An error that names one of this item's closing orders. The newest counts, even when it has just ended."""
        if key != self.last_key:
            return
        reaction = react(code, text)
        attempt = self.attempt
        if attempt is None or not attempt.live:
            self._heard_late(reaction, code, text, now_ns)
            return
        attempt.acknowledged = True
        if attempt.cancel_ns is not None and code in (202, 10147):
            attempt.state = State.ENDED  # the answer to our own cancel; the reads that follow confirm it
            return
        if reaction.effect is Effect.ALIVE:
            attempt.heard()
            return
        self.reason = reaction.reason
        self.detail = f"{code}: {text}"
        self.pending = reaction
        if reaction.effect is Effect.QUEUED:
            attempt.heard()
            attempt.state = State.QUEUED
        elif reaction.effect is Effect.ENDED:
            attempt.state = State.ENDED
        else:
            attempt.suspect(Doubt.ERROR, serial)

    def _heard_late(self, reaction: Reaction, code: int, text: str, now_ns: int) -> None:
        """The status said it has ended, and only now the error says why."""
        if reaction.effect is Effect.ALIVE or self.pending is not None or self.given_up or self.last_filled:
            return
        self.reason = reaction.reason
        self.detail = f"{code}: {text}"
        if self.attempt is not None:
            self.pending = reaction
        else:
            self._learn(reaction, now_ns)

    def heard_quote(self, quote: Quote | None, now_ns: int, why: str = "") -> None:
        """The answer to `AskQuote`; None: there is none, and `why`."""
        self.quote = quote
        self.quote_ns = now_ns
        if quote is None and self.market_refused:
            self.detail = self.detail or why
        if quote is None or quote.kind is not QuoteKind.LIVE:
            return
        if quote.halted:
            self.reason, self.detail = ResidueReason.HALTED, "the quote says halted"

    def forget_questions(self) -> None:
        """The connection broke: what was asked will not be answered."""
        if self.quote_asked_ns is not None and self.quote_ns < self.quote_asked_ns:
            self.quote_asked_ns = None
        self.details_asked_ns = None

    def nudge(self, now_ns: int) -> None:
        """Something else filled: what was refused for margin may pass now."""
        if self.pending is None and self.reason is ResidueReason.REJECTED:
            self.not_before_ns = min(self.not_before_ns, now_ns)
            if self.given_up:
                self.given_up = False
                self.tries = self.settings.tries_max - 1

    # the next step --------------------------------------------------------------------------------------------------

    def step(self, moment: Moment) -> list[Command]:
        """What to do now; possibly nothing."""
        commands: list[Command] = []
        if self.attempt is not None and not self.attempt.live:
            commands += self._conclude(self.attempt, moment)
        if self.attempt is not None:
            return commands + self._tend(self.attempt, moment)
        if self._ready(moment):
            commands += self._launch(moment)
        return commands

    def _conclude(self, attempt: Attempt, moment: Moment) -> list[Command]:
        """An attempt has ended: remember what it did, and learn from what the broker said."""
        self.attempt = None
        self.min_serial = moment.serial_begun  # facts must be newer than this end
        self.quote_asked_ns = None
        reaction, self.pending = self.pending, None
        self.last_filled = attempt.filled >= attempt.place.quantity
        self.last_outside_rth = attempt.place.outside_rth
        if self.last_filled:
            self._succeeded()
            return [Say("close_filled", f"{self._name()}: {attempt.place.action} {attempt.filled} filled")]
        if attempt.filled > ZERO:
            self.tries = 0
        if reaction is not None:
            self._learn(reaction, moment.now_ns)
        else:
            self.not_before_ns = moment.now_ns + self.settings.retry_first_ns  # cancelled, and nobody said why
        return [
            Say("close_ended", f"{self._name()}: closing order ended, {attempt.filled} filled. {self.detail}".strip())
        ]

    def _succeeded(self) -> None:
        self.tries = 0
        self.acknowledge_factor = 1
        self.reason = None
        self.detail = ""

    def _learn(self, reaction: Reaction, now_ns: int) -> None:
        """Change what the broker objected to, and wait a little longer each time."""
        if reaction.remedy is Remedy.NONE:
            self.not_before_ns = now_ns + self.settings.retry_first_ns
            return
        self.tries += 1
        closed = self.reason is ResidueReason.MARKET_CLOSED
        if closed and (self.last_outside_rth or self.contract.sec_type != "STK"):
            self.given_up = True  # it would wait for the next session, and there is no other way to trade it now
        self._mend(reaction.remedy)
        worn_out = self.tries >= self.settings.tries_max and self.reason not in MAY_PASS
        self.given_up = self.given_up or worn_out
        self.not_before_ns = now_ns + self.settings.retry_first_ns * 2 ** min(self.tries - 1, 4)

    def _mend(self, remedy: Remedy) -> None:
        match remedy:
            case Remedy.REPRICE:
                self.level += 1 if self.market_refused else 0
                self.market_refused = True
            case Remedy.COARSER:
                self.coarser += 1
            case Remedy.SMALLER:
                self.size_max = self._half(self.last_quantity)
            case Remedy.WHOLE:
                self.given_up = True  # whole units were sent already
            case Remedy.REROUTE:
                self.own_details = True
                self.details_asked_ns = None
            case Remedy.GIVE_UP:
                self.given_up = self.reason not in MAY_PASS
            case Remedy.LATER | Remedy.NONE:
                pass

    def _half(self, quantity: Decimal) -> Decimal:
        half = (quantity / 2).to_integral_value(ROUND_CEILING)
        return max(half, SMALLEST_SPLIT) if quantity > SMALLEST_SPLIT else quantity

    def _tend(self, attempt: Attempt, moment: Moment) -> list[Command]:
        """Look after the living order."""
        if not moment.may_send:
            return []
        if attempt.held:
            return self._cancel(attempt, moment.now_ns)
        match attempt.state:
            case State.SENT:
                return self._mind_silence(attempt, moment)
            case State.SUSPECT:
                return self._mind_doubt(attempt, moment)
            case State.QUEUED:
                return self._cancel(attempt, moment.now_ns)
            case State.WORKING if attempt.cancel_ns is not None:
                return self._cancel(attempt, moment.now_ns)
            case State.WORKING:
                return self._mind_unfilled(attempt, moment)
            case _:
                return []

    def _cancel(self, attempt: Attempt, now_ns: int) -> list[Command]:
        """Ask for the cancel, and again when nothing comes of it."""
        if attempt.cancel_ns is not None and now_ns - attempt.cancel_ns < self.settings.acknowledge_ns:
            return []
        attempt.cancel_ns = now_ns
        return [CancelClose(attempt.place.key)]

    def _mind_silence(self, attempt: Attempt, moment: Moment) -> list[Command]:
        """Nothing heard since it was sent: withdraw it before anything else is sent for this contract."""
        if moment.now_ns - attempt.sent_ns < attempt.acknowledge_ns:
            return []
        self.reason = ResidueReason.CLOSE_UNACKNOWLEDGED
        self.detail = "TWS did not acknowledge the closing order; look for a dialog on its screen"
        attempt.suspect(Doubt.SILENT, moment.serial_begun)
        attempt.cancel_ns = moment.now_ns
        return [
            Say("close_silent", f"{self._name()}: no acknowledgement, withdrawing the order"),
            CancelClose(attempt.place.key),
        ]

    def _mind_doubt(self, attempt: Attempt, moment: Moment) -> list[Command]:
        """Silence goes on, and reads do not list the order: the same order again, under its own id, cannot double."""
        if attempt.doubt is not Doubt.SILENT or attempt.absent_reads < 2:
            return []
        if attempt.cancel_ns is not None and moment.now_ns - attempt.cancel_ns < attempt.acknowledge_ns:
            return []
        if moment.closable * -attempt.sign < attempt.place.quantity:
            return []  # the position says otherwise: it may have filled unseen
        self.acknowledge_factor = min(self.acknowledge_factor * 2, 16)
        self._sent(attempt, attempt.place, moment)
        return [Say("close_repeated", f"{self._name()}: the same order again, under its own id"), attempt.place]

    def _mind_unfilled(self, attempt: Attempt, moment: Moment) -> list[Command]:
        """Acknowledged, not filled: look at the market, re-price a limit, give up on what nobody buys."""
        limit = attempt.place.order_type is OrderType.LIMIT
        patience_ns = self.settings.reprice_ns if limit else self.settings.market_patience_ns
        if moment.now_ns - attempt.sent_ns < patience_ns:
            return []
        self.reason = self.reason or ResidueReason.CLOSE_WORKING
        asked = self.quote_asked_ns
        if asked is None or (self.quote_ns >= asked and moment.now_ns - asked >= self.settings.reprice_ns):
            if asked is not None and self._nobody_there(attempt.sign > 0):
                self.reason, self.detail = ResidueReason.NO_BID, "no bid" if attempt.sign < 0 else "no offer"
                self.given_up = True
                return self._cancel(attempt, moment.now_ns)
            self.quote_asked_ns = moment.now_ns
            return [AskQuote(attempt.place.contract)]
        if limit and self.quote_ns >= asked and self.quote_ns > attempt.sent_ns:
            return self._reprice(attempt, moment)
        return []

    def _nobody_there(self, buys: bool) -> bool:
        """Live quotes, more than once, without the side this order needs."""
        quote = self.quote
        if quote is None or quote.kind is not QuoteKind.LIVE:
            return False
        missing = quote.ask is None if buys else quote.bid is None
        self.one_sided_quotes = self.one_sided_quotes + 1 if missing else 0
        return self.one_sided_quotes >= NO_QUOTES_MAX

    def _reprice(self, attempt: Attempt, moment: Moment) -> list[Command]:
        """The same order with a price further through the market: a modification, so it cannot double."""
        chosen = tactic(
            self.contract,
            moment.session,
            self.quote,
            buys=attempt.sign > 0,
            market_refused=True,
            level=self.level + 1,
            grid=price_grid(moment.details, self.coarser),
        )
        if chosen.limit_price is None or chosen.limit_price == attempt.place.limit_price:
            return []
        self.level += 1
        old = attempt.place
        place = Place(
            key=old.key,
            account=old.account,
            contract=old.contract,
            action=old.action,
            quantity=old.quantity,
            order_type=OrderType.LIMIT,
            limit_price=chosen.limit_price,
            outside_rth=old.outside_rth,
            tif=old.tif,
            order_ref=old.order_ref,
        )
        attempt.place = place
        attempt.sent_ns = moment.now_ns
        return [Say("close_repriced", f"{self._name()}: limit now {chosen.limit_price}"), place]

    # sending --------------------------------------------------------------------------------------------------------

    def _ready(self, moment: Moment) -> bool:
        """Is it this item's time to send a new closing order?"""
        return (
            moment.may_send
            and moment.may_launch
            and not self.given_up
            and moment.now_ns >= self.not_before_ns
            and moment.serial_done > self.min_serial
            and moment.closable != ZERO
        )

    def _launch(self, moment: Moment) -> list[Command]:
        quantity = whole_part(self.contract, moment.closable)
        if quantity == ZERO:
            self._leave(ResidueReason.FRACTIONAL, "a fraction of a share cannot be closed through the API")
            return [Say("given_up", f"{self._name()}: {self.detail}")]
        waiting = self._want_details(moment)
        if waiting is not None:
            return waiting
        exchange = self._exchange(moment)
        if exchange is None:
            return self._ask_details_again(moment.now_ns)
        buys = quantity < 0
        routed = self._routed(exchange, moment.details)
        if self._wait_for_quote(moment):
            return self._ask_quote(routed, moment.now_ns)
        chosen = tactic(
            self.contract,
            moment.session,
            self.quote,
            buys=buys,
            market_refused=self.market_refused,
            level=self.level,
            grid=price_grid(moment.details, self.coarser),
        )
        if self.market_refused and chosen.order_type is OrderType.MARKET:
            return self._no_price(buys, routed, moment)
        size = abs(quantity) if self.size_max is None else min(abs(quantity), self.size_max)
        place = Place(
            key=moment.place_key,
            account=self.key[0],
            contract=routed,
            action="BUY" if buys else "SELL",
            quantity=size,
            order_type=chosen.order_type,
            limit_price=chosen.limit_price,
            outside_rth=chosen.outside_rth,
            tif=chosen.tif,
            order_ref=f"{CLOSE_REF_PREFIX}-{moment.kill_id}-{moment.place_key}",
        )
        self.attempt = Attempt(place=place, sent_ns=0, sent_serial=0, acknowledge_ns=0)
        self._sent(self.attempt, place, moment)
        self.quote_asked_ns = None
        self.one_sided_quotes = 0
        price = f" at {place.limit_price}" if place.limit_price is not None else ""
        text = f"{self._name()}: {place.action} {size} {place.order_type.value}{price} on {exchange}. {chosen.note}"
        return [Say("close_sent", text.rstrip(". ")), place]

    def _sent(self, attempt: Attempt, place: Place, moment: Moment) -> None:
        attempt.state = State.SENT
        self.last_key, self.last_quantity = place.key, place.quantity
        attempt.sent_ns = moment.now_ns
        attempt.sent_serial = moment.serial_begun
        attempt.acknowledge_ns = self.settings.acknowledge_ns * self.acknowledge_factor
        attempt.absent_reads = 0
        attempt.cancel_ns = None
        attempt.sends += 1
        self.orders_sent += 1

    def _exchange(self, moment: Moment) -> str | None:
        found = exchange_for(self.contract, moment.details)
        if self.own_details and moment.details is not None and self.contract.sec_type == "STK":
            found = moment.details.contract.exchange or found  # SMART did not serve
        return found or fallback_exchange(self.contract)

    def _routed(self, exchange: str, details: Details | None) -> Contract:
        """conId and exchange decide; the other fields only repeat what the broker said of this very contract."""
        c = self.contract
        return Contract(
            con_id=c.con_id,
            symbol=c.symbol,
            sec_type=c.sec_type,
            last_trade_date=c.last_trade_date,
            strike=c.strike,
            right=c.right,
            multiplier=c.multiplier,
            exchange=exchange,
            currency=c.currency,
            local_symbol=c.local_symbol,
            trading_class=c.trading_class,
        )

    def _want_details(self, moment: Moment) -> list[Command] | None:
        """Commands (maybe none) while details are worth waiting for; None to go on.

        Without an exchange there is no order: that answer is awaited, but where the exchange is common knowledge not
        for long. A stock's hours only choose its order type: they are worth a short wait.
        """
        if self.own_details and self.details_asked_ns is None:
            self.details_asked_ns = moment.now_ns
            return [Resolve(self.contract)]
        if not moment.details_pending:
            return None
        if self.details_asked_ns is None:
            self.details_asked_ns = moment.now_ns
        waited_ns = moment.now_ns - self.details_asked_ns
        if exchange_for(self.contract, moment.details) is None:
            worth_waiting = fallback_exchange(self.contract) is None or waited_ns < self.settings.exchange_patience_ns
        else:
            worth_waiting = self.contract.sec_type == "STK" and waited_ns < self.settings.resolve_patience_ns
        return [] if worth_waiting else None

    def _ask_details_again(self, now_ns: int) -> list[Command]:
        """No exchange by the broker's word nor by ours: ask a few times, then leave it to a person."""
        self.tries += 1
        if self.tries >= DETAILS_TRIES_MAX:
            self._leave(ResidueReason.UNRESOLVED, "the broker does not say where this contract trades")
            return [Say("given_up", f"{self._name()}: {self.detail}")]
        self.own_details = True
        self.details_asked_ns = None
        self.not_before_ns = now_ns + self.settings.retry_first_ns
        return []

    def _wait_for_quote(self, moment: Moment) -> bool:
        wanted = self.market_refused or (self.contract.sec_type == "STK" and moment.session is Session.EXTENDED)
        if not wanted:
            return False
        return self.quote_asked_ns is None or self.quote_ns < self.quote_asked_ns

    def _ask_quote(self, routed: Contract, now_ns: int) -> list[Command]:
        if self.quote_asked_ns is not None:
            return []  # asked; the driver answers within its own time limit
        self.quote_asked_ns = now_ns
        return [AskQuote(routed)]

    def _no_price(self, buys: bool, routed: Contract, moment: Moment) -> list[Command]:
        """A limit price is needed and no live quote gives one: look again, then leave it to a person."""
        if self._nobody_there(buys):
            self._leave(ResidueReason.NO_BID, "no offer" if buys else "no bid")
        elif self.tries >= self.settings.tries_max or self.one_sided_quotes == 0:
            reason = self.reason if self.reason is ResidueReason.MARKET_CLOSED else ResidueReason.NO_QUOTE
            self._leave(reason, self.detail or "no live quote to price a limit order from")
        else:
            self.quote_asked_ns = None
            self.not_before_ns = moment.now_ns + self.settings.reprice_ns
            return []
        return [Say("given_up", f"{self._name()}: {self.detail}")]

    def _leave(self, reason: ResidueReason, detail: str) -> None:
        self.given_up = True
        self.reason = reason
        self.detail = detail

    def _name(self) -> str:
        c = self.contract
        return c.local_symbol or " ".join(filter(None, (c.symbol, c.last_trade_date, c.right))) or str(c.con_id)
