"""The project's simulator as many brokers at once: so many logins, each with so many positions, no latency.

A process of its own. It prints its ports as one JSON line. `fall` on standard input lets every login lose a quarter of
what it is worth, in one go; any other line asks what has come of it. It ends with its input.

    python benchmarks/_load_tws.py LOGINS POSITIONS
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from engine.simulator.clock import SimClock
from engine.simulator.exchange import AccountSpec, Behaviour, Catalogue, Exchange, Holding, Instrument
from engine.simulator.server import LoginSetup, PacingRule, ServerOptions, World
from engine.simulator.server.log import Entry, Kind
from engine.simulator.virtual import START_NS
from engine.wire.requests import PlaceOrder, ReqGlobalCancel

CASH, PRICE = Decimal(500_000), Decimal(100)
HEAVY, LIGHT = Decimal(10_000), Decimal(10)  # shares: the first stock carries the loss, the others are many
FALLS_TO = Decimal(60)
SECOND_NS = 1_000_000_000
# Clients keep TWS's limit of 50 messages a second themselves, and it is counted here instead of enforced: a simulator
# that is busier than twenty TWSs would refuse for its own slowness what was spread evenly.
OPTIONS = ServerOptions(pacing=PacingRule(messages_max=None))


class Brokers:
    """All of them, and what has happened to each."""

    def __init__(self, logins: int, positions: int) -> None:
        self.names = [f"l{number:02d}" for number in range(logins)]
        self._stocks: dict[str, Instrument] = {}
        clock = SimClock(asyncio.get_running_loop(), start_ns=START_NS)
        setups = [
            LoginSetup(
                name=name, mode="paper", exchange=self._exchange(name, positions), ports=(0,), options=OPTIONS
            )
            for name in self.names
        ]  # fmt: skip
        self.world = World(setups, clock=clock)
        self.world.log.keep(1)
        self.world.log.watch(self._note)
        self._fell_ns: dict[str, int] = {}
        self._first_cancel_ns: dict[str, int] = {}
        self._last_close_ns: dict[str, int] = {}
        self._flat_ns: dict[str, int] = {}
        self._closes: Counter[str] = Counter()
        self._at_first = {
            name: {held.con_id: held.quantity for held in login.exchange.positions()}
            for name, login in self.world.logins.items()
        }

    def _exchange(self, name: str, positions: int) -> Exchange:
        """Long and short in turn, but for the one stock that is worth something."""
        catalogue = Catalogue.standard(datetime.fromtimestamp(START_NS // SECOND_NS, UTC).date())
        stocks = [catalogue.stock(f"S{number:03d}", PRICE) for number in range(positions)]
        self._stocks[name] = stocks[0]
        holdings = tuple(
            Holding(stock.con_id, HEAVY if not number else LIGHT if number % 2 else -LIGHT, PRICE)
            for number, stock in enumerate(stocks)
        )
        spec = AccountSpec(f"DU10000{name[1:]}", CASH, holdings)
        return Exchange(
            seed=1, start_ns=START_NS, accounts=[spec], catalogue=catalogue, behaviour=Behaviour(moves=False)
        )  # fmt: skip

    def _note(self, entry: Entry) -> None:
        if entry.kind is not Kind.REQUEST:
            return
        if isinstance(entry.message, ReqGlobalCancel):
            self._first_cancel_ns.setdefault(entry.login, time.monotonic_ns())
        elif isinstance(entry.message, PlaceOrder):
            self._last_close_ns[entry.login] = time.monotonic_ns()
            self._closes[entry.login] += 1

    def fall(self) -> None:
        """The first stock of each falls. Each TWS tells it with its next profit and loss, within a second."""
        for name in self.names:
            server, con_id = self.world.login(name).server, self._stocks[name].con_id
            self._fell_ns[name] = time.monotonic_ns()
            server.act(lambda now_ns, s=server, c=con_id: s.exchange.set_price(now_ns, c, FALLS_TO))  # type: ignore[misc]

    def seen(self) -> dict[str, object]:
        left = 0
        for name in self.names:
            exchange = self.world.login(name).server.exchange
            held = exchange.positions()
            left += len(held)
            if name in self._fell_ns and not held and not exchange.open_orders():
                self._flat_ns.setdefault(name, time.monotonic_ns())
        return {
            "fell_ns": self._fell_ns,
            "first_cancel_ns": self._first_cancel_ns,
            "last_close_ns": self._last_close_ns,
            "flat_ns": self._flat_ns,
            "closes": self._closes,
            "left": left,
            "turned_round": self._turned_round(),
        }

    def _turned_round(self) -> int:
        """Movements after which there was more of a position than before, or of the other sign."""
        wrong = 0
        for name in self.names:
            exchange = self.world.login(name).exchange
            held = dict(self._at_first[name])
            for moved in exchange.movements():
                was = held[moved.con_id]
                now = held[moved.con_id] = was + moved.signed
                wrong += was * now < 0 or abs(now) >= abs(was)
        return wrong


async def main(logins: int, positions: int) -> None:
    brokers = Brokers(logins, positions)
    await brokers.world.start()
    ports = {name: login.ports[0] for name, login in brokers.world.logins.items()}
    print(json.dumps(ports), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := (await commands.readline()).decode().strip():
        if line == "fall":
            brokers.fall()
        print(json.dumps(brokers.seen()), flush=True)
    await brokers.world.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
