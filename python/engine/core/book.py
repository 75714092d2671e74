"""The exposures of one login, as its shell hears of them. A check only reads it, whatever the number of orders.

Positions and working orders are unknown until their first complete reading, and again once the link is lost. What must
never happen: something that may be live drops out. So an order that this program sent counts from before it leaves
until it is known to be gone, and what an order has filled goes on counting until a position shows it.

A shell that begins a complete reading takes a `mark` first and hands it back with what it read: what was heard
meanwhile is newer than the reading and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from engine.core.exposure import FLAT, ZERO, Exposure, OrderKey, Place, Resting, Side, counted
from engine.core.known import Fact, Known, Unknown
from engine.core.products import Product
from engine.core.reduce_only import Change, held_against, only_reduces

NOT_READ = Unknown("not read yet")


class PositionHeard(msgspec.Struct, frozen=True):
    """A position as it enters the book; `product` None where it is not known."""

    account: str
    con_id: int
    quantity: Decimal
    product: Product | None = None


class Total:
    """The worst cases of one account in one product, summed over its contracts, and over those whose product is not
    known: they count in every product.
    """

    __slots__ = ("contracts",)

    def __init__(self) -> None:
        self.contracts = ZERO


class Worth:
    """The worst cases of one account in money. `unpriced`: contracts with a worst case and no price."""

    __slots__ = ("notional", "unpriced")

    def __init__(self) -> None:
        self.notional = ZERO
        self.unpriced = 0


class Spot:
    """All that is known of one place, with the sums that a check needs. Belongs to the book: others read."""

    __slots__ = ("exposure", "notional", "orders", "position", "product", "totals", "unshown", "worst", "worth")

    def __init__(self, totals: tuple[Total, ...], worth: Worth) -> None:
        self.totals, self.worth = totals, worth  # the sums that its worst case is part of
        self.position = ZERO
        self.orders: dict[OrderKey, _Entry] = {}
        self.unshown: dict[Side, _Unshown] = {}
        self.product: Product | None = None
        self.exposure = FLAT
        self.worst = ZERO
        self.notional: Decimal | None = None


class _Entry(msgspec.Struct, frozen=True):
    order: Resting
    acknowledged: bool
    heard: int  # the book's count of events when this was last heard


class _Unshown(msgspec.Struct, frozen=True):
    quantity: Decimal
    heard: int


NOWHERE = Spot((), Worth())
"""Where nothing is. To be read."""


class Book:
    """What one login has and has working, by account and contract."""

    def __init__(self) -> None:
        self.positions: Fact[None] = NOT_READ
        self.orders: Fact[None] = NOT_READ
        self.epoch = 0  # another number whenever `positions` or `orders` has become another
        self.spots: dict[Place, Spot] = {}
        self._of_order: dict[OrderKey, set[Place]] = {}
        self.holds: Callable[[OrderKey], bool] = self._of_order.__contains__
        """An order of this name counts."""
        self._untransmitted: dict[OrderKey, None] = {}
        self._totals: dict[str, dict[Product, Total]] = {}
        self._worths: dict[str, Worth] = {}
        self._units: dict[int, Decimal] = {}
        self._heard = 0

    # --- what a check reads -----------------------------------------------------------------------------------------
    def spot(self, place: Place) -> Spot:
        """The place; an empty one if nothing is there. To look without making one: `spots`."""
        found = self.spots.get(place)
        if found is None:
            totals = tuple(self._totals_of(place[0]).values())
            found = self.spots[place] = Spot(totals, self.worth(place[0]))
        return found

    def contracts(self, account: str, product: Product) -> Decimal:
        """The worst cases of one account in one product. To look is to keep nothing: anybody may name any account."""
        found = self._totals.get(account)
        return ZERO if found is None else found[product].contracts

    def notional(self, account: str) -> Decimal | None:
        """The same of the account in money; None: a contract in it has no price."""
        found = self._worths.get(account)
        if found is None:
            return ZERO
        return None if found.unpriced else found.notional

    def total(self, account: str, product: Product) -> Total:
        return self._totals_of(account)[product]

    def worth(self, account: str) -> Worth:
        found = self._worths.get(account)
        if found is None:
            found = self._worths[account] = Worth()
        return found

    def unit(self, con_id: int) -> Decimal | None:
        """What one contract of it counts in money."""
        return self._units.get(con_id)

    def order(self, key: OrderKey) -> tuple[Resting, ...]:
        """An order as it stands, one record for each contract; empty: it is not working."""
        places = sorted(self._of_order.get(key, ()))
        return tuple(self.spots[place].orders[key].order for place in places)

    @property
    def order_keys(self) -> tuple[OrderKey, ...]:
        """Of all orders that count."""
        return tuple(self._of_order)

    def unacknowledged(self, key: OrderKey) -> bool:
        """It was sent, and the broker has not shown it since."""
        return any(not self.spots[place].orders[key].acknowledged for place in self._of_order.get(key, ()))

    def change(self, order: Resting, replaces: OrderKey | None) -> Change:
        """What a new order, or one in the place of another, would do to its place. Makes none: orders are refused in
        any number of contracts that exist or do not.
        """
        spot = self.spots.get(order.place, NOWHERE)
        others = [entry.order for key, entry in spot.orders.items() if key != replaces]
        return Change(
            side=order.side,
            quantity=order.remaining,
            before=spot.exposure,
            rest=_exposure(spot, others),
            after=_exposure(spot, [*others, order]),
            attached=_attached(spot, order),
            releases=self._releases(order),
        )

    @property
    def waits_for_positions(self) -> bool:
        """Something was filled, or may have been, and no position shows it yet."""
        return any(spot.unshown for spot in self.spots.values())

    @property
    def exposures(self) -> Mapping[Place, Exposure]:
        """Every place with a position or an order."""
        return {place: spot.exposure for place, spot in self.spots.items() if spot.exposure != FLAT}

    # --- what the shell tells ---------------------------------------------------------------------------------------
    def mark(self) -> int:
        """To be taken before a complete reading is begun."""
        return self._heard

    def describe(self, con_id: int, product: Product, unit: Decimal | None) -> None:
        """What a contract is, and what one of it is worth, in the currency of the limits; None: not known."""
        if unit is None:
            self._units.pop(con_id, None)
        else:
            self._units[con_id] = abs(unit)
        for place, spot in self.spots.items():
            if place[1] == con_id:
                self._weigh(place, spot, product)

    def lost(self, why: str) -> None:
        """Nothing is known any more but what we sent ourselves."""
        self.positions = self.orders = Unknown(why)
        self.epoch += 1

    def read_positions(self, positions: Iterable[PositionHeard], mark: int, at_ns: int) -> None:
        """A complete reading, begun at `mark`: what is not in it is flat, and shows everything filled before it."""
        read = {(one.account, one.con_id): one for one in positions}
        for place in self.spots.keys() - read.keys():
            read[place] = PositionHeard(*place, ZERO)
        for place, one in read.items():
            spot = self.spot(place)
            spot.position = one.quantity
            spot.unshown = {side: kept for side, kept in spot.unshown.items() if kept.heard > mark}
            self._weigh(place, spot, one.product)
            if not (spot.position or spot.orders or spot.unshown):
                del self.spots[place]
        self.positions = Known(None, at_ns)
        self.epoch += 1

    def position(self, one: PositionHeard) -> None:
        """One position has changed. It shows as much of what was filled as it moved."""
        place = one.account, one.con_id
        spot = self.spot(place)
        moved = one.quantity - spot.position
        side = Side.BUY if moved > 0 else Side.SELL
        unshown = spot.unshown.pop(side, None)
        if unshown is not None and unshown.quantity > abs(moved):
            spot.unshown[side] = _Unshown(unshown.quantity - abs(moved), unshown.heard)
        spot.position = one.quantity
        self._weigh(place, spot, one.product)

    def read_orders(self, orders: Iterable[Resting], mark: int, at_ns: int) -> None:
        """A complete reading, begun at `mark`. What is missing from it has ended, as a fill for all anybody knows."""
        read = tuple(orders)
        listed = {order.key for order in read}
        for key in self._of_order.keys() - listed:
            entries = [self.spots[place].orders[key] for place in self._of_order[key]]
            if all(entry.acknowledged and entry.heard <= mark for entry in entries):
                self.ended(key, filled=True)
        for order in read:
            known = self.spot(order.place).orders.get(order.key)
            if known is None or known.heard <= mark:
                self.working(order)
        self.orders = Known(None, at_ns)
        self.epoch += 1

    def sent(self, *orders: Resting) -> None:
        """An order is about to leave: one record for each contract, of one key. A modify counts beside the original
        until the broker shows it: the larger of the two, for either may be what fills. One that asks to be bound to
        others in another way, which TWS may refuse, counts as bound to nothing until TWS shows it.
        """
        for order in orders:
            known = self.spot(order.place).orders.get(order.key)
            if known is not None:
                if known.order.side is not order.side:
                    raise ValueError(f"order {order.key} cannot change its side: cancel it and send another")
                larger = max(order.remaining, known.order.remaining)
                order = msgspec.structs.replace(order, remaining=larger, filled=known.order.filled)
                order = _bound_anew(order, known.order)
            self._enter(order, acknowledged=False)

    def working(self, order: Resting) -> None:
        """The broker shows an order, with what may still fill and what has."""
        known = self.spot(order.place).orders.get(order.key)
        if known is not None and order.filled > known.order.filled:
            self._fill(order, order.filled - known.order.filled)
        if known is not None and order.oca_group and _named_no_group(known.order):
            order = msgspec.structs.replace(order, grouped_by_tws=True)
        self._enter(order, acknowledged=True)

    def ended(self, key: OrderKey, *, filled: bool) -> None:
        """An order is gone. `filled`: what remained of it was, or may have been, filled.

        A cancelled order may have been filled in part: what its last status says of that is told (`working`) first.
        """
        self._untransmitted.pop(key, None)
        for place in self._of_order.pop(key, ()):
            spot = self.spots[place]
            entry = spot.orders.pop(key)
            if filled:
                self._fill(entry.order, entry.order.remaining)
            self._weigh(place, spot)

    # --- inside -----------------------------------------------------------------------------------------------------
    def _releases(self, order: Resting) -> bool:
        """With this order TWS transmits others of its bracket that it holds, and that could add risk."""
        if order.untransmitted:
            return False
        bracket, waiting = _kin(order, *self.order(order.key)), set(self._untransmitted)
        while True:
            found = {key for key in waiting if not bracket.isdisjoint(_kin(*self.order(key)))}
            if not found:
                return False
            waiting -= found
            for one in (one for key in found for one in self.order(key)):
                spot = self.spot(one.place)
                if one.key != order.key and not only_reduces(one, spot.exposure, _attached(spot, one)):
                    return True
                bracket |= _kin(one)

    def _enter(self, order: Resting, *, acknowledged: bool) -> None:
        self._heard += 1
        spot = self.spot(order.place)
        spot.orders[order.key] = _Entry(order, acknowledged, self._heard)
        if order.untransmitted:
            self._untransmitted[order.key] = None
        else:
            self._untransmitted.pop(order.key, None)
        self._of_order.setdefault(order.key, set()).add(order.place)
        self._weigh(order.place, spot, order.product)

    def _fill(self, order: Resting, quantity: Decimal) -> None:
        self._heard += 1
        unshown = self.spot(order.place).unshown
        before = unshown.get(order.side)
        unshown[order.side] = _Unshown((before.quantity if before else ZERO) + quantity, self._heard)

    def _totals_of(self, account: str) -> dict[Product, Total]:
        found = self._totals.get(account)
        if found is None:
            found = self._totals[account] = {product: Total() for product in Product}
        return found

    def _weigh(self, place: Place, spot: Spot, product: Product | None = None) -> None:
        """Bring the sums of a place, of its account's products and of its account up to date."""
        _add(spot, -spot.worst, -1)
        if product is not None and product is not spot.product:
            spot.product, spot.totals = product, (self.total(place[0], product),)
        spot.exposure = _exposure(spot, (entry.order for entry in spot.orders.values()))
        spot.worst = spot.exposure.worst
        unit = self._units.get(place[1])
        spot.notional = None if unit is None else spot.worst * unit
        _add(spot, spot.worst, 1)


