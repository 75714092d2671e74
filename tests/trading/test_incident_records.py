"""What happens to a login is one incident, whoever of several programs writes it down first."""

from __future__ import annotations

from engine.core.restrictions import Scope
from engine.journal import chain
from engine.journal.events import IncidentClosed, IncidentJoined, IncidentOpened
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.trouble import Code
from engine.trading.incident_records import keep_incident
from trading.overtaken import Overtaken

PAPER, LIVE = Scope("paper", "127.0.0.1:7497"), Scope("live", "127.0.0.1:7496")
FIRST = IncidentOpened(incident_id="first", scope=PAPER, trigger="dead man", what="silent")


def over(store: MemoryStore) -> Journal:
    return Journal(store, actor="test", clock=lambda: 1)


def test_of_two_programs_that_begin_one_at_once_the_later_joins_the_earlier_and_widens_it() -> None:
    memory = Memory()
    mine = over(Overtaken(memory, over(MemoryStore(memory)), FIRST))
    begun = keep_incident(mine, (PAPER, LIVE), trigger="kill", what="pressed", at_ns=1, mark="m1")
    assert (begun.id, begun.joined) == ("first", True)
    assert begun.events == (
        IncidentOpened(incident_id="first", scope=PAPER, trigger="dead man", what="silent", also=(LIVE,)),
        IncidentJoined(incident_id="first", what="pressed"),
    )
    assert [chain.opened(one).event for one in memory.records][-2:] == list(begun.events)


def test_one_that_was_closed_in_the_same_moment_is_not_joined() -> None:
    memory = Memory()
    other = over(MemoryStore(memory))
    other.append(FIRST)
    closed = IncidentClosed(incident_id="first", cause="found", action="mended")
    mine = over(Overtaken(memory, other, closed))
    begun = keep_incident(mine, (PAPER,), trigger="kill", what="pressed", at_ns=1, mark="m1")
    assert begun.id != "first" and not begun.joined


def test_a_journal_that_cannot_be_read_begins_one() -> None:
    memory = Memory()
    over(MemoryStore(memory)).append(FIRST)
    memory.unreadable = Code.CORRUPT
    begun = keep_incident(over(MemoryStore(memory)), (PAPER,), trigger="kill", what="pressed", at_ns=1, mark="m1")
    assert not begun.joined
