"""The ends of contracts: expiry, exercise and assignment, where positions change without an order.

Knows which contracts have their end on the agenda and what clients have asked for. Never exercises more than is held.
"""

from __future__ import annotations

from decimal import Decimal

from engine.simulator.exchange import exercise
from engine.simulator.exchange.agenda import Agenda, Due
from engine.simulator.exchange.book import OrderBook
from engine.simulator.exchange.clearing import Clearing
from engine.simulator.exchange.events import Event, PositionChanged
from engine.simulator.exchange.exercise import Instruction
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.states import OrderStates
from engine.simulator.exchange.tape import Tape

ZERO = Decimal(0)


class Endings:
    """What happens to positions and orders when their contract, or its session, ends."""

    def __init__(
        self,
        *,
        tape: Tape,
        agenda: Agenda,
        markets: Markets,
        book: OrderBook,
        clearing: Clearing,
        states: OrderStates,
    ) -> None:
        self._tape, self._agenda = tape, agenda
        self._markets, self._book, self._clearing, self._states = markets, book, clearing, states
        self._ending: set[int] = set()  # contracts whose end is on the agenda
        self._instructions: dict[int, list[Instruction]] = {}  # contract id -> what to do with long options

    # ---- the agenda

    def watch(self, instrument: Instrument) -> None:
        """A position or an order in this contract exists: see to it when the contract ends."""
        if instrument.expiry_ns is not None and instrument.con_id not in self._ending:
            self._ending.add(instrument.con_id)
            self._agenda.add(max(instrument.expiry_ns, self._tape.now_ns), Due.EXPIRE_CONTRACT, instrument.con_id)

    def is_idle(self, due: Due, con_id: int) -> bool:
        """Is there nothing left that this item of the agenda would touch?"""
        if due is Due.EXERCISE:
            return con_id not in self._instructions
        return not self._clearing.holds(con_id) and not self._book.has_open(con_id)

    def dropped(self, due: Due, con_id: int) -> None:
        """An idle item has left the agenda."""
        if due is Due.EXPIRE_CONTRACT:
            self._ending.discard(con_id)

    # ---- what is due

    def expire(self, con_id: int) -> None:
        """The contract ends: its orders are cancelled, its positions settled."""
        self._ending.discard(con_id)
        for order in self._book.open():
            if order.instrument.con_id == con_id:
                self._states.end(order, "Contract expired")
        lapsed: dict[str, Decimal] = {}
        for asked in self._instructions.pop(con_id, ()):
            lapsed[asked.account] = lapsed.get(asked.account, ZERO) + asked.quantity
        self._note(self._clearing.expire(con_id, self._tape.now_ns, lapsed))

    def exercise(self, con_id: int) -> None:
        """Do what was asked, with what is still there: sold options cannot be exercised."""
        option = self._markets.instrument(con_id)
        standing = self._instructions.pop(con_id, [])
        lapsing = [asked for asked in standing if asked.lapse]
        if lapsing:
            self._instructions[con_id] = lapsing
        for asked in standing:
            quantity = min(asked.quantity, self._clearing.ledgers[asked.account].held(con_id))
            if not asked.lapse and quantity > 0:
                self.deliver(asked.account, option, self._markets.instrument(option.under_con_id), quantity)

    # ---- what is asked

    def instructed(self, account: str, con_id: int) -> Decimal:
        """How many of an account's options are spoken for."""
        standing = self._instructions.get(con_id, ())
        return sum((asked.quantity for asked in standing if asked.account == account), ZERO)

    def instruct(self, asked: Instruction, option: Instrument) -> None:
        """Exercise at the end of the session; let lapse at the end of the option."""
        self._instructions.setdefault(option.con_id, []).append(asked)
        if not asked.lapse:
            ends_ns = self._markets.session_end_ns(option, self._tape.now_ns, liquid=False)
            self._agenda.add(ends_ns, Due.EXERCISE, option.con_id)

    def deliver(self, account: str, option: Instrument, underlying: Instrument, quantity: Decimal) -> None:
        """A signed quantity of options becomes its underlying: long ones exercised, short ones assigned."""
        self._note(self._clearing.move(account, exercise.deliver(option, underlying, quantity), self._tape.now_ns))

    def _note(self, events: list[Event]) -> None:
        """Positions came without an order: tell it, and see to their end."""
        for event in events:
            if isinstance(event, PositionChanged) and event.quantity:
                self.watch(self._markets.instrument(event.con_id))
        self._tape.add(*events)
