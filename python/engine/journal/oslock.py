"""Locks of the operating system on an open file, exclusive or shared. They never wait, and die with their holder.

One platform beside the other, and nothing else. A shared lock is exclusive on Windows, which has no other.
"""

from __future__ import annotations

import os
import sys
import time

if sys.platform == "win32":
    import msvcrt

    def exclude(fd: int) -> bool:
        """Take it for oneself; False: somebody has it."""
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def share(fd: int) -> bool:
        """There are no shared locks: senders pass one after the other, each for microseconds."""
        give_up_at = time.monotonic() + 0.1
        while not exclude(fd):
            if time.monotonic() >= give_up_at:
                return False
        return True

    def release(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

    def is_free(fd: int) -> bool:
        """Nobody holds it at this moment. Who tries to take it just then is told that somebody does."""
        if not exclude(fd):
            return False
        release(fd)
        return True

else:
    import fcntl

    _EXCLUSIVE, _SHARED = fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_SH | fcntl.LOCK_NB
    _RELEASE = fcntl.LOCK_UN

    def exclude(fd: int) -> bool:
        try:
            fcntl.flock(fd, _EXCLUSIVE)
        except BlockingIOError:
            return False
        return True

    def share(fd: int) -> bool:
        """Asked before every order, so that nothing is called in between."""
        try:
            fcntl.flock(fd, _SHARED)
        except BlockingIOError:
            return False
        return True

    def release(fd: int) -> None:
        fcntl.flock(fd, _RELEASE)

    def is_free(fd: int) -> bool:
        if not share(fd):  # shared: several who look at once do not take each other for the holder
            return False
        release(fd)
        return True
