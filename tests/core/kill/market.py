"""The broker's side of the model: orders, fills, positions, and what of them can be read when.

It keeps the truth apart from what it shows (late and frozen position feeds, a link to IBKR that is down), and judges
every fill of a closing order: did the kill's own order move a position through zero, or away from it?
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from core.kill.faults import Earlier, Faults, Key, Newcomer, Trade
from engine.core.contracts import Contract
from engine.core.facts import ExecutionFact, PositionFact, WorkingOrder
from engine.core.kill.commands import Place
from engine.core.kill.settings import MS, SECOND

ENDED = ("Filled", "Cancelled")
RECENT_NS = 15 * SECOND

ZERO = Decimal(0)


def contract(con_id: int, sec_type: str = "FUT", symbol: str = "ES", exchange: str | None = None) -> Contract:
    """A contract as `position` reports it: futures come without an exchange, stocks with their listing exchange."""
    if exchange is None:
        exchange = {"STK": "NASDAQ", "CASH": "IDEALPRO"}.get(sec_type, "")
    return Contract(
        con_id=con_id,
        symbol=symbol,
        sec_type=sec_type,
        currency="USD",
        exchange=exchange,
        local_symbol=f"{symbol}{con_id}",
    )


class Clock:
    """Virtual time and what is to happen in it."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    @property
    def next_ns(self) -> int | None:
        return self._queue[0][0] if self._queue else None

    def at(self, at_ns: int, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._queue, (max(at_ns, self.now_ns), self._count, what))

    def after(self, ms: int, what: Callable[[], None]) -> None:
        self.at(self.now_ns + ms * MS, what)

    def run_due(self) -> bool:
        """Run the next thing that is due now; False when there is none."""
        if not self._queue or self._queue[0][0] > self.now_ns:
            return False
        heapq.heappop(self._queue)[2]()
        return True


@dataclass(repr=False)
class Resting:
    """An order at the broker. `key` is that of the kill's `Place`; None for everybody else's orders."""

    account: str
    contract: Contract
    action: str
    quantity: Decimal
    perm_id: int = 0
    client_id: int = 7
    order_id: int = 1
    order_type: str = "LMT"
    order_ref: str = ""
    status: str = "Submitted"
    filled: Decimal = ZERO
    key: int | None = None
    stubborn: int = 0  # global cancels it survives
    fills_on_cancel: bool = False
    held: bool = False  # in the TWS window: no cancel reaches it
    listed: bool = True
    arrived_ns: int = 0

    def __repr__(self) -> str:
        c = self.contract
        what = c.con_id if c.sec_type != "BAG" else f"BAG of {[leg.con_id for leg in c.combo_legs]} {c.symbol}"
        marks = [self.order_ref, self.status] + ["held"] * self.held + ["fills on cancel"] * self.fills_on_cancel
        marks += [f"{self.filled} filled"] * bool(self.filled) + [f"stubborn {self.stubborn}"] * bool(self.stubborn)
        return (
            f"<{self.account} {what} {self.action} {self.quantity} {self.order_type} {' '.join(filter(None, marks))}>"
        )

    @property
    def open(self) -> bool:
        return self.status not in ENDED

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def sign(self) -> int:
        return 1 if self.action == "BUY" else -1


@dataclass
class Shown:
    """What reads answer at one moment."""

    orders: tuple[WorkingOrder, ...]
    positions: tuple[PositionFact, ...]
    executions: tuple[ExecutionFact, ...]
    ended: tuple[WorkingOrder, ...]


