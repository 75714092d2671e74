"""How far a contract of an account could go, if everything that works were filled. Pure.

The worst case on each side is the position and all orders of that side, of every client, acknowledged or not. What must
never happen: an order that may be live is not counted. `engine.core.book` keeps all contracts of a login up to date.

What counts less than its full quantity, because the broker itself sees to it:
- Exits attached to a parent become active by the parent's fill. They count with what they have beyond the parent's
  remaining quantity, and of several exits the largest: each cancels the others, for TWS makes a group of them. Those
  that name a group themselves are in that one: of each group the largest counts. Orders whose parents lead back to
  themselves are nobody's exits.
- Of the orders of an OCA group that cancels the rest with block (types 1 and 2) the largest on each side counts. Two
  programs may use one name, and nobody has promised that TWS takes that for one group: shells tell them apart.
An order attached to a parent that is not known counts in full, and so does an OCA group of any other type.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import msgspec

from engine.core.products import Product

ZERO = Decimal(0)
OCA_CANCELS_WITH_BLOCK = (1, 2)

Place: TypeAlias = tuple[str, int]
"""A broker account and a contract id."""

OrderKey: TypeAlias = tuple[int, int]
"""Client id and order id; (-1, permId) for an order typed into TWS, whose order id means nothing."""


class Side(Enum):
    BUY = "buy"
    SELL = "sell"

    @property
    def other(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """A working or unacknowledged order in one contract: one leg of it, if it is a combination's.

    `remaining` is what may still fill, `filled` what the broker says has. A shell that does not know the parent or OCA
    group leaves them out: the order then counts in full. `product` None: it is not known, as of a leg of somebody
    else's combination. `rebound`: a modify asks for another parent or OCA group than it had, and TWS has not
    said since which it has: it counts in full. `former`: the parent that it had before.
    """

    key: OrderKey
    account: str
    con_id: int
    side: Side
    remaining: Decimal
    filled: Decimal = ZERO
    parent: OrderKey | None = None
    product: Product | None = None
    oca_group: str = ""
    oca_type: int = 0
    order_type: str = ""
    untransmitted: bool = False  # TWS is asked to hold it until it, or an order of its bracket, is transmitted
    rebound: bool = False
    former: OrderKey | None = None
    grouped_by_tws: bool = False

    @property
    def place(self) -> Place:
        return self.account, self.con_id


class Exposure(msgspec.Struct, frozen=True):
    """One contract of one account. `position` is signed, `buys` and `sells` are what may still fill, never negative."""

    position: Decimal = ZERO
    buys: Decimal = ZERO
    sells: Decimal = ZERO

    @property
    def worst(self) -> Decimal:
        """The largest position, long or short, that can come of it."""
        return max(self.position + self.buys, self.sells - self.position)

    def reach(self, side: Side) -> Decimal:
        """The largest position that this side's orders can make: long by buys, short by sells. Below zero: none."""
        return self.position + self.buys if side is Side.BUY else self.sells - self.position

    def room(self, side: Side) -> Decimal:
        """How much more may be sent on this side that can only reduce, whatever of the rest fills."""
        if side is Side.SELL:
            return max(self.position - self.sells, ZERO)
        return max(-self.position - self.buys, ZERO)

    def with_order(self, side: Side, quantity: Decimal) -> Exposure:
        if side is Side.BUY:
            return Exposure(self.position, self.buys + quantity, self.sells)
        return Exposure(self.position, self.buys, self.sells + quantity)


FLAT = Exposure()


def counted(orders: Iterable[Resting]) -> tuple[Decimal, Decimal]:
    """What the orders of one place come to, as buys and sells."""
    buys = sells = ZERO
    here = tuple(orders)
    bound = [order for order in here if (order.parent is not None or order.oca_group) and not order.rebound]
    for order in here if not bound else _unbound(here, bound):
        if order.side is Side.BUY:
            buys += order.remaining
        else:
            sells += order.remaining
    return buys, sells


def _unbound(here: tuple[Resting, ...], bound: list[Resting]) -> list[Resting]:
    """The orders that count, where some are bound to others: of what excludes each other the largest of each side."""
    by_key = {order.key: order for order in here}
    exits: dict[OrderKey, dict[str, Resting]] = {}
    largest: dict[tuple[OrderKey | str, Side], Resting] = {}
    for order in bound:
        parent = _opens(order, by_key)
        if parent is not None:
            of_parent = exits.setdefault(parent.key, {})
            group = "" if order.grouped_by_tws else order.oca_group
            of_parent[group] = _larger(order, of_parent.get(group))
        else:
            excludes = order.oca_group and order.oca_type in OCA_CANCELS_WITH_BLOCK
            name = order.oca_group if excludes else order.key
            largest[name, order.side] = _larger(order, largest.get((name, order.side)))
    counts = [order for order in here if order not in bound] + list(largest.values())
    for key, groups in exits.items():
        beyond = sum((order.remaining for order in groups.values()), ZERO) - by_key[key].remaining
        counts.append(msgspec.structs.replace(next(iter(groups.values())), remaining=max(beyond, ZERO)))
    return counts


def _opens(order: Resting, by_key: dict[OrderKey, Resting]) -> Resting | None:
    """The parent whose exit this order is; None: it is nobody's."""
    parent = None if order.parent is None else by_key.get(order.parent)
    if parent is None or parent.side is order.side:
        return None
    seen, above = {order.key}, parent
    while above.key not in seen:
        seen.add(above.key)
        higher = None if above.parent is None else by_key.get(above.parent)
        if higher is None:
            return parent
        above = higher
    return None  # a circle, of which nobody knows where TWS begins


def _larger(one: Resting, other: Resting | None) -> Resting:
    return one if other is None or one.remaining > other.remaining else other
