"""One login's losses judged and written down: once, however many programs watch it.

A step reads the journal, judges, and appends what follows on the very state that it judged by; if somebody was faster
it judges anew, and finds what they wrote. So two programs that see the same breach record one. Where the journal cannot
be read or written the judgement goes on by what was known last: restrictions bind this process at once (and all others
by the journal's alarm), a kill is pressed all the same, and what was not written is written later.

It blocks, and belongs on a thread; `alone` does not, and is for the event loop when the thread does not answer.
Nothing here may send anything, and nothing may be acted on twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import msgspec

from engine.core.books import Baseline, Books, Jump
from engine.core.equity import Equity
from engine.core.judgements import Judgement
from engine.core.known import Fact, Known, Unknown
from engine.core.limit_rules import Basis
from engine.core.limits import judge
from engine.core.peaks import Peak, to_record
from engine.core.restrictions import UNRESTRICTED, Override, Restriction, Scope, State, effective
from engine.core.watching import Sight, unseen
from engine.journal import loss_records
from engine.journal.beside import Waiting
from engine.journal.events import AnyEvent, Record, Restricted
from engine.journal.incident_log import Story
from engine.journal.loss_records import baseline_set, books_of, changes_of
from engine.journal.state import JournalState
from engine.journal.trouble import Conflict, JournalError
from engine.trading.limit_source import InForce, LimitSource, adopted, in_force
from engine.trading.loss_consequences import Decided, Seen, decided_on, killing, stories_of, with_after
from engine.trading.rules import TRIES_MAX, Rules
from engine.trading.seen_jumps import SeenJumps

NO_JOURNAL = Unknown("the journal does not answer")
OWED_AFTER_NS = 5_000_000_000  # by then the program that recorded a breach has pressed, or will never
DEBT_MAX = 1_000  # events that could not be written; then only what binds is kept


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a step came to. `kill`: why the kill switch is to be pressed (empty: it is not), `everywhere`: on every
    login; `kill_for`: the restrictions that this kill answers. `durable`: what was to be written down is.
    """

    judgement: Judgement
    books: Books
    limits: InForce
    state: State
    kill: str = ""
    everywhere: bool = False
    kill_for: tuple[str, ...] = ()
    imposed: tuple[Restriction, ...] = ()
    overrides: tuple[Override, ...] = ()
    stories: tuple[Story, ...] = ()
    durable: bool = True


