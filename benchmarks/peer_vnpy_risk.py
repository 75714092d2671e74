"""VeighNa's risk manager (vnpy_riskmanager), timed over orders that it accepts. Runs in an environment of its own.

    python benchmarks/peer_vnpy_risk.py ORDERS

Reads a line, runs all orders once through the engine's `send_order` with every rule on, and answers with the
nanoseconds of processor time for one. Behind the engine stands an endpoint that only counts. The engine tells its
window of every order by events; their thread has caught up before the clock is stopped: it is work that an order
causes. Its limits cannot be reached. An order that is refused ends the program.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.chdir(tempfile.mkdtemp(prefix="vnpy-"))  # it keeps its settings in a folder `.vntrader` of the current one, if there
Path(".vntrader").mkdir()

from vnpy.trader.setting import SETTINGS  # noqa: E402

SETTINGS["log.active"] = False

from vnpy.event import Event, EventEngine  # noqa: E402
from vnpy.trader.constant import Direction, Exchange, Offset, OrderType, Product  # noqa: E402
from vnpy.trader.engine import MainEngine  # noqa: E402
from vnpy.trader.event import EVENT_CONTRACT  # noqa: E402
from vnpy.trader.object import ContractData, OrderRequest  # noqa: E402
from vnpy_riskmanager import RiskManagerApp  # noqa: E402
from vnpy_riskmanager.base import EVENT_RISK_RULE  # noqa: E402

SYMBOLS = 8
GATEWAY = "BENCH"
UNREACHABLE = 10**9


class Engine:
    """The engine as its program sets it up, the contracts it knows, and the orders it is to accept."""

    def __init__(self, orders: int) -> None:
        self.accepted = self.told = 0
        self._events = EventEngine()
        self._main = MainEngine(self._events)
        self._main.send_order = self.take  # what the risk engine puts itself before
        self._risk = self._main.add_app(RiskManagerApp)
        for rule in self._risk.rules.values():
            limits = {name: UNREACHABLE for name in rule.parameters if name.endswith("_limit")}
            rule.update_setting({**limits, "order_volume_limit": 10_000, "order_value_limit": 1_000_000})
        for number in range(SYMBOLS):
            self._events.put(Event(EVENT_CONTRACT, contract(f"S{number}")))
        self._events.register(EVENT_RISK_RULE, self.tell)
        while len(self._main.get_all_contracts()) < SYMBOLS:
            time.sleep(0.01)
        self._orders = list(requests(orders))

    @property
    def rules(self) -> int:
        return len(self._risk.rules)

    def take(self, request: OrderRequest, gateway: str) -> str:
        self.accepted += 1
        return "accepted"

    def tell(self, event: Event) -> None:
        self.told += 1

    def round(self) -> float:
        """Nanoseconds of processor time for one order."""
        accepted, told, send = self.accepted, self.told, self._main.send_order
        began_ns = time.process_time_ns()
        for request in self._orders:
            send(request, GATEWAY)
        while self.told - told < len(self._orders):  # one event for each: of the rule about duplicates
            time.sleep(0.001)
        taken_ns = time.process_time_ns() - began_ns
        if self.accepted - accepted != len(self._orders):
            raise SystemExit(f"{len(self._orders) - self.accepted + accepted} orders were refused")
        return taken_ns / len(self._orders)


def contract(symbol: str) -> ContractData:
    return ContractData(
        symbol=symbol,
        exchange=Exchange.SMART,
        name=symbol,
        product=Product.EQUITY,
        size=1,
        pricetick=0.01,
        min_volume=1,
        gateway_name=GATEWAY,
    )


def requests(count: int) -> Iterator[OrderRequest]:
    """Buys and sells, at a limit and at the market, over all contracts in turn."""
    for number in range(count):
        at_limit = number // SYMBOLS // 2 % 2
        yield OrderRequest(
            symbol=f"S{number % SYMBOLS}",
            exchange=Exchange.SMART,
            direction=Direction.LONG if number // SYMBOLS % 2 else Direction.SHORT,
            type=OrderType.LIMIT if at_limit else OrderType.MARKET,
            volume=10,
            price=499.90 if at_limit else 0,
            offset=Offset.NONE,
        )


def main() -> None:
    engine = Engine(int(sys.argv[1]))
    if not engine.rules:
        raise SystemExit("no rule was loaded")
    print("ready", flush=True)
    for _ in sys.stdin:
        print(engine.round(), flush=True)
    os._exit(0)  # its threads wait for a window


if __name__ == "__main__":
    main()
