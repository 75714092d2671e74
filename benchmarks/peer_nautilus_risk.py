"""NautilusTrader's RiskEngine, timed over orders that it accepts. Runs in an environment of its own.

    python benchmarks/peer_nautilus_risk.py ORDERS

Reads a line, `cash` or `margin`, runs all orders once through the engine of that account, and answers with the
nanoseconds of processor time for one. With a margin account this engine leaves out everything about prices and money.
Each order is a real SubmitOrder through `execute()`; behind the engine stands an endpoint that only counts. Its rate
limit is on and cannot be reached. An order that is denied ends the program.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from nautilus_trader.accounting.factory import AccountFactory
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.events import AccountState
from nautilus_trader.model.identifiers import AccountId, InstrumentId, StrategyId, Symbol, TraderId
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio
from nautilus_trader.risk.config import RiskEngineConfig
from nautilus_trader.risk.engine import RiskEngine

SYMBOLS = 8
KINDS = {"cash": AccountType.CASH, "margin": AccountType.MARGIN}
TRADER, STRATEGY = TraderId("BENCH-1"), StrategyId("S-1")


class Engine:
    """One engine with its account, instruments and quotes, and the orders it is to accept."""

    def __init__(self, kind: AccountType, orders: int) -> None:
        self.accepted = 0
        clock = LiveClock()
        bus = MessageBus(trader_id=TRADER, clock=clock)
        cache = Cache()
        portfolio = Portfolio(msgbus=bus, cache=cache, clock=clock)
        instruments = [equity(f"S{number}") for number in range(SYMBOLS)]
        for instrument in instruments:
            cache.add_instrument(instrument)
            cache.add_quote_tick(quote(instrument))
        cache.add_account(AccountFactory.create(account_state(kind)))
        config = RiskEngineConfig(
            max_order_submit_rate="100000000/00:00:01",
            max_notional_per_order={str(instrument.id): 1_000_000 for instrument in instruments},
        )
        self.engine = RiskEngine(portfolio=portfolio, msgbus=bus, cache=cache, clock=clock, config=config)
        bus.register("ExecEngine.execute", self.take)
        bus.register("ExecEngine.process", refuse)
        self.engine.start()
        factory = OrderFactory(trader_id=TRADER, strategy_id=STRATEGY, clock=clock)
        self.commands = list(commands(factory, instruments, orders))

    def take(self, command: object) -> None:
        self.accepted += 1

    def round(self) -> float:
        """Nanoseconds of processor time for one order."""
        before, execute = self.accepted, self.engine.execute
        began_ns = time.process_time_ns()
        for command in self.commands:
            execute(command)
        taken_ns = time.process_time_ns() - began_ns
        if self.accepted - before != len(self.commands):
            raise SystemExit(f"{len(self.commands) - self.accepted + before} orders were not accepted")
        return taken_ns / len(self.commands)


def refuse(event: object) -> None:
    raise SystemExit(f"an order was denied: {event}")


def equity(symbol: str) -> Equity:
    return Equity(
        instrument_id=InstrumentId.from_str(f"{symbol}.SIM"),
        raw_symbol=Symbol(symbol),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )


def quote(instrument: Equity) -> QuoteTick:
    size = Quantity.from_int(100)
    return QuoteTick(instrument.id, Price.from_str("499.99"), Price.from_str("500.01"), size, size, 0, 0)


def account_state(kind: AccountType) -> AccountState:
    return AccountState(
        account_id=AccountId("SIM-1"),
        account_type=kind,
        base_currency=USD,
        reported=True,
        balances=[AccountBalance(Money(10_000_000, USD), Money(0, USD), Money(10_000_000, USD))],
        margins=[],
        info={},
        event_id=UUID4(),
        ts_event=0,
        ts_init=0,
    )


def commands(factory: OrderFactory, instruments: list[Equity], count: int) -> Iterator[SubmitOrder]:
    """Buys and sells, at a limit and at the market, over all instruments in turn."""
    ten, limit = Quantity.from_int(10), Price.from_str("499.90")
    for number in range(count):
        instrument = instruments[number % SYMBOLS]
        side = OrderSide.BUY if number // SYMBOLS % 2 else OrderSide.SELL
        at_limit = number // SYMBOLS // 2 % 2
        order = factory.limit(instrument.id, side, ten, limit) if at_limit else factory.market(instrument.id, side, ten)
        yield SubmitOrder(trader_id=TRADER, strategy_id=STRATEGY, order=order, command_id=UUID4(), ts_init=0)


def main() -> None:
    engines = {name: Engine(kind, int(sys.argv[1])) for name, kind in KINDS.items()}
    print("ready", flush=True)
    for line in sys.stdin:
        print(engines[line.strip()].round(), flush=True)


if __name__ == "__main__":
    main()
