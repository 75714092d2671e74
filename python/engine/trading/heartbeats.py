"""Signs of life: one file for each engine, touched while its event loop turns. What the guard listens for.

The loop asks for the touch and a thread does it: a loop that hangs asks no more, and a disk that hangs holds no loop
up. Another program beats by touching a file of its own in the same folder (`touch …/heartbeats/NAME`), and says
good-bye by removing it. An engine that dies leaves its file behind, which is how its death is known; one that is
started anew takes the place of those of its name that are dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from engine.temporary import make_private
from engine.trading.daemons import Daemons
from engine.trading.process_identity import identity, runs

EVERY_S = 1.0
GOOD_BYE_S_MAX = 1.0
FOLDER = "heartbeats"
NAME_MAX = 60
FILE_BYTES_MAX = 4096
_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


class Words(msgspec.Struct, frozen=True):
    """What an engine says of itself; a file that says nothing is an engine of all logins. `began`: when its process
    did, which tells it from a later one of the same number.
    """

    pid: int = 0
    logins: tuple[str, ...] = ()
    began: str = ""


class Beat(msgspec.Struct, frozen=True):
    """A file as it was found. `touched_ns` tells one touch from the next, and nothing else: its clock may be any."""

    name: str
    touched_ns: int
    words: Words


class Heart:
    """Of one engine, named by `name` and this process. Beats from `start` until `stop`, which is a good-bye.
    `touched_ns`: by this clock its file is touched; None: by the disk's own.
    """

    def __init__(self, home: Path, name: str, touched_ns: Callable[[], int] | None = None) -> None:
        self._touched_ns = touched_ns
        self._name = file_name(name)
        self._path = home / FOLDER / f"{self._name}-{os.getpid()}"
        self._daemons = Daemons()
        self._timer: asyncio.TimerHandle | None = None
        self._touching: asyncio.Future[None] | None = None
        self._words = Words()
        self._written = False
        self._living = False
        self._writing = threading.Lock()  # a touch that is under way must not put back what the good-bye removes

    def start(self, logins: tuple[str, ...]) -> None:
        """Beat for these logins; called again, for these from now on."""
        self._words, self._written, self._living = Words(os.getpid(), logins), False, True
        if self._timer is None:
            self._beat()

    def stop(self) -> asyncio.Future[None] | None:
        """Nothing is expected of this engine any more. A program that ends before the future is done has not said so,
        and is taken for dead: see `good_bye`. None: it did not beat."""
        if self._timer is None:
            return None
        self._timer.cancel()
        self._timer, self._living = None, False
        return asyncio.get_running_loop().run_in_executor(self._daemons, self._remove)

    async def good_bye(self) -> None:
        """Stop, and wait until everybody can see it; not for long, for a disk may hang."""
        said = self.stop()
        if said is not None:
            await asyncio.wait({said}, timeout=GOOD_BYE_S_MAX)

    def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(EVERY_S, self._beat)
        if self._touching is None or self._touching.done():  # a disk that hangs gets one thread, not one a second
            self._touching = loop.run_in_executor(self._daemons, self._touch)

    def _touch(self) -> None:
        """What cannot be written is a missing heartbeat, and told by whoever listens."""
        with self._writing:
            if self._living:
                self._write()

    def _write(self) -> None:
        try:
            if self._written and self._path.exists():
                self._stamp(self._path)
                return
            make_private(self._path.parent)
            fresh = self._path.with_suffix(".new")
            words = msgspec.structs.replace(self._words, began=identity(self._words.pid))
            fresh.write_bytes(msgspec.json.encode(words))
            if self._touched_ns is not None:
                self._stamp(fresh)
            fresh.replace(self._path)
            self._written = True
            self._bury()
        except OSError:
            self._written = False

    def _stamp(self, path: Path) -> None:
        if self._touched_ns is None:
            os.utime(path)
        else:
            touched_ns = self._touched_ns()
            os.utime(path, ns=(touched_ns, touched_ns))

    def _remove(self) -> None:
        with self._writing, contextlib.suppress(OSError):
            if not self._living:  # it may have begun anew
                self._path.unlink(missing_ok=True)

    def _bury(self) -> None:
        """Engines of this name whose process is gone: this one is what was started in their place."""
        for path in self._path.parent.glob(f"{self._name}-*"):
            pid = path.name.removeprefix(f"{self._name}-")
            if pid.isdigit() and not runs(int(pid)):
                path.unlink(missing_ok=True)


def beat_for(home: Path, name: str, logins: tuple[str, ...]) -> None:
    """A sign of life of a program that is not on this machine, or not of this user. Raises OSError."""
    path = home / FOLDER / file_name(name)
    make_private(path.parent)
    words = msgspec.json.encode(Words(logins=logins))
    if path.exists() and path.read_bytes() == words:
        os.utime(path)
        return
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(words)
    fresh.replace(path)


def good_bye_of(home: Path, name: str) -> None:
    """It has ended on purpose. Raises OSError."""
    (home / FOLDER / file_name(name)).unlink(missing_ok=True)


def file_name(name: str) -> str:
    """What an engine's file is called: nothing that it says may become a path."""
    plain = _PLAIN.sub("-", name).strip(".-")[:NAME_MAX]
    return plain or "engine"


def listen(home: Path) -> tuple[Beat, ...]:
    """All that beat, or have beaten and not said good-bye. Raises OSError if the folder cannot be read."""
    folder = home / FOLDER
    if not folder.exists():
        return ()
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".new" or path.name.startswith("."):
            continue
        try:
            touched_ns, data = path.stat().st_mtime_ns, _head(path)
        except FileNotFoundError:  # it said good-bye between the two
            continue
        found.append(Beat(path.name, touched_ns, _words(data)))
    return tuple(found)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX)


def _words(data: bytes) -> Words:
    try:
        return msgspec.json.decode(data, type=Words)
    except msgspec.DecodeError:
        return Words()
