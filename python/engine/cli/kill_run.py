"""The rest of `qe kill`: hand the opened connections to the manager, show what happens, report, leave a record, exit.

Loaded while TWS answers the first strike. Whatever goes wrong here, it never ends silently and never says more than the
report does; nothing that is shown or written can hold the kill up.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from engine.broker.handover import Handover
from engine.cli.first_strike import STRUCK, Attempt, FirstStrike
from engine.cli.kill_arguments import KillArguments
from engine.cli.presses import Presses
from engine.cli.voice import ERR, OUT, Voice
from engine.config.model import Config
from engine.config.places import config_file, state_folder
from engine.config.reader import read_for_kill
from engine.core.kill.settings import SECOND, KillSettings
from engine.trading import IBKRAccountManager, KillReport, TradingError, TradingMode
from engine.trading.manager import ManagerSettings
from engine.trading.report_text import render
from engine.wire.sessions import ClientSession

EXIT_UNKNOWN = 2
LAST_WORDS_S = 3.0  # what the terminal gets to take the last lines


def begin(arguments: KillArguments, names: list[str], strike: FirstStrike, hands: Presses, pressed_ns: int) -> NoReturn:
    """Go on from the first strike to the end of the process."""
    path = config_file(arguments.config)
    config, problems = read_for_kill(path)
    run = KillRun(arguments, config, hands, pressed_ns)
    if problems:
        run.warn("THE CONFIGURATION HAS FAULTS; the kill uses what could be read, and defaults for the rest:")
        for problem in problems:
            run.warn(problem.render(path or "environment"))
    places = ", ".join(f"{login.name} {login.host}:{login.port}" for login in config.logins if login.name in names)
    run.warn(f"KILL: {places}")
    run.run(strike, names)


class KillRun:
    """One `qe kill` from the hand-over to its exit code."""

    def __init__(self, arguments: KillArguments, config: Config, hands: Presses, pressed_ns: int) -> None:
        self._arguments = arguments
        self._config = config
        self._pressed_ns = pressed_ns
        self._voice = Voice()
        self._timeline: list[str] = []
        self._code = 0
        hands.speak_through(self.warn, self.last_words)

    def warn(self, text: str) -> None:
        self._voice.say(text, ERR)

    def last_words(self, text: str) -> None:
        """Said when the operator stops the kill: the process ends right behind it."""
        self.warn(f"\n{text}")
        self._keep("stopped", {"stopped": text, "flat": False, "timeline": self._timeline})
        self._voice.finish(LAST_WORDS_S)

    def run(self, strike: FirstStrike, names: list[str]) -> NoReturn:
        """Kill, and end the process with the report's exit code."""
        try:
            asyncio.run(self._kill(strike, names))
        except Exception:  # a fault of ours must be told before the process ends
            self.warn(traceback.format_exc())
            self.warn("THE KILL FAILED BY A FAULT OF THIS PROGRAM. NOT VERIFIED FLAT: look in TWS now.")
            self._code = EXIT_UNKNOWN
        self._voice.finish(LAST_WORDS_S)
        os._exit(self._code)  # not by way of the interpreter's end, which would wait for a terminal that is stopped

    async def _kill(self, strike: FirstStrike, names: list[str]) -> None:
        asyncio.get_running_loop().set_exception_handler(self._loop_fault)
        manager = IBKRAccountManager(settings=self._settings())
        for login in self._config.logins:
            if login.name in names:
                self._add(manager, login.name, login.mode, login.host, login.port)
        struck = strike.finish()
        for attempt in struck:
            if attempt.struck_ns is not None:
                self._step(
                    attempt.target.name, (attempt.struck_ns - self._pressed_ns) / 1e6, "first global cancel sent"
                )
        report = await manager.kill_switch_all(
            self._arguments.reason,
            on_step=lambda name, entry: self._step(name, entry.at_ms, entry.text),
            handovers={attempt.target.name: handover(attempt) for attempt in struck},
            pressed_ns=self._pressed_ns,
        )
        self._tell(report)
        self._code = max(self._code, report.exit_code)

    def _settings(self) -> ManagerSettings:
        arguments, table = self._arguments, self._config.kill
        deadline_s = table.deadline_s if arguments.deadline_s is None else arguments.deadline_s
        watch_s = table.watch_s if arguments.watch_s is None else arguments.watch_s
        return ManagerSettings(
            kill=KillSettings(deadline_ns=round(deadline_s * SECOND), quarantine_ns=round(watch_s * SECOND))
        )

    def _add(self, manager: IBKRAccountManager, name: str, mode: str, host: str, port: int) -> None:
        try:
            manager.add_account(name, TradingMode(mode), host=host, port=port, client_id=self._config.kill.client_id)
        except TradingError as error:
            self.warn(f"{name} IS LEFT OUT: {error}")
            self._code = EXIT_UNKNOWN

    # --- telling -----------------------------------------------------------------------------------
    def _step(self, name: str, at_ms: float, text: str) -> None:
        line = f"{at_ms / 1000:8.3f} s  {name:<8} {text}"
        self._timeline.append(line)
        self.warn(line)

    def _tell(self, report: KillReport) -> None:
        if self._arguments.json:
            self._voice.say(report.to_json(), OUT)
        else:
            self._voice.say("\n" + render(report, colour=colour_wanted(os.environ)), OUT)
        self._keep(report.kill_id, report.to_dict())

    def _keep(self, name: str, report: object) -> None:
        """Leave a record. The kill is done; a full disk is told and changes nothing."""
        folder = Path(state_folder()) / "kills"
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / f"{stamp}-{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
        except OSError as error:
            self.warn(f"no record of this kill could be left in {folder}: {error.strerror}")

    def _loop_fault(self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        self.warn(f"a fault of this program: {context.get('message')} {context.get('exception') or ''}")


def handover(attempt: Attempt) -> Handover:
    """The strike's connection, as the kill takes it over."""
    opening = attempt.opening
    assert opening.version is not None  # or it would not have got as far as startApi
    session = ClientSession.resume(
        client_id=attempt.client_id,
        version=opening.version,
        server_time=opening.server_time,
        accounts=opening.accounts,
        next_order_id=opening.next_order_id,
        buffered=opening.received,
    )
    return Handover(socket.socket(fileno=attempt.detach()), session, attempt.state == STRUCK)


def colour_wanted(environ: Mapping[str, str]) -> bool:
    """A terminal, unless NO_COLOR says no or FORCE_COLOR yes."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or os.isatty(OUT)
