"""One step of the ledger: judged and written on the same state, by one of many, with a disk or without."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from core.limit_worlds import CENT, CLOCK, NOON, SECOND, D, worth
from engine.config.limits_table import LimitsTable
from engine.core.books import Jump
from engine.core.facts import PositionFact
from engine.core.known import Fact, Known, Unknown
from engine.core.limit_rules import Basis, Limit
from engine.core.periods import DAY_NS
from engine.core.restrictions import Cause, Kind, Scope
from engine.journal import chain
from engine.journal.events import (
    AnyEvent,
    BaselineSet,
    IncidentOpened,
    JumpSuspected,
    KillEnded,
    KillPressed,
    LimitBreached,
    LimitChanged,
    LimitsTaken,
    Rebased,
    Restricted,
)
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.loss_records import changes_of
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.spool import Spool
from engine.journal.trouble import Code
from engine.trading.incident_records import keep_incident
from engine.trading.limit_source import LimitSource
from engine.trading.loss_consequences import Seen
from engine.trading.loss_ledger import OWED_AFTER_NS, LossLedger, Outcome
from engine.trading.rules import Rules
from trading.rules_in_memory import rules_in_memory

PAPER = Scope("paper", "here-7497", ("DU1",))
LIVE = Scope("live", "here-7496", ("U1",))
DARK = Unknown("the link is lost")
HELD: tuple[PositionFact, ...] = ()


class Gate(LocalGate):
    """Counts how often a halt was driven home."""

    drained = 0

    def drain(self) -> bool:
        self.drained += 1
        return True


class Program:
    """One program that watches PAPER. `at_s` is the time since noon."""

    def __init__(self, memory: Memory, name: str = "a", table: LimitsTable | None = None) -> None:
        self.at_s = 0
        self.gate = Gate()
        self.rules: Rules = rules_in_memory(lambda: self.now_ns, memory, gate=self.gate, prefix=name)
        numbers = iter(range(1, 1_000))
        self.ledger = LossLedger(
            lambda: self.rules, lambda: LimitSource(table or LimitsTable()), new_id=lambda: f"{name}-{next(numbers)}"
        )

    @property
    def now_ns(self) -> int:
        return NOON + self.at_s * SECOND

    def step(
        self,
        at_s: int,
        equity: Decimal | str | Unknown,
        *,
        jumps: tuple[Jump, ...] = (),
        positions: Fact[tuple[PositionFact, ...]] | None = None,
        by: Callable[[LossLedger, Seen], Outcome] = LossLedger.step,
    ) -> Outcome:
        self.at_s = at_s
        seen = Seen(
            scope=PAPER,
            others=(PAPER, LIVE),
            equity=equity if isinstance(equity, Unknown) else worth(equity, self.now_ns),
            jumps=jumps,
            positions=positions or Known(HELD, self.now_ns),
            now_ns=self.now_ns,
        )
        return by(self.ledger, seen)


def written(memory: Memory, kind: type[AnyEvent]) -> list[AnyEvent]:
    return [event for one in memory.records if isinstance(event := chain.opened(one).event, kind)]


def count(memory: Memory, *kinds: type[AnyEvent]) -> tuple[int, ...]:
    return tuple(len(written(memory, kind)) for kind in kinds)


def jump(at_s: int, amount: int = 10_000) -> Jump:
    return Jump(amount=D(amount), currency="USD", at_ns=NOON + at_s * SECOND)


# once -----------------------------------------------------------------------------------------------------------------


def test_whoever_is_second_judges_anew_and_finds_it_done() -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    one.step(0, "100000")
    other.step(1, "100000")
    honest, interrupted = one.rules.journal.append, []

    def append(*events: AnyEvent, **more: object) -> object:
        if not interrupted:
            interrupted.append(other.step(2, "85000"))
        return honest(*events, **more)  # type: ignore[arg-type]

    one.rules.journal.append = append  # type: ignore[method-assign, assignment]
    mine = one.step(2, "85000")
    assert interrupted[0].kill
    assert (mine.kill, mine.imposed, mine.stories) == ("", (), ())
    assert count(memory, LimitBreached, Restricted, IncidentOpened) == (4, 4, 1)
    assert mine.state.standing == interrupted[0].state.standing
    assert len(mine.state.standing) == 4  # what was latched for a moment is let go of


def test_the_first_program_writes_down_the_limits_it_enforces_and_the_second_nothing() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    first = count(memory, LimitsTaken, LimitChanged, BaselineSet)
    Program(memory, "b").step(1, "100000")
    assert count(memory, LimitsTaken, LimitChanged, BaselineSet) == first == (1, 0, 4)
    state = one.rules.journal.state()
    assert not isinstance(state, Unknown)
    assert len(changes_of(state.limit_changes, PAPER)) == 20


def test_a_step_in_which_nothing_happens_writes_nothing() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    before = len(memory.records)
    for at_s in range(1, 50):
        one.step(at_s, "99000")
    assert len(memory.records) == before


def peaks(memory: Memory) -> list[Decimal]:
    return [one.equity for one in written(memory, BaselineSet) if isinstance(one, BaselineSet) and one.period == "peak"]


def test_a_peak_is_written_in_steps_while_equity_rises_and_judged_by_exactly() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    for second in range(1, 251):
        one.step(second, str(100_000 + second))
    assert peaks(memory) == [100_000, 100_100, 100_201]
    exact = one.step(251, "99000").judgement
    assert exact.gauges[-1].baseline == 100_250
    again = Program(memory, "b").step(252, "99000").judgement
    assert again.gauges[-1].baseline == 100_201, "a restart lowers it by less than a step"


def test_the_breaker_takes_the_exact_peak_as_its_evidence() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    one.step(1, "100099")
    one.step(2, "85000")
    breaches = [each for each in written(memory, LimitBreached) if isinstance(each, LimitBreached)]
    assert [each.baseline for each in breaches if each.limit == "circuit_breaker"] == [100_099]


def test_what_a_person_had_counted_anew_is_not_undone_by_a_peak_of_before() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    one.step(1, "100099")
    one.rules.journal.append(Rebased(scope=PAPER, reason="another base currency"))
    assert one.step(2, "50000").judgement.gauges[-1].baseline == 50_000


def test_a_halt_is_driven_home_and_a_kill_does_not_wait_for_that() -> None:
    one = Program(Memory())
    one.step(0, "100000")
    one.step(1, "98000")
    assert one.gate.drained == 1
    other = Program(Memory())
    other.step(0, "100000")
    other.step(1, "85000")
    assert other.gate.drained == 0


def test_what_one_login_loses_restricts_all_if_the_configuration_says_so() -> None:
    memory = Memory()
    one = Program(memory, table=LimitsTable(everywhere=True))
    one.step(0, "100000")
    outcome = one.step(1, "85000")
    assert outcome.everywhere
    assert sorted((each.scope.login, each.cause.value) for each in outcome.imposed) == sorted(
        (login, limit.value) for login in ("paper", "live") for limit in Limit
    )
    (incident,) = written(memory, IncidentOpened)
    assert isinstance(incident, IncidentOpened)
    assert incident.concerns(LIVE)
    assert one.rules.state(LIVE).kind is Kind.SHUTDOWN


def test_an_alert_binds_nobody_and_is_told_once() -> None:
    memory = Memory()
    one = Program(memory, table=LimitsTable(daily_action="alert"))
    one.step(0, "100000")
    outcome = one.step(1, "98000")
    one.step(2, "97000")
    assert outcome.imposed == ()
    assert [story.trigger for story in outcome.stories] == ["daily loss"]
    assert count(memory, LimitBreached, IncidentOpened, Restricted) == (1, 1, 0)


# a kill that is owed --------------------------------------------------------------------------------------------------


def breaker(memory: Memory) -> Program:
    one = Program(memory)
    one.step(0, "100000")
    assert one.step(1, "85000").kill
    return one


def test_a_kill_is_owed_after_a_while_if_nobody_has_pressed() -> None:
    memory = Memory()
    breaker(memory)
    other = Program(memory, "b")
    assert not other.step(2, "85000").kill
    late = other.step(1 + OWED_AFTER_NS // SECOND, "85000")
    assert "circuit breaker" in late.kill
    assert not late.everywhere
    assert count(memory, LimitBreached) == (4,)


def test_a_kill_that_was_begun_is_not_owed() -> None:
    memory = Memory()
    one = breaker(memory)
    one.rules.journal.append(KillPressed(kill_id="k", scopes=(PAPER,), reason="x"))
    assert not Program(memory, "b").step(60, "85000").kill
    ended = KillEnded(kill_id="k", scopes=(PAPER,), flat=True, report=msgspec.Raw(b"{}"))
    one.rules.journal.append(ended, at_ns=NOON + 61 * SECOND)
    assert not Program(memory, "c").step(62, "85000").kill


def test_a_kill_of_yesterday_or_of_another_login_does_not_answer_this_breach() -> None:
    memory = Memory()
    before = Program(memory, "z").rules.journal
    for kill_id, scope in (("k1", PAPER), ("k2", LIVE)):
        ended = KillEnded(kill_id=kill_id, scopes=(scope,), flat=True, report=msgspec.Raw(b"{}"))
        before.append(ended, at_ns=NOON - SECOND)
    breaker(memory)
    assert Program(memory, "b").step(60, "85000").kill


# binding --------------------------------------------------------------------------------------------------------------


def test_a_breach_binds_this_program_before_it_is_written_and_nothing_stays_latched_behind_it() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    honest, bound = one.rules.journal.append, []

    def append(*events: AnyEvent, **more: object) -> object:
        bound.append(not one.rules.state(PAPER).may_add_risk)
        return honest(*events, **more)  # type: ignore[arg-type]

    one.rules.journal.append = append  # type: ignore[method-assign, assignment]
    one.step(1, "98000")
    assert bound == [True]
    assert one.rules._latched == {}


def test_what_could_not_be_written_is_latched_once_and_let_go_of_when_it_is_written() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    memory.fails = Code.FULL
    one.step(1, "98000")
    assert [each.cause for each in one.rules._latched.values()] == [Cause.DAILY_LOSS]
    memory.fails = None
    one.step(2, "98000")
    assert one.rules._latched == {}
    assert Cause.DAILY_LOSS in [each.cause for each in one.rules.state(PAPER).standing]


# without a disk -------------------------------------------------------------------------------------------------------


def test_without_the_thread_it_judges_by_what_it_knew_and_writes_it_down_afterwards_once() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    before = len(memory.records)
    alone = one.step(1, "98000", by=LossLedger.alone)
    assert [each.cause for each in alone.imposed] == [each.cause for each in alone.state.standing] == [Cause.DAILY_LOSS]
    assert not alone.durable
    assert not one.step(2, "97000", by=LossLedger.alone).imposed
    assert len(memory.records) == before
    assert one.step(3, "97000").durable
    assert count(memory, LimitBreached, Restricted, IncidentOpened) == (1, 1, 1)
    assert not one.step(4, "96000").imposed


def test_a_thread_that_answers_late_makes_nobody_forget_what_was_done_meanwhile() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    honest, meanwhile = one.rules.journal.append, []

    def append(*events: AnyEvent, **more: object) -> object:
        if not meanwhile:
            meanwhile.append(one.step(2, "98000", by=LossLedger.alone))
        return honest(*events, **more)  # type: ignore[arg-type]

    one.rules.journal.append = append  # type: ignore[method-assign, assignment]
    one.step(1, "101000")  # a new peak, which hangs in the disk
    assert [each.limit for each in meanwhile[0].judgement.breaches] == [Limit.DAILY]
    assert not one.step(3, "97000", by=LossLedger.alone).imposed
    assert not one.step(4, "97000").imposed
    assert count(memory, LimitBreached) == (1,)


def test_before_the_rules_were_ever_opened_it_still_kills() -> None:
    one = Program(Memory())
    one.step(0, "100000", by=LossLedger.alone)
    assert one.step(1, "85000", by=LossLedger.alone).kill


def test_a_baseline_of_a_program_that_never_read_the_journal_replaces_none() -> None:
    memory = Memory()
    Program(memory).step(0, "100000")
    other = Program(memory, "b")
    other.step(1, "90000", by=LossLedger.alone)
    outcome = other.step(2, "90000")
    assert [each.limit for each in outcome.judgement.breaches] == [Limit.MONTHLY, Limit.WEEKLY, Limit.DAILY]
    assert count(memory, BaselineSet) == (4,)


def test_a_peak_that_could_not_be_written_is_written_later_unless_somebody_has_a_higher_one() -> None:
    for others, expected in (("100000", "104000"), ("105000", "105000")):
        memory = Memory()
        one, other = Program(memory), Program(memory, "b")
        one.step(0, "100000")
        memory.fails = Code.FULL
        one.step(1, "104000")
        memory.fails = None
        other.step(2, others)
        one.step(3, "99000")
        peak = one.ledger._books.baseline(Basis.PEAK)
        assert peak is not None
        assert peak.equity == D(expected)


def test_two_programs_that_see_a_breach_on_a_full_disk_begin_one_incident_and_a_kill_joins_it(tmp_path: Path) -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    for each in (one, other):
        spool = Spool(tmp_path, elsewhere=tmp_path)
        each.rules.journal = Journal(MemoryStore(memory), actor="test", clock=lambda: NOON, spool=spool)
        each.step(0, "100000")
    memory.fails = Code.FULL
    for each in (one, other):
        assert each.step(1, "98000").judgement.breaches
    kill = keep_incident(one.rules.journal, (PAPER,), trigger="kill switch", what="pressed", at_ns=NOON, mark="mark")
    memory.fails = memory.alarm = None
    one.rules.journal.tend(NOON)
    assert {each.incident_id for each in written(memory, IncidentOpened)} == {kill.id}


def test_a_period_that_began_while_the_disk_was_full_counts_from_there() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    memory.fails = Code.FULL
    evening_s = (CLOCK.next_trading_day_start(NOON) - NOON) // SECOND
    one.step(evening_s + 1, "99000")
    memory.fails = None
    outcome = one.step(evening_s + 2, D("97020.00"))
    assert [each.limit for each in outcome.judgement.breaches] == [Limit.DAILY]
    assert one.step(evening_s + 3, D("97020.00") - CENT).judgement.breaches == ()


def test_a_journal_that_cannot_be_read_is_judged_by_the_last_books() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    memory.unreadable = Code.FAILED
    outcome = one.step(1, "98000")
    assert [each.cause for each in outcome.imposed] == [Cause.DAILY_LOSS]
    assert not outcome.state.may_add_risk


def test_after_a_rebase_a_limit_may_act_again_in_the_same_period() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    memory.fails = Code.FULL
    one.step(1, "98000")
    memory.fails = None
    one.step(2, "98000")
    one.rules.journal.append(Rebased(scope=PAPER, reason="another base currency"))
    one.step(3, "98000")
    assert [each.limit for each in one.step(4, D("96040")).judgement.breaches] == [Limit.DAILY]


# seeing ---------------------------------------------------------------------------------------------------------------


def test_positions_that_are_not_known_are_blind_and_the_loss_is_judged_all_the_same() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    one.step(1, "100000", positions=DARK)
    outcome = one.step(31, "98000", positions=DARK)
    assert sorted(each.cause.value for each in outcome.imposed) == ["blind", "daily_loss"]


def test_who_sees_lifts_what_another_could_not_see() -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    one.step(0, DARK)
    assert one.step(30, DARK).imposed
    outcome = other.step(31, "100000")
    assert outcome.judgement.sees_again
    assert outcome.state.kind is None
    assert not one.step(32, DARK).imposed


def test_limits_of_a_newer_version_are_not_guessed_at() -> None:
    memory = Memory()
    newer = LimitChanged(scope=PAPER, limit="hourly_loss_pct", old="", new="1", reason="x", effective_ns=0)
    Program(memory, "z").rules.journal.append(newer)
    one = Program(memory)
    one.step(0, "100000")
    outcome = one.step(31, "100000")
    assert [each.cause for each in outcome.imposed] == [Cause.BLIND]
    assert "hourly_loss_pct" in outcome.judgement.unknown[0]


def test_a_limit_that_cannot_be_read_is_not_guessed_at() -> None:
    memory = Memory()
    odd = LimitChanged(scope=PAPER, limit="daily_loss_pct", old="", new="much", reason="x", effective_ns=0)
    Program(memory, "z").rules.journal.append(odd)
    one = Program(memory)
    assert "cannot be read" in one.step(0, "100000").judgement.unknown[0]
    assert one.step(1, "98000").judgement.breaches  # by the table of the configuration, meanwhile


# money ----------------------------------------------------------------------------------------------------------------


def test_a_jump_that_another_has_written_is_not_written_again_and_a_second_of_ones_own_is() -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    one.step(0, "100000")
    other.step(1, "100000")
    one.step(10, "110000", jumps=(jump(10),))
    other.step(20, "110000", jumps=(jump(20),))
    assert count(memory, JumpSuspected) == (1,)
    other.step(30, "120000", jumps=(jump(30),))
    one.step(31, "120000", jumps=(jump(31),))
    assert count(memory, JumpSuspected) == (2,)
    for program in (one, other):
        assert not program.step(40, "120000").judgement.breaches


def test_a_jump_long_after_is_another_one() -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    one.step(10, "110000", jumps=(jump(10),))
    other.step(400, "120000", jumps=(jump(400),))
    assert count(memory, JumpSuspected) == (2,)


def test_money_that_another_has_seen_come_in_is_no_loss_here_before_it_shows() -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    one.step(0, "100000")
    other.step(1, "100000")
    one.step(10, "110000", jumps=(jump(10),))
    assert not other.step(11, "100000").judgement.breaches
    assert not other.step(12, "105000").judgement.baselines  # no peak: it may be this money or not
    assert not other.step(40, "110000", jumps=(jump(40),)).judgement.breaches
    assert [each.limit for each in other.step(41, "108000").judgement.breaches] == [Limit.DAILY]


def test_money_that_another_has_seen_come_in_counts_here_at_last() -> None:
    memory = Memory()
    one, other = Program(memory), Program(memory, "b")
    one.step(0, "100000")
    one.step(10, "110000", jumps=(jump(10),))
    other.step(11, "110000")
    assert not other.step(309, "108000").judgement.breaches
    assert [each.limit for each in other.step(310, "108000").judgement.breaches] == [Limit.DAILY]


def test_a_jump_that_could_not_be_written_is_written_later_once() -> None:
    memory = Memory()
    one = Program(memory)
    one.step(0, "100000")
    memory.fails = Code.FULL
    one.step(10, "110000", jumps=(jump(10),))
    assert not one.step(11, "110000").judgement.breaches
    memory.fails = None
    one.step(12, "110000")
    one.step(13, "110000")
    assert count(memory, JumpSuspected) == (1,)
    assert [each.limit for each in one.step(14, "108000").judgement.breaches] == [Limit.DAILY]


def test_a_pause_is_over_after_its_days() -> None:
    one = Program(Memory())
    one.step(0, "100000")
    one.step(1, "90000")
    assert one.rules.state(PAPER).kind is Kind.HALT
    week_s = 7 * DAY_NS // SECOND
    assert Cause.MONTHLY_LOSS in [each.cause for each in one.step(week_s, "90000").state.standing]
    assert Cause.MONTHLY_LOSS not in [each.cause for each in one.step(week_s + 1, "90000").state.standing]
