"""One direction of a connection in memory: bytes in order, perhaps late, in pieces, together, or never.

Every draw comes from the generator it is given, so the same seed carries the same bytes in the same way.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.simulator.transport import MemoryTransport

_GAP_S = 1e-6  # between two pieces of one write


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How a link carries bytes. The default is instant and whole."""

    latency_s: float = 0.0
    jitter_s: float = 0.0  # up to this much more, drawn for each write
    fragment_pct: float = 0.0  # chance that a write arrives in pieces
    coalesce_s: float = 0.0  # bytes wait for the next multiple of this, so that writes arrive together


class Pipe:
    """One direction: bytes in order, perhaps late, in pieces, or never."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: random.Random, conditions: Conditions) -> None:
        self._loop = loop
        self._rng = rng
        self._queue: deque[tuple[float, bytes | None]] = deque()  # None is the end of the stream
        self._last_due = 0.0
        self._timer: asyncio.Handle | None = None
        self.conditions = conditions
        self.source: MemoryTransport
        self.sink: MemoryTransport
        self.silent = False
        self.undelivered = 0

    def send(self, data: bytes | None) -> None:
        self.undelivered += len(data or b"")
        if self.silent:  # unacknowledged for ever: the sender's buffer fills, as with a dead peer
            return
        for piece in self._pieces(data):
            self._queue.append((self._due(), piece))
        self._schedule()

    def lag_s(self) -> float:
        """The delay one write meets now."""
        return self.conditions.latency_s + self._rng.uniform(0.0, self.conditions.jitter_s)

    def fall_silent(self) -> None:
        """From now on nothing arrives, not even what is under way."""
        self.silent = True
        self.clear()

    def clear(self) -> None:
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """The sink reads again."""
        self._schedule()

    def _pieces(self, data: bytes | None) -> Iterable[bytes | None]:
        if data is None or len(data) < 2 or self._rng.random() * 100 >= self.conditions.fragment_pct:
            return (data,)
        cuts = sorted(self._rng.sample(range(1, len(data)), min(len(data) - 1, self._rng.randint(1, 4))))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    def _due(self) -> float:
        due = self._loop.time() + self.lag_s()
        if self.conditions.coalesce_s > 0:
            due = (due // self.conditions.coalesce_s + 1) * self.conditions.coalesce_s
        gap = _GAP_S if self.conditions.fragment_pct else 0.0
        self._last_due = max(due, self._last_due + gap)
        return self._last_due

    def _schedule(self) -> None:
        if self._timer is None and self._queue and self.sink.is_open_for_data():
            self._timer = self._loop.call_at(self._queue[0][0], self._deliver)

    def _deliver(self) -> None:
        self._timer = None
        now = self._loop.time() + _GAP_S / 2  # a timer may fire half a nanosecond early
        due: list[bytes] = []
        ended = False
        while self._queue and self._queue[0][0] <= now and not ended:
            data = self._queue.popleft()[1]
            ended = data is None
            due.append(data or b"")
        arrived = b"".join(due)
        self.undelivered -= len(arrived)
        self.source.flushed()
        if arrived:
            self.sink.feed(arrived)
        if ended:
            self.sink.feed_eof()
        self._schedule()
