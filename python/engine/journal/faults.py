"""What the system or SQLite says when something fails, as a trouble of the journal. One table each, nothing else."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
_PRIMARY = 0xFF  # SQLite's extended codes have the plain one in their low byte


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Let what fails inside come out as JournalError. Nothing is swallowed and nothing is repaired."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalError(Trouble(_code_of(error, path), f"{path}: {error}")) from error
    except OSError as error:
        code = Code.FAILED if error.errno is None else _SYSTEM.get(error.errno, Code.FAILED)
        raise JournalError(Trouble(code, f"{error.filename or path}: {error.strerror or error}")) from error
    except BellSpoilt as error:
        raise JournalError(Trouble(Code.CORRUPT, str(error))) from error


def _code_of(error: sqlite3.Error, path: Path) -> Code:
    number = getattr(error, "sqlite_errorcode", None)
    if number is None:
        return Code.FAILED
    primary = number & _PRIMARY
    if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return _refusal(path)
    return _SQLITE.get(primary, Code.FAILED)


def _refusal(path: Path) -> Code:
    """SQLite does not say why it may not write: the disk, or the rights."""
    read_only = getattr(os, "ST_RDONLY", 0)
    if read_only and os.statvfs(path.parent).f_flag & read_only:
        return Code.READ_ONLY
    for one in (path, path.parent):
        if one.exists() and not os.access(one, os.W_OK):
            return Code.NOT_ALLOWED
    return Code.FAILED
