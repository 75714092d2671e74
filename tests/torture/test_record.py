"""A long run that is kept in a file goes on where it was, and mixes no two versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.cli.commands import main
from engine.torture import record
from engine.torture.alone import FIRST_ALONE
from engine.torture.record import Record
from engine.torture.triples import FIRST_TRIPLE


def test_a_run_goes_on_where_the_file_says_and_counts_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "record.json"
    for _ in range(2):
        assert main(["torture", "--runs", "2", "--first", "500", "--record", str(page)]) == 0
    (entry,) = Record(page).entries
    assert (entry.first_seed, entry.runs, entry.next_seed) == (500, 4, 504)
    assert "4 worlds" in capsys.readouterr().out
    assert entry.ended and entry.messages > 100


def test_another_commit_is_an_entry_of_its_own_behind_all_seeds_there_were(tmp_path: Path) -> None:
    found = Record(tmp_path / "record.json")
    found.entry(kind="all", first_seed=1, commit="a").runs = 70
    assert found.entry(kind="all", first_seed=1, commit="b").first_seed == 71
    assert found.entry(kind="all", first_seed=1, commit="a").runs == 70
    found.keep()
    assert len(Record(tmp_path / "record.json").entries) == 2


def test_kills_alone_are_an_entry_of_their_own_beside_ordinary_worlds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "record.json"
    assert main(["torture", "--runs", "1", "--record", str(page)]) == 0
    for _ in range(2):
        assert main(["torture", "--only", "kill", "--runs", "2", "--record", str(page)]) == 0
    ordinary, alone = Record(page).entries
    assert (ordinary.first_seed, ordinary.runs) == (1, 1)
    assert (alone.first_seed, alone.runs) == (FIRST_ALONE, 4)
    assert "4 worlds of the kill alone" in capsys.readouterr().out


def test_triples_begin_anew_at_every_commit(tmp_path: Path) -> None:
    found = Record(tmp_path / "record.json")
    for name in ("a", "b"):
        entry = found.entry(kind="triples", first_seed=FIRST_TRIPLE, commit=name)
        assert entry.next_seed == FIRST_TRIPLE
        entry.runs = 10


def test_triples_end_when_all_were_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.cli.torture_command.TRIPLES", 1)
    page = tmp_path / "record.json"
    for _ in range(2):
        assert main(["torture", "--triples", "--record", str(page)]) == 0
        assert "1 worlds (1 of 1 triples)" in capsys.readouterr().out


def test_a_source_without_git_has_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    assert record.commit() == ""
