"""Kill a child at a chosen system call, so that it can be done at every one of them. Linux alone.

The child is forked and traced: it stops before and after each system call it makes, and is killed at the stop with the
number that the test chose. What it does between two system calls leaves no trace outside of it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

import pytest

_TRACEME, _SYSCALL, _KILL = 0, 24, 8
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

needs_tracing = pytest.mark.skipif(_libc is None, reason="traces a child as Linux does")


def killed_at(stop: int, work: Callable[[int], None]) -> tuple[bool, bytes]:
    """Run `work`, which writes what it acknowledges to the descriptor it is given, and kill it at a stop.

    Whether it was killed (False: it made fewer calls and ended by itself), and what it had acknowledged.
    """
    hear, say = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(say, work)
    os.close(say)
    killed = _trace(pid, stop)
    with os.fdopen(hear, "rb") as acknowledged:
        return killed, acknowledged.read()


def _child(say: int, work: Callable[[int], None]) -> None:
    code = 1
    try:
        assert _libc is not None
        if _libc.ptrace(_TRACEME, 0, None, None) != 0:
            os._exit(2)
        os.kill(os.getpid(), signal.SIGSTOP)
        work(say)
        code = 0
    finally:
        os._exit(code)


def _trace(pid: int, stop: int) -> bool:
    assert _libc is not None
    _, status = os.waitpid(pid, 0)
    if os.WIFEXITED(status):
        pytest.skip("this system allows no tracing")
    for _ in range(stop):
        _libc.ptrace(_SYSCALL, pid, None, None)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True
