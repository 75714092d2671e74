"""The quick way through for the usual order: one plain market or limit order in one contract of one account.

Whatever depends on the contract, the account and the settings alone is worked out beforehand, by the very checks that
`examine` runs; what depends on the order is compared with bounds. A lane must never clear an order that `examine`
refuses; whatever it does not clear, examine judges. It is made anew when anything it rests on has changed.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Context, Decimal, InvalidOperation

from msgspec.structs import replace

from engine.core.book import Book, Worth
from engine.core.exposure import FLAT, ZERO, Side
from engine.core.hours import steady_until
from engine.core.known import Known
from engine.core.preflight.activity import Activity, Trail
from engine.core.preflight.checks_contract import (
    DAY_NS,
    check_account,
    check_contract,
    check_expiry,
    check_session,
    check_symbol,
    last_trade_day_ends_ns,
)
from engine.core.preflight.checks_form import quantity_step
from engine.core.preflight.checks_price import band
from engine.core.preflight.checks_state import check_positions
from engine.core.preflight.examine import Check
from engine.core.preflight.facts import Facts, Touched
from engine.core.preflight.gather import Terms, fresh_reference
from engine.core.preflight.intent import Intent, Reference
from engine.core.preflight.numbers import NUMBER_MAX, NUMBER_MIN
from engine.core.preflight.settings import SECOND_NS, Need, Settings
from engine.core.products import Product, product_of
from engine.core.reduce_only import plain_change
from engine.core.restrictions import State
from engine.core.units import BLANK, Number

MINUTE_NS = 60 * SECOND_NS
FOREVER_NS = 1 << 62
ONE = Decimal(1)
NONE_YET = Decimal("NaN")  # no quantity is this very object
INFINITE = Decimal("Infinity")
floored_difference = Context(rounding=ROUND_FLOOR).subtract
BUY = Side.BUY  # a global is quicker to reach than an attribute
TYPES = ("LMT", "MKT")


class Lane:
    """One contract of one account. It holds while nothing that it was made of has changed (`holds`)."""

    __slots__ = (
        "_account_max",
        "_account_money_max",
        "_book",
        "_buy_high",
        "_buys",
        "_counted",
        "_duplicates",
        "_epoch",
        "_factor",
        "_facts",
        "_fewest",
        "_fewest_like",
        "_fixed_until_ns",
        "_limit_open",
        "_long_ns",
        "_market_open",
        "_messages",
        "_money_left",
        "_order_max",
        "_order_money_max",
        "_per_minute",
        "_per_second",
        "_product",
        "_quiet_ns",
        "_repeats",
        "_sec_type",
        "_sell_low",
        "_sells",
        "_short_ns",
        "_since_ns",
        "_sound",
        "_step",
        "_symbol",
        "_tick",
        "_unit_at_market",
        "_unit_per_point",
        "_until_ns",
        "_value_at_market",
        "_weighed",
        "_worth",
        "probe",
        "total",
    )

    def __init__(
        self,
        intent: Intent,
        facts: Facts,
        product: Product,
        *,
        book: Book,
        terms: Terms,
        activity: Activity,
        settings: Settings,
    ) -> None:
        """`intent` and `facts` stand for every order that opens a position in this lane."""
        account, con_id = intent.account, intent.con_id
        self.probe = intent
        self._facts, self._product = facts, product
        self._book, self._epoch, self._factor = book, book.epoch, facts.state.size_factor
        self._since_ns, self._fixed_until_ns = facts.now_ns, _steady_until_ns(facts, settings)
        self._sec_type, self._symbol = intent.sec_type, intent.symbol
        money = settings.order_notional is not None or settings.account_notional is not None
        self._worth = book.worth(account) if money else None  # None: there are no limits in money
        self.total = book.total(account, product)
        self._sound = NONE_YET
        self._counted: Decimal | None = None  # the account's sum with which the remembered quantity was seen to fit
        self._weighed: Decimal | None = None  # the account's worth beside which `_money_left` is left
        self._set_sizes(intent, facts, product, settings)
        self.reprice(facts.reference, terms, settings)
        self._set_windows(activity, account, con_id, settings)
        fixed = (check_positions, check_account, check_contract, check_symbol, check_expiry)
        is_open = not any(_fails(check, intent, facts, settings) for check in fixed)
        self._limit_open, self._market_open = (is_open and _trades(intent, kind, facts, settings) for kind in TYPES)

    def holds(self, factor: Decimal, now_ns: int) -> bool:
        """It is still made of what is so."""
        current = self._factor is factor and self._epoch == self._book.epoch
        return current and self._since_ns <= now_ns < self._until_ns

    def clears(self, intent: Intent, factor: Decimal, now_ns: int) -> bool:
        """This order surely passes every check. False says nothing about it."""
        quantity = intent.quantity
        if (
            not self._since_ns <= now_ns < self._until_ns
            or self._factor is not factor
            or self._epoch != self._book.epoch
            or intent.special is not None
            or intent.aux is not BLANK
            or intent.symbol != self._symbol
            or intent.sec_type != self._sec_type
        ):
            return False
        limit, order_type, buys = intent.limit, intent.order_type, intent.side is BUY
        try:
            if quantity is not self._sound and not self._is_sound(quantity):
                return False
            value = self._value_at_market
            if order_type == "LMT":
                if type(limit) is not Decimal or limit % self._tick or not self._limit_open:
                    return False
                if not (ZERO < limit <= self._buy_high if buys else self._sell_low <= limit <= NUMBER_MAX):
                    return False
                if self._unit_per_point is not None:
                    value = self._sound * (limit * self._unit_per_point)
            elif order_type != "MKT" or limit is not BLANK or not self._market_open:
                return False
        except InvalidOperation:  # no number that can be compared or divided: examine says which
            return False
        if self.total.contracts is not self._counted and not self._has_room():
            return False
        worth = self._worth
        if worth is not None and (
            value is None
            or worth.unpriced
            or value > (self._money_left if worth.notional is self._weighed else self._weigh(worth))
        ):
            return False
        # so little was sent lately that no rule about it can be near
        orders, fewest, quiet_ago_ns = (self._buys if buys else self._sells), self._fewest_like, now_ns - self._quiet_ns
        quiet = self._messages[self._fewest] <= quiet_ago_ns
        return (quiet and (len(orders) < fewest or orders[-fewest][0] <= quiet_ago_ns)) or self._paced(orders, now_ns)

    def _paced(self, orders: Trail, now_ns: int) -> bool:
        """Each rule about how much was sent, with a window and a number of its own."""
        count, messages = len(orders), self._messages
        short_ago_ns, long_ago_ns = now_ns - self._short_ns, now_ns - self._long_ns
        return (
            messages[self._per_second] <= short_ago_ns
            and messages[self._per_minute] <= long_ago_ns
            and (count < self._duplicates or orders[-self._duplicates][0] <= short_ago_ns)
            and (count < self._repeats or orders[-self._repeats][0] <= long_ago_ns)
        )

    def _is_sound(self, quantity: Number) -> bool:
        """An order may have this quantity here. It is remembered: programs send the same ones over and over."""
        if type(quantity) is not Decimal or not ZERO < quantity <= self._order_max or quantity % self._step:
            return False
        self._sound = quantity
        self._counted = None
        self._set_value_at_market()
        return True

    def _set_value_at_market(self) -> None:
        unit = self._unit_at_market
        self._value_at_market = None if unit is None else self._sound * unit

    def _has_room(self) -> bool:
        """The account may have so many more. An order raises the worst case by no more than it is."""
        contracts = self.total.contracts
        if contracts + self._sound > self._account_max:
            return False
        self._counted = contracts
        return True

    def _weigh(self, worth: Worth) -> Decimal:
        """What an order may be worth beside what the account comes to already. Never rounded up."""
        left = floored_difference(self._account_money_max, worth.notional)
        self._money_left = left if left < self._order_money_max else self._order_money_max
        self._weighed = worth.notional
        return self._money_left

    def reprice(self, reference: Reference | None, terms: Terms, settings: Settings) -> None:
        """The contract has another price, or none."""
        self._set_prices(reference, self._facts, self._product, settings)
        self._set_money(reference, self._facts, terms, settings)
        aged_ns = self._fixed_until_ns
        if reference is not None:
            aged_ns = min(aged_ns, reference.at_ns + settings.reference_age_ns_max + 1)
            self._since_ns = max(self._since_ns, reference.at_ns)
        self._until_ns = aged_ns

    def _set_sizes(self, intent: Intent, facts: Facts, product: Product, settings: Settings) -> None:
        limits, scaled = settings.limits(product), facts.state.scaled
        self._step = quantity_step(intent, facts)
        self._order_max: Decimal = NUMBER_MAX if limits.order is None else min(scaled(limits.order), NUMBER_MAX)
        self._account_max = INFINITE if limits.account is None else scaled(limits.account)

    def _set_prices(self, reference: Reference | None, facts: Facts, product: Product, settings: Settings) -> None:
        self._tick = facts.listing.min_tick if facts.listing and facts.listing.min_tick else NUMBER_MIN
        self._sell_low, self._buy_high = NUMBER_MIN, NUMBER_MAX
        if reference is not None and settings.collar is not Need.OFF:
            low, high = band(reference.price, product, facts.listing, settings)
            self._sell_low, self._buy_high = max(low, NUMBER_MIN), min(high, NUMBER_MAX)
        insists = settings.collar is Need.REQUIRED and reference is None
        if insists or (settings.grid is Need.REQUIRED and self._tick is NUMBER_MIN):
            self._buy_high, self._sell_low = ZERO, INFINITE  # nothing is sure: no limit order this way

    def _set_money(self, reference: Reference | None, facts: Facts, terms: Terms, settings: Settings) -> None:
        factor, currency = facts.state.size_factor, settings.notional_currency
        self._order_money_max = INFINITE if settings.order_notional is None else settings.order_notional * factor
        self._account_money_max = INFINITE if settings.account_notional is None else settings.account_notional * factor
        price = reference.price if reference is not None else None
        self._unit_at_market = terms.unit(facts.listing, price, currency)
        per_point = self._product is not Product.OPTIONS  # an option counts by its strike
        self._unit_per_point = terms.unit(facts.listing, ONE, currency) if per_point else None
        self._set_value_at_market()

    def _set_windows(self, activity: Activity, account: str, con_id: int, settings: Settings) -> None:
        self._messages = activity.messages
        self._per_second, self._per_minute = -settings.orders_per_second_max, -settings.orders_per_minute_max
        self._sells, self._buys = activity.trails(account, con_id)
        self._duplicates, self._repeats = settings.duplicates_max, settings.repeats_max
        # one window for two rules: the longer, to be sure
        self._short_ns = max(SECOND_NS, settings.duplicate_window_ns)
        self._long_ns = max(MINUTE_NS, settings.repeat_window_ns)
        # fewer than the strictest rule allows, in the longest window: enough for all of them, and usually so
        self._fewest, self._fewest_like = max(self._per_second, self._per_minute), min(self._duplicates, self._repeats)
        self._quiet_ns = max(self._short_ns, self._long_ns)


def make_lane(
    intent: Intent,
    state: State,
    now_ns: int,
    *,
    accounts: tuple[str, ...],
    book: Book,
    terms: Terms,
    activity: Activity,
    settings: Settings,
) -> Lane:
    """The lane that this order would take."""
    probe = Intent(intent.account, intent.con_id, intent.sec_type, intent.symbol, BUY, ONE, "MKT")
    listing = terms.listings.get(intent.con_id)
    product = listing.product if listing else product_of(intent.sec_type)
    opening = Touched(
        con_id=intent.con_id, product=product, change=plain_change(BUY, ONE, FLAT), total=ZERO, listing=listing
    )
    facts = Facts(
        now_ns=now_ns,
        market_ahead_ns=terms.market_ahead_ns,
        state=state,
        accounts=accounts,
        positions=book.positions,
        orders=book.orders,
        touched=(opening,),  # from flat, so that no check takes it for an order that reduces
        listing=listing,
        reference=fresh_reference(terms, intent.con_id, settings, now_ns),
    )
    return Lane(probe, facts, product, book=book, terms=terms, activity=activity, settings=settings)


def _fails(check: Check, intent: Intent, facts: Facts, settings: Settings) -> bool:
    return next(iter(check(intent, facts, settings)), None) is not None


def _trades(intent: Intent, order_type: str, facts: Facts, settings: Settings) -> bool:
    """The market is open enough for such an order, whatever it says about regular hours."""
    probes = (replace(intent, order_type=order_type, outside_rth=outside) for outside in (True, False))
    return not any(_fails(check_session, probe, facts, settings) for probe in probes)


def _steady_until_ns(facts: Facts, settings: Settings) -> int:
    """Until when nothing changes by itself: market hours and expiry by the market's clock, the age of positions."""
    changes, ahead_ns = [FOREVER_NS], facts.market_ahead_ns
    if facts.listing is not None:
        listing = facts.listing
        for hours in (listing.trading_hours, listing.liquid_hours):
            steady_s = steady_until(hours, listing.time_zone_id, facts.market_ns // SECOND_NS)
            changes.append(steady_s * SECOND_NS - ahead_ns)
        over_ns = last_trade_day_ends_ns(listing.last_trade_date)
        if over_ns is not None:
            ends = (over_ns - settings.expiry_days_min * DAY_NS, over_ns)
            changes += [end_ns - ahead_ns for end_ns in ends if end_ns > facts.market_ns]
    if settings.position_age_ns_max is not None:
        known = [fact for fact in (facts.positions, facts.orders) if isinstance(fact, Known)]
        changes += [fact.at_ns + settings.position_age_ns_max + 1 for fact in known]
    return min(changes)
