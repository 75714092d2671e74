"""What happens in the world by other hands than a client's: scenarios and tests move prices, halt, pay in, liquidate.

Each lets the time pass up to its own first, as the clients' commands do (`exchange`).
"""

from __future__ import annotations

from decimal import Decimal

from engine.simulator.exchange.events import Event, TradingHalted
from engine.simulator.exchange.parts import Parts
from engine.simulator.exchange.settings import Holding, Market

ZERO = Decimal(0)


class Hooks:
    """The part of the exchange that no client can reach."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.catalogue = parts.catalogue
        self._tape, self._book, self._states = parts.tape, parts.book, parts.states
        self._markets, self._clearing = parts.markets, parts.clearing
        self._floor, self._endings = parts.floor, parts.endings

    @property
    def now_ns(self) -> int:
        return self._tape.now_ns

    def held(self, account: str, con_id: int) -> Decimal:
        """The signed position in one contract, without valuing anything."""
        return self._clearing.ledgers[account].held(con_id)

    def assign(self, now_ns: int, account: str, con_id: int, quantity: Decimal) -> list[Event]:
        """Short options are assigned, as far as there are any: the account gets what they were written on."""
        self._floor.advance(now_ns)
        option = self.catalogue[con_id]
        short = max(-self.held(account, con_id), ZERO)
        if option.is_option and not option.cash_settled and min(short, quantity) > 0:
            self._endings.deliver(account, option, self.catalogue[option.under_con_id], -min(short, quantity))
        return self._tape.take()

    def set_price(self, now_ns: int, con_id: int, price: Decimal) -> list[Event]:
        """The contract trades at this price now, and moves on from there."""
        self._floor.advance(now_ns)
        self._markets.set_price(con_id, price, now_ns)
        self._floor.look_again(con_id)
        return self._tape.take()

    def script_price(self, con_id: int, at_ns: int, price: Decimal) -> None:
        """The contract will trade at this price at that time, and move on from there."""
        if at_ns < self.now_ns:
            raise ValueError("the past cannot be scripted")
        self._markets.script_price(con_id, price, at_ns)
        self._floor.look_again(con_id)

    def set_market(self, now_ns: int, con_id: int, market: Market) -> list[Event]:
        """Change a contract's market: spread, depth, missing sides, pace, closed."""
        self._floor.advance(now_ns)
        self._markets.set_market(con_id, market, now_ns)
        self._floor.look_again(con_id)
        return self._tape.take()

    def halt(self, now_ns: int, con_id: int) -> list[Event]:
        """Trading in the contract stops; its price stands still."""
        self._floor.advance(now_ns)
        self._markets.halt(con_id, now_ns)
        return [*self._tape.take(), TradingHalted(now_ns, con_id, True)]

    def resume(self, now_ns: int, con_id: int) -> list[Event]:
        self._floor.advance(now_ns)
        self._markets.resume(con_id, now_ns)
        self._floor.look_again(con_id)
        return [TradingHalted(now_ns, con_id, False), *self._tape.take()]

    def deposit(self, now_ns: int, account: str, amount: Decimal) -> list[Event]:
        """Money comes in; a negative amount goes out."""
        self._floor.advance(now_ns)
        return [*self._tape.take(), *self._clearing.deposit(account, amount, now_ns)]

    def add_holding(self, now_ns: int, account: str, holding: Holding) -> list[Event]:
        """A position is transferred in at its cost, without an order."""
        self._floor.advance(now_ns)
        instrument = self.catalogue[holding.con_id]
        self._endings.watch(instrument)
        moved = self._clearing.receive(account, instrument, holding.quantity, holding.avg_price, now_ns)
        return [*self._tape.take(), *moved]

    def liquidate(self, now_ns: int, account: str, con_id: int, quantity: Decimal) -> list[Event]:
        """IBKR trades a signed quantity for the account by itself, at the last price."""
        self._floor.advance(now_ns)
        instrument = self.catalogue[con_id]
        self._endings.watch(instrument)
        price = self._markets.last(instrument, now_ns)
        perm_id = self._book.new_perm_id()
        done = self._clearing.liquidate(account, instrument, quantity, price, perm_id, now_ns)
        return [*self._tape.take(), *done]

    def correct(self, now_ns: int, exec_id: str, price: Decimal) -> list[Event]:
        """The exchange changes the price of a past execution."""
        self._floor.advance(now_ns)
        return [*self._tape.take(), *self._clearing.correct(exec_id, price, now_ns)]
