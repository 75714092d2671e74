"""That a journal has been begun here, said beside its folder: who removes the folder does not make every halt in it
forgotten by programs that are started afterwards.

Only that there was one, and nothing of what is in it. A program that finds this and no journal treats it as missing,
which refuses what adds risk, until the right folder is back or a person begins anew (`qe journal repair`).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TEXT = """\
A journal of quant-engine was begun in the folder beside this file. As long as this file is here, no program begins
another one without being told: halts that bind may be in the one that was there. To begin anew on purpose:
qe journal repair --reason TEXT
"""


def leave(folder: Path) -> None:
    """Said once. Where it cannot be, as on a full disk, the next program tries."""
    path = _path(folder)
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            os.write(fd, _TEXT.encode())
            os.fsync(fd)
        finally:
            os.close(fd)


def was_left(folder: Path) -> bool:
    return _is_there(_path(folder))


def has_begun(folder: Path) -> bool:
    """There is something of a journal, or there has been: to find none of it there is not to find nothing recorded."""
    return was_left(folder) or any(_is_there(folder / name) for name in ("journal.db", "bell", "archive"))


def _is_there(path: Path) -> bool:
    """Who may not look does not know that it is not there."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.begun")
