"""Hand a kill to a guard that runs: it is connected already. Said once, without waiting, before our own first strike.

Nothing depends on it: whether a guard hears it or not, the kill goes its own way, and which of the two closes is the
closer's lock to decide. It must never import what is not already in the interpreter, wait, or raise.
"""

from __future__ import annotations

import _socket

SOCKET = "guard.sock"  # engine.guard.control has the other end (tests/cli/test_warm_guard.py)


def hand_over(state_folder: str, reason: str, logins: list[str]) -> bool:
    """Tell the guard of this state folder to kill these logins (none named: all of its own). False: nobody heard."""
    if not hasattr(_socket, "AF_UNIX"):
        return False
    words = [reason, *logins]
    line = "kill " + " ".join(word.encode("utf-8", "replace").hex() for word in words) + "\n"
    try:
        guard = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            guard.setblocking(False)
            guard.connect(f"{state_folder}/{SOCKET}")
            return guard.send(line.encode()) == len(line)
        finally:
            guard.close()
    except (OSError, ValueError):
        return False
