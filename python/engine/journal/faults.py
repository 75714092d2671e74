"""What the system or SQLite says when something fails, as a trouble of the journal. One table each, nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path
from types import TracebackType

from engine.journal.bell import BellSpoilt
from engine.journal.trouble import Code, JournalError, Trouble

_SYSTEM = {
    errno.ENOSPC: Code.FULL,
    errno.EDQUOT: Code.FULL,
    errno.EFBIG: Code.FULL,
    errno.EROFS: Code.READ_ONLY,
    errno.EACCES: Code.NOT_ALLOWED,
    errno.EPERM: Code.NOT_ALLOWED,
    errno.ENOENT: Code.MISSING,
}
_SQLITE = {
    sqlite3.SQLITE_FULL: Code.FULL,
    sqlite3.SQLITE_PERM: Code.NOT_ALLOWED,
    sqlite3.SQLITE_AUTH: Code.NOT_ALLOWED,
    sqlite3.SQLITE_CORRUPT: Code.CORRUPT,
    sqlite3.SQLITE_NOTADB: Code.CORRUPT,
    sqlite3.SQLITE_ERROR: Code.CORRUPT,  # a table that should be there is not
    sqlite3.SQLITE_SCHEMA: Code.CORRUPT,
    sqlite3.SQLITE_BUSY: Code.BUSY,
    sqlite3.SQLITE_LOCKED: Code.BUSY,
}
_WORDS = {  # SQLite says "disk I/O error" and "unable to open database file" for the first three
    Code.FULL: "there is no room on the disk ({})",
    Code.READ_ONLY: "the disk is read-only ({})",
    Code.NOT_ALLOWED: "this user may not write there ({})",
    Code.CORRUPT: "it is damaged, or no journal ({})",
    Code.BUSY: "another program holds it ({})",
    Code.FAILED: "it cannot be used ({})",
}
ROOM_MIN = 65536  # bytes; SQLite takes half of that for its shared memory alone
_PRIMARY = 0xFF  # SQLite's extended codes have the plain one in their low byte


class translated:  # noqa: N801
    """Let what fails inside `with` come out as JournalError. Nothing is swallowed and nothing is repaired."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is None:
            return
        match error:
            case sqlite3.Error():
                code = _code_of(error, self._path)
                raise JournalError(Trouble(code, f"{self._path}: {_WORDS[code].format(error)}")) from error
            case OSError():
                code = Code.FAILED if error.errno is None else _SYSTEM.get(error.errno, Code.FAILED)
                what = f"{error.filename or self._path}: {error.strerror or error}"
                raise JournalError(Trouble(code, what)) from error
            case BellSpoilt():
                raise JournalError(Trouble(Code.CORRUPT, str(error))) from error


def _code_of(error: sqlite3.Error, path: Path) -> Code:
    number = getattr(error, "sqlite_errorcode", None)
    if number is None:
        return Code.FAILED
    primary = number & _PRIMARY
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR):
        return _refusal(path)
    return _SQLITE.get(primary, Code.FAILED)


def _refusal(path: Path) -> Code:
    """SQLite does not say why it may not write: the disk, or the rights. On a full one it cannot even read, for want of
    its small file of shared memory.
    """
    if _is_full(path.parent):
        return Code.FULL
    read_only = getattr(os, "ST_RDONLY", 0)
    if read_only and os.statvfs(path.parent).f_flag & read_only:
        return Code.READ_ONLY
    for one in (path, path.parent):
        if one.exists() and not os.access(one, os.W_OK):
            return Code.NOT_ALLOWED
    return Code.FAILED


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < ROOM_MIN
    except OSError:
        return False
