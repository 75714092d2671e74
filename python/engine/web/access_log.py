"""Who came in, who was refused, and who pressed what: one JSON line each, beside the journal's own record of what was
changed. Must never hold a password, a token or a cookie, and never keep anything from happening: it is written on a
thread of its own, and a line that finds no room is not written.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

FILE = "access.jsonl"
BYTES_MAX = 5_000_000
WAITING_MAX = 1000


class AccessLog:
    """The file, and one before it."""

    def __init__(self, folder: Path, wall_ns: Callable[[], int]) -> None:
        self._path = folder / FILE
        self._wall_ns = wall_ns
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None

    def note(self, what: str, who: str, address: str, **more: str) -> None:
        line = msgspec.json.encode({"at_ns": self._wall_ns(), "what": what, "who": who[:100], "from": address, **more})
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
            self._thread.start()

    def settle(self) -> None:
        """Wait until everything is written."""
        self._lines.join()

    def _run(self) -> None:
        while True:
            line = self._lines.get()
            with contextlib.suppress(OSError):
                self._write(line)
            self._lines.task_done()

    def _write(self, line: bytes) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size > BYTES_MAX:
            self._path.replace(self._path.with_suffix(".old.jsonl"))
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(line + b"\n")
