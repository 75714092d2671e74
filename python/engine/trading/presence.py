"""Where a guard is, and that it lives: a file in the state folder that it touches while its event loop turns.

Whoever wants to know looks at the file's time; whoever wants to speak to the guard finds its socket beside it. A guard
that hangs touches nothing, and is absent. One that was killed is known by its lock, which the system gives back at
once. Clocks are set anew: who asks before every order also counts by a clock that is not how long the time has stood
still. Must never call a file of yesterday a guard, nor one of tomorrow.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.journal.oslock import is_free
from engine.temporary import make_private
from engine.trading.daemons import Daemons

FILE = "guard.json"
LOCK = "guard.lock"  # held by the guard that runs (engine.guard.only_one)
EVERY_S = 0.5
AGE_S_MAX = 5.0
AHEAD_S_MAX = 1.0  # a sign from further ahead is none: the clock went back, and a guard that lives gives another
SEEN_NS_MAX = 20_000_000  # how long a sign that was just seen is not looked for again


class Presence(msgspec.Struct, frozen=True):
    """What stands in the file. `token`: what a caller has to say where the socket is open to others (Windows)."""

    pid: int
    since_ns: int
    logins: tuple[str, ...] = ()
    port: int = 0
    token: str = ""


class Sign:
    """The guard's own side: touches the file from the loop, on a thread."""

    def __init__(self, home: Path, presence: Presence) -> None:
        self._path = home / FILE
        self._presence = presence
        self._daemons = Daemons()
        self._touching: asyncio.Future[None] | None = None
        self._written = False  # what stands there until then is of a guard that was killed

    def give(self) -> None:
        """A sign of life. While the disk does not answer there is none, and that is right."""
        if self._touching is None or self._touching.done():
            self._touching = asyncio.get_running_loop().run_in_executor(self._daemons, self._touch)

    def end(self) -> None:
        """The guard ends on purpose."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _touch(self) -> None:
        with contextlib.suppress(OSError):
            if not self._written or not self._path.exists():
                make_private(self._path.parent)
                fresh = self._path.with_suffix(".new")
                descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(msgspec.json.encode(self._presence))
                fresh.replace(self._path)
                self._written = True
            os.utime(self._path)


def read(home: Path) -> Presence | None:
    """What the last guard has left, dead or alive."""
    try:
        return msgspec.json.decode((home / FILE).read_bytes(), type=Presence)
    except (OSError, msgspec.DecodeError):
        return None


def age_s(home: Path, now_ns: int) -> float | None:
    """How old the last sign of life is; None: there is none. A sign from the future is none either."""
    touched_ns = _touched_ns(home)
    return None if touched_ns is None else _age_s(touched_ns, now_ns)


def _touched_ns(home: Path) -> int | None:
    try:
        return os.stat(f"{home}/{FILE}").st_mtime_ns  # noqa: PTH116 asked before every order: no Path is made
    except OSError:
        return None


def _age_s(touched_ns: int, now_ns: int) -> float | None:
    age = (now_ns - touched_ns) / 1e9
    return age if age >= -AHEAD_S_MAX else None


def is_fresh(home: Path, now_ns: int) -> bool:
    """A guard lives, as far as files can tell."""
    age = age_s(home, now_ns)
    return age is not None and age <= AGE_S_MAX and not has_died(home)


def pid(home: Path, now_ns: int) -> int | None:
    """The process of the guard that lives, as far as files can tell."""
    found = read(home) if is_fresh(home, now_ns) else None
    return None if found is None else found.pid


def has_died(home: Path) -> bool:
    """The last guard has left its lock: its process is gone, however fresh its sign. False where that cannot be told:
    then the sign's age says it."""
    try:
        lock = os.open(f"{home}/{LOCK}", os.O_RDWR)
    except OSError:
        return False
    try:
        return is_free(lock)
    except OSError:
        return False
    finally:
        os.close(lock)


class Watch:
    """For one who asks before every order: what was seen a moment ago is seen. Absence is never remembered.

    The same sign is good for `AGE_S_MAX` since it was first seen, whatever the clock is set to meanwhile: a guard that
    hangs would come to life again when a clock that went back has caught up with its last sign.
    """

    def __init__(self, home: Path, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._home = home
        self._monotonic_ns = monotonic_ns
        self._seen_ns: int | None = None
        self._sign = (0, 0)  # when it was given, and when it was first seen by the other clock

    def sees(self, now_ns: int) -> bool:
        """A guard lives, or did within `SEEN_NS_MAX`."""
        seen_ns = self._seen_ns
        if seen_ns is not None and 0 <= now_ns - seen_ns < SEEN_NS_MAX:
            return True
        fresh = self._is_fresh(now_ns)
        self._seen_ns = now_ns if fresh else None
        return fresh

    def _is_fresh(self, now_ns: int) -> bool:
        touched_ns, ours_ns = _touched_ns(self._home), self._monotonic_ns()
        if touched_ns is None:
            return False
        if touched_ns != self._sign[0]:
            self._sign = (touched_ns, ours_ns)
        age_s = _age_s(touched_ns, now_ns)
        stood_s = (ours_ns - self._sign[1]) / 1e9
        return age_s is not None and max(age_s, stood_s) <= AGE_S_MAX and not has_died(self._home)
