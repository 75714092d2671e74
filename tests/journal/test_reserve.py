"""The reserve: what stops somebody is remembered although no disk has room. Whole or not at all, once, never lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import Kind
from engine.journal import chain, oslock
from engine.journal import reserve as module
from engine.journal.chain import Draft
from engine.journal.events import AnyEvent, KillPressed, Repaired
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.reserve import SIZE, SLOT, SLOTS, Reserve
from engine.journal.spool import Spool
from engine.journal.trouble import Code
from journal.test_disks import needs_a_disk, spoken
from journal.worlds import PAPER, forked, halt, note

PRESSED = KillPressed(kill_id="k1", scopes=(PAPER,), reason="all disks are full")


class World:
    """A journal with its reserve, and both places beside it: all but the reserve can be full."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.memory = folder, Memory()
        self.reserve = Reserve(folder / "reserve")
        self.program().append(note())

    def program(self) -> Journal:
        """Another program on it."""
        spool = Spool(self.folder / "journal", elsewhere=self.folder / "elsewhere")
        return Journal(
            MemoryStore(self.memory), actor="test", spool=spool, reserve=self.reserve, clock=lambda: 1_000_000_000
        )

    def fill(self, *places: str) -> None:
        self.memory.fails = Code.FULL
        for place in places or ("journal", "elsewhere"):
            (self.folder / place).write_text("in the way")

    def mend(self) -> None:
        self.memory.fails, self.memory.alarm = None, None

    def events(self) -> list[AnyEvent]:
        return [chain.opened(one).event for one in self.memory.records]

    def stops(self) -> list[AnyEvent]:
        return [one for one in self.events() if one in (PRESSED, halt())]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def drafts(*events: AnyEvent) -> tuple[Draft, ...]:
    return tuple(chain.drafts(events, actor="test", at_ns=1000))


def names(reserve: Reserve) -> list[str | None]:
    return [one.parcel.name if one.parcel else None for one in reserve.waiting()]


# as a journal uses it -------------------------------------------------------------------------------------------------


def test_a_kill_that_nothing_could_take_is_known_to_the_next_program(world: World) -> None:
    world.fill()
    kept = world.program().keep(PRESSED, halt())
    assert kept.spooled == world.reserve.path
    assert kept.name
    world.mend()
    later = world.program()
    assert later.check(PAPER, 1).kind is Kind.HALT
    state = later.state()
    assert not isinstance(state, Unknown)
    assert list(state.kills_open) == ["k1"]
    assert kept.name in state.taken_in
    assert names(world.reserve) == []


def test_it_waits_until_it_is_durable_and_is_taken_in_once(world: World) -> None:
    world.fill()
    world.program().keep(PRESSED)
    world.program().tend(1)  # it cannot be written yet
    assert len(names(world.reserve)) == 1
    world.mend()
    before = world.reserve.path.read_bytes()
    world.program().tend(2)
    world.reserve.path.write_bytes(before)  # as if that program had died before it could clear it
    world.program().tend(3)
    assert world.stops() == [PRESSED]
    assert names(world.reserve) == []


def test_beside_temporary_files_which_a_reboot_may_take_a_stop_goes_into_the_reserve_too(world: World) -> None:
    world.fill("journal")
    kept = world.program().keep(PRESSED)
    assert kept.spooled is not None
    assert kept.spooled.parent.parent == world.folder / "elsewhere"
    assert names(world.reserve) == [kept.name] == [kept.spooled.name]
    world.mend()
    world.program().tend(1)
    assert world.stops() == [PRESSED]
    assert names(world.reserve) == []


def test_what_waits_beside_the_journal_leaves_the_reserve_alone(world: World) -> None:
    world.memory.fails = Code.FULL
    assert world.program().keep(PRESSED).spooled is not None
    assert names(world.reserve) == []


def test_what_stops_nobody_leaves_the_reserve_alone(world: World) -> None:
    world.fill()
    assert world.program().keep(note()).spooled is None
    assert names(world.reserve) == []


def test_where_the_reserve_has_no_room_the_program_holds_it(world: World) -> None:
    world.fill()
    kept = world.program().keep(PRESSED, note("x" * SIZE))
    assert kept.spooled is None
    assert kept.name


