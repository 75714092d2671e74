"""The machine that the product's programs run on in a torture run: its disk, its clock, its locks, and the programs.

Made as the commands make them, with everything injected. Decides nothing and judges nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import msgspec

from engine.broker.failures import LinkFailure
from engine.broker.link import Link
from engine.config.gateway_table import GatewayTable
from engine.config.guard_table import GuardTable
from engine.config.limits_table import LimitsTable
from engine.config.model import default_config
from engine.core.alerting import Message
from engine.core.kill.settings import SECOND, KillSettings
from engine.core.preflight.settings import Settings
from engine.gateway.gateway import Gateway
from engine.guard.guard import Guard, Outside, add_logins
from engine.journal.chain import Sealed
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.torture.disk import Disk
from engine.torture.programs import Program, ProgramLoop
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.entries import LoginConfig
from engine.trading.heartbeats import FOLDER, Heart
from engine.trading.manager import ManagerSettings
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import Rules

PORTS = {"paper": 7497, "live": 7496}
DOOR_OFFSET = 100
MODES = {"paper": TradingMode.PAPER, "live": TradingMode.LIVE}
SETTINGS = Settings(duplicates_max=1000, repeats_max=1000)  # what is tested is not that so much is refused without them
LIMITS = LimitsTable()
BOT_IDS = {"bot1": 21, "bot2": 22}


class Running:
    """One program, from its start to its death. `end` brings it to its end in its own time."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.ended = asyncio.Event()

    async def begin(self) -> None:
        """What it does by itself when it starts."""

    async def end(self) -> None:
        self.ended.set()


class Engine(Running):
    """A program over the library: an engine that connects, or a command that does not."""

    def __init__(self, program: Program, manager: IBKRAccountManager) -> None:
        super().__init__(program)
        self.manager = manager

    async def begin(self) -> None:
        await self.manager.connect_all()

    async def end(self) -> None:
        await self.manager.disconnect_all()


class Watcher(Engine):
    """The guard. It runs until it is told to end."""

    def __init__(self, program: Program, manager: IBKRAccountManager, guard: Guard) -> None:
        super().__init__(program, manager)
        self.guard = guard
        self._over = asyncio.Event()

    async def begin(self) -> None:
        await self.guard.run(self.ended)
        self._over.set()

    async def end(self) -> None:
        self.ended.set()
        await self._over.wait()


class Doorkeeper(Running):
    """The gateway."""

    def __init__(self, program: Program, gateway: Gateway) -> None:
        super().__init__(program)
        self.gateway = gateway
        self._over = asyncio.Event()

    async def begin(self) -> None:
        await self.gateway.open()
        await self.gateway.run(self.ended)
        self._over.set()

    async def end(self) -> None:
        self.ended.set()
        await self._over.wait()


class Bot(Running):
    """Somebody's own program, which trades through the gateway and knows nothing of us."""

    def __init__(self, program: Program, client_id: int) -> None:
        super().__init__(program)
        self._client_id = client_id
        self._links: dict[str, Link] = {}

    async def link(self, login: str) -> Link | None:
        """Its connection, made where there is none. None: it cannot be had."""
        found = self._links.get(login)
        if found is not None and found.up:
            return found
        made = self._links[login] = Link("127.0.0.1", PORTS[login] + DOOR_OFFSET, self._client_id)
        try:
            await made.connect()
        except LinkFailure:
            return None
        return made

    async def end(self) -> None:
        for link in self._links.values():
            link.close("it ends")


