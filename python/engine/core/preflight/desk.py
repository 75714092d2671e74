"""The pre-flight of one login, as its shell uses it. Holds what is known; every moment is an argument; no I/O.

    desk = Preflight(settings)
    desk.accounts = ("DU1",)                       # of the login, as the broker names them
    desk.book.read_positions(...), .read_orders(...), .position(...), .working(...), .ended(...), .lost(...)
    desk.list_contract(listing); desk.refer(con_id, Reference(price, at_ns)); desk.rate("EUR", Decimal("1.1"))

    verdict = desk.judge(intent, state, now_ns)     # changes nothing; `state` is the fold of restrictions, asked anew
    if verdict.passed:
        desk.passed(intent, key, now_ns)            # before the first byte leaves: it counts from here on
        ...send...                                  # not sent after all: desk.book.ended(key, filled=False)
                                                # not answered: desk.unconfirmed(intent, key)
    else:
        cause = desk.refused(verdict, now_ns)       # not None: halt the login with it until a person resumes
        ...answer `texts.sentences(verdict)`...

`explain` is the same as `judge` for whoever asks without sending: it never stops at a halt, so that every failed check
is told. `judge` tells a login that is halted only that, and which quantity would pass.

The quick way through `judge` must never pass an order that `examine` refuses: it passes only what is far from every
limit by values worked out beforehand, and leaves the rest to `examine`.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.book import Book, Total
from engine.core.exposure import OrderKey, Side
from engine.core.known import Fact
from engine.core.preflight.activity import Activity, is_child, is_like
from engine.core.preflight.checks_state import refusal_of
from engine.core.preflight.examine import examine
from engine.core.preflight.facts import Facts
from engine.core.preflight.gather import Terms, gather, resting_orders
from engine.core.preflight.intent import Intent, MarginPreview, Reference
from engine.core.preflight.lane import Lane, make_lane
from engine.core.preflight.listing import Listing
from engine.core.preflight.numbers import number
from engine.core.preflight.settings import DEFAULTS, SECOND_NS, Settings
from engine.core.preflight.verdict import PASS, Verdict
from engine.core.products import product_of
from engine.core.restrictions import UNRESTRICTED, Cause, Kind, State

SIZE_FACTOR, SELL = Kind.SIZE_FACTOR, Side.SELL  # globals are quicker to reach than attributes
NO_LANES: dict[str, Lane] = {}
AHEAD_MAX = 20  # contracts whose lanes are made before they are needed
LANES_MAX = 2_000  # contracts that have lanes: then the oldest are forgotten
TRAILS_MAX = (
    4_000  # contracts of which it is remembered what was sent: then those are forgotten in which nothing counts
)
LISTINGS_MAX = 20_000  # contracts whose terms are kept: then the oldest, unless something of them is held or works


class Preflight:
    """Everything a check needs to know of one login, and the check."""

    def __init__(self, settings: Settings = DEFAULTS) -> None:
        self.settings = settings
        self.book = Book()
        self.activity = Activity(settings)
        self.terms = Terms()
        self._accounts: tuple[str, ...] = ()
        self._lanes: dict[int, dict[str, Lane]] = {}
        self._unconfirmed: dict[OrderKey, Intent] = {}
        self._told: tuple[State, Verdict] = (UNRESTRICTED, PASS)  # the refusal of a state, made once

    @property
    def accounts(self) -> tuple[str, ...]:
        """The broker accounts of the login."""
        return self._accounts

    @accounts.setter
    def accounts(self, accounts: tuple[str, ...]) -> None:
        self._accounts = accounts
        self._lanes.clear()

    # --- what the shell tells ---------------------------------------------------------------------------------------
    def list_contract(self, listing: Listing) -> None:
        """A contract's terms, as soon as they are known: from its details, or from a position."""
        listings = self.terms.listings
        listings.pop(listing.con_id, None)
        listings[listing.con_id] = listing
        self._lanes.pop(listing.con_id, None)
        self._weigh(listing.con_id)
        if len(listings) > LISTINGS_MAX:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Of the contracts of which nothing is held and nothing works."""
        needed = {con_id for _, con_id in self.book.spots}
        con_id = next((one for one in self.terms.listings if one not in needed), None)
        if con_id is not None:
            self.book.describe(con_id, self.terms.listings.pop(con_id).product, None)
            self.terms.references.pop(con_id, None)
            self._lanes.pop(con_id, None)

    def refer(self, con_id: int, reference: Reference | None) -> None:
        """The latest price of a contract that is live; None, or one that is no number: there is none any more."""
        if reference is None or number(reference.price) is None:
            reference = None
            self.terms.references.pop(con_id, None)
        else:
            self.terms.references[con_id] = reference
        self._weigh(con_id)
        for lane in self._lanes.get(con_id, NO_LANES).values():
            lane.reprice(reference, self.terms, self.settings)

    def rate(self, currency: str, rate: Decimal) -> None:
        """What one of a currency is worth in that of the limits; what is no number makes it unknown."""
        if number(rate) is None:
            self.terms.rates.pop(currency, None)
        else:
            self.terms.rates[currency] = rate
        self._lanes.clear()
        for con_id in self.terms.listings:
            self._weigh(con_id)

    def market_clock(self, ahead_ns: int) -> None:
        """How far TWS's clock is ahead of ours. It is told in whole seconds: less than two of them say nothing."""
        if abs(ahead_ns - self.terms.market_ahead_ns) >= 2 * SECOND_NS:
            self.terms.market_ahead_ns = ahead_ns
            self._lanes.clear()

    # --- what is asked ----------------------------------------------------------------------------------------------
    def judge(self, intent: Intent, state: State, now_ns: int, margin: Fact[MarginPreview] | None = None) -> Verdict:
        """May this order be sent now? Of a halted login it tells the halt alone, and which quantity would pass."""
        kind = state.kind
        if kind is not None and kind is not SIZE_FACTOR:
            return self._judge_restricted(intent, state, now_ns, margin)
        if margin is None and self._clears(intent, state, now_ns):
            return PASS
        return self.explain(intent, state, now_ns, margin)

    def clears(self, intent: Intent, state: State, now_ns: int) -> bool:
        """The quick way alone: this order surely passes, whatever it and those before it come to together. False says
        nothing about it.
        """
        kind = state.kind
        return (kind is None or kind is SIZE_FACTOR) and self._clears(intent, state, now_ns)

    def _clears(self, intent: Intent, state: State, now_ns: int) -> bool:
        """The same of a login that may add risk."""
        try:
            lane = self._lanes[intent.con_id][intent.account]
        except KeyError:
            return self._clears_anew(intent, state, now_ns)
        if lane.clears(intent, state.size_factor, now_ns) and not self._unconfirmed:
            return True
        return not lane.holds(state.size_factor, now_ns) and self._clears_anew(intent, state, now_ns)

    def _clears_anew(self, intent: Intent, state: State, now_ns: int) -> bool:
        if intent.account not in self._accounts:
            return False  # nothing is to be kept of an account that anybody may name
        lane = self._make_lane(intent, state, now_ns)
        return lane.clears(intent, state.size_factor, now_ns) and not self._unconfirmed

    def prepare(self, state: State, now_ns: int) -> None:
        """Something has changed that lanes rest on: those made last are made anew before an order needs them."""
        if state.kind is not None and state.kind is not SIZE_FACTOR:
            return
        for con_id in tuple(self._lanes)[-AHEAD_MAX:]:
            for lane in tuple(self._lanes[con_id].values()):
                if not lane.holds(state.size_factor, now_ns):
                    self._make_lane(lane.probe, state, now_ns)

    def explain(self, intent: Intent, state: State, now_ns: int, margin: Fact[MarginPreview] | None = None) -> Verdict:
        """Every failed check."""
        return examine(intent, self.facts(intent, state, now_ns, margin), self.settings)

    def facts(
        self,
        intent: Intent,
        state: State,
        now_ns: int,
        margin: Fact[MarginPreview] | None = None,
        *,
        paced: bool = True,
    ) -> Facts:
        """What is known about this order now. `paced` false: it has been counted already, as a message."""
        return gather(
            intent,
            state=state,
            now_ns=now_ns,
            accounts=self.accounts,
            book=self.book,
            terms=self.terms,
            activity=self.activity if paced else None,
            settings=self.settings,
            margin=margin,
            unconfirmed=self._like_unconfirmed(intent),
        )

    # --- what became of it ------------------------------------------------------------------------------------------
    def passed(self, intent: Intent, key: OrderKey, now_ns: int) -> None:
        """The order is about to leave under this key. A preview counts as a message and as nothing else."""
        self._tidy(now_ns)
        self.activity.passed(intent, now_ns)
        if intent.special is None or not intent.special.what_if:
            self._enter(intent, key, now_ns)

    def pledge(self, intent: Intent, now_ns: int) -> Total:
        """A plain order that was cleared goes. At once it counts in full in the sum of its product, by which the next
        is cleared; `redeem` follows within a moment, before anything is judged but by `clears`.
        """
        self.activity.passed(intent, now_ns)
        lane = self._lanes.get(intent.con_id, NO_LANES).get(intent.account)
        if lane is not None:
            total = lane.total
        else:
            listing = self.terms.listings.get(intent.con_id)
            total = self.book.total(intent.account, listing.product if listing else product_of(intent.sec_type))
        assert isinstance(intent.quantity, Decimal)
        total.contracts += intent.quantity
        return total

    def redeem(self, intent: Intent, key: OrderKey | None, total: Total, now_ns: int) -> None:
        """From here on it has its place in the book. `key` None: it never left."""
        assert isinstance(intent.quantity, Decimal)
        total.contracts -= intent.quantity
        if key is not None:
            self._enter(intent, key, now_ns)

    def _enter(self, intent: Intent, key: OrderKey, now_ns: int) -> None:
        modifies = intent.special.modifies if intent.special is not None else None
        replaced = self.book.order(modifies) if modifies is not None else ()
        self.book.sent(*resting_orders(intent, key, self.terms, self.settings, replaced, now_ns))

    def unconfirmed(self, intent: Intent, key: OrderKey) -> None:
        """It was sent, and for too long nobody has answered: until somebody does, no other like it is sent."""
        if is_child(intent) and self.book.unacknowledged(key):
            self._unconfirmed[key] = intent

    def refused(self, verdict: Verdict, now_ns: int) -> Cause | None:
        """The order was refused. A cause: the login is to be halted with it until a person resumes."""
        return self.activity.refused(verdict, now_ns)

    # --- inside -----------------------------------------------------------------------------------------------------
    def _like_unconfirmed(self, intent: Intent) -> OrderKey | None:
        """One of those, if it is like this order; those that have been heard of since are taken out."""
        if not self._unconfirmed or not is_child(intent):
            return None
        for key in [key for key in self._unconfirmed if not self.book.unacknowledged(key)]:
            del self._unconfirmed[key]
        for key, sent in self._unconfirmed.items():
            same_side = (sent.account, sent.con_id, sent.side) == (intent.account, intent.con_id, intent.side)
            if same_side and is_like(sent, intent):
                return key
        return None

    def _judge_restricted(
        self, intent: Intent, state: State, now_ns: int, margin: Fact[MarginPreview] | None
    ) -> Verdict:
        """Refuse at once what opens from flat, and everything under a shutdown; the rest is examined."""
        spot = self.book.spots.get((intent.account, intent.con_id))
        opens = spot is None or (spot.position <= 0 if intent.side is SELL else spot.position >= 0)
        opens = opens and intent.special is None
        if not opens and state.may_reduce:
            return self.explain(intent, state, now_ns, margin)
        told_of, refusal = self._told
        if told_of is not state:
            refusal = refusal_of(state)
            self._told = state, refusal
        return refusal

    def _make_lane(self, intent: Intent, state: State, now_ns: int) -> Lane:
        lane = make_lane(
            intent,
            state,
            now_ns,
            accounts=self._accounts,
            book=self.book,
            terms=self.terms,
            activity=self.activity,
            settings=self.settings,
        )
        lanes = self._lanes.pop(intent.con_id, {})
        lanes[intent.account] = lane
        if len(self._lanes) >= LANES_MAX:
            del self._lanes[next(iter(self._lanes))]
        self._lanes[intent.con_id] = lanes  # the last one made is the last
        self._tidy(now_ns)
        return lane

    def _tidy(self, now_ns: int) -> None:
        """A lane has the very trails that its orders are counted in: those of lanes stay."""
        if len(self.activity) > TRAILS_MAX:
            self.activity.forget(now_ns, self._lanes)

    def _weigh(self, con_id: int) -> None:
        listing = self.terms.listings.get(con_id)
        if listing is None:
            return
        reference = self.terms.references.get(con_id)
        price = None if reference is None else reference.price
        unit = self.terms.unit(listing, price, self.settings.notional_currency)
        self.book.describe(con_id, listing.product, unit)
