"""Where files go for which there is no better place. Nothing is tried out and nothing raises: the answer is the same
for every process of a user, on a full disk too, so that what one has left another finds.

Used on the kill's way to its first byte: it imports nothing that the interpreter has not loaded already.
"""

from __future__ import annotations

import os
import stat
import sys

IN_MEMORY = "/dev/shm"  # noqa: S108 – what it holds has 0700


def temporary_folder() -> str:
    """This user's folder for temporary files, as the platform names it."""
    named = os.environ.get("TMPDIR") or os.environ.get("TEMP") or os.environ.get("TMP")
    return os.path.abspath(named or "/tmp")  # noqa: S108 – what it holds has 0700


def own_temporary_folder() -> str:
    """A folder of ours in it, which other users do not share."""
    return os.path.join(temporary_folder(), _ours())


def own_memory_folder() -> str | None:
    """A folder of ours that needs no disk, and is gone when the machine is started again. None: there are none here."""
    return os.path.join(IN_MEMORY, _ours()) if os.path.isdir(IN_MEMORY) else None


def _ours() -> str:
    user = str(os.geteuid()) if sys.platform != "win32" else os.environ.get("USERNAME", "user")
    return f"quant-engine-{user}"


def make_private(folder: str | os.PathLike[str]) -> None:
    """Make a folder, and those above it that are missing, for this user alone. Raises OSError."""
    path = os.path.abspath(folder)
    try:
        os.mkdir(path, 0o700)
    except FileNotFoundError:
        above = os.path.dirname(path)
        if os.path.isdir(above):
            raise  # /proc and the like take no folders, and say this
        make_private(above)
        make_private(path)
    except OSError:
        if not os.path.isdir(path):
            raise


def perhaps_anothers(folder: str | os.PathLike[str]) -> str | None:
    """The folder on the way to this one that another user may have put there, or put things into: it lies where
    everybody may write, and is not this user's (or root's) alone. None: there is none.
    """
    if sys.platform == "win32":
        return None  # each user has a folder for temporary files there
    path = os.path.abspath(folder)
    while path != os.path.dirname(path):
        above = os.path.dirname(path)
        try:
            if os.stat(above).st_mode & stat.S_IWOTH and not _ours_or_roots(os.lstat(path)):
                return path
        except OSError:
            pass  # it is not there yet, or whoever wants to use it is told
        path = above
    return None


def _ours_or_roots(found: os.stat_result) -> bool:
    if not stat.S_ISDIR(found.st_mode):
        return False
    as_temporary = found.st_uid == 0 and bool(found.st_mode & stat.S_ISVTX)  # what is in it is looked at by itself
    closed = not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return as_temporary or (closed and found.st_uid in (0, os.geteuid()))
