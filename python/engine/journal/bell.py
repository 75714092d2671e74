"""The bell: a small file beside the journal by which every process knows at once whether anything was appended.

Whoever appends holds the writers' lock and changes the bell twice: `begin` before the commit, `ring` after it. Whoever
checks an order reads 40 bytes. If they are those that stood there before the last look, and no append is under way,
nothing was committed since: no polling, no gap. Anything else means "look into the journal", so a writer that died
between the two makes others slow and never wrong.

It is read and written by system calls and not mapped into memory: a file that somebody cut short is then an error that
can be told, and not a signal that ends a trading program. Written in place, it needs no room on the disk, so the alarm
can be raised when the disk is full.

It also knows the last record that was acknowledged. A journal that ends before it has lost something. And it keeps what
the system said of the journal's files then (engine.journal.traces).
"""

from __future__ import annotations

import os
import struct
import sys
import threading
import zlib
from pathlib import Path

import msgspec

from engine.journal.chain import Tip
from engine.journal.store import Alarm

SIZE = 4096
TEXT_BYTES_MAX = 1024
WALK_EVERY = 64  # marks after which it is asked whether the path still leads to this file
UNREADABLE = "no reason can be read"
REPLACED_MAX = 3  # times that somebody may put another bell in the place of the one that is rung
_MAGIC = b"QEBELL01"
_MARK = struct.Struct("<8sQQQ")  # magic, number of the alarm, appends begun, appends done
_PID = struct.Struct("<Q")  # who writes
_TIP = struct.Struct("<Q32s")
_TEXT = struct.Struct("<qH")  # time of the alarm, length of what it says
_CHECK = struct.Struct("<I")
_AT_ALARM, _AT_BEGUN, _AT_DONE, _AT_TIP, _AT_TRACES, _AT_PID, _AT_TEXT = 8, 16, 24, 32, 76, 128, 256
_STANDING = struct.Struct("<8sQQQQ32sI48s4xQ")  # all of them, and the traces
_HEAD_BYTES = 256


class BellSpoilt(Exception):
    """What stands in the file is not what a bell holds."""


class Standing(msgspec.Struct, frozen=True):
    """What a bell says. `settled`: no append is under way, and none was broken off."""

    settled: bool
    count: int
    tip: Tip
    writer: int
    traces: bytes  # of the journal's files, as they were left


