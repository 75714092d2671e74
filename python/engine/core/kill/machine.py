"""The kill of one login, step by step. Pure: `handle(event, now_ns)` returns commands; nothing is read or sent here.

Cancel, look, close what is safe to close, look again; flat only when two agreeing surveys over a healthy link show
no position and no working order. The machine never claims what a survey has not shown, never has two closing orders
for one contract in the air, and always finishes by its deadline.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.facts import WorkingOrder
from engine.core.kill import events as ev
from engine.core.kill.closing import Closing, Scene
from engine.core.kill.commands import (
    CLOSE_REF_PREFIX,
    Command,
    Connect,
    Finish,
    GlobalCancel,
    Place,
    ReadCompleted,
    Say,
    Stop,
    WakeAt,
)
from engine.core.kill.evidence import Evidence
from engine.core.kill.ledger import Ledger
from engine.core.kill.proof import Proof
from engine.core.kill.reach import Reach
from engine.core.kill.report import LoginOutcome, LoginReport, ResidueItem
from engine.core.kill.reporting import closed_positions, residue
from engine.core.kill.settings import MS, SECOND, KillSettings
from engine.core.kill.survey import Survey, Surveyor

__all__ = ["KillMachine", "KillSettings"]

ZERO = Decimal(0)
TICK_NS = 50 * MS  # the machine asks to be woken at least this often
CANCEL_GAP_MAX_NS = 8 * SECOND
READ_ONLY_NOTE = (
    "TWS refuses orders and cancels: its API is in read-only mode. In TWS: Configure > API > Settings, "
    "untick 'Read-Only API'. This kill goes on trying."
)


class KillMachine:
    """One login's kill. Feed `start`, then every event; do every command in order.

    `wall_offset_ns` turns the driver's monotonic time into time since the Unix epoch, for trading hours only and only
    until TWS has told the time.
    """

    def __init__(
        self,
        *,
        name: str,
        mode: str,
        host: str,
        port: int,
        kill_id: str,
        settings: KillSettings | None = None,
        wall_offset_ns: int = 0,
    ) -> None:
        self.name, self.mode, self.host, self.port, self.kill_id = name, mode, host, port, kill_id
        self.settings = settings or KillSettings()
        self._wall_offset_ns = wall_offset_ns
        self._server_offset_ns: int | None = None
        self._clock_doubted = False
        self._evidence = Evidence(0)
        self._ledger = Ledger(
            settle_ns=self.settings.settle_ns,
            doubt_ns=self.settings.doubt_ns,
            reduced_lag_ns=self.settings.reduced_lag_ns,
            expected_lag_ns=self.settings.expected_lag_ns,
            late_feed_ns=self.settings.late_feed_ns,
            gone_order_ns=self.settings.gone_order_ns,
        )
        self._closing = Closing(kill_id, self.settings, self._ledger)
        self._surveyor = Surveyor(self.settings.executions_patience_ns)
        self._accounts: tuple[str, ...] = ()
        self._notes: list[str] = []
        self._reach = Reach()
        # the right to close
        self._may_close = False
        self._lock_busy = self._lock_was_busy = False
        self._lock_holder = ""
        self._size_after_ns = 0  # surveys begun earlier may not size a close
        # cancelling and looking
        self._next_cancel_ns = 0
        self._cancel_gap_ns = self.settings.cancel_again_ns
        self._next_survey_ns: int | None = None
        self._survey_gap_ns = self.settings.survey_gap_first_ns
        self._survey: Survey | None = None  # the last complete one
        self._survey_done_ns = 0
        self._completed_id = 0
        # the result
        self._proof = Proof()
        self._outcome: LoginOutcome | None = None
        self._finished_ns: int | None = None
        self._stopped = False

    # the button -----------------------------------------------------------------------------------------------------

    def start(self, now_ns: int) -> list[Command]:
        """The button was pressed at `now_ns`."""
        self._evidence = Evidence(now_ns)
        self._evidence.say(now_ns, "pressed", "kill switch pressed")
        return [Connect(), self._wake(now_ns)]

    def handle(self, event: ev.Event, now_ns: int, *, more: bool = False) -> list[Command]:
        """Take one event; return what to do about it, in order. Nothing follows a `Stop`.

        `more` says that the next event is there already: orders then wait until all that has been heard is known. A
        large book's news would otherwise have every contract looked at again for every word about one.
        """
        if self._stopped:
            return []
        commands = self._take(event, now_ns) + self._look(now_ns)
        if not more:
            commands += self._advance(now_ns)
        for command in commands:
            self._note(command, now_ns)
        if not self._stopped:
            commands.append(self._wake(now_ns))
        return commands

    @property
    def finished(self) -> bool:
        """True once the result has been given."""
        return self._finished_ns is not None

    @property
    def _deadline_ns(self) -> int:
        return self._evidence.pressed_ns + self.settings.deadline_ns

    @property
    def _end_ns(self) -> int:
        """When this part of the kill ends at the latest: the work, or the watch after it."""
        return self._deadline_ns if self._finished_ns is None else self._finished_ns + self.settings.quarantine_ns

    def _wake(self, now_ns: int) -> WakeAt:
        at_ns = min(now_ns + TICK_NS, max(self._end_ns, now_ns))
        if self._next_survey_ns is not None and self._reach.healthy and not self._surveyor.active:
            at_ns = min(at_ns, max(self._next_survey_ns, now_ns))
        return WakeAt(at_ns)

    def _note(self, command: Command, now_ns: int) -> None:
        """Times and timeline come from what is really asked for."""
        match command:
            case Say(kind, text):
                self._evidence.say(now_ns, kind, text)
            case GlobalCancel():
                self._evidence.mark("first_cancel", now_ns)
            case Place():
                self._evidence.mark("first_close", now_ns)
                self._evidence.mark_last("last_close", now_ns)
            case _:
                pass

    # what happened --------------------------------------------------------------------------------------------------

    def _take(self, event: ev.Event, now_ns: int) -> list[Command]:
        match event:
            case ev.Connected():
                return self._on_connected(event, now_ns)
            case ev.Disconnected(trouble, text):
                return self._on_disconnected(trouble, text, now_ns)
            case ev.BrokerLink(up, code):
                return self._on_link(up, code, now_ns)
            case ev.LockTaken(shared_nothing, taken_from):
                return self._on_lock_taken(shared_nothing, taken_from, now_ns)
            case ev.LockLost():
                return self._on_lock_lost()
            case ev.LockBusy(holder):
                return self._on_lock_busy(holder)
            case ev.PressedAgain() if self._reach.connected:
                return [GlobalCancel(), Say("pressed_again", "pressed again: joined, one more global cancel")]
            case _:
                return self._take_answer(event, now_ns)

    def _take_answer(self, event: ev.Event, now_ns: int) -> list[Command]:
        match event:
            case ev.OrdersRead() | ev.PositionsRead() | ev.ExecutionsRead() | ev.CompletedRead() | ev.ReadFailed():
                return self._on_read(event, now_ns)
            case ev.Resolved(con_id, details):
                self._closing.heard_details(con_id, details)
            case ev.Unresolved(con_id):
                self._closing.heard_details(con_id, None)
            case ev.RuleHeard(rule_id, steps):
                self._closing.heard_rule(rule_id, steps)
            case ev.ServerClock(unix_s):
                return self._on_clock(unix_s, now_ns)
            case ev.Quoted(con_id, quote):
                self._closing.heard_quote(con_id, quote, now_ns, "")
            case ev.NoQuote(con_id, why):
                self._closing.heard_quote(con_id, None, now_ns, why)
            case ev.PositionChanged(position):
                self._closing.heard_position(position, self._surveyor.serial)
                if position.quantity != ZERO:
                    self._break_proof()
                self._survey_soon(now_ns)
            case ev.OrderSeen():
                self._break_proof()
                self._survey_soon(now_ns)
            case _:
                if self._closing.heard(event, now_ns, self._surveyor.serial):
                    self._survey_soon(now_ns)
                return self._mind_read_only(event)
        return []

    def _on_clock(self, unix_s: int, now_ns: int) -> list[Command]:
        """TWS knows the time better than this machine: from now on hours are judged by it."""
        self._server_offset_ns = unix_s * SECOND - now_ns
        apart_ns = self._wall_offset_ns - self._server_offset_ns
        if abs(apart_ns) <= self.settings.clock_apart_ns + SECOND or self._clock_doubted:  # told in whole seconds
            return []
        self._clock_doubted = True
        way = "ahead of" if apart_ns > 0 else "behind"
        note = (
            f"this machine's clock is {abs(apart_ns) // SECOND} s {way} TWS's: trading hours are judged by TWS's. "
            "Find out which of them is wrong, and set it."
        )
        self._notes.append(note)
        return [Say("clock_differs", note)]

    def _mind_read_only(self, event: ev.Event) -> list[Command]:
        """Said once, for cancels and orders alike."""
        match event:
            case ev.CloseError(_, 321, text) | ev.Notice(321, text) if "read-only" in text.lower():
                if READ_ONLY_NOTE not in self._notes:
                    self._notes.append(READ_ONLY_NOTE)
                    return [Say("read_only", READ_ONLY_NOTE)]
        return []

    def _on_read(self, event: ev.Event, now_ns: int) -> list[Command]:
        match event:
            case ev.OrdersRead(read_id, orders):
                if not self._surveyor.awaits_orders(read_id):
                    return []
                self._closing.listed(orders, now_ns)  # also when the survey comes to nothing
                gone = self._closing.any_suspect or self._ledger.traces.unexplained(now_ns)
                return self._surveyor.heard_orders(read_id, orders, completed=gone)
            case ev.PositionsRead(read_id, positions):
                self._surveyor.heard_positions(read_id, positions, now_ns)
            case ev.ExecutionsRead(read_id, executions):
                self._surveyor.heard_executions(read_id, executions)
            case ev.CompletedRead(read_id, orders, ended):
                self._surveyor.heard_completed(read_id, ended)
                if read_id == self._completed_id:
                    self._evidence.completed(orders)
            case ev.ReadFailed(read_id, why) if self._surveyor.failed(read_id, why):
                self._next_survey_ns = now_ns + self._survey_gap_ns
                return [Say("read_failed", why)]
            case _:
                pass
        return []

    def _on_connected(self, event: ev.Connected, now_ns: int) -> list[Command]:
        again = "connected again" if self._reach.ever_connected else "connected"
        self._reach.came()
        self._accounts = event.accounts or self._accounts
        self._evidence.mark("connected", now_ns)
        commands: list[Command] = []
        if event.cancel_sent:
            self._evidence.mark("first_cancel", now_ns)
        else:
            commands.append(GlobalCancel())
        self._view_is_new(now_ns)
        commands += self._surveyor.begin(now_ns, all_at_once=True)
        accounts = ", ".join(self._accounts)
        return [
            *commands,
            Say("connected", f"{again} as client {event.client_id}, accounts {accounts}; global cancel sent"),
        ]

    def _on_disconnected(self, trouble: ev.Trouble, text: str, now_ns: int) -> list[Command]:
        news = self._reach.went(trouble, text, now_ns)
        self._forget_view()
        self._closing.connection_lost(now_ns, self._surveyor.serial)
        return [Say("disconnected", self._reach.trouble)] if news else []

    def _on_link(self, up: bool, code: int, now_ns: int) -> list[Command]:
        if not self._reach.linked(up, code):
            return []
        self._forget_view()
        if not up:
            return [Say("link_down", self._reach.trouble)]
        self._closing.link_lost(now_ns, self._surveyor.serial)
        self._view_is_new(now_ns)
        self._survey_soon(now_ns)
        cancel: list[Command] = [GlobalCancel()] if self._reach.connected else []
        return [*cancel, Say("link_up", f"TWS is linked to IBKR again ({code}); reading everything anew")]

    def _view_is_new(self, now_ns: int) -> None:
        """What was shown before is history: nothing is sized from it, and no proof stands on it."""
        self._forget_view()
        self._size_after_ns = max(self._size_after_ns, now_ns)
        self._next_cancel_ns = now_ns + self._cancel_gap_ns

    def _forget_view(self) -> None:
        """The view is broken: a survey under way is void, and so is a proof that was half made."""
        self._surveyor.abandon()
        self._next_survey_ns = None
        self._break_proof()

    def _break_proof(self) -> None:
        """Half a proof is none; and a whole one that is not told yet must not be told any more."""
        if self._finished_ns is not None:
            self._proof.break_half()
            return
        self._proof.withdraw()
        self._evidence.unmark("flat")

    def _on_lock_busy(self, holder: str) -> list[Command]:
        if self._may_close or (self._lock_busy and holder == self._lock_holder):
            return []
        self._lock_busy = self._lock_was_busy = True
        self._lock_holder = holder
        return [Say("lock_busy", f"another kill is closing this login ({holder}); watching and verifying")]

    def _on_lock_lost(self) -> list[Command]:
        """What it placed may still fill or be cancelled by the other; both is seen, and nothing is added to it."""
        if not self._may_close:
            return []
        self._may_close = False
        self._lock_busy = self._lock_was_busy = True
        self._lock_holder = ""
        return [Say("lock_lost", "this kill did not move, and another one has taken over; watching and verifying")]

    def _on_lock_taken(self, shared_nothing: bool, taken_from: str, now_ns: int) -> list[Command]:
        if self._may_close:
            return []
        took_over, self._lock_busy = self._lock_busy, False
        self._may_close = True
        if shared_nothing:
            self._notes.append("no lock could be had on this machine: another closer could not be excluded")
            self._size_after_ns = max(self._size_after_ns, now_ns + self.settings.nothing_shared_settle_ns)
            return [Say("no_lock", self._notes[-1])]
        if took_over:
            self._size_after_ns = max(self._size_after_ns, now_ns + self.settings.takeover_settle_ns)
            gone = f"the other kill hung ({taken_from})" if taken_from else "the other kill is gone"
            return [Say("took_over", f"{gone}: taking over from what the broker shows")]
        return []

    # surveys --------------------------------------------------------------------------------------------------------

    def _survey_soon(self, now_ns: int) -> None:
        self._survey_gap_ns = self.settings.survey_gap_first_ns
        soon_ns = now_ns + self._survey_gap_ns
        if self._next_survey_ns is None or self._next_survey_ns > soon_ns:
            self._next_survey_ns = soon_ns

    def _on_survey(self, survey: Survey, now_ns: int) -> list[Command]:
        """A complete view: into the ledger, past every attempt, and then judged."""
        self._survey, self._survey_done_ns = survey, now_ns
        if survey.executions is not None:
            self._evidence.executions(survey.executions)
        commands = self._closing.surveyed(survey, now_ns)
        others = self._closing.others(survey.orders)
        self._evidence.orders_listed([order for order in others if not self._is_ours(order)])
        commands += self._mind_orders(others, now_ns)
        self._judge(survey, now_ns)
        gap_ns = self.settings.proof_gap_ns if self._proof.clean_since_ns is not None else self._survey_gap_ns
        self._survey_gap_ns = min(self._survey_gap_ns * 2, self.settings.survey_gap_max_ns)
        self._next_survey_ns = now_ns + gap_ns
        return commands

    def _mind_orders(self, others: list[WorkingOrder], now_ns: int) -> list[Command]:
        """The global cancel skips what is already being cancelled, and others go on sending: repeat until all are gone.

        Living closes of this kill are not counted, though a repeat takes them too: they are then sent again.
        """
        if not others:
            if self._evidence.has("orders_gone"):
                return []
            self._evidence.mark("orders_gone", now_ns)
            self._completed_id = self._surveyor.take_read_id()
            return [Say("orders_gone", "no working orders are left"), ReadCompleted(self._completed_id)]
        self._evidence.unmark("orders_gone")
        if self._lock_busy:  # the closing orders of the kill that has the lock are not to be disturbed
            others = [order for order in others if not order.order_ref.startswith(CLOSE_REF_PREFIX)]
        if now_ns < self._next_cancel_ns or not others:
            return []
        self._cancel_gap_ns = min(self._cancel_gap_ns * 2, CANCEL_GAP_MAX_NS)
        self._next_cancel_ns = now_ns + self._cancel_gap_ns
        return [Say("cancel_again", f"{len(others)} orders still open: global cancel again"), GlobalCancel()]

    def _judge(self, survey: Survey, now_ns: int) -> None:
        """Is this survey clean, and was everything clean since one begun long enough before it?"""
        clean = not survey.orders and self._ledger.all_zero() and not self._closing.any_live
        if clean and survey.begun_ns < self._size_after_ns:
            self._proof.break_half()  # what a dead kill sent last may still surface
            return
        gap_ns = self._proof_gap_ns(survey)
        if not self._proof.looked(clean=clean, begun_ns=survey.begun_ns, now_ns=now_ns, gap_ns=gap_ns):
            return
        if self._proof.proven:
            self._evidence.mark("flat", now_ns)
            self._evidence.say(now_ns, "flat", "two agreeing reads: no position, no working order")
        else:
            self._evidence.unmark("flat")
            self._evidence.say(now_ns, "not_flat", "something is open again")

    def _proof_gap_ns(self, survey: Survey) -> int:
        """Where executions cannot be read, only time shows whether a fill is still on its way to the positions."""
        return self.settings.proof_gap_ns if survey.executions is not None else self.settings.settle_ns

    def _is_ours(self, order: WorkingOrder) -> bool:
        return order.order_ref.startswith(f"{CLOSE_REF_PREFIX}-{self.kill_id}-")

    # the next step --------------------------------------------------------------------------------------------------

    def _look(self, now_ns: int) -> list[Command]:
        """A survey counts at the moment it is complete: what is heard later is newer than what it shows."""
        survey = self._surveyor.result(now_ns)
        return [] if survey is None else self._on_survey(survey, now_ns)

    def _advance(self, now_ns: int) -> list[Command]:
        commands: list[Command] = []
        if self._reach.retry_due(now_ns):
            commands.append(Connect())
        if self._reach.healthy:
            if self._next_survey_ns is not None and now_ns >= self._next_survey_ns and not self._surveyor.active:
                self._next_survey_ns = None
                commands += self._surveyor.begin(now_ns, all_at_once=False)
            commands += self._closing.step(self._scene(now_ns))
        return commands + self._conclude(now_ns)

    def _scene(self, now_ns: int) -> Scene:
        # near the end nothing new is sent and our own unfilled orders are withdrawn
        whole_ns = self.settings.deadline_ns if self._finished_ns is None else self.settings.quarantine_ns
        wrapping_up = now_ns >= self._end_ns - min(self.settings.wrap_up_ns, whole_ns // 4)
        return Scene(
            now_ns=now_ns,
            serial_begun=self._surveyor.serial,
            survey=self._survey,
            sized=self._survey is not None and self._fresh(now_ns) and self._survey.begun_ns >= self._size_after_ns,
            may_send=self._may_close and not wrapping_up,
            wrapping_up=wrapping_up,
            wall_s=(now_ns + (self._wall_offset_ns if self._server_offset_ns is None else self._server_offset_ns))
            / 1e9,
        )

    def _fresh(self, now_ns: int) -> bool:
        return self._survey is not None and now_ns - self._survey_done_ns <= self.settings.read_age_max_ns

    # the end --------------------------------------------------------------------------------------------------------

    def _conclude(self, now_ns: int) -> list[Command]:
        if self._finished_ns is None:
            outcome = self._result(now_ns)
            return [] if outcome is None else self._finish(outcome, now_ns)
        if now_ns < self._end_ns:
            return []
        self._stopped = True
        self._outcome = self._present_outcome(now_ns)
        return [Stop()]

    def _finish(self, outcome: LoginOutcome, now_ns: int) -> list[Command]:
        self._finished_ns = now_ns
        self._outcome = outcome
        self._evidence.mark("finished", now_ns)
        self._stopped = self.settings.quarantine_ns <= 0
        stop: list[Command] = [Stop()] if self._stopped else []
        return [Say("finished", outcome.value), Finish(), *stop]

    def _result(self, now_ns: int) -> LoginOutcome | None:
        """The outcome, when it is time to give one."""
        if self._proof.proven:
            return LoginOutcome.FLAT
        if now_ns >= self._deadline_ns:
            return self._present_outcome(now_ns)
        if self._reach.given_up(now_ns, self._evidence.pressed_ns, self.settings):
            return LoginOutcome.UNREACHABLE
        return LoginOutcome.RESIDUE if self._nothing_more_to_do(now_ns) else None

    def _present_outcome(self, now_ns: int) -> LoginOutcome:
        if self._proof.proven:
            return LoginOutcome.FLAT
        if not self._reach.ever_connected:
            return LoginOutcome.UNREACHABLE
        if self._survey is None or not self._fresh(now_ns) or not self._reach.healthy:
            return LoginOutcome.UNKNOWN
        return self._shown_outcome(self._survey)

    def _shown_outcome(self, survey: Survey) -> LoginOutcome:
        """Where nothing is left, and yet it is not proven: doubt is not residue."""
        something = survey.orders or any(self._ledger.position(key) != ZERO for key in self._ledger.seen())
        return LoginOutcome.RESIDUE if something else LoginOutcome.UNKNOWN

    def _nothing_more_to_do(self, now_ns: int) -> bool:
        """Every position that is left is one that only a person can close, by facts newer than the last order."""
        survey = self._survey
        if survey is None or survey.orders or not self._may_close or not self._reach.healthy or not self._fresh(now_ns):
            return False
        if any(self._ledger.doubtful(key) for key in self._ledger.seen()):
            return False
        left = [i for i in self._closing.items.values() if self._ledger.position(i.key) != ZERO or i.live]
        return bool(left) and all(i.lessons.given_up and not i.live and survey.serial > i.min_serial for i in left)

    def report(self) -> LoginReport:
        """What is known now. Final after `Finish`; newer after a quarantine."""
        outcome = self._outcome or (LoginOutcome.UNKNOWN if self._reach.ever_connected else LoginOutcome.UNREACHABLE)
        if self._proof.proven:
            outcome = LoginOutcome.FLAT
        elif outcome is LoginOutcome.FLAT:
            outcome = LoginOutcome.RESIDUE  # a late fill after the result
        elif outcome is LoginOutcome.UNREACHABLE and self._reach.ever_connected:  # it came up after all
            survey = self._survey if self._reach.healthy else None
            outcome = LoginOutcome.UNKNOWN if survey is None else self._shown_outcome(survey)
        return LoginReport(
            name=self.name,
            mode=self.mode,
            host=self.host,
            port=self.port,
            outcome=outcome,
            accounts=self._accounts,
            cancelled=self._evidence.cancelled({key: self._ledger.first_seen(key) for key in self._ledger.seen()}),
            closed=closed_positions(self._closing, self._ledger),
            residue=() if outcome is LoginOutcome.FLAT else self._residue(),
            notes=(*self._notes, *(self._evidence.notes() if outcome is LoginOutcome.FLAT else ())),
            trouble="" if outcome in (LoginOutcome.FLAT, LoginOutcome.RESIDUE) else self._why_unknown(),
            joined=self._lock_was_busy and not self._closing.ever_placed and outcome is LoginOutcome.FLAT,
            timings=self._evidence.timings(),
            timeline=tuple(self._evidence.timeline),
        )

    def _residue(self) -> tuple[ResidueItem, ...]:
        return residue(
            self._closing,
            self._ledger,
            self._survey.orders if self._survey is not None else (),
            link_up=self._reach.link_up,
            may_close=self._may_close,
            holder=self._lock_holder,
            read_only=READ_ONLY_NOTE in self._notes,
        )

    def _why_unknown(self) -> str:
        if self._reach.trouble:
            return self._reach.trouble
        failures = "; ".join(f"{what} could not be read: {why}" for what, why in self._surveyor.failures.items())
        return failures or "the last reads are not complete, or do not agree with each other"
