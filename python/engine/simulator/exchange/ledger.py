"""The books of one account: cash, positions at average cost, profit and loss. They add up exactly.

The law: net liquidation - contributed = realized + unrealized, at every instant, to the last digit. It holds because
cost is carried as one exact sum per position (never as a rounded average), and what a partial close takes out of that
sum is what the rest no longer has.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal

from engine.simulator.exchange.instruments import Instrument, SecType

ZERO = Decimal(0)
_SHARE_DIGITS = Decimal("1e-8")
Mark = Callable[[Instrument], Decimal]  # the price a position is valued at, now


class Position:
    """One contract in one account. Sums are signed: positive for a long position's cost."""

    __slots__ = (
        "cost",
        "day_flow",
        "day_start_value",
        "instrument",
        "quantity",
        "realized",
        "realized_today",
        "unsettled",
    )

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.quantity = ZERO
        self.cost = ZERO  # price x multiplier x quantity, and the commissions of what is still open
        self.unsettled = ZERO  # futures: the value up to which gains have been paid into cash
        self.realized = ZERO  # since the beginning
        self.realized_today = ZERO
        self.day_start_value = ZERO  # market value when the day began
        self.day_flow = ZERO  # money put into the position since then

    @property
    def average_cost(self) -> Decimal:
        """Per contract or share, multiplier and commissions included, as IBKR reports it. 0 when flat."""
        return self.cost / self.quantity if self.quantity else ZERO

    def value(self, price: Decimal) -> Decimal:
        return self.quantity * price * self.instrument.multiplier


def _share(total: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part's share of a total: exact for the whole, else rounded far below the cent."""
    return total if part == whole else (total * part / whole).quantize(_SHARE_DIGITS, ROUND_HALF_EVEN)


class Ledger:
    """One account."""

    def __init__(self, account: str, cash: Decimal) -> None:
        self.account = account
        self.cash = cash  # base currency; a balance in another one is the position in its pair
        self.contributed = cash  # what the owner put in, less what was taken out
        self.positions: dict[int, Position] = {}
        self.day = 0  # how many days have begun
        self.traded: set[int] = set()  # contract ids changed since somebody last cleared this
        self._groups: dict[int, list[Position]] = {}

    # ---- what changes it

    def deposit(self, amount: Decimal) -> None:
        self.cash += amount
        self.contributed += amount

    def receive(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> None:
        """Take over a signed quantity at its cost, as a transfer brings it. No cash moves for what is not a future.

        A future's gain so far comes with the next settlement, so nothing is contributed by it.
        """
        self.trade(instrument, quantity, price, ZERO)
        if instrument.sec_type is not SecType.FUTURE:
            notional = quantity * price * instrument.multiplier
            self.cash += notional
            self.contributed += notional

    def trade(self, instrument: Instrument, quantity: Decimal, price: Decimal, commission: Decimal) -> Decimal | None:
        """Book an execution of a signed quantity. Returns the profit it realized; None when it closed nothing."""
        position = self._position(instrument)
        held = position.quantity
        notional = quantity * price * instrument.multiplier
        position.day_flow += notional + commission
        self._pay(position, held, quantity, notional, commission)
        position.quantity = held + quantity
        closed = min(abs(held), abs(quantity)) if held * quantity < 0 else ZERO
        if not closed:
            position.cost += notional + commission
            return None
        closing_notional = _share(notional, closed, abs(quantity))
        closing_commission = _share(commission, closed, abs(quantity))
        released = _share(position.cost, closed, abs(held))
        realized = -closing_notional - closing_commission - released
        position.cost += notional + commission - closing_notional - closing_commission - released
        position.realized += realized
        position.realized_today += realized
        return realized

    def reprice(self, instrument: Instrument, quantity: Decimal, difference: Decimal) -> None:
        """A past execution of this signed quantity turns out to have cost this much more a unit."""
        position = self._position(instrument)
        money = quantity * difference * instrument.multiplier
        position.day_flow += money
        still_open = position.quantity * quantity > 0
        if instrument.sec_type is SecType.FUTURE and still_open:
            position.unsettled += money
        else:
            self.cash -= money
        if still_open:
            position.cost += money
        else:
            position.realized -= money
            position.realized_today -= money

    def settle(self, mark: Mark) -> None:
        """Pay the day's gain of open futures into cash."""
        for position in self.positions.values():
            if position.instrument.sec_type is SecType.FUTURE and position.quantity:
                value = position.value(mark(position.instrument))
                self.cash += value - position.unsettled
                position.unsettled = value

    def begin_day(self, mark: Mark) -> None:
        """Start the day's counting at the prices of the rollover."""
        self.day += 1
        for position in self.positions.values():
            value = position.value(mark(position.instrument)) if position.quantity else ZERO
            position.day_start_value, position.day_flow, position.realized_today = value, ZERO, ZERO

    # ---- what it tells

    def held(self, con_id: int) -> Decimal:
        position = self.positions.get(con_id)
        return position.quantity if position is not None else ZERO

    def open_positions(self) -> list[Position]:
        return [position for position in self.positions.values() if position.quantity]

    def group(self, hedging_group: int) -> list[Position]:
        """Every position, flat ones included, that ever was in this hedging group."""
        return self._groups.get(hedging_group, [])

    def _position(self, instrument: Instrument) -> Position:
        """The position that is about to change."""
        self.traded.add(instrument.con_id)
        position = self.positions.get(instrument.con_id)
        if position is None:
            position = self.positions[instrument.con_id] = Position(instrument)
            self._groups.setdefault(instrument.hedging_group, []).append(position)
        return position

    def _pay(
        self, position: Position, held: Decimal, quantity: Decimal, notional: Decimal, commission: Decimal
    ) -> None:
        """Move the money of an execution. A future costs only its commission; closing it pays out its gain."""
        self.cash -= commission
        if position.instrument.sec_type is not SecType.FUTURE:
            self.cash -= notional
            return
        closed = min(abs(held), abs(quantity)) if held * quantity < 0 else ZERO
        if not closed:
            position.unsettled += notional
            return
        closing_notional = _share(notional, closed, abs(quantity))
        released = _share(position.unsettled, closed, abs(held))
        self.cash -= closing_notional + released
        position.unsettled += notional - closing_notional - released
