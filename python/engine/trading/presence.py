"""Where a guard is, and that it lives: a file in the state folder that it touches while its event loop turns.

Whoever wants to know looks at the file's time; whoever wants to speak to the guard finds its socket beside it. A guard
that hangs touches nothing, and is absent. One that was killed is known by its lock, which the system gives back at
once. Must never call a file of yesterday a guard.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import msgspec

from engine.journal.oslock import is_free
from engine.temporary import make_private
from engine.trading.daemons import Daemons

FILE = "guard.json"
LOCK = "guard.lock"  # held by the guard that runs (engine.guard.only_one)
EVERY_S = 0.5
AGE_S_MAX = 5.0
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
    try:
        touched_ns = os.stat(f"{home}/{FILE}").st_mtime_ns  # noqa: PTH116 asked before every order: no Path is made
    except OSError:
        return None
    age = (now_ns - touched_ns) / 1e9
    return age if age > -AGE_S_MAX else None


def is_fresh(home: Path, now_ns: int) -> bool:
    """A guard lives, as far as files can tell."""
    age = age_s(home, now_ns)
    return age is not None and age <= AGE_S_MAX and not has_died(home)


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
    """For one who asks before every order: what was seen a moment ago is seen. Absence is never remembered."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen_ns: int | None = None

    def sees(self, now_ns: int) -> bool:
        """A guard lives, or did within `SEEN_NS_MAX`."""
        seen_ns = self._seen_ns
        if seen_ns is not None and 0 <= now_ns - seen_ns < SEEN_NS_MAX:
            return True
        fresh = is_fresh(self._home, now_ns)
        self._seen_ns = now_ns if fresh else None
        return fresh
