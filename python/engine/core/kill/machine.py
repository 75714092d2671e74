"""The kill of one login, step by step. Pure: `handle(event, now_ns)` returns commands; nothing is read or sent here.

Cancel, look, close what is safe to close, look again; flat only when two agreeing surveys over a healthy link show
no position and no working order. The machine never claims what a survey has not shown, never has two closing orders
for one contract in the air, and always finishes by its deadline.
"""

from __future__ import annotations

from engine.core.facts import PositionFact, UnreadPosition, WorkingOrder
from engine.core.kill import events as ev
from engine.core.kill.cancels.cancelling import Cancelling
from engine.core.kill.cancels.senders import Senders
from engine.core.kill.clocks import Clocks
from engine.core.kill.closes.closing import Closing, Scene
from engine.core.kill.closes.hesitating import Hesitating
from engine.core.kill.commands import (
    CLOSE_REF_PREFIX,
    CancelClose,
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
from engine.core.kill.held.ledger import Ledger
from engine.core.kill.looks.looking import Looking
from engine.core.kill.looks.shown import FROM_MEMORY, NO_ORDERS
from engine.core.kill.looks.survey import Survey
from engine.core.kill.looks.witness import Witness
from engine.core.kill.other_kills.joining import NO_LOCK, Joining, taken_over
from engine.core.kill.other_kills.others_closes import OthersCloses
from engine.core.kill.other_kills.proven import ProvenFlat, trades_mark
from engine.core.kill.other_kills.rivals import Rivals
from engine.core.kill.outcome.ending import ZERO, Ending
from engine.core.kill.outcome.evidence import Evidence
from engine.core.kill.outcome.notices import OWN_NUMBERS_NOTE, Notices
from engine.core.kill.outcome.others_trades import OthersTrades
from engine.core.kill.outcome.reporting import Reporter
from engine.core.kill.reach import Reach
from engine.core.kill.report import LoginOutcome, LoginReport
from engine.core.kill.settings import MS, SECOND, KillSettings

__all__ = ["KillMachine", "KillSettings"]

ACTS = (GlobalCancel, Place, CancelClose)
TICK_NS = 50 * MS  # the machine asks to be woken at least this often


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
        self.settings = settings = settings or KillSettings()
        self._clocks = Clocks(settings, wall_offset_ns)
        self._evidence = Evidence(0, others_closes=OthersCloses(kill_id), others_trades=OthersTrades(kill_id))
        self._ledger = Ledger(settings)
        self._closing = Closing(kill_id, settings, self._ledger)
        self._hesitating = Hesitating()
        self._reach = Reach()
        self._joining = Joining()
        self._rivals = Rivals(kill_id, settings)
        self._shares_nothing = False
        self._looking = Looking(settings)
        self._cancelling = Cancelling(settings)
        self._senders = Senders(settings.settle_ns)
        self._witness = Witness(age_ns_max=settings.standing_feed_ns)
        self._proven = ProvenFlat()
        self._ending = Ending(
            settings=settings,
            evidence=self._evidence,
            ledger=self._ledger,
            closing=self._closing,
            looking=self._looking,
            joining=self._joining,
            reach=self._reach,
            witness=self._witness,
            proven=self._proven,
        )
        self._accounts: tuple[str, ...] = ()
        self._notices = Notices(settings.stray_ns)
        self._reporter = Reporter(
            name=name,
            mode=mode,
            host=host,
            port=port,
            ending=self._ending,
            senders=self._senders,
            notices=self._notices,
            rivals=self._rivals,
        )
        self._now_ns = 0  # of the newest event: the report is of that moment
        self._stopped = False
        self._resting = False  # it looks on, and sends nothing that acts

    # the button -----------------------------------------------------------------------------------------------------

    def start(self, now_ns: int) -> list[Command]:
        """The button was pressed at `now_ns`."""
        self._evidence.pressed_ns = now_ns
        self._evidence.say(now_ns, "pressed", "kill switch pressed")
        return [Connect(), self._wake(now_ns)]

    def handle(self, event: ev.Event, now_ns: int, *, more: bool = False) -> list[Command]:
        """Take one event; return what to do about it, in order. Nothing follows a `Stop`.

        `more` says that the next event is there already: orders then wait until all that has been heard is known. A
        large book's news would otherwise have every contract looked at again for every word about one.
        """
        if self._stopped:
            return []
        self._now_ns = now_ns
        self._resting = self._resting or isinstance(event, ev.Rest)
        commands = self._take(event, now_ns) + self._look(now_ns)
        if not more:
            commands += self._advance(now_ns)
        if self._resting:
            commands = [command for command in commands if not isinstance(command, ACTS)]
        for command in commands:
            self._note(command, now_ns)
        if not self._stopped:
            commands.append(self._wake(now_ns))
        return commands

    @property
    def finished(self) -> bool:
        """True once the result has been given."""
        return self._ending.finished_ns is not None

    def _wake(self, now_ns: int) -> WakeAt:
        at_ns = min(now_ns + TICK_NS, max(self._ending.at_ns, now_ns))
        look_ns = self._looking.next_ns()
        if look_ns is not None and self._reach.healthy:
            at_ns = min(at_ns, max(look_ns, now_ns))
        return WakeAt(at_ns)

    def _note(self, command: Command, now_ns: int) -> None:
        """Times and timeline come from what is really asked for."""
        match command:
            case Say(kind, text):
                self._evidence.say(now_ns, kind, text)
            case GlobalCancel(early=False):
                self._evidence.mark("first_cancel", now_ns)
            case _:
                pass

    # what happened --------------------------------------------------------------------------------------------------

    def _take(self, event: ev.Event, now_ns: int) -> list[Command]:
        match event:
            case ev.Struck(at_ns, text):
                self._reach.struck()
                self._evidence.mark("first_cancel", at_ns)
                self._evidence.say(at_ns, "cancel_sent", text)
                return []
            case ev.Connected():
                return self._on_connected(event, now_ns)
            case ev.Disconnected(trouble, text):
                return self._on_disconnected(trouble, text, now_ns)
            case ev.Greeted() | ev.Answering() | ev.StillWaiting() if not self._reach.connected:
                return self._on_the_way(event, now_ns)
            case ev.BrokerLink(up, code):
                return self._on_link(up, code, now_ns)
            case ev.LockTaken():
                return self._on_lock_taken(event, now_ns)
            case ev.LockLost():
                return self._joining.lose()
            case ev.LockBusy(holder, spare):
                return self._on_lock_busy(holder, spare, now_ns)
            case ev.EarlierPress(kill_id, ago_ns):
                return self._on_earlier_press(kill_id, ago_ns)
            case ev.PressedAgain() if self._reach.connected:
                return self._on_pressed_again(now_ns)
            case _:
                return self._take_answer(event, now_ns)

    def _take_answer(self, event: ev.Event, now_ns: int) -> list[Command]:
        match event:
            case (
                ev.FirstLook()
                | ev.OrdersRead()
                | ev.PositionsRead()
                | ev.ExecutionsRead()
                | ev.CompletedRead()
                | ev.WorthRead()
                | ev.ReadFailed()
            ):
                return self._on_read(event, now_ns)
            case ev.Resolved() | ev.Unresolved() | ev.RuleHeard() | ev.Quoted() | ev.NoQuote():
                self._closing.answered(event, now_ns)
            case ev.ServerClock(unix_s, late_ns):
                return self._notices.clock(self._clocks.heard(unix_s, now_ns, late_ns))
            case ev.PositionChanged(position):
                self._closing.heard_position(position, self._looking.surveyor.serial)
                if position.quantity != ZERO:
                    self._ending.doubt()
                self._looking.soon(now_ns)
            case ev.OrderSeen():
                self._ending.doubt()
                self._looking.soon(now_ns)
            case ev.OrderEnded(perm_id, status, filled):
                self._ledger.traces.last_word(perm_id, filled, now_ns)
                self._evidence.last_word(perm_id, status)
            case ev.CloseSent(key):
                self._evidence.mark("first_close", now_ns)
                self._evidence.mark_last("last_close", now_ns)
                return self._closing.sent(key)
            case _:
                if self._closing.heard(event, now_ns, self._looking.surveyor.serial):
                    self._looking.soon(now_ns)
                said = self._closing.spoken_of(event)
                return said + self._notices.heard(event) + self._notices.strays(any_left=bool(self._closing.strays))
        return []

    def _on_read(self, event: ev.ReadEvent, now_ns: int) -> list[Command]:
        match event:
            case ev.OrdersRead(read_id, orders):
                if not self._looking.surveyor.awaits_orders(read_id):
                    return []
                self._closing.listed(orders, now_ns)  # also when the survey comes to nothing
                others = self._closing.others(orders)
                self._evidence.orders_listed([order for order in others if not self._is_ours(order)], all_open=orders)
                if orders:
                    self._ending.orders_seen(now_ns)
                gone = self._closing.any_suspect or self._ledger.traces.unexplained(now_ns)
                cancel = self._cancelling.looked(
                    others,
                    self._looking.surveyor.begun_ns,
                    now_ns,
                    joined=self._joining.busy,
                )
                return [*cancel, *self._looking.surveyor.heard_orders(read_id, orders, completed=gone)]
            case ev.FirstLook(orders):
                self._evidence.first_look([order for order in orders if not self._is_ours(order)])
                if self._evidence.listed is None:  # no list is newer
                    self._closing.listed(orders, now_ns)
            case ev.PositionsRead(read_id, positions, unread):
                return self._on_positions(read_id, positions, unread, now_ns)
            case ev.ExecutionsRead(read_id, executions):
                self._evidence.executions(executions)
                self._looking.surveyor.heard_executions(read_id, executions, now_ns)
            case ev.CompletedRead(read_id, orders, ended):
                self._looking.surveyor.heard_completed(read_id, ended)
                if self._looking.surveyor.has_asked(read_id):
                    self._evidence.completed(orders, ended)
                    self._closing.ended(ended, now_ns)  # also where no look has asked: what it tells is told
            case ev.WorthRead(read_id, worth):
                return self._witness.heard(read_id, worth)
            case _:
                return self._on_read_failed(event, now_ns)
        return []

    def _on_read_failed(self, failed: ev.ReadFailed, now_ns: int) -> list[Command]:
        if not self._looking.surveyor.failed(failed.read_id, failed.why):
            self._witness.failed(failed.read_id)
            return []
        say = [Say("read_failed", failed.why)] if self._looking.failed(failed.why, now_ns) else []
        return [*say, *self._cancelling.cannot_look(now_ns), *self._tell_shown()]

    def _on_positions(
        self, read_id: int, positions: tuple[PositionFact, ...], unread: tuple[UnreadPosition, ...], now_ns: int
    ) -> list[Command]:
        if not self._looking.surveyor.asked_positions(read_id):
            return []
        more = self._looking.surveyor.heard_positions(read_id, positions, now_ns, unread)
        self._looking.shown.heard(positions)
        return [*more, *self._tell_shown()]

    def _tell_shown(self) -> list[Command]:
        """What is held, where nothing can be closed: by its memory, or with no open orders to be read beside it."""
        if not self._reach.link_up:
            return self._looking.shown.tell("link_down", FROM_MEMORY)
        return self._looking.shown.tell("orders_unread", NO_ORDERS) if self._looking.surveyor.orders_unread else []

    def _on_connected(self, event: ev.Connected, now_ns: int) -> list[Command]:
        again = "connected again" if self._reach.ever_connected else "connected"
        news = self._reach.came(now_ns)
        self._senders.connected(event.client_id)
        self._accounts = self._witness.accounts = event.accounts or self._accounts
        self._closing.several_accounts = len(self._accounts) > 1
        self._evidence.mark("connected", now_ns)
        commands: list[Command] = []
        if event.cancel_sent:
            self._evidence.mark("first_cancel", now_ns)
        else:
            commands += self._cancelling.press(now_ns, look_first=self._joining.spare)
        self._view_is_new(now_ns)
        commands += self._looking.surveyor.begin(now_ns, new_connection=True)
        if event.own_numbers:
            self._notices.keep(OWN_NUMBERS_NOTE)
        if not news:
            return commands
        accounts = ", ".join(self._accounts)
        cancel = "looking before another global cancel" if self._cancelling.held_back else "global cancel sent"
        return [*commands, Say("connected", f"{again} as client {event.client_id}, accounts {accounts}; {cancel}")]

    def _on_the_way(self, event: ev.Greeted | ev.Answering | ev.StillWaiting, now_ns: int) -> list[Command]:
        match event:
            case ev.Greeted():
                self._reach.answered(now_ns)
                return []
            case ev.Answering(client_id):
                return self._on_answering(client_id, now_ns)
            case _:
                return [Say("waiting", event.text)] if self._reach.waits(event.text, now_ns) else []

    def _on_answering(self, client_id: int, now_ns: int) -> list[Command]:
        """A global cancel in advance costs nothing where TWS drops it; not where closing orders would go with it."""
        self._reach.stands(now_ns)
        answers = f"TWS answers and is not ready yet for client {client_id}: staying on this connection"
        if self._joining.spare or self._closing.any_live:
            return [Say("answering", answers)]
        text = f"{answers}; global cancel sent in advance, which it may drop"
        return [GlobalCancel(early=True), Say("cancel_early", text)]

    def _on_disconnected(self, trouble: ev.Trouble, text: str, now_ns: int) -> list[Command]:
        news = self._reach.went(trouble, text, now_ns)
        self._forget_view()
        self._cancelling.forget()
        self._closing.connection_lost(now_ns, self._looking.surveyor.serial)
        return [Say("disconnected", self._reach.trouble)] if news else []

    def _on_link(self, up: bool, code: int, now_ns: int) -> list[Command]:
        if not self._reach.linked(up, code):
            return []
        self._forget_view()
        if not up:
            say = Say("link_down", self._reach.trouble)
            shown = self._looking.ask_shown() if self._reach.connected else []
            return [say, *self._cancelling.cannot_look(now_ns), *shown]
        self._closing.link_lost(now_ns, self._looking.surveyor.serial)
        self._view_is_new(now_ns)
        self._looking.soon(now_ns)
        cancel = self._cancelling.press(now_ns, look_first=self._joining.spare) if self._reach.connected else []
        return [*cancel, Say("link_up", f"TWS is linked to IBKR again ({code}); reading everything anew")]

    def _view_is_new(self, now_ns: int) -> None:
        """What was shown before is history, and was forgotten when it broke: nothing is sized from it either."""
        self._looking.not_before(now_ns)
        self._cancelling.sent(now_ns)

    def _forget_view(self) -> None:
        """The view is broken: a survey under way is void, and so is a proof that was half made."""
        self._witness.forget()
        self._looking.forget()
        self._ending.doubt()

    def _on_pressed_again(self, now_ns: int) -> list[Command]:
        """What is being closed is not to be begun anew for it, and what else may be open is to go."""
        closes_live = self._joining.spare or self._closing.any_live
        cancel = self._cancelling.press(now_ns, look_first=closes_live and self._reach.healthy)
        if not cancel:
            self._looking.at_once(now_ns)
        what = "one more global cancel" if cancel else "looking for orders beside the closing orders"
        left_s = max(self._ending.at_ns - now_ns, 0) // SECOND
        by = "" if self.finished else f"; it reports with the first press, in {left_s} s at the latest"
        return [*cancel, Say("pressed_again", f"pressed again: joined, {what}{by}")]

    def _on_lock_busy(self, holder: str, spare: bool, now_ns: int) -> list[Command]:
        spared, before = self._joining.spare, self._joining.holder
        says = self._joining.wait_for(holder, spare=spare)
        if self.finished:
            says = []  # what others do behind the verdict is theirs to tell
        if not spared or self._joining.spare or not self._reach.connected:
            return says
        who = "the other kill gives no sign of life" if holder == before else "another kill has taken over"
        silent = Say("lock_silent", f"{who}: global cancel sent")
        return [*says, *self._cancelling.press(now_ns, look_first=False), silent]

    def _on_lock_taken(self, taken: ev.LockTaken, now_ns: int) -> list[Command]:
        """Who died may have sent something that still surfaces, so neither a size nor a proof is of before that. Of
        who was flat nothing is under way: that lets a proof count, and by his word alone nothing is sent sooner."""
        if self._joining.has_right:
            return []
        took_over = self._joining.take()
        self._proven.heard(b"" if taken.taken_from else taken.proven, self._looking.surveyor.serial)
        self._shares_nothing = taken.shared_nothing
        if taken.shared_nothing:
            self._notices.keep(NO_LOCK)
            self._looking.settle_until(now_ns + self.settings.nothing_shared_settle_ns)
            self._looking.not_before(
                now_ns + self.settings.nothing_shared_settle_ns + self._rivals.spread_ns(), proof=False
            )
            return [Say("no_lock", NO_LOCK)]
        self._mind_records()
        if took_over:
            self._rivals.all_ended()
            flat = taken.left is ev.Left.FLAT and not taken.taken_from
            self._looking.settle_until(now_ns + self.settings.takeover_settle_ns, proof=not flat)
            cancel = self._cancelling.press(now_ns, look_first=False) if self._reach.connected else []
            return [taken_over(taken.taken_from, taken.left), *cancel]
        return []

    # surveys --------------------------------------------------------------------------------------------------------

    def _on_survey(self, survey: Survey, now_ns: int) -> list[Command]:
        """A complete view: into the ledger, past every attempt, and then judged."""
        self._looking.done(survey, now_ns)
        commands = [*self._notices.unread(survey.unread), *self._closing.surveyed(survey, now_ns)]
        commands += self._mind_rivals(survey, now_ns)
        if self._proven.look(survey):
            self._ledger.believe_nothing_held(now_ns)
        self._witness.shown = self._ledger.named
        if self._ending.needs_witness:
            self._witness.traded(survey.executions)
        others = self._closing.others(survey.orders)
        commands += self._senders.looked(others, survey.executions, now_ns)
        commands += self._mind_orders(others, now_ns)
        if self._joining.may_close and not self.finished:
            commands += self._hesitating.looked(self._closing.items.values(), self._ledger, now_ns)
        self._ending.judge(survey, now_ns, quiet_ns=self._senders.quiet_ns(now_ns))
        proving = self._ending.proof.clean_since_ns is not None
        self._looking.again(now_ns, proving=proving, alive=self._senders.any_still(now_ns))
        if self._cancelling.held_back:
            self._looking.at_once(now_ns)
        return commands

    def _mind_rivals(self, survey: Survey, now_ns: int) -> list[Command]:
        """Who gives way withdraws what it has sent, and again what TWS does not confirm. Who goes on cancels and looks
        anew, as behind a kill that died."""
        self._rivals.looked(survey, now_ns)
        if not self._joining.gives_way and not survey.orders and self._ledger.all_zero():
            return []  # nothing is left that two could close
        said = self._joining.mind(self._first_at_work())
        if self._joining.gives_way:
            return [*said, *self._closing.withdraw(now_ns)]
        if not said or self._ending.proof.proven:
            return []
        self._looking.settle_until(now_ns + self.settings.nothing_shared_settle_ns)
        return [*said, *self._cancelling.press(now_ns, look_first=False)]

    def _mind_orders(self, others: list[WorkingOrder], now_ns: int) -> list[Command]:
        """`others`: listed orders but for this kill's living closes."""
        if others:
            self._evidence.unmark("orders_gone")
            if self._resting:
                return []
            joined = self._joining.busy
            closes = joined or self._closing.any_working
            others = self._closing.worth_a_cancel(others, now_ns)
            return self._cancelling.again(others, now_ns, joined=joined, spare=self._joining.spare, closes=closes)
        if self._evidence.has("orders_gone"):
            return []
        self._evidence.mark("orders_gone", now_ns)
        if self._senders.any_still(now_ns) and not self._cancelling.repeating.gone_is_news(now_ns):
            return []
        return [Say("orders_gone", "no working orders are left"), self._ask_what_was_cancelled()]

    def _ask_what_was_cancelled(self) -> ReadCompleted:
        return ReadCompleted(self._looking.surveyor.take_read_id(), max(self._evidence.earlier.values(), default=0))

    def _on_earlier_press(self, kill_id: str, ago_ns: int) -> list[Command]:
        """What a kill did that died is told by the next one: a stop that went with it protects nothing any more."""
        if self.kill_id.startswith(f"{kill_id}.") or kill_id in self._evidence.earlier:
            return []
        self._evidence.earlier[kill_id] = ago_ns
        self._mind_records()
        said = self._joining.mind(self._first_at_work()) if self._joining.gives_way else []
        told = self._evidence.has("orders_gone") and self._reach.connected
        return [*said, self._ask_what_was_cancelled()] if told else said

    def _mind_records(self) -> None:
        """Who has not ended by the records, and has no lock that is this kill's now, is dead."""
        if self._joining.has_right and not self._shares_nothing:
            for kill_id in self._evidence.earlier:
                self._rivals.ended(kill_id)

    def _first_at_work(self) -> str:
        return self._rivals.first(self._now_ns, sent=self._closing.ever_placed)

    def _is_ours(self, order: WorkingOrder) -> bool:
        return order.order_ref.startswith(f"{CLOSE_REF_PREFIX}-{self.kill_id}-")

    # the next step --------------------------------------------------------------------------------------------------

    def _look(self, now_ns: int) -> list[Command]:
        """A survey counts at the moment it is complete: what is heard later is newer than what it shows."""
        survey = self._looking.surveyor.result(now_ns)
        return [] if survey is None else self._on_survey(survey, now_ns)

    def _advance(self, now_ns: int) -> list[Command]:
        commands: list[Command] = []
        if self._reach.retry_due(now_ns) and not self._resting:
            commands.append(Connect())
        commands += self._cancelling.overdue(now_ns)  # a press that is held back has a connection
        if self._reach.healthy:
            begun = self._looking.due(now_ns)
            commands += begun
            if begun and self._ending.needs_witness and self._looking.lists_nothing:
                commands += self._witness.ask()
            commands += self._closing.step(self._scene(now_ns))
        return commands + self._conclude(now_ns)

    def _scene(self, now_ns: int) -> Scene:
        wrapping_up = self._ending.wrapping_up(now_ns)
        return Scene(
            now_ns=now_ns,
            serial_begun=self._looking.surveyor.serial,
            survey=self._looking.last,
            sized=self._looking.sizes(now_ns, alive=self._senders.any_still(now_ns)),
            may_send=self._joining.may_close and not wrapping_up and not self._resting,
            wrapping_up=wrapping_up,
            wall_s=self._clocks.wall_s(now_ns),
            besieged=self._senders.besieged(now_ns),
            shares_nothing=self._shares_nothing,
            looks_take_ns=self._looking.took_ns,
            newer=self._looking.surveyor.newer,
        )

    # the end --------------------------------------------------------------------------------------------------------

    def _conclude(self, now_ns: int) -> list[Command]:
        ending = self._ending
        if ending.finished_ns is None:
            outcome = ending.result(now_ns)
            return [] if outcome is None else self._finish(outcome, now_ns)
        if now_ns < ending.at_ns:
            return []
        self._stopped = True
        ending.outcome = ending.present(now_ns)
        return [Stop()]

    def _finish(self, outcome: LoginOutcome, now_ns: int) -> list[Command]:
        by_hand = outcome is LoginOutcome.RESIDUE and now_ns < self._ending.at_ns
        self._ending.finished_ns = now_ns
        self._ending.outcome = outcome
        self._evidence.mark("finished", now_ns)
        self._stopped = not self.settings.quarantine_ns
        stop: list[Command] = [Stop()] if self._stopped else []
        return [Say("finished", outcome.value), Finish(by_hand), *stop]

    def proven_trades(self) -> bytes:
        """The mark of the trades behind which it is proven flat, for the next kill; empty: it is not, or they could not
        be read."""
        last = self._looking.last
        return trades_mark(last.executions or ()) if self._ending.proof.proven and last is not None else b""

    def report(self) -> LoginReport:
        """What is known now. Final after `Finish`; newer after a quarantine."""
        return self._reporter.report(self._accounts, self._now_ns, resting=self._resting)
