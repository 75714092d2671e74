"""The trading floor: what becomes of an accepted order, from acknowledgement to its last fill.

The floor lets the time pass and works off the agenda. It never refuses a new order (that is the exchange's front
desk) and never fills beyond an order's quantity, through its limit, after its end, or while its market is closed.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import msgspec

from engine.simulator.exchange import checks, conditions, matching, refusals
from engine.simulator.exchange.agenda import Agenda, Due
from engine.simulator.exchange.book import LiveOrder, OrderBook
from engine.simulator.exchange.clearing import Clearing
from engine.simulator.exchange.endings import Endings
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.orders import NewOrder, OrderType, Status, Tif
from engine.simulator.exchange.settings import Behaviour
from engine.simulator.exchange.states import OrderStates
from engine.simulator.exchange.tape import Tape
from engine.simulator.exchange.watch import Watch

ZERO = Decimal(0)
_STOPS = (OrderType.STP, OrderType.STP_LMT, OrderType.TRAIL)


class Floor:
    """Orders at work."""

    def __init__(
        self,
        *,
        tape: Tape,
        agenda: Agenda,
        markets: Markets,
        book: OrderBook,
        clearing: Clearing,
        states: OrderStates,
        endings: Endings,
        behaviour: Behaviour,
        watch: Watch,
    ) -> None:
        self.behaviour = behaviour
        self._tape, self._agenda = tape, agenda
        self._markets, self._book, self._clearing = markets, book, clearing
        self._states, self._endings, self._watch = states, endings, watch

    # ---- time

    @property
    def now_ns(self) -> int:
        return self._tape.now_ns

    def next_event_ns(self) -> int | None:
        while (item := self._agenda.first()) is not None:
            at_ns, due, key = item
            if not self._is_stale(at_ns, Due(due), key):
                return at_ns
            self._agenda.pop()
            self._endings.dropped(Due(due), key)
        return None

    def advance(self, to_ns: int) -> None:
        """Let everything happen that is due until then, that instant included."""
        if to_ns < self.now_ns:
            raise ValueError(f"time cannot go back from {self.now_ns} to {to_ns}")
        while (at_ns := self.next_event_ns()) is not None and at_ns <= to_ns:
            self._tape.now_ns = at_ns
            _, due, key = self._agenda.pop()
            self._happen(Due(due), key)
        self._tape.now_ns = to_ns

    def _is_stale(self, at_ns: int, due: Due, key: int) -> bool:
        if due in (Due.EXERCISE, Due.EXPIRE_CONTRACT):
            return self._endings.is_idle(due, key)
        order = self._book.get(key)
        if order is None or not order.is_open:
            return True
        if due is Due.EXPIRE_ORDER:
            return order.expires_ns != at_ns
        return due is Due.LOOK and order.wake_ns != at_ns

    def _happen(self, due: Due, key: int) -> None:
        if due is Due.EXPIRE_CONTRACT:
            self._endings.expire(key)
            return
        if due is Due.EXERCISE:
            self._endings.exercise(key)
            return
        order = self._book.get(key)
        if order is None:
            return
        match due:
            case Due.ACKNOWLEDGE:
                self._acknowledge(order)
            case Due.CHANGE:
                self._take_change(order)
            case Due.CANCEL | Due.EXPIRE_ORDER:
                self._states.end(order)
            case Due.LOOK:
                self._look(order)

    # ---- an order's life

    def accept(self, request: NewOrder, instrument: Instrument) -> LiveOrder:
        """Take a new order in. What it is part of (parent, siblings) is transmitted with it."""
        order = self._book.add(request, instrument, self.now_ns)
        for contract in (instrument, *(leg.instrument for leg in instrument.legs)):
            self._endings.watch(contract)
        if not request.transmit:
            order.status = Status.INACTIVE
            self._states.tell_order(order)
            return order
        if order.parent is not None:
            self._transmit_family(order.parent)
        self.transmit(order)
        return order

    def transmit(self, order: LiveOrder) -> None:
        """Send an order to IBKR."""
        order.transmitted = True
        latency_ns = self.behaviour.ack_latency_ns
        order.status = Status.PENDING_SUBMIT if latency_ns else Status.PRE_SUBMITTED
        order.why_held = "child" if order.is_child_held else ""
        self._states.tell_order(order)
        if latency_ns:
            self._agenda.add(self.now_ns + latency_ns, Due.ACKNOWLEDGE, order.perm_id)
        else:
            self._acknowledge(order)

    def look_again(self, con_id: int) -> None:
        """The market of a contract changed by a hand: look at every order that may depend on it."""
        moved = self._markets.moved_with(con_id)
        for order in self._book.open():
            looks_at = conditions.watched(order.request.conditions) if order.is_watching else set()
            for part in order.instrument.parts:
                looks_at |= {part.instrument.con_id, part.instrument.under_con_id}
            if not moved.isdisjoint(looks_at) or self._depends_on(looks_at, moved):
                self._look(order)

    def _depends_on(self, looked_at: set[int], moved: set[int]) -> bool:
        """Is one of these an option on what moved?"""
        return any(self._markets.underlying_of(con_id) in moved for con_id in looked_at if con_id)

    def ask_cancel(self, order: LiveOrder) -> None:
        """A cancel was received; it takes effect after the latency, and until then the order may fill."""
        if order.transmitted and self.behaviour.cancel_latency_ns:
            self._states.set(order, Status.PENDING_CANCEL)
            self._agenda.add(self.now_ns + self.behaviour.cancel_latency_ns, Due.CANCEL, order.perm_id)
            return
        if order.transmitted:
            self._states.tell_status(order)  # TWS repeats the state first
        self._states.end(order)

    def ask_change(self, order: LiveOrder, request: NewOrder) -> None:
        order.pending_change = request
        if order.transmitted and self.behaviour.modify_latency_ns:
            self._agenda.add(self.now_ns + self.behaviour.modify_latency_ns, Due.CHANGE, order.perm_id)
        else:
            self._take_change(order)

    def _transmit_family(self, parent: LiveOrder) -> None:
        for relative in (parent, *self._book.children(parent)):
            if relative.is_open and not relative.transmitted:
                self.transmit(relative)

    def _acknowledge(self, order: LiveOrder) -> None:
        order.is_acknowledged = True
        if order.is_child_held:
            self._states.set(order, Status.PRE_SUBMITTED, "child", force=True)  # clients wait for a word
        else:
            self._activate(order)

    def _activate(self, order: LiveOrder) -> None:
        """The order may work from now on: its day begins, its trail starts, its notices are given."""
        request, instrument = order.request, order.instrument
        if order.is_held_back:
            self._set_expiry(order)
            self._states.set(order, Status.PRE_SUBMITTED, force=True)  # clients wait for a word
            self._look(order)
            return
        order.active_from_ns = self.now_ns + self.behaviour.fill_latency_ns
        liquid = checks.needs_liquid_hours(request, instrument, is_triggered=False)
        self._set_expiry(order)
        if checks.ignores_outside_rth(request, instrument):
            self._states.say(order, refusals.OUTSIDE_RTH_IGNORED)
        if self._markets.is_halted(instrument):
            self._states.say(order, refusals.HALTED_NOTICE)
        elif not self._markets.is_open(instrument, self.now_ns, liquid=liquid):
            opens_ns = self._markets.next_open_ns(instrument, self.now_ns, liquid=liquid)
            self._states.set(order, Status.PRE_SUBMITTED, force=True)
            self._states.say(order, matching.queued_notice(order, opens_ns))
        if request.order_type == OrderType.TRAIL:
            order.stop_price = matching.first_trail_stop(order, self._markets.last(instrument, self.now_ns))
        elif request.order_type in _STOPS:
            order.stop_price = request.aux_price
        self._look(order)

    def _set_expiry(self, order: LiveOrder) -> None:
        """A day order ends with the session it works in; a future's stop may wait through the whole of it."""
        request, instrument = order.request, order.instrument
        if request.tif == Tif.GTC:
            order.expires_ns = None
            return
        liquid = instrument.kept_hours_of is SecType.STOCK and checks.needs_liquid_hours(
            request, instrument, is_triggered=False
        )
        order.expires_ns = self._markets.session_end_ns(instrument, self.now_ns, liquid=liquid)
        self._agenda.add(order.expires_ns, Due.EXPIRE_ORDER, order.perm_id)

    def _take_change(self, order: LiveOrder) -> None:
        request, order.pending_change = order.pending_change, None
        if request is None:
            return
        if request.conditions != order.request.conditions:
            order.is_met = False
        order.request = request
        if request.quantity <= order.filled:  # less than was filled on the way: nothing is left to do
            order.request = msgspec.structs.replace(request, quantity=order.filled)
            self._states.complete(order, Status.FILLED, f"Filled Size: {order.filled:f}")
            self._states.tell_status(order)
            self._release_children(order)
            return
        order.is_resting = False
        if request.order_type == OrderType.TRAIL:
            order.stop_price = matching.first_trail_stop(order, self._markets.last(order.instrument, self.now_ns))
        elif request.order_type in _STOPS and not order.is_triggered:
            order.stop_price = request.aux_price
        self._states.tell_order(order)
        if not order.transmitted and request.transmit:
            self.transmit(order)
            return
        self._states.tell_status(order)
        if order.is_acknowledged and not order.is_child_held:
            self._set_expiry(order)
        self._look(order)

    # ---- looking for a fill

    def _look(self, order: LiveOrder) -> None:
        """Let the order do what it can now, and note when it is worth looking again."""
        if not (order.is_open and order.transmitted and order.is_acknowledged) or order.is_child_held:
            return
        if order.is_watching and self._watch.is_met(order, self.now_ns):
            order.is_met = True
            if order.request.conditions_cancel_order:
                self._states.end(order, "Condition met")
            else:
                self._activate(order)
            return
        wake_ns = None if order.is_held_back else self._work(order)
        if order.is_watching:
            wake_ns = _sooner(wake_ns, self._watch.next_look_ns(order, self.now_ns))
        order.wake_ns = wake_ns if order.is_open else None
        if order.wake_ns is not None:
            self._agenda.add(order.wake_ns, Due.LOOK, order.perm_id)

    def _work(self, order: LiveOrder) -> int | None:
        """One look. Returns when to look again; None when only a hand can change anything."""
        instrument = order.instrument
        if self._markets.is_halted(instrument):
            return None
        if self.now_ns < order.active_from_ns:
            self._rest(order)
            return order.active_from_ns
        liquid = checks.needs_liquid_hours(order.request, instrument, is_triggered=order.is_triggered)
        if not self._markets.is_open(instrument, self.now_ns, liquid=liquid):
            order.is_resting = False
            if order.status is Status.SUBMITTED:
                self._states.set(order, Status.PRE_SUBMITTED)
            return self._markets.next_open_ns(instrument, self.now_ns, liquid=liquid)
        if order.stop_price is not None and not order.is_triggered:
            matching.follow(order, self._markets.last(instrument, self.now_ns))
        short_of_liquidity = self._try_fill(order)
        if not order.is_open:
            return None
        if order.request.tif == Tif.IOC:
            self._states.end(order)
            return None
        self._rest(order)
        return self._next_look_ns(order, liquid=liquid, next_step=short_of_liquidity)

    def _try_fill(self, order: LiveOrder) -> bool:
        """Fill what can be filled. True when more could be filled as soon as there is more to take."""
        bid, ask = self._markets.touch(order.instrument, self.now_ns)
        price = matching.fill_price(order, bid, ask)
        if order.works_as is OrderType.MKT and self._markets.settings(order.instrument.con_id).idle:
            price = None
        order.is_resting = True
        if price is None:
            return False
        sign = order.request.sign
        available = self._markets.available(order.instrument, sign, self.now_ns)
        quantity = order.remaining if available is None else min(order.remaining, available)
        if quantity > 0:
            self._markets.take(order.instrument, sign, self.now_ns, quantity)
            self._fill(order, quantity, price)
        return order.is_open

    def _next_look_ns(self, order: LiveOrder, *, liquid: bool, next_step: bool) -> int | None:
        ends_ns = self._markets.session_end_ns(order.instrument, self.now_ns, liquid=liquid)
        if next_step:
            return min(ends_ns, self._markets.next_step_ns(self.now_ns))
        moves_ns = self._markets.next_change_ns(order.instrument, self.now_ns)
        return ends_ns if moves_ns is None else min(ends_ns, moves_ns)

    def _rest(self, order: LiveOrder) -> None:
        """The order is at its place: at the exchange, or held back until its stop is reached."""
        if order.status in (Status.PENDING_SUBMIT, Status.PRE_SUBMITTED):
            waiting = order.stop_price is not None and not order.is_triggered
            self._states.set(order, Status.PRE_SUBMITTED if waiting else Status.SUBMITTED, "trigger" if waiting else "")

    def _fill(self, order: LiveOrder, quantity: Decimal, price: Decimal) -> None:
        wanted = order.remaining
        order.filled += quantity
        order.value += quantity * price
        order.last_fill_price = price
        order.why_held = ""
        if not order.remaining:
            self._states.complete(order, Status.FILLED, f"Filled Size: {order.filled:f}")
        elif order.status is Status.PRE_SUBMITTED:
            order.status = Status.SUBMITTED
        self._tape.add(*self._clearing.book_fill(order, quantity, price, self.now_ns))
        self._reduce_rivals(order, wanted)
        self._wake_watchers()
        if not order.is_open:
            self._release_children(order)

    def _wake_watchers(self) -> None:
        """Something traded: orders that wait for that are looked at next, at this same instant."""
        for order in self._book.open():
            if order.is_watching and any(isinstance(c.fact, conditions.Traded) for c in order.request.conditions):
                order.wake_ns = self.now_ns
                self._agenda.add(self.now_ns, Due.LOOK, order.perm_id)

    def _release_children(self, order: LiveOrder) -> None:
        """The parent is filled: its children may work."""
        for child in self._book.children(order):
            if child.is_open and child.transmitted and child.is_acknowledged:
                child.why_held = ""
                self._activate(child)

    def _reduce_rivals(self, order: LiveOrder, wanted: Decimal) -> None:
        """One cancels the others (type 1), or takes its share of what it wanted out of them (2 and 3)."""
        for rival in list(self._book.rivals(order)):
            left = ZERO
            if order.request.oca_type != 1:
                left = (rival.remaining * order.remaining / wanted).to_integral_value(ROUND_FLOOR)
            if left <= 0:
                self._states.end(rival, "OCA")
            elif left != rival.remaining:
                rival.request = msgspec.structs.replace(rival.request, quantity=rival.filled + left)
                self._states.tell_status(rival)


def _sooner(one_ns: int | None, other_ns: int | None) -> int | None:
    return min((at_ns for at_ns in (one_ns, other_ns) if at_ns is not None), default=None)
