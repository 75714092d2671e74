"""Beside a journal that takes nothing: whoever decides there sees what those before have left, and waits for few."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import Scope
from engine.journal import beside as module
from engine.journal import chain, oslock
from engine.journal.beside import Beside, Waiting, incidents_in
from engine.journal.events import AnyEvent, IncidentClosed, IncidentOpened
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.overdue import AT_ONCE, Overdue
from engine.journal.parcels import Parcel
from engine.journal.reserve import Reserve
from engine.journal.spool import Spool
from engine.journal.state import JournalState
from engine.journal.trouble import Code
from journal.worlds import PAPER, halt, note

LIVE = Scope("live")


def opened(name: str, *also: Scope) -> IncidentOpened:
    return IncidentOpened(incident_id=name, scope=PAPER, trigger="kill switch", what="pressed", also=also)


class World:
    """A journal with no room, and what is beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory = folder, Memory()
        (folder / "journal").mkdir()
        self.program().append(note())
        self.memory.fails = Code.FULL

    def program(self) -> Journal:
        spool = Spool(self.folder / "journal", elsewhere=self.folder / "elsewhere")
        reserve = Reserve(self.folder / "reserve")
        return Journal(MemoryStore(self.memory), actor="test", spool=spool, reserve=reserve, clock=lambda: 1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def seen_by(journal: Journal) -> Waiting:
    """What somebody who decides now is shown to be waiting."""
    seen: list[Waiting] = []

    def decide(_state: JournalState | Unknown, waiting: Waiting) -> tuple[AnyEvent, ...]:
        seen.append(waiting)
        return (note(),)

    journal.keep_decided(decide)
    return seen[-1]


def test_who_decides_sees_what_others_have_left_in_a_file_or_the_reserve(world: World) -> None:
    world.program().keep(opened("of-a-file"))
    assert seen_by(world.program()) == (opened("of-a-file"),)
    for place in (world.folder / "journal" / "spool", world.folder / "elsewhere"):
        if place.exists():
            place.rename(place.with_name("away"))
        place.write_text("in the way")
    world.program().keep(opened("of-the-reserve"), halt())
    assert seen_by(world.program()) == (opened("of-the-reserve"),)


def test_who_decides_sees_what_his_own_program_holds_behind_any_number_of_other_records() -> None:
    overdue = Overdue()
    overdue.hold(chain.drafts([note()] * AT_ONCE, actor="test", at_ns=1), stops=False)
    overdue.hold(chain.drafts([opened("held")], actor="test", at_ns=2), stops=True)
    assert incidents_in(Beside(None, None, overdue).waiting(), ()) == (opened("held"),)


def test_what_is_in_the_journal_or_closed_waits_no_more() -> None:
    parcels = [
        Parcel(name, tuple(chain.drafts([event], actor="test", at_ns=1)))
        for name, event in (
            ("1", opened("a")),
            ("2", opened("b")),
            ("3", opened("a", LIVE)),
            ("4", IncidentClosed(incident_id="b", cause="c", action="a")),
            ("5", IncidentClosed(incident_id="unknown", cause="c", action="a")),
            ("6", opened("c")),
        )
    ]
    assert incidents_in(parcels, ()) == (opened("a", LIVE), opened("c"))
    assert incidents_in(parcels, {"3", "6"}) == (opened("a"),)


def test_a_damaged_file_keeps_nobody_from_deciding(world: World) -> None:
    kept = world.program().keep(opened("a"))
    assert kept.spooled is not None
    kept.spooled.write_text("spoilt")
    assert seen_by(world.program()) == ()


def test_of_two_who_decide_at_once_the_second_sees_what_the_first_has_left(world: World) -> None:
    seen: list[Waiting] = []
    second = threading.Thread(target=lambda: seen.append(seen_by(world.program())))

    def decide(_state: JournalState | Unknown, _waiting: Waiting) -> tuple[AnyEvent, ...]:
        if calls:  # beside the journal by now
            second.start()
            second.join(0.2)
        calls.append(1)
        return (opened("first"),)

    calls: list[int] = []
    world.program().keep_decided(decide)
    second.join()
    assert seen == [(opened("first"),)]


def test_somebody_who_never_lets_go_is_not_waited_for_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.02)
    with (world.folder / "journal" / "spool.lock").open("r+") as file:
        assert oslock.exclude(file.fileno())
        assert seen_by(world.program()) == ()


def test_where_there_are_no_locks_it_goes_on_without(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_fd: int) -> bool:
        raise OSError("no locks here")

    monkeypatch.setattr(oslock, "exclude", none)
    world.program().keep(opened("a"))
    assert seen_by(world.program()) == (opened("a"),)


def test_the_first_record_makes_the_lock_and_a_disk_that_is_read_only_leaves_it_usable(world: World) -> None:
    lock = world.folder / "journal" / "spool.lock"
    assert lock.exists(), "made while there was room"
    spool = Spool(world.folder / "journal", elsewhere=world.folder / "elsewhere")
    lock.chmod(0o444)
    with Beside(spool, None, Overdue()).alone(), lock.open() as file:
        assert not oslock.exclude(file.fileno())
    with lock.open() as file:
        assert oslock.exclude(file.fileno())
