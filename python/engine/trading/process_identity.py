"""Is the process of this number still the one that wrote it down? Numbers are used again; a start is not.

Where the system does not tell when a process began, the answer is that nobody knows, which is never a yes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PS_S_MAX = 5.0
_START_FIELD = 19  # of /proc/PID/stat behind the name in parentheses: when it began, in ticks since the machine did


def identity(pid: int, *, platform: str = sys.platform) -> str:
    """When this process began, as its system spells it; empty: there is none, or nobody knows."""
    if pid <= 0 or platform == "win32":
        return ""
    return _from_proc(pid) if platform == "linux" else _from_ps(pid)


def runs(pid: int) -> bool:
    """A process has this number, as far as can be seen without touching it: where a signal of nothing ends a process,
    all of them do.
    """
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's: it is there
        return True
    return sys.platform != "linux" or bool(identity(pid))


def _from_proc(pid: int) -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    if len(fields) <= _START_FIELD or fields[0] == "Z":
        return ""  # a zombie is nobody any more
    return f"{boot} {fields[_START_FIELD]}"


def _from_ps(pid: int) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - a number, and nothing that anybody has typed
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=PS_S_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
