"""One guard for a state folder: a lock of the operating system, which dies with its holder.

A second guard would harm nothing (limits act once, the closer's lock is one), but a person would be called twice.
"""

from __future__ import annotations

import os
from pathlib import Path

from engine.journal.oslock import exclude
from engine.temporary import make_private

FILE = "guard.lock"


class OnlyOne:
    """Held as long as this object is. Raises OSError where the folder cannot be written."""

    def __init__(self, home: Path) -> None:
        make_private(home)
        self._descriptor = os.open(home / FILE, os.O_RDWR | os.O_CREAT, 0o600)
        self.held = exclude(self._descriptor)

    def release(self) -> None:
        os.close(self._descriptor)
