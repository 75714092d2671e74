"""Speak to the operator without ever waiting for the terminal.

A stopped terminal (Ctrl-S), a full pipe or a closed window blocks whoever writes to it. So lines go into a bounded
queue, and a thread of its own writes them; whoever speaks goes on at once. When the queue is full lines are dropped and
counted: a kill that nobody can watch is still a kill. What standard output does not take is told to standard error. It
must never raise into its caller or hold up the exit for long, and speaking must be safe in a signal handler.
"""

from __future__ import annotations

import os
import queue
import threading
import time

LINES_MAX = 10_000
OUT, ERR = 1, 2


class Voice:
    """Lines for standard output and standard error, written in order by a thread."""

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()  # its put may be interrupted by itself
        self._said = 0
        self._written = 0
        self.dropped = 0
        self._closed: set[int] = set()
        threading.Thread(target=self._write_all, name="voice", daemon=True).start()

    def say(self, text: str, fd: int = OUT) -> None:
        """Put out one line, or several."""
        if self._said - self._written >= LINES_MAX:
            self.dropped += 1
            return
        self._said += 1
        self._lines.put((fd, text.encode("utf-8", "replace") + b"\n"))

    def finish(self, patience_s: float) -> bool:
        """Wait until everything is written, or no longer than this. False: something was not."""
        until = time.monotonic() + patience_s
        while self._written < self._said and time.monotonic() < until:
            time.sleep(0.002)
        return self._written == self._said and not self.dropped and not self._closed

    def _write_all(self) -> None:
        while True:
            self._write(*self._lines.get())
            self._written += 1

    def _write(self, fd: int, whole: bytes) -> None:
        data = whole
        while data and fd not in self._closed:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                time.sleep(0.02)  # somebody made the terminal non-blocking, and it is full
            except OSError:
                self._closed.add(fd)  # the window or the pipe is gone, or its disk is full
        if data and fd == OUT:  # the verdict is worth more than where it belongs
            self._write(ERR, whole)
