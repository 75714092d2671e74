"""When the button was pressed: when this process was started, as far as the system tells.

The interpreter takes a while before its first line is reached, and a person counts from the key. Linux tells to a
hundredth of a second when a process was started. One that was something else before (a shell that became this one) is
older than the press; what is older than a second counts as that.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

AGE_MAX_NS = 1_000_000_000
_START_FIELD = 19  # of /proc/self/stat behind the name: starttime, in clock ticks since the machine's start


def pressed_ns(reached_ns: int) -> int:
    """By the monotonic clock. `reached_ns`: when the first line of ours was reached, which holds where nothing else is
    known."""
    try:
        stat = Path("/proc/self/stat").read_bytes()
        ticks_per_s = os.sysconf("SC_CLK_TCK")
        boot_ns, now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.monotonic_ns()
    except (OSError, AttributeError, ValueError):
        return reached_ns  # not a Linux
    return started_ns(stat, ticks_per_s, boot_ns - now_ns, reached_ns)


def started_ns(stat: bytes, ticks_per_s: int, apart_ns: int, reached_ns: int) -> int:
    """`apart_ns`: how far the clock that counts from the machine's start is ahead of the monotonic one."""
    fields = stat.rpartition(b")")[2].split()
    if len(fields) <= _START_FIELD or not fields[_START_FIELD].isdigit() or ticks_per_s <= 0:
        return reached_ns
    # a tick is told when it is over at the latest: counted from its end, or the process would start before it did
    started = (int(fields[_START_FIELD]) + 1) * 1_000_000_000 // ticks_per_s - apart_ns
    return started if 0 <= reached_ns - started <= AGE_MAX_NS else reached_ns
