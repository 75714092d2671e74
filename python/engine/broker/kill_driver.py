"""Runs the kill of one login: feeds the machine, keeps its clock and its lock, and delivers its result.

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

from engine.broker.closer_lock import LockState
from engine.broker.closing_right import ClosingRight
from engine.broker.fan_out import Way
from engine.broker.handover import Handover
from engine.broker.kill_hands import Hands, HandsSettings
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.report import LoginOutcome, LoginReport, ResidueItem, ResidueReason, TimelineEntry

SECOND_NS = 1_000_000_000
EVENTS_AT_ONCE = 1_000  # then the loop gets its turn: a machine that feeds itself must not starve the deadline
TIMELINE_MAX = 5_000
WORTH_A_HOLD = (LoginOutcome.FLAT, LoginOutcome.UNREACHABLE)  # it may open again; its TWS may come up


class Machine(Protocol):
    """What the driver needs of `engine.core.kill.machine.KillMachine`."""

    name: str
    mode: str
    host: str
    port: int

    def start(self, now_ns: int) -> list[cmd.Command]: ...

    def handle(self, event: ev.Event, now_ns: int, *, more: bool = False) -> list[cmd.Command]: ...

    def report(self) -> LoginReport: ...


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
    not reached is tried on until then. `look` says what its result is by now.
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
        self._lock_timer: asyncio.TimerHandle | None = None
        self._life_timer: asyncio.TimerHandle | None = None
        self._moved_at = 0.0  # when somebody who waits could last see that this kill moves
        self._lock_holder: str | None = None
        self._accounts_known = False
        self._may_close = False
        self._stopped = False
        self._fault: BaseException | None = None
        self._interrupted = 0
        self._result: asyncio.Future[LoginReport] = self._loop.create_future()
        self._latest: LoginReport | None = None  # the result, as of the last look
        self._holding = False
        self._blind = ""  # why nothing can be seen now
        self._survey_began = self._seen_at = self._loop.time()
        self._unread: set[int] = set()  # the orders and positions of the survey under way
        self._task: asyncio.Task[None] | None = None
        self._begun = False
        self._when_over: list[Callable[[], None]] = []
        self.over = False  # nothing of this kill is left: connections closed, lock released
        # remembered for the case that the machine cannot tell any more
        self._timeline: list[TimelineEntry] = []
        self._accounts: tuple[str, ...] = ()
        self._positions: tuple[PositionFact, ...] = ()
        self._orders: tuple[WorkingOrder, ...] = ()

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
        return not self.finished or (self.held and not self.look().flat)

    def unseen_since(self, at: float) -> bool:
        """Held, and orders and positions have not been read completely by a survey begun since then, but may yet be."""
        return self.held and not self._blind and self._seen_at < at

    def waits_for(self, other: KillDriver) -> bool:
        """It may not close, because a kill does that closes an account they share."""
        waiting = not self.finished and not self._may_close and self._lock_holder is not None
        return waiting and not set(self._accounts).isdisjoint(other._accounts)

    def look(self) -> LoginReport:
        """The result as of now: a login that is held may open again, and be closed again. Only when `finished`."""
        assert self._latest is not None
        if not self.held:
            return self._latest
        try:
            report = self._machine.report()
        except Exception as fault:  # whoever asks gets an answer, and the kill ends as by any fault of ours
            self._break(fault)
            report = self._faulty(f"the kill failed by a fault of this program ({type(fault).__name__}: {fault})")
        if report.flat and self._blind:
            note = f"flat when last seen; it could not be watched until the end of this kill: {self._blind}"
            report = msgspec.structs.replace(report, notes=(*report.notes, note))
        before, self._latest = self._latest, report
        if before.flat and not report.flat:
            self._say("not_flat", "something is open again: closing it")
        elif report.flat and not before.flat:
            self._say("flat", "flat again: two agreeing reads")
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

    def press_again(self) -> None:
        self._tell(ev.PressedAgain())

    def stop_watching(self, why: str = "") -> None:
        """End the watch early. `why` is for a report that is still to come."""
        if self.forsaken:
            self._right.release()  # its loop was closed under it: nobody else will
        elif self.finished and not self._stopped:
            latest = self.look()
            if why:
                self._latest = msgspec.structs.replace(latest, notes=(*latest.notes, why))
            if not latest.flat:
                self._hands.cancel_everything()  # a closing order of ours may be working
            self._stop()

    def _stop(self) -> None:
        self._stopped = True
        self._wake.set()

    # --- the machine -------------------------------------------------------------------------------
    def _tell(self, event: ev.Event) -> None:
        self._events.append(event)
        self._wake.set()

    def _break(self, fault: BaseException) -> None:
        """Something happened that must not: the kill cannot vouch for itself any longer."""
        self._fault = self._fault or fault
        self._wake.set()

    async def _pump(self) -> None:
        """Events in, commands out. Ends with the machine's Stop; a fault of the machine is this task's exception."""
        self._begun = True
        self._carry_out(self._machine.start(self._pressed_ns))
        self._lock_timer = self._loop.call_later(0, self._try_lock)  # behind the first cancel: the wire comes first
        while not self._stopped:
            self._catch_up()
            for left in reversed(range(EVENTS_AT_ONCE)):
                if self._fault is not None:
                    raise self._fault
                if not self._events or self._stopped:
                    break
                event = self._events.popleft()
                self._remember(event)
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
            self._note_survey(command)
            match command:
                case cmd.WakeAt(at_ns):
                    self._set_alarm(at_ns)
                case cmd.Say(kind, text):
                    self._say(kind, text)
                case cmd.Finish():
                    self._finish(self._machine.report())
                    if not self._holding and self._settings.quarantine_s <= 0:
                        self._stopped = True
                        return
                case cmd.Stop():
                    self._stopped = True
                    return
                case _ if not self._hands.do(command):
                    raise TypeError(f"the machine asks for {command!r}, which this driver does not know")

    def _note_survey(self, command: cmd.Command) -> None:
        match command:
            case cmd.ReadOrders(read_id):
                self._survey_began, self._unread = self._loop.time(), {read_id}
            case cmd.ReadPositions(read_id):
                self._unread.add(read_id)

    def _now_ns(self) -> int:
        """The loop's clock, never backwards."""
        self._clock_ns = max(self._clock_ns, int(self._loop.time() * SECOND_NS))
        return self._clock_ns

    def _set_alarm(self, at_ns: int) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(at_ns / SECOND_NS, self._ring, at_ns)

    def _ring(self, at_ns: int) -> None:
        self._clock_ns = max(self._clock_ns, at_ns)  # a timer may fire a rounding error early
        self._alarm = None
        self._tell(ev.Woke())

    def _say(self, kind: str, text: str) -> None:
        entry = TimelineEntry((self._now_ns() - self._pressed_ns) / 1e6, kind, text)
        if len(self._timeline) < TIMELINE_MAX:
            self._timeline.append(entry)
        for watcher in self._watchers:
            self._loop.call_soon(watcher, entry)  # on its own: whatever it does, the kill goes on

    def _remember(self, event: ev.Event) -> None:
        match event:
            case ev.Connected():
                self._blind = ""
                self._accounts = event.accounts
                self._accounts_known = True
                self._right.cover(event.accounts)
                self._loop.call_soon(self._try_lock)  # behind the cancel that the machine sends now
            case ev.Disconnected():
                self._blind = event.text or event.trouble.value
            case ev.BrokerLink():
                self._blind = "" if event.up else f"TWS has lost its link to IBKR ({event.code})"
            case ev.PositionsRead():
                self._positions = event.positions
                self._unread.discard(event.read_id)
                if not self._unread:
                    self._seen_at = self._survey_began
            case ev.OrdersRead():
                self._orders = event.orders
                self._unread.discard(event.read_id)

    # --- the lock ----------------------------------------------------------------------------------
    def _try_lock(self) -> None:
        """Ask for the right to close; while another kill has it, ask again, so that its death is noticed at once.

        Without a connection the login's lock is taken, but nobody knows yet which accounts there are to close.
        """
        if self._lock_timer is not None:
            self._lock_timer.cancel()
            self._lock_timer = None
        if self._may_close or self._stopped:
            return
        answer = self._right.take_from_silent(self._loop.time(), self._settings.take_over_s)
        if answer.state is LockState.BUSY:
            if answer.text != self._lock_holder:
                self._lock_holder = answer.text
                self._tell(ev.LockBusy(answer.text))
            self._lock_timer = self._loop.call_later(self._settings.lock_retry_s, self._try_lock)
        elif self._accounts_known:
            self._may_close = True
            alone = answer.state is not LockState.UNAVAILABLE
            self._tell(ev.LockTaken(shared_nothing=not alone, taken_from=self._right.taken_from))
        if self._life_timer is None:
            self._show_life()

    def _show_life(self) -> None:
        """Answer those who wait for what this kill holds, and notice that somebody has taken it."""
        self._moved_at = self._loop.time()
        self._right.show_life()
        if self._may_close and self._right.lost:
            self._may_close, self._lock_holder = False, None
            self._right.release()
            self._events.appendleft(ev.LockLost())  # before anything is decided from what was heard meanwhile
            self._wake.set()
            self._lock_timer = self._loop.call_later(0, self._try_lock)
        self._life_timer = self._loop.call_later(self._settings.life_sign_s, self._show_life)

    def _catch_up(self) -> None:
        """Whoever has slept too long (stopped, swapped out) first looks whether others have gone on without him."""
        if self._life_timer is not None and self._loop.time() - self._moved_at > 2 * self._settings.life_sign_s:
            self._life_timer.cancel()
            self._show_life()

    # --- the end -----------------------------------------------------------------------------------
    async def _supervise(self) -> None:
        settings = self._settings
        pump = await self._begin()
        began_s = self._pressed_ns / SECOND_NS
        await self._until(pump, self._result, at=began_s + settings.deadline_s + settings.grace_s)
        if not self._result.done():
            self._finish(self._report_fault(pump))
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

    def _finish(self, report: LoginReport) -> None:
        if not self._result.done():
            self._latest = report
            self._holding = report.outcome in WORTH_A_HOLD and self._settings.hold_s > 0
            self._result.set_result(report)

    def _clean_up(self) -> None:
        for timer in (self._alarm, self._lock_timer, self._life_timer):
            if timer is not None:
                timer.cancel()
        self._hands.let_go("the kill is over")
        self._right.release()
        self.over = True
        for then in self._when_over:
            self._loop.call_soon(then)

    def _report_fault(self, pump: asyncio.Task[None]) -> LoginReport:
        """The machine gave no result. Say so, with what the last reads showed."""
        fault = self._fault
        if pump.done() and not pump.cancelled():
            fault = pump.exception()
        if fault is not None:
            why = f"the kill failed by a fault of this program ({type(fault).__name__}: {fault})"
        elif pump.done():
            why = "the kill ended without a result, which is a fault of this program"
        else:
            why = "the kill gave no result by its deadline, which is a fault of this program"
        return self._faulty(why)

    def _faulty(self, why: str) -> LoginReport:
        return LoginReport(
            name=self._machine.name,
            mode=self._machine.mode,
            host=self._machine.host,
            port=self._machine.port,
            outcome=LoginOutcome.UNKNOWN,
            accounts=self._accounts,
            residue=tuple(self._last_seen()),
            trouble=f"{why}. What is listed was read earlier and may have changed: check this login in TWS now",
            timeline=tuple(self._timeline),
        )

    def _last_seen(self) -> list[ResidueItem]:
        positions = [
            ResidueItem(
                account=position.account,
                contract=position.contract,
                quantity=position.quantity,
                reason=ResidueReason.POSITION_UNCONFIRMED,
            )
            for position in self._positions
            if position.quantity != 0
        ]
        orders = [
            ResidueItem(
                account=order.account,
                contract=order.contract,
                quantity=order.remaining if order.buys else -order.remaining,
                reason=ResidueReason.WORKING_ORDER,
                order=f"client {order.client_id}: {order.action} {order.remaining} {order.order_type}",
            )
            for order in self._orders
        ]
        return positions + orders
