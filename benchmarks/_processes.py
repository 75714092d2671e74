"""Start a process, pin it to a core, and learn what it cost: when it began, how long it took, how much memory it had.

The measuring process must stay small and idle itself: the system counts what a process held before it became another
program as that program's memory, and whatever runs beside the measured one is measured with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
RUN_TIMEOUT_S = 120.0
PRIORITY = -10


class MeasurementFailed(Exception):
    """A run did not do what was to be measured; the text has its last words."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core serves and which is measured; None where they cannot be told apart."""

    server: int | None
    measured: int | None


def choose_cores() -> Cores:
    """The first core for the server and the last for what is measured, where processes can be pinned."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    cores = sorted(os.sched_getaffinity(0))
    return Cores(cores[0], cores[-1]) if len(cores) > 1 else Cores(None, None)


def move_to(core: int | None) -> None:
    """Run here from now on, together with everything that is started from here."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def go_first() -> None:
    """Take precedence over what else runs on this machine, where that is allowed; all contenders inherit it alike."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)


def is_busy() -> bool:
    """Has somebody else been using more than a core lately?"""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 1.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that has run. Times are of the system's monotonic clock, which all processes share."""

    began_ns: int
    ended_ns: int
    memory_bytes: int

    @property
    def wall_ns(self) -> int:
        return self.ended_ns - self.began_ns


def run(command: list[str], environ: Mapping[str, str], output: Path) -> Finished:
    """Run a command to its end; it must end well. Its output goes to a file, so that nobody waits for a reader."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    began_ns = time.monotonic_ns()
    pid = os.posix_spawn(command[0], command, environ, file_actions=streams)
    watchdog = threading.Timer(RUN_TIMEOUT_S, os.kill, (pid, signal.SIGKILL))
    watchdog.start()
    _, status, usage = os.wait4(pid, 0)
    ended_ns = time.monotonic_ns()
    watchdog.cancel()
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        said = output.read_text(errors="replace")[-2000:]
        raise MeasurementFailed(f"{' '.join(command)}\nended with {code}:\n{said}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Finished(began_ns, ended_ns, usage.ru_maxrss * unit)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a measuring server saw of one run, by login. `flat`: no position and no working order is left in truth."""

    first_cancel_ns: dict[str, int]
    last_close_ns: dict[str, int] = field(default_factory=dict)
    closes: dict[str, int] = field(default_factory=dict)
    flat: bool = True


class Server:
    """A measuring server of this folder in a process of its own, on the core it was started on."""

    def __init__(self, script: str, *arguments: str) -> None:
        self._script = script
        command = [sys.executable, str(HERE / script), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asks, self._answers = self._process.stdin, self._process.stdout
        self.ports: dict[str, int] = self._read()

    def take(self) -> Seen:
        """What it has seen since the last time."""
        self._asks.write(b"\n")
        self._asks.flush()
        return Seen(**self._read())

    def _read(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise MeasurementFailed(f"{self._script} has ended with {self._process.wait()}")
        seen: dict[str, Any] = json.loads(line)
        return seen

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asks.close()  # it ends with its input
        self._process.wait(10)
        self._answers.close()
