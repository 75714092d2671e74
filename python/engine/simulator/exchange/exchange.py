"""The front desk of the simulated broker: commands in, events out, and questions answered from the books.

Each command first lets the time pass up to its own, then acts. Whether a new order may come in is said by `admission`
and `power`; what becomes of an accepted one is the floor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from engine.core.contracts import Contract
from engine.simulator.exchange import exercise, greeks, refusals, routing
from engine.simulator.exchange.bars import DAY_S, Asked, Bar, Show, Span
from engine.simulator.exchange.book import LiveOrder
from engine.simulator.exchange.calendars import NS_PER_S
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.events import Commission, Event, Rejected
from engine.simulator.exchange.exercise import Instruction
from engine.simulator.exchange.greeks import Greeks
from engine.simulator.exchange.hooks import Hooks
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.market import Quote
from engine.simulator.exchange.orders import Execution, Movement, NewOrder, OrderView, Status
from engine.simulator.exchange.parts import assemble
from engine.simulator.exchange.refusals import Refusal
from engine.simulator.exchange.routing import Details
from engine.simulator.exchange.settings import AccountSpec, Behaviour
from engine.simulator.exchange.ticks import Tick
from engine.simulator.exchange.valuation import AccountValues, PositionView


class Exchange(Hooks):
    """IBKR's back end for one login, and the markets behind it.

    Deterministic: the same seed, start and commands give the same events, to the byte.
    """

    def __init__(
        self,
        *,
        seed: int,
        start_ns: int,
        accounts: Sequence[AccountSpec],
        catalogue: Catalogue | None = None,
        behaviour: Behaviour | None = None,
    ) -> None:
        if not accounts:
            raise ValueError("a login needs at least one account")
        behaviour = behaviour or Behaviour()
        if catalogue is None:
            catalogue = Catalogue.standard(datetime.fromtimestamp(start_ns // NS_PER_S, UTC).date())
        super().__init__(
            assemble(seed=seed, start_ns=start_ns, accounts=accounts, catalogue=catalogue, behaviour=behaviour)
        )

    # ---- time and settings

    @property
    def behaviour(self) -> Behaviour:
        return self._floor.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._floor.behaviour = behaviour
        self._markets.depth = behaviour.depth

    def next_event_ns(self) -> int | None:
        """When something may happen next; None: nothing will until a command comes."""
        return self._floor.next_event_ns()

    def advance(self, to_ns: int) -> list[Event]:
        """Let the time pass: prices move, orders fill and expire, latencies end."""
        self._floor.advance(to_ns)
        return self._tape.take()

    # ---- commands

    def place(self, now_ns: int, order: NewOrder) -> list[Event]:
        """A new order; or, with client and order id of a known one, a modification of that."""
        self._floor.advance(now_ns)
        order = self._parts.admission.sized(order, now_ns)
        if self._book.find(order.client_id, order.order_id) is not None:
            self._modify(order)
        else:
            self._place_new(order)
        return self._tape.take()

    def modify(self, now_ns: int, order: NewOrder) -> list[Event]:
        """Change a live order (found by client and order id)."""
        self._floor.advance(now_ns)
        self._modify(order)
        return self._tape.take()

    def cancel(self, now_ns: int, perm_id: int) -> list[Event]:
        """Cancel one order. Refused with 161 when it is done, or when its cancel is already on its way."""
        self._floor.advance(now_ns)
        order = self._order(perm_id)
        if order.is_open and order.status is not Status.PENDING_CANCEL:
            self._floor.ask_cancel(order)
        else:
            self._refuse(order.request, refusals.not_cancellable(perm_id), order)
        return self._tape.take()

    def cancel_all(self, now_ns: int) -> list[Event]:
        """Global cancel: every open order of the login, TWS's own included. Skips what is already pending."""
        self._floor.advance(now_ns)
        for order in self._book.open():
            pending = order.status is Status.PENDING_CANCEL or order.pending_change is not None
            reachable = order.transmitted or self.behaviour.cancel_untransmitted
            if order.is_open and reachable and not pending:
                self._floor.ask_cancel(order)
        return self._tape.take()

    def transmit(self, now_ns: int, perm_id: int) -> list[Event]:
        """A hand presses Transmit in TWS."""
        self._floor.advance(now_ns)
        order = self._order(perm_id)
        if order.is_open and not order.transmitted:
            self._floor.transmit(order)
        return self._tape.take()

    def exercise(self, now_ns: int, asked: Instruction) -> list[Event]:
        """A client wants its long options exercised, or left to lapse."""
        self._floor.advance(now_ns)
        option = self.catalogue.get(asked.con_id)
        refusal: Refusal | None
        if option is None or not option.is_option:
            refusal = refusals.EXERCISE_NOT_OPTION
        else:
            refusal = exercise.refused(
                asked,
                option,
                held=self.held(asked.account, asked.con_id),
                instructed=self._endings.instructed(asked.account, asked.con_id),
                underlying_price=self._markets.last(self.catalogue[option.under_con_id], now_ns),
                now_ns=now_ns,
            )
            if refusal is None:
                self._endings.instruct(asked, option)
        if refusal is not None:
            self._tape.add(Rejected(self.now_ns, asked.client_id, asked.req_id, refusal.code, refusal.text))
        return self._tape.take()

    def forget_order_ids(self, client_id: int | None = None) -> None:
        """TWS restarted: order ids of orders that are done may be used again (by one client, or by all)."""
        self._book.forget_ids(client_id)

    # ---- questions, answered as of the last command

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self._clearing.ledgers)

    def open_orders(self, *, include_untransmitted: bool = False) -> list[OrderView]:
        return [order.view() for order in self._book.open() if order.transmitted or include_untransmitted]

    def completed_orders(self) -> list[OrderView]:
        return [order.view() for order in self._book.done()]

    def order(self, perm_id: int) -> OrderView:
        return self._order(perm_id).view()

    def find_order(self, client_id: int, order_id: int) -> OrderView | None:
        found = self._book.find(client_id, order_id)
        return found.view() if found is not None else None

    def executions(self, since_ns: int = 0) -> list[tuple[Execution, Commission]]:
        return [pair for pair in self._clearing.executions if pair[0].at_ns >= since_ns]

    def movements(self) -> list[Movement]:
        """Every change of a position since the start, in the order of the books: executions and what needs none."""
        return list(self._clearing.movements)

    def positions(self, account: str | None = None) -> list[PositionView]:
        """Positions that are not flat."""
        self._clearing.roll(self.now_ns)
        return [
            self._parts.valuation.position(ledger.account, position, self.now_ns)
            for ledger in self._clearing.ledgers.values()
            if account in (None, ledger.account)
            for position in ledger.open_positions()
        ]

    def account_values(self, account: str) -> AccountValues:
        self._clearing.roll(self.now_ns)
        return self._parts.valuation.account(self._clearing.ledgers[account], self.now_ns)

    def quote(self, con_id: int) -> Quote:
        return self._markets.quote(self.catalogue[con_id], self.now_ns)

    def greeks(self, con_id: int) -> Greeks | None:
        """Of an option, at its underlying's last price; None for anything else."""
        option = self.catalogue[con_id]
        if not option.is_option:
            return None
        return greeks.of(option, self._markets.last(self.catalogue[option.under_con_id], self.now_ns), self.now_ns)

    def bars(self, con_id: int, asked: Asked) -> list[Bar]:
        """Historical bars up to an instant that is not in the future. Raises TooManyBars."""
        return self._parts.history.bars(
            self.catalogue[con_id], msgspec.structs.replace(asked, end_ns=min(asked.end_ns, self.now_ns))
        )

    def session_bar(self, con_id: int) -> Bar | None:
        """The session that is going on, or the last one; None for what has no bars of its own."""
        instrument = self.catalogue[con_id]
        if instrument.legs:
            return None
        asked = Asked(
            end_ns=self.now_ns,
            span=Span(1, "D"),
            size_s=DAY_S,
            show=Show.MIDPOINT if instrument.sec_type is SecType.CASH else Show.TRADES,
            regular_hours=False,
        )
        return next(iter(self._parts.history.bars(instrument, asked)), None)

    def session_volume(self, con_id: int) -> int:
        """What was traded in it so far."""
        return self._parts.volumes.of_session(self.catalogue[con_id], self.now_ns)

    def tick(self, con_id: int) -> Tick:
        """What trades and what could be traded now."""
        return self._parts.sales.at(self.catalogue[con_id], self.now_ns)

    def ticks(
        self, con_id: int, *, from_ns: int | None, to_ns: int | None, count: int, regular_hours: bool
    ) -> list[Tick]:
        """Ticks of the past, oldest first: the first ones from an instant on, or the last ones before another."""
        instrument = self.catalogue[con_id]
        if from_ns is not None:
            from_ns = max(from_ns, self.history_begins_ns)
            return self._parts.sales.after(instrument, from_ns, self.now_ns, count, regular_hours=regular_hours)
        end_ns = self.now_ns if to_ns is None else min(to_ns, self.now_ns)
        found = self._parts.sales.before(instrument, end_ns, count, regular_hours=regular_hours)
        return [tick for tick in found if tick.at_ns >= self.history_begins_ns]

    @property
    def history_begins_ns(self) -> int:
        return self._parts.history.head_ns

    def details(self, con_id: int) -> Details:
        return routing.details(self.catalogue[con_id], self.catalogue, self.now_ns)

    def resolve(self, contract: Contract) -> Instrument | Refusal:
        """The one contract an order may be for, or why there is none."""
        return routing.resolve(contract, self.catalogue)

    # ---- inside

    def _order(self, perm_id: int) -> LiveOrder:
        order = self._book.get(perm_id)
        if order is None:
            raise KeyError(f"no order has permanent id {perm_id}")
        return order

    def _refuse(self, request: NewOrder, why: Refusal, order: LiveOrder | None = None) -> None:
        view = order.view() if order is not None else None
        self._tape.add(Rejected(self.now_ns, request.client_id, request.order_id, why.code, why.text, view))

    def _place_new(self, request: NewOrder) -> None:
        instrument = self.catalogue.get(request.con_id)
        if instrument is None:
            self._refuse(request, refusals.NO_SUCH_CONTRACT)
            return
        refusal = self._parts.admission.of_new(request, instrument, self.behaviour, self.now_ns)
        if refusal is None and request.what_if:
            refusal = self._preview(request, instrument)
        elif refusal is None:
            refusal = self._parts.admission.crowded(request, instrument, self.behaviour)
        if refusal is not None:
            self._refuse(request, refusal)
        elif not request.what_if:
            self._take_in(request, instrument)

    def _preview(self, request: NewOrder, instrument: Instrument) -> Refusal | None:
        """Answer a what-if order. Missing margin is said beside the numbers, not instead of them."""
        if instrument.legs and request.exchange == "SMART":
            return refusals.COMBO_WHAT_IF
        self._tape.add(self._parts.power.preview(request, instrument, self.now_ns))
        return self._short_of_margin(request, instrument)

    def _take_in(self, request: NewOrder, instrument: Instrument) -> None:
        """The last two questions, which may turn on the price; then the order is the floor's."""
        capped = self._parts.admission.far_limit(request, instrument, self.behaviour, self.now_ns)
        refusal = capped if isinstance(capped, Refusal) else None
        if refusal is None and not request.parent_id:
            refusal = self._short_of_margin(request, instrument)
        if refusal is not None:
            self._refuse(request, refusal)
            return
        if isinstance(capped, Decimal):
            request = msgspec.structs.replace(request, lmt_price=capped)
        order = self._floor.accept(request, instrument)
        if isinstance(capped, Decimal):
            self._states.say(order, refusals.price_capped(capped))

    def _modify(self, request: NewOrder) -> None:
        order = self._book.find(request.client_id, request.order_id)
        if order is None:
            self._refuse(request, refusals.NO_PARENT)
            return
        if not order.is_open:
            filled = order.status is Status.FILLED
            self._refuse(request, refusals.MODIFY_FILLED if filled else refusals.DUPLICATE_ORDER_ID, order)
            return
        refusal = self._parts.admission.of_change(order, request, self.now_ns)
        if refusal is None and request.quantity > order.request.quantity:
            extra = msgspec.structs.replace(request, quantity=request.quantity - order.request.quantity)
            refusal = self._short_of_margin(extra, order.instrument)
        if refusal is not None:
            self._refuse(request, refusal, order)
            return
        self._floor.ask_change(order, request)

    def _short_of_margin(self, request: NewOrder, instrument: Instrument) -> Refusal | None:
        if not self.behaviour.enforce_margin:
            return None
        return self._parts.power.short_of_margin(request, instrument, self.now_ns)