@dataclass
class Market:
    """Tells `said(order)` when an own order's status may be told, and `traded(order, execution)` when one filled."""

    clock: Clock
    rng: random.Random
    faults: Faults
    contracts: dict[int, Contract]
    positions: dict[Key, Decimal]
    orders: list[Resting]
    said: Callable[[Resting], None] = field(init=False)
    traded: Callable[[Resting, ExecutionFact], None] = field(init=False)
    moved: Callable[[PositionFact], None] = field(init=False)
    link_up: bool = True
    violations: list[str] = field(default_factory=list)
    surprises: list[tuple[int, Key]] = field(default_factory=list)  # what no one could know of before it happened

    def __post_init__(self) -> None:
        self.executions: list[ExecutionFact] = []
        self.feed = dict(self.positions)  # as the position feed shows it
        self.late: list[tuple[int, int, Key, Decimal]] = []
        self.executed_ns: dict[str, int] = {}  # when, by execution identity
        self.in_memory: Shown | None = None  # what TWS shows while its link to IBKR is down
        self.known_at_place: dict[Key, int] = {}  # up to when the kill could know, as it last placed an order
        self.perm_ids = iter(range(100_000, 10_000_000))
        self.exec_ids = iter(range(1, 10_000_000))
        for order in self.orders:
            order.perm_id = order.perm_id or next(self.perm_ids)
        self._tell_earlier(self.faults.earlier)

    def _tell_earlier(self, trades: tuple[Earlier, ...]) -> None:
        """What was traded before the press is in the positions, and perhaps not yet in what is shown of them."""
        for trade in trades:
            self.positions[trade.key] = self.positions.get(trade.key, ZERO) - trade.quantity
        self.feed = dict(self.positions)
        self.orders = list(self.orders)
        for trade in trades:
            order = self._others_order(trade.key, "BUY" if trade.quantity > 0 else "SELL", abs(trade.quantity))
            order.order_ref, order.filled, order.status = trade.order_ref, order.quantity, "Filled"
            self.orders.append(order)
            self._move(order, trade.quantity, -trade.age_ms * MS)
        self._catch_up()

    # what can be read ------------------------------------------------------------------------------------------------

    def show(self) -> Shown:
        if self.in_memory is not None:
            return self.in_memory
        shown_ns = self.clock.now_ns - self.faults.execution_lag_ms * MS
        executions = tuple(self._as_of_now(e) for e in self.executions if self.executed_ns[e.identity] <= shown_ns)
        open_now, ended = (
            tuple(self._as_listed(o) for o in self.orders if o.listed and o.open is wanted) for wanted in (True, False)
        )
        return Shown(open_now, self._position_list(), executions, ended)

    def _as_of_now(self, execution: ExecutionFact) -> ExecutionFact:
        age_ns = self.clock.now_ns - self.executed_ns[execution.identity]
        return replace(execution, recent=age_ns <= RECENT_NS, age_ns_min=age_ns)

    @staticmethod
    def _as_listed(o: Resting) -> WorkingOrder:
        return WorkingOrder(
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

    def _position_list(self) -> tuple[PositionFact, ...]:
        frozen = self.faults.position_frozen_ms
        if frozen is None or not frozen[0] * MS <= self.clock.now_ns < frozen[1] * MS:
            self._catch_up()
        return tuple(PositionFact(k[0], self.contracts[k[1]], q) for k, q in self.feed.items() if q != 0)

    def _catch_up(self) -> None:
        while self.late and self.late[0][0] <= self.clock.now_ns:
            _, _, key, quantity = heapq.heappop(self.late)
            self.feed[key] = quantity

    # orders ----------------------------------------------------------------------------------------------------------

    def accept(self, place: Place, client_id: int) -> Resting:
        """A closing order has arrived and is known to the broker from now on."""
        order = Resting(
            account=place.account,
            contract=place.contract,
            action=place.action,
            quantity=place.quantity,
            perm_id=next(self.perm_ids),
            client_id=client_id,
            order_id=place.key,
            order_type=place.order_type.value,
            order_ref=place.order_ref,
            key=place.key,
            fills_on_cancel=self._chance(self.faults.fills_on_cancel_pct),
            arrived_ns=self.clock.now_ns,
        )
        twins = [o for o in self.orders if o.key and o.open and _key(o) == _key(order)]
        if twins and not self._surprised(_key(order)):
            self.violations.append(f"{self._ms()}: two living closing orders for {_key(order)}")
        self.orders.append(order)
        return order

    def work(self, order: Resting) -> None:
        """Let it trade."""
        if order.contract.con_id not in self.faults.never_fills | self.faults.no_bid:
            self.clock.after(self.rng.randint(*self.faults.fill_ms), lambda: self._fill_some(order))

    def global_cancel(self) -> None:
        for order in self.orders:
            if not order.open or order.held or order.status == "PendingCancel":
                continue
            if order.stubborn > 0:
                order.stubborn -= 1
            else:
                order.status = "PendingCancel"
                self.clock.after(self.rng.randint(*self.faults.cancel_ms), lambda o=order: self.cancel(o))

    def cancel(self, order: Resting) -> None:
        if not order.open:
            return
        if order.fills_on_cancel:
            self._fill(order, order.remaining)
            return
        order.status = "Cancelled"
        self.said(order)
        if order.key is not None and self._chance(self.faults.late_fill_pct):
            self.clock.after(self.rng.randint(1, 3000), lambda: self._fill_late(order))

    def _fill_late(self, order: Resting) -> None:
        self.surprise(_key(order))
        self._fill(order, order.remaining)

    def _fill_some(self, order: Resting) -> None:
        if not order.open:
            return
        left = order.remaining
        self._fill(order, min(left, Decimal(self.rng.randint(1, 3))) if self.faults.partial else left)
        if order.open:
            self.clock.after(self.rng.randint(*self.faults.fill_ms), lambda: self._fill_some(order))

    def _fill(self, order: Resting, quantity: Decimal) -> None:
        order.filled += quantity
        if order.filled >= order.quantity:
            order.status = "Filled"
        execution = self._move(order, order.sign * quantity)
        if order.key is not None:
            self.traded(order, execution)
            self.said(order)

    # positions -------------------------------------------------------------------------------------------------------

    def _move(self, order: Resting, signed: Decimal, at_ns: int | None = None) -> ExecutionFact:
        at_ns = self.clock.now_ns if at_ns is None else at_ns
        key = _key(order)
        before = self.positions.get(key, ZERO)
        after = self.positions[key] = before + signed
        wrong = before * after < 0 or abs(after) > abs(before)
        if order.key is not None and wrong and not self._surprised(key):
            self.violations.append(f"{self._ms()}: {key} went from {before} to {after} by our order {order.key}")
        shown_ns = at_ns + self.faults.position_lag_ms * MS
        number = next(self.exec_ids)
        heapq.heappush(self.late, (shown_ns, number, key, after))
        if shown_ns >= self.clock.now_ns:
            self.clock.at(shown_ns, lambda: self._hint(key, after))
        execution = ExecutionFact(
            exec_id=f"0001.{number:04}.01",
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
        self.executed_ns[execution.identity] = at_ns
        return execution

    def _hint(self, key: Key, quantity: Decimal) -> None:
        if self.link_up and self.faults.position_hints:
            self.moved(PositionFact(key[0], self.contracts[key[1]], quantity))

    # others ----------------------------------------------------------------------------------------------------------

    def trade(self, trade: Trade) -> None:
        """Another program trades."""
        self.surprise(trade.key)
        self._move(self._others_order(trade.key, "BUY" if trade.quantity > 0 else "SELL", ZERO), trade.quantity)

    def arrive(self, new: Newcomer, *, after_the_result: bool) -> None:
        """Another program's order arrives. When the result has been given nobody waits for it any more."""
        if after_the_result or not new.knowable:
            self.surprise(new.key)
        order = self._others_order(new.key, new.action, new.quantity)
        order.order_ref, order.arrived_ns = new.order_ref, self.clock.now_ns
        self.orders.append(order)
        if new.fills_after_ms is not None:
            self.clock.after(new.fills_after_ms, lambda: self._fill(order, order.remaining) if order.open else None)

    def closes_live(self, key: Key, before_ns: int) -> bool:
        """Is a closing order of the kill open here that was there before?"""
        ours = (order for order in self.orders if order.key is not None and order.open)
        return any((o.account, o.contract.con_id) == key and o.arrived_ns <= before_ns for o in ours)

    def _others_order(self, key: Key, action: str, quantity: Decimal) -> Resting:
        return Resting(key[0], self.contracts[key[1]], action, quantity, next(self.perm_ids), client_id=3)

    # the link to IBKR ------------------------------------------------------------------------------------------------

    def link(self, up: bool) -> None:
        self.in_memory = None if up else self.show()
        self.link_up = up

    # judgement -------------------------------------------------------------------------------------------------------

    def surprise(self, key: Key) -> None:
        self.surprises.append((self.clock.now_ns, key))

    def _surprised(self, key: Key) -> bool:
        """Has something happened here that the kill could not know when it last placed an order?"""
        known_ns = self.known_at_place.get(key, 0)
        return any(at_ns >= known_ns and what == key for at_ns, what in self.surprises)

    @property
    def flat(self) -> bool:
        return all(q == 0 for q in self.positions.values()) and not any(o.open for o in self.orders)

    def chance(self, pct: int) -> bool:
        return self._chance(pct)

    def _chance(self, pct: int) -> bool:
        return pct > 0 and self.rng.randint(1, 100) <= pct

    def _ms(self) -> str:
        return f"{self.clock.now_ns / MS:.0f} ms"


def _key(order: Resting) -> Key:
    return (order.account, order.contract.con_id)