class Bell:
    """One process's hold on the bell of one journal."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._fd: int | None = None
        self._id = (0, 0)
        self._writable = False
        self._unasked = 0
        self._heard: bytes | None = None  # the last mark: what it says need not be judged again
        self._old: list[int] = []
        self._guard = threading.Lock()

    def mark(self) -> bytes | None:
        """The same bytes as long as nothing happened. None: it cannot be told, so look.

        A file that was deleted or replaced has no name any more, which costs little to ask. That its folder has another
        name now takes a walk along the path: that is done once in a while.
        """
        fd = self._fd
        self._unasked += 1
        try:
            if fd is None or self._unasked >= WALK_EVERY or os.fstat(fd).st_nlink == 0:
                fd, self._unasked = self._current(), 0
            data = _read_at(fd, _MARK.size, 0)
        except OSError:
            return None
        heard = self._heard
        if data == heard:
            return heard
        if data[16:24] != data[24:32] or data[:8] != _MAGIC or len(data) != _MARK.size:
            return None
        self._heard = data
        return data

    def exists(self) -> bool:
        return os.path.lexists(self._path)

    def standing(self) -> Standing:
        """Everything but the alarm. Raises BellSpoilt or OSError."""
        data = _read_at(self._current(), _HEAD_BYTES, 0)
        if len(data) < _HEAD_BYTES:
            raise BellSpoilt(f"{self._path} is not what was written there")
        magic, _, begun, done, seq, digest, check, traces, writer = _STANDING.unpack_from(data)
        if magic != _MAGIC:
            raise BellSpoilt(f"{self._path} is not what was written there")
        if zlib.crc32(data[_AT_TIP : _AT_TIP + _TIP.size]) != check:
            raise BellSpoilt(f"{self._path} is damaged")
        return Standing(begun == done, max(begun, done), Tip(seq, digest), writer, traces)

    def begin(self, standing: Standing) -> Standing:
        """An append is about to be committed. Only under the writers' lock, as everything below."""
        count = standing.count + 1
        _write_at(self._open_one(), count.to_bytes(8, "little"), _AT_BEGUN)
        return Standing(False, count, standing.tip, standing.writer, standing.traces)

    def sign(self) -> None:
        """Leave this process's number, so that others can name whom they wait for."""
        _write_at(self._open_one(), _PID.pack(os.getpid()), _AT_PID)

    def ring(self, standing: Standing, tip: Tip, traces: bytes) -> None:
        """The append that was begun is committed up to `tip`, or was given up and `tip` is as before."""
        sealed = _checked(_TIP.pack(tip.seq, tip.digest))
        _write_at(self._open_one(), standing.count.to_bytes(8, "little") + sealed + traces, _AT_DONE)

    def leave(self, traces: bytes) -> None:
        """The journal's files were changed by one of us, and nothing was appended."""
        _write_at(self._open_one(), traces, _AT_TRACES)

    def create(self, tip: Tip, alarm: Alarm | None = None) -> None:
        """Make the file, whole or not at all, in the place of any other. It counts from a number drawn by lot, so that
        it never says what another one has said.
        """
        page = bytearray(SIZE)
        count = int.from_bytes(os.urandom(7), "big")
        _MARK.pack_into(page, 0, _MAGIC, alarm.number if alarm else 0, count, count)
        page[_AT_TIP : _AT_TIP + _TIP.size + _CHECK.size] = _checked(_TIP.pack(tip.seq, tip.digest))
        if alarm is not None:
            text = _packed(alarm)
            page[_AT_TEXT : _AT_TEXT + len(text)] = text
        draft = f"{self._path}.new"
        fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _write_at(fd, bytes(page), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(draft, self._path)  # noqa: PTH105

    def alarm(self) -> Alarm | None:
        """The alarm that was raised last. A text that is damaged is no reason to miss it."""
        try:
            data = _read_at(self._current(), SIZE, 0)
        except OSError:
            return None
        if len(data) < _MARK.size or data[:8] != _MAGIC:
            return None
        _, number, _, _ = _MARK.unpack_from(data)
        return _unpacked(number, data[_AT_TEXT:]) if number else None

    def raise_alarm(self, alarm: Alarm) -> bool:
        """Text first, then the number that makes it one. Needs no lock: of two at once either will do."""
        for _ in range(REPLACED_MAX):
            try:
                self._current()
                fd = self._open_one()
                if _read_at(fd, 8, 0) != _MAGIC:
                    return False
                _write_at(fd, _packed(alarm), _AT_TEXT)
                _write_at(fd, alarm.number.to_bytes(8, "little"), _AT_ALARM)
                if self._current() == fd:
                    _sync_if_possible(fd)
                    return True
            except OSError:
                return False
        return False

    def close(self) -> None:
        with self._guard:
            for fd in (*self._old, self._fd):
                if fd is not None:
                    os.close(fd)
            self._fd, self._old = None, []

    def _current(self) -> int:
        """The file that has the name now: one that was moved or deleted rings for nobody."""
        found = os.stat(self._path)  # noqa: PTH116
        fd = self._fd
        if fd is None or (found.st_ino, found.st_dev) != self._id:
            with self._guard:
                return self._reopen()
        return fd

    def _open_one(self) -> int:
        """The file that `standing` was read from a moment ago, to be written to."""
        if self._fd is None or not self._writable:
            with self._guard:
                return self._reopen(to_write=True)
        return self._fd

    def _reopen(self, *, to_write: bool = False) -> int:
        """The old descriptor is kept until the end: another thread may be reading from it."""
        fd, self._writable = _open(self._path, to_write=to_write)
        opened = os.fstat(fd)
        if self._fd is not None:
            self._old.append(self._fd)
        self._fd, self._id = fd, (opened.st_ino, opened.st_dev)
        return fd


def _open(path: str, *, to_write: bool) -> tuple[int, bool]:
    """The file, and whether it may be written to. Who only listens needs no right to write."""
    flags = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(path, os.O_RDWR | flags), True
    except OSError:
        if to_write:
            raise
        return os.open(path, os.O_RDONLY | flags), False


def _checked(part: bytes) -> bytes:
    return part + _CHECK.pack(zlib.crc32(part))


def _packed(alarm: Alarm) -> bytes:
    data = alarm.text.encode("utf-8", "replace")[:TEXT_BYTES_MAX]
    return _TEXT.pack(alarm.at_ns, len(data)) + data


def _unpacked(number: int, data: bytes) -> Alarm:
    if len(data) < _TEXT.size:
        return Alarm(number, 0, UNREADABLE)
    at_ns, length = _TEXT.unpack_from(data)
    text = data[_TEXT.size : _TEXT.size + min(length, TEXT_BYTES_MAX)].decode("utf-8", "replace")
    return Alarm(number, at_ns, text.strip("\0") or UNREADABLE)


def _sync_if_possible(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError:
        return  # every process of this boot knows; the disk is what has failed


if sys.platform == "win32":
    _seek = threading.Lock()

    def _read_at(fd: int, size: int, at: int) -> bytes:
        with _seek:
            os.lseek(fd, at, os.SEEK_SET)
            return os.read(fd, size)

    def _write_at(fd: int, data: bytes, at: int) -> None:
        with _seek:
            os.lseek(fd, at, os.SEEK_SET)
            os.write(fd, data)

else:
    _read_at = os.pread

    def _write_at(fd: int, data: bytes, at: int) -> None:
        if os.pwrite(fd, data, at) != len(data):
            raise OSError(f"only a part of {len(data)} bytes was written")
