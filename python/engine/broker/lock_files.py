"""Files in one directory that all users of this machine share, and exclusive locks of the operating system on them.

A lock belongs to the open file, so it dies with its process. Links are refused, nobody needs to own a file, and
nothing that a file says is believed to grant anything. Must never block.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

NOTE_BYTES = 512
_LOCKED_BYTE = 1 << 20  # on Windows, where a lock keeps others from reading: far behind what is written


def shared_directory() -> Path:
    """One directory for all users and processes, whatever TMPDIR says in each of them."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA") or os.environ.get("TEMP") or "C:/Temp") / "quant-engine-locks"
    return Path("/tmp/quant-engine-locks")  # noqa: S108 shared on purpose; links are refused, nothing in it is believed


def open_shared(path: Path) -> int:
    """Open a file that every user may lock, made where it is missing. Raises OSError."""
    _prepare(path.parent)
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(path, flags)  # without O_CREAT: in a sticky directory that fails on others' files
    except FileNotFoundError:
        fd = _create(path, flags)
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(fd)
        raise OSError(errno.EPERM, "is not a plain file of its own; remove it")
    return fd


def is_still(fd: int, path: Path) -> bool:
    """Whether the name still means the open file: a cleaner of old files may have taken it away."""
    try:
        return os.path.samestat(os.fstat(fd), path.lstat())
    except OSError:
        return False


def read_note(fd: int) -> str:
    """Who is said to hold the lock, fit for a terminal."""
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, NOTE_BYTES).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text).strip() or "an unnamed process"


def write_note(fd: int, text: str) -> None:
    """For people only. Whatever stood in the file is gone. A full disk must not cost the lock."""
    try:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, text.encode()[:NOTE_BYTES])
    except OSError:
        return


def _create(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:  # somebody was faster; it is theirs and ours alike
        return os.open(path, flags)
    if sys.platform != "win32":
        os.fchmod(fd, 0o666)  # whatever the umask: other users' kills must be able to lock it
    return fd


def _prepare(directory: Path) -> None:
    """Make the directory, open to every user; refuse one that is a link or a file."""
    try:
        directory.mkdir(mode=0o777)
        directory.chmod(0o1777)
    except FileExistsError:
        if not stat.S_ISDIR(directory.lstat().st_mode):
            raise OSError(errno.ENOTDIR, "the lock directory is not a directory; remove what is there") from None


if sys.platform == "win32":
    import msvcrt

    def try_lock(fd: int) -> bool:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

    def unlock(fd: int) -> None:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def try_lock(fd: int) -> bool:
        """Take the lock if it is free; again is harmless. Raises OSError where there are no locks."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)
