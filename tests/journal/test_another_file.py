"""The folder is removed, or an older copy is put in its place: what was in it before is not forgotten with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import Cause, Scope
from engine.journal.begun import has_begun, was_left
from engine.journal.repair import repair
from engine.journal.state import JournalState
from engine.journal.stops import FORGOTTEN
from engine.journal.trouble import Code
from engine.trading.rules import Rules, open_rules

PAPER = Scope("paper")


def halted(tmp_path: Path) -> tuple[Rules, Rules, Path]:
    """Two programs, a halt that both know, and where it is written down."""
    ours, others = open_rules(tmp_path), open_rules(tmp_path)
    others.halt(PAPER, "lunch")
    assert not ours.state(PAPER).may_add_risk
    return ours, others, tmp_path / "journal"


def code(rules: Rules) -> Code | None:
    trouble = rules.journal.trouble()
    return None if trouble is None else trouble.code


def remove_all(home: Path) -> None:
    """The state folder: what is beside the journal's goes with it."""
    shutil.rmtree(home / "journal")
    (home / "journal.begun").unlink()


def test_a_program_that_is_started_after_the_folder_was_removed_knows_that_there_was_one(tmp_path: Path) -> None:
    ours, _, folder = halted(tmp_path)
    shutil.copytree(folder, tmp_path / "elsewhere")
    shutil.rmtree(folder)
    fresh = open_rules(tmp_path)
    for one in (ours, fresh):
        assert not one.state(Scope("live")).may_add_risk and one.state(Scope("live")).may_reduce
        assert code(one) is Code.MISSING
    told = fresh.halt(Scope("live"), "another")
    assert not told.durable and "waits in" in told.notes[-1]
    for child in (tmp_path / "elsewhere").iterdir():
        child.replace(folder / child.name)
    fresh.journal.tend(0)
    for one in (ours, fresh):
        assert {each.reason for each in one.state(PAPER).standing} == {"lunch"}
        assert {each.reason for each in one.state(Scope("live")).standing} == {"another"}
        assert code(one) is None


def test_who_begins_anew_behind_a_removed_folder_halts_everybody_and_loses_no_stop_that_waits(tmp_path: Path) -> None:
    ours, _, folder = halted(tmp_path)
    shutil.rmtree(folder)
    fresh = open_rules(tmp_path)
    fresh.halt(Scope("live"), "another")
    repair(folder, reason="it was removed", actor="ann", at_ns=7, alarm_number=7)
    fresh.journal.tend(0)
    for one in (ours, fresh):
        assert [each.cause for each in one.state(PAPER).standing] == [Cause.JOURNAL]
        assert {each.cause for each in one.state(Scope("live")).standing} == {Cause.JOURNAL, Cause.MANUAL}


def test_that_there_was_a_journal_is_said_by_whoever_writes_first_where_it_was_not(tmp_path: Path) -> None:
    _, others, _ = halted(tmp_path)
    others.halt(Scope("live"), "dinner")
    (tmp_path / "journal.begun").unlink()  # of an older version, or a disk that was full
    others.halt(Scope("live"), "supper")
    assert not was_left(tmp_path / "journal"), "once in a program's life"
    open_rules(tmp_path).halt(PAPER, "breakfast")
    assert was_left(tmp_path / "journal")
    assert (tmp_path / "journal.begun").stat().st_mode & 0o077 == 0


def test_who_may_not_look_does_not_know_that_there_was_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_begun(tmp_path / "journal")
    (tmp_path / "file").touch()
    assert not has_begun(tmp_path / "file" / "journal")
    monkeypatch.setattr(os, "lstat", lambda _: (_ for _ in ()).throw(PermissionError(13, "no")))
    assert has_begun(tmp_path / "journal")


def test_a_halt_is_not_forgotten_with_the_state_folder_that_somebody_has_removed(tmp_path: Path) -> None:
    ours, others, _ = halted(tmp_path)
    remove_all(tmp_path)
    for _ in range(3):
        for one in (ours, others):
            assert not one.state(PAPER).may_add_risk and one.state(PAPER).may_reduce
            assert code(one) is Code.SHORTENED
    ours.journal.tend(0)
    fresh = open_rules(tmp_path)  # it knows of nothing but what the others tell it
    assert [one.reason for one in fresh.state(PAPER).standing] == [FORGOTTEN]
    fresh.halt(Scope("live"), "another")
    assert not ours.state(PAPER).may_add_risk
    assert isinstance(ours.journal.state(), Unknown)


def test_nor_with_an_older_copy_and_the_right_one_is_believed_at_once(tmp_path: Path) -> None:
    ours, others, folder = halted(tmp_path)
    older, newer = tmp_path / "older", tmp_path / "newer"
    shutil.copytree(folder, older)
    others.halt(Scope("live"), "dinner")
    assert not ours.state(Scope("live")).may_add_risk
    shutil.copytree(folder, newer)
    shutil.rmtree(folder)
    shutil.copytree(older, folder)
    assert code(ours) is Code.SHORTENED
    assert not ours.state(Scope("live")).may_add_risk
    shutil.rmtree(folder)
    newer.rename(folder)
    state = ours.journal.state()
    assert isinstance(state, JournalState) and code(ours) is None
    assert {one.scope.login for one in state.restrictions} == {"paper", "live"}


def test_of_many_who_know_one_raises_the_alarm_and_a_person_ends_it(
    tmp_path: Path,
) -> None:
    ours, others, folder = halted(tmp_path)
    remove_all(tmp_path)
    ours.state(PAPER)
    ours.journal.tend(0)
    fresh = open_rules(tmp_path)
    raised = [one.id for one in fresh.state(PAPER).standing]
    others.state(PAPER)
    others.journal.tend(0)
    assert [one.id for one in fresh.state(PAPER).standing] == raised
    fresh.resume(PAPER)
    ours.journal.tend(0)
    assert fresh.state(PAPER).may_add_risk and not ours.state(PAPER).may_add_risk
    assert (folder / "journal.db").exists()


def test_a_person_may_begin_anew_and_then_everybody_is_halted_until_it_is_resumed(tmp_path: Path) -> None:
    ours, _, folder = halted(tmp_path)
    remove_all(tmp_path)
    assert code(ours) is Code.SHORTENED
    repair(folder, reason="it was removed", actor="ann", at_ns=7, alarm_number=7)
    assert code(ours) is None
    for name in ("paper", "live"):
        assert [one.cause for one in ours.state(Scope(name)).standing] == [Cause.JOURNAL]
    shutil.rmtree(folder)
    assert code(ours) is Code.SHORTENED, "an earlier repair is no word for what is lost now"


@pytest.mark.parametrize("own", [False, True])
def test_what_a_program_has_written_itself_it_knows_too(tmp_path: Path, own: bool) -> None:
    ours, others, _ = halted(tmp_path)
    (ours if own else others).halt(Scope("live"), "dinner")
    if not own:
        assert not ours.state(Scope("live")).may_add_risk
    remove_all(tmp_path)
    assert not ours.state(Scope("live")).may_add_risk
    trouble = ours.journal.trouble()
    assert trouble is not None and "record 2" in trouble.what


@pytest.mark.parametrize("look", [lambda rules: rules.state(PAPER), lambda rules: rules.journal.state()])
def test_who_has_read_nothing_begins(tmp_path: Path, look: Callable[[Rules], object]) -> None:
    ours = open_rules(tmp_path)
    look(ours)
    shutil.rmtree(tmp_path / "journal")
    assert ours.state(PAPER).may_add_risk and code(ours) is None
