"""Runs the kill of one login: feeds the machine, keeps its clock, and delivers its result.

It decides nothing about orders. It keeps three promises of its own: the kill goes on although its caller is cancelled;
it ends by the deadline even if the machine does not; and a fault in the machine becomes a result that says UNKNOWN,
never a hang and never FLAT.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from engine.broker.closing_right import ClosingRight
from engine.broker.fan_out import Way
from engine.broker.handover import Handover, struck_words
from engine.broker.kill_hands import Hands, HandsSettings
from engine.broker.last_seen import LastSeen
from engine.broker.right_keeper import RightKeeper
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.report import LoginOutcome, LoginReport, ResidueItem, ResidueReason, TimelineEntry

SECOND_NS = 1_000_000_000
EVENTS_AT_ONCE = 1_000  # then the loop gets its turn: a machine that feeds itself must not starve the deadline
TIMELINE_MAX = 5_000
LISTED_EARLIER = "What is listed was read earlier and may have changed: check this login in TWS now"
CANCELS_AS_IT_STOPS = "one more global cancel leaves as this kill stops; open closing orders go with it"
MAY_FILL = ": closing orders that were sent may still fill, so cancel everything before you close by hand"
NONE_SENT = " before a closing order was sent: close by hand what is open"
WORTH_A_HOLD = (LoginOutcome.FLAT, LoginOutcome.UNREACHABLE)  # it may open again; its TWS may come up


class GivenUp(Exception):
    """The kill was stopped by whoever waited for it; the text says how."""


class Machine(Protocol):
    """What the driver needs of `engine.core.kill.machine.KillMachine`."""

    name: str
    mode: str
    host: str
    port: int

    def start(self, now_ns: int) -> list[cmd.Command]: ...

    def handle(self, event: ev.Event, now_ns: int, *, more: bool = False) -> list[cmd.Command]: ...

    def report(self) -> LoginReport: ...

    def proven_trades(self) -> bytes: ...


class DriverSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`deadline_s` is the machine's own: the driver only makes sure that it is kept.

    `hold_s`: how long a login that is flat may be watched until `release`, for which the machine's quarantine must
    leave room. `quarantine_s`: how long it is watched then.
    """

    deadline_s: float = 120.0
    hold_s: float = 0.0
    quarantine_s: float = 0.0
    grace_s: float = 2.0  # what the machine may take beyond them before it is ended
    lock_retry_s: float = 0.075
    life_sign_s: float = 0.25  # how often the closer looks who waits, and whether somebody has taken over
    take_over_s: float = 3.0  # of silence: then the closer is taken to hang; 0: never
    hands: HandsSettings = HandsSettings()


