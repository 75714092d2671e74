"""A journal whose disk is full or read-only is read from a copy: whole, and without a byte of it changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.journal import chain, elsewhere
from engine.journal.elsewhere import read_elsewhere
from engine.journal.turn import Turn
from journal.worlds import note, on


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal of two records, the last of which SQLite still keeps in its log."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    journal = on(tmp_path / "journal")
    journal.append(note("one"))
    journal.append(note("two"))
    return tmp_path / "journal"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".db-shm"}


def test_the_copy_has_every_record_and_the_journal_is_as_it_was_and_the_copy_gone(folder: Path) -> None:
    before = contents(folder)
    with read_elsewhere(folder) as store:
        assert [chain.opened(one).event for one in store.read()] == [note("one"), note("two")]
    assert contents(folder) == before
    assert list((folder.parent / "temporary").iterdir()) == []


def test_without_a_lock_it_is_read_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who writes and hangs, or a disk that is read-only, is no reason not to look."""
    monkeypatch.setattr(elsewhere, "Turn", lambda path: Turn(path, patience_s=0.0))
    other = Turn(folder / "writer.lock")
    other.take()
    with read_elsewhere(folder) as store:
        assert len(list(store.read())) == 2
    other.close()


def test_what_is_not_there_is_not_copied_and_nothing_is_made_of_it(folder: Path) -> None:
    empty = folder.parent / "empty"
    empty.mkdir()
    with read_elsewhere(empty) as store:
        assert list(store.read()) == []
    assert [path.name for path in empty.iterdir() if path.name != "writer.lock"] == []


def test_without_room_for_the_copy_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(folder.parent / "not there"))
    with pytest.raises(OSError), read_elsewhere(folder):
        raise AssertionError("there is no copy to read")
