"""The guard and the journal fail while three clients that nobody here wrote send orders, over real sockets and files.

Nothing that adds risk passes meanwhile, what reduces and what cancels does, nobody is disconnected, and it goes on by
itself as soon as the cause is gone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import ib_async
import pytest
from ibapi.contract import Contract as OfficialContract
from ibapi.order import Order as OfficialOrder
from ibapi.order_cancel import OrderCancel
from msgspec.structs import replace

from conformance.environments import command_of
from conformance.names import IBAPI_9
from engine.config.gateway_table import GatewayTable
from engine.core.preflight.settings import DEFAULTS
from engine.gateway.absences import held_against
from engine.gateway.gateway import Gateway
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import Login
from engine.trading.entries import LoginConfig
from engine.trading.modes import TradingMode
from engine.trading.order_settings import OrderSettings
from engine.trading.presence import AGE_S_MAX, FILE
from engine.trading.rules import open_rules
from engine.wire.requests import CancelOrder, PlaceOrder
from gateway.test_unmodified_clients import PATIENCE_S, session, until
from simulator.test_unmodified_clients import Official

logging.getLogger("ib_async").setLevel(logging.CRITICAL)
pytestmark = [
    pytest.mark.clients,
    # the official client's own reader compares the server's version after its disconnect has taken it away
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
SPY, AAPL = 756733, 265598
NEW, OFFICIAL, OLD = 21, 22, 23  # ib_async, nautilus-ibapi, ibapi 9.81.1
EVERY_S = 0.4
WATCHED_S = 2.5

GUARD = """
import sys, time
from pathlib import Path
from engine.guard.only_one import OnlyOne
from engine.trading.presence import Presence, Sign
home = Path(sys.argv[1])
held, sign = OnlyOne(home), Sign(home, Presence(1, 0))
while True:
    sign._touch()
    time.sleep(0.2)
"""


def guard(home: Path) -> subprocess.Popen[bytes]:
    """What the others see of a guard: its lock, and its sign."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen([sys.executable, "-c", GUARD, str(home)], env={**os.environ, "PYTHONPATH": paths})


def old_program(port: int) -> subprocess.Popen[str]:
    """ibapi 9.81.1, in an environment of its own."""
    command, environment = command_of(IBAPI_9)
    driver = Path(__file__).parent / "drivers" / "ibapi_sending.py"
    return subprocess.Popen(
        [*command, str(driver), str(port), str(OLD), str(EVERY_S), str(SPY), str(AAPL)],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


class Sending:
    """Programs that buy, sell what they hold, and cancel, over and over; and what of it arrives at TWS."""

    def __init__(self, login: Login, ib: ib_async.IB, official: Official, old: subprocess.Popen[str]) -> None:
        self._login, self._ib, self._official, self._old = login, ib, official, old
        self._turn = 0

    async def run(self) -> None:
        """Until cancelled."""
        mine: list[ib_async.Trade] = []
        theirs: list[int] = []
        while True:
            self._turn += 1
            number, price = 5_000 + 10 * self._turn, round(1 + self._turn % 50 / 100, 2)
            stock, held = (ib_async.Contract(conId=one, exchange="SMART") for one in (SPY, AAPL))
            mine.append(self._ib.placeOrder(stock, ib_async.LimitOrder("BUY", 2 + self._turn, price)))
            self._official.placeOrder(number, _contract(SPY), _order("BUY", 300 + self._turn, price))
            theirs.append(number)
            if self._turn % 2:
                self._ib.placeOrder(held, ib_async.MarketOrder("SELL", 1))
                self._official.placeOrder(number + 1, _contract(AAPL), _order("SELL", 2, None))
            works = [one for one in mine if one.orderStatus.status in ("Submitted", "PreSubmitted")]
            if works:
                mine.remove(works[0])
                self._ib.cancelOrder(works[0].order)
            if len(theirs) > 3:
                self._official.cancelOrder(theirs.pop(0), OrderCancel())
            await asyncio.sleep(EVERY_S)

    def arrived(self) -> dict[int | None, tuple[int, int, int]]:
        """Buys, sells and cancels, of each."""
        log = self._login.server.log
        found = {}
        for client_id in (NEW, OFFICIAL, OLD):
            orders = [one.message.order.action for one in log.requests(PlaceOrder) if one.client_id == client_id]  # type: ignore[union-attr]
            cancels = [one for one in log.requests(CancelOrder) if one.client_id == client_id]
            found[client_id] = orders.count("BUY"), orders.count("SELL"), len(cancels)
        return found

    async def passes(self) -> None:
        """Orders that add risk go on arriving from all of them, by themselves."""
        before = self.arrived()
        await until(lambda: all(now[0] >= before[one][0] + 2 for one, now in self.arrived().items()))

    async def only_reduces(self) -> None:
        before = self.arrived()
        await asyncio.sleep(WATCHED_S)
        for client_id, after in self.arrived().items():
            assert after[0] == before[client_id][0], f"an order of client {client_id} that adds risk has passed"
            assert after[1] > before[client_id][1], f"what reduces has to pass: client {client_id}"
        assert self._ib.isConnected() and self._official.isConnected() and self._old.poll() is None
        assert await self._ib.reqCurrentTimeAsync()


def _contract(con_id: int) -> OfficialContract:
    made = OfficialContract()
    made.conId, made.exchange = con_id, "SMART"
    return made


def _order(action: str, quantity: int, price: float | None) -> OfficialOrder:
    made = OfficialOrder()
    made.action, made.totalQuantity, made.tif = action, Decimal(quantity), "DAY"
    made.orderType = "MKT" if price is None else "LMT"
    if price is not None:
        made.lmtPrice = price
    return made


@asynccontextmanager
async def under_attack(home: Path) -> AsyncIterator[Sending]:
    """All send, and their orders pass."""
    async with build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)}) as world:
        login = world.login("paper")
        for trader in (3, 7, 11, 0):
            login.trader(trader).cancel_all()
        config = LoginConfig(name="paper", mode=TradingMode.PAPER, host="127.0.0.1", port=login.ports[0], client_id=95)
        table = GatewayTable()
        gateway = Gateway(
            {config: 0},
            table,
            held_against(table, OrderSettings(replace(DEFAULTS, position_age_ns_max=None))),
            open_rules(home),
            home=home,
            wall_ns=time.time_ns,
            clock=time.perf_counter,
            log=lambda _text: None,
        )
        await gateway.open()
        ended = asyncio.Event()
        running = asyncio.create_task(gateway.run(ended))
        desk: Any = gateway.doors[0].desk
        await until(lambda: not desk.warming_up)
        port = gateway.doors[0].address[1]
        ib, official, old = await session(port, NEW), Official(), old_program(port)
        await asyncio.to_thread(official.connect, "127.0.0.1", port, OFFICIAL)
        reading = threading.Thread(target=official.run, daemon=True)
        reading.start()
        sending = Sending(login, ib, official, old)
        task = asyncio.create_task(sending.run())
        try:
            await sending.passes()
            yield sending
        finally:
            task.cancel()
            ib.disconnect()
            official.disconnect()
            await asyncio.to_thread(old.communicate, "", PATIENCE_S)
            ended.set()
            await running
            await asyncio.to_thread(reading.join, PATIENCE_S)
        assert old.returncode == 0, "nobody is disconnected"


