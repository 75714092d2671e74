"""Where records go that the journal cannot take: a file beside it, the reserve, or this program's memory.

Until they are in the journal, its state does not know them. Whoever decides by them, as by which incident is open
already, asks for what waits, and does so while nobody else puts anything there (`alone`): of several who press in the
same moment each sees what those before it have left. Nothing here raises for what fails, and nobody is waited for
longer than `PATIENCE_S`: two records of one thing are better than none.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from engine.core.known import Unknown
from engine.journal import chain, oslock
from engine.journal.chain import START, Draft
from engine.journal.events import AnyEvent, IncidentClosed, IncidentOpened, KillPressed, Record, Restricted
from engine.journal.kept import Kept
from engine.journal.overdue import Overdue
from engine.journal.parcels import Parcel
from engine.journal.reserve import Reserve
from engine.journal.spool import SpoilError, Spool, named
from engine.journal.state import JournalState
from engine.journal.trouble import JournalError
from engine.temporary import make_private

PATIENCE_S = 1.0  # for others who decide: each writes a few files
_PAUSE_S = 0.005
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_OF_INCIDENTS = b'{"event":"incident_'

Waiting: TypeAlias = tuple[IncidentOpened, ...]
"""Incidents that are open by records which are not in the journal yet, the oldest first."""

Decide: TypeAlias = Callable[[JournalState | Unknown, Waiting], tuple[AnyEvent, ...]]
"""Makes records of what the journal says, and of what waits beside it."""


class Beside:
    """Of one journal, in one program. Threads may share it."""

    def __init__(self, spool: Spool | None, reserve: Reserve | None, overdue: Overdue) -> None:
        self._spool = spool
        self._reserve = reserve
        self._overdue = overdue
        self._ready = False

    def make_ready(self) -> None:
        """Make what a full disk would leave no room for. Asked once, or behind every append of a disk that has none."""
        if self._ready:
            return
        self._ready = True
        if self._reserve is not None:
            self._reserve.make()
        fd = None if self._spool is None else _opened(_lock(self._spool.places[0]))
        if fd is not None:
            os.close(fd)

    def keep(self, drafts: Sequence[Draft], error: JournalError, *, stops: bool) -> Kept:
        """`stops`: what stops somebody goes into the reserve too where there is no room beside the journal: temporary
        files may be gone after a reboot.
        """
        name = named(drafts[0].at_ns)
        place = self._put(drafts, name, stops=stops)
        if place is None:
            name = self._overdue.hold(drafts, stops=stops)
        return Kept(None, place, error.trouble, name, error.alarmed)

    def _put(self, drafts: Sequence[Draft], name: str, *, stops: bool) -> Path | None:
        spooled = None if self._spool is None else self._spool.write(drafts, name)
        safe = spooled is not None and self._spool is not None and spooled.parent == self._spool.places[0]
        if stops and not safe and self._reserve is not None and self._reserve.write(drafts, name):
            return spooled or self._reserve.path
        return spooled

    # --- what waits --------------------------------------------------------------------------------
    def waiting(self) -> tuple[Parcel, ...]:
        """All that waits where this program can see it, the oldest first."""
        return tuple(sorted(self._parcels(), key=lambda one: one.name))

    def _parcels(self) -> Iterable[Parcel]:
        if self._spool is not None:
            for path in self._spool.waiting():
                with contextlib.suppress(OSError, SpoilError):  # whoever takes it in tells
                    yield Parcel(path.name, self._spool.read(path))
        if self._reserve is not None:
            yield from (one.parcel for one in self._reserve.waiting() if one.parcel is not None)
        yield from self._overdue.held()

    # --- one after the other -----------------------------------------------------------------------
    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else who decides puts anything here meanwhile, unless it cannot be arranged."""
        with self._turn() as fd:
            give_up_at = time.monotonic() + PATIENCE_S
            with contextlib.suppress(OSError):  # a file system without locks
                while fd is not None and not oslock.exclude(fd) and time.monotonic() < give_up_at:
                    time.sleep(_PAUSE_S)
            yield

    @contextlib.contextmanager
    def _turn(self) -> Iterator[int | None]:
        """The file whose lock says whose turn it is, the first that can be had."""
        fd = None
        for number, place in enumerate(self._spool.places if self._spool is not None else ()):
            if number:  # the folder of the journal is the journal's to make
                with contextlib.suppress(OSError):
                    make_private(place.parent)
            fd = _opened(_lock(place))
            if fd is not None:
                break
        try:
            yield fd
        finally:
            if fd is not None:
                os.close(fd)  # which lets go of it


def incidents_in(parcels: Iterable[Parcel], taken_in: Container[str]) -> Waiting:
    """Those that are open by what waits. `taken_in`: parcels that the journal has already."""
    open_: dict[str, IncidentOpened] = {}
    for one in (draft for parcel in parcels if parcel.name not in taken_in for draft in parcel.drafts):
        event = chain.opened(chain.seal(START, one)).event if one.body.startswith(_OF_INCIDENTS) else None
        if isinstance(event, IncidentOpened):
            open_[event.incident_id] = event
        elif isinstance(event, IncidentClosed):
            open_.pop(event.incident_id, None)
    return tuple(open_.values())


def stops_in(parcels: Iterable[Parcel], taken_in: Container[str]) -> tuple[Record, ...]:
    """What stops somebody and waits, the oldest first, each once."""
    found: dict[str, Record] = {}
    for one in (draft for parcel in parcels if parcel.name not in taken_in for draft in parcel.drafts):
        record = chain.opened(chain.seal(START, one))
        match record.event:
            case Restricted(restriction=restriction):
                found.setdefault(restriction.id, record)
            case KillPressed(kill_id=kill_id):
                found.setdefault(kill_id, record)
    return tuple(sorted(found.values(), key=lambda record: record.at_ns))


def _lock(place: Path) -> Path:
    return place.with_suffix(".lock")


def _opened(path: Path) -> int | None:
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # on a disk that is read-only there may be one
        with contextlib.suppress(OSError):
            return os.open(path, flags | _FLAGS, 0o666)  # less what the umask takes, as the journal's own files
    return None
