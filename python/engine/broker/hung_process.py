"""Ends the process that holds a lock: the last resort, for one that stopped with an order half handed over.

Only where the operating system itself says which process that is, and only by a handle that means this very process
and no later one of the same number. What files or people say about it counts for nothing. Must never end a process on
a guess, nor this one: then the answer is False, and a person has to do it.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def end_holder_of(fd: int) -> bool:
    """End whoever holds the exclusive lock of the open file `fd`, if that is certain and permitted."""
    return sys.platform == "linux" and any(_end(pid, fd) for pid in _candidates(os.fstat(fd).st_ino))


def _candidates(inode: int) -> set[int]:
    """Processes that may hold a lock on a file of this number; of some other file system's, perhaps."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return set()
    words = [line.split() for line in lines]  # 1: FLOCK ADVISORY WRITE 4711 08:01:1234 0 EOF
    found = {int(of[4]) for of in words if of[1] == "FLOCK" and of[5].rpartition(":")[2] == str(inode)}
    return {pid for pid in found if pid > 0 and pid != os.getpid()}  # others are beyond what this process can see


def _end(pid: int, fd: int) -> bool:
    """The handle first: if the process is another one by now, what holds the lock is not it, and nothing is ended."""
    if sys.platform != "linux":
        return False
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not any(_locks(entry, pid, fd) for entry in Path(f"/proc/{pid}/fd").iterdir()):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:  # gone meanwhile, or another user's
        return False
    finally:
        os.close(handle)
    return True


def _locks(entry: Path, pid: int, fd: int) -> bool:
    """Is this open file of the process the file in question, and is it the one that carries the lock?"""
    try:
        if not os.path.samestat(entry.stat(), os.fstat(fd)):
            return False
        said = Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text(encoding="ascii")
    except OSError:
        return False
    locks = [line.split() for line in said.splitlines() if line.startswith("lock:")]
    return any(of[2] == "FLOCK" and of[4] == "WRITE" and of[5] == str(pid) for of in locks)
