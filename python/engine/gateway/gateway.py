"""The whole gateway: a door for each login, what its journal needs, and what it says of itself.

`run` returns when it is told to end. Must never hold up an order for a disk: what it says of itself is written on a
thread.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.config.gateway_table import GatewayTable, allowed_networks
from engine.gateway.absences import Absences, Telling
from engine.gateway.announcing import take_up
from engine.gateway.door import Door
from engine.gateway.fence import fence_of
from engine.gateway.keeper import Keeper
from engine.gateway.kills import Kills
from engine.gateway.order_desk import OrderDesk
from engine.gateway.tally import Status
from engine.trading.daemons import Daemons
from engine.trading.entries import Entry, LoginConfig
from engine.trading.order_settings import OrderSettings
from engine.trading.rules import Rules

if TYPE_CHECKING:
    from engine.gateway.metrics import Metrics

FILE = "gateway.json"
TEND_EVERY_S = 1.0
TAKE_UP_S_MAX = 3.0  # for what a dead one has left: a disk that hangs keeps nobody from cancelling


class Gateway:
    """Over these logins, each on its port."""

    def __init__(
        self,
        logins: Mapping[LoginConfig, int],
        table: GatewayTable,
        found: OrderSettings,
        rules: Rules,
        *,
        home: Path,
        wall_ns: Callable[[], int],
        clock: Callable[[], float],
        log: Callable[[str], None],
        tell: Telling | None = None,
    ) -> None:
        """`clock`: for latencies, in seconds. `tell`: where alerts go, beside the log. Raises FenceError for a port
        that must not be opened.
        """
        self._table = table
        self._fence = fence_of(table)
        self._rules = rules
        self._log = log
        self._home = home
        self._wall_ns = wall_ns
        self._since_ns = wall_ns()
        self._daemons = Daemons()
        self._writing: asyncio.Future[None] | None = None
        self.doors = tuple(
            self._door(config, port, found, rules, clock=clock, log=log) for config, port in logins.items()
        )
        self._absences = Absences(found, rules.journal, home, tell=tell, log=log, wall_ns=wall_ns)
        self._metrics: Metrics | None = None
        self._kills = Kills(rules.journal, wall_ns)
        self._watching: asyncio.Task[None] | None = None
        for door in self.doors:
            self._kills.tell(door.scope, door.killed)

    def _door(
        self,
        config: LoginConfig,
        port: int,
        found: OrderSettings,
        rules: Rules,
        *,
        clock: Callable[[], float],
        log: Callable[[str], None],
    ) -> Door:
        desk = OrderDesk(
            Entry(config), found, rules, home=self._home, wall_ns=self._wall_ns, shadow=self._table.shadow, log=log
        )
        return Door(
            desk,
            Keeper(desk, self._table.client_id, wall_ns=self._wall_ns, log=log),
            address=(self._table.listen, port),
            allowed=allowed_networks(self._table),
            fence=self._fence,
            wall_ns=self._wall_ns,
            clock=clock,
            log=log,
        )

    async def open(self) -> None:
        """Listen on every port. Raises OSError, and then listens on none."""
        work = asyncio.get_running_loop().run_in_executor(self._daemons, take_up, self._home, self._rules, self._log)
        await asyncio.wait({work}, timeout=TAKE_UP_S_MAX)
        try:
            for door in self.doors:
                await door.open()
        except OSError:
            await self.close()
            raise
        self._serve_metrics()
        self._watching = asyncio.get_running_loop().create_task(self._kills.watch(), name="watch for kills")

    async def run(self, ended: asyncio.Event) -> None:
        """Until it is told to end."""
        while not ended.is_set():
            for door in self.doors:
                await door.desk.checks.tended()
                door.desk.checks.hear_others()
                door.desk.exercises.tidy()
            self._absences.look()
            self._write_status()
            try:
                async with asyncio.timeout(TEND_EVERY_S):
                    await ended.wait()
            except TimeoutError:
                continue
        await self.close()

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None
        await asyncio.gather(*(door.close() for door in self.doors))
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=TEND_EVERY_S)

    def status(self) -> Status:
        return Status(
            pid=os.getpid(),
            at_ns=self._wall_ns(),
            since_ns=self._since_ns,
            shadow=self._table.shadow,
            missing=dict(self._absences.missing),
            logins=tuple(door.line() for door in self.doors),
        )

    def _serve_metrics(self) -> None:
        """Orders do without, so nothing ends for a port that is taken."""
        if self._table.metrics_port:
            from engine.gateway.metrics import Metrics  # its library takes time to load

            try:
                self._metrics = Metrics(self._table.metrics_port)
            except OSError as error:
                self._log(f"no metrics are served on port {self._table.metrics_port}: {error.strerror or error}")

    def _write_status(self) -> None:
        if self._writing is None or self._writing.done():
            status = self.status()
            if self._metrics is not None:
                self._metrics.draw(status)
            told = msgspec.json.encode(status)
            self._writing = asyncio.get_running_loop().run_in_executor(self._daemons, self._write, told)

    def _write(self, status: bytes) -> None:
        """On a thread. One that cannot be written is seen to be old."""
        path = self._home / FILE
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(status)
            fresh.replace(path)
        except OSError:
            return


def read_status(home: Path) -> Status | None:
    """What a gateway has last said of itself; None: none has, or it cannot be read."""
    try:
        return msgspec.json.decode((home / FILE).read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None
