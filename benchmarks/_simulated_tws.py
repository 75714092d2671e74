"""The project's simulator as a broker to be measured against: two logins, many positions, no latency, steady prices.

A process of its own. It prints its ports as one JSON line. Every line on standard input ends the world there is, says
what arrived in it and whether it is flat in truth, and begins the same world anew on the same ports; it ends with its
input. A moment is taken when the simulated TWS takes a message in hand.

    python benchmarks/_simulated_tws.py POSITIONS [LETS_IN_AFTER_S]
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
from engine.simulator.exchange import AccountSpec, Behaviour, Catalogue, Exchange, Holding
from engine.simulator.faults import SlowStart
from engine.simulator.server import LoginSetup, PacingRule, ServerOptions, World
from engine.simulator.server.log import Entry, Kind
from engine.simulator.server.world import Mode
from engine.simulator.virtual import START_NS
from engine.wire.requests import PlaceOrder, ReqGlobalCancel

ACCOUNTS: dict[Mode, str] = {"paper": "DU1000001", "live": "U1000001"}
CASH = Decimal(10_000_000)
PRICE = Decimal(100)
QUANTITY = Decimal(100)
# Clients keep TWS's limit of 50 messages a second themselves. A simulator that is busier than TWS sees what they spread
# evenly in bursts, and would refuse them (error 100) for its own slowness.
OPTIONS = ServerOptions(pacing=PacingRule(messages_max=None))


class Broker:
    """The world of one run, and what arrived in it."""

    def __init__(self, positions: int, lets_in_after_s: float) -> None:
        self._positions = positions
        self._faults = (SlowStart(seconds=lets_in_after_s),) if lets_in_after_s else ()
        self._ports: dict[str, int] = dict.fromkeys(ACCOUNTS, 0)
        self._world = self._new_world()
        self._clear()

    def _clear(self) -> None:
        self._first_cancel_ns: dict[str, int] = {}
        self._last_close_ns: dict[str, int] = {}
        self._closes: Counter[str] = Counter()

    def _new_world(self) -> World:
        clock = SimClock(asyncio.get_running_loop(), start_ns=START_NS)
        setups = [
            LoginSetup(
                name=login,
                mode=login,
                exchange=self._exchange(account),
                ports=(self._ports[login],),
                options=OPTIONS,
            )
            for login, account in ACCOUNTS.items()
        ]
        world = World(setups, clock=clock, faults=self._faults)
        world.log.watch(self._note)
        return world

    def _exchange(self, account: str) -> Exchange:
        """An account with so many stocks, long and short in turn."""
        catalogue = Catalogue.standard(datetime.fromtimestamp(START_NS // 1_000_000_000, UTC).date())
        stocks = [catalogue.stock(f"S{number:03d}", PRICE) for number in range(self._positions)]
        holdings = tuple(
            Holding(stock.con_id, QUANTITY if number % 2 else -QUANTITY, PRICE) for number, stock in enumerate(stocks)
        )
        spec = AccountSpec(account, CASH, holdings)
        behaviour = Behaviour(moves=False)  # every latency is zero unless a scenario says otherwise
        return Exchange(seed=1, start_ns=START_NS, accounts=[spec], catalogue=catalogue, behaviour=behaviour)

    def _note(self, entry: Entry) -> None:
        if entry.kind is not Kind.REQUEST:
            return
        if isinstance(entry.message, ReqGlobalCancel):
            self._first_cancel_ns.setdefault(entry.login, time.monotonic_ns())
        elif isinstance(entry.message, PlaceOrder):
            self._last_close_ns[entry.login] = time.monotonic_ns()
            self._closes[entry.login] += 1

    async def begin(self) -> None:
        await self._world.start()
        self._ports = {name: login.ports[0] for name, login in self._world.logins.items()}

    async def begin_anew(self) -> dict[str, object]:
        """What this world has seen; then the next one."""
        seen = {
            "first_cancel_ns": self._first_cancel_ns,
            "last_close_ns": self._last_close_ns,
            "closes": self._closes,
            "flat": self._world.is_flat(),
        }
        await self._world.stop()
        self._clear()
        self._world = self._new_world()
        await self.begin()
        return seen

    async def run(self) -> None:
        await self.begin()
        print(json.dumps(self._ports), flush=True)
        loop = asyncio.get_running_loop()
        commands = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        while await commands.readline():
            print(json.dumps(await self.begin_anew()), flush=True)
        await self._world.stop()


async def main(positions: int, lets_in_after_s: float = 0.0) -> None:
    await Broker(positions, lets_in_after_s).run()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *map(float, sys.argv[2:])))
