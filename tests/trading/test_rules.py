"""Halts bind everybody at once and survive everything; going on takes what it must."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.core.resume import Code as Obstructs
from engine.journal import trouble
from engine.journal.events import AnyEvent, IncidentClosed, IncidentOpened, Restricted, Verified
from engine.journal.gate import GateBusy, LocalGate
from engine.journal.journal import Journal
from engine.journal.kept import Kept
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.reserve import Reserve
from engine.journal.spool import Spool
from engine.trading.errors import ResetRefused, ResumeRefused, RulesUnreadable
from engine.trading.rules import NOT_DRAINED, SAME_MAX, UNTOLD, Rules
from trading.rules_in_memory import rules_in_memory

PAPER = Scope("paper", "loopback-7497", ("DU1",))
LIVE = Scope("live", "loopback-7496", ("U1",))


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.ns = 1_000_000_000_000

    def __call__(self) -> int:
        self.ns += 1
        return self.ns


class Stuck(LocalGate):
    """A gate with somebody frozen inside."""

    def drain(self) -> bool:
        return False


class Shut(LocalGate):
    """A gate that nobody may enter."""

    def enter(self) -> None:
        raise GateBusy("a halt is taking effect at this moment")


class Watched(LocalGate):
    """A gate that knows who is inside."""

    def __init__(self) -> None:
        self.inside = 0

    def enter(self) -> None:
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1


def shut_down(rules: Rules, since_ns: int) -> None:
    rules.journal.append(
        Restricted(
            restriction=Restriction(
                id="kill-k1-paper", scope=PAPER, kind=Kind.SHUTDOWN, cause=Cause.KILL_SWITCH, since_ns=since_ns,
                actor="kill switch", reason="EMERGENCY",
            )
        ),
        IncidentOpened(incident_id="i1", scope=PAPER, trigger="kill switch", what="pressed"),
    )  # fmt: skip


def test_a_halt_binds_and_says_why() -> None:
    rules = rules_in_memory(Wall())
    assert rules.state(PAPER).may_add_risk
    halted = rules.halt(PAPER, "Manual halt")
    assert halted.durable
    assert halted.drained
    assert not halted.notes
    state = rules.state(PAPER)
    assert not state.may_add_risk
    assert state.may_reduce
    assert [one.reason for one in state.standing] == ["Manual halt"]
    assert rules.state(LIVE).may_add_risk


def test_a_halt_binds_another_program_at_its_very_next_look_and_survives_the_first() -> None:
    memory, wall = Memory(), Wall()
    one, other = (rules_in_memory(wall, memory, prefix=prefix) for prefix in "ab")
    assert other.state(PAPER).may_add_risk
    one.halt(PAPER, "Manual halt")
    assert not other.state(PAPER).may_add_risk
    assert not other.glance(PAPER).may_add_risk
    assert not rules_in_memory(wall, memory, prefix="c").state(PAPER).may_add_risk


def test_a_program_that_calls_the_same_login_otherwise_is_bound_too() -> None:
    rules = rules_in_memory(Wall())
    rules.halt(PAPER, "Manual halt")
    assert not rules.state(Scope("demo", "loopback-7497")).may_add_risk
    assert not rules.state(Scope("demo", "elsewhere", ("DU1",))).may_add_risk


def test_the_same_halt_by_the_same_person_is_one_halt() -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    first = rules.halt(PAPER, "Manual halt")
    assert rules.halt(PAPER, "Manual halt") == first
    assert len(memory.records) == 1


@pytest.mark.parametrize(("reason", "actor"), [("odd fills", "test"), ("Manual halt", "ann"), ("odd fills", "ann")])
def test_who_halts_again_and_why_is_written_down_beside_the_first_and_one_resume_lifts_both(
    reason: str, actor: str
) -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    first = rules.halt(PAPER, "Manual halt")
    again = rules.halt(PAPER, reason, actor=actor)
    assert again.durable and again.drained and not again.notes
    assert again.before == (first.restriction,)
    assert str(again) == f"paper: halt (manual): {reason}\n  it was halted already: Manual halt (test)"
    told = [(one.reason, one.actor, one.since_ns) for one in rules.state(PAPER).standing]
    assert told[0][:2] == ("Manual halt", "test") and told[1][:2] == (reason, actor) and told[0][2] < told[1][2]
    assert [one.actor for one in memory.records] == ["test", actor]
    assert rules.halt(PAPER, "Manual halt") == first, "said already"
    resumed = rules.resume(PAPER)
    assert str(resumed) == "paper: lifted manual" and resumed.state.may_add_risk


def test_a_limit_that_restricts_again_for_the_same_is_not_doubled() -> None:
    rules = rules_in_memory(Wall())
    first = rules.halt(PAPER, "down 2.01 %", cause=Cause.DAILY_LOSS)
    assert rules.halt(PAPER, "down 2.02 %", cause=Cause.DAILY_LOSS) == first


def test_for_ever_new_reasons_are_all_in_the_journal_and_not_without_end_in_the_state() -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    rules.halt(PAPER, "the strongest", cancel=True)
    for number in range(3 * SAME_MAX):
        assert rules.halt(PAPER, f"reason {number}").restriction.reason == f"reason {number}"
    standing = rules.state(PAPER).standing
    assert len(standing) == SAME_MAX and any(one.cancel for one in standing)
    assert len(memory.records) == 3 * SAME_MAX + 1
    assert rules.resume(PAPER).state.may_add_risk


@pytest.mark.parametrize("waits", [True, False])
def test_a_halt_that_stands_already_halts_nobody_else_where_the_new_reason_cannot_be_written(
    waits: bool, tmp_path: Path
) -> None:
    memory, wall = Memory(), Wall()
    spool, reserve = Spool(tmp_path / "journal", elsewhere=tmp_path / "elsewhere"), Reserve(tmp_path / "reserve")
    journal = Journal(MemoryStore(memory), actor="test", clock=wall, spool=spool if waits else None, reserve=reserve)
    rules = Rules(journal, LocalGate(), wall_ns=wall, actor="test")
    first = rules.halt(PAPER, "Manual halt")
    memory.fails = trouble.Code.FULL
    again = rules.halt(PAPER, "odd fills")
    assert again.restriction == first.restriction and again.durable and again.told
    assert again.notes[0].startswith("that it was halted once more is not written down yet: ")
    assert memory.alarm is None and reserve.waiting() == (), "the room is kept for a kill"
    memory.fails = None
    wall.ns += 2_000_000_000
    assert [one.reason for one in rules.state(PAPER).standing] == ["Manual halt", "odd fills"]
    journal.close()


def test_a_halt_that_is_lifted_while_a_new_reason_cannot_be_written_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory, wall = Memory(), Wall()
    rules, other = (rules_in_memory(wall, memory, prefix=prefix) for prefix in "ab")
    first = rules.halt(PAPER, "Manual halt")
    keep = rules.journal.keep

    def keeping(event: AnyEvent, **how: Any) -> Kept:
        if not how.get("stops", True):
            other.resume(PAPER)
            memory.fails = trouble.Code.FULL
        return keep(event, **how)

    monkeypatch.setattr(rules.journal, "keep", keeping)
    again = rules.halt(PAPER, "odd fills")
    assert again.restriction != first.restriction and again.restriction.reason == "odd fills"
    assert memory.alarm is not None and again.told
    assert not other.state(PAPER).may_add_risk


def test_a_longer_or_another_halt_stands_beside_the_first() -> None:
    rules, wall = rules_in_memory(Wall()), 2_000_000_000_000
    rules.halt(PAPER, "short", cause=Cause.DAILY_LOSS, until_ns=wall)
    rules.halt(PAPER, "shorter", cause=Cause.DAILY_LOSS, until_ns=wall - 1)
    rules.halt(PAPER, "longer", cause=Cause.DAILY_LOSS, until_ns=wall + 1)
    rules.halt(PAPER, "by hand")
    assert sorted(one.reason for one in rules.state(PAPER).standing) == ["by hand", "longer", "short"]


@pytest.mark.parametrize("code", [trouble.Code.FULL, trouble.Code.READ_ONLY, trouble.Code.FAILED])
def test_a_halt_that_cannot_be_written_down_binds_every_program_and_says_what_is_missing(code: trouble.Code) -> None:
    memory, wall = Memory(), Wall()
    rules, other = (rules_in_memory(wall, memory, prefix=prefix) for prefix in "ab")
    memory.fails = code
    halted = rules.halt(PAPER, "Manual halt")
    assert not halted.durable
    assert halted.notes[0].startswith("it binds every program here, but is not written down") and halted.told
    assert not rules.state(PAPER).may_add_risk
    assert not other.state(PAPER).may_add_risk


def test_a_halt_binds_this_program_before_the_disk_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_in_memory(Wall())
    keep, bound = rules.journal.keep, []

    def keeping(event: AnyEvent, **how: Any) -> Kept:
        bound.append(
            (rules.state(PAPER).may_add_risk, rules.glance(PAPER).may_add_risk, rules.state(LIVE).may_add_risk)
        )
        return keep(event, **how)

    monkeypatch.setattr(rules.journal, "keep", keeping)
    rules.halt(PAPER, "Manual halt")
    assert bound == [(False, False, True)]


def test_where_not_even_the_alarm_can_be_raised_this_program_is_halted_all_the_same() -> None:
    memory, wall = Memory(), Wall()
    rules = rules_in_memory(wall, memory)
    memory.fails, memory.alarm_fails = trouble.Code.FULL, True
    for _ in range(2):
        halted = rules.halt(PAPER, "Manual halt")
        assert not halted.told and not halted.durable, "nothing is claimed of programs that cannot have heard of it"
    assert "it binds this program (others hear of it only when" in rules.halt(PAPER, "x", cause=Cause.BLIND).notes[0]
    memory.fails = None  # the disk has room again, and still nobody has lifted anything
    wall.ns += 2_000_000_000  # time enough for the journal to have tried again
    assert not rules.state(PAPER).may_add_risk
    assert not rules.glance(PAPER).may_add_risk


def test_a_journal_that_cannot_be_read_is_a_halt() -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    memory.unreadable = trouble.Code.CORRUPT
    state = rules.state(PAPER)
    assert not state.may_add_risk
    assert state.may_reduce
    assert state.standing[0].cause is Cause.JOURNAL


def test_a_frozen_process_at_the_gate_is_told_and_does_not_hold_up_the_halt() -> None:
    halted = rules_in_memory(Wall(), gate=Stuck()).halt(PAPER, "Manual halt")
    assert halted.durable
    assert not halted.drained
    assert halted.notes == (NOT_DRAINED,)
    assert NOT_DRAINED in str(halted)


def test_a_gate_that_cannot_be_asked_accuses_nobody() -> None:
    class Broken(LocalGate):
        def drain(self) -> bool:
            raise GateBusy("the disk fails")

    halted = rules_in_memory(Wall(), gate=Broken()).halt(PAPER, "Manual halt")
    assert halted.durable and not halted.drained
    assert halted.notes == (f"{UNTOLD}: the disk fails",)


def test_what_is_wrong_with_the_journal_is_told_once_in_a_message() -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    rules.halt(PAPER, "before")
    memory.fails = trouble.Code.FULL
    halted = str(rules.halt(LIVE, "Manual halt"))
    with pytest.raises(RulesUnreadable) as refused:
        rules.resume(PAPER)
    for text in (halted, str(refused.value)):
        assert text.count("the simulated disk fails") == 1
        assert text.count("make room on the disk") == 1
        assert text.count("no order that adds risk") <= 1
        assert "the journal: the journal" not in text


# the gate -------------------------------------------------------------------------------------------------------------


def test_an_order_passes_the_gate_and_a_halt_stops_it_there_holding_nothing() -> None:
    gate = Watched()
    rules = rules_in_memory(Wall(), gate=gate)
    assert rules.enter(PAPER) is None
    assert gate.inside == 1
    rules.leave()
    rules.halt(PAPER, "Manual halt")
    why = rules.enter(PAPER)
    assert why is not None
    assert "Manual halt" in why
    assert gate.inside == 0
    assert rules.enter(LIVE) is None


def test_what_cannot_enter_does_not_leave() -> None:
    assert rules_in_memory(Wall(), gate=Shut()).enter(PAPER) == "a halt is taking effect at this moment"


# going on -------------------------------------------------------------------------------------------------------------


def test_a_manual_halt_is_lifted_for_everybody() -> None:
    memory, wall = Memory(), Wall()
    one, other = (rules_in_memory(wall, memory, prefix=prefix) for prefix in "ab")
    one.halt(PAPER, "Manual halt")
    resumed = other.resume(PAPER)
    assert [restriction.cause for restriction in resumed.lifted] == [Cause.MANUAL]
    assert one.state(PAPER).may_add_risk
    assert "lifted manual" in str(resumed)


def test_resuming_what_is_not_halted_is_no_mistake() -> None:
    memory = Memory()
    resumed = rules_in_memory(Wall(), memory).resume(PAPER)
    assert (resumed.lifted, str(resumed)) == ((), "paper: nothing was in the way")
    assert not memory.records


def test_a_limits_halt_needs_an_override_with_a_reason_and_the_size_factor_goes_on_without() -> None:
    rules = rules_in_memory(Wall())
    rules.halt(PAPER, "lost 2 %", cause=Cause.DAILY_LOSS, until_ns=9 * 10**18)
    rules.halt(PAPER, "lost 5 %", cause=Cause.WEEKLY_LOSS, kind=Kind.SIZE_FACTOR, size_factor=Decimal("0.5"))
    with pytest.raises(ResumeRefused) as refused:
        rules.resume(PAPER)
    assert [one.code for one in refused.value.obstacles] == [Obstructs.LIMIT_STANDS]
    assert "lost 2 %" in str(refused.value)
    assert "--override" in str(refused.value)
    with pytest.raises(ResumeRefused):
        rules.resume(PAPER, override=True)
    rules.halt(PAPER, "by hand")
    with pytest.raises(ResumeRefused):
        rules.resume(PAPER)
    assert len(rules.state(PAPER).standing) == 3
    rules.resume(PAPER, override=True, reason="hedged elsewhere")
    assert rules.state(PAPER).kind is None


def test_a_halt_that_was_never_written_down_is_lifted_by_a_resume_that_is() -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    memory.fails, memory.alarm_fails = trouble.Code.FULL, True
    rules.halt(PAPER, "Manual halt")
    memory.fails = None
    assert not rules.state(PAPER).may_add_risk
    rules.resume(PAPER)
    assert rules.state(PAPER).may_add_risk


@pytest.mark.parametrize("fault", ["unreadable", "fails"])
def test_nobody_goes_on_without_a_journal(fault: str) -> None:
    memory = Memory()
    rules = rules_in_memory(Wall(), memory)
    rules.halt(PAPER, "Manual halt")
    setattr(memory, fault, trouble.Code.FAILED)
    with pytest.raises(RulesUnreadable):
        rules.resume(PAPER)
    setattr(memory, fault, None)
    assert not rules.state(PAPER).may_add_risk


def test_after_a_kill_the_way_back_has_four_steps_and_none_can_be_left_out() -> None:
    memory, wall = Memory(), Wall()
    rules = rules_in_memory(wall, memory)
    shut_down(rules, wall())

    def steps_left() -> list[Obstructs]:
        with pytest.raises(ResetRefused) as refused:
            rules.reset(PAPER, reason="understood")
        return [one.code for one in refused.value.obstacles]

    with pytest.raises(ResumeRefused) as not_yet:
        rules.resume(PAPER, override=True, reason="now")
    steps = [Obstructs.NOT_VERIFIED, Obstructs.INCIDENT_OPEN, Obstructs.NOT_RESET]
    assert [one.code for one in not_yet.value.obstacles] == steps
    assert steps_left() == [Obstructs.NOT_VERIFIED, Obstructs.INCIDENT_OPEN]
    rules.journal.append(Verified(scope=PAPER, matches=False, positions=(), orders=0, differences=("x",)))
    assert steps_left() == [Obstructs.VERIFICATION_DIFFERS, Obstructs.INCIDENT_OPEN]
    rules.journal.append(Verified(scope=PAPER, matches=True, positions=(), orders=0))
    assert steps_left() == [Obstructs.INCIDENT_OPEN]
    rules.journal.append(IncidentClosed(incident_id="i1", cause="a bug", action="mended"))
    reset = rules.reset(PAPER, reason="understood")
    assert reset.restriction.cause is Cause.RESET
    assert not rules.state(PAPER).may_add_risk  # reset permits arming, and does not arm
    assert any(b'"reset"' in one.body for one in memory.records)
    rules.resume(PAPER)
    assert rules.state(PAPER).kind is None


def test_what_is_not_shut_down_cannot_be_reset() -> None:
    with pytest.raises(ResetRefused, match="not shut down"):
        rules_in_memory(Wall()).reset(PAPER, reason="why not")


def test_a_decision_that_was_overtaken_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody halts between the look and the write of a resume: that halt is looked at too, not lifted unseen."""
    memory, wall = Memory(), Wall()
    one, other = (rules_in_memory(wall, memory, prefix=prefix) for prefix in "ab")
    one.halt(PAPER, "Manual halt")
    overtaken: list[str] = []
    look = one._facts

    def overtake(scope: Scope) -> object:
        found = look(scope)
        if not overtaken:
            overtaken.append("once")
            other.halt(PAPER, "lost 2 %", cause=Cause.DAILY_LOSS, until_ns=9 * 10**18)
        return found

    monkeypatch.setattr(one, "_facts", overtake)
    with pytest.raises(ResumeRefused, match="daily_loss"):
        one.resume(PAPER)
    assert len(one.state(PAPER).standing) == 2
