"""The log of a program that runs on: lines on standard output, written by a thread, for who reads them may stand still.

A log file's disk may hang, and a pipe may have a reader that reads no more. Then lines wait, up to a bound, and are
counted beyond it. Must never hold up who logs, nor keep the program from ending.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

LINES_MAX = 1_000
END_S_MAX = 1.0


class LogLines:
    """`write` takes a whole line; it may wait for as long as it likes, and fail with OSError or ValueError."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or _print
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def log(self, text: str) -> None:
        """Have it written, with the time of now."""
        stamp = datetime.now(UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        lost = f" ({self._lost} lines before this one are lost: the log was not taken)" if self._lost else ""
        try:
            self._lines.put_nowait(f"{stamp}  {text}{lost}\n")
        except queue.Full:
            self._lost += 1
        else:
            self._lost = 0

    def end(self) -> None:
        """Write what is left, but do not wait long for it."""
        try:
            self._lines.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(END_S_MAX)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(line)
            except (OSError, ValueError):  # nobody takes it, or it is closed: there is nowhere to say so
                continue


def _print(line: str) -> None:
    """Past Python's own buffer, whose lock a thread that stands still would keep: the program could not end then."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError):  # something else stands in its place
        sys.stdout.write(line)
        sys.stdout.flush()
        return
    data = line.encode("utf-8", "replace")
    while data:
        data = data[os.write(descriptor, data) :]