def test_a_guard_that_dies_hangs_lies_about_the_time_or_is_started_anew(tmp_path: Path) -> None:
    guards = [guard(tmp_path)]

    def sign_ahead(seconds: float) -> None:
        ahead = time.time() + seconds
        os.utime(tmp_path / FILE, (ahead, ahead))

    async def main() -> None:
        await until((tmp_path / FILE).exists)
        async with under_attack(tmp_path) as sending:
            guards[-1].kill()
            guards[-1].wait(PATIENCE_S)
            await asyncio.sleep(0.3)
            await sending.only_reduces()
            guards.append(guard(tmp_path))
            await sending.passes()
            guards[-1].send_signal(signal.SIGSTOP)  # its lock is held, and its sign is fresh for a while
            await asyncio.sleep(AGE_S_MAX + 0.5)
            await sending.only_reduces()
            sign_ahead(AGE_S_MAX + 2.0)  # as if the clock had gone back, and then it meets that sign
            await sending.only_reduces()
            await asyncio.sleep(AGE_S_MAX + 2.0 - WATCHED_S)
            await sending.only_reduces()
            guards[-1].send_signal(signal.SIGCONT)
            await sending.passes()

    try:
        asyncio.run(main())
    finally:
        for one in guards:
            one.kill()
            one.wait(PATIENCE_S)


def damage(folder: Path) -> None:
    for path in folder.glob("journal.db*"):
        with path.open("r+b") as file:
            file.write(b"\xff" * min(path.stat().st_size, 65_536))


def take_away(folder: Path) -> None:
    shutil.rmtree(folder)


def put_a_file_there(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("this is no folder")


@pytest.mark.parametrize("harm", [damage, take_away, put_a_file_there])
def test_a_journal_that_is_damaged_removed_or_replaced(harm: Callable[[Path], None], tmp_path: Path) -> None:
    folder, copy = tmp_path / "journal", tmp_path / "copy"
    one = guard(tmp_path)

    async def main() -> None:
        await until((tmp_path / FILE).exists)
        async with under_attack(tmp_path) as sending:
            shutil.copytree(folder, copy)
            harm(folder)
            await asyncio.sleep(0.3)
            await sending.only_reduces()
            shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
            copy.rename(folder)
            await sending.passes()

    try:
        asyncio.run(main())
    finally:
        one.kill()
        one.wait(PATIENCE_S)
