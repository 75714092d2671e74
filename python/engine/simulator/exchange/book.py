"""Every order the broker knows: live state, and the ways to find it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.orders import NewOrder, OrderType, OrderView, Status

ZERO = Decimal(0)


class LiveOrder:
    """One order's changing state. Only the floor and what it stands on change it; everybody else gets a view."""

    __slots__ = (
        "active_from_ns",
        "completed_ns",
        "completed_status",
        "expires_ns",
        "filled",
        "instrument",
        "is_acknowledged",
        "is_met",
        "is_resting",
        "is_triggered",
        "last_fill_price",
        "parent",
        "parts",
        "pending_change",
        "perm_id",
        "placed_ns",
        "request",
        "status",
        "stop_price",
        "transmitted",
        "value",
        "wake_ns",
        "why_held",
    )

    def __init__(self, request: NewOrder, instrument: Instrument, perm_id: int, placed_ns: int) -> None:
        self.request = request
        self.instrument = instrument
        self.perm_id = perm_id
        self.placed_ns = placed_ns
        self.status = Status.PENDING_SUBMIT
        self.transmitted = request.transmit
        self.parent: LiveOrder | None = None
        self.filled = ZERO
        self.value = ZERO  # sum of quantity x price of its fills
        self.last_fill_price = ZERO
        self.parts: dict[int, tuple[Decimal, Decimal]] = {}  # contract id -> filled, sum of quantity x price
        self.is_acknowledged = False
        self.is_met = False  # its conditions came true, once and for all
        self.is_triggered = False  # a stop that has become a market or limit order
        self.is_resting = False  # has been in the market before, so it fills at its own limit
        self.stop_price: Decimal | None = None
        self.pending_change: NewOrder | None = None  # a modification on its way
        self.active_from_ns = placed_ns
        self.expires_ns: int | None = None
        self.wake_ns: int | None = None  # when it is next to be looked at
        self.why_held = ""
        self.completed_ns: int | None = None
        self.completed_status = ""

    @property
    def remaining(self) -> Decimal:
        return self.request.quantity - self.filled

    @property
    def is_open(self) -> bool:
        return self.completed_ns is None

    @property
    def is_child_held(self) -> bool:
        return self.parent is not None and self.parent.is_open

    @property
    def is_watching(self) -> bool:
        """Are there conditions that have not come true yet?"""
        return bool(self.request.conditions) and not self.is_met

    @property
    def is_held_back(self) -> bool:
        """Must it stay out of the market until its conditions come true?"""
        return self.is_watching and not self.request.conditions_cancel_order

    @property
    def works_as(self) -> OrderType:
        """The order type it has in the market now."""
        order_type = OrderType(self.request.order_type)
        if not self.is_triggered:
            return order_type
        return OrderType.LMT if order_type is OrderType.STP_LMT else OrderType.MKT

    def view(self) -> OrderView:
        return OrderView(
            request=self.request,
            perm_id=self.perm_id,
            status=self.status,
            filled=self.filled,
            remaining=self.remaining,
            avg_fill_price=self.value / self.filled if self.filled else ZERO,
            last_fill_price=self.last_fill_price,
            placed_ns=self.placed_ns,
            transmitted=self.transmitted,
            parent_perm_id=self.parent.perm_id if self.parent is not None else 0,
            why_held=self.why_held,
            trail_stop_price=self.stop_price if self.request.order_type == OrderType.TRAIL else None,
            completed_ns=self.completed_ns,
            completed_status=self.completed_status,
        )


class OrderBook:
    """All orders of a login, by permanent id."""

    def __init__(self, first_perm_id: int) -> None:
        self._next_perm_id = first_perm_id
        self._all: dict[int, LiveOrder] = {}
        self._open: dict[int, LiveOrder] = {}
        self._by_client: dict[tuple[int, int], LiveOrder] = {}
        self._by_side: dict[tuple[str, int, str], dict[int, LiveOrder]] = {}
        self._children: dict[int, list[LiveOrder]] = {}
        self._oca: dict[tuple[str, str], list[LiveOrder]] = {}

    def add(self, request: NewOrder, instrument: Instrument, now_ns: int) -> LiveOrder:
        order = LiveOrder(request, instrument, self.new_perm_id(), now_ns)
        self._all[order.perm_id] = order
        self._open[order.perm_id] = order
        self._by_client[request.client_id, request.order_id] = order
        self._by_side.setdefault(_side(request), {})[order.perm_id] = order
        if request.parent_id:
            order.parent = self._by_client[request.client_id, request.parent_id]
            self._children.setdefault(order.parent.perm_id, []).append(order)
        if request.oca_group:
            self._oca.setdefault((request.account, request.oca_group), []).append(order)
        return order

    def close(self, order: LiveOrder) -> None:
        """The order is done: it leaves every list of open ones."""
        self._open.pop(order.perm_id, None)
        self._by_side[_side(order.request)].pop(order.perm_id, None)

    def get(self, perm_id: int) -> LiveOrder | None:
        return self._all.get(perm_id)

    def find(self, client_id: int, order_id: int) -> LiveOrder | None:
        return self._by_client.get((client_id, order_id))

    def open(self) -> list[LiveOrder]:
        """Open orders in the order of their placing."""
        return list(self._open.values())

    def done(self) -> list[LiveOrder]:
        return [order for order in self._all.values() if not order.is_open]

    def has_open(self, con_id: int) -> bool:
        return any(order.instrument.con_id == con_id for order in self._open.values())

    def new_perm_id(self) -> int:
        self._next_perm_id += 1
        return self._next_perm_id - 1

    def on_side(self, account: str, con_id: int, action: str) -> list[LiveOrder]:
        """Open orders of one account, contract and side."""
        return list(self._by_side.get((account, con_id, action), {}).values())

    def children(self, order: LiveOrder) -> list[LiveOrder]:
        return self._children.get(order.perm_id, [])

    def rivals(self, order: LiveOrder) -> Iterator[LiveOrder]:
        """Open orders that a fill of this one cancels or reduces: its OCA group, and its siblings under one parent."""
        seen = {order.perm_id}
        group = self._oca.get((order.request.account, order.request.oca_group), []) if order.request.oca_group else []
        siblings = self.children(order.parent) if order.parent is not None else []
        for rival in (*group, *siblings):
            if rival.is_open and rival.perm_id not in seen:
                seen.add(rival.perm_id)
                yield rival

    def forget_ids(self, client_id: int | None) -> None:
        """TWS restarted: order ids of orders that are done may come again."""
        for key, order in list(self._by_client.items()):
            if not order.is_open and client_id in (None, key[0]):
                del self._by_client[key]


def _side(request: NewOrder) -> tuple[str, int, str]:
    return request.account, request.con_id, request.action
