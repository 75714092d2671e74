"""The fire drill on a person's own paper TWS: the smallest position and a resting order are made, the switch is pulled.

It is refused for anything but an account that its id says is paper, and for a login where anything stands that it has
not made itself. The kill is `qe kill` in a process of its own, with a state folder of its own: a drill halts nobody and
opens no incident. Whatever ends the drill, what it has made goes first. What it shows is what IBKR's paper system does,
which is more than any simulator can, and less than the real one.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from engine import __version__
from engine.broker.closing_right import SIMULATED_WORLD
from engine.config.model import Login
from engine.config.places import FILE_NAME
from engine.core.contracts import Contract
from engine.core.known import Known
from engine.desk.drill_result import Told, told_by
from engine.own_program import qe
from engine.trading import IBKRAccountManager, Order, OrderTicket, TradingError, TradingMode
from engine.trading.errors import OrderUnconfirmed
from engine.trading.manager import ManagerSettings

CONTRACT = Contract(symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
ONE = Decimal(1)
CLIENT_ID, SPARE_IDS = 99, tuple(range(100, 107))
FILL_S = 15.0
KILL_S = 150.0
READ_S = 8.0
REASON = "PAPER DRILL"
KEPT = (SIMULATED_WORLD,)  # of what is set for this program: whose accounts these are, if they are simulated


class Refused(Exception):
    """The drill was not held, and nothing was sent but what the text names."""


class PaperDrill(msgspec.Struct, frozen=True, kw_only=True):
    """What it showed, as it is recorded. `opened`: a position was there when the switch was pulled; `flat`: fresh reads
    of ours, after the kill's own, show nothing.
    """

    login: str
    accounts: tuple[str, ...]
    started_at: str
    version: str
    opened: bool
    resting: bool
    seconds: float
    exit_code: int
    told: Told | None
    report: msgspec.Raw
    printed: str
    flat: bool
    notes: tuple[str, ...] = ()
    simulated: Literal[False] = False

    @property
    def passed(self) -> bool:
        return self.flat and self.exit_code == 0 and self.told is not None and self.told.flat


async def hold_paper_drill(login: Login, home: Path, say: Callable[[str], None]) -> PaperDrill:
    """Hold it on this login. Raises Refused."""
    if login.mode != "paper":
        raise Refused(f"{login.name} is a {login.mode} login: only a paper one is drilled")
    manager = IBKRAccountManager(
        settings=ManagerSettings(heartbeat=False, enforce_limits=False, tells=False), home=home
    )
    manager.add_account(
        login.name, TradingMode.PAPER, host=login.host, port=login.port, client_id=CLIENT_ID, spare_ids=SPARE_IDS
    )
    outcome = await manager.connect(login.name)
    if not outcome.connected:
        raise Refused(f"{login.name}: {outcome.text}")
    try:
        await _check(manager, login, outcome.accounts)
        say(f"{login.name}: paper account {outcome.accounts[0]}, nothing held, nothing working")
        return await _to_its_end(_Held(manager, login, outcome.accounts, say))
    finally:
        await manager.disconnect_all()


async def _to_its_end(held: _Held) -> PaperDrill:
    """Ctrl-C ends a drill as everything else does, but what it has made goes first; a second one is not waited for."""
    drilling = asyncio.create_task(held.hold())
    try:
        return await asyncio.shield(drilling)
    except asyncio.CancelledError:
        if not drilling.done():
            held.stop()
            await asyncio.gather(drilling, return_exceptions=True)
        raise


class _Held:
    """A drill from its first order on. `in_doubt`: TWS has not confirmed an order, which may be live."""

    def __init__(
        self, manager: IBKRAccountManager, login: Login, accounts: tuple[str, ...], say: Callable[[str], None]
    ) -> None:
        self._manager, self._login, self._accounts, self._say = manager, login, accounts, say
        self._notes: list[str] = []
        self._in_doubt = False
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        self._say(f"{self._login.name}: stopped; what the drill has made goes first (Ctrl-C again leaves it there)")

    async def hold(self) -> PaperDrill:
        opened = await self._open()
        resting = not self._stopped and await self._rest()
        nothing = "neither a position nor an order could be made: " + "; ".join(self._notes)
        if not (opened or resting or self._in_doubt or self._stopped):
            raise Refused(nothing)
        self._say(f"{self._login.name}: pulling the switch")
        started_at, began = datetime.now(UTC), time.monotonic()
        exit_code, printed, report = await _kill(self._login)
        seconds = time.monotonic() - began
        flat = await _flat(self._manager, self._login)
        self._say(f"{self._login.name}: {'flat' if flat else 'NOT FLAT'} by reads of the drill's own")
        if not (opened or resting):
            after = "nothing is there" if flat else "SOMETHING IS THERE: close it in TWS"
            raise Refused(f"{nothing}\nThe switch was pulled all the same, since an order may be live: {after}")
        return PaperDrill(
            login=self._login.name,
            accounts=self._accounts,
            started_at=started_at.isoformat(timespec="seconds"),
            version=__version__,
            opened=opened,
            resting=resting,
            seconds=round(seconds, 3),
            exit_code=exit_code,
            told=told_by(report),
            report=msgspec.Raw(report or b"null"),
            printed=printed,
            flat=flat,
            notes=tuple(self._notes),
        )

    async def _open(self) -> bool:
        """One share at the market. A market that is closed is no reason not to drill the rest."""
        ticket = await self._place(Order(order_type="MKT"))
        end = time.monotonic() + FILL_S
        while ticket is not None and time.monotonic() < end and not self._stopped:
            if ticket.filled:
                self._say(f"{self._login.name}: bought 1 SPY")
                return True
            await asyncio.sleep(0.1)
        if ticket is not None:
            self._notes.append(
                "the market order was not filled (is the market open?): it was left working for the kill to cancel"
            )
        return False

    async def _rest(self) -> bool:
        """One order that rests far from the market."""
        ticket = await self._place(Order(order_type="LMT", lmt_price=ONE))
        if ticket is not None:
            self._say(f"{self._login.name}: a limit order of 1 SPY at 1.00 is working")
        return ticket is not None

    async def _place(self, order: Order) -> OrderTicket | None:
        order = msgspec.structs.replace(order, action="BUY", total_quantity=ONE, tif="DAY", account=self._accounts[0])
        try:
            return await self._manager.place_order(self._login.name, CONTRACT, order)
        except TradingError as error:
            self._in_doubt = self._in_doubt or isinstance(error, OrderUnconfirmed)
            self._notes.append(str(error).rstrip("."))
            return None


async def _check(manager: IBKRAccountManager, login: Login, accounts: tuple[str, ...]) -> None:
    """Nothing but what the drill makes may be closed by it."""
    if not accounts or not all(account.startswith("D") for account in accounts):
        raise Refused(
            f"{login.name} shows {', '.join(accounts) or 'no account'}: that is not only paper. Nothing was sent"
        )
    positions, orders = await _read(manager, login)
    if positions or orders:
        raise Refused(
            f"{login.name} has {positions} positions and {orders} working orders, which the drill would close: close "
            "them yourself, or drill another paper login. Nothing was sent"
        )


async def _read(manager: IBKRAccountManager, login: Login) -> tuple[int, int]:
    """How many positions and working orders fresh reads show. Raises Refused if they cannot be read."""
    end = time.monotonic() + READ_S
    while time.monotonic() < end:
        await manager.refresh(login.name)
        positions, orders = manager.positions(login.name), manager.working_orders(login.name)
        if isinstance(positions, Known) and isinstance(orders, Known):
            return sum(1 for one in positions.value if one.quantity), len(orders.value)
        await asyncio.sleep(0.5)
    raise Refused(f"{login.name}: positions and orders cannot be read")


async def _kill(login: Login) -> tuple[int, str, bytes | None]:
    """`qe kill` on this login alone; its exit code, what it printed, and its report."""
    with tempfile.TemporaryDirectory(prefix="quant-engine-drill-") as folder:
        home = Path(folder)
        table = f'[logins.{login.name}]\nmode = "paper"\nhost = "{login.host}"\nport = {login.port}\n'
        (home / FILE_NAME).write_text(table, encoding="utf-8")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("QE_") or name == "QE_SIMULATED_WORLD"
        }
        environment = kept | {"QE_HOME": folder, "QE_INCIDENT_LOG": str(home / "INCIDENT_LOG.md"), "NO_COLOR": "1"}
        process = await asyncio.create_subprocess_exec(
            *qe("kill", "--reason", REASON, "--config", str(home / FILE_NAME)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )
        try:
            async with asyncio.timeout(KILL_S):
                printed, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return -1, "", None
        records = sorted((home / "kills").glob("*.json"))
        return process.returncode or 0, printed.decode(errors="replace"), records[-1].read_bytes() if records else None


async def _flat(manager: IBKRAccountManager, login: Login) -> bool:
    """Not by the kill's word: by two reads of our own."""
    for _ in range(2):
        try:
            if await _read(manager, login) != (0, 0):
                return False
        except (Refused, TradingError):
            return False
        await asyncio.sleep(0.5)
    return True
