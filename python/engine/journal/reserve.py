"""Room for the records of a stop on a full disk: a file made beforehand, which is overwritten in place and never grows.

Where neither the journal nor the spool can take the record of a kill or a halt, and the program ends, nobody would
remember it. The file has slots; a parcel takes as many in a row as it needs: first what it says, then, once that is
durable, the head by which it counts. So a parcel is there whole or not at all, whoever dies when. Whoever tends the
journal takes parcels into the chain, and only then clears their heads.

A parcel has a name and is taken in once. Nothing here raises, and nothing is waited for longer than `PATIENCE_S`. Only
what stops somebody belongs here: the room is small. It must never take the room of a parcel that waits.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.journal import oslock
from engine.journal.chain import Draft
from engine.journal.parcels import Parcel
from engine.journal.spool import Line, line

SLOT = 4096  # bytes: what a disk writes at once
SLOTS = 16
SIZE = SLOT * SLOTS
PATIENCE_S = 0.5  # for whoever holds the file just now
_MAGIC = b"QERESRV\0"  # no text of JSON contains it: what stands in the middle of a parcel is no head
_SPOILT = b"QESPOIL\0"
_HEAD = struct.Struct("<8sII32s")  # magic, slots, bytes of the body, their digest
_CHECK_BYTES = 8  # of the head's own digest
_HEAD_BYTES = _HEAD.size + _CHECK_BYTES
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Waiting(NamedTuple):
    """A parcel that waits, or one that is damaged (`parcel` None). `head`: by it one sees if it is the same."""

    slot: int
    head: bytes
    parcel: Parcel | None


class Reserve:
    """The reserve of one journal, as one program uses it. Threads may share it: each use opens the file anew."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> bool:
        """See to it that the file is there, every byte of it written. False: it cannot be made now. The folder has to
        be there.
        """
        try:
            if os.stat(self.path).st_size == SIZE:  # noqa: PTH116 – asked often
                return True
        except OSError:
            pass
        try:
            with _held(self.path, _FLAGS | os.O_CREAT) as fd:
                _fill_up(fd)
        except OSError:
            return False
        return True

    def write(self, drafts: Sequence[Draft], name: str) -> bool:
        """Keep a parcel; durable when True. False: there is no reserve, no room in it, or it cannot be written."""
        body = b"".join((name.encode(), b"\n", *(line(one) + b"\n" for one in drafts)))
        slots = -(-(_HEAD_BYTES + len(body)) // SLOT)
        try:
            with _held(self.path) as fd:
                at = _free(_pages(fd), slots)
                if at is None:
                    return False
                _write_at(fd, body, at * SLOT + _HEAD_BYTES)
                os.fsync(fd)
                _write_at(fd, _sealed(_HEAD.pack(_MAGIC, slots, len(body), sha256(body).digest())), at * SLOT)
                os.fsync(fd)
        except OSError:
            return False
        return True

    def waiting(self) -> tuple[Waiting, ...]:
        """What waits, the oldest first. Nothing, where it cannot be read. Waits for nobody, unless something looks
        damaged: it may have been written just then.
        """
        try:
            found = tuple(_found(self._read()))
            if any(one.parcel is None for one in found):
                with _held(self.path) as fd:
                    found = tuple(_found(_pages(fd)))
        except OSError:
            return ()
        return tuple(sorted(found, key=lambda one: one.parcel.name if one.parcel else ""))

    def _read(self) -> bytes:
        fd = os.open(self.path, _FLAGS & ~os.O_RDWR | os.O_RDONLY)
        try:
            _check(fd)
            return _pages(fd)
        finally:
            os.close(fd)

    def done(self, one: Waiting) -> None:
        """It is in the journal, durably. What cannot be cleared is known by its name and not taken again."""
        self._overwrite(one, bytes(_HEAD_BYTES))

    def set_aside(self, one: Waiting) -> None:
        """A damaged parcel no longer counts. What is left of it stands there until the room is needed."""
        self._overwrite(one, _SPOILT)

    def _overwrite(self, one: Waiting, data: bytes) -> None:
        with contextlib.suppress(OSError), _held(self.path) as fd:
            if _read_at(fd, _HEAD_BYTES, one.slot * SLOT) == one.head:  # and nobody else's by now
                _write_at(fd, data, one.slot * SLOT)
                os.fsync(fd)


@contextlib.contextmanager
def _held(path: Path, flags: int = _FLAGS) -> Iterator[int]:
    """The file, for this program alone. Raises OSError."""
    fd = os.open(path, flags, 0o666)  # less what the umask takes, as the journal's own files
    try:
        _check(fd)
        give_up_at = time.monotonic() + PATIENCE_S
        while not oslock.exclude(fd):
            if time.monotonic() >= give_up_at:
                raise OSError(f"{path} is held by another program")
            time.sleep(0.005)
        yield fd
    finally:
        os.close(fd)  # which lets go of it


def _check(fd: int) -> None:
    """What anybody may write is nobody's word."""
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or _others_may_write(found):
        raise OSError("this is not the file that was made")


def _fill_up(fd: int) -> None:
    """Written and not only claimed, so that a full disk cannot take it back. What is there already stays."""
    size = os.fstat(fd).st_size
    if size >= SIZE:
        return
    try:
        _write_at(fd, bytes(SIZE - size), size)
        os.fsync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise


def _others_may_write(found: os.stat_result) -> bool:
    return os.name != "nt" and bool(found.st_mode & stat.S_IWOTH)


def _found(pages: bytes) -> Iterator[Waiting]:
    at = 0
    while at < SLOTS:
        slots, one = _at(pages, at)
        if one is not None:
            yield one
        at += slots


def _at(pages: bytes, at: int) -> tuple[int, Waiting | None]:
    """How many slots belong together here, and what waits in them."""
    start = at * SLOT
    head = pages[start : start + _HEAD_BYTES]
    magic, slots, length, digest = _HEAD.unpack_from(head)
    fits = 1 <= slots <= SLOTS - at and 0 < length <= slots * SLOT - _HEAD_BYTES
    if magic != _MAGIC or head != _sealed(head[: _HEAD.size]) or not fits:
        return 1, None  # never used, or its writer died before it counted
    body = pages[start + _HEAD_BYTES : start + _HEAD_BYTES + length]
    return slots, Waiting(at, head, _opened(body) if sha256(body).digest() == digest else None)


def _opened(body: bytes) -> Parcel | None:
    name, *lines = body.splitlines()
    try:
        read = [msgspec.json.decode(one, type=Line) for one in lines]
        return Parcel(name.decode(), tuple(Draft(one.at_ns, one.actor, bytes(one.event)) for one in read))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _free(pages: bytes, wanted: int) -> int | None:
    """The first of so many free slots in a row. None: there are not so many."""
    at = run = 0
    while at < SLOTS:
        slots, one = _at(pages, at)
        run = run + 1 if one is None else 0
        at += slots
        if run == wanted:
            return at - wanted
    return None


def _sealed(head: bytes) -> bytes:
    return head + sha256(head).digest()[:_CHECK_BYTES]


def _pages(fd: int) -> bytes:
    pages = _read_at(fd, SIZE, 0)
    if len(pages) < SIZE:
        raise OSError("the reserve is shorter than it was made")
    return pages


def _read_at(fd: int, size: int, at: int) -> bytes:
    os.lseek(fd, at, os.SEEK_SET)
    return os.read(fd, size)


def _write_at(fd: int, data: bytes, at: int) -> None:
    os.lseek(fd, at, os.SEEK_SET)
    if os.write(fd, data) != len(data):
        raise OSError("only a part could be written")
