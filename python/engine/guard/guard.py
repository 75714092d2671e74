"""The guard: one process that watches every login, enforces its limits, and needs nothing of any engine.

Here its parts are put together and kept running; each part has a file of its own. A part that fails by a fault of ours
is told, written to the log and started anew: one fault must not end the rest. Must never end by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import msgspec

from engine.config.guard_settings import alert_settings, dead_man_settings
from engine.config.model import Config
from engine.core.alerting import Message, Severity
from engine.core.foreign import ForeignSettings
from engine.core.limit_views import LimitsView
from engine.core.restrictions import Cause, Kind, Restriction
from engine.guard.alert_desk import AlertDesk, Channel
from engine.guard.control import Answer, Control, Request
from engine.guard.day_line import DayLines
from engine.guard.keeper import Keeper
from engine.guard.listening import Listening
from engine.guard.quarantine import Quarantine
from engine.guard.records import Picture, Records, pressed_kills
from engine.guard.stops import Stops
from engine.temporary import make_private
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.daemons import Daemons
from engine.trading.heartbeats import FOLDER
from engine.trading.presence import EVERY_S, Presence, Sign

SPARE_IDS = 7
TEND_EVERY_S = 0.5
PING_EVERY_S = 60.0
DRAW_EVERY_S = 1.0
ANEW_AFTER_S = 1.0
SECOND_NS = 1_000_000_000


class Outside(msgspec.Struct, frozen=True):
    """Clocks and ways out, injected. `ping` tells a watcher outside that the guard is well: None, or why it cannot."""

    wall_ns: Callable[[], int] = time.time_ns
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    channels: tuple[Channel, ...] = ()
    ping: Callable[[str], str | None] | None = None


class Guard:
    """Over the logins of a configuration. `manager` is its own, made with `manager_for`."""

    def __init__(
        self,
        config: Config,
        manager: IBKRAccountManager,
        home: Path,
        page: Path,
        *,
        outside: Outside,
        log: Callable[[str], None],
        callable_: bool = True,
    ) -> None:
        """`callable_` False: no socket is opened for commands."""
        self._config = config
        self._manager = manager
        self._home = home
        self._outside = outside
        self._log = log
        self._daemons = Daemons()
        self._since_ns = outside.wall_ns()
        self._standing: dict[str, Restriction] = {}
        self._taken_up = False
        self._lag_s = 0.0
        table = config.guard
        self.records = Records(manager, monotonic_ns=outside.monotonic_ns)
        self.alerts = AlertDesk(outside.channels, alert_settings(config.alerts), log=log, now_ns=outside.monotonic_ns)
        self.stops = Stops(manager, self.alerts, page, wall_ns=outside.wall_ns, log=log)
        manager.use_for_limits(self.stops.kill_all)
        self.listening = Listening(
            manager,
            self.stops,
            self.alerts,
            dead_man_settings(table),
            home,
            monotonic_ns=outside.monotonic_ns,
            log=log,
        )
        settings = ForeignSettings(cancel=table.foreign_orders == "cancel", close=table.quarantine == "close")
        self.quarantine = Quarantine(
            manager,
            self.records,
            self.stops,
            self.alerts,
            settings,
            {login.name: (login.host, login.port) for login in config.logins},
            wall_ns=outside.wall_ns,
            log=log,
        )
        self.keepers = {
            name: Keeper(
                manager,
                name,
                self.alerts,
                verify_every_s=table.verify_every_s,
                log=log,
                matched=partial(self.records.matched, name),
            )
            for name in manager.logins
        }
        self.control = Control(home, self.answer) if callable_ else None

    async def run(self, ended: asyncio.Event) -> None:
        """Guard until `ended` is set. Then connections are closed; what is halted stays halted."""
        with contextlib.suppress(OSError):  # what cannot be made cannot be touched either, and is told by listening
            make_private(self._home / FOLDER)
        presence = Presence(os.getpid(), self._since_ns, self._manager.logins, *await self._open_control())
        sign = Sign(self._home, presence)
        parts: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "alerts": self.alerts.run,
            "signs of life": lambda: self._give_signs(sign),
            "heartbeats": self.listening.run,
            "quarantine": self.quarantine.run,
            "records": self.records.run,
            "telling": self._tend,
            "kills begun": self._take_up,
            "ping": self._ping,
            "metrics": self._draw,
            "day line": DayLines(self._home, self._limits_now, self._outside.wall_ns).run,
            **({"cockpit": self._cockpit} if self._config.web.with_guard else {}),
            **{f"login {name}": keeper.run for name, keeper in self.keepers.items()},
        }
        tasks = [asyncio.create_task(self._keep(name, part), name=name) for name, part in parts.items()]
        try:
            await ended.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.stops.settled()
            if self.control is not None:
                await self.control.close()
            await self._manager.disconnect_all()
            sign.end()

    async def _open_control(self) -> tuple[int, str]:
        """The port and the token of the socket, where it has any."""
        if self.control is None:
            return 0, ""
        await self.control.open()
        if self.control.trouble:
            self._log(self.control.trouble)
            self.alerts.tell("control", Severity.WARNING, "the guard cannot be called", self.control.trouble)
        return self.control.port, self.control.token

    async def _keep(self, name: str, part: Callable[[], Coroutine[None, None, None]]) -> None:
        """Run a part, and run it again when it fails."""
        while True:
            task = asyncio.create_task(part(), name=name)
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()  # when we are cancelled ourselves; one that has ended takes no notice
            fault = None if task.cancelled() else task.exception()
            text = f"the guard's part {name!r} has failed and is started anew: {fault!r}"
            self._log(text)
            self.alerts.tell(f"fault of {name}", Severity.CRITICAL, "a fault of the guard itself", text, lasting=False)
            await asyncio.sleep(ANEW_AFTER_S)

    # --- parts --------------------------------------------------------------------------------------
    async def _give_signs(self, sign: Sign) -> None:
        """Alive is who gives a sign from the loop that does all the rest."""
        loop = asyncio.get_running_loop()
        while True:
            sign.give()
            before = loop.time()
            await asyncio.sleep(EVERY_S)
            self._lag_s = max(0.0, loop.time() - before - EVERY_S)

    async def _tend(self) -> None:
        """What the records say is told: whatever stops a login, whoever has imposed it."""
        while True:
            picture = self.records.last
            if picture is not None:
                self._tell_restrictions(picture)
                self._halt_if_nobody_looks(picture)
            self._tell_trouble(picture)
            await asyncio.sleep(TEND_EVERY_S)

    def _tell_restrictions(self, picture: Picture) -> None:
        now = {f"{name}: {one.id}": one for name, state in picture.states.items() for one in state.standing}
        if self.records.unanswered_s:  # then only who has imposed something knows of it
            now |= {f"{name}: {one.id}": one for name in picture.states for one in self._manager.standing_now(name)}
        for key, one in now.items():
            if key not in self._standing:
                title = f"{one.scope.login}: {one.kind.value.replace('_', ' ')} by {one.cause.value}"
                self.alerts.tell(key, Severity.CRITICAL, title, f"{one.reason} ({_until(one)}, by {one.actor})")
        for key in self._standing.keys() - now.keys():
            self.alerts.clear(key, "it stands no more")
        self._standing = now

    def _tell_trouble(self, picture: Picture | None) -> None:
        unanswered_s = self.records.unanswered_s
        if unanswered_s:
            text = (
                f"the disk has not answered for {unanswered_s:.0f} s: nothing is written down. Limits and the "
                f"kill go on without it; what others do under a halt is not answered"
            )
            self.alerts.tell("journal", Severity.CRITICAL, "the journal cannot be used", text)
        elif picture is not None and picture.trouble:
            self.alerts.tell("journal", Severity.CRITICAL, "the journal cannot be used", picture.trouble)
        elif picture is not None:
            self.alerts.clear("journal", "it is sound again")

    def _halt_if_nobody_looks(self, picture: Picture) -> None:
        after_s = self._config.alerts.unseen_halt_s
        if after_s and self.alerts.unseen_ns() >= after_s * SECOND_NS:
            reason = f"a critical alert has stood for {after_s:g} s and nobody has acknowledged it"
            names = tuple(name for name in self._manager.logins if picture.states[name].may_add_risk)
            self.stops.halt(names, reason, Cause.DEAD_MAN)

    async def _draw(self) -> None:
        """The picture that metrics are made of."""
        port = self._config.guard.metrics_port
        if not port:
            await asyncio.Event().wait()
        from engine.guard.metrics import Metrics  # large, and seldom wanted

        try:
            metrics = Metrics(port)
        except OSError as error:
            why = f"port {port} of this machine cannot be opened: {error.strerror or error}"
            self.alerts.tell("metrics", Severity.WARNING, "no metrics are served", why)
            await asyncio.Event().wait()
            return
        try:
            while True:
                metrics.draw(self.told())
                await asyncio.sleep(DRAW_EVERY_S)
        finally:
            metrics.close()

    def _limits_now(self) -> dict[str, LimitsView | None]:
        return {name: self._manager.limits_now(name) for name in self._manager.logins}

    async def _cockpit(self) -> None:
        from engine.guard.cockpit import Beside  # only where it is wanted

        await Beside(self._config.web, self._home, self._config.source or None, self.alerts, log=self._log).run()

    async def _ping(self) -> None:
        url, ping = self._config.alerts.ping_url, self._outside.ping
        while True:
            if url and ping is not None and all(self._manager.connected(name) for name in self._manager.logins):
                why = await asyncio.get_running_loop().run_in_executor(self._daemons, ping, url)
                if why is not None:
                    self._log(f"the watcher outside could not be told that the guard is well: {why}")
            await asyncio.sleep(PING_EVERY_S)

    async def _take_up(self) -> None:
        """Kills that were begun and never ended, by this guard or anybody: taken up from the broker's truth, once."""
        while not self._taken_up:
            picture = await self.records.fresh()
            if picture is None:
                await asyncio.sleep(ANEW_AFTER_S)
                continue
            self._taken_up = True
            for event, at_ns in pressed_kills(picture.kills_open):
                if at_ns > self._since_ns:
                    continue  # it has a process that sees to it
                scopes = {name: self._manager.scope(name) for name in self._manager.logins}
                names = tuple(name for name, ours in scopes.items() if any(one.meets(ours) for one in event.scopes))
                self.stops.kill_soon(names, f"taken up: {event.reason}")
        await asyncio.Event().wait()

    # --- what is asked --------------------------------------------------------------------------------
    async def answer(self, request: Request) -> Answer:
        """What somebody asks for over the socket."""
        match request.do:
            case "status":
                return self.told()
            case "kill":
                return await self._kill(request)
            case "ack":
                keys = self.alerts.acknowledge(request.key, request.who or "somebody")
                return {"acknowledged": list(keys), "titles": list(map(self.alerts.title, keys))}
            case "heartbeat" if request.name:
                return {"heard": self.listening.said(request.name, request.logins)}
            case "goodbye" if request.name:
                return {"goodbye": self.listening.said(request.name, (), goodbye=True)}
            case "test_alert":
                text = f"A test, asked for by {request.who or 'somebody'}. Nothing is the matter."
                return {"channels": await self.alerts.try_all(Message(Severity.CRITICAL, "a test", text))}
            case _:
                return {"error": f"this guard does not know what {request.do!r} is"}

    async def _kill(self, request: Request) -> Answer:
        wanted = tuple(name for name in self._manager.logins if not request.logins or name in request.logins)
        reports = await self.stops.kill_all(wanted, request.reason or "EMERGENCY")
        return {"reports": {name: report.to_dict() for name, report in reports.items()}}

    def told(self) -> Answer:
        """Everything about the guard, for its status."""
        from engine.guard.telling import told

        return told(self, self._manager, now_ns=self._outside.wall_ns(), since_ns=self._since_ns, lag_s=self._lag_s)


def add_logins(manager: IBKRAccountManager, config: Config) -> None:
    """The logins of a configuration, under the guard's own client ids."""
    first = config.guard.client_id
    for login in config.logins:
        manager.add_account(
            login.name,
            TradingMode(login.mode),
            host=login.host,
            port=login.port,
            client_id=first,
            spare_ids=tuple(range(first + 1, first + 1 + SPARE_IDS)),
        )


def _until(one: Restriction) -> str:
    """How long it stands, and what lifts it."""
    name = one.scope.login
    if one.until_ns is not None or one.ends_by_itself:
        return "until it ends by itself"
    if one.kind is Kind.SHUTDOWN:
        return f"until it is lifted: qe reset {name} --reason TEXT, then qe resume {name}"
    return f"until it is lifted: qe resume {name}"
