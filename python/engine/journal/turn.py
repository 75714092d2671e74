"""One writer at a time among all processes of the machine: a lock that is waited for, and not for long.

A dead process holds up nobody. One that is frozen with the lock in its hand holds up everybody who writes, and after
`patience_s` each of them says so instead of waiting on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from engine.journal import oslock

PATIENCE_S = 2.0
_POLL_FIRST_S, _POLL_LAST_S = 0.0001, 0.002


class TurnTaken(Exception):
    """Somebody else writes, and has for as long as one was willing to wait."""


class Turn:
    """The lock of one journal in one process; not for two threads at once."""

    def __init__(
        self,
        path: Path,
        *,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = str(path)
        self._patience_s = patience_s
        self._clock = clock
        self._pause = pause
        self._fd: int | None = None
        self._id = (0, 0)
        self._pid = 0

    def take(self) -> None:
        """Wait for the lock. Raises TurnTaken, or OSError when there can be none."""
        if self._try():
            return
        give_up_at = self._clock() + self._patience_s
        wait_s = _POLL_FIRST_S
        while not self._try():
            if self._clock() >= give_up_at:
                raise TurnTaken
            self._pause(wait_s)
            wait_s = min(wait_s * 2, _POLL_LAST_S)

    def take_if_free(self) -> bool:
        """Take the lock without waiting; False: somebody has it. Raises OSError when there can be none."""
        return self._try()

    def give_back(self) -> None:
        if self._fd is not None:
            oslock.release(self._fd)

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _try(self) -> bool:
        fd = self._fd
        if fd is None or self._pid != os.getpid():
            fd = self._open()
        if not oslock.exclude(fd):
            return False
        try:
            found = os.stat(self._path)  # noqa: PTH116
            if (found.st_ino, found.st_dev) == self._id:
                return True
        except FileNotFoundError:
            pass
        self.close()  # somebody deleted the file: whoever comes next locks another one
        return False

    def _open(self) -> int:
        """A descriptor of this process's own: a lock that is inherited over a fork would be one lock for two."""
        self.close()
        fd = self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        opened = os.fstat(fd)
        self._pid, self._id = os.getpid(), (opened.st_ino, opened.st_dev)
        return fd
