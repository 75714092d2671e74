"""Lines for standard output and standard error, without ever waiting for whoever should take them.

A stopped terminal (Ctrl-S), a full pipe, a closed window or a disk that hangs blocks whoever writes to it. So lines go
into a bounded queue, and a thread of its own writes them, past Python's buffers, whose locks would keep the program
from ending; whoever speaks goes on at once. When the queue is full lines are dropped and counted: a kill that nobody
can watch is still a kill. What standard output does not take is told to standard error. It must never raise into its
caller or hold up the exit for long, and speaking must be safe in a signal handler.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from functools import cache

LINES_MAX = 10_000
OUT, ERR = 1, 2


class Voice:
    """Writes lines in their order. `lines_max`: so many wait at most."""

    def __init__(self, lines_max: int = LINES_MAX) -> None:
        self._lines_max = lines_max
        self._lines: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()  # its put may be interrupted by itself
        self._said = 0
        self._written = 0
        self.dropped = 0
        self._untaken = 0
        threading.Thread(target=self._write_all, name="voice", daemon=True).start()

    def say(self, text: str, fd: int = OUT) -> None:
        """Put out one line, or several."""
        if self._said - self._written >= self._lines_max:
            self.dropped += 1
            return
        self._said += 1
        self._lines.put((fd, text.encode("utf-8", "replace") + b"\n"))

    def finish(self, patience_s: float) -> bool:
        """Wait until everything is written, or no longer than this. False: something was not."""
        until = time.monotonic() + patience_s
        while self._written < self._said and time.monotonic() < until:
            time.sleep(0.002)
        return self._written == self._said and not self.dropped and not self._untaken

    def _write_all(self) -> None:
        while True:
            self._write(*self._lines.get())
            self._written += 1

    def _write(self, fd: int, whole: bytes) -> None:
        data = whole
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                time.sleep(0.02)  # somebody made the terminal non-blocking, and it is full
            except OSError:  # the window or the pipe is gone, or its disk is full: the next line may find room again
                self._untaken += 1
                if fd == OUT:  # the verdict is worth more than where it belongs
                    self._write(ERR, whole)
                return


@cache
def shared_voice() -> Voice:
    """One for the process: its thread lives as long, however often a kill is pressed."""
    return Voice()
