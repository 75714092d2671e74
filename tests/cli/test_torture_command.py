"""`qe torture`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from engine.cli.commands import main
from engine.torture import invariants
from engine.torture.evidence import Evidence
from engine.torture.generator import FIRST, story_of
from engine.torture.story import Press

SEED = next(seed for seed in count(5) if any(isinstance(act, Press) for act in story_of(seed).acts))  # one with a press


def run(*words: str) -> int:
    try:
        return main(["torture", *words])
    except SystemExit as ended:  # of the parser
        return int(ended.code or 0)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """An invariant that no run with a kill can keep."""

    def never(found: Evidence) -> list[str]:
        return ["there was a press"] if found.presses else []

    monkeypatch.setitem(invariants.INVARIANTS, "I1", never)


def test_a_run_in_which_all_holds_ends_with_0_and_says_how_much_was_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "result.json"
    assert run("--runs", "3", "--json", str(page)) == 0
    assert "3 worlds" in capsys.readouterr().out
    result = json.loads(page.read_text())
    assert result["passed"] and result["runs"] == 3 and result["messages"] > 100


@pytest.mark.usefixtures("broken")
def test_what_breaks_is_told_with_the_line_that_plays_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--runs", "2", "--first", str(SEED)) == 1
    printed = capsys.readouterr().out
    assert f"I1 broken: there was a press\n  again: qe torture --seed {SEED}" in printed
    assert "as short as it gets" in printed


@pytest.mark.usefixtures("broken")
def test_one_seed_is_told_as_a_story_that_can_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "story.json"
    assert run("--seed", str(SEED), "--json", str(page)) == 1
    first = capsys.readouterr().out
    assert first.startswith(f"seed {SEED},") and "press who=" in first
    assert run("--story", str(page)) == 1
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(("words", "begins"), [(("--only", "kill"), FIRST["kill"]), (("--triples",), FIRST["triples"])])
def test_a_first_seed_is_obeyed_or_refused_in_words_and_never_another(
    words: tuple[str, ...], begins: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "result.json"
    assert run(*words, "--first", "81000000", "--runs", "1", "--json", str(page)) == 64
    assert "seed 81000000 is none of" in (said := capsys.readouterr().err) and f"begin at {begins}" in said
    assert not page.exists()
    for first in (None, begins, begins + 7):
        assert run(*words, *(() if first is None else ("--first", str(first))), "--runs", "1", "--json", str(page)) == 0
        assert json.loads(page.read_text())["first_seed"] == (begins if first is None else first)
        assert capsys.readouterr().err.count("goes on at") == 0


def test_where_a_record_goes_on_is_said_if_another_seed_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "record.json"
    for _ in range(2):
        assert run("--first", "500", "--runs", "1", "--record", str(page)) == 0
    assert f"{page} goes on at seed 501, not at 500" in capsys.readouterr().err


def test_two_processes_do_the_same_work(tmp_path: Path) -> None:
    page = tmp_path / "result.json"
    assert run("--runs", "25", "--jobs", "2", "--json", str(page)) == 0
    two = json.loads(page.read_text())
    assert run("--runs", "25", "--json", str(page)) == 0
    one = json.loads(page.read_text())
    assert [two[name] for name in ("runs", "kills", "messages")] == [
        one[name] for name in ("runs", "kills", "messages")
    ]


@pytest.mark.parametrize("words", [("--runs", "x"), ("--jobs", "0"), ("--minutes", "0"), ("--story", "/no/such/file")])
def test_wrong_words_end_with_64(words: tuple[str, ...]) -> None:
    assert run(*words) == 64


@pytest.mark.parametrize(
    ("text", "told"), [("rubbish", "the JSON that a story"), ("{}", "is no story"), ('{"seed": "x"}', "seed: ")]
)
def test_what_is_no_story_is_said_to_be_none(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "story.json"
    page.write_text(text)
    assert run("--story", str(page)) == 64
    assert told in capsys.readouterr().err
