"""Gather what is known about one order: from the book, the contracts' terms and prices. Reads, and decides nothing.

An order whose numbers make no sense touches nothing here; the checks of its form then say why.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from engine.core.book import Book
from engine.core.exposure import ZERO, OrderKey, Resting
from engine.core.known import Fact
from engine.core.preflight.activity import Activity
from engine.core.preflight.checks_price import is_fresh
from engine.core.preflight.facts import Facts, Pace, Touched
from engine.core.preflight.intent import Intent, Leg, MarginPreview, Reference
from engine.core.preflight.listing import Listing
from engine.core.preflight.numbers import number
from engine.core.preflight.prices import own_price
from engine.core.preflight.settings import Settings
from engine.core.products import Product, product_of
from engine.core.restrictions import State
from engine.core.units import Absent

NEW_ORDER: OrderKey = (-2, 0)
"""Stands for an order that has no id yet."""


class Terms:
    """What is known of contracts: their terms, prices, and what a currency is worth in that of the limits."""

    def __init__(self) -> None:
        self.listings: dict[int, Listing] = {}
        self.references: dict[int, Reference] = {}
        self.rates: dict[str, Decimal] = {}
        self.market_ahead_ns = 0  # how far the market's clock is ahead of ours

    def unit(self, listing: Listing | None, price: Decimal | None, currency: str) -> Decimal | None:
        """What one contract is worth. An option counts by its strike: what it may come to, not what it costs."""
        if listing is None:
            return None
        price = listing.strike if listing.product is Product.OPTIONS else price
        rate = Decimal(1) if listing.currency == currency else self.rates.get(listing.currency)
        multiplier = listing.multiplier
        if multiplier is None and listing.product in (Product.SHARES, Product.OTHER):
            multiplier = Decimal(1)
        if price is None or rate is None or multiplier is None:
            return None
        return abs(price) * multiplier * rate


def quantity_of(intent: Intent, reference: Reference | None, multiplier: Decimal | None) -> Decimal | None:
    """The units an order is for; sized by money, as many as that may buy at the reference, rounded up. One that names
    both is for the larger: which of them TWS goes by is not documented.
    """
    given = intent.special.cash_qty if intent.special is not None else Absent.BLANK
    cash = number(given)
    if cash is None and not isinstance(given, Absent):
        return None  # some amount of money, and nobody can say how much
    if cash:
        if reference is None or not reference.price or cash < 0:
            return None
        units = (cash / abs(reference.price * (multiplier or 1))).to_integral_value(ROUND_CEILING)
        return max(units, number(intent.quantity) or ZERO)
    quantity = number(intent.quantity)
    return quantity if quantity is not None and quantity > 0 else None


def resting_orders(
    intent: Intent, key: OrderKey, terms: Terms, settings: Settings, replaced: tuple[Resting, ...], now_ns: int
) -> tuple[Resting, ...]:
    """What the order would be while it works: one record for each contract; none if its size makes no sense.

    `replaced`: the order that it modifies, of whose quantity a part may be filled.
    """
    special, terms_of = intent.special, terms.listings.get(intent.con_id)
    reference = fresh_reference(terms, intent.con_id, settings, now_ns)
    quantity = quantity_of(intent, reference, terms_of.multiplier if terms_of else None)
    if quantity is None:
        return ()
    if replaced and intent.sec_type != "BAG":  # a combination's own count is not known from its legs: all of it counts
        quantity = max(quantity - replaced[0].filled, ZERO)
    if intent.sec_type != "BAG":
        legs: tuple[Leg, ...] = (Leg(intent.con_id, 1, intent.side),)
    else:
        legs = special.legs if special is not None else ()
    orders = []
    for leg in legs:
        listing = terms.listings.get(leg.con_id)
        turned = intent.sec_type == "BAG" and not intent.buys
        own = product_of(intent.sec_type) if intent.sec_type != "BAG" else None
        orders.append(
            Resting(
                key=key,
                account=intent.account,
                con_id=leg.con_id,
                side=leg.side.other if turned else leg.side,
                remaining=quantity * leg.ratio,
                parent=special.parent if special else None,
                product=listing.product if listing else own,
                oca_group=special.oca_group if special else "",
                oca_type=special.oca_type if special else 0,
                order_type=intent.order_type,
                untransmitted=special.untransmitted if special else False,
            )
        )
    return tuple(orders)


def touched_by(
    intent: Intent, book: Book, terms: Terms, settings: Settings, replaced: tuple[Resting, ...], now_ns: int
) -> tuple[Touched, ...]:
    """The contracts the order would trade, and what it would do to each."""
    modifies = intent.special.modifies if intent.special else None
    found = []
    for order in resting_orders(intent, modifies or NEW_ORDER, terms, settings, replaced, now_ns):
        listing = terms.listings.get(order.con_id)
        near = fresh_reference(terms, order.con_id, settings, now_ns)
        price = own_price(intent) if intent.sec_type != "BAG" else None
        if price is None and near is not None:
            price = near.price
        product = order.product or Product.OTHER
        found.append(
            Touched(
                con_id=order.con_id,
                product=product,
                change=book.change(order, modifies),
                total=book.contracts(intent.account, product),
                listing=listing,
                reference=near,
                unit=terms.unit(listing, price, settings.notional_currency),
                unit_held=book.unit(order.con_id),
            )
        )
    return tuple(found)


def fresh_reference(terms: Terms, con_id: int, settings: Settings, now_ns: int) -> Reference | None:
    found = terms.references.get(con_id)
    return found if found is not None and is_fresh(found, now_ns, settings) else None


def gather(
    intent: Intent,
    *,
    state: State,
    now_ns: int,
    accounts: tuple[str, ...],
    book: Book,
    terms: Terms,
    activity: Activity | None,
    settings: Settings,
    margin: Fact[MarginPreview] | None,
    unconfirmed: OrderKey | None = None,
) -> Facts:
    """`activity` None: how much was sent lately is not asked."""
    modifies = intent.special.modifies if intent.special else None
    replaced = book.order(modifies) if modifies is not None else ()
    return Facts(
        now_ns=now_ns,
        state=state,
        accounts=accounts,
        positions=book.positions,
        orders=book.orders,
        touched=touched_by(intent, book, terms, settings, replaced, now_ns),
        listing=terms.listings.get(intent.con_id),
        reference=terms.references.get(intent.con_id),
        replaced=replaced,
        notional=book.notional(intent.account),
        pace=Pace() if activity is None else activity.pace(intent, now_ns),
        unconfirmed=unconfirmed,
        margin=margin,
        market_ahead_ns=terms.market_ahead_ns,
    )
