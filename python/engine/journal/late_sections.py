"""Sections of the incident log that wait: the page could not be written, or a kill is not over.

They stand where the records wait that the journal could not take (`engine.journal.spool`), each a file that says which
page it belongs to. Whoever tends the journal next adds them. One that is *held* belongs to a program that is still at
work: its lock keeps everybody off, and goes when the program dies. A program that dies between adding a section and
deleting its file has it told twice, which is better than never.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from engine.journal import incident_log, oslock
from engine.journal.spool import SpoilError, Spool

ENDING = ".section"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What waits."""

    page: str
    text: str


class Held:
    """A section that is added if this program dies before it takes it back."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd

    def take_back(self) -> None:
        """It is not needed: what really happened is told."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._fd)


def keep(spool: Spool, page: Path, text: str, at_ns: int) -> Path | None:
    """Have it added as soon as that can be. None: it can be kept nowhere."""
    return spool.put(msgspec.json.encode(Section(str(page), text)), at_ns, ENDING)


def hold(spool: Spool, page: Path, text: str, at_ns: int) -> Held | None:
    """Have it added when this program dies. None: that cannot be arranged."""
    taken: list[int] = []

    def lock(fd: int) -> None:
        if oslock.exclude(fd):
            taken.append(os.dup(fd))  # of the same open file, so the lock stays when the first is closed

    path = spool.put(msgspec.json.encode(Section(str(page), text)), at_ns, ENDING, before_it_shows=lock)
    if path is not None and taken:
        return Held(path, taken[0])
    for fd in taken:
        os.close(fd)
    if path is not None:
        spool.done(path)
    return None


def catch_up(spool: Spool) -> None:
    """Add what waits and is held by nobody. What still cannot be added goes on waiting."""
    for path in spool.waiting(ENDING):
        with contextlib.suppress(OSError):
            fd = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            try:
                if oslock.exclude(fd) and path.exists():
                    _add(spool, path)
            finally:
                os.close(fd)


def _add(spool: Spool, path: Path) -> None:
    try:
        section = msgspec.json.decode(spool.body(path), type=Section)
    except (SpoilError, msgspec.MsgspecError):
        spool.set_aside(path)
        return
    if incident_log.append(Path(section.page), section.text) is None:
        spool.done(path)
