"""After the trade: executions, commissions and the accounts' books.

Each change of a book goes through here, and each is preceded by the day's rollover when one is due. A rollover needs
no event of its own: nothing moved in between, so it is made up for at the prices of its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.simulator.exchange import calendars, commissions, exercise
from engine.simulator.exchange.book import LiveOrder
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.events import (
    AccountChanged,
    Commission,
    Correction,
    Event,
    Fill,
    PositionChanged,
    StatusChanged,
)
from engine.simulator.exchange.exercise import Move
from engine.simulator.exchange.instruments import Instrument
from engine.simulator.exchange.ledger import Ledger, Mark
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.orders import Execution, Movement
from engine.simulator.exchange.prices import draw
from engine.simulator.exchange.settings import AccountSpec, Behaviour

ZERO = Decimal(0)
_BOUGHT, _SOLD = "BOT", "SLD"


class Clearing:
    """The books of every account of a login, and the record of its executions."""

    def __init__(
        self,
        *,
        seed: int,
        start_ns: int,
        accounts: Iterable[AccountSpec],
        catalogue: Catalogue,
        markets: Markets,
        behaviour: Behaviour,
    ) -> None:
        self._catalogue, self._markets = catalogue, markets
        self._day_begins, self._day_zone = behaviour.day_begins, behaviour.day_zone
        self._next_roll_ns = calendars.next_daily(start_ns, self._day_begins, self._day_zone)
        self._exec_base = draw(seed, 7) & 0xFFFFFF
        self._exec_count = 0x64F00000 + (draw(seed, 8) & 0xFFFF)
        self.ledgers: dict[str, Ledger] = {}
        self.executions: list[tuple[Execution, Commission]] = []
        self.movements: list[Movement] = []  # every change of a position since the start, in order
        self._by_exec: dict[str, int] = {}  # execution id without its last part -> place in the record
        for spec in accounts:
            if spec.account in self.ledgers:
                raise ValueError(f"account {spec.account} is named twice")
            ledger = self.ledgers[spec.account] = Ledger(spec.account, spec.cash)
            for holding in spec.holdings:
                ledger.receive(catalogue[holding.con_id], holding.quantity, holding.avg_price)
            ledger.begin_day(self.mark_at(start_ns))

    def mark_at(self, at_ns: int) -> Mark:
        """The prices at which positions are valued at an instant."""
        return lambda instrument: self._markets.last(instrument, at_ns)

    def roll(self, now_ns: int) -> None:
        """Begin the day, if one began since the last time."""
        if now_ns < self._next_roll_ns:
            return
        mark = self.mark_at(calendars.last_daily(now_ns, self._day_begins, self._day_zone))
        for ledger in self.ledgers.values():
            ledger.settle(mark)
            ledger.begin_day(mark)
        self._next_roll_ns = calendars.next_daily(now_ns, self._day_begins, self._day_zone)

    def holds(self, con_id: int) -> bool:
        return any(ledger.held(con_id) for ledger in self.ledgers.values())

    # ---- executions

    def book_fill(self, order: LiveOrder, quantity: Decimal, price: Decimal, now_ns: int) -> list[Event]:
        """Book a fill that the order already counts. Of a combination, every leg at its own side of the market."""
        number = self._next_exec_number()
        view = order.view()
        if not order.instrument.legs:
            done = self._execution(order, order.instrument, quantity, price, now_ns, f"{number}.01.01")
            return [Fill(now_ns, done, view), StatusChanged(now_ns, view), *self._charge(order, done)]
        summary = self._execution(order, order.instrument, quantity, price, now_ns, f"{number}.01.01")
        events: list[Event] = [Fill(now_ns, summary, view), StatusChanged(now_ns, view)]
        for place, leg in enumerate(order.instrument.legs, 2):
            sign = order.request.sign * leg.sign
            bid, ask = self._markets.touch(leg.instrument, now_ns)
            at = ask if sign > 0 else bid
            if at is None:
                raise ValueError(f"a combination was filled without a market in {leg.instrument.contract.local_symbol}")
            done = self._execution(
                order, leg.instrument, quantity * leg.ratio, at, now_ns, f"{number}.{place:02}.01", sign
            )
            events += [Fill(now_ns, done, view), *self._charge(order, done)]
        return events

    def _execution(
        self,
        order: LiveOrder,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        now_ns: int,
        exec_id: str,
        sign: int = 0,
    ) -> Execution:
        """One execution of an order, counted into what the order has had of this contract."""
        request = order.request
        filled, value = order.parts.get(instrument.con_id, (ZERO, ZERO))
        filled, value = order.parts[instrument.con_id] = (filled + quantity, value + quantity * price)
        return Execution(
            exec_id=exec_id,
            at_ns=now_ns,
            account=request.account,
            con_id=instrument.con_id,
            side=_BOUGHT if (sign or request.sign) > 0 else _SOLD,
            quantity=quantity,
            price=price,
            perm_id=order.perm_id,
            client_id=request.client_id,
            order_id=request.order_id,
            order_ref=request.order_ref,
            exchange=self._venue(instrument, request.exchange if not order.instrument.legs else ""),
            cum_qty=filled,
            avg_price=value / filled,
        )

    def _charge(self, order: LiveOrder, done: Execution) -> list[Event]:
        """Book an execution at the cost that it adds to what the order has cost so far."""
        instrument = self._catalogue[done.con_id]
        filled, value = order.parts[done.con_id]
        before = filled - done.quantity
        value_before = value - done.quantity * done.price
        commission = commissions.total(instrument, filled, value * instrument.multiplier) - commissions.total(
            instrument, before, value_before * instrument.multiplier
        )
        return self._book(done, instrument, commission)

    def liquidate(
        self, account: str, instrument: Instrument, quantity: Decimal, price: Decimal, perm_id: int, now_ns: int
    ) -> list[Event]:
        """IBKR closes a signed quantity of the customer's position by itself."""
        size = abs(quantity)
        execution = Execution(
            exec_id=f"{self._next_exec_number()}.01.01",
            at_ns=now_ns,
            account=account,
            con_id=instrument.con_id,
            side=_BOUGHT if quantity > 0 else _SOLD,
            quantity=size,
            price=price,
            perm_id=perm_id,
            client_id=0,
            order_id=0,
            order_ref="",
            exchange=self._venue(instrument, "SMART"),
            cum_qty=size,
            avg_price=price,
            liquidation=True,
        )
        commission = commissions.total(instrument, size, size * price * instrument.multiplier)
        return [Fill(now_ns, execution, None), *self._book(execution, instrument, commission)]

    def correct(self, exec_id: str, price: Decimal, now_ns: int) -> list[Event]:
        """Change the price of a past execution: same id, last part increased; the money follows."""
        place = self._by_exec.get(exec_id.rpartition(".")[0])
        if place is None:
            raise KeyError(f"no execution has id {exec_id}")
        self.roll(now_ns)
        old, commission = self.executions[place]
        stem, _, revision = old.exec_id.rpartition(".")
        new = msgspec.structs.replace(
            old,
            exec_id=f"{stem}.{int(revision) + 1:02}",
            price=price,
            avg_price=old.avg_price + (price - old.price) * old.quantity / old.cum_qty,
        )
        self.executions[place] = (new, msgspec.structs.replace(commission, exec_id=new.exec_id))
        instrument = self._catalogue[old.con_id]
        self.ledgers[old.account].reprice(instrument, old.signed, price - old.price)
        return [Correction(now_ns, new), *self._changed(old.account, old.con_id, now_ns)]

    def _book(self, execution: Execution, instrument: Instrument, amount: Decimal) -> list[Event]:
        self.roll(execution.at_ns)
        ledger = self.ledgers[execution.account]
        realized = ledger.trade(instrument, execution.signed, execution.price, amount)
        commission = Commission(
            execution.at_ns, execution.exec_id, execution.account, amount, instrument.contract.currency, realized
        )
        self._by_exec[execution.exec_id.rpartition(".")[0]] = len(self.executions)
        self.executions.append((execution, commission))
        self.movements.append(
            Movement(execution.at_ns, execution.account, execution.con_id, execution.signed, execution.order_ref)
        )
        return [commission, *self._changed(execution.account, execution.con_id, execution.at_ns)]

    def _changed(self, account: str, con_id: int, now_ns: int) -> list[Event]:
        position = self.ledgers[account].positions[con_id]
        return [
            PositionChanged(now_ns, account, con_id, position.quantity, position.average_cost),
            AccountChanged(now_ns, account),
        ]

    def _next_exec_number(self) -> str:
        """The part of an execution id that the legs of one fill have in common."""
        self._exec_count += 1
        return f"{self._exec_base:08x}.{self._exec_count:08x}"

    @staticmethod
    def _venue(instrument: Instrument, routed_to: str) -> str:
        """Where a routed order is filled: SMART is no place."""
        if routed_to and routed_to != "SMART":
            return routed_to
        venues = [venue for venue in instrument.valid_exchanges.split(",") if venue not in ("SMART", "QBALGO")]
        return venues[0] if venues else instrument.contract.exchange

    # ---- without a trade

    def deposit(self, account: str, amount: Decimal, now_ns: int) -> list[Event]:
        self.roll(now_ns)
        self.ledgers[account].deposit(amount)
        return [AccountChanged(now_ns, account)]

    def receive(
        self, account: str, instrument: Instrument, quantity: Decimal, price: Decimal, now_ns: int
    ) -> list[Event]:
        self.roll(now_ns)
        self.ledgers[account].receive(instrument, quantity, price)
        self.movements.append(Movement(now_ns, account, instrument.con_id, quantity))
        return self._changed(account, instrument.con_id, now_ns)

    def expire(self, con_id: int, now_ns: int, lapsed: dict[str, Decimal]) -> list[Event]:
        """The contract ends: options as their terms have it, the rest at its last price, in cash."""
        self.roll(now_ns)
        instrument = self._catalogue[con_id]
        events: list[Event] = []
        for ledger in self.ledgers.values():
            held = ledger.held(con_id)
            if held:
                moves = self._end_of(instrument, held, lapsed.get(ledger.account, ZERO), now_ns)
                events += self.move(ledger.account, moves, now_ns)
        return events

    def _end_of(self, instrument: Instrument, held: Decimal, lapsed: Decimal, now_ns: int) -> list[Move]:
        if not instrument.is_option:
            return [Move(instrument, -held, self._markets.last(instrument, now_ns))]
        underlying = self._catalogue[instrument.under_con_id]
        return exercise.at_expiry(
            instrument,
            underlying,
            held=held,
            lapsed=lapsed,
            underlying_price=self._markets.last(underlying, now_ns),
        )

    def move(self, account: str, moves: Iterable[Move], now_ns: int) -> list[Event]:
        """Book what changes hands without a trade: positions are told, no execution is."""
        self.roll(now_ns)
        events: list[Event] = []
        for moved in moves:
            self.ledgers[account].trade(moved.instrument, moved.quantity, moved.price, ZERO)
            self.movements.append(Movement(now_ns, account, moved.instrument.con_id, moved.quantity))
            events += self._changed(account, moved.instrument.con_id, now_ns)
        return events
