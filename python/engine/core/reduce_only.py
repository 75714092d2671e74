"""Can this order only reduce? And which working orders cannot? Pure: no clock, socket or log.

An order reduces if it is against the position, no larger than it, and does not leave more on its side than the position
holds, counting everything that works there as filled. Two orders reduce although more works on their side than that,
because they leave no more there than stood before: a protective order that is modified, and one that joins an OCA group
in which filling one cancels the others. An exit attached to a parent may be as large as what its parent opens: it
becomes active by the parent's fill. What is attached to a parent that closes would open again, and does not reduce.

An order that TWS transmits has it transmit the orders that it holds of the same bracket. It reduces only if they do.

A side alone says nothing: a sell larger than the long is refused whole, for the excess would open a short.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from engine.core.exposure import ZERO, Exposure, OrderKey, Place, Resting, Side

_STOPS = ("STP", "TRAIL")  # STP LMT, STP PRT, TRAIL LIMIT, TRAIL MIT too


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an order does to one contract's exposure. `quantity` is not signed.

    `before`: as it is. `rest`: without the order that this one replaces, which is `before` if it replaces none.
    `after`: with this one. `attached`: what the parent whose exit this is may still open, else zero. `releases`: TWS
    would transmit orders with it that it holds, and that could add risk.
    """

    side: Side
    quantity: Decimal
    before: Exposure
    rest: Exposure
    after: Exposure
    attached: Decimal = ZERO
    releases: bool = False

    @property
    def held(self) -> Decimal:
        """The position that an order of this side works against; zero if there is none."""
        return held_against(self.side, self.before.position)

    @property
    def reduces(self) -> bool:
        after = _working(self.after, self.side)
        bound = self.quantity <= self.held + self.attached
        fits = bound and (after <= self.held or after <= _working(self.before, self.side))
        return fits and not self.releases

    @property
    def against(self) -> bool:
        """It works against a position, whether or not it is too large for it."""
        return self.held > 0

    @property
    def largest_reducing(self) -> Decimal:
        """The largest quantity with which the order would reduce."""
        if self.releases:
            return ZERO
        most = max(self.held, _working(self.before, self.side))
        return max(min(self.held + self.attached, self._until(most)), ZERO)

    @property
    def raises_worst(self) -> bool:
        return self.after.worst > self.before.worst

    def largest_reaching(self, most: Decimal) -> Decimal:
        """The largest quantity with which this side's orders could make a position of no more than that."""
        position = self.before.position
        return max(self._until(most - position if self.side is Side.BUY else most + position), ZERO)

    def _until(self, most: Decimal) -> Decimal:
        """The quantity that brings what works on this side to `most`. Part of an order may not count (OCA, exits)."""
        rest = _working(self.rest, self.side)
        uncounted = self.quantity - (_working(self.after, self.side) - rest)
        return most - rest + uncounted


def held_against(side: Side, position: Decimal) -> Decimal:
    """The position that orders of a side work against; zero if there is none."""
    return max(position if side is Side.SELL else -position, ZERO)


def only_reduces(order: Resting, exposure: Exposure, attached: Decimal) -> bool:
    """An order that is counted already can only reduce, whatever fills of what works on its side."""
    held = held_against(order.side, exposure.position)
    return order.remaining <= held + attached and _working(exposure, order.side) <= held


def plain_change(side: Side, quantity: Decimal, exposure: Exposure) -> Change:
    """An order that replaces nothing, is attached to nothing and in no group."""
    after = exposure.with_order(side, quantity)
    return Change(side=side, quantity=quantity, before=exposure, rest=exposure, after=after)


def _working(exposure: Exposure, side: Side) -> Decimal:
    return exposure.buys if side is Side.BUY else exposure.sells


def risk_adding(orders: Iterable[Resting], position: Decimal | None) -> tuple[OrderKey, ...]:
    """Which orders of one place a halt has to cancel so that what is left there can only reduce.

    Kept are orders against the position, stops first, up to its size; those that belong together (one parent, one OCA
    group) count once, by the largest. Position unknown (None): every stop may be the one that protects, and is kept.
    """
    waiting = sorted(orders, key=lambda order: (not _is_stop(order), order.key))
    if position is None:
        return tuple(order.key for order in waiting if not _is_stop(order))
    side, free = (Side.SELL if position > 0 else Side.BUY), abs(position)
    kept: dict[object, Decimal] = {}
    cancelled = []
    for order in waiting:
        group = order.parent or order.oca_group or order.key
        more = max(order.remaining - kept.get(group, ZERO), ZERO)
        if order.side is side and more <= free and position != 0:
            free -= more
            kept[group] = kept.get(group, ZERO) + more
        else:
            cancelled.append(order.key)
    return tuple(cancelled)


def risk_adding_anywhere(orders: Iterable[Resting], positions: Mapping[Place, Decimal] | None) -> tuple[OrderKey, ...]:
    """The same for every place at once. An order in several contracts goes if it adds risk in one of them.

    `positions` None: they are not known; one that is not in it is flat.
    """
    places: dict[Place, list[Resting]] = {}
    for order in orders:
        places.setdefault(order.place, []).append(order)
    found: dict[OrderKey, None] = {}
    for place, here in sorted(places.items()):
        position = None if positions is None else positions.get(place, ZERO)
        found.update(dict.fromkeys(risk_adding(here, position)))
    return tuple(found)


def _is_stop(order: Resting) -> bool:
    return order.order_type.startswith(_STOPS)
