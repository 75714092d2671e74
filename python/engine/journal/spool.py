"""Records that wait: written as small files while there is no journal, taken into the chain by the next one who can.

A kill needs no journal; what it did must still not get lost. A file is whole or not there (written under another name,
synchronised, renamed), and it says itself whether it was damaged since. Files in the folder for temporary things count
only if this user alone could have put them there. Nothing here is ever waited for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from engine.journal.chain import Draft
from engine.temporary import make_private, own_memory_folder, own_temporary_folder

_ENDING = ".spool"
_BROKEN = ".unreadable"
_DRAFT = ".new"
FILES_AT_ONCE = 100
DRAFT_NS_MAX = 3600 * 1_000_000_000  # how long a file may be in the making: longer, and its writer has died


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A draft on its way to the journal."""

    at_ns: int
    actor: str
    event: msgspec.Raw


class SpoilError(Exception):
    """A file in the spool is not what was written."""


class Spool:
    """Where the records of one journal wait: beside it, or where temporary files go, or in memory without a disk."""

    def __init__(self, folder: Path, *, elsewhere: Path | None = None) -> None:
        key = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
        apart = (elsewhere,) if elsewhere is not None else (own_temporary_folder(), own_memory_folder())
        self.places = (folder / "spool", *(Path(one) / f"spool-{key}" for one in apart if one is not None))

    def write(self, drafts: Sequence[Draft], name: str = "") -> Path | None:
        """Keep drafts where it is possible. None: it is possible nowhere."""
        return self._put(b"".join(line(one) + b"\n" for one in drafts), name or named(drafts[0].at_ns), _nothing)

    def put(
        self, body: bytes, at_ns: int, ending: str, *, before_it_shows: Callable[[int], None] = lambda _: None
    ) -> Path | None:
        """Keep a file where it is possible. None: it is possible nowhere. `before_it_shows` gets the descriptor."""
        return self._put(body, named(at_ns, ending), before_it_shows)

    def _put(self, body: bytes, name: str, before_it_shows: Callable[[int], None]) -> Path | None:
        for place in self.places:
            with contextlib.suppress(OSError):
                make_private(place)
                if _ours_alone(place):
                    return _written(place / name, _seal(body) + body, before_it_shows)
        return None

    def waiting(self, ending: str = _ENDING) -> tuple[Path, ...]:
        """The files that wait, the oldest first."""
        found = []
        for place in self.places:
            with contextlib.suppress(OSError):
                if _ours_alone(place):
                    found += [path for path in place.iterdir() if path.suffix == ending]
        return tuple(sorted(found, key=_name)[:FILES_AT_ONCE])

    def read(self, path: Path) -> tuple[Draft, ...]:
        """The drafts in a file. Raises SpoilError, or OSError."""
        body = self.body(path)
        try:
            lines = [msgspec.json.decode(line, type=Line) for line in body.splitlines()]
        except msgspec.MsgspecError as error:
            raise SpoilError(f"{path}: {error}") from error
        return tuple(Draft(line.at_ns, line.actor, bytes(line.event)) for line in lines)

    def body(self, path: Path) -> bytes:
        """What is in a file. Raises SpoilError, or OSError."""
        seal, _, body = path.read_bytes().partition(b"\n")
        if seal + b"\n" != _seal(body):
            raise SpoilError(f"{path} is not what was written")
        return body

    def sweep(self, now_ns: int) -> None:
        """Delete what writers have left unfinished that died: nobody was told that it is kept."""
        for place in self.places:
            with contextlib.suppress(OSError):
                if _ours_alone(place):
                    for path in place.iterdir():
                        if path.suffix == _DRAFT and now_ns - path.stat().st_mtime_ns > DRAFT_NS_MAX:
                            path.unlink()

    def done(self, path: Path) -> None:
        """The records are in the journal. A file that cannot be deleted is known by its name and not taken again."""
        with contextlib.suppress(OSError):
            path.unlink()

    def set_aside(self, path: Path) -> None:
        """A damaged file is kept for a person, under a name that is not taken in."""
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(_BROKEN))


def named(at_ns: int, ending: str = _ENDING) -> str:
    """A name that no other file of a spool has."""
    return f"{at_ns:020}-{os.getpid()}-{os.urandom(4).hex()}{ending}"


def line(one: Draft) -> bytes:
    """A draft as it waits."""
    return msgspec.json.encode(Line(one.at_ns, one.actor, msgspec.Raw(one.body)))


def _nothing(_fd: int) -> None:
    """Nothing is to be done with the file."""


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode() + b"\n"


def _written(path: Path, data: bytes, before_it_shows: Callable[[int], None]) -> Path:
    draft = path.with_suffix(_DRAFT)
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            before_it_shows(file.fileno())
        draft.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    return path


def _ours_alone(place: Path) -> bool:
    """Nobody else can have put a file there. Where the system has no users of this kind, it is taken for granted."""
    if os.name == "nt":
        return place.is_dir()
    mine, around = place.lstat(), place.parent.stat()
    if not stat.S_ISDIR(mine.st_mode) or mine.st_uid != os.geteuid() or mine.st_mode & 0o022:
        return False
    return around.st_uid == os.geteuid() and not around.st_mode & 0o002


def _name(path: Path) -> str:
    return path.name
