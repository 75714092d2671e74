"""Old lock files go, and never does one lock become two by it, whoever looks at whatever moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.broker import lock_files, lock_sweep
from engine.broker.closer_lock import FENCED, CloserLock, LockState
from engine.broker.lock_sweep import AGE_S_MIN, ENOUGH, sweep

KEY = "loopback-7497"
NOW_S = 2_000_000_000.0
pytestmark = pytest.mark.skipif(os.name != "posix", reason="nothing is taken away here")


def a_lock(directory: Path) -> CloserLock:
    return CloserLock(KEY, "kill k1", directory)


def age(directory: Path, seconds: float = AGE_S_MIN) -> None:
    for path in directory.iterdir():
        os.utime(path, (NOW_S - seconds, NOW_S - seconds))


def crowd(directory: Path) -> Path:
    """Many locks that others have left, and one that this test is about."""
    for number in range(ENOUGH):
        lock = CloserLock(f"account_x_{number}", "old", directory)
        lock.take()
        lock.release()
    lock = a_lock(directory)
    lock.take()
    lock.release()
    age(directory)
    return directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_nobody_has_taken_for_a_day_goes_with_its_gate(tmp_path: Path) -> None:
    assert sweep(crowd(tmp_path), wall_s=NOW_S) == ENOUGH + 1
    assert names(tmp_path) == set()


def test_a_few_files_stay_and_so_does_what_is_young_or_no_lock(tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    a_lock(tmp_path / "few").take()
    age(tmp_path / "few")
    assert sweep(tmp_path / "few", wall_s=NOW_S) == 0
    crowd(tmp_path / "many")
    (tmp_path / "many" / "read.me").touch()
    age(tmp_path / "many", AGE_S_MIN - 1)
    assert sweep(tmp_path / "many", wall_s=NOW_S) == 0
    assert sweep(tmp_path / "none", wall_s=NOW_S) == 0


@pytest.mark.parametrize("what", ["lock", "gate"])
def test_what_is_held_stays(tmp_path: Path, what: str) -> None:
    crowd(tmp_path)
    fd = os.open(tmp_path / f"{KEY}.{what}", os.O_RDWR)
    assert lock_files.try_lock(fd)
    assert sweep(tmp_path, wall_s=NOW_S) == ENOUGH
    assert names(tmp_path) == {f"{KEY}.lock", f"{KEY}.gate"}
    os.close(fd)
    assert sweep(crowd(tmp_path), wall_s=NOW_S) == ENOUGH + 1


def test_a_lock_with_generations_stays(tmp_path: Path) -> None:
    crowd(tmp_path)
    held = a_lock(tmp_path)
    held.take()
    assert a_lock(tmp_path).shut_out()
    held.release()
    age(tmp_path)
    sweep(tmp_path, wall_s=NOW_S)
    assert names(tmp_path) == {f"{KEY}.lock", f"{KEY}~1.lock", f"{KEY}.gate"}


def test_links_are_not_followed_and_what_cannot_be_taken_away_stays(tmp_path: Path) -> None:
    crowd(tmp_path / "locks")
    (tmp_path / "elsewhere").touch()
    (tmp_path / "locks" / "link.lock").symlink_to(tmp_path / "elsewhere")
    os.utime(tmp_path / "locks" / "link.lock", (0, 0), follow_symlinks=False)
    assert sweep(tmp_path / "locks", wall_s=NOW_S) == ENOUGH + 1
    assert (tmp_path / "elsewhere").exists() and names(tmp_path / "locks") == {"link.lock"}


def test_it_ends_when_its_time_is_over(tmp_path: Path) -> None:
    crowd(tmp_path)
    left = iter([False, False, True])
    assert sweep(tmp_path, wall_s=NOW_S, over=lambda: next(left)) == 2


# while somebody takes the lock ----------------------------------------------------------------------------------------


def exactly_one(directory: Path, *locks: CloserLock) -> None:
    """Whoever asks once more: one of them has it, may send, and keeps the others from it."""
    answers = [lock.take().state for lock in locks]
    assert answers.count(LockState.TAKEN) == 1, answers
    entered = [lock.enter() for lock in locks]
    assert entered.count(None) == 1 and entered.count(FENCED) == len(locks) - 1
    locks[entered.index(None)].leave()
    assert a_lock(directory).take().state is LockState.BUSY


def at_step(monkeypatch: pytest.MonkeyPatch, step: int, act: Callable[[], None]) -> None:
    """Before the call of that number, of all that look at or change the files, something else happens whole."""
    calls, busy = [0], [False]

    def hooked(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            if not busy[0]:
                calls[0] += 1
                if calls[0] == step:
                    busy[0] = True
                    act()
                    busy[0] = False
            return real(*args, **more)

        return call

    for owner, name in (
        (os, "open"), (os, "close"), (Path, "unlink"), (lock_files, "try_lock"), (lock_files, "is_still"),
        (lock_files, "unlock"), (lock_files, "write_note"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, hooked(getattr(owner, name)))


@pytest.mark.parametrize("step", range(1, 12))
def test_at_every_step_of_a_sweep_a_kill_may_take_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(lock_sweep, "ENOUGH", 0)
    first = a_lock(tmp_path)
    first.take()
    first.release()
    age(tmp_path)
    second = a_lock(tmp_path)

    def both_take() -> None:
        first.take()
        second.take()

    with monkeypatch.context() as patched:
        at_step(patched, step, both_take)
        sweep(tmp_path, wall_s=NOW_S)
    exactly_one(tmp_path, first, second)


@pytest.mark.parametrize("step", range(1, 16))
def test_at_every_step_of_a_kill_that_takes_the_lock_a_sweep_may_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(lock_sweep, "ENOUGH", 0)
    first, second = a_lock(tmp_path), a_lock(tmp_path)
    first.take()
    first.release()
    age(tmp_path)

    def swept_and_taken() -> None:
        age(tmp_path)
        sweep(tmp_path, wall_s=NOW_S)
        second.take()

    with monkeypatch.context() as patched:
        at_step(patched, step, swept_and_taken)
        first.take()
    exactly_one(tmp_path, first, second)


def test_a_file_that_is_always_taken_away_again_is_nobodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_files, "is_still", lambda _fd, _path: False)
    assert a_lock(tmp_path).take().state is LockState.BUSY