class LossLedger:
    """Of one login, in one program. `rules` is asked each time: opening a journal is the thread's business."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        source: Callable[[], LimitSource],
        *,
        new_id: Callable[[], str] = lambda: os.urandom(6).hex(),
    ) -> None:
        self._open_rules = rules
        self._rules: Rules | None = None  # once they are open
        self._new_id = new_id
        self._source_of = source
        self._source: LimitSource | None = None
        self._limits: InForce | None = None
        self._books = Books(arming=loss_records.NEVER_RESET)
        self._folded = False  # the books came out of the journal at least once
        self._apart = False  # the books know what the journal does not
        self._acted: set[tuple[Basis, str]] = set()
        self._sight = Sight()
        self._peak = Peak()
        self._jumps = SeenJumps()
        self._debt: list[AnyEvent] = []
        self._owed_baselines: dict[Basis, Baseline] = {}
        self._spooled = ""
        self._state = UNRESTRICTED
        self._overrides: tuple[Override, ...] = ()

    @property
    def limits(self) -> InForce | None:
        """The limits that held at the last step."""
        return self._limits

    # --- on the thread ------------------------------------------------------------------------------
    def step(self, seen: Seen) -> Outcome:
        """Judge, and write down what follows. Never raises for what the journal does."""
        rules = self._rules = self._open_rules()
        self._take(seen)
        if self._apart and not self._caught_up(rules, seen):
            return self._unwritten(seen, on_thread=True)
        for _ in range(TRIES_MAX):
            state = rules.journal.state()
            if isinstance(state, Unknown):
                break
            try:
                return self._recorded(rules, state, seen)
            except Conflict:
                continue
            except JournalError:
                break
        return self._unwritten(seen, on_thread=True)

    def alone(self, seen: Seen) -> Outcome:
        """Judge by what is known here, without the disk: the thread does not answer."""
        self._take(seen)
        return self._unwritten(seen, on_thread=False)

    def _take(self, seen: Seen) -> None:
        self._jumps.heard(seen.jumps)
        if seen.rested:
            self._sight = self._sight.rested()

    # --- with a journal -----------------------------------------------------------------------------
    def _recorded(self, rules: Rules, state: JournalState, seen: Seen) -> Outcome:
        scope, now_ns = seen.scope, seen.now_ns
        changes = changes_of(state.limit_changes, scope)
        source = self._the_source()
        new_changes = adopted(source, changes, now_ns)
        limits = self._limits = in_force(source, (*changes, *new_changes), now_ns)
        fresh = self._jumps.not_written(state.jumps, scope)
        to_come = self._jumps.to_come(state, scope, now_ns)
        recorded = books_of(state, scope, without=to_come)
        books = self._peak.put_into(recorded, _peak_seq(state, scope))
        if to_come:
            seen = msgspec.structs.replace(seen, equity=_unsettled(seen.equity))
        sight = self._sight.looked(books.blind, now_ns)
        decided = self._decide(limits, sight.put_into(books), sight, fresh, state, seen)
        events: tuple[AnyEvent, ...] = (
            *loss_records.limits_changed(scope, new_changes),
            *(with_after(scope, jump, seen.equity) for jump in fresh),
            *(baseline_set(scope, one) for one in decided.judgement.baselines if to_record(one, recorded)),
            *decided.events,
        )
        peaks: list[int] = []
        try:
            if events:
                for one in decided.restrictions:
                    rules.latch(one)
                records = rules.journal.append(*events, at_ns=now_ns, expected_seq=state.seq)
                self._jumps.written(_jumps_among(records))
                peaks = [one.seq for one in records if loss_records.is_peak(one)]
        except (Conflict, JournalError):
            rules.written(*(one.id for one in decided.restrictions))  # judged anew, and then latched anew
            raise
        rules.written(*(one.id for one in decided.restrictions))
        self._sight = sight.judged(decided.judgement.books)
        self._books, self._folded = decided.judgement.books, True
        self._peak.judged(self._books, peaks[0] if peaks else _peak_seq(state, scope))
        if decided.restrictions and not decided.judgement.kill:
            rules.drain()
        self._state, self._overrides = rules.state(scope), state.overridden(scope)
        return self._outcome(limits, decided, state, seen, durable=True)

    def _decide(
        self,
        limits: InForce,
        books: Books,
        sight: Sight,
        jumps: Iterable[Jump],
        state: JournalState | Unknown,
        seen: Seen,
        waiting: Callable[[], Waiting] = lambda: (),
    ) -> Decided:
        """Judge, and say what follows: in the order in which it is written down."""
        now_ns = seen.now_ns
        for jump in jumps:
            books = books.with_jump(jump)
        unknown = unseen(seen.positions, now_ns, limits.settings.equity_age_ns_max)
        if limits.unreadable:
            unknown = (*unknown, limits.unreadable)
        judgement = judge(sight.grace(limits.settings), limits.clock, books, seen.equity, now_ns, unknown=unknown)
        return decided_on(judgement, state, seen, self._new_id, waiting)

    # --- without one --------------------------------------------------------------------------------
    def _unwritten(self, seen: Seen, *, on_thread: bool) -> Outcome:
        """By what is known here. The restrictions bind at once; the records follow as soon as they can."""
        rules = self._rules
        limits = self._limits = self._limits or in_force(self._the_source(), (), seen.now_ns)
        books = self._with_acted(self._books)
        jumps = self._jumps.not_written((), seen.scope)
        waiting = rules.journal.waiting_incidents if rules is not None and on_thread else lambda: ()
        decided = self._decide(limits, self._sight.put_into(books), self._sight, jumps, NO_JOURNAL, seen, waiting)
        judgement = decided.judgement
        self._jumps.kept_back(jumps)
        self._sight = self._sight.judged(judgement.books)
        self._books, self._apart = judgement.books, True
        self._acted.update((one.limit.basis, one.period_id) for one in judgement.breaches)
        self._owed_baselines.update((one.basis, one) for one in judgement.baselines)
        urgent = tuple(with_after(seen.scope, jump, seen.equity) for jump in jumps)
        urgent += decided.events
        if rules is not None:
            for one in decided.restrictions:
                rules.latch(one)
        if rules is not None and on_thread:
            self._put_aside(rules, urgent, seen.now_ns)
            if decided.restrictions and not judgement.kill:
                rules.drain()
            self._state = rules.state(seen.scope)
        else:
            self._owe(urgent)
            self._state = effective((*self._state.standing, *decided.restrictions), seen.scope, seen.now_ns)
        return self._outcome(limits, decided, NO_JOURNAL, seen, durable=False)

    def _put_aside(self, rules: Rules, events: tuple[AnyEvent, ...], now_ns: int) -> None:
        """Beside the journal if there is a place, else here. What stops raises the alarm on the way."""
        if not events:
            return
        kept = rules.journal.keep(*events, at_ns=now_ns)
        if kept.records is not None:
            rules.written(*_restrictions(events))
        elif kept.name:
            self._spooled = kept.name
        else:
            self._owe(events)

    def _owe(self, events: tuple[AnyEvent, ...]) -> None:
        room = len(self._debt) < DEBT_MAX
        self._debt += [one for one in events if room or isinstance(one, Restricted)]

    def _caught_up(self, rules: Rules, seen: Seen) -> bool:
        """The journal knows everything again that was decided without it."""
        journal = rules.journal
        journal.tend(seen.now_ns)
        state = journal.state()
        if isinstance(state, Unknown) or journal.trouble() is not None:
            return False
        if self._spooled and self._spooled not in state.taken_in:
            return False
        known = books_of(state, seen.scope)
        owed = (one for one in self._owed_baselines.values() if self._folded and _still_owed(one, known))
        events = (*(baseline_set(seen.scope, one) for one in owed), *self._debt)
        if events:
            try:
                journal.append(*events, at_ns=seen.now_ns)
            except JournalError:
                return False
        rules.written(*_restrictions(events))
        self._debt.clear()
        self._owed_baselines.clear()
        self._acted.clear()
        self._jumps.all_written(journal.state(), seen.scope)
        self._spooled, self._apart = "", False
        return True

    # --- inside -------------------------------------------------------------------------------------
    def _the_source(self) -> LimitSource:
        if self._source is None:
            self._source = self._source_of()
        return self._source

    def _with_acted(self, books: Books) -> Books:
        """What this program acted on stays acted on, whether or not anybody has written it down yet."""
        for basis, id_ in self._acted:
            books = books.with_acted(basis, id_)
        return books

    def _outcome(
        self,
        limits: InForce,
        decided: Decided,
        state: JournalState | Unknown,
        seen: Seen,
        *,
        durable: bool,
    ) -> Outcome:
        judgement = decided.judgement
        kill, kill_for = "", tuple(one.id for one in decided.restrictions)
        everywhere = limits.settings.everywhere
        if judgement.kill:
            kill = next(one.reason for one in judgement.impositions if one.cause in killing(judgement))
        elif not isinstance(state, Unknown):
            owed = loss_records.owed_kill(state, seen.scope, seen.now_ns)
            if owed is not None and seen.now_ns - owed.since_ns >= OWED_AFTER_NS:
                kill, kill_for, everywhere = owed.reason, (owed.id,), False  # every other login finds its own
        return Outcome(
            judgement=judgement,
            books=judgement.books,
            limits=limits,
            state=self._state,
            kill=kill,
            everywhere=everywhere,
            kill_for=kill_for if kill else (),
            imposed=decided.restrictions,
            overrides=self._overrides,
            stories=stories_of(decided, seen),
            durable=durable,
        )


def _peak_seq(state: JournalState, scope: Scope) -> int:
    """The record that the peak is known from; 0: there is none."""
    record = state.baseline(scope, Basis.PEAK.value)
    return 0 if record is None else record.seq


def _still_owed(owed: Baseline, known: Books) -> bool:
    """Nobody else has set it meanwhile; of the peak: it is higher than what anybody has."""
    there = known.baseline(owed.basis)
    if owed.basis is Basis.PEAK:
        return owed.id == known.arming and (there is None or there.equity < owed.equity)
    return there is None or (there.at_ns < owed.at_ns and there.id != owed.id)


def _unsettled(equity: Fact[Equity]) -> Fact[Equity]:
    """Good enough to measure a loss, not to measure later losses from: it may have money in it or not."""
    if isinstance(equity, Unknown):
        return equity
    return Known(msgspec.structs.replace(equity.value, settled=False), equity.at_ns)


def _restrictions(events: Iterable[AnyEvent]) -> tuple[str, ...]:
    return tuple(one.restriction.id for one in events if isinstance(one, Restricted))


def _jumps_among(records: Iterable[Record]) -> tuple[int, ...]:
    return tuple(one.seq for one in records if loss_records.is_jump(one))
