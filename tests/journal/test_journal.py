"""The journal as the rest of the program uses it, over a store in memory that can fail."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal import chain
from engine.journal.answers import SCOPES_MAX
from engine.journal.chain import Draft, opened
from engine.journal.events import Filled, IncidentNoted, Lifted, OrderIntent, Repaired, Restricted
from engine.journal.journal import (
    TEND_EVERY_NS,
    UNREADABLE,
    UNWRITABLE,
    Journal,
)
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.snapshots import SNAPSHOT_EVERY, SNAPSHOT_LATE
from engine.journal.trouble import Code, Conflict, JournalError

PAPER, LIVE = Scope("paper"), Scope("live")


def journal(memory: Memory | None = None) -> Journal:
    return Journal(MemoryStore(memory), actor="test", clock=lambda: 1000)


def halt(scope: Scope = PAPER, id: str = "h1", until_ns: int | None = None) -> Restricted:
    return Restricted(
        restriction=Restriction(
            id=id,
            scope=scope,
            kind=Kind.HALT,
            cause=Cause.MANUAL,
            since_ns=1000,
            until_ns=until_ns,
            actor="test",
            reason="a halt",
        )
    )


def test_a_halt_appended_by_one_binds_the_next_check_of_another() -> None:
    memory = Memory()
    one, other = journal(memory), journal(memory)
    assert other.check(PAPER, 1000).may_add_risk
    one.append(halt())
    assert not other.check(PAPER, 1000).may_add_risk
    assert other.check(LIVE, 1000).may_add_risk
    one.append(Lifted(restriction_id="h1", scope=PAPER, reason="over"))
    assert other.check(PAPER, 1000).may_add_risk


def test_a_halt_binds_although_another_login_was_asked_about_first() -> None:
    """What was answered for a login before its halt is forgotten, whoever makes the journal look again."""
    memory = Memory()
    one, other = journal(memory), journal(memory)
    assert other.check(PAPER, 1000).may_add_risk and other.check(LIVE, 1000).may_add_risk
    one.append(halt())
    assert other.check(LIVE, 1000).may_add_risk
    assert not other.check(PAPER, 1000).may_add_risk
    assert not other.glance(PAPER, 1000).may_add_risk


def test_nothing_is_read_again_while_nothing_was_appended() -> None:
    store = MemoryStore()
    mine = Journal(store, actor="test", clock=lambda: 1000)
    mine.append(halt())
    mine.check(PAPER, 1000)
    reads = store.reads
    for now_ns in range(100):
        assert not mine.check(PAPER, now_ns).may_add_risk
        assert mine.state() is mine.state()
    assert store.reads == reads


def test_an_answer_that_is_kept_ends_and_begins_with_the_restriction() -> None:
    mine = journal()
    mine.append(halt(until_ns=2000))
    assert not mine.check(PAPER, 1999).may_add_risk
    assert mine.check(PAPER, 2000).may_add_risk
    assert not mine.check(PAPER, 1999).may_add_risk, "the clock went back"


def test_a_journal_that_cannot_be_read_is_a_halt_and_says_why() -> None:
    memory = Memory()
    mine = journal(memory)
    assert mine.check(PAPER, 1000).may_add_risk
    memory.unreadable = Code.FAILED
    state = mine.check(PAPER, 1000)
    assert state.kind is Kind.HALT
    assert [one.id for one in state.standing] == [UNREADABLE]
    assert isinstance(mine.state(), Unknown)
    memory.unreadable = None
    assert mine.check(PAPER, 1000).may_add_risk


def test_what_was_not_kept_is_not_acknowledged() -> None:
    memory = Memory()
    mine = journal(memory)
    memory.fails = Code.FULL
    with pytest.raises(JournalError, match="no order that adds risk"):
        mine.append(halt())
    trouble = mine.trouble()
    assert trouble is not None
    assert trouble.code is Code.FULL


def test_a_decision_on_an_old_state_is_refused() -> None:
    memory = Memory()
    one, other = journal(memory), journal(memory)
    one.append(halt())
    with pytest.raises(Conflict):
        other.append(halt(id="h2"), expected_seq=0)
    other.append(halt(id="h2"), expected_seq=1)


def test_whose_orders_and_which_executions_are_in_our_records_is_asked_of_the_journal() -> None:
    memory = Memory()
    other = journal(memory)
    intent = OrderIntent(
        scope=PAPER, account="DU1", order_ref="mine", con_id=1, symbol="ES", action="BUY", quantity=Decimal(2),
        order_type="MKT", client_id=1, order_id=5,
    )  # fmt: skip
    filled = Filled(
        scope=PAPER, account="DU1", identity="0001", exec_id="0001.01", con_id=1, quantity=Decimal(2), price=Decimal(9)
    )
    journal(memory).append(intent, filled)
    assert other.ours(["mine", "another's"]) == {"mine"}
    assert other.recorded(["0001", "0002"]) == {"0001": 2}


def test_who_has_looked_knows_when_there_is_something_new_and_whether_it_can_be_read() -> None:
    memory = Memory()
    one = journal(memory)
    assert one.stirred() and not one.readable, "it was never looked at"
    one.state()
    assert not one.stirred() and one.readable and one.flaw() is None
    journal(memory).append(halt())
    assert one.stirred()
    assert not one.glance(PAPER, 1000).may_add_risk and not one.stirred()
    memory.unreadable = Code.CORRUPT
    assert not one.glance(PAPER, 1000).may_add_risk
    assert one.stirred() and not one.readable and one.trouble() is not None


def test_a_record_that_was_changed_stops_entries() -> None:
    memory = Memory()
    journal(memory).append(halt(), halt(id="h2"))
    good = memory.records[1]
    memory.records[1] = type(good)(good.seq, good.at_ns + 1, good.actor, good.body, good.digest)
    mine = journal(memory)
    trouble = mine.trouble()
    assert trouble is not None
    assert trouble.code is Code.CHAIN_BROKEN
    assert not mine.check(LIVE, 1000).may_add_risk


def test_a_snapshot_stands_for_everything_before_it() -> None:
    memory = Memory()
    mine = journal(memory)
    mine.append(halt())
    for number in range(SNAPSHOT_EVERY):
        mine.append(IncidentNoted(incident_id="i", text=str(number)))
    mine.tend(1)
    before = mine.state()
    late = MemoryStore(memory)
    after = Journal(late, actor="late").state()
    assert not isinstance(before, Unknown)
    assert not isinstance(after, Unknown)
    assert after == before
    assert 0 < after.snapshot_seq == late.start().seq + 1
    assert after.effective(PAPER, 0).kind is Kind.HALT
    assert after.effective(PAPER, 0).scaled(Decimal(3)) == 3


def snapshots(memory: Memory) -> list[int]:
    return [one.seq for one in memory.records if one.body.startswith(chain.SNAPSHOT)]


def test_a_snapshot_is_made_by_who_looks_after_the_journal_and_by_an_append_only_when_nobody_did() -> None:
    memory = Memory()
    mine, keeper = journal(memory), journal(memory)
    mine.state()
    keeper.state()
    note = IncidentNoted(incident_id="i", text="n")
    mine.append(*[note] * SNAPSHOT_EVERY)
    mine.append(note)
    assert snapshots(memory) == [], "no append waits for one"
    keeper.state()
    keeper.tend(1)
    assert snapshots(memory) == [SNAPSHOT_EVERY + 2]
    mine.tend(2)
    assert snapshots(memory) == [SNAPSHOT_EVERY + 2], "one is enough"
    mine.append(*[note] * (SNAPSHOT_EVERY + SNAPSHOT_LATE))
    assert snapshots(memory)[1:] == [len(memory.records)], "nobody looked after it for too long"


def test_who_only_appends_makes_the_snapshot_some_day() -> None:
    memory = Memory()
    mine = journal(memory)
    for _ in range(3):
        mine.append(*[IncidentNoted(incident_id="i", text="n")] * SNAPSHOT_EVERY)
    assert snapshots(memory) != []


# what stops and cannot be recorded ------------------------------------------------------------------------------------


def test_a_halt_that_cannot_be_recorded_halts_every_login_everywhere() -> None:
    memory = Memory()
    one, other = journal(memory), journal(memory)
    memory.fails = Code.FULL
    with pytest.raises(JournalError, match="Every login on this machine is halted") as told:
        one.append(halt())
    assert told.value.alarmed
    for scope in (PAPER, LIVE):
        state = other.check(scope, 1000)
        assert not state.may_add_risk
        assert state.standing[0].cause is Cause.JOURNAL
        assert "a stop of paper could not be recorded" in state.standing[0].reason


def test_the_alarm_stands_until_it_is_lifted_for_each_login() -> None:
    memory = Memory()
    mine = journal(memory)
    memory.fails = Code.FULL
    with pytest.raises(JournalError):
        mine.append(halt())
    memory.fails = None
    alarm = memory.alarm
    assert alarm is not None
    mine.append(Lifted(restriction_id=alarm.id, scope=LIVE, reason="there was room again"))
    assert mine.check(LIVE, 10**10).may_add_risk
    assert not mine.check(PAPER, 10**10).may_add_risk
    mine.raise_alarm("another")
    assert not mine.check(LIVE, 10**10).may_add_risk


def test_what_does_not_stop_raises_no_alarm() -> None:
    memory = Memory()
    memory.fails = Code.FULL
    factor = Restriction(
        id="f", scope=PAPER, kind=Kind.SIZE_FACTOR, cause=Cause.WEEKLY_LOSS, since_ns=0, actor="t", reason="r"
    )
    with pytest.raises(JournalError) as told:
        journal(memory).append(Restricted(restriction=factor), IncidentNoted(incident_id="i", text="t"))
    assert not told.value.alarmed
    assert memory.alarm is None


def test_an_alarm_that_cannot_be_raised_is_not_claimed() -> None:
    memory = Memory()
    memory.fails, memory.alarm_fails = Code.FULL, True
    with pytest.raises(JournalError) as told:
        journal(memory).append(halt())
    assert not told.value.alarmed
    assert "is halted until" not in str(told.value)


def test_entries_stop_while_the_journal_cannot_be_written_and_go_on_when_it_can() -> None:
    memory = Memory()
    mine = journal(memory)
    assert mine.check(PAPER, 0).may_add_risk
    memory.fails = Code.READ_ONLY
    with pytest.raises(JournalError):
        mine.append(IncidentNoted(incident_id="i", text="t"))
    assert [one.id for one in mine.glance(PAPER, 0).standing] == [UNWRITABLE]
    assert not mine.check(PAPER, TEND_EVERY_NS).may_add_risk
    memory.fails = None
    assert not mine.check(PAPER, TEND_EVERY_NS + 1).may_add_risk, "it was tried a moment ago"
    assert not mine.glance(PAPER, 2 * TEND_EVERY_NS).may_add_risk, "a glance writes nothing"
    assert mine.check(PAPER, 2 * TEND_EVERY_NS).may_add_risk
    assert mine.trouble() is None
    assert isinstance(opened(memory.records[-1]).event, Repaired)


def test_a_clock_that_goes_back_does_not_put_off_the_next_try() -> None:
    memory = Memory()
    mine = journal(memory)
    memory.fails = Code.READ_ONLY
    with pytest.raises(JournalError):
        mine.append(IncidentNoted(incident_id="i", text="t"))
    mine.check(PAPER, 10**18)
    memory.fails = None
    assert mine.check(PAPER, 10**17).may_add_risk


def test_keeping_never_raises_and_says_when_it_is_nowhere() -> None:
    memory = Memory()
    mine = journal(memory)
    kept = mine.keep(halt())
    assert kept.records is not None
    memory.fails = Code.FULL
    kept = mine.keep(halt(id="h2"))
    assert kept.records is None
    assert kept.spooled is None
    assert kept.trouble is not None


def test_words_of_a_newer_version_stop_entries_and_are_named() -> None:
    memory = Memory()
    mine = journal(memory)
    MemoryStore(memory).append([Draft(0, "newer", b'{"event":"exempted","login":"paper"}')])
    trouble = mine.trouble()
    assert trouble is not None
    assert trouble.code is Code.NEWER
    assert "exempted" in trouble.what
    assert not mine.check(PAPER, 0).may_add_risk


def test_a_new_field_in_a_known_event_is_not_skipped() -> None:
    memory = Memory()
    body = b'{"event":"incident_noted","incident_id":"i","text":"t","unless":"x"}'
    MemoryStore(memory).append([Draft(0, "newer", body)])
    assert not journal(memory).check(PAPER, 0).may_add_risk


def test_many_scopes_do_not_fill_the_memory() -> None:
    mine = journal()
    for number in range(SCOPES_MAX * 2):
        mine.check(Scope(str(number)), 0)
    assert len(mine._answers) <= SCOPES_MAX
