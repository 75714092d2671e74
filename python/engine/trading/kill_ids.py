"""Names of kills: what a closing order bears, and by which of two kills the later one is known."""

from __future__ import annotations

import os
import time

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = len(_DIGITS) ** 2


def new_kill_id() -> str:
    """Short, in the order of the presses to the millisecond, and different for each: it becomes part of the closing
    orders' orderRef, and where no lock keeps two kills apart the later one gives way to the earlier one by it."""
    seconds, ms = divmod(time.time_ns() // 1_000_000, 1000)
    chance = int.from_bytes(os.urandom(2), "big") % _PAIRS
    return f"{time.strftime('%y%m%d%H%M%S', time.gmtime(seconds))}{_pair(ms)}{_pair(chance)}"


def _pair(number: int) -> str:
    """Two characters that sort as the numbers below `_PAIRS` do."""
    return _DIGITS[number // len(_DIGITS)] + _DIGITS[number % len(_DIGITS)]