class Machine:
    """One for each run. `told` hears of every append that a program was told is durable, `beats` of every engine's sign
    of life. `guarded`: somebody listens for these.
    """

    def __init__(
        self,
        loop: ProgramLoop,
        place: Path,
        logins: tuple[str, ...],
        *,
        deadline_s: float,
        file: bool,
        told: Callable[[str, tuple[Sealed, ...]], None],
        beats: Callable[[str], None],
        guarded: bool = False,
        silence_kills_s: float = 0.0,
    ) -> None:
        self.loop = loop
        self.hearts = place / FOLDER
        self._beats, self._guarded, self._silence_kills_s = beats, guarded, silence_kills_s
        if guarded:
            self.hearts.mkdir(mode=0o700)
        self.place = place
        self.disk = Disk(place / "journal" if file else None)
        self.clock_off_ns = 0
        self.running: dict[str, Running] = {}
        self.messages: list[Message] = []
        self._logins = logins
        self._deadline_s = deadline_s
        self._told = told
        self._numbers = count(1)

    def wall_ns(self) -> int:
        """The machine's clock."""
        return self.loop.wall_ns() + self.clock_off_ns

    def living(self, who: str) -> Running | None:
        """The program, if it runs."""
        found = self.running.get(who)
        return None if found is None or found.program.dead else found

    def made(self, who: str) -> Running:
        """A new one of that name."""
        program = self._program(who)
        made: Running
        if who in BOT_IDS:
            made = Bot(program, BOT_IDS[who])
        elif who.startswith("gateway"):
            made = Doorkeeper(program, self._gateway(who))
        elif who.startswith("guard"):
            made = self._watcher(who, program)
        else:
            made = self.engine(who, program)
        self.running[who] = made
        return made

    name = "torture"  # as a channel of the guard's alerts

    def send(self, message: Message) -> str | None:
        """The guard's way to people."""
        self.messages.append(message)
        return None

    # --- programs -----------------------------------------------------------------------------------
    def _program(self, who: str) -> Program:
        alias = self.place / f"p{next(self._numbers)}"
        alias.symlink_to(self.place)  # one folder of locks, by a name for each program
        return Program(self.loop, alias / "locks", who)

    def engine(self, who: str, program: Program | None = None) -> Engine:
        program = program or self._program(who)
        manager = self._manager(who, program)
        offset = 10 if who.endswith("2") else 0
        for name in self._logins:
            mode = MODES[name]
            manager.add_account(name, mode, client_id=mode.default_client_id + offset, port=PORTS[name])
        return Engine(program, manager)

    def _watcher(self, who: str, program: Program) -> Watcher:
        config = default_config()
        config = msgspec.structs.replace(
            config,
            logins=tuple(one for one in config.logins if one.name in self._logins),
            guard=GuardTable(verify_every_s=0, heartbeat_kill_s=self._silence_kills_s),
            limits=LIMITS,
        )
        manager = self._manager(who, program, enforces=True)
        add_logins(manager, config)
        outside = Outside(wall_ns=self.wall_ns, monotonic_ns=self.loop.wall_ns, channels=(self,))
        home, page = self.place / who, self.place / "incidents.md"
        home.mkdir(mode=0o700, exist_ok=True)
        if not (home / FOLDER).exists():
            (home / FOLDER).symlink_to(self.hearts)  # each guard has a folder of its own, and listens to all engines
        guard = Guard(config, manager, home, page, outside=outside, log=_unheard, callable_=False)
        return Watcher(program, manager, guard)

    def _gateway(self, who: str) -> Gateway:
        doors = {}
        for name in self._logins:
            mode = MODES[name]
            config = LoginConfig(
                name=name, mode=mode, host="127.0.0.1", port=PORTS[name], client_id=mode.default_client_id
            )
            doors[config] = PORTS[name] + DOOR_OFFSET
        return Gateway(
            doors,
            GatewayTable(),
            OrderSettings(SETTINGS),
            self._rules(who),
            home=self.place,
            wall_ns=self.wall_ns,
            clock=self.loop.time,
            log=_unheard,
        )

    def _manager(self, who: str, program: Program, *, enforces: bool = False) -> IBKRAccountManager:
        number = next(self._numbers)
        kills = count(1)
        heart = self._heart(who) if self._guarded and who.startswith("engine") else None
        return IBKRAccountManager(
            settings=ManagerSettings(
                tells=False,
                kill=KillSettings(deadline_ns=round(self._deadline_s * SECOND)),
                heartbeat=heart is not None,
                enforce_limits=enforces,
            ),
            wall_ns=self.wall_ns,
            kill_ids=lambda: f"{who}x{number}x{next(kills)}",
            lock_directory=program.locks,
            home=self.place,
            rules=self._rules(who),
            preflight=SETTINGS,
            limits=LIMITS,
            heart=heart,
        )

    def _heart(self, who: str) -> Heart:
        """Of an engine, under its own name; its successor goes on with it. Touched by the clock of the loop: the disk's
        own would not tell two touches in one instant of real time apart.
        """

        def touched_ns() -> int:
            self._beats(who)
            return self.loop.wall_ns()

        return Heart(self.place, who, touched_ns)

    def _rules(self, who: str) -> Rules:
        number, ids = next(self._numbers), count(1)
        journal = Journal(self.disk.store(partial(self._told, who)), actor=who, clock=self.wall_ns)
        return Rules(
            journal, LocalGate(), wall_ns=self.wall_ns, actor=who, new_id=lambda: f"{who}-{number}-{next(ids)}"
        )


def _unheard(_: str) -> None:
    """What a program writes to its log is not looked at."""
