"""Sections of the incident log that could not be written, or whose program died, are added later, each once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.journal import late_sections
from engine.journal.incident_log import HEAD, append
from engine.journal.journal import Journal
from engine.journal.memory_store import MemoryStore
from engine.journal.spool import Spool
from journal.worlds import forked


def journal(folder: Path) -> Journal:
    return Journal(MemoryStore(), actor="test", spool=Spool(folder / "journal", elsewhere=folder / "elsewhere"))


def waiting(folder: Path) -> tuple[Path, ...]:
    return Spool(folder / "journal", elsewhere=folder / "elsewhere").waiting(late_sections.ENDING)


def test_a_section_is_added_when_the_page_can_be_written_again_and_once(tmp_path: Path) -> None:
    page, mine = tmp_path / "page.md", journal(tmp_path)
    page.mkdir()
    assert "the section waits in" in (mine.sections.add(page, "## one\n") or "")
    mine.tend(1)
    assert len(waiting(tmp_path)) == 1
    page.rmdir()
    for now_ns in (2, 3):
        mine.tend(now_ns)
    assert page.read_text() == f"{HEAD}\n## one\n"
    assert waiting(tmp_path) == ()


def test_a_held_section_is_nobodys_while_its_program_lives_and_gone_when_it_is_taken_back(tmp_path: Path) -> None:
    page, mine = tmp_path / "page.md", journal(tmp_path)
    held = mine.sections.hold(page, "## died\n")
    assert held is not None
    mine.tend(1)
    journal(tmp_path).tend(1)
    assert not page.exists()
    held.take_back()
    mine.tend(2)
    assert not page.exists()
    assert waiting(tmp_path) == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_held_section_is_added_when_its_program_has_died(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    forked(lambda: journal(tmp_path).sections.hold(page, "## died\n") and None)
    assert not page.exists()
    journal(tmp_path).tend(1)
    assert page.read_text().count("## died") == 1


def test_a_spoilt_one_is_set_aside(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    (tmp_path / "page.md").mkdir()
    mine.sections.add(tmp_path / "page.md", "## one\n")
    (path,) = waiting(tmp_path)
    path.write_bytes(b"rubbish")
    (tmp_path / "page.md").rmdir()
    mine.tend(1)
    assert not (tmp_path / "page.md").exists()
    assert waiting(tmp_path) == ()
    assert len(list(path.parent.iterdir())) == 1


def test_a_journal_without_a_place_keeps_none(tmp_path: Path) -> None:
    mine = Journal(MemoryStore(), actor="test")
    (tmp_path / "page.md").mkdir()
    assert "waits" not in (mine.sections.add(tmp_path / "page.md", "x") or "")
    assert mine.sections.hold(tmp_path / "page.md", "x") is None


def test_half_a_section_is_taken_off_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, honest = tmp_path / "page.md", os.write
    assert append(page, "## one\n") is None
    before = page.read_bytes()

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 5:
            raise OSError(28, "No space left on device")
        return honest(descriptor, data[:-4])

    monkeypatch.setattr(os, "write", full)
    assert "No space left" in (append(page, "## a longer one\n") or "")
    monkeypatch.undo()
    assert page.read_bytes() == before
