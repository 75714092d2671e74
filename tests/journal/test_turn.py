"""One writer at a time: waited for, not for ever, and not fooled by a deleted file or a fork."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.journal.turn import PATIENCE_S, Turn, TurnTaken
from journal.worlds import forked


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def turn(path: Path, clock: Clock | None = None) -> Turn:
    clock = clock or Clock()
    return Turn(path, clock=clock, pause=clock.pause)


def test_a_second_one_waits_as_long_as_it_has_patience(tmp_path: Path) -> None:
    clock = Clock()
    first, second = turn(tmp_path / "lock"), turn(tmp_path / "lock", clock)
    first.take()
    with pytest.raises(TurnTaken):
        second.take()
    assert clock.now == pytest.approx(PATIENCE_S, abs=0.01)
    first.give_back()
    second.take()


def test_a_lock_on_a_file_that_was_deleted_is_none(tmp_path: Path) -> None:
    first, second = turn(tmp_path / "lock"), turn(tmp_path / "lock")
    first.take()
    first.give_back()
    (tmp_path / "lock").unlink()
    second.take()
    with pytest.raises(TurnTaken):
        first.take()


def test_a_fork_does_not_take_the_lock_along(tmp_path: Path) -> None:
    mine = turn(tmp_path / "lock")
    mine.take()

    def child() -> None:
        try:
            mine.take()
        except TurnTaken:
            (tmp_path / "said").write_text("taken")

    forked(child)
    assert (tmp_path / "said").read_text() == "taken"
