"""The rest of `qe kill`: hand the opened connections to the manager, show what happens, report, leave a record, exit.

Loaded while TWS answers the first strike. Whatever goes wrong here, it never ends silently and never says more than the
report does; nothing that is shown or written can hold the kill up.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import socket
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from engine.broker.handover import Handover, struck_words
from engine.cli import process_start
from engine.cli.completing import with_configuration
from engine.cli.first_strike import Attempt, FirstStrike
from engine.cli.kill_arguments import KillArguments
from engine.cli.presses import Presses
from engine.config.places import home_folder, state_folder
from engine.config.plan import KillPlan, Place
from engine.core.kill.report import TimelineEntry
from engine.core.kill.settings import SECOND, KillSettings
from engine.journal import overdue
from engine.names import free_name
from engine.temporary import make_private, temporary_folder
from engine.trading import IBKRAccountManager, KillReport, TradingError, TradingMode
from engine.trading.by_hand import place_of
from engine.trading.hand_needed import HandNeeded
from engine.trading.manager import ManagerSettings
from engine.trading.repeats import Repeats
from engine.trading.report_text import colour_wanted
from engine.trading.timeline import columns_of, name_columns, timeline_line
from engine.voice import ERR, OUT, Voice
from engine.wire.sessions import ClientSession

EXIT_UNKNOWN = 2
LAST_WORDS_S = 3.0  # what the terminal gets to take the last lines
LOOK_EVERY_S = 0.5  # whether there is anything to say in the meantime


def begin(arguments: KillArguments, plan: KillPlan, strike: FirstStrike, hands: Presses, pressed_ns: int) -> NoReturn:
    """Go on from the first strike to the end of the process."""
    gc.enable()
    KillRun(arguments, plan, hands, process_start.pressed_ns(pressed_ns)).run(strike)


def settings_of(plan: KillPlan) -> KillSettings:
    """What the configuration and the command line say of the kill's patience."""
    return KillSettings(
        deadline_ns=round(plan.deadline_s * SECOND),
        quarantine_ns=round(plan.watch_s * SECOND),
        market_patience_ns=round(plan.market_patience_s * SECOND),
        take_over_ns=round(plan.take_over_s * SECOND),
    )


