"""Records that nothing could take: held while the program lives, written down as soon as can be, printed at its end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.journal import chain, overdue
from engine.journal.events import AnyEvent, KillPressed, Lifted, Repaired, TakenIn
from engine.journal.gate import LocalGate
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.overdue import Overdue, last_words
from engine.journal.spool import DRAFT_NS_MAX, Spool
from engine.journal.trouble import Code
from engine.trading.rules import Rules
from journal.worlds import HERE, PAPER, SOURCE, forked, halt, note

PRESSED = KillPressed(kill_id="k1", scopes=(PAPER,), reason="EMERGENCY")


class World:
    """A journal and both places beside it, all of which can be full."""

    def __init__(self, folder: Path) -> None:
        self.memory, self.folder = Memory(), folder
        self.spool = Spool(folder / "journal", elsewhere=folder / "elsewhere")
        self.journal = Journal(MemoryStore(self.memory), actor="test", spool=self.spool, clock=lambda: 1000)

    def fill(self) -> None:
        self.memory.fails = Code.FULL
        for name in ("journal", "elsewhere"):
            (self.folder / name).write_text("in the way")

    def free_files(self) -> None:
        for name in ("journal", "elsewhere"):
            (self.folder / name).unlink()

    def free_journal(self) -> None:
        self.memory.fails, self.memory.alarm = None, None

    def events(self) -> list[AnyEvent]:
        found = [chain.opened(one).event for one in self.memory.records]
        return [one for one in found if not isinstance(one, TakenIn | Repaired)]

    def gaps(self) -> list[str]:
        found = [chain.opened(one).event for one in self.memory.records]
        return [one.what for one in found if isinstance(one, Repaired) and "are missing" in one.what]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_could_be_kept_nowhere_is_written_down_when_the_journal_can_be_and_once(world: World) -> None:
    world.fill()
    for event in (PRESSED, halt()):
        kept = world.journal.keep(event, at_ns=7)
        assert (kept.records, kept.spooled) == (None, None)
        assert kept.name and "this program holds it" in kept.whereabouts
    world.journal.tend(1000)
    assert world.events() == []
    world.free_journal()
    for _ in range(2):
        world.journal.tend(1000)
    assert world.events() == [PRESSED, halt()]
    assert [one.at_ns for one in world.memory.records if chain.opened(one).event == PRESSED] == [7]
    assert world.journal.check(PAPER, 1000).standing[0].id == halt().restriction.id


def test_a_journal_with_no_place_beside_it_holds_it_too() -> None:
    memory = Memory()
    mine = Journal(MemoryStore(memory), actor="test", clock=lambda: 1000)
    memory.fails = Code.FULL
    mine.keep(PRESSED)
    mine.tend(1000)
    memory.fails = None
    mine.tend(1000)
    assert PRESSED in [chain.opened(one).event for one in memory.records]


def test_what_cannot_be_in_the_journal_yet_goes_into_a_file_as_soon_as_one_can_be_written(world: World) -> None:
    world.fill()
    name = world.journal.keep(PRESSED).name
    world.free_files()
    world.journal.tend(1000)
    assert [path.name for path in world.spool.waiting()] == [name]
    assert last_words() == ()
    world.free_journal()
    world.journal.tend(1000)
    assert world.events() == [PRESSED]


def test_a_halt_that_waited_does_not_come_back_behind_its_own_lifting(world: World) -> None:
    rules = Rules(world.journal, LocalGate(), wall_ns=lambda: 1000, actor="test")
    world.fill()
    assert any("this program holds it" in one for one in rules.halt(PAPER, "news").notes)
    world.free_journal()
    rules.resume(PAPER)
    world.journal.tend(3000)
    assert [type(one) for one in world.events()][-1] is Lifted
    assert world.journal.check(PAPER, 3000).may_add_risk


def test_a_halt_that_was_taken_in_is_lifted_by_any_program(world: World) -> None:
    rules = Rules(world.journal, LocalGate(), wall_ns=lambda: 1000, actor="test")
    world.fill()
    rules.halt(PAPER, "news")
    world.free_journal()
    world.journal.tend(1000)
    assert not rules.state(PAPER).may_add_risk
    other = Journal(MemoryStore(world.memory), actor="other", clock=lambda: 1000)
    Rules(other, LocalGate(), wall_ns=lambda: 1000, actor="other").resume(PAPER)
    assert rules.state(PAPER).may_add_risk


def test_two_threads_write_it_down_once(tmp_path: Path) -> None:
    """The other one is faster, between the look at what waits and the append."""
    memory, ready = Memory(), threading.Event()

    class Slow(MemoryStore):
        def append(self, drafts: Sequence[chain.Draft], *, expected_seq: int | None = None) -> tuple[chain.Sealed, ...]:
            if expected_seq is not None and ready.is_set():
                ready.clear()
                mine.tend(1000)
            return super().append(drafts, expected_seq=expected_seq)

    mine = Journal(Slow(memory), actor="test", clock=lambda: 1000)
    memory.fails = Code.FULL
    mine.keep(PRESSED)
    memory.fails = None
    ready.set()
    mine.tend(1000)
    assert not ready.is_set()
    assert [chain.opened(one).event for one in memory.records].count(PRESSED) == 1


def test_what_was_written_but_not_acknowledged_is_not_written_again(world: World) -> None:
    world.fill()
    world.journal.keep(PRESSED)
    world.free_journal()
    world.memory.appends_left, world.memory.fails_then, world.memory.torn = 1, Code.FAILED, True
    world.journal.tend(1000)
    assert last_words() != ()
    world.memory.appends_left, world.memory.fails = None, None
    world.journal.tend(1000)
    assert world.events() == [PRESSED]
    assert last_words() == ()


def test_many_go_into_the_journal_together_and_in_their_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "AT_ONCE", 4)
    world.fill()
    for number in range(10):
        world.journal.keep(note(str(number)))
    world.free_journal()
    appends = world.memory.changes
    world.journal.tend(1000)
    assert world.events() == [note(str(number)) for number in range(10)]
    assert world.memory.changes - appends == 1 + 3  # that it can be written again, and three times up to four


def test_beyond_the_bound_records_are_counted_and_the_gap_is_recorded_and_a_stop_still_has_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "RECORDS_MAX", 2)
    world.fill()
    names = [world.journal.keep(note(str(number))).name for number in range(4)]
    assert [bool(one) for one in names] == [True, True, False, False]
    assert "it is nowhere" in world.journal.keep(note("5")).whereabouts
    assert world.journal.keep(PRESSED).name
    assert "3 records that there was no room for. " in last_words()[0]
    world.free_journal()
    for _ in range(2):
        world.journal.tend(1000)
    assert world.events() == [note("0"), note("1"), PRESSED]
    assert [one.split()[0] for one in world.gaps()] == ["3"]


@pytest.mark.parametrize(
    ("records", "sections", "lost", "begins", "says", "keeps_quiet"),
    [
        (2, 0, 0, "2 records.", ("Keep what follows", "take-in FILE"), ("by hand", "lost")),
        (1, 2, 0, "1 record, 2 sections of the incident log.", ("by hand", "take-in FILE"), ("lost",)),
        (0, 0, 5, "5 records that there was no room for.", ("is lost", "qe verify"), ("Keep", "take-in", "by hand")),
    ],
)
def test_the_last_words_say_what_is_to_be_done_and_nothing_that_cannot_be(
    records: int, sections: int, lost: int, begins: str, says: tuple[str, ...], keeps_quiet: tuple[str, ...]
) -> None:
    said = overdue._headline(records, sections, lost)
    assert said.startswith(f"WRITTEN DOWN NOWHERE: {begins}")
    assert all(one in said for one in says) and not any(one in said for one in keeps_quiet)


def test_a_section_is_held_until_its_page_or_a_file_can_be_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overdue, "SECTIONS_MAX", 1)
    page = world.folder / "page.md"
    page.mkdir()
    world.fill()
    assert "this program holds it" in (world.journal.sections.add(page, "## one\n") or "")
    assert "holds" not in (world.journal.sections.add(page, "## no room\n") or "")
    head, *rest = last_words()
    assert rest == [f"for {page}:\n## one\n"]
    assert head.startswith("WRITTEN DOWN NOWHERE: 1 section of the incident log. ") and "by hand" in head
    assert "take-in" not in head and "record" not in head, "there is none to take in"
    world.journal.tend(1000)
    page.rmdir()
    for _ in range(2):
        world.journal.tend(1000)
    assert page.read_text().count("## one") == 1


def test_a_section_that_another_thread_is_writing_is_not_told_twice(tmp_path: Path) -> None:
    held, told = Overdue(), []

    def write(page: Path, text: str) -> bool:
        told.append(text)
        held.tell(write)
        return True

    held.hold_section(tmp_path, "one")
    held.tell(write)
    assert told == ["one"]


def test_what_nobody_tends_is_tried_again_all_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "AGAIN_S", 0.001)
    world.journal.retry_on_a_thread()
    world.fill()
    world.journal.keep(PRESSED)
    threads = [one for one in threading.enumerate() if one.name == "overdue"]
    assert len(threads) == 1 and threads[0].daemon
    world.journal.keep(halt())
    assert [one for one in threading.enumerate() if one.name == "overdue"] == threads, "one is enough"
    world.free_journal()
    threads[0].join(10)
    assert not threads[0].is_alive(), "it ends when there is nothing left"
    assert world.events() == [PRESSED, halt()]


def test_a_program_that_ends_tries_once_more_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "AGAIN_S", 3600)
    world.journal.retry_on_a_thread()
    world.fill()
    world.journal.keep(PRESSED)
    world.free_journal()
    assert last_words() == ()
    assert world.events() == [PRESSED]


def test_a_disk_that_hangs_does_not_keep_a_program_from_ending(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "LAST_TRY_S", 0.01)
    hangs = threading.Event()
    monkeypatch.setattr(world.journal, "tend", lambda _now_ns: hangs.wait())
    world.journal.retry_on_a_thread()
    world.fill()
    world.journal.keep(PRESSED)
    begun = time.monotonic()
    said = last_words()
    assert time.monotonic() - begun < 5
    assert "EMERGENCY" in said[1]
    hangs.set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_print_what_its_parent_holds(world: World) -> None:
    world.fill()
    world.journal.keep(PRESSED)
    said = world.folder / "said"
    forked(lambda: said.write_text(str(last_words())) and None)
    assert said.read_text() == "()"


def test_a_program_that_ends_with_records_that_are_nowhere_prints_them(tmp_path: Path) -> None:
    for name in ("journal", "temporary"):
        (tmp_path / name).write_text("in the way")
    code = (
        "from pathlib import Path; from engine.journal.journal import open_journal; from journal.worlds import halt\n"
        "import engine.temporary; engine.temporary.IN_MEMORY = '/nowhere'\n"
        f"open_journal(Path({str(tmp_path / 'journal')!r}), actor='ann').keep(halt())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{SOURCE}{os.pathsep}{HERE}",
            "TMPDIR": str(tmp_path / "temporary"),
        },
    )
    head, record = done.stderr.splitlines()
    assert head.startswith("WRITTEN DOWN NOWHERE: 1 record. ")
    assert '"actor":"ann"' in record and '"reason":"a halt"' in record


def test_a_file_that_could_not_be_written_whole_is_not_left_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert world.spool.write((chain.draft(PRESSED, actor="kill", at_ns=5),)) is None
    assert [path for path in world.folder.rglob("*") if path.is_file()] == []


def test_what_a_writer_left_unfinished_that_died_is_swept_and_what_is_being_written_is_not(world: World) -> None:
    path = world.spool.write((chain.draft(PRESSED, actor="kill", at_ns=5),))
    assert path is not None
    died = path.with_name("x.new")
    died.touch()
    made_ns = died.stat().st_mtime_ns
    world.memory.fails = Code.FULL
    world.journal.tend(made_ns + DRAFT_NS_MAX)
    assert died.exists()
    world.journal.tend(made_ns + DRAFT_NS_MAX + 1)
    assert not died.exists()
    assert path.exists()