def test_a_damaged_stop_halts_everybody_and_is_told_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fill()
    world.program().keep(PRESSED)
    world.mend()
    spoil(world.reserve)
    monkeypatch.setattr(Reserve, "_overwrite", lambda *_: None)  # and it cannot be set aside
    journal = world.program()
    journal.tend(1)
    journal.tend(2)
    assert journal.check(PAPER, 3).kind is Kind.HALT
    assert ["see which login" in one.what for one in world.events() if isinstance(one, Repaired)] == [True]
    monkeypatch.undo()
    world.program().tend(4)
    assert names(world.reserve) == []


def test_a_damaged_stop_of_which_nobody_can_be_told_goes_on_waiting(world: World) -> None:
    """Set aside without the alarm, nothing would say any more that somebody was to be halted."""
    world.fill()
    world.program().keep(PRESSED)
    world.mend()
    spoil(world.reserve)
    world.memory.alarm_fails = True
    journal = world.program()
    journal.tend(1)
    assert len(world.reserve.waiting()) == 1 and not any(isinstance(one, Repaired) for one in world.events())
    world.memory.alarm_fails = False
    journal.tend(2)
    assert journal.check(PAPER, 3).kind is Kind.HALT and world.reserve.waiting() == ()


def test_a_damaged_stop_keeps_no_other_from_being_taken_in(world: World) -> None:
    world.fill()
    world.program().keep(PRESSED)
    world.program().keep(halt())
    spoil(world.reserve)
    world.mend()
    world.program().tend(1)
    assert world.stops() == [halt()]


def test_the_first_record_of_a_program_makes_the_reserve(world: World) -> None:
    world.reserve.path.unlink()
    world.program().state()
    assert not world.reserve.path.exists()  # who only looks makes nothing
    world.program().append(note())
    assert world.reserve.path.stat().st_size == SIZE


def spoil(reserve: Reserve) -> None:
    """The first parcel in it: the last bytes of what it says."""
    data = bytearray(reserve.path.read_bytes())
    at = data.index(b'"kill_id"')
    data[at : at + 4] = b"oops"
    reserve.path.write_bytes(data)


# the file -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def reserve(tmp_path: Path) -> Reserve:
    made = Reserve(tmp_path / "reserve")
    assert made.make()
    assert made.make()
    return made


def test_what_was_written_is_read_the_oldest_first(reserve: Reserve) -> None:
    assert reserve.write(drafts(PRESSED, halt()), "b")
    assert reserve.write(drafts(halt("h2")), "a")
    first, second = reserve.waiting()
    assert first.parcel is not None and second.parcel is not None
    assert first.parcel == ("a", drafts(halt("h2")))
    assert second.parcel == ("b", drafts(PRESSED, halt()))


def test_a_parcel_takes_slots_in_a_row_that_nobody_has(reserve: Reserve) -> None:
    long = drafts(note("x" * 2 * SLOT))  # three slots
    for number in range(5):
        assert reserve.write(long, f"long {number}")
    assert not reserve.write(long, "one too many")
    assert reserve.write(drafts(halt()), "the last slot")
    assert not reserve.write(drafts(halt()), "none")
    long_1 = next(one for one in reserve.waiting() if one.parcel and one.parcel.name == "long 1")
    reserve.done(long_1)
    assert not reserve.write(drafts(note("x" * 3 * SLOT)), "four slots")
    assert reserve.write(drafts(halt()), "short")
    assert not reserve.write(long, "long")  # two in a row are left
    assert names(reserve) == ["long 0", "long 2", "long 3", "long 4", "short", "the last slot"]


def test_the_whole_of_it_holds_one_parcel_and_not_a_byte_more(reserve: Reserve) -> None:
    room = SIZE - module._HEAD_BYTES - len(b"all\n") - len(drafts_line("")) - 1
    assert not reserve.write(drafts(note("x" * (room + 1))), "all")
    assert reserve.write(drafts(note("x" * room)), "all")
    assert names(reserve) == ["all"]


def drafts_line(text: str) -> bytes:
    return module.line(drafts(note(text))[0])


