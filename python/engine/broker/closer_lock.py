"""One closer per login and per account on this machine: an operating-system lock that a dead holder loses at once.

The file is only a handle for the lock, and a note for people about who holds it; what it says is never believed.
The directory is shared by all users, so links are refused and nobody needs to own the file. Must never block.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from enum import Enum
from hashlib import sha256
from pathlib import Path
from weakref import WeakSet

import msgspec

NOTE_BYTES = 512
_LOCKED_BYTE = 1 << 20  # on Windows, where a lock keeps others from reading: far behind the note
_LOOPBACK = frozenset({"", "localhost", "localhost.localdomain", "ip6-localhost", "::", "::1", "0.0.0.0"})  # noqa: S104


class LockState(Enum):
    TAKEN = "taken"
    BUSY = "busy"  # another living process (or another kill in this one) holds it
    UNAVAILABLE = "unavailable"  # no lock can be had on this machine: nobody can be excluded


class LockAnswer(msgspec.Struct, frozen=True):
    """`text`: who holds it, or why there is no lock."""

    state: LockState
    text: str = ""


class CloserLock:
    """The lock with the name `key`. `take` may be repeated; `release` is always safe."""

    def __init__(self, key: str, note: str, directory: Path | None = None) -> None:
        self._directory = directory or shared_directory()
        self.path = self._directory / f"{key}.lock"
        self._note = note
        self._fd: int | None = None
        self._pid = 0

    @property
    def held(self) -> bool:
        return self._fd is not None and self._pid == os.getpid()  # a fork inherits the file, not the right

    def take(self) -> LockAnswer:
        """Take the lock if it is free."""
        if self.held:
            return LockAnswer(LockState.TAKEN)
        try:
            fd = self._open()
        except OSError as error:
            return LockAnswer(LockState.UNAVAILABLE, f"{self.path}: {error.strerror or error}")
        try:
            if not _lock(fd):
                holder = _read_note(fd)
                os.close(fd)
                return LockAnswer(LockState.BUSY, holder)
        except OSError as error:
            os.close(fd)
            return LockAnswer(LockState.UNAVAILABLE, f"{self.path}: {error.strerror or error}")
        self._fd, self._pid = fd, os.getpid()
        _write_note(fd, f"process {self._pid}, {self._note}")
        _HELD.add(self)
        return LockAnswer(LockState.TAKEN)

    def release(self) -> None:
        """Give the lock back. The file stays: removing it could split one lock into two."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _open(self) -> int:
        _prepare(self._directory)
        flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            fd = os.open(self.path, flags)  # without O_CREAT: in a sticky directory that fails on others' files
        except FileNotFoundError:
            fd = self._create(flags)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            os.close(fd)
            raise OSError(errno.EPERM, "is not a plain file of its own; remove it")
        return fd

    def _create(self, flags: int) -> int:
        try:
            fd = os.open(self.path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:  # somebody was faster; it is theirs and ours alike
            return os.open(self.path, flags)
        if sys.platform != "win32":
            os.fchmod(fd, 0o666)  # whatever the umask: other users' kills must be able to lock it
        return fd


def login_key(host: str, port: int) -> str:
    """The file name that stands for a login. All names of this machine's loopback are one host."""
    name = host.strip().rstrip(".").lower()
    if name in _LOOPBACK or _is_loopback(name):
        name = "loopback"
    return f"{_file_name(name)}-{port}"


def account_key(account: str, home: str = "") -> str:
    """The file name that stands for a broker account. No host name has an underscore here.

    Who works from a home of its own (a drill, a test) is in a world of its own: simulated accounts share their names.
    """
    world = f"{sha256(home.encode()).hexdigest()[:16]}_" if home else ""
    return f"account_{world}{_file_name(account.strip().lower())}"


def shared_directory() -> Path:
    """One directory for all users and processes, whatever TMPDIR says in each of them."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA") or os.environ.get("TEMP") or "C:/Temp") / "quant-engine-locks"
    return Path("/tmp/quant-engine-locks")  # noqa: S108 shared on purpose; links are refused, nothing in it is believed


def _file_name(text: str) -> str:
    """The text itself where it is harmless in every file system."""
    plain = all(char.isascii() and (char.isalnum() or char in ".-") for char in text)
    return text if plain and len(text) <= 100 else sha256(text.encode()).hexdigest()[:32]


def _is_loopback(name: str) -> bool:
    try:
        packed = socket.inet_pton(socket.AF_INET, name)
    except OSError:
        return name.startswith("::ffff:127.")
    return packed[0] == 127


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

    def _lock(fd: int) -> bool:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _release_in_child() -> None:
    """A forked child shares the open file and would keep the lock alive after its parent's death."""
    for lock in tuple(_HELD):
        lock.release()


_HELD: WeakSet[CloserLock] = WeakSet()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)


def _read_note(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    text = os.read(fd, NOTE_BYTES).decode("utf-8", "replace")
    return "".join(char if char.isprintable() else " " for char in text).strip() or "an unnamed process"


def _write_note(fd: int, text: str) -> None:
    """For people only: a full disk must not cost the lock."""
    try:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, text.encode()[:NOTE_BYTES])
    except OSError:
        return
