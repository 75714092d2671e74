"""When a holder may be taken to hang: only after it was seen not to move, by whoever did move all the time."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.broker import life_sign, lock_files
from engine.broker.life_sign import STEP_S_MAX, Answering, Silence, ask, has_struck, left, proven
from engine.core.kill.events import Left


def file_of(tmp_path: Path) -> int:
    fd = lock_files.open_shared(tmp_path / "locks" / "a.lock")
    lock_files.write_note(fd, "process 1, kill a")
    return fd


def test_silence_is_counted_from_the_first_look_and_ended_by_anything_new() -> None:
    silence = Silence().seeing(b"a", 100.0)
    assert silence.lasted_s == 0
    for step in range(1, 11):
        silence = silence.seeing(b"a", 100.0 + step / 10)
    assert round(silence.lasted_s, 6) == 1.0
    assert silence.seeing(b"b", 101.1).lasted_s == 0


def test_where_nothing_can_be_seen_nothing_is_counted() -> None:
    silence = Silence()
    for now_s in range(100):
        silence = silence.seeing(None, float(now_s))
    assert silence.lasted_s == 0


def test_one_who_was_held_up_himself_does_not_count_it_as_anothers_silence() -> None:
    silence = Silence().seeing(b"a", 0.0).seeing(b"a", 3600.0)
    assert silence.lasted_s == STEP_S_MAX


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b", None]), st.floats(-1e3, 1e6)), max_size=30))
def test_it_never_counts_more_than_has_passed_since_the_sign_changed(looks: list[tuple[bytes | None, float]]) -> None:
    silence, before = Silence(), None
    for sign, now_s in looks:
        lasted_s, since_s = silence.lasted_s, silence.seen_at_s
        silence = silence.seeing(sign, now_s)
        if sign is None or sign != before:
            assert silence.lasted_s == 0
        else:
            assert 0 <= silence.lasted_s - lasted_s <= max(0, min(now_s - since_s, STEP_S_MAX)) + 1e-9
        before = sign


def test_a_holder_that_answers_shows_something_new_each_time(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    holder = Answering(fd, b"first")
    shown = []
    for question in range(5):
        shown.append(ask(fd, question))
        holder.answer()
    assert None not in shown and len(set(shown)) == 5


def test_a_holder_that_does_not_answer_shows_the_same(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    Answering(fd, b"first")
    assert len({ask(fd, question) for question in range(5)}) == 1


def test_the_next_holder_shows_something_else_without_being_asked(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    Answering(fd, b"first")
    before = ask(fd, 1)
    lock_files.write_note(fd, "process 1, kill a")
    Answering(fd, b"second")
    assert ask(fd, 2) not in (before, None)


def test_a_holder_writes_nothing_while_nobody_asks(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    holder = Answering(fd, b"first")
    path = tmp_path / "locks" / "a.lock"
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    for _ in range(3):
        holder.answer()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_file_whose_holder_knows_nothing_of_questions_shows_nothing(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    assert ask(fd, 1) is None  # only a note: left by a program of another version, or by a full disk
    (tmp_path / "locks" / "a.lock").write_bytes(b"x" * 4096)
    assert ask(fd, 1) is None


def test_a_holder_says_when_its_cancel_has_left_and_no_longer_when_it_is_over(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    holder = Answering(fd, b"first")
    assert not has_struck(fd)
    holder.strike()
    ask(fd, 1)
    holder.answer()
    assert has_struck(fd)
    assert left(fd) is Left.DEAD  # nothing is said yet: who dies now dies without a word
    holder.over(flat=False)
    assert not has_struck(fd) and left(fd) is Left.ENDED
    holder.over(flat=True)
    assert not has_struck(fd) and left(fd) is Left.FLAT


def test_what_the_last_holder_said_of_its_end_is_gone_with_the_next_one(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    Answering(fd, b"first").over(flat=True)
    lock_files.write_note(fd, "process 2, kill b")
    Answering(fd, b"second")
    assert left(fd) is Left.DEAD


def test_behind_which_trades_it_was_flat_is_said_by_who_was_flat_and_by_nobody_else(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    assert proven(fd) == b""
    holder = Answering(fd, b"first")
    holder.over(flat=True, proven=b"8 bytes!")
    assert (left(fd), proven(fd)) == (Left.FLAT, b"8 bytes!")
    holder.strike()
    assert proven(fd) == b""
    holder.over(flat=False, proven=b"8 bytes!")
    assert (left(fd), proven(fd)) == (Left.ENDED, b"")
    holder.over(flat=True)
    assert (left(fd), proven(fd)) == (Left.FLAT, b"")


def test_it_is_gone_with_the_next_one(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    Answering(fd, b"first").over(flat=True, proven=b"8 bytes!")
    lock_files.write_note(fd, "process 2, kill b")
    assert proven(fd) == b""


def test_what_the_last_holder_said_of_its_cancel_is_gone_with_the_next_one(tmp_path: Path) -> None:
    fd = file_of(tmp_path)
    Answering(fd, b"first").strike()
    lock_files.write_note(fd, "process 2, kill b")
    Answering(fd, b"second")
    assert not has_struck(fd)


def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, where the system reads and writes at a place only by going there."""
    for name in ("pread", "pwrite"):
        monkeypatch.delattr(os, name)
    found = importlib.util.spec_from_file_location("life_sign_on_windows", life_sign.__file__)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_one_who_goes_to_a_place_to_write_is_understood_by_one_who_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = file_of(tmp_path)
    there = as_on_windows(monkeypatch)
    monkeypatch.undo()
    holder = there.Answering(fd, b"first")
    before = ask(fd, 1)
    holder.answer()
    assert before is not None and ask(fd, 2) not in (before, None)
    holder.strike()
    assert has_struck(fd) and there.has_struck(fd)
    holder.over(flat=True, proven=b"8 bytes!")
    assert (left(fd), proven(fd)) == (there.left(fd), there.proven(fd)) == (Left.FLAT, b"8 bytes!")
    assert there.ask(fd, 3) not in (before, None)


@pytest.mark.parametrize("windows", [False, True])
def test_a_file_that_fails_says_nothing_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, windows: bool
) -> None:
    module = as_on_windows(monkeypatch) if windows else life_sign
    monkeypatch.undo()
    fd = file_of(tmp_path)
    holder = module.Answering(fd, b"first")
    os.close(fd)
    holder.answer()
    holder.strike()
    holder.over(flat=True)
    assert (module.ask(fd, 1), module.has_struck(fd), module.left(fd)) == (None, False, Left.DEAD)
    assert module.proven(fd) == b""