def test_a_parcel_whose_writer_died_before_its_head_was_never_there(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = module._write_at

    def die_before_the_head(fd: int, data: bytes, at: int) -> None:
        if at % SLOT == 0:
            written(fd, data[:20], at)  # torn in the middle
            os.kill(os.getpid(), 9)
        written(fd, data, at)

    def work() -> None:
        module._write_at = die_before_the_head
        reserve.write(drafts(PRESSED), "torn")

    forked(work)
    assert names(reserve) == []
    assert reserve.write(drafts(halt()), "next")
    assert names(reserve) == ["next"]


def test_two_who_write_at_once_get_slots_of_their_own(reserve: Reserve) -> None:
    children = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                for number in range(4):
                    reserve.write(drafts(halt()), f"{child}{number}")
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    assert names(reserve) == [f"{child}{number}" for child in range(4) for number in range(4)]
    assert SLOTS == 16


def test_who_holds_the_file_is_not_waited_for_long_and_reading_waits_for_nobody(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reserve.write(drafts(halt()), "first")
    monkeypatch.setattr(module, "PATIENCE_S", 0.02)
    fd = os.open(reserve.path, os.O_RDWR)
    assert oslock.exclude(fd)
    assert not reserve.write(drafts(halt()), "second")
    assert names(reserve) == ["first"]
    reserve.done(reserve.waiting()[0])  # not now
    os.close(fd)
    assert names(reserve) == ["first"]


def test_a_parcel_is_cleared_only_while_it_is_the_same(reserve: Reserve) -> None:
    assert reserve.write(drafts(halt()), "old")
    (old,) = reserve.waiting()
    reserve.done(old)
    assert reserve.write(drafts(halt()), "new")  # in its slot
    reserve.done(old)
    assert names(reserve) == ["new"]


def test_what_looks_damaged_while_it_is_written_is_looked_at_again(
    reserve: Reserve, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reserve.write(drafts(PRESSED), "one")
    whole = reserve.path.read_bytes()
    monkeypatch.setattr(reserve, "_read", lambda: whole.replace(b"k1", b"k2"))
    assert names(reserve) == ["one"]


def test_without_a_file_nothing_is_written_and_nothing_waits(tmp_path: Path) -> None:
    missing = Reserve(tmp_path / "no folder" / "reserve")
    assert not missing.make()
    assert not missing.write(drafts(halt()), "x")
    assert missing.waiting() == ()
    (tmp_path / "no folder").symlink_to(tmp_path / "nothing")
    assert not missing.make()


def test_a_file_that_everybody_may_write_is_nobodys_word(reserve: Reserve) -> None:
    assert reserve.write(drafts(halt()), "x")
    reserve.path.chmod(0o666)
    assert names(reserve) == []
    assert not reserve.write(drafts(halt()), "y")


def test_a_link_is_not_followed(tmp_path: Path, reserve: Reserve) -> None:
    link = Reserve(tmp_path / "link")
    link.path.symlink_to(reserve.path)
    assert not link.write(drafts(halt()), "x")


def test_one_that_was_cut_short_or_left_half_made_is_filled_up(reserve: Reserve) -> None:
    assert reserve.write(drafts(halt()), "x")
    os.truncate(reserve.path, SLOT + 7)
    assert not reserve.write(drafts(halt()), "y")
    assert reserve.make()
    assert names(reserve) == ["x"]
    assert reserve.write(drafts(halt()), "y")


def test_one_for_which_there_is_no_room_takes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = module._write_at

    def half(fd: int, data: bytes, at: int) -> None:
        written(fd, data[: SIZE // 2], at)
        raise OSError("no room")

    monkeypatch.setattr(module, "_write_at", half)
    made = Reserve(tmp_path / "reserve")
    assert not made.make()
    assert made.path.stat().st_size == 0


@needs_a_disk
def test_on_a_disk_without_a_free_byte_a_stop_is_written_and_the_next_program_knows_it(tmp_path: Path) -> None:
    said = spoken(
        """
from engine.journal.journal import open_journal
(folder / "filler").unlink(missing_ok=True)
mount("-t", "tmpfs", "-o", "size=400k,nr_inodes=64", "tmpfs", str(folder))
os.environ["TMPDIR"] = str(folder / "temporary")
import engine.temporary
engine.temporary.IN_MEMORY = str(folder / "none")
held = open_journal(inside, actor="test")
held.append(note())
for number in range(200):
    fill()  # again: what fails may give a page back
    kept = held.keep(halt(f"h{number}"))
    if kept.spooled is not None and kept.spooled.parent == inside: break
say(kept.spooled)
(folder / "filler").unlink()
later = open_journal(inside, actor="test")
later.tend(1)
say([one.id for one in later.state().restrictions] == [f"h{one}" for one in range(number + 1)])
""",
        tmp_path,
    )
    assert said == [str(tmp_path / "disk" / "journal" / "reserve"), "True"]
