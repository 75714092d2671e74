"""The kill of one login, step by step. Pure: `handle(event, now_ns)` returns commands; nothing is read or sent here.

Cancel, look, close what is safe to close, look again; flat only when two agreeing surveys over a healthy link show
no position and no working order. The machine never claims what a survey has not shown, never has two closing orders
for one contract in the air, and always finishes by its deadline.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.facts import Details, Quote, WorkingOrder
from engine.core.hours import Session, session_at
from engine.core.kill import events as ev
from engine.core.kill.attempt import Attempt, State
from engine.core.kill.commands import (
    CLOSE_REF_PREFIX,
    CancelClose,
    Command,
    Connect,
    Finish,
    GlobalCancel,
    Place,
    ReadCompleted,
    Resolve,
    Say,
    Stop,
    WakeAt,
)
from engine.core.kill.evidence import Evidence, describe
from engine.core.kill.item import Item, Moment
from engine.core.kill.ledger import Key, Ledger
from engine.core.kill.report import ClosedPosition, LoginOutcome, LoginReport, ResidueItem, ResidueReason
from engine.core.kill.routing import details_group, exchange_for
from engine.core.kill.settings import MS, SECOND, KillSettings
from engine.core.kill.survey import Survey, Surveyor

__all__ = ["KillMachine", "KillSettings"]

ZERO = Decimal(0)
TICK_NS = 50 * MS  # the machine asks to be woken at least this often
OPTIONS = ("OPT", "FOP")
SETTLED_CANCELS_MAX_NS = 8 * SECOND


class KillMachine:
    """One login's kill. Feed `start`, then every event; do every command in order.

    `wall_offset_ns` turns the driver's monotonic time into time since the Unix epoch (for trading hours only).
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
        self._evidence = Evidence(0)
        self._ledger = Ledger(settle_ns=self.settings.settle_ns, doubt_ns=self.settings.doubt_ns)
        self._surveyor = Surveyor(self.settings.executions_patience_ns)
        self._items: dict[Key, Item] = {}
        self._by_key: dict[int, tuple[Item, Attempt]] = {}
        self._details: dict[tuple[str, ...], Details | None] = {}  # by group, or ("own", conId)
        self._asked: set[tuple[str, ...]] = set()
        self._accounts: tuple[str, ...] = ()
        self._notes: list[str] = []
        self._trouble = ""
        # where it stands
        self._connected = False
        self._ever_connected = False
        self._connect_at_ns: int | None = None
        self._connect_tries = 0
        self._link_up = True
        self._may_close = False
        self._lock_busy_by: str | None = None
        self._ever_placed = False
        self._size_after_ns = 0  # surveys begun earlier may not size a close
        self._next_cancel_ns: int | None = None
        self._cancel_gap_ns = self.settings.cancel_again_ns
        self._next_survey_ns: int | None = None
        self._survey_gap_ns = self.settings.survey_gap_first_ns
        self._serial_done = 0
        self._survey: Survey | None = None  # the last complete one over a healthy link
        self._survey_done_ns = 0
        self._clean_since_ns: int | None = None
        self._proven_flat = False
        self._completed_id = 0
        self._finished_ns: int | None = None
        self._stopped = False
        self._outcome: LoginOutcome | None = None

    # the button -----------------------------------------------------------------------------------------------------

    def start(self, now_ns: int) -> list[Command]:
        """The button was pressed at `now_ns`."""
        self._evidence = Evidence(now_ns)
        self._evidence.say(now_ns, "pressed", "kill switch pressed")
        return [Connect(), self._wake(now_ns)]

    def handle(self, event: ev.Event, now_ns: int) -> list[Command]:
        """Take one event; return what to do about it, in order. Nothing follows a `Stop`."""
        if self._stopped:
            return []
        commands = self._take(event, now_ns)
        commands += self._advance(now_ns)
        for command in commands:
            self._note_command(command, now_ns)
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

    def _wake(self, now_ns: int) -> WakeAt:
        times = [now_ns + TICK_NS]
        if self._finished_ns is None:
            times.append(max(self._deadline_ns, now_ns))
        if self._next_survey_ns is not None and self._connected and self._link_up and not self._surveyor.active:
            times.append(max(self._next_survey_ns, now_ns))
        return WakeAt(min(times))

    def _note_command(self, command: Command, now_ns: int) -> None:
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
            case ev.LockTaken(shared_nothing):
                return self._on_lock_taken(shared_nothing, now_ns)
            case ev.LockBusy(holder):
                self._lock_busy_by = holder
                return [Say("lock_busy", f"another kill is closing this login ({holder}); watching and verifying")]
            case ev.PressedAgain():
                return [GlobalCancel(), Say("pressed_again", "pressed again: joined, one more global cancel")] * int(
                    self._connected
                )
            case _:
                return self._take_answer(event, now_ns)

    def _take_answer(self, event: ev.Event, now_ns: int) -> list[Command]:
        match event:
            case ev.OrdersRead(read_id, orders):
                return self._surveyor.heard_orders(read_id, orders)
            case ev.PositionsRead(read_id, positions):
                self._surveyor.heard_positions(read_id, positions, now_ns)
            case ev.ExecutionsRead(read_id, executions):
                self._surveyor.heard_executions(read_id, executions)
            case ev.CompletedRead(read_id, orders) if read_id == self._completed_id:
                self._evidence.completed(orders)
            case ev.ReadFailed(read_id, why):
                if self._surveyor.failed(read_id, why):
                    self._next_survey_ns = now_ns + self._survey_gap_ns
                    return [Say("read_failed", why)]
            case ev.Resolved(con_id, details):
                self._on_details(con_id, details)
            case ev.Unresolved(con_id):
                self._on_details(con_id, None)
            case ev.Quoted(con_id, quote):
                self._on_quote(con_id, quote, now_ns, "")
            case ev.NoQuote(con_id, why):
                self._on_quote(con_id, None, now_ns, why)
            case ev.PositionChanged():
                self._survey_soon(now_ns)
            case _:
                self._take_close_event(event, now_ns)
        return []

    def _take_close_event(self, event: ev.Event, now_ns: int) -> None:
        """Events about one of our closing orders, living or ended."""
        serial = self._surveyor.serial
        match event:
            case ev.CloseStatus(key, status, filled, perm_id) if key in self._by_key:
                self._by_key[key][1].status(status, filled, perm_id, serial)
            case ev.CloseFill(key, execution) if key in self._by_key:
                self._ledger.own_execution(execution.identity)
                self._by_key[key][1].fill(execution)
            case ev.CloseError(key, code, text) if key in self._by_key:
                self._by_key[key][0].heard_error(key, code, text, now_ns, serial)
            case ev.CloseNotSent(key) if key in self._by_key:
                self._on_not_sent(self._by_key[key][1])
            case ev.CloseOrphaned(key) if key in self._by_key:
                self._by_key[key][1].orphaned(serial)
            case _:
                return
        if isinstance(event, ev.CloseStatus | ev.CloseFill | ev.CloseError | ev.CloseNotSent | ev.CloseOrphaned):
            self._credit(self._by_key[event.key], now_ns)

    def _on_not_sent(self, attempt: Attempt) -> None:
        """Never written. A first sending cannot exist; of a repeat, the first one may."""
        if attempt.acknowledged or attempt.sends > 1:
            attempt.orphaned(self._surveyor.serial)
        else:
            attempt.state = State.ENDED

    def _credit(self, pair: tuple[Item, Attempt], now_ns: int) -> None:
        """Tell the ledger of new fills at once: they shrink what may still be closed."""
        item, attempt = pair
        fresh = attempt.uncounted_fill()
        if fresh != ZERO:
            self._ledger.own_fill(item.key, fresh)
            for other in self._items.values():
                if other is not item:
                    other.nudge(now_ns)
        if not attempt.live:
            self._survey_soon(now_ns)

    def _on_connected(self, event: ev.Connected, now_ns: int) -> list[Command]:
        again = self._ever_connected
        self._connected = self._ever_connected = True
        self._link_up = True
        self._accounts = event.accounts or self._accounts
        self._trouble = ""
        self._connect_at_ns = None
        self._connect_tries = 0
        self._evidence.mark("connected", now_ns)
        word = "connected again" if again else "connected"
        commands: list[Command] = []
        if event.cancel_sent:
            self._evidence.mark("first_cancel", now_ns)
        else:
            commands.append(GlobalCancel())
        self._next_cancel_ns = now_ns + self._cancel_gap_ns
        self._clean_since_ns = None
        self._size_after_ns = max(self._size_after_ns, now_ns)  # what an earlier connection showed is history
        commands += self._begin_survey(now_ns, all_at_once=True)
        accounts = ", ".join(self._accounts)
        commands.append(
            Say("connected", f"{word} as client {event.client_id}, accounts {accounts}; global cancel sent")
        )
        return commands

    def _on_disconnected(self, trouble: ev.Trouble, text: str, now_ns: int) -> list[Command]:
        was_connected = self._connected
        self._connected = False
        self._trouble = text or trouble.value
        self._surveyor.abandon()
        self._next_survey_ns = None
        self._clean_since_ns = None
        serial = self._surveyor.serial
        for item in self._items.values():
            if item.attempt is not None:
                item.attempt.orphaned(serial)
        gap_ns = min(100 * MS * 2 ** min(self._connect_tries, 5), SECOND)
        self._connect_tries += 1
        self._connect_at_ns = now_ns + gap_ns
        if was_connected or self._connect_tries == 1:
            return [Say("disconnected", self._trouble)]
        return []

    def _on_link(self, up: bool, code: int, now_ns: int) -> list[Command]:
        if up == self._link_up:
            return []
        self._link_up = up
        self._clean_since_ns = None
        self._surveyor.abandon()
        if not up:
            self._next_survey_ns = None
            self._trouble = f"TWS has lost its link to IBKR ({code}): what it shows now proves nothing"
            return [Say("link_down", self._trouble)]
        self._trouble = ""
        for item in self._items.values():
            if item.attempt is not None:
                item.attempt.orphaned(self._surveyor.serial)
        commands: list[Command] = [GlobalCancel()] if self._connected else []
        self._next_cancel_ns = now_ns + self._cancel_gap_ns
        self._size_after_ns = max(self._size_after_ns, now_ns)
        self._survey_soon(now_ns)
        return [*commands, Say("link_up", f"TWS is linked to IBKR again ({code}); reading everything anew")]

    def _on_lock_taken(self, shared_nothing: bool, now_ns: int) -> list[Command]:
        took_over = self._lock_busy_by is not None
        self._may_close = True
        self._lock_busy_by = None
        if shared_nothing:
            self._notes.append("no lock could be had on this machine: another closer could not be excluded")
            self._size_after_ns = now_ns + self.settings.nothing_shared_settle_ns
            return [Say("no_lock", self._notes[-1])]
        if took_over:
            self._size_after_ns = now_ns + self.settings.takeover_settle_ns
            return [Say("took_over", "the other kill is gone: taking over from what the broker shows")]
        return []

    def _on_details(self, con_id: int, details: Details | None) -> None:
        self._details[("own", str(con_id))] = details
        for item in self._items.values():
            if item.contract.con_id == con_id:
                self._details[details_group(item.contract)] = details

    def _on_quote(self, con_id: int, quote: Quote | None, now_ns: int, why: str) -> None:
        for item in self._items.values():
            if item.contract.con_id == con_id:
                item.heard_quote(quote, now_ns, why)

    # surveys --------------------------------------------------------------------------------------------------------

    def _begin_survey(self, now_ns: int, *, all_at_once: bool = False) -> list[Command]:
        self._next_survey_ns = None
        return self._surveyor.begin(now_ns, all_at_once=all_at_once)

    def _survey_soon(self, now_ns: int) -> None:
        self._survey_gap_ns = self.settings.survey_gap_first_ns
        soon = now_ns + self._survey_gap_ns
        if self._next_survey_ns is None or self._next_survey_ns > soon:
            self._next_survey_ns = soon

    def _on_survey(self, survey: Survey, now_ns: int) -> list[Command]:
        """A complete view: into the ledger, past every attempt, and then judged."""
        self._serial_done = survey.serial
        self._survey, self._survey_done_ns = survey, now_ns
        if survey.executions is None:
            self._ledger.executions_unknown()
        else:
            self._ledger.executions(survey.executions)
            self._note_others_fills(survey)
        self._ledger.positions(survey.positions, now_ns)
        for item in self._items.values():
            if item.attempt is not None:
                item.attempt.surveyed(survey.orders, survey.serial)
        commands = self._open_items()
        foreign = [o for o in survey.orders if not self._is_live_close(o)]
        self._evidence.orders_listed([o for o in foreign if not self._is_ours(o)])
        commands += self._mind_orders(foreign, now_ns)
        self._judge(survey, now_ns)
        gap_ns = self.settings.proof_gap_ns if self._clean_since_ns is not None else self._survey_gap_ns
        self._survey_gap_ns = min(self._survey_gap_ns * 2, self.settings.survey_gap_max_ns)
        self._next_survey_ns = now_ns + gap_ns
        return commands

    def _note_others_fills(self, survey: Survey) -> None:
        totals: dict[tuple[int, int, int], Decimal] = {}
        for e in survey.executions or ():
            key = (e.perm_id, e.client_id, e.order_id)
            totals[key] = totals.get(key, ZERO) + abs(e.quantity)
        for (perm_id, client_id, order_id), total in totals.items():
            self._evidence.executed(perm_id, client_id, order_id, total)

    def _open_items(self) -> list[Command]:
        """One item for every contract that has ever shown a position; ask at once where those trade."""
        commands: list[Command] = []
        for key in self._ledger.seen():
            if key in self._items:
                continue
            contract = self._ledger.contract(key)
            self._items[key] = Item(key, contract, self.settings)
            group = details_group(contract)
            wanted = contract.sec_type == "STK" or exchange_for(contract, None) is None
            if wanted and group not in self._asked and self._ledger.position(key) != ZERO:
                self._asked.add(group)
                commands.append(Resolve(contract))
        return commands

    def _mind_orders(self, foreign: list[WorkingOrder], now_ns: int) -> list[Command]:
        """The global cancel skips what is already being cancelled, and others go on sending: repeat until all are gone."""
        if not foreign:
            if "orders_gone" not in self._evidence.times:
                self._evidence.mark("orders_gone", now_ns)
                self._completed_id = self._surveyor.take_read_id()
                return [Say("orders_gone", "no working orders are left"), ReadCompleted(self._completed_id)]
            return []
        self._evidence.times.pop("orders_gone", None)
        if self._next_cancel_ns is not None and now_ns < self._next_cancel_ns:
            return []
        self._cancel_gap_ns = min(self._cancel_gap_ns * 2, SETTLED_CANCELS_MAX_NS)
        self._next_cancel_ns = now_ns + self._cancel_gap_ns
        return [Say("cancel_again", f"{len(foreign)} orders still open: global cancel again"), GlobalCancel()]

    def _judge(self, survey: Survey, now_ns: int) -> None:
        """Is this survey clean, and was the one before it clean too?"""
        clean = not survey.orders and self._ledger.all_zero() and not any(i.live for i in self._items.values())
        if not clean:
            self._clean_since_ns = None
            if self._proven_flat:
                self._proven_flat = False
                self._evidence.times.pop("flat", None)
                self._evidence.say(now_ns, "not_flat", "something is open again")
            return
        if self._clean_since_ns is None:
            self._clean_since_ns = now_ns
        elif not self._proven_flat and survey.begun_ns - self._clean_since_ns >= self.settings.proof_gap_ns:
            self._proven_flat = True
            self._evidence.mark("flat", now_ns)
            self._evidence.say(now_ns, "flat", "two agreeing reads: no position, no working order")

    def _is_ours(self, order: WorkingOrder) -> bool:
        return order.order_ref.startswith(f"{CLOSE_REF_PREFIX}-{self.kill_id}-")

    def _is_live_close(self, order: WorkingOrder) -> bool:
        return any(
            i.attempt is not None and i.attempt.live and i.attempt.is_listed_as(order) for i in self._items.values()
        )

    # the next step --------------------------------------------------------------------------------------------------

    def _advance(self, now_ns: int) -> list[Command]:
        commands: list[Command] = []
        survey = self._surveyor.result(now_ns)
        if survey is not None:
            commands += self._on_survey(survey, now_ns)
        commands += self._reconnect(now_ns)
        if self._connected and self._link_up:
            due = self._next_survey_ns is not None and now_ns >= self._next_survey_ns
            if due and not self._surveyor.active:
                commands += self._begin_survey(now_ns)
            commands += self._step_items(now_ns)
        commands += self._conclude(now_ns)
        return commands

    def _reconnect(self, now_ns: int) -> list[Command]:
        if self._connected or self._connect_at_ns is None or now_ns < self._connect_at_ns:
            return []
        self._connect_at_ns = None
        return [Connect()]

    def _wrapping_up(self, now_ns: int) -> bool:
        """Near the deadline nothing new is sent and our own unfilled orders are withdrawn."""
        wrap_ns = min(self.settings.wrap_up_ns, self.settings.deadline_ns // 4)
        return self._finished_ns is None and now_ns >= self._deadline_ns - wrap_ns

    def _step_items(self, now_ns: int) -> list[Command]:
        commands: list[Command] = []
        wrapping_up = self._wrapping_up(now_ns)
        may_send = self._may_close and not wrapping_up
        blocked = self._blocking_orders()
        for item in self._in_turn():
            if wrapping_up and item.live and item.attempt is not None and item.attempt.cancel_ns is None:
                item.attempt.cancel_ns = now_ns
                commands.append(CancelClose(item.attempt.place.key))
            closable, orders_in_the_way = self._closable(item, blocked, now_ns)
            if closable == ZERO and not item.live and item.attempt is None:
                continue
            moment = self._moment(item, closable, may_send=may_send, now_ns=now_ns)
            moment.may_launch = not orders_in_the_way and self._turn_has_come(item, now_ns)
            if not item.live and (orders_in_the_way or not moment.may_launch) and item.waiting_since_ns is None:
                item.waiting_since_ns = now_ns
            step = item.step(moment)
            self._register(item, step)
            commands += self._drop_repeated_look_ups(step)
        return commands

    def _register(self, item: Item, step: list[Command]) -> None:
        for command in step:
            if isinstance(command, Place) and item.attempt is not None:
                self._by_key[command.key] = (item, item.attempt)
                self._ever_placed = True
                item.waiting_since_ns = None

    def _drop_repeated_look_ups(self, step: list[Command]) -> list[Command]:
        for command in step:
            if isinstance(command, Resolve):
                self._details.pop(("own", str(command.contract.con_id)), None)
                self._asked.add(("own", str(command.contract.con_id)))
        return step

    def _in_turn(self) -> list[Item]:
        """Short options first, then the rest, each in the order first seen."""
        return sorted(self._items.values(), key=lambda item: not self._is_short_option(item))

    def _is_short_option(self, item: Item) -> bool:
        return item.contract.sec_type in OPTIONS and self._ledger.position(item.key) < ZERO

    def _turn_has_come(self, item: Item, now_ns: int) -> bool:
        return self._size_known(item, now_ns) and self._probed() and not self._waits_for_short_options(item, now_ns)

    def _size_known(self, item: Item, now_ns: int) -> bool:
        survey = self._survey
        if survey is None or now_ns - self._survey_done_ns > self.settings.read_age_max_ns:
            return False
        return survey.begun_ns >= self._size_after_ns

    def _probed(self) -> bool:
        """One order is acknowledged before the rest is sent: TWS may hold a dialog that swallows orders silently."""
        attempts = [item.attempt for item in self._items.values() if item.attempt is not None and item.attempt.live]
        if any(a.acknowledged for _, a in self._by_key.values()):
            return True
        return not any(a.state is State.SENT for a in attempts)

    def _waits_for_short_options(self, item: Item, now_ns: int) -> bool:
        """The rest of an underlying may be what covers a short option: closing it first can be refused for margin."""
        if self._is_short_option(item):
            return False
        since = item.waiting_since_ns
        if since is not None and now_ns - since >= self.settings.short_options_first_ns:
            return False
        return any(
            other.key[0] == item.key[0]
            and other.contract.symbol == item.contract.symbol
            and self._is_short_option(other)
            and not other.given_up
            for other in self._items.values()
        )

    def _blocking_orders(self) -> dict[str, list[WorkingOrder]]:
        """Listed orders by account, except living closes of this kill."""
        blocked: dict[str, list[WorkingOrder]] = {}
        for order in self._survey.orders if self._survey is not None else ():
            if not self._is_live_close(order):
                blocked.setdefault(order.account, []).append(order)
        return blocked

    def _closable(self, item: Item, blocked: dict[str, list[WorkingOrder]], now_ns: int) -> tuple[Decimal, bool]:
        """How much of an item may be closed (signed), and whether resting orders still stand in its way."""
        closable = self._ledger.closable(item.key)
        account, con_id = item.key
        near = (*blocked.get(account, ()), *blocked.get("", ()))
        own = [o for o in near if _touches(o, con_id, item.contract.symbol)]
        if not own:
            return closable, False
        since = item.waiting_since_ns
        if since is None or now_ns - since < self.settings.orders_patience_ns:
            return closable, True
        # they will not go: close what stays clear of zero even if every one of them fills
        if any(o.contract.sec_type == "BAG" for o in own):
            return closable, True
        taken = sum((o.remaining for o in own if o.buys == (closable < 0)), ZERO)
        free = max(abs(closable) - taken, ZERO)
        return (free if closable > 0 else -free), False

    def _moment(self, item: Item, closable: Decimal, *, may_send: bool, now_ns: int) -> Moment:
        own = ("own", str(item.contract.con_id))
        group = own if item.own_details else details_group(item.contract)
        details = self._details.get(group) or self._details.get(own)
        wall_s = (now_ns + self._wall_offset_ns) / 1e9
        return Moment(
            now_ns=now_ns,
            serial_begun=self._surveyor.serial,
            serial_done=self._serial_done,
            closable=closable,
            may_send=may_send,
            may_launch=False,
            details=details,
            details_pending=group in self._asked and group not in self._details,
            session=Session.UNKNOWN if details is None else session_at(details, wall_s),
            place_key=len(self._by_key) + 1,
            kill_id=self.kill_id,
        )

    # the end --------------------------------------------------------------------------------------------------------

    def _conclude(self, now_ns: int) -> list[Command]:
        if self._finished_ns is None:
            outcome = self._result(now_ns)
            if outcome is None:
                return []
            return self._finish(outcome, now_ns)
        if now_ns - self._finished_ns >= self.settings.quarantine_ns:
            self._stopped = True
            self._outcome = self._current_outcome(now_ns)
            return [Stop()]
        return []

    def _finish(self, outcome: LoginOutcome, now_ns: int) -> list[Command]:
        self._finished_ns = now_ns
        self._outcome = outcome
        self._evidence.mark("finished", now_ns)
        commands: list[Command] = [Say("finished", outcome.value), Finish()]
        if self.settings.quarantine_ns <= 0:
            self._stopped = True
            commands.append(Stop())
        return commands

    def _result(self, now_ns: int) -> LoginOutcome | None:
        """The outcome, when it is time to give one."""
        if self._proven_flat:
            return LoginOutcome.FLAT
        if now_ns >= self._deadline_ns:
            return self._current_outcome(now_ns)
        pressed_ns = self._evidence.pressed_ns
        if not self._ever_connected and now_ns - pressed_ns >= self.settings.connect_patience_ns and self._trouble:
            return LoginOutcome.UNREACHABLE
        if self._nothing_more_to_do(now_ns):
            return LoginOutcome.RESIDUE
        return None

    def _current_outcome(self, now_ns: int) -> LoginOutcome:
        if self._proven_flat:
            return LoginOutcome.FLAT
        if not self._ever_connected:
            return LoginOutcome.UNREACHABLE
        fresh = self._survey is not None and now_ns - self._survey_done_ns <= self.settings.read_age_max_ns
        if not fresh or not self._connected or not self._link_up:
            return LoginOutcome.UNKNOWN
        something = bool(self._survey and self._survey.orders) or any(
            self._ledger.position(key) != ZERO for key in self._ledger.seen()
        )
        # nothing left, and yet not proven: doubt is not residue
        return LoginOutcome.RESIDUE if something else LoginOutcome.UNKNOWN

    def _nothing_more_to_do(self, now_ns: int) -> bool:
        """Every position that is left is one that only a person can close, by facts newer than the last order."""
        survey = self._survey
        if survey is None or survey.orders or not self._may_close or not self._connected or not self._link_up:
            return False
        left = [item for item in self._items.values() if self._ledger.position(item.key) != ZERO or item.live]
        if not left or now_ns - self._survey_done_ns > self.settings.read_age_max_ns:
            return False
        return all(item.given_up and not item.live and self._serial_done > item.min_serial for item in left)

    # the report -----------------------------------------------------------------------------------------------------

    def report(self) -> LoginReport:
        """What is known now. Final after `Finish`, newer after a quarantine."""
        outcome = self._outcome or (LoginOutcome.UNKNOWN if self._ever_connected else LoginOutcome.UNREACHABLE)
        if outcome is LoginOutcome.FLAT and not self._proven_flat:
            outcome = LoginOutcome.RESIDUE  # a late fill during the quarantine
        elif self._proven_flat:
            outcome = LoginOutcome.FLAT
        first = {key: self._ledger.first_seen(key) for key in self._ledger.seen()}
        return LoginReport(
            name=self.name,
            mode=self.mode,
            host=self.host,
            port=self.port,
            outcome=outcome,
            accounts=self._accounts,
            cancelled=self._evidence.cancelled(first),
            closed=tuple(self._closed(outcome)),
            residue=() if outcome is LoginOutcome.FLAT else tuple(self._residue()),
            notes=tuple(self._notes),
            trouble="" if outcome in (LoginOutcome.FLAT, LoginOutcome.RESIDUE) else self._why_unknown(),
            joined=not self._ever_placed and (self._lock_busy_by is not None or not self._may_close),
            timings=self._evidence.timings(),
            timeline=tuple(self._evidence.timeline),
        )

    def _why_unknown(self) -> str:
        if self._trouble:
            return self._trouble
        failures = "; ".join(f"{what} could not be read: {why}" for what, why in self._surveyor.failures.items())
        return failures or "the last reads are not complete, or do not agree with each other"

    def _closed(self, outcome: LoginOutcome) -> list[ClosedPosition]:
        closed = []
        for key, item in self._items.items():
            if self._ledger.position(key) == ZERO and self._ledger.first_seen(key) != ZERO:
                closed.append(
                    ClosedPosition(
                        account=key[0],
                        contract=item.contract,
                        quantity=self._ledger.first_seen(key),
                        orders_sent=item.orders_sent,
                        avg_price=self._average(item),
                    )
                )
        return closed

    def _average(self, item: Item) -> Decimal | None:
        fills = [f for owner, attempt in self._by_key.values() if owner is item for f in attempt.fills.values()]
        total = sum((quantity for quantity, _ in fills), ZERO)
        return None if total == ZERO else sum((q * price for q, price in fills), ZERO) / total

    def _residue(self) -> list[ResidueItem]:
        items = [
            ResidueItem(
                account=item.key[0],
                contract=item.contract,
                quantity=self._ledger.position(item.key),
                reason=self._reason(item),
                detail=item.detail,
            )
            for item in self._items.values()
            if self._ledger.position(item.key) != ZERO
        ]
        for order in self._survey.orders if self._survey is not None else ():
            items.append(
                ResidueItem(
                    account=order.account,
                    contract=order.contract,
                    quantity=order.remaining if order.buys else -order.remaining,
                    reason=ResidueReason.WORKING_ORDER,
                    order=describe(order),
                )
            )
        return items

    def _reason(self, item: Item) -> ResidueReason:
        """The one reason that explains this item best."""
        if not self._link_up:
            return ResidueReason.LINK_DOWN
        if not self._may_close:
            return ResidueReason.ANOTHER_KILL
        if item.reason is not None:
            return item.reason
        if self._ledger.doubtful(item.key):
            return ResidueReason.POSITION_UNCONFIRMED
        if item.live:
            return ResidueReason.CLOSE_WORKING
        if item.waiting_since_ns is not None:
            return ResidueReason.WAITING_FOR_ORDERS
        return ResidueReason.OUT_OF_TIME


def _touches(order: WorkingOrder, con_id: int, symbol: str) -> bool:
    """May a fill of this order change the position in `con_id`? A combination names its legs, or its symbol."""
    if order.contract.sec_type != "BAG":
        return order.contract.con_id == con_id
    legs = {leg.con_id for leg in order.contract.combo_legs}
    return con_id in legs if legs else order.contract.symbol in ("", symbol)
