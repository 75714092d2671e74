"""Takes old lock files away: simulated worlds leave two for each of their accounts, and every kill reads the folder.

A file goes only while its lock and its gate are in our own hands, so nobody holds either, and only where no generation
of the lock was ever made: then whoever opened it before it went finds, once he has the lock, that the name means
another file, and begins anew (`closer_lock`). The gate goes first: who comes in between finds the lock taken, and no
gate stuck.
Must never touch what is held or was touched lately, wait for a lock, raise, or stand before a kill's wire.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.broker import lock_files

AGE_S_MIN = 86_400.0  # since somebody took the lock
ENOUGH = 64  # so few files cost nothing


def sweep(directory: Path, *, wall_s: float, over: Callable[[], bool] = lambda: False) -> int:
    """How many locks were taken away. `wall_s`: now. `over`: the time for it has run out."""
    if os.name != "posix":
        return 0  # where a file that somebody has open cannot be taken away
    try:
        names = os.listdir(directory)  # noqa: PTH208 by the ten thousand
    except OSError:
        return 0
    gone = 0
    for key in _keys(names) if len(names) > ENOUGH else ():
        if over():
            break
        gone += _take_away(directory / f"{key}.lock", directory / f"{key}.gate", wall_s)
    return gone


def _keys(names: list[str]) -> Iterator[str]:
    """Of locks without generations. No key has a tilde."""
    generations = {name.partition("~")[0] for name in names if "~" in name}
    keys = (name.removesuffix(".lock") for name in names if name.endswith(".lock") and "~" not in name)
    return (key for key in keys if key not in generations)


@contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Whether the file of that name is in our hands alone. Never makes one. Raises OSError."""
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield lock_files.try_lock(fd) and lock_files.is_still(fd, path)
    finally:
        os.close(fd)


def _take_away(lock: Path, gate: Path, wall_s: float) -> bool:
    try:
        if wall_s - lock.lstat().st_mtime < AGE_S_MIN:
            return False
        with _held(lock) as lock_is_ours:
            if not lock_is_ours:
                return False
            if os.path.lexists(gate):
                with _held(gate) as gate_is_ours:
                    if not gate_is_ours:
                        return False
                    gate.unlink()
            lock.unlink()
    except OSError:  # another user's, or somebody was faster
        return False
    return True