class KillRun:
    """One `qe kill` from the hand-over to its exit code."""

    def __init__(self, arguments: KillArguments, plan: KillPlan, hands: Presses, pressed_ns: int) -> None:
        self._arguments = arguments
        self._plan = plan
        self._pressed_ns = pressed_ns
        self._voice = Voice()
        self._columns = columns_of(ERR)
        self._name_columns = name_columns(place.name for place in plan.places)
        self._timeline: list[str] = []
        self._repeats = Repeats()
        self._said_at = time.monotonic()
        self._hand_needed = HandNeeded({}, plan.deadline_s)
        self._known_as: dict[str, str] = {}  # by the manager, of a login of the plan
        self._refused: dict[str, str] = {}  # by the manager, and why
        self._code = 0
        hands.speak_through(self.warn, self.last_words)

    def warn(self, text: str) -> None:
        self._said_at = time.monotonic()
        self._voice.say(text, ERR)

    def last_words(self, text: str) -> None:
        """Said when the operator stops the kill: the process ends right behind it."""
        logins = self._hand_needed.stopped_words()
        self.warn("\n".join([f"\n{text}", *(f"{name}: {known}" for name, known in logins.items())]))
        try:
            record = {"stopped": text, "flat": False, "logins": logins, "timeline": self._timeline}
            self._keep("stopped", record)
            self._tell_unwritten()
        finally:
            self._voice.finish(LAST_WORDS_S)

    def run(self, strike: FirstStrike) -> NoReturn:
        """Kill, and end the process with the report's exit code."""
        self._announce()
        try:
            asyncio.run(self._kill(strike))
        except Exception:  # a fault of ours must be told before the process ends
            self.warn(traceback.format_exc())
            self.warn("THE KILL FAILED BY A FAULT OF THIS PROGRAM. NOT VERIFIED FLAT: look in TWS now.")
            self._code = EXIT_UNKNOWN
        self._tell_unwritten()
        self._voice.finish(LAST_WORDS_S)
        os._exit(self._code)  # not by way of the interpreter's end, which would wait for a terminal that is stopped

    def _announce(self) -> None:
        if self._plan.faults:
            self.warn("THE CONFIGURATION HAS FAULTS. The kill uses what is certain, and defaults for the rest:")
            for fault in self._plan.faults:
                self.warn(fault)
            for name in self._plan.unusable:
                self.warn(f"{name} IS LEFT OUT: where it is could not be determined")
            for name in self._plan.doubtful:
                self.warn(f"{name} MAY BE ELSEWHERE: it is killed where the configuration seems to say that it is")
        places = ", ".join(f"{place.name} {place.host}:{place.port}" for place in self._plan.places)
        self.warn(f"KILL {places}" if places else "NOTHING CAN BE KILLED: no address of what was asked for is known")

    async def _kill(self, strike: FirstStrike) -> None:
        asyncio.get_running_loop().set_exception_handler(self._loop_fault)
        manager = IBKRAccountManager(settings=ManagerSettings(kill=settings_of(self._plan)))
        begun = strike.finish()
        for place in self._plan.places:
            self.take_in(manager, place)
        reassuring = asyncio.create_task(self._reassure())
        report = await self._press(manager, begun)
        reassuring.cancel()
        report = with_configuration(report, self._plan, self._refused)
        self._tell(report)
        for note in manager.kill_notes:
            self.warn(note)
        if self._plan.watch_s:
            self.warn(f"Watching for late fills for {self._plan.watch_s:g} s, then everything is verified once more.")
            await asyncio.sleep(self._plan.watch_s)
            report = await manager.kill_switch_all(self._arguments.reason, on_step=self._show, after_watch=True)
            report = msgspec.structs.replace(report, goes_on_s=0.0)
            report = with_configuration(report, self._plan, self._refused)
            self._tell(report)
        self._code = report.exit_code

    async def _press(self, manager: IBKRAccountManager, begun: list[Attempt]) -> KillReport:
        """The press itself, with whatever the first strike has opened."""
        handovers = {}
        for attempt in begun:
            name = self._known_as.get(attempt.target.name)
            if attempt.struck_ns is not None:
                at_ms = (attempt.struck_ns - self._pressed_ns) / 1e6
                step = TimelineEntry(at_ms, "cancel_sent", struck_words(attempt.client_id))
                self._show(name or attempt.target.name, step)
            if name is not None:
                handovers[name] = handover(attempt)
        return await manager.kill_switch_all(
            self._arguments.reason,
            on_step=self._show,
            handovers=handovers,
            pressed_ns=self._pressed_ns,
        )

    async def _reassure(self) -> None:
        """Somebody who sees nothing for seconds presses something."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            at_s = (time.monotonic_ns() - self._pressed_ns) / 1e9
            needed = self._hand_needed
            text = needed.words(at_s) or needed.quiet_words(at_s, time.monotonic() - self._said_at)
            if text:
                self.warn(text)

    def take_in(self, manager: IBKRAccountManager, place: Place) -> None:
        """A name that the manager will not have is no reason to leave a login alone that may have lost its stops to the
        first strike: it gets another one.
        """
        why = ""
        for name in dict.fromkeys((place.name, free_name(place.name, manager.logins))):
            try:
                manager.add_account(
                    name, TradingMode(place.mode), host=place.host, port=place.port, client_id=self._plan.client_id
                )
            except TradingError as error:
                why = why or str(error)
            else:
                self._known_as[place.name] = name
                self._hand_needed.expect(name, place_of(place.host, place.port))
                return
        self.warn(f"{place.name} IS LEFT OUT: {why}")
        self._refused[free_name(place.name, [*self._refused, *self._plan.unusable])] = why

    # --- telling -----------------------------------------------------------------------------------
    def _show(self, name: str, step: TimelineEntry) -> None:
        self._hand_needed.heard(name, step)
        self._timeline.append(timeline_line(name, step, self._name_columns, columns_max=None))
        shown = self._repeats.shortened(name, step)
        self.warn(timeline_line(name, shown, self._name_columns, columns_max=self._columns))

    def _tell(self, report: KillReport) -> None:
        """The report, in front of everybody and into the records."""
        if self._arguments.json:
            self._voice.say(report.to_json(), OUT)
        else:
            text = report.to_text(colour=colour_wanted(os.environ, terminal=os.isatty(OUT)))
            self._voice.say("", ERR)  # there, and not before the verdict: `qe kill | head -1` shows it
            self._voice.say(f"{text}\n", OUT)
            if os.isatty(OUT):
                self._voice.say(text.partition("\n")[0], OUT)  # again, where the eye is: it may have scrolled off
        self._keep(report.kill_id, report.to_dict())

    def _keep(self, name: str, report: object) -> None:
        """Leave a record: in the state folder, or else wherever it can be. The kill is done; a full disk is told."""
        stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
        data = msgspec.json.format(msgspec.json.encode(report), indent=1)
        why = ""
        for folder in record_folders():
            path = folder / f"{stamp}-{name}.json"
            try:
                write_whole(path, data)
            except OSError as error:
                why = why or f"no record of this kill could be left in {folder}: {error.strerror}"
            else:
                self.warn(f"{why}. It is in {path}: copy it to where it is kept" if why else f"record: {path}")
                return
        self.warn(f"{why}, nor anywhere else: keep what stands above")

    def _tell_unwritten(self) -> None:
        """What this process holds and could write down nowhere ends with it."""
        for text in overdue.last_words():
            self.warn(text)

    def _loop_fault(self, _loop: asyncio.AbstractEventLoop, context: Mapping[str, object]) -> None:
        self.warn(f"a fault of this program: {context.get('message')} {context.get('exception') or ''}")


def record_folders() -> tuple[Path, ...]:
    """Where a record may be left, the best first: nothing that is said of a kill should be said once only."""
    home = home_folder()
    at_home = () if home is None else (Path(home) / "quant-engine-kills",)
    return tuple(dict.fromkeys((Path(state_folder()) / "kills", *at_home, Path(temporary_folder()))))


def write_whole(path: Path, data: bytes) -> None:
    """All of it under its name, or nothing. Raises OSError."""
    make_private(path.parent)
    draft = path.with_suffix(".new")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def handover(attempt: Attempt) -> Handover:
    """The strike's connection, as the kill takes it over."""
    opening = attempt.opening
    if opening.version is None:
        session = ClientSession.greeting(client_id=attempt.client_id, buffered=opening.half_hello)
    else:
        session = ClientSession.resume(
            client_id=attempt.client_id,
            version=opening.version,
            server_time=opening.server_time,
            accounts=opening.accounts,
            next_order_id=opening.next_order_id,
            buffered=opening.received,
        )
    return Handover(socket.socket(fileno=attempt.detach()), session, attempt.struck_ns)
