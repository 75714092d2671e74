"""The last gate before the wire: between the look at the halts and the write, no halt can be acknowledged.

Whoever sends a risk-adding order passes through: enters, looks at the journal's state, writes, leaves. Whoever halts
commits first and then waits until everybody who entered before has left (`drain`). So an order either saw the halt, or
was written before the halt was acknowledged. A lock of the operating system: a dead process holds up nobody.
Must never be held across anything that waits.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.journal import oslock

DRAIN_S_MAX = 2.0  # for a process that is frozen between its look and its write
_POLL_S = 0.0005


class GateBusy(Exception):
    """A halt is being acknowledged at this moment, or the lock cannot be had: nothing may be sent now."""


class Gate:
    """One per process and journal. Threads of one process pass one after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._pid = 0
        self._mutex = threading.Lock()

    def enter(self) -> None:
        """Begin to pass; `leave` must follow. Raises GateBusy, and then nothing is held."""
        self._mutex.acquire()
        try:
            fd = self._fd
            if fd is None or self._pid != os.getpid():
                fd = self._descriptor()
            if not oslock.share(fd):
                raise GateBusy("a halt is taking effect at this moment")
        except OSError as error:
            self._mutex.release()
            raise GateBusy(f"{self._path}: {error.strerror or error}") from error
        except GateBusy:
            self._mutex.release()
            raise

    def leave(self) -> None:
        """The write is done, or was not made."""
        try:
            if self._fd is not None:
                oslock.release(self._fd)
        finally:
            self._mutex.release()

    def drain(
        self, *, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep
    ) -> bool:
        """Wait until everybody who has entered has left. False: somebody did not within `DRAIN_S_MAX`. Raises GateBusy
        if it cannot be told.
        """
        give_up_at = clock() + DRAIN_S_MAX
        try:
            fd = _open_to_drain(self._path)
            if fd is None:
                return True
        except OSError as error:
            raise GateBusy(f"{self._path}: {error.strerror or error}") from error
        try:
            while not oslock.exclude(fd):
                if clock() >= give_up_at:
                    return False
                pause(_POLL_S)
        except OSError as error:
            raise GateBusy(f"{self._path}: {error.strerror or error}") from error
        finally:
            os.close(fd)  # lets the lock go
        return True

    def close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None and self._pid == os.getpid():
            os.close(fd)

    def _descriptor(self) -> int:
        """This process's own: a lock that is inherited over a fork would be one lock for two."""
        if self._fd is not None and self._pid != os.getpid():
            os.close(self._fd)  # the parent's: its lock stays its own
            self._fd = None
        if self._fd is None:
            self._fd, self._pid = _open(self._path), os.getpid()
        return self._fd


class LocalGate:
    """For a world inside one event loop, where nothing can come between a look and a write."""

    def enter(self) -> None: ...

    def leave(self) -> None: ...

    def drain(self) -> bool:
        return True


def _open_to_drain(path: Path) -> int | None:
    """None: there is no such file and none can be made, so nobody can have entered. Where it may only be read, that is
    enough for a lock.
    """
    try:
        return _open(path)
    except OSError as error:
        try:
            return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            return None
        except OSError:
            raise error from None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
