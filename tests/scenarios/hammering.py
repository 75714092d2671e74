"""The processes of the hammer test: a simulated TWS that counts, programs that hammer orders, and one that halts.

    python hammering.py world
    python hammering.py hammer FIRST_CLIENT_ID PORT
    python hammering.py pair PORT
    python hammering.py halter PORT MARKS_PORT

Each answers the lines it is sent with a line of JSON, and ends with its standard input. What arrived after a halt is
told by order and not by clocks: whoever has halted says so on a socket, and the world first takes whatever its own
sockets hold by then. `QE_TAKEN_AWAY` removes a safeguard, `QE_SLOWLY` stretches the moment between the last look and
the write: a system may suspend a program there.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.preflight.settings import Need, Settings
from engine.journal.gate import Gate
from engine.simulator.build import build_world
from engine.simulator.scenario import AccountSetup, PositionSetup, load_scenario
from engine.simulator.server.log import Entry, Kind
from engine.trading import IBKRAccountManager, TradingMode, errors, last_look
from engine.trading.other_programs import OtherPrograms
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
ES = Contract(symbol="ES", sec_type="FUT", exchange="CME", currency="USD", last_trade_date="202603")
AAPL = Contract(con_id=265598, symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
RESTING_REF = "rests-before"
LOGINS = 2  # connections of one program, each with a message limit of its own
AT_ONCE = 4  # orders that each of them has under way
SLOWLY_S = 0.02
MANY = 10_000
NO_PACE = Settings(
    duplicates_max=MANY,
    repeats_max=MANY,
    orders_per_second_max=MANY,
    orders_per_minute_max=MANY,
    expiry=Need.OFF,  # the world's calendar is not that of these processes
)
"""What is tested is the halt and the limit, and not that so much would be refused without them."""

Command = Callable[..., Awaitable[dict[str, object]]]


async def serve(commands: dict[str, Command], lines: asyncio.StreamReader | None, say: Callable[[str], None]) -> None:
    """Answer each line in turn until there are no more."""
    while True:
        line = await (lines.readline() if lines is not None else asyncio.to_thread(sys.stdin.buffer.readline))
        if not line:
            return
        name, *words = line.decode().split()
        say(json.dumps(await commands[name](*words)))


def say_aloud(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# the exchange ---------------------------------------------------------------------------------------------------------
class Counting:
    """Risk-adding orders as they arrive, while they may and after they must not."""

    def __init__(self) -> None:
        self.adders = self.late = self.futures = 0
        self.shut = False
        self.changed = asyncio.Event()

    def note(self, entry: Entry) -> None:
        order = entry.message.order if isinstance(entry.message, PlaceOrder) else None
        if entry.kind is Kind.REQUEST and order is not None and order.action == "BUY":
            self.futures += entry.message.contract.symbol == "ES"
            self.adders += order.order_ref != RESTING_REF
            self.late += self.shut
            self.changed.set()

    def told(self) -> dict[str, object]:
        return {"adders": self.adders, "late": self.late, "futures": self.futures}

    async def do_open(self) -> dict[str, object]:
        self.shut = False
        return self.told()

    async def do_shut(self) -> dict[str, object]:
        for _ in range(3):  # what lies in the sockets when this is read was sent before
            await asyncio.sleep(0)
        self.shut = True
        return self.told()

    async def do_wait(self, more: str) -> dict[str, object]:
        enough = self.adders + int(more)
        while self.adders < enough:
            self.changed.clear()
            await self.changed.wait()
        return self.told()

    async def do_count(self) -> dict[str, object]:
        return self.told()


async def world() -> None:
    plan = load_scenario("calm")
    holds = (PositionSetup(contract="AAPL", quantity=Decimal(100_000)),)
    account = AccountSetup(id="DU1234567", cash=Decimal(100_000_000), positions=holds)
    paper = next(login for login in plan.logins if login.name == "paper")
    plan = replace(plan, moves=False, logins=(replace(paper, accounts=(account,), orders=()),))
    made = build_world(plan, ports={"paper": (0,)})
    counting = Counting()
    made.log.watch(counting.note)
    commands: dict[str, Command] = {
        "open": counting.do_open, "shut": counting.do_shut, "wait": counting.do_wait, "count": counting.do_count,
    }  # fmt: skip

    async def marks(lines: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        await serve(commands, lines, lambda text: out.write(text.encode() + b"\n"))

    async with made, await asyncio.start_server(marks, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        say_aloud(json.dumps({"port": made.login("paper").ports[0], "marks": port}))
        await serve(commands, None, say_aloud)


# the programs ---------------------------------------------------------------------------------------------------------
class Hammer:
    """One program with a few connections. It adds all the time, and reduces or cancels when it is told to."""

    def __init__(self, manager: IBKRAccountManager, names: list[str]) -> None:
        self.manager = manager
        self.names = names
        self.halted = self.numbers = 0
        self.changed = asyncio.Event()
        self.resting: list[tuple[str, Any]] = []

    async def add(self, name: str) -> None:
        """One order after the other, each at a price of its own; what is refused gives way to the rest."""
        while True:
            self.numbers += 1
            order = buy(f"{100 + self.numbers % 5000 * Decimal('0.01')}", tif="IOC")
            try:
                await self.manager.place_order(name, SPY, order)
            except errors.TradingHalted:
                self.halted += 1
                self.changed.set()
                await asyncio.sleep(0.002)

    async def do_rest(self) -> dict[str, object]:
        for name in self.names:
            ticket = await self.manager.place_order(name, SPY, buy("1.00", order_ref=RESTING_REF))
            self.resting.append((name, ticket))
        return {"resting": len(self.resting)}

    async def do_fill(self) -> dict[str, object]:
        """One future after the other over every connection at once, until the limit refuses each of them."""

        async def fill(name: str) -> int:
            sent = 0
            with suppress(errors.OrderDenied, errors.OrderRefused):  # TWS has a limit too, far beyond
                while True:
                    order = buy(f"{100 + sent}.00", order_ref=RESTING_REF)
                    await self.manager.place_order(name, ES, order)
                    sent += 1
            return sent

        return {"sent": sum(await asyncio.gather(*map(fill, self.names)))}

    async def do_safe(self) -> dict[str, object]:
        """While halted: wait for refusals of this halt, then a cancel and a reducing order of each connection."""
        enough = self.halted + LOGINS * AT_ONCE
        while self.halted < enough:
            self.changed.clear()
            await self.changed.wait()
        for name, ticket in self.resting:
            await self.manager.cancel_order(name, ticket)
        reduced = [await self.manager.place_order(name, AAPL, sell()) for name in self.names]
        answer: dict[str, object] = {"refused": self.halted, "cancelled": len(self.resting), "reduced": len(reduced)}
        self.resting.clear()
        return answer


def buy(price: str, **more: Any) -> Order:
    return Order(action="BUY", total_quantity=Decimal(1), order_type="LMT", lmt_price=Decimal(price), **more)


def sell() -> Order:
    return Order(action="SELL", total_quantity=Decimal(1), order_type="MKT", tif="DAY")


def slowly() -> None:
    """Stretch the moment between the last look and the write."""
    look, wait = last_look.LastLook.enter, threading.Event()

    def enter(self: last_look.LastLook) -> str | None:
        why = look(self)
        if why is None:
            wait.wait(SLOWLY_S)
        return why

    last_look.LastLook.enter = enter


def take_away(what: str) -> None:
    """What one of the safeguards is worth."""
    if what == "gate":
        Gate.enter = Gate.leave = lambda self: None
        Gate.drain = lambda self, **_: True
    elif what == "others":
        OtherPrograms.take_in = lambda self: None
    elif what == "last look":
        last_look.LastLook.enter = lambda self: None


def made_manager(names: list[str], first_client: int, port: int) -> IBKRAccountManager:
    manager = IBKRAccountManager(preflight=NO_PACE)
    for number, name in enumerate(names):
        manager.add_account(name, TradingMode.PAPER, client_id=first_client + number, port=port)
    return manager


async def hammer(first_client: str, port: str) -> None:
    names = [f"paper{number}" for number in range(LOGINS)]
    one = Hammer(made_manager(names, int(first_client), int(port)), names)
    assert (await one.manager.connect_all()).all_connected
    async with asyncio.TaskGroup() as group:
        adding = [group.create_task(one.add(name)) for name in names for _ in range(AT_ONCE)]
        say_aloud("{}")
        await serve({"rest": one.do_rest, "safe": one.do_safe, "fill": one.do_fill}, None, say_aloud)
        for task in adding:
            task.cancel()
    await one.manager.disconnect_all()


async def pair(port: str) -> None:
    """Two programs in one process, in step whatever else the machine does: they know as little of each other."""
    names = [f"paper{number}" for number in range(LOGINS)]
    both = [Hammer(made_manager(names, first, int(port)), names) for first in (11, 31)]
    for one in both:
        assert (await one.manager.connect_all()).all_connected

    async def do_fill() -> dict[str, object]:
        answers = await asyncio.gather(*(one.do_fill() for one in both))
        return {"sent": sum(int(str(answer["sent"])) for answer in answers)}

    say_aloud("{}")
    await serve({"fill": do_fill}, None, say_aloud)
    for one in both:
        await one.manager.disconnect_all()


async def halter(port: str, marks_port: str) -> None:
    """Never connected to TWS, as `qe halt` is not: it knows no accounts, and binds the place."""
    manager = made_manager(["paper"], 70, int(port))
    marks = socket.create_connection(("127.0.0.1", int(marks_port)))
    answers = marks.makefile("rb")

    async def do_halt() -> dict[str, object]:
        halted = manager.halt_trading("paper", "hammer test")
        marks.sendall(b"shut\n")  # the very next thing
        counted: dict[str, object] = json.loads(answers.readline())
        return {"durable": halted.durable, "drained": halted.drained, **counted}

    async def do_resume() -> dict[str, object]:
        manager.resume_trading("paper", reason="hammer test")
        return {}

    say_aloud("{}")
    await serve({"halt": do_halt, "resume": do_resume}, None, say_aloud)
    answers.close()
    marks.close()


if __name__ == "__main__":
    take_away(os.environ.get("QE_TAKEN_AWAY", ""))
    if os.environ.get("QE_SLOWLY"):
        slowly()
    roles: dict[str, Callable[..., Any]] = {"world": world, "hammer": hammer, "pair": pair, "halter": halter}
    asyncio.run(roles[sys.argv[1]](*sys.argv[2:]))
