"""The parts of the cockpit, put together once: what its pages and its API are handed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool

from engine.config.web_table import WebTable
from engine.trading.daemons import Daemons
from engine.trading.rules import open_rules
from engine.web import private_files
from engine.web.access import Who
from engine.web.access_log import AccessLog
from engine.web.doors import Gatekeeper
from engine.web.drawing import Drawing
from engine.web.hands import Hands
from engine.web.live import Live
from engine.web.picture import Picture
from engine.web.reading import Reading
from engine.web.runs import Run
from engine.web.sessions import Ended, Seals, Tokens
from engine.web.throttle import Throttle
from engine.web.users import Users

T = TypeVar("T")
TEND_EVERY_S = 1.0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the cockpit lives, and its clock. `page`: the incident log. `config` None: wherever it is found."""

    home: Path
    page: Path
    config: str | None = None
    wall_ns: Callable[[], int] = time.time_ns


class Cockpit:
    """Raises OSError or Unreadable if what keeps strangers out cannot be used: then there is no cockpit."""

    def __init__(
        self, place: Place, table: WebTable, *, log: Callable[[str], None], users: Users | None = None
    ) -> None:
        folder = place.home / private_files.FOLDER
        self.place = place
        self.table = table
        self.log = log
        self.seals = Seals(private_files.secret(folder))
        self.users = users or Users(folder)
        self.tokens = Tokens(folder)
        self.keeper = Gatekeeper(table, self.users, self.seals, Ended(folder), self.tokens, place.wall_ns)
        self.throttle = Throttle()
        self.access_log = AccessLog(folder, place.wall_ns)
        self.reading = Reading(
            place.home, open_rules(place.home, wall_ns=place.wall_ns, actor="cockpit"), place.config, place.wall_ns
        )
        self.hands = Hands(self.reading, place.page)
        self.drawing = Drawing()
        self._daemons = Daemons()
        self.live = Live(self._look, self.drawing.parts, log=log)

    def _look(self) -> tuple[Picture, Run | None]:
        return self.reading.picture(), self.hands.kills.last()

    async def away(self, work: Callable[[], T]) -> T:
        """Work that blocks, on a thread."""
        done: Awaitable[T] = run_in_threadpool(work)
        return await done

    async def at_once(self, work: Callable[[], T]) -> T:
        """A stop: on a thread of its own, which waits behind no other work, however much of that hangs."""
        return await asyncio.get_running_loop().run_in_executor(self._daemons, work)

    async def tend(self) -> None:
        """Take in what waits beside the journal, as every program does that has one open: until it is cancelled. Beside
        the looking, which must not wait for whoever writes.
        """
        while True:
            work = partial(self.reading.rules.journal.tend, self.place.wall_ns())
            tending = asyncio.get_running_loop().run_in_executor(self._daemons, work)
            await asyncio.wait({tending})
            if tending.exception() is not None:
                self.log(f"the cockpit could not look after the journal: {tending.exception()!r}")
            await asyncio.sleep(TEND_EVERY_S)

    def pressed(self, what: str, who: Who, **more: str) -> None:
        self.access_log.note(what, who.name, who.address, way=who.way, **more)