class KillDriver:
    """One kill of one login: `start` it, hear of its end by `when_finished`; `press_again` while it runs.

    A login that is flat is held: watched on until its `release`, because the other logins may take longer. One that was
    not reached is tried on until then. One of which only a person can close the rest is looked at until then, and
    nothing is sent to it any more. `look` says what its result is by now.
    """

    def __init__(
        self,
        machine: Machine,
        right: ClosingRight,
        settings: DriverSettings,
        *,
        client_id: int,
        borrowed: Way | None = None,
        handover: Handover | None = None,
        pressed_ns: int | None = None,
    ) -> None:
        self._machine = machine
        self._right = right
        self._settings = settings
        self.presses: set[str] = set()  # that this kill answers, by their ids
        self._watchers: list[Callable[[TimelineEntry], None]] = []
        self._loop = asyncio.get_running_loop()
        self._clock_ns = 0
        self._pressed_ns = self._now_ns() if pressed_ns is None else pressed_ns
        self._hands = Hands(
            machine.host,
            machine.port,
            client_id,
            settings.hands,
            self._tell,
            self._break,
            right=right,
            pressed_at=self._pressed_ns / SECOND_NS,
            borrowed=borrowed,
            handover=handover,
        )
        self._events: deque[ev.Event] = deque()
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_ns = 0
        self._seen = LastSeen()
        self._keeper = RightKeeper(
            right,
            retry_s=settings.lock_retry_s,
            life_sign_s=settings.life_sign_s,
            take_over_s=settings.take_over_s,
            tell=self._tell,
            tell_first=self._tell_first,
        )
        self._stopped = False
        self._fault: BaseException | None = None
        self._interrupted = 0
        self._result: asyncio.Future[LoginReport] = self._loop.create_future()
        self._latest: LoginReport | None = None  # the result, as of the last look
        self._holding = False
        self._by_hand = False  # only a person can close what is left
        self._flat_unseen = False  # it was flat, and cannot be seen any more
        self._followed_by: KillDriver | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = False
        self._when_over: list[Callable[[], None]] = []
        self.over = False  # nothing of this kill is left: connections closed, lock released
        self._timeline: list[TimelineEntry] = []  # for the case that the machine cannot tell any more
        if handover is not None and handover.struck_ns is not None:
            struck = ev.Struck(handover.struck_ns, struck_words(handover.session.client_id))
            self._events.append(struck)
            self._timeline.append(self._entry(struck.at_ns, "cancel_sent", struck.text))

    @property
    def finished(self) -> bool:
        """The result is there, or never will be. The kill may still be watching (quarantine)."""
        return self._result.done() or self.forsaken

    @property
    def forsaken(self) -> bool:
        """Its loop was closed under it: it will do nothing any more."""
        return not self.over and self._loop.is_closed()

    @property
    def held(self) -> bool:
        """Flat and watched on, or not reached and tried on, until it is released."""
        return self._holding and not self._stopped and not self.over and not self.forsaken

    @property
    def working(self) -> bool:
        """It has something to do: no result yet, or the login is open again, or not reached yet."""
        return not self.finished or (self.held and not self._by_hand and not self.look().flat)

    def open_again(self, report: LoginReport) -> bool:
        """Held, and `report`, what it says by now, is no result to end with."""
        if self._flat_unseen or (self._by_hand and (report.outcome is LoginOutcome.RESIDUE or self._seen.blind)):
            return False
        return self.held and report.outcome not in WORTH_A_HOLD

    @property
    def pressed_ns(self) -> int:
        return self._pressed_ns

    def unseen_since(self, at: float) -> bool:
        """Held, and orders and positions have not been read completely by a survey begun since then, or since its
        connection was lost; but they may yet be."""
        return self.held and (self._flat_unseen or (self._seen.at < at and not self._seen.blind))

    def waits_for(self, other: KillDriver) -> bool:
        """It may not close, because a kill does that closes an account they share."""
        waiting = not self.finished and self._keeper.waiting and not other._resting
        return waiting and not set(self._seen.accounts).isdisjoint(other._seen.accounts)

    def look(self) -> LoginReport:
        """The result as of now: a login that is held may open again, and be closed again. One that was flat and cannot
        be watched any more is unknown: nobody can say what has come since. Only when `finished`."""
        assert self._latest is not None
        if not self.held:
            return self._latest
        try:
            report = self._machine.report()
        except Exception as fault:  # whoever asks gets an answer, and the kill ends as by any fault of ours
            self._break(fault)
            report = self._faulty(_fault_of_ours(fault))
        was_unseen, self._flat_unseen = self._flat_unseen, report.flat and bool(self._seen.missed)
        if self._flat_unseen:
            report = msgspec.structs.replace(report, outcome=LoginOutcome.UNKNOWN, trouble=self._seen.missed)
        elif self._seen.blind and self._by_hand:
            note = (
                f"what is left is as last seen; it could not be watched until the end of this kill: {self._seen.blind}"
            )
            report = msgspec.structs.replace(report, notes=(*report.notes, note))
        before, self._latest = self._latest, report
        if self._flat_unseen or (was_unseen and report.flat):
            return report  # the timeline has told of its connection
        if before.flat and not report.flat:
            closes = "" if self._resting else ": closing it"
            self._say("not_flat", f"something is open again{closes}")
        elif report.flat and not before.flat:
            self._say("flat", f"flat {'now' if self._by_hand else 'again'}: two agreeing reads")
        return report

    def release(self) -> None:
        """Nobody waits for the other logins any more: only the quarantine is left of the watch."""
        if not self.held:
            return
        if self._settings.quarantine_s > 0:
            self._loop.call_later(self._settings.quarantine_s, self.stop_watching)
        else:
            self.stop_watching()

    def start(self) -> None:
        """Begin. Somebody may cancel a task before its first step; then it has to be made anew."""
        task = self._loop.create_task(self._supervise(), name=f"kill {self._machine.name}")
        task.add_done_callback(lambda done: self.start() if done.cancelled() and not self.over else None)
        self._task = task

    def watch(self, watcher: Callable[[TimelineEntry], None]) -> None:
        """Tell `watcher` every line of the timeline from now on."""
        self._watchers.append(watcher)

    def when_finished(self, then: Callable[[LoginReport], None]) -> None:
        """Hand over the result as soon as it is there."""
        self._result.add_done_callback(lambda result: then(result.result()))

    def when_over(self, then: Callable[[], None]) -> None:
        """Tell when nothing of this kill is left."""
        self._when_over.append(then)

    @property
    def later(self) -> KillDriver | None:
        """The newest kill of this login, if another one than this and it has a result."""
        newest = self
        while newest._followed_by is not None:
            newest = newest._followed_by
        return newest if newest is not self and newest.finished and not newest.forsaken else None

    def followed_by(self, driver: KillDriver) -> None:
        """Another kill of this login has begun, and knows better from now on."""
        self._followed_by = driver

    def give_up(self, why: str) -> None:
        """Somebody stops it before it has a result: no order leaves any more, and the result says so."""
        if self._result.done():
            self.stop_watching(why)
        else:
            self._break(GivenUp(why))

    def press_again(self) -> None:
        self._tell(ev.PressedAgain())

    def earlier_press(self, kill_id: str, ago_ns: int) -> None:
        """Another kill of this login has not ended by the records: what it cancelled is told by this one too. A press
        that this very kill answers is no other one.
        """
        if kill_id in self.presses:
            return
        self._tell(ev.EarlierPress(kill_id, ago_ns))

    def stop_watching(self, why: str = "") -> None:
        """End the watch early. `why` is for a report that is still to come."""
        if self.forsaken:
            self._right.release()  # its loop was closed under it: nobody else will
        elif self.finished and not self._stopped:
            latest = self.look()
            if why:
                self._latest = msgspec.structs.replace(latest, notes=(*latest.notes, why))
            if not latest.flat and not self._keeper.waiting and not self._resting:
                self._hands.cancel_everything()  # a closing order of ours may be working
            self._stop()

    def _stop(self) -> None:
        self._stopped = True
        self._keeper.stop()
        self._wake.set()

    # --- the machine -------------------------------------------------------------------------------
    def _tell(self, event: ev.Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _tell_first(self, event: ev.Event) -> None:
        """Before anything is decided from what was heard meanwhile. A right that is lost before the machine has heard
        of it was never had: told behind its loss, it would be believed."""
        if isinstance(event, ev.LockLost):
            self._events = deque(each for each in self._events if not isinstance(each, ev.LockTaken))
        self._events.appendleft(event)
        self._wake.set()

    def _break(self, fault: BaseException) -> None:
        """Something happened that must not: the kill cannot vouch for itself any longer."""
        self._fault = self._fault or fault
        self._wake.set()

    async def _pump(self) -> None:
        """Events in, commands out. Ends with the machine's Stop; a fault of the machine is this task's exception."""
        self._begun = True
        self._carry_out(self._machine.start(self._pressed_ns))
        self._keeper.begin()  # behind the first cancel: the wire comes first
        while not self._stopped:
            self._keeper.catch_up()
            for left in reversed(range(EVENTS_AT_ONCE)):
                if self._fault is not None:
                    raise self._fault
                if not self._events or self._stopped:
                    break
                event = self._events.popleft()
                self._heard(event)
                more = left > 0 and bool(self._events)  # the last of a batch is always acted on
                self._carry_out(self._machine.handle(event, self._now_ns(), more=more))
            if not self._stopped:
                await self._rest()

    async def _rest(self) -> None:
        """Wait for the next event. Being cancelled is no reason to stop: the kill ends when the machine says so."""
        try:
            if self._events:
                await asyncio.sleep(0)
            else:
                self._wake.clear()
                await self._wake.wait()
        except asyncio.CancelledError:
            self._shrug_off_cancel()

    def _shrug_off_cancel(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            task.uncancel()
        self._interrupted += 1

    def _carry_out(self, commands: list[cmd.Command]) -> None:
        for command in commands:
            self._seen.asked(command)
            match command:
                case cmd.WakeAt(at_ns):
                    self._set_alarm(at_ns)
                case cmd.Say(kind, text):
                    self._say(kind, text)
                case cmd.Finish(by_hand):
                    self._by_hand = by_hand
                    self._finish(self._machine.report())
                    if self._holding and self._resting:
                        self._rest_from_now()
                    if not self._holding and self._settings.quarantine_s <= 0:
                        self._stop()
                        return
                case cmd.Stop():
                    self._stop()
                    return
                case cmd.GlobalCancel() if self._keeper.overtaken():
                    # who has taken over has cancelled since, and his closing orders would go with this one
                    self._say("cancel_left_out", "this kill stood still meanwhile: a global cancel is left out")
                case _ if not self._hands.do(command):
                    raise TypeError(f"the machine asks for {command!r}, which this driver does not know")
                case cmd.GlobalCancel(early=False):
                    self._keeper.struck()

    def _now_ns(self) -> int:
        """The loop's clock, never backwards."""
        self._clock_ns = max(self._clock_ns, int(self._loop.time() * SECOND_NS))
        return self._clock_ns

    def _set_alarm(self, at_ns: int) -> None:
        if self._alarm is not None:
            if self._alarm_ns == at_ns:
                return
            self._alarm.cancel()
        self._alarm_ns = at_ns
        self._alarm = self._loop.call_at(at_ns / SECOND_NS, self._ring, at_ns)

    def _ring(self, at_ns: int) -> None:
        self._clock_ns = max(self._clock_ns, at_ns)  # a timer may fire a rounding error early
        self._alarm = None
        self._tell(ev.Woke())

    def _entry(self, at_ns: int, kind: str, text: str) -> TimelineEntry:
        return TimelineEntry((at_ns - self._pressed_ns) / 1e6, kind, text)

    def _say(self, kind: str, text: str) -> None:
        entry = self._entry(self._now_ns(), kind, text)
        if len(self._timeline) < TIMELINE_MAX:
            self._timeline.append(entry)
        for watcher in self._watchers:
            self._loop.call_soon(watcher, entry)  # on its own: whatever it does, the kill goes on

    def _heard(self, event: ev.Event) -> None:
        self._seen.heard(event)
        if isinstance(event, ev.Connected):
            if event.cancel_sent:
                self._keeper.struck()
            self._keeper.cover(event.accounts)

    # --- the end -----------------------------------------------------------------------------------
    async def _supervise(self) -> None:
        settings = self._settings
        pump = await self._begin()
        began_s = self._pressed_ns / SECOND_NS
        await self._until(pump, self._result, at=began_s + settings.deadline_s + settings.grace_s)
        if not self._result.done():
            self._finish(self._report_fault(pump))
            if not isinstance(self._fault, GivenUp) or not self._keeper.waiting:  # another kill's orders would go too
                self._hands.cancel_everything()
            self._stop()
        else:
            await self._until(pump, at=self._loop.time() + self._watch_s)
            if pump.done() and not pump.cancelled() and pump.exception() is not None:
                self._latest, self._holding = self._report_fault(pump), False
        self.stop_watching()
        await self._until(pump, at=self._loop.time() + settings.grace_s)
        self._clean_up()

    @property
    def _watch_s(self) -> float:
        """How long to watch behind the result at the most. Without a hold the machine ends its own quarantine."""
        settings = self._settings
        if self._holding:
            return settings.hold_s + settings.quarantine_s
        return settings.quarantine_s + (0 if settings.hold_s else settings.grace_s)

    async def _begin(self) -> asyncio.Task[None]:
        """Start the pump, and make sure that it has taken its first step: from then on it cannot be cancelled."""
        while True:
            pump = self._loop.create_task(self._pump(), name=f"kill {self._machine.name}: machine")
            while not self._begun and not pump.done():
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    self._shrug_off_cancel()
            if self._begun:
                return pump

    async def _until(self, *awaited: asyncio.Future[None] | asyncio.Future[LoginReport], at: float) -> None:
        """Wait for the first of `awaited`, at most until `at`, whoever cancels meanwhile."""
        while not any(one.done() for one in awaited) and self._loop.time() < at:
            try:
                await asyncio.wait(awaited, timeout=at - self._loop.time(), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                self._shrug_off_cancel()

    @property
    def _resting(self) -> bool:
        """Only a person can go on, and nobody has asked for more tries."""
        return self._by_hand and self._settings.quarantine_s <= 0

    def _rest_from_now(self) -> None:
        """Whoever presses again, here or elsewhere, may close; and what a person orders by hand is left alone."""
        self._tell_first(ev.Rest())
        self._keeper.release(flat=False)

    def _finish(self, report: LoginReport) -> None:
        if not self._result.done():
            self._latest = report
            worth_it = self._by_hand or report.outcome in WORTH_A_HOLD
            self._holding = worth_it and self._settings.hold_s > 0
            self._result.set_result(report)

    def _clean_up(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._hands.let_go("the kill is over")
        flat, trades = self._how_it_ends()
        self._keeper.release(flat=flat, proven=trades)
        self.over = True
        for then in self._when_over:
            self._loop.call_soon(then)

    def _how_it_ends(self) -> tuple[bool, bytes]:
        """Is it flat: proven, and seen to the end, so that no closing order of this kill is under way any more? And the
        mark of the trades behind which it is."""
        if self._fault is not None or self._seen.missed or self._latest is None or not self._latest.flat:
            return False, b""
        try:
            flat = self._machine.report().flat
            return flat, self._machine.proven_trades() if flat else b""
        except Exception:  # a fault of ours has been told where it showed; the lock is given back whatever happens
            return False, b""

    def _report_fault(self, pump: asyncio.Task[None]) -> LoginReport:
        """The machine gave no result. Say so, with what the last reads showed."""
        fault = self._fault
        if pump.done() and not pump.cancelled():
            fault = pump.exception()
        if isinstance(fault, GivenUp):
            return self._stopped_report(str(fault))
        if fault is not None:
            why = _fault_of_ours(fault)
        elif pump.done():
            why = "the kill ended without a result, which is a fault of this program"
        else:
            why = "the kill gave no result by its deadline, which is a fault of this program"
        return self._faulty(why)

    def _stopped_report(self, why: str) -> LoginReport:
        """Nothing is wrong with the machine: it tells what was done, and what was never reached. It hears what has come
        by now, and nothing that it asks for then is carried out."""
        try:
            while self._events:
                event = self._events.popleft()
                self._heard(event)
                self._machine.handle(event, self._now_ns(), more=True)
            report = self._machine.report()
        except Exception as fault:  # whoever waits gets an answer all the same
            return self._faulty(f"{why}, and {_fault_of_ours(fault)}")
        if report.outcome is LoginOutcome.UNREACHABLE:
            trouble = f"{why} before TWS let it in; {report.trouble or 'it has not answered'}"
            return msgspec.structs.replace(report, trouble=trouble)
        return msgspec.structs.replace(
            report,
            outcome=LoginOutcome.UNKNOWN,
            residue=tuple(map(_stopped_before, report.residue)),
            trouble=f"{why}{MAY_FILL if self._seen.closes_asked else NONE_SENT}. {LISTED_EARLIER}",
            notes=(*report.notes, CANCELS_AS_IT_STOPS) if self._cancels_as_it_stops else report.notes,
        )

    @property
    def _cancels_as_it_stops(self) -> bool:
        return not self._keeper.waiting and not self._seen.blind  # another kill's orders would go too

    def _faulty(self, why: str) -> LoginReport:
        return LoginReport(
            name=self._machine.name,
            mode=self._machine.mode,
            host=self._machine.host,
            port=self._machine.port,
            outcome=LoginOutcome.UNKNOWN,
            accounts=self._seen.accounts,
            residue=self._seen.residue(),
            trouble=f"{why}. {LISTED_EARLIER}",
            timeline=tuple(self._timeline),
        )


def _fault_of_ours(fault: BaseException) -> str:
    return f"the kill failed by a fault of this program ({type(fault).__name__}: {fault})"


def _stopped_before(item: ResidueItem) -> ResidueItem:
    """It was not the time that ran out."""
    if item.reason is not ResidueReason.OUT_OF_TIME:
        return item
    return msgspec.structs.replace(item, reason=ResidueReason.CLOSE_NOT_SENT, detail="the kill was stopped first")
