"""Records that wait beside the journal: whole or not there, taken in once, and only from ourselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.journal import chain
from engine.journal.journal import Journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.spool import SpoilError, Spool
from engine.journal.trouble import Code
from journal.worlds import PAPER, halt, note

DRAFTS = (chain.draft(halt(), actor="kill", at_ns=5), chain.draft(note("ü\n"), actor="kill", at_ns=6))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    (tmp_path / "journal").mkdir()
    return Spool(tmp_path / "journal", elsewhere=tmp_path / "temporary")


def journal(memory: Memory, spool: Spool) -> Journal:
    return Journal(MemoryStore(memory), actor="test", spool=spool, clock=lambda: 1000)


def test_what_is_written_is_read_again(spool: Spool) -> None:
    path = spool.write(DRAFTS)
    assert path is not None
    assert spool.waiting() == (path,)
    assert spool.read(path) == DRAFTS
    spool.done(path)
    assert spool.waiting() == ()


def test_what_cannot_wait_beside_the_journal_waits_elsewhere(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "journal").rmdir()
    (tmp_path / "journal").write_text("in the way")
    path = spool.write(DRAFTS)
    assert path is not None
    assert path.is_relative_to(tmp_path / "temporary")
    assert spool.waiting() == (path,)


def test_what_can_wait_nowhere_is_told(spool: Spool, tmp_path: Path) -> None:
    (tmp_path / "journal").rmdir()
    for name in ("journal", "temporary"):
        (tmp_path / name).write_text("in the way")
    assert spool.write(DRAFTS) is None
    assert spool.waiting() == ()


def test_a_folder_that_others_may_write_into_is_not_believed(spool: Spool) -> None:
    path = spool.write(DRAFTS)
    assert path is not None
    path.parent.chmod(0o777)
    assert spool.waiting() == ()


def test_a_link_in_its_place_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    path = spool.write(DRAFTS)
    assert path is not None
    path.parent.rename(tmp_path / "moved")
    path.parent.symlink_to(tmp_path / "moved")
    assert spool.waiting() == ()


def test_a_damaged_file_is_not_read(spool: Spool) -> None:
    path = spool.write(DRAFTS)
    assert path is not None
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(SpoilError):
            spool.read(path)
    path.write_bytes(whole[:-5])
    with pytest.raises(SpoilError):
        spool.read(path)


def test_a_kill_without_a_journal_is_recorded_as_soon_as_there_is_one(spool: Spool) -> None:
    memory = Memory()
    memory.fails = Code.READ_ONLY
    kept = journal(memory, spool).keep(halt())
    assert kept.records is None
    assert kept.spooled is not None
    assert kept.trouble is not None
    memory.fails = None
    memory.alarm = None
    mine = journal(memory, spool)
    assert not mine.check(PAPER, 1000).may_add_risk
    assert spool.waiting() == ()
    assert [chain.opened(one).event for one in memory.records][1:] == [halt()]


def test_the_time_and_the_actor_of_what_waited_are_kept(spool: Spool) -> None:
    memory = Memory()
    spool.write(DRAFTS)
    journal(memory, spool).tend(1000)
    assert [(one.at_ns, one.actor) for one in memory.records] == [(1000, "test"), (5, "kill"), (6, "kill")]


def test_what_waited_is_taken_in_once_although_it_cannot_be_deleted(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    spool.write(DRAFTS)
    monkeypatch.setattr(Path, "unlink", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no")))
    for _ in range(3):
        journal(memory, spool).tend(1000)
    assert len(spool.waiting()) == 1
    assert len(memory.records) == 1 + len(DRAFTS)


def test_two_who_take_in_the_same_file_take_it_once(spool: Spool) -> None:
    """The second finds that somebody has appended since, looks again, and sees it is in."""
    memory = Memory()
    spool.write(DRAFTS)
    quick = journal(memory, spool)

    class Slow(MemoryStore):
        def append(self, drafts: Sequence[chain.Draft], *, expected_seq: int | None = None) -> tuple[chain.Sealed, ...]:
            quick.tend(1000)
            return super().append(drafts, expected_seq=expected_seq)

    Journal(Slow(memory), actor="test", spool=spool, clock=lambda: 1000).tend(1000)
    assert len(memory.records) == 1 + len(DRAFTS)


def test_a_damaged_file_is_set_aside_and_recorded(spool: Spool) -> None:
    memory = Memory()
    path = spool.write(DRAFTS)
    assert path is not None
    path.write_bytes(b"rubbish")
    journal(memory, spool).tend(1000)
    assert spool.waiting() == ()
    assert path.with_suffix(".unreadable").exists()
    assert "set aside" in memory.records[0].body.decode()


def test_a_temporary_name_is_no_record(spool: Spool) -> None:
    path = spool.write(DRAFTS)
    assert path is not None
    os.rename(path, path.with_suffix(".new"))  # noqa: PTH104
    assert spool.waiting() == ()


def test_where_no_disk_takes_a_file_it_waits_in_memory_and_any_environment_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory").mkdir()
    (tmp_path / "disk").write_text("in the way")
    monkeypatch.setattr("engine.temporary.IN_MEMORY", str(tmp_path / "memory"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "disk"))
    path = Spool(tmp_path / "disk").write(chain.drafts((halt(),), actor="test", at_ns=1000))
    assert path is not None and tmp_path / "memory" in path.parents
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert Spool(tmp_path / "disk").waiting() == (path,)
    monkeypatch.setattr("engine.temporary.IN_MEMORY", str(tmp_path / "there is none"))
    assert Spool(tmp_path / "disk").waiting() == ()
