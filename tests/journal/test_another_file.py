"""The folder is removed, or an older copy is put in its place: what was read before is not forgotten with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import Cause, Scope
from engine.journal.repair import repair
from engine.journal.state import JournalState
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


def test_a_halt_is_not_forgotten_with_the_folder_that_somebody_has_removed(tmp_path: Path) -> None:
    ours, others, folder = halted(tmp_path)
    shutil.rmtree(folder)
    for _ in range(3):
        for one in (ours, others):
            assert not one.state(PAPER).may_add_risk and one.state(PAPER).may_reduce
            assert code(one) is Code.SHORTENED
    fresh = open_rules(tmp_path)  # it knows of nothing, and begins a journal
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


def test_a_person_may_begin_anew_and_then_everybody_is_halted_until_it_is_resumed(tmp_path: Path) -> None:
    ours, _, folder = halted(tmp_path)
    shutil.rmtree(folder)
    assert code(ours) is Code.SHORTENED
    repair(folder, reason="it was removed", actor="ann", at_ns=7, alarm_number=7)
    assert code(ours) is None
    for name in ("paper", "live"):
        assert [one.cause for one in ours.state(Scope(name)).standing] == [Cause.JOURNAL]
    shutil.rmtree(folder)
    assert code(ours) is Code.SHORTENED, "an earlier repair is no word for what is lost now"


@pytest.mark.parametrize("own", [False, True])
def test_what_a_program_has_written_itself_it_knows_too(tmp_path: Path, own: bool) -> None:
    ours, others, folder = halted(tmp_path)
    (ours if own else others).halt(Scope("live"), "dinner")
    if not own:
        assert not ours.state(Scope("live")).may_add_risk
    shutil.rmtree(folder)
    assert not ours.state(Scope("live")).may_add_risk
    trouble = ours.journal.trouble()
    assert trouble is not None and "record 2" in trouble.what


@pytest.mark.parametrize("look", [lambda rules: rules.state(PAPER), lambda rules: rules.journal.state()])
def test_who_has_read_nothing_begins(tmp_path: Path, look: Callable[[Rules], object]) -> None:
    ours = open_rules(tmp_path)
    look(ours)
    shutil.rmtree(tmp_path / "journal")
    assert ours.state(PAPER).may_add_risk and code(ours) is None
