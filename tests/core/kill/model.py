"""A small TWS and driver for the kill machine alone: no wire, only what the machine can see, with seeded faults.

`Model.run` plays one kill to its end in virtual time and keeps a list of `violations`: claims that were not true,
orders that must not have been sent. What the driver of `engine.broker` promises is promised here: the events of one
connection in order, the closing orders' own messages also where a read repeats them, `CloseOrphaned` when a
connection breaks, `CloseNotSent` where nothing was written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.kill.faults import SILENCE, Fate, Faults, Key, Newcomer
from core.kill.market import Clock, Market, Resting, Shown, contract
from engine.core.contracts import Contract
from engine.core.facts import AccountWorth, Details, ExecutionFact, PositionFact, PriceStep, Quote
from engine.core.kill import events as ev
from engine.core.kill.commands import (
    AskQuote,
    AskRule,
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
    ReadWorth,
    Resolve,
    Say,
    Stop,
    WakeAt,
)
from engine.core.kill.held.close_marks import by_a_kill, read_close_mark
from engine.core.kill.looks.survey import Survey
from engine.core.kill.machine import KillMachine
from engine.core.kill.report import LoginReport
from engine.core.kill.settings import MS, SECOND, KillSettings

__all__ = ["Fate", "Faults", "Key", "Model", "Resting", "contract"]

ZERO = Decimal(0)
STEPS_MAX = 300_000
READ_TIMEOUT_MS = 3000
GIVE_UP_MS = 8000  # of silence, by the driver


@dataclass(eq=False)
class Line:
    """One connection. What is said on it arrives in the order in which it was said."""

    client_id: int
    up: bool = True
    last_ns: int = 0
    held_ns: int | None = None  # it has fallen silent: nothing comes back, and what is sent arrives then


@dataclass(repr=False)
class Model:
    """Drives one `KillMachine` to its end."""

    positions: dict[Key, Decimal]
    contracts: dict[int, Contract]
    orders: list[Resting] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    settings: KillSettings = field(default_factory=KillSettings)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.clock = Clock()
        self.market = Market(self.clock, self.rng, self.faults, self.contracts, dict(self.positions), self.orders)
        self.market.said, self.market.traded, self.market.moved = self._said, self._traded, self._moved
        self.fates = list(self.faults.fates)
        self.main: Line | None = None
        self.extra: Line | None = None
        self.under_way: set[int] = set()  # closing orders that will arrive over a connection that fell silent
        self.line_of: dict[int, Line] = {}  # by the key of a closing order
        self.order_of: dict[int, Resting] = {}
        self.wake_ns: int | None = None
        self.places: list[tuple[int, Place]] = []
        self.global_cancels: list[int] = []
        self.heard: list[tuple[int, ev.Event]] = []
        self.finished_ns: int | None = None
        self.report_at_finish: LoginReport | None = None
        self.look_at_finish: Survey | None = None
        self.held_at_finish: dict[Key, Decimal] = {}
        self.doubtful_at_finish: frozenset[tuple[str, int]] = frozenset()
        self.stopped_ns: int | None = None
        self._may_close = False
        self._link_told = True
        self._begun_ns: dict[int, int] = {}  # when the survey began that a read belongs to
        self._survey_ns = 0
        self._answered: set[str] = set()
        self.known_ns = 0  # begin of the newest survey of which everything has been answered
        self.listed_ns = 0  # … and of which the open orders have been: a list shows what had arrived when it began
        self.machine = KillMachine(
            name="paper", mode="paper", host="127.0.0.1", port=7497, kill_id="t", settings=self.settings
        )

    def __repr__(self) -> str:
        held = {
            f"{a} {self.contracts[c].sec_type} {self.contracts[c].symbol} {c}": int(q)
            for (a, c), q in self.positions.items()
        }
        times = (
            f"deadline {self.settings.deadline_ns // SECOND} s, quarantine {self.settings.quarantine_ns // SECOND} s"
        )
        return f"Model({held}, {self.orders}, {self.faults!r}, seed {self.seed}, {times})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))  # hypothesis would otherwise print every field

    # time ------------------------------------------------------------------------------------------------------------

    @property
    def violations(self) -> list[str]:
        return self.market.violations

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns

    def run(self) -> LoginReport:
        self._schedule_faults()
        self.do(self.machine.start(self.now_ns))
        limit_ns = self.settings.deadline_ns + self.settings.quarantine_ns
        for _ in range(STEPS_MAX):
            if self.stopped_ns is not None:
                break
            due = [at for at in (self.clock.next_ns, self.wake_ns) if at is not None]
            assert due, "the machine sleeps without an alarm"
            self.clock.now_ns = max(self.now_ns, min(due))
            if not self.clock.run_due():
                self.wake_ns = None
                self.tell(ev.Woke())
            assert self.now_ns <= limit_ns, "the machine did not end by its deadline"
        else:
            raise AssertionError("the machine goes on without end")
        assert self.finished_ns is not None and self.finished_ns <= self.settings.deadline_ns
        return self.machine.report()

    def _schedule_faults(self) -> None:
        f, after = self.faults, self.clock.after
        match f.lock:
            case "taken":
                after(0, lambda: self.tell(ev.LockTaken()))
            case "lost":
                after(0, lambda: self.tell(ev.LockTaken()))
                after(f.lock_lost_at_ms, lambda: self.tell(ev.LockLost()))
                after(f.lock_lost_at_ms + f.lock_free_at_ms, lambda: self.tell(ev.LockTaken()))
            case "none":
                after(0, lambda: self.tell(ev.LockTaken(shared_nothing=True)))
            case "late":
                after(0, lambda: self.tell(ev.LockBusy("pid 1", f.lock_spare)))
                after(f.lock_free_at_ms, lambda: self.tell(ev.LockTaken()))
            case _:
                after(0, lambda: self.tell(ev.LockBusy("pid 1", f.lock_spare)))
        for at in f.disconnect_at_ms:
            after(at, lambda: self._hang_up(self.main))
        if f.stall_ms is not None:
            stall_ms, hold_ms = f.stall_ms
            after(stall_ms, lambda: self._stall(hold_ms))
        if f.extra_lost_at_ms is not None:
            after(f.extra_lost_at_ms, lambda: self._hang_up(self.extra))
        for down, up in f.link_down_ms:
            after(down, lambda: self._link(False))
            after(up, lambda: self._link(True))
        for at in f.presses_ms:
            after(at, lambda: self.tell(ev.PressedAgain()))
        for trade in f.trades:
            after(trade.at_ms, lambda t=trade: self.market.trade(t))
        for new in f.newcomers:
            after(new.at_ms, lambda n=new: self._newcomer(n))

    def _newcomer(self, new: Newcomer) -> None:
        lost_ns = self.faults.lock_lost_at_ms * MS
        if self.faults.lock == "lost" and by_a_kill(new.order_ref) and self.market.closes_live(new.key, lost_ns):
            return  # whoever takes the lock sends nothing beside a closing order that the broker shows
        self.market.arrive(new, after_the_result=self.finished_ns is not None)

    # events to the machine -------------------------------------------------------------------------------------------

    def tell(self, event: ev.Event, *, another_follows: bool = False) -> None:
        """An event reaches the machine now. `another_follows`: in the same breath, as the driver tells it."""
        match event:
            case ev.LockTaken():
                self._may_close = True
            case ev.LockLost():
                self._may_close = False
            case ev.BrokerLink(up):
                self._link_told = up
            case ev.OrdersRead(read_id) | ev.PositionsRead(read_id) | ev.ExecutionsRead(read_id):
                self._heard_read(type(event).__name__, read_id)
        self.heard.append((self.now_ns, event))
        more = self.clock.next_ns == self.now_ns and self.market.chance(self.faults.batched_pct)
        more = more or another_follows
        self.do(self.machine.handle(event, self.now_ns, more=more))

    def _heard_read(self, kind: str, read_id: int) -> None:
        if self._begun_ns.get(read_id) == self._survey_ns:
            self._answered.add(kind)
            if kind == "OrdersRead":
                self.listed_ns = self._survey_ns
            if self.faults.executions_unread and len(self._answered) == 2:
                self.known_ns = self._survey_ns - self.faults.position_lag_ms * MS  # nothing else tells of a trade
            elif len(self._answered) == 3:
                self.known_ns = self._survey_ns - self.faults.execution_lag_ms * MS

    def say(self, line: Line | None, event: ev.Event, ms: int | None = None, *, in_order: bool = True) -> None:
        """An event on its way over a connection; lost when that breaks."""
        if line is None or not line.up or line.held_ns is not None:
            return
        delay = self.rng.randint(*self.faults.latency_ms) if ms is None else ms
        at_ns = self.now_ns + delay * MS
        if in_order:
            at_ns = line.last_ns = max(at_ns, line.last_ns)
        self.clock.at(at_ns, lambda: self.tell(event) if line.up and line.held_ns is None else None)

    def _owner(self, order: Resting) -> Line | None:
        """The living connection that TWS tells about this order."""
        lines = [line for line in (self.main, self.extra) if line is not None and line.up]
        return next((line for line in lines if line.client_id == order.client_id), None)

    def _say_of(self, order: Resting, event: ev.Event, ms: int | None = None) -> None:
        """A word about a closing order: it may be lost, late, repeated."""
        f, chance = self.faults, self.market.chance
        if not self.market.link_up:
            return
        if not chance(f.lost_words_pct):
            late = self.rng.randint(0, 400) if f.reordered else ms
            self.say(self._owner(order), event, late, in_order=not f.reordered)
        if chance(f.repeated_words_pct):
            self.say(self._owner(order), event, self.rng.randint(1, 500), in_order=False)

    def _said(self, order: Resting) -> None:
        if order.key is None:
            return
        self._say_of(order, ev.CloseStatus(order.key, order.status, order.filled, order.perm_id))
        if self.market.chance(self.faults.stray_words_pct) and not order.open:
            stray: ev.Event = self.rng.choice(
                (
                    ev.CloseStatus(order.key, "Submitted", ZERO, order.perm_id),
                    ev.CloseStatus(order.key, "Inactive", None, order.perm_id),
                    ev.CloseError(order.key, 201 if order.status == "Filled" else 161, "stray"),
                    ev.CloseError(order.key, 202, "Order Canceled - reason:"),
                    ev.CloseError(order.key, 10148, "cannot be cancelled, state: Filled"),
                )
            )
            self.say(self._owner(order), stray, self.rng.randint(1, 2000), in_order=False)

    def _traded(self, order: Resting, execution: ExecutionFact) -> None:
        assert order.key is not None
        self.clock.after(
            self.faults.execution_lag_ms, lambda: self._say_of(order, ev.CloseFill(order.key or 0, execution))
        )
        if self.market.chance(self.faults.corrected_pct):
            corrected = ExecutionFact(
                exec_id=execution.identity + ".02",
                account=execution.account,
                con_id=execution.con_id,
                quantity=execution.quantity,
                price=execution.price + 1,
                perm_id=execution.perm_id,
                client_id=execution.client_id,
                order_id=execution.order_id,
                order_ref=execution.order_ref,
            )
            self.clock.after(self.rng.randint(1, 1000), lambda: self._correct(order, execution, corrected))

    def _correct(self, order: Resting, old: ExecutionFact, new: ExecutionFact) -> None:
        executions = self.market.executions
        executions[executions.index(old)] = new
        self._say_of(order, ev.CloseFill(order.key or 0, new))

    def _moved(self, position: PositionFact) -> None:
        self.say(self.main, ev.PositionChanged(position))

    # connections -----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self.now_ns < self.faults.refuse_until_ms * MS:
            self.tell(ev.Disconnected(ev.Trouble.REFUSED, "nothing listens on 127.0.0.1:7497"))
            return
        held = any(line.held_ns is not None for line in self.line_of.values())
        self.main = Line(9002 if held else 9000)
        if self.faults.extra_line and self.extra is None:
            self.extra = Line(9001)
        self._link_told = True
        self.tell(ev.Connected(("DU1",), self.main.client_id))
        if not self.market.link_up:
            self.tell(ev.BrokerLink(False, 1100))

    def _hang_up(self, line: Line | None) -> None:
        if line is None or not line.up or line.held_ns is not None:
            return
        line.up = False
        if line is self.main:
            self.tell(ev.Disconnected(ev.Trouble.CLOSED, "TWS closed the connection"))
        for key in self._carried_by(line):
            self.tell(ev.CloseOrphaned(key))

    def _stall(self, hold_ms: int) -> None:
        """The driver gives the connection up after a while; TWS does when it has read what was sent on it."""
        line = self.main
        if line is None or not line.up:
            return
        line.held_ns = self.now_ns + hold_ms * MS
        self.clock.after(GIVE_UP_MS, lambda: self._give_up(line))
        self.clock.after(max(hold_ms, GIVE_UP_MS) + 50, lambda: self._end_carrier(line))

    def _give_up(self, line: Line) -> None:
        line.up = False
        for key in self._carried_by(line):
            self.tell(ev.CloseOrphaned(key, may_arrive=True), another_follows=line is self.main)
        if line is self.main:
            self.tell(ev.Disconnected(ev.Trouble.SILENT, "TWS has sent nothing"))

    def _end_carrier(self, line: Line) -> None:
        """The driver is let in under the old client id, when it asks next."""
        line.held_ns = None
        self.clock.after(self.rng.randint(0, 1000), lambda: self._tell_carrier_ended(line))

    def _tell_carrier_ended(self, line: Line) -> None:
        for key in self._carried_by(line):
            self.tell(ev.CarrierEnded(key))

    def _carried_by(self, line: Line) -> list[int]:
        return [key for key, carrier in self.line_of.items() if carrier is line]

    def _link(self, up: bool) -> None:
        self.market.link(up)
        self.say(self.main, ev.BrokerLink(up, 1102 if up else 1100))

    # commands --------------------------------------------------------------------------------------------------------

    def do(self, commands: list[Command]) -> None:
        for command in commands:
            assert self.stopped_ns is None, f"{command} after Stop"
            self.do_one(command)

    def do_one(self, command: Command) -> None:
        match command:
            case WakeAt(at_ns):
                assert at_ns >= self.now_ns
                self.wake_ns = at_ns
            case Connect():
                self.clock.after(5, self._connect)
            case GlobalCancel():
                self.global_cancels.append(self.now_ns)
                self._send(self.main, self.market.global_cancel)
            case Place():
                self.places.append((self.now_ns, command))
                self._check_place(command)
                self._place(command)
            case CancelClose(key):
                line = self.line_of.get(key)
                if line is not None and not line.up and line.client_id == 9000:
                    line = self.main
                self._send(line, lambda: self._cancel_close(key))
            case Finish():
                assert self.finished_ns is None, "finished twice"
                self.finished_ns = self.now_ns
                self.report_at_finish, self.held_at_finish = self.machine.report(), dict(self.market.positions)
                ledger, self.look_at_finish = self.machine._ledger, self.machine._looking.last
                self.doubtful_at_finish = frozenset(key for key in ledger.seen() if ledger.doubtful(key))
                self._check_claim()
            case Stop():
                self.stopped_ns = self.now_ns
                self._check_claim()
            case Say():
                pass
            case _:
                self._look_up(command)

    def _send(self, line: Line | None, arrive: object) -> None:
        """Bytes on their way to TWS."""
        assert callable(arrive)
        if line is not None and line.held_ns is not None:
            self.clock.at(line.held_ns, lambda: arrive() if self.market.link_up else None)
        elif line is not None and line.up:
            self.clock.after(1, lambda: arrive() if line.up and self.market.link_up else None)

    def _look_up(self, command: Command) -> None:
        f = self.faults
        if isinstance(command, ReadOrders):
            self._survey_ns = self.now_ns
            self._answered = set()
        lost = self.now_ns < f.lost_reads_until_ms * MS and self.market.chance(f.lost_reads_pct)
        match command:
            case (
                ReadOrders(read_id)
                | ReadPositions(read_id)
                | ReadExecutions(read_id)
                | ReadCompleted(read_id)
                | ReadWorth(read_id)
            ):
                self._begun_ns[read_id] = self._survey_ns
                unread = {ReadExecutions: f.executions_unread, ReadCompleted: f.completed_unread}
                if lost or unread.get(type(command), False):
                    failed = ev.ReadFailed(read_id, f"no answer within {READ_TIMEOUT_MS} ms")
                    self.say(self.main, failed, READ_TIMEOUT_MS, in_order=False)
                else:
                    self._send_read(command, read_id)
            case Resolve(c) if f.unresolved:
                self.say(self.main, ev.Unresolved(c.con_id, "no answer"), 4000, in_order=False)
            case Resolve(c):
                exchange = c.exchange or ("SMART" if c.sec_type == "OPT" else "CME")
                full = Contract(con_id=c.con_id, symbol=c.symbol, sec_type=c.sec_type, exchange=exchange)
                self.say(self.main, ev.Resolved(c.con_id, self._details(full)))
            case AskRule(rule_id):
                self.say(self.main, ev.RuleHeard(rule_id, (PriceStep(ZERO, Decimal("0.5")),)))
            case AskQuote(c):
                bid = None if c.con_id in f.no_bid else Decimal(10)
                self.say(self.main, ev.Quoted(c.con_id, Quote(bid, Decimal(11), f.quote_kind)))
            case _:
                raise AssertionError(f"unknown command {command}")

    @staticmethod
    def _details(contract: Contract) -> Details:
        venues = (contract.exchange, "SMART")
        return Details(
            contract=contract, min_tick=Decimal("0.25"), valid_exchanges=venues, market_rule_ids=(contract.con_id, 99)
        )

    def _send_read(self, command: Command, read_id: int) -> None:
        line = self.main

        def answer() -> None:
            shown = self.market.show()
            match command:
                case ReadOrders():
                    self._repeat_words(shown, line)
                    self.say(line, ev.OrdersRead(read_id, shown.orders))
                case ReadPositions():
                    self.say(line, ev.PositionsRead(read_id, shown.positions))
                case ReadCompleted():
                    self.say(line, ev.CompletedRead(read_id, (), shown.ended))
                case ReadWorth():
                    worth = sum((abs(held) for held in self.market.positions.values()), ZERO)
                    values = {"NetLiquidation": Decimal(100), "GrossPositionValue": worth, "MaintMarginReq": worth}
                    self.say(line, ev.WorthRead(read_id, (AccountWorth("DU1", values),)))
                case _:
                    for execution in shown.executions:
                        key = _close_key(execution.order_ref)
                        if key is not None:
                            self.say(line, ev.CloseFill(key, execution), 0)
                    self.say(line, ev.ExecutionsRead(read_id, shown.executions))

        if line is not None and line.up:
            apart_ms = self.rng.randint(0, self.faults.lists_apart_ms)
            self.clock.after(1 + apart_ms, lambda: answer() if line.up else None)

    def _repeat_words(self, shown: Shown, line: Line | None) -> None:
        """A list of open orders also says how each of them stands."""
        for order in shown.orders:
            key = _close_key(order.order_ref)
            if key is not None:
                self.say(line, ev.CloseStatus(key, order.status, None, order.perm_id))
                self.say(line, ev.CloseStatus(key, order.status, order.filled, order.perm_id), 0)

    # closing orders --------------------------------------------------------------------------------------------------

    def _place(self, place: Place) -> None:
        line = self.line_of.get(place.key)
        first = line is None
        if line is None:
            extra = self.extra if self.extra is not None and self.extra.up else None
            line = extra if extra is not None and self.rng.randint(0, 1) else self.main
            assert line is not None
        if not line.up or self.market.chance(self.faults.unsent_pct):
            self.clock.after(self.rng.randint(0, 5), lambda: self.tell(ev.CloseNotSent(place.key, "not written")))
            return
        if first:
            self.line_of[place.key] = line
        self.clock.after(0, lambda: self.tell(ev.CloseSent(place.key)))
        self.clock.after(1, lambda: self._on_the_wire(place, line))

    def _on_the_wire(self, place: Place, line: Line) -> None:
        f = self.faults
        if line.held_ns is not None:
            self.under_way.add(place.key)
            self.clock.at(max(line.held_ns, self.now_ns), lambda: self._arrive(place, line))
            return
        if not line.up and f.surfaces_ms is None:
            return  # lost with its connection
        if not line.up and f.surfaces_ms is not None:
            self.clock.after(f.surfaces_ms, lambda: self._arrive(place, line))
        elif not self.market.link_up:
            if f.resubmits_ms is not None:
                self._resubmit_later(place, line, f.resubmits_ms)
        else:
            self._arrive(place, line)

    def _resubmit_later(self, place: Place, line: Line, after_ms: int) -> None:
        """TWS keeps what it cannot pass on, and sends it when its link is back."""
        if self.market.link_up:
            self.clock.after(after_ms, lambda: self._arrive(place, line))
        else:
            self.clock.after(10, lambda: self._resubmit_later(place, line, after_ms))

    def _arrive(self, place: Place, line: Line) -> None:
        self.under_way.discard(place.key)
        known = self.order_of.get(place.key)
        if known is not None:
            if known.open:
                known.quantity = place.quantity  # the same id again modifies
                self._said(known)
            else:
                self.say(line, ev.CloseError(place.key, 103, "Duplicate order id"))
            return
        fate = self.fates.pop(0) if self.fates else None
        if fate is SILENCE:
            return
        if fate is not None:
            for n in range(fate.repeats):
                error = ev.CloseError(place.key, fate.code, fate.text)
                self.say(line, error, fate.after_ms * (n + 1), in_order=False)
            if not fate.lives:
                return
        order = self.order_of[place.key] = self.market.accept(place, line.client_id)
        if place.contract.con_id in self.faults.queued and place.order_type is OrderType.MARKET:
            order.status = "PreSubmitted"
            self.say(line, ev.CloseError(place.key, 399, "Your order will not be placed at the exchange until 09:30"))
            return
        self.clock.after(self.rng.randint(*self.faults.acknowledge_ms), lambda: self._said(order))
        self.market.work(order)

    def _cancel_close(self, key: int) -> None:
        order = self.order_of.get(key)
        line = self.line_of[key] if self.line_of[key].up else self.main
        if order is None:
            self.say(line, ev.CloseError(key, 10147, "OrderId that needs to be cancelled is not found"))
        elif order.open:
            self.market.cancel(order)
            self.say(line, ev.CloseError(key, 202, "Order Canceled - reason:"))
        else:
            self.say(line, ev.CloseError(key, 10148, "cannot be cancelled, state: Filled"))

    # judgement -------------------------------------------------------------------------------------------------------

    def _check_place(self, place: Place) -> None:
        main = self.main
        wrong = {
            "without the right to close": not self._may_close,
            "while disconnected": main is None or not main.up,
            "while TWS's link is down": not self._link_told,
            "without account, conId or exchange": not (
                place.account and place.contract.con_id > 0 and place.contract.exchange
            ),
            "with no positive quantity": place.quantity <= 0,
            "with a fraction": place.contract.sec_type not in ("CASH", "CRYPTO") and place.quantity % 1 != 0,
            "with a price that does not fit its type": (place.limit_price is None)
            != (place.order_type is OrderType.MARKET),
            "without a mark": read_close_mark(place.order_ref) is None,
            "for more than its mark names": place.quantity > _held_by_mark(place.order_ref),
        }
        self.violations.extend(f"{self.now_ns / MS:.0f} ms: Place {what}: {place}" for what in wrong if wrong[what])
        if place.key not in self.line_of:
            self.market.known_at_place[(place.account, place.contract.con_id)] = self.known_ns

    def _check_claim(self) -> None:
        """FLAT must be true, but for positions that nobody could know of at the last look, and orders that arrived
        after it."""
        if not self.machine.report().flat:
            return
        news = {key for at_ns, key in self.market.surprises if at_ns >= self.known_ns}
        held = {key: q for key, q in self.market.positions.items() if q != 0 and key not in news}
        still = [o for o in self.market.orders if o.open and not self._is_news(o)]
        if held or still:
            self.violations.append(f"{self.now_ns / MS:.0f} ms: claimed flat with {held} and {still}")
        if self.under_way:
            self.violations.append(f"{self.now_ns / MS:.0f} ms: claimed flat with orders under way: {self.under_way}")

    def _is_news(self, order: Resting) -> bool:
        """It arrived behind the last list; while TWS has lost IBKR, lists are of before."""
        return order.key is None and order.arrived_ns >= self.listed_ns


def _held_by_mark(order_ref: str) -> Decimal:
    mark = read_close_mark(order_ref)
    return Decimal(0) if mark is None or mark.held is None else mark.held


def _close_key(order_ref: str) -> int | None:
    """The key of one of this kill's closing orders, by its orderRef."""
    mark = read_close_mark(order_ref)
    return mark.number if mark is not None and mark.kill_id == "t" else None


DEADLINE_LONG_NS = 120 * SECOND
