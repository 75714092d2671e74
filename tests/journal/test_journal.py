"""The journal as the rest of the program uses it, over a store in memory that can fail."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import IncidentNoted, Lifted, Restricted
from engine.journal.journal import SNAPSHOT_EVERY, UNREADABLE, Journal
from engine.journal.memory_store import Memory, MemoryStore
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
    before = mine.state()
    late = MemoryStore(memory)
    after = Journal(late, actor="late").state()
    assert not isinstance(before, Unknown)
    assert not isinstance(after, Unknown)
    assert after == before
    assert 0 < after.snapshot_seq == late.start().seq + 1
    assert after.effective(PAPER, 0).kind is Kind.HALT
    assert after.effective(PAPER, 0).scaled(Decimal(3)) == 3
