"""One guard for a state folder: a lock of the operating system, which dies with its holder.

A second guard would harm nothing (limits act once, the closer's lock is one), but a person would be called twice.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.journal.oslock import exclude
from engine.temporary import make_private
from engine.trading.presence import LOCK

TRIES, PAUSE_S = 20, 0.005  # programs that look whether a guard lives hold it for microseconds


class OnlyOne:
    """Held as long as this object is. Raises OSError where the folder cannot be written."""

    def __init__(self, home: Path) -> None:
        make_private(home)
        self._descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        self.held = self._take()

    def _take(self) -> bool:
        for left in reversed(range(TRIES)):
            if exclude(self._descriptor):
                return True
            if left:
                time.sleep(PAUSE_S)
        return False

    def release(self) -> None:
        os.close(self._descriptor)