def _add(spot: Spot, worst: Decimal, sign: int) -> None:
    """Put what a place comes to into the sums, or take it out of them as it stood."""
    for total in spot.totals:
        total.contracts += worst
    worth = spot.worth
    if spot.notional is not None:
        worth.notional += sign * spot.notional
    elif spot.worst > 0:
        worth.unpriced += sign


def _bound_anew(order: Resting, before: Resting) -> Resting:
    """A modify as it counts: what it was not bound to before may not be bound to it, for all that is known yet."""
    group, former_group = (order.oca_group, order.oca_type), (before.oca_group, before.oca_type)
    joins = order.parent not in (None, before.parent) or (order.oca_group != "" and group != former_group)
    by_tws = before.grouped_by_tws and group == former_group  # programs name the group in which TWS has shown it
    return msgspec.structs.replace(
        order, rebound=before.rebound or joins, former=before.former or before.parent, grouped_by_tws=by_tws
    )


def _named_no_group(order: Resting) -> bool:
    """What TWS does by itself: it makes a group of a parent's exits."""
    return order.grouped_by_tws or (order.parent is not None and not order.oca_group)


def _kin(*orders: Resting) -> set[OrderKey]:
    """The orders themselves and their parents."""
    return {key for one in orders for key in (one.key, one.parent, one.former) if key is not None}


def _attached(spot: Spot, order: Resting) -> Decimal:
    """What the parent whose exit this is may still open, beyond what it closes."""
    parent = None if order.parent is None or order.rebound else spot.orders.get(order.parent)
    if parent is None or parent.order.side is order.side:
        return ZERO
    return max(parent.order.remaining - held_against(parent.order.side, spot.position), ZERO)


def _exposure(spot: Spot, orders: Iterable[Resting]) -> Exposure:
    """The position, these orders, and what was filled and is not shown."""
    buys, sells = counted(orders)
    for side, unshown in spot.unshown.items():
        if side is Side.BUY:
            buys += unshown.quantity
        else:
            sells += unshown.quantity
    return Exposure(spot.position, buys, sells)
