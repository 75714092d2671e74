"""What a kill saw and did, kept for its report: orders that were open, what was sent, when things happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from engine.core.facts import ExecutionFact, UnreadPosition, WorkingOrder
from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.kill.held.close_marks import by_a_kill
from engine.core.kill.held.ledger import Key
from engine.core.kill.held.traces import Name, name_of
from engine.core.kill.other_kills.others_closes import Closed as OthersClose
from engine.core.kill.other_kills.others_closes import OthersCloses
from engine.core.kill.outcome.others_trades import OthersTrades
from engine.core.kill.report import CancelledOrder, TimelineEntry, Timings

TIMELINE_MAX = 5000  # entries kept; a kill that says more has a fault of its own
STOP_TYPES = ("STP", "TRAIL")


def describe(order: WorkingOrder) -> str:
    """An order in words: whose, and what."""
    owner = "TWS" if order.client_id == 0 and order.order_id <= 0 else f"client {order.client_id}"
    return f"{owner}: {order.action} {order.remaining} {order.order_type} ({order.status})"


@dataclass(slots=True)
class Evidence:
    """Milliseconds count from `pressed_ns`."""

    pressed_ns: int
    timeline: list[TimelineEntry] = field(default_factory=list)
    times: dict[str, int] = field(default_factory=dict)
    orders: dict[Name, WorkingOrder] = field(default_factory=dict)  # others' orders seen open
    seen_first: list[WorkingOrder] = field(default_factory=list)  # … before this kill had begun, until a list is read
    open_now: set[Name] = field(default_factory=set)
    listed: tuple[WorkingOrder, ...] | None = None  # by the newest complete list, ours too
    filled: set[Name] = field(default_factory=set)  # gone because they filled
    ended: dict[Name, WorkingOrder] = field(default_factory=dict)  # by the lists of completed orders
    earlier: dict[str, int] = field(
        default_factory=dict
    )  # kills that have not ended: how long before they were pressed
    closes: dict[str, ExecutionFact] = field(default_factory=dict)  # of any kill's closing orders today
    others_closes: OthersCloses = field(default_factory=OthersCloses)
    others_trades: OthersTrades = field(default_factory=OthersTrades)

    def say(self, now_ns: int, kind: str, text: str) -> None:
        if len(self.timeline) < TIMELINE_MAX:
            self.timeline.append(TimelineEntry((now_ns - self.pressed_ns) / 1e6, kind, text))

    def mark(self, name: str, now_ns: int) -> None:
        """The first time something happened."""
        self.times.setdefault(name, now_ns)

    def unmark(self, name: str) -> None:
        """It is no longer so."""
        self.times.pop(name, None)

    def has(self, name: str) -> bool:
        return name in self.times

    def mark_last(self, name: str, now_ns: int) -> None:
        self.times[name] = now_ns

    def first_look(self, foreign: list[WorkingOrder]) -> None:
        """Others' orders that were open when the first cancel was on its way. Only a list that follows can tell that
        they have gone."""
        self.seen_first += foreign

    def orders_listed(self, foreign: list[WorkingOrder], all_open: tuple[WorkingOrder, ...] = ()) -> None:
        """Others' orders that a complete read lists as open, whether the rest of the look comes or not; and `all_open`
        with this kill's own."""
        self.listed = all_open
        self.others_closes.orders(foreign)
        self.open_now = set()
        for order in self.seen_first:
            self.orders.setdefault(name_of(order), order)
        self.seen_first.clear()
        for order in foreign:
            self.orders[name_of(order)] = order
            self.open_now.add(name_of(order))
            self.ended.pop(name_of(order), None)  # whoever called it over was wrong

    def last_listed(self) -> tuple[WorkingOrder, ...]:
        """Open orders by the newest list, be it that of the first strike: nobody has shown that those are gone."""
        return tuple(self.seen_first) if self.listed is None else self.listed

    def executions(self, listed: tuple[ExecutionFact, ...]) -> None:
        """Orders that were executed whole have gone because they filled, not because they were cancelled."""
        self.others_closes.executions(listed)
        self.others_trades.executions(listed)
        totals: dict[Name, Decimal] = {}
        for e in listed:
            name = name_of(e)
            if name in self.orders:
                totals[name] = totals.get(name, Decimal(0)) + abs(e.quantity)
        for e in listed:
            if by_a_kill(e.order_ref) and (e.recent or e.identity not in self.closes):
                self.closes[e.identity] = e
        self.filled = {name for name, total in totals.items() if 0 < self.orders[name].quantity <= total}

    def completed(self, cancelled: tuple[WorkingOrder, ...], ended: tuple[WorkingOrder, ...] = ()) -> None:
        """Orders the broker says were `cancelled` since the press, some never seen open; and what has `ended` lately,
        however."""
        for order in cancelled:
            self.orders.setdefault(name_of(order), order)
        self.ended |= {name_of(order): order for order in (*cancelled, *ended)}

    def last_word(self, perm_id: int, status: str) -> None:
        """The broker says that one of them has ended, and how."""
        seen = self.orders.get((perm_id, 0, 0)) or next((o for o in self.seen_first if o.perm_id == perm_id), None)
        if seen is not None:
            self.ended[name_of(seen)] = replace(seen, status=status)

    def cancelled(
        self, positions: dict[Key, Decimal], unread: tuple[UnreadPosition, ...] = ()
    ) -> tuple[CancelledOrder, ...]:
        """Others' orders seen open and no longer listed, except those that filled and closing orders of any kill.
        `positions` as first seen; what is not among them, nor may be one of the `unread`, was not there."""

        def read(o: WorkingOrder) -> bool:
            return not any(row.may_be(o.account, o.contract.con_id, o.contract.symbol) for row in unread)

        gone = [order for order in self._gone() if not by_a_kill(order.order_ref)]
        return tuple(
            CancelledOrder(
                account=o.account,
                contract=o.contract,
                client_id=o.client_id,
                order_id=o.order_id,
                perm_id=o.perm_id,
                action=o.action,
                quantity=o.remaining if o.quantity else None,
                order_type=o.order_type,
                protective=_protects(o, self._held((o.account, o.contract.con_id), positions), read=read(o)),
                confirmed=name_of(o) in self.ended,
            )
            for o in gone
        )

    def _held(self, key: Key, positions: dict[Key, Decimal]) -> Decimal:
        """What an order may have protected: the position as first seen, or what another kill had closed just before."""
        closed = (
            e.quantity for e in self.closes.values() if (e.account, e.con_id) == key and (e.recent or self._earlier(e))
        )
        return positions.get(key, Decimal(0)) or -sum(closed, Decimal(0))

    def _earlier(self, close: ExecutionFact) -> bool:
        return any(close.order_ref.startswith(f"{CLOSE_REF_PREFIX}-{kill_id}.") for kill_id in self.earlier)

    def closed_by_others(self, *, joined: bool) -> dict[Key, OthersClose]:
        """By another kill, as far as it is told here: by the one that this one has `joined`, and by earlier ones."""
        return self.others_closes.closed(joined=joined, earlier=self.earlier)

    def earlier_notes(self) -> tuple[str, ...]:
        """Whose doings are told here too."""
        return tuple(
            f"kill {kill_id} had begun {ago_ns / 1e9:.1f} s before this one and not ended by the records then"
            ": what it cancelled and closed is listed here too"
            for kill_id, ago_ns in self.earlier.items()
        )

    def notes(self, *, flat: bool) -> tuple[str, ...]:
        """What else has gone, in words."""
        count = sum(by_a_kill(order.order_ref) for order in self._gone())
        if not count:
            return ()
        orders = "1 closing order" if count == 1 else f"{count} closing orders"
        again = "; what was still needed was sent again" if flat else ""
        return (f"{orders} of a kill went with a global cancel{again}",)

    def _gone(self) -> list[WorkingOrder]:
        filled = self.filled | {name for name, order in self.ended.items() if order.status == "Filled"}
        return [o for name, o in self.orders.items() if name not in self.open_now and name not in filled]

    def timings(self) -> Timings:
        def ms(name: str) -> float | None:
            at = self.times.get(name)
            return None if at is None else (at - self.pressed_ns) / 1e6

        return Timings(
            connected_ms=ms("connected"),
            first_cancel_ms=ms("first_cancel"),
            orders_gone_ms=ms("orders_gone"),
            first_close_ms=ms("first_close"),
            last_close_ms=ms("last_close"),
            flat_ms=ms("flat"),
            finished_ms=ms("finished"),
        )


def _protects(order: WorkingOrder, position: Decimal, *, read: bool) -> bool | None:
    """None: a stop, and what it may have protected has not been read."""
    if not order.order_type.startswith(STOP_TYPES):
        return False
    if not read and position == 0:
        return None
    return position < 0 if order.buys else position > 0
