"""A small broker for the kill machine alone: no wire, no exchange, only what the machine can see, with seeded faults.

It keeps the truth (positions, orders) apart from what it shows (late position feed, lost messages), so that tests can
ask whether the machine's claims and orders were right.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.facts import Details, ExecutionFact, PositionFact, Quote, QuoteKind, WorkingOrder
from engine.core.kill import events as ev
from engine.core.kill.commands import (
    AskQuote,
    CancelClose,
    Command,
    Connect,
    Finish,
    GlobalCancel,
    OrderType,
    Place,
    ReadCompleted,
    ReadExecutions,
    ReadOrders,
    ReadPositions,
    Resolve,
    Stop,
    WakeAt,
)
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginReport
from engine.core.kill.settings import MS, SECOND, KillSettings

ZERO = Decimal(0)
Key = tuple[str, int]


def contract(con_id: int, sec_type: str = "FUT", symbol: str = "ES", **more: object) -> Contract:
    """A contract as `position` reports it: futures come without an exchange."""
    exchange = {"STK": "NASDAQ"}.get(sec_type, "")
    fields: dict[str, object] = {"currency": "USD", "exchange": exchange, "local_symbol": f"{symbol}{con_id}"} | more
    return Contract(con_id=con_id, symbol=symbol, sec_type=sec_type, **fields)  # type: ignore[arg-type]


@dataclass
class Resting:
    """An order at the broker."""

    account: str
    contract: Contract
    action: str
    quantity: Decimal
    perm_id: int
    client_id: int = 7
    order_id: int = 1
    order_type: str = "LMT"
    order_ref: str = ""
    status: str = "Submitted"
    filled: Decimal = ZERO
    key: int | None = None  # of the kill's Place
    stubborn: int = 0  # global cancels it survives
    fills_on_cancel: bool = False

    @property
    def open(self) -> bool:
        return self.status not in ("Filled", "Cancelled")


@dataclass
class Faults:
    """What goes wrong. Everything off by default."""

    latency_ms: tuple[int, int] = (1, 1)
    cancel_ms: tuple[int, int] = (1, 30)
    fill_ms: tuple[int, int] = (1, 20)
    position_lag_ms: int = 0
    lost_reads_pct: int = 0
    executions_unread: bool = False
    silent_orders: int = 0  # this many closing orders are dropped without a word
    rejects: int = 0  # this many closing orders are refused with 201
    lost_status_pct: int = 0
    repeated_status_pct: int = 0
    partial: bool = False
    never_fills: frozenset[int] = frozenset()
    queued: frozenset[int] = frozenset()  # conIds whose market orders wait for the next session (399)
    no_bid: frozenset[int] = frozenset()
    disconnect_at_ms: tuple[int, ...] = ()
    link_down_ms: tuple[int, int] | None = None
    refuse_until_ms: int = 0
    lock: str = "taken"  # taken, busy, none, late
    lock_free_at_ms: int = 0
    unresolved: bool = False


@dataclass
class Model:
    """Drives one `KillMachine` to its end in virtual time."""

    positions: dict[Key, Decimal]
    contracts: dict[int, Contract]
    orders: list[Resting] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    settings: KillSettings = field(default_factory=KillSettings)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.now_ns = 0
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0
        self.shown: list[tuple[int, int, Key, Decimal]] = []  # late feed: (visible at, order, key, quantity)
        self.feed: dict[Key, Decimal] = dict(self.positions)
        self.executions: list[ExecutionFact] = []
        self.generation = 0  # of the connection
        self.connected = False
        self.link_up = True
        self.wake_ns: int | None = None
        self.places: list[tuple[int, Place]] = []
        self.global_cancels: list[int] = []
        self.close_by_key: dict[int, Resting] = {}
        self.violations: list[str] = []
        self.finished_ns: int | None = None
        self.stopped = False
        self.silent_left = self.faults.silent_orders
        self.rejects_left = self.faults.rejects
        self.machine = KillMachine(
            name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="t", settings=self.settings
        )

    # time ------------------------------------------------------------------------------------------------------------

    def after(self, ms: int, what: Callable[[], None]) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now_ns + ms * MS, self.count, what))

    def tell(self, event: ev.Event) -> None:
        """An event reaches the machine now."""
        self.do(self.machine.handle(event, self.now_ns))

    def reply(self, event: ev.Event, ms: int | None = None) -> None:
        """An event on its way over the present connection; lost when that breaks."""
        generation = self.generation
        delay = self.rng.randint(*self.faults.latency_ms) if ms is None else ms

        def deliver() -> None:
            if generation == self.generation and self.connected:
                self.tell(event)

        self.after(delay, deliver)

    def run(self) -> LoginReport:
        self._schedule_faults()
        self.do(self.machine.start(self.now_ns))
        limit_ns = self.settings.deadline_ns + self.settings.quarantine_ns + 5 * SECOND
        steps = 0
        while not self.stopped:
            steps += 1
            assert steps < 200_000, "the machine goes on without end"
            next_ns = min([t for t, _, _ in self.queue[:1]] + ([self.wake_ns] if self.wake_ns is not None else []))
            assert next_ns <= limit_ns, "the machine did not end by its deadline"
            self.now_ns = max(self.now_ns, next_ns)
            if self.queue and self.queue[0][0] <= self.now_ns:
                heapq.heappop(self.queue)[2]()
            else:
                self.wake_ns = None
                self.tell(ev.Woke())
        return self.machine.report()

    def _schedule_faults(self) -> None:
        f = self.faults
        match f.lock:
            case "taken":
                self.after(0, lambda: self.tell(ev.LockTaken()))
            case "none":
                self.after(0, lambda: self.tell(ev.LockTaken(shared_nothing=True)))
            case "busy" | "late":
                self.after(0, lambda: self.tell(ev.LockBusy("pid 1")))
                if f.lock == "late":
                    self.after(f.lock_free_at_ms, lambda: self.tell(ev.LockTaken()))
        for at in f.disconnect_at_ms:
            self.after(at, self._disconnect)
        if f.link_down_ms is not None:
            down, up = f.link_down_ms
            self.after(down, lambda: self._link(False))
            self.after(up, lambda: self._link(True))

    def _disconnect(self) -> None:
        if self.connected:
            self.connected = False
            self.generation += 1
            self.tell(ev.Disconnected(ev.Trouble.CLOSED, "TWS closed the connection"))

    def _link(self, up: bool) -> None:
        self.link_up = up
        if self.connected:
            self.tell(ev.BrokerLink(up, 1102 if up else 1100))

    # commands --------------------------------------------------------------------------------------------------------

    def do(self, commands: list[Command]) -> None:
        for command in commands:
            self.do_one(command)

    def do_one(self, command: Command) -> None:
        match command:
            case WakeAt(at_ns):
                self.wake_ns = at_ns
            case Connect():
                self.after(5, self._connect)
            case GlobalCancel():
                self.global_cancels.append(self.now_ns)
                self.after(1, self._global_cancel)
            case Place():
                self.places.append((self.now_ns, command))
                self._place(command)
            case CancelClose(key):
                self.after(1, lambda: self._cancel_close(key))
            case Finish():
                self.finished_ns = self.now_ns
                self._check_claim()
            case Stop():
                self.stopped = True
            case _:
                self._look_up(command)

    def _connect(self) -> None:
        if self.now_ns < self.faults.refuse_until_ms * MS:
            self.tell(ev.Disconnected(ev.Trouble.REFUSED, "nothing listens on 127.0.0.1:7497"))
            return
        self.connected = True
        self.generation += 1
        self.tell(ev.Connected(("DU1",), 9000))
        if not self.link_up:
            self.tell(ev.BrokerLink(False, 1100))

    def _look_up(self, command: Command) -> None:
        lost = self.rng.randint(1, 100) <= self.faults.lost_reads_pct
        match command:
            case ReadOrders(read_id) | ReadPositions(read_id) if lost:
                self.reply(ev.ReadFailed(read_id, "no answer within 3 s"), 3000)
            case ReadOrders(read_id):
                self.after(1, lambda: self.reply(ev.OrdersRead(read_id, self.open_orders()), 1))
            case ReadPositions(read_id):
                self.after(1, lambda: self.reply(ev.PositionsRead(read_id, self.position_list()), 1))
            case ReadExecutions(read_id) if self.faults.executions_unread:
                self.reply(ev.ReadFailed(read_id, "no answer within 3 s"), 3000)
            case ReadExecutions(read_id):
                self.after(1, lambda: self.reply(ev.ExecutionsRead(read_id, tuple(self.executions)), 1))
            case ReadCompleted(read_id):
                self.reply(ev.CompletedRead(read_id, ()))
            case Resolve(c) if self.faults.unresolved:
                self.reply(ev.Unresolved(c.con_id, "no answer"), 3000)
            case Resolve(c):
                exchange = "NASDAQ" if c.sec_type == "STK" else "CME"
                full = Contract(con_id=c.con_id, symbol=c.symbol, sec_type=c.sec_type, exchange=exchange)
                self.reply(ev.Resolved(c.con_id, Details(contract=full, min_tick=Decimal("0.25"))))
            case AskQuote(c):
                bid = None if c.con_id in self.faults.no_bid else Decimal(10)
                self.reply(ev.Quoted(c.con_id, Quote(bid, Decimal(11), QuoteKind.LIVE)))
            case _:
                pass

    def open_orders(self) -> tuple[WorkingOrder, ...]:
        return tuple(
            WorkingOrder(
                account=o.account,
                contract=o.contract,
                perm_id=o.perm_id,
                client_id=o.client_id,
                order_id=o.order_id,
                action=o.action,
                quantity=o.quantity,
                filled=o.filled,
                order_type=o.order_type,
                status=o.status,
                order_ref=o.order_ref,
            )
            for o in self.orders
            if o.open
        )

    def position_list(self) -> tuple[PositionFact, ...]:
        while self.shown and self.shown[0][0] <= self.now_ns:
            _, _, key, quantity = heapq.heappop(self.shown)
            self.feed[key] = quantity
        return tuple(PositionFact(k[0], self.contracts[k[1]], q) for k, q in self.feed.items() if q != 0)

    # the exchange ----------------------------------------------------------------------------------------------------

    def _global_cancel(self) -> None:
        if not self.connected:
            return
        for order in self.orders:
            if order.open and order.stubborn > 0:
                order.stubborn -= 1
            elif order.open and order.status != "PendingCancel":
                order.status = "PendingCancel"
                self.after(self.rng.randint(*self.faults.cancel_ms), lambda o=order: self._cancelled(o))

    def _cancelled(self, order: Resting) -> None:
        if not order.open:
            return
        if order.fills_on_cancel:
            self._fill(order, order.quantity - order.filled)
            return
        order.status = "Cancelled"
        self._status(order)

    def _status(self, order: Resting) -> None:
        if order.key is None:
            return
        event = ev.CloseStatus(order.key, order.status, order.filled, order.perm_id)
        if self.rng.randint(1, 100) > self.faults.lost_status_pct:
            self.reply(event)
        if self.rng.randint(1, 100) <= self.faults.repeated_status_pct:
            self.reply(event, self.rng.randint(1, 300))

    def _place(self, place: Place) -> None:
        generation = self.generation
        self.after(1, lambda: self._arrive(place) if self.connected and generation == self.generation else None)

    def _arrive(self, place: Place) -> None:
        known = self.close_by_key.get(place.key)
        if known is not None:
            if known.open:
                known.quantity = place.quantity  # the same id again modifies
                self._status(known)
            else:
                self.reply(ev.CloseError(place.key, 103, "Duplicate order id"))
            return
        if self.silent_left > 0:
            self.silent_left -= 1
            return
        if self.rejects_left > 0:
            self.rejects_left -= 1
            self.reply(ev.CloseError(place.key, 201, "Order rejected - reason: margin"))
            return
        order = Resting(
            account=place.account,
            contract=place.contract,
            action=place.action,
            quantity=place.quantity,
            perm_id=100_000 + len(self.orders),
            client_id=9000,
            order_id=place.key,
            order_type=place.order_type.value,
            order_ref=place.order_ref,
            key=place.key,
        )
        self.close_by_key[place.key] = order
        self.orders.append(order)
        if place.contract.con_id in self.faults.queued and place.order_type is OrderType.MARKET:
            order.status = "PreSubmitted"
            self.reply(ev.CloseError(place.key, 399, "Your order will not be placed at the exchange until 09:30"))
            return
        self._status(order)
        stuck = place.contract.con_id in self.faults.never_fills | self.faults.no_bid
        if not stuck:
            self.after(self.rng.randint(*self.faults.fill_ms), lambda: self._fill_some(order))

    def _fill_some(self, order: Resting) -> None:
        if not order.open:
            return
        left = order.quantity - order.filled
        part = min(left, Decimal(self.rng.randint(1, 3))) if self.faults.partial else left
        self._fill(order, part)
        if order.open:
            self.after(self.rng.randint(*self.faults.fill_ms), lambda: self._fill_some(order))

    def _fill(self, order: Resting, quantity: Decimal) -> None:
        key = (order.account, order.contract.con_id)
        signed = quantity if order.action == "BUY" else -quantity
        before = self.positions.get(key, ZERO)
        after = before + signed
        if order.key is not None and (before * after < 0 or abs(after) > abs(before)):
            self.violations.append(f"{self.now_ns / 1e6:.0f} ms: {key} went from {before} to {after} by our own order")
        self.positions[key] = after
        self.count += 1
        heapq.heappush(self.shown, (self.now_ns + self.faults.position_lag_ms * MS, self.count, key, after))
        order.filled += quantity
        if order.filled >= order.quantity:
            order.status = "Filled"
        execution = ExecutionFact(
            exec_id=f"0001.{len(self.executions):04}.01",
            account=order.account,
            con_id=order.contract.con_id,
            quantity=signed,
            price=Decimal(10),
            perm_id=order.perm_id,
            client_id=order.client_id,
            order_id=order.order_id,
            order_ref=order.order_ref,
        )
        self.executions.append(execution)
        if order.key is not None:
            self.reply(ev.CloseFill(order.key, execution))
            self._status(order)

    def _cancel_close(self, key: int) -> None:
        order = self.close_by_key.get(key)
        if order is None:
            self.reply(ev.CloseError(key, 10147, "OrderId that needs to be cancelled is not found"))
        elif order.open:
            self._cancelled(order)
        else:
            self.reply(ev.CloseError(key, 10148, "cannot be cancelled, state: Filled"))

    # judgement -------------------------------------------------------------------------------------------------------

    @property
    def truly_flat(self) -> bool:
        return all(q == 0 for q in self.positions.values()) and not any(o.open for o in self.orders)

    def _check_claim(self) -> None:
        if self.machine.report().flat and not self.truly_flat:
            self.violations.append(f"claimed flat with {self.positions} and {self.open_orders()}")
