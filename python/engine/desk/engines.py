"""The engines of this machine as their signs of life name them: listed, and ended without ending anything else.

An engine is ended by its number only if the process of that number is still the one that gave the sign: a number may be
somebody else's by now. Must never end the guard, a kill, or this program.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from enum import Enum
from pathlib import Path

import msgspec

from engine.trading.heartbeats import listen
from engine.trading.process_identity import identity

ASKED_S = 5.0  # for it to end by itself
FORCED_S = 5.0
LOOK_S = 0.05
AT_ONCE = 16


class Life(Enum):
    ALIVE = "alive"  # and giving signs
    SILENT = "silent"  # its process is there, and gives none: it hangs
    DEAD = "dead"  # its process is gone, and has not said good-bye
    UNKNOWN = "unknown"  # it has told no number, or not one that can be held to be its own


class EngineFound(msgspec.Struct, frozen=True, kw_only=True):
    """One engine. `silent_s` by the clocks of this machine and its file system."""

    name: str
    pid: int
    logins: tuple[str, ...]
    silent_s: float
    life: Life


class Ending(Enum):
    """What became of the wish to end one."""

    ENDED = "ended"
    FORCED = "ended by force"
    GONE = "was gone already"
    NOT_ITS_OWN = "its number is not known to be its own: end it by hand"
    REFUSED = "the system does not let this user end it"
    STANDS = "it does not end, not even by force"


def engines(home: Path, now_ns: int, *, silent_after_s: float = 3.0) -> tuple[EngineFound, ...]:
    """Everything that has given signs of life and has not said good-bye. Raises OSError if they cannot be read."""
    found = []
    for beat in listen(home):
        silent_s = max(0.0, (now_ns - beat.touched_ns) / 1e9)
        life = _life(beat.words.pid, beat.words.began, silent_s > silent_after_s)
        found.append(
            EngineFound(name=beat.name, pid=beat.words.pid, logins=beat.words.logins, silent_s=silent_s, life=life)
        )
    return tuple(found)


def _life(pid: int, began: str, silent: bool) -> Life:
    if not pid or not began:
        return Life.UNKNOWN
    if identity(pid) != began:
        return Life.DEAD
    return Life.SILENT if silent else Life.ALIVE


def end_all(home: Path, these: Sequence[EngineFound]) -> Iterator[tuple[EngineFound, Ending]]:
    """End them beside each other, each as it comes to its end: one that hangs keeps no other trading meanwhile."""
    with ThreadPoolExecutor(AT_ONCE) as hands:
        ending = {hands.submit(end, home, one): one for one in these}
        for done in as_completed(ending):
            yield ending[done], done.result()


def end(home: Path, one: EngineFound, *, sleep: Callable[[float], None] = time.sleep) -> Ending:
    """Ask it to end; after some seconds end it by force. Its sign of life stays, as that of one that has died."""
    began = next((beat.words.began for beat in listen(home) if beat.name == one.name), "")
    if one.pid == os.getpid() or not began:
        return Ending.NOT_ITS_OWN
    if identity(one.pid) != began:
        return Ending.GONE
    for number, patience_s, ending in (
        (signal.SIGTERM, ASKED_S, Ending.ENDED),
        (signal.SIGKILL, FORCED_S, Ending.FORCED),
    ):
        try:
            os.kill(one.pid, number)
        except ProcessLookupError:
            return ending
        except PermissionError:
            return Ending.REFUSED
        for _ in range(int(patience_s / LOOK_S)):
            if identity(one.pid) != began:
                return ending
            sleep(LOOK_S)
    return Ending.STANDS
