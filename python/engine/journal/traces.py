"""Has anything but the journal written to its files? And if so, is what was acknowledged still in its log?

SQLite does not look again at what it has in memory: a program that has the journal open would go on appending to a log
that was overwritten, cut or deleted, and nothing of it would be found again by the next program. So whoever writes
leaves in the bell what the system says of both files (who they are, how long, when changed), and whoever appends next
looks whether it is so still. If not, the log's own checksums and the last record that was acknowledged decide.

The log may be opened by other means than SQLite: its locks are on the two other files.
"""

from __future__ import annotations

import os
import struct

from engine.journal.chain import Tip
from engine.journal.trouble import Code, JournalError, Trouble

NONE = bytes(48)  # nothing was left: there is nothing to compare
_FILE = struct.Struct("<QQQ")  # which file, bytes, nanoseconds of the last change
_NO_FILE = bytes(_FILE.size)
_ALL = (1 << 64) - 1
_HEAD = struct.Struct(">IIIIIIII")  # magic, version, page size, copies made, two salts, two sums
_FRAME = struct.Struct(">IIIIII")  # page, pages of the file if this is the end of a commit, two salts, two sums
_SUMMED_HEAD_BYTES = 24
_SUMMED_FRAME_BYTES = 8
_MAGIC = 0x377F0682  # one more: its sums are of words with the high byte first
_WORD_MAX = 0xFFFFFFFF


def traces(file: str) -> bytes:
    """What the system says of the journal's file and its log now. Raises OSError."""
    return _trace(os.stat(file)) + _trace_of_log(f"{file}-wal")  # noqa: PTH116


def behind_commit(before: bytes, log: str) -> bytes:
    """The traces behind a commit, which writes to the log alone. What somebody did to the file meanwhile is noticed by
    the next one.
    """
    return before[: _FILE.size] + _trace_of_log(log)


def log_bytes(found: bytes) -> int:
    """How long the log was."""
    return int(_FILE.unpack_from(found, _FILE.size)[1])


def hold_against_log(file: str, left: bytes, tip: Tip) -> bool:
    """The files have been changed by somebody since `left`. False: there is no log, so nothing can be missing from it
    that SQLite does not know of. Raises JournalError if what was acknowledged last, `tip`, is not in it, or if the file
    itself was cut; and OSError.
    """
    found = os.stat(file)  # noqa: PTH116
    which, size, _ = _FILE.unpack_from(left)
    if not found.st_size or (found.st_ino & _ALL == which and found.st_size < size):
        raise _damaged(f"{file} was cut from {size} to {found.st_size} bytes while it was in use")
    try:
        with open(f"{file}-wal", "rb") as log:  # noqa: PTH123
            data = log.read()
    except FileNotFoundError:
        return False
    if not data:
        return False
    sound = committed(data)
    half = len(tip.digest) // 2  # a record that goes over the end of a page is in two places
    if sound.find(tip.digest[:half]) < 0 and sound.find(tip.digest[half:]) < 0:
        raise damaged_log(file, tip)
    return True


def damaged_log(file: str, tip: Tip) -> JournalError:
    return _damaged(
        f"{file}-wal was overwritten, cut or exchanged while it was in use: record {tip.seq}, which was acknowledged, "
        "is not in it"
    )


def _damaged(what: str) -> JournalError:
    return JournalError(Trouble(Code.CORRUPT, what))


def committed(data: bytes) -> bytes:
    """The part of a log that SQLite would find again: up to the last commit before the first sum that is wrong."""
    if len(data) < _HEAD.size:
        return b""
    magic, _, page_bytes, _, *salts, first, second = _HEAD.unpack_from(data)
    if magic & ~1 != _MAGIC:
        return b""
    words = ">" if magic & 1 else "<"
    sums = _summed((0, 0), data[:_SUMMED_HEAD_BYTES], words)
    if sums != (first, second):
        return b""
    at = end = _HEAD.size
    while len(data) - at >= _FRAME.size + page_bytes:
        _, pages, *own_salts, first, second = _FRAME.unpack_from(data, at)
        page = at + _FRAME.size
        sums = _summed(sums, data[at : at + _SUMMED_FRAME_BYTES] + data[page : page + page_bytes], words)
        if own_salts != salts or sums != (first, second):
            break
        at = page + page_bytes
        if pages:
            end = at
    return data[:end]


def _summed(sums: tuple[int, int], data: bytes, words: str) -> tuple[int, int]:
    """SQLite's sums over `data`, behind `sums`."""
    first, second = sums
    for one, other in struct.iter_unpack(f"{words}II", data):
        first = (first + one + second) & _WORD_MAX
        second = (second + other + first) & _WORD_MAX
    return first, second


def _trace_of_log(log: str) -> bytes:
    try:
        return _trace(os.stat(log))  # noqa: PTH116
    except FileNotFoundError:
        return _NO_FILE


def _trace(found: os.stat_result) -> bytes:
    changed_ns = 0 if os.name == "nt" else found.st_mtime_ns  # Windows notes it late while a file is open
    return _FILE.pack(found.st_ino & _ALL, found.st_size, changed_ns & _ALL)
