"""Today's profit or loss as a line: what the guard knew of it, kept in small files, for whoever draws it.

A line of JSON every ten seconds, in a file for each day of UTC; the newest few are kept. They may be lost without harm,
so nothing is ever forced to the disk; and a disk that hangs holds up one thread and no more. Nothing is decided by
them. Must never keep a value that nobody knew: a gap is a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from engine.core.limit_rules import Limit
from engine.core.limit_views import LimitsView
from engine.temporary import make_private
from engine.trading.daemons import Daemons

FOLDER = "day-lines"
EVERY_S = 10.0
KEPT_FILES = 3  # a trading day has a part in two days of UTC at most
FILE_BYTES_MAX = 32_000_000
SAMPLES_MAX = 2 * 8640  # of a login
POINTS_MAX = 720  # of a line that is drawn: more than a phone has pixels
GAP_S = 60  # between two samples: nobody knew anything meanwhile
SECOND_NS = 1_000_000_000
Sample = tuple[int, float]
"""When, in Unix seconds, and how much."""
NOTHING: deque[Sample] = deque(maxlen=0)


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One moment, as it stands in a file."""

    at_s: int
    values: dict[str, float]


def profit(view: LimitsView | None) -> float | None:
    """The loss that the daily limit counts, with the other sign; None: nobody knows it now."""
    if view is None or view.stale:
        return None
    found = next((one.loss for one in view.limits if one.limit is Limit.DAILY), None)
    return None if found is None else -float(found)


class DayLines:
    """The guard's side: writes down what `look` knows, every ten seconds."""

    def __init__(
        self, home: Path, look: Callable[[], Mapping[str, LimitsView | None]], wall_ns: Callable[[], int]
    ) -> None:
        self._folder = home / FOLDER
        self._look = look
        self._wall_ns = wall_ns
        self._daemons = Daemons()
        self._writing: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(EVERY_S)

    def sample(self) -> None:
        """Now. While the disk does not answer there is none."""
        known = {name: value for name, view in self._look().items() if (value := profit(view)) is not None}
        if known and (self._writing is None or self._writing.done()):
            line = Line(self._wall_ns() // SECOND_NS, known)
            self._writing = asyncio.get_running_loop().run_in_executor(self._daemons, keep, self._folder, line)


def keep(folder: Path, line: Line) -> None:
    """Add a line. One that finds no room is not kept."""
    path = folder / time.strftime("%Y%m%d.jsonl", time.gmtime(line.at_s))
    with contextlib.suppress(OSError):
        new = not path.exists()
        if new:
            make_private(folder)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            if file.tell() < FILE_BYTES_MAX:
                file.write(msgspec.json.encode(line) + b"\n")
        if new:
            for old in _files(folder)[:-KEPT_FILES]:
                old.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.jsonl"))


class Kept:
    """The reader's side: what the files have, read on where it left off. Threads may call it at the same time."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER
        self._read: dict[str, int] = {}
        self._samples: dict[str, deque[Sample]] = {}
        self._reading = threading.Lock()

    def refresh(self) -> None:
        """Read what is new. Whoever finds that another thread reads leaves it to that."""
        if not self._reading.acquire(blocking=False):
            return
        try:
            with contextlib.suppress(OSError):
                for path in _files(self._folder)[-KEPT_FILES:]:
                    self._take(path)
        finally:
            self._reading.release()

    def of(self, name: str, since_s: int) -> list[Sample]:
        """A login's samples from then on, the oldest first, in the order of their times."""
        return [one for one in self._samples.get(name, NOTHING).copy() if one[0] >= since_s]

    def last(self, name: str, since_s: int) -> Sample | None:
        """A login's newest sample from then on."""
        samples = self._samples.get(name)
        return samples[-1] if samples and samples[-1][0] >= since_s else None

    def _take(self, path: Path) -> None:
        begun = self._read.get(path.name, 0)
        if path.stat().st_size <= begun:
            return
        with path.open("rb") as file:
            file.seek(begun)
            data = file.read(FILE_BYTES_MAX)
        whole = data[: data.rfind(b"\n") + 1]  # the last line may be half there
        self._read[path.name] = begun + len(whole)
        for one in whole.splitlines():
            with contextlib.suppress(msgspec.DecodeError):
                line = msgspec.json.decode(one, type=Line)
                for name, value in line.values.items():
                    samples = self._samples.get(name)
                    if samples is None:
                        self._samples[name] = deque([(line.at_s, value)], maxlen=SAMPLES_MAX)
                    elif line.at_s > samples[-1][0]:  # a clock that was set back tells nothing twice
                        samples.append((line.at_s, value))


def drawn(samples: Sequence[Sample]) -> list[tuple[int, float | None]]:
    """What a picture of them needs: no more points than it can show, and None where nobody knew for a while."""
    points: list[tuple[int, float | None]] = []
    for run in _runs(samples):
        if points:
            points.append((points[-1][0] + 1, None))
        points += thinned(run, max(2, POINTS_MAX * len(run) // len(samples)))
    return points


def _runs(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Stretches in which each sample follows the one before."""
    runs: list[list[Sample]] = []
    for one in samples:
        if runs and one[0] - runs[-1][-1][0] <= GAP_S:
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def thinned(samples: Sequence[Sample], most: int) -> list[Sample]:
    """No more than that many, the first and the last among them, and of each stretch between the lowest and the
    highest: a drop of ten seconds must not vanish.
    """
    if len(samples) <= most:
        return list(samples)
    inner, stretches = samples[1:-1], (most - 2) // 2
    kept = [samples[0]]
    for number in range(stretches):
        stretch = inner[number * len(inner) // stretches : (number + 1) * len(inner) // stretches]
        kept += sorted({min(stretch, key=lambda one: one[1]), max(stretch, key=lambda one: one[1])})
    return [*kept, samples[-1]]
