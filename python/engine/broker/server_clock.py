"""TWS's clock as one connection hears it: which question an answer may be to, and how long it was on its way.

TWS answers in order. An answer that was dropped leaves a question too many, and the next answer is taken for one to
an older question: it may then have been longer on its way than it was, never shorter.
"""

from __future__ import annotations

from collections import deque

from engine.core.told_time import SECOND_NS, ToldTime

LOST_S = 60.0  # a question that old is not answered any more


class ServerClock:
    """`began`: of the connection, by the loop's clock like every time here. Nothing was asked on it before."""

    __slots__ = ("_asked", "_last_asked", "_told", "late_s")

    def __init__(self, began: float) -> None:
        self._asked: deque[float] = deque()
        self._last_asked = began  # of the question that the last answer was to
        self._told = ToldTime()
        self.late_s = 0.0  # so long the last answer was on its way at most

    @property
    def told(self) -> bool:
        return self._told.offset_ns is not None

    @property
    def unsure_s(self) -> float:
        """How much later it may be than `now_s` says."""
        return self._told.late_ns / SECOND_NS

    def now_s(self, now: float) -> float | None:
        """In Unix seconds, good to a second (and `unsure_s`)."""
        return None if self._told.offset_ns is None else now + self._told.offset_ns / SECOND_NS

    def asked(self, now: float) -> None:
        while self._asked and self._asked[0] < now - LOST_S:
            self._asked.popleft()
        self._asked.append(now)

    def heard(self, time_s: int, now: float) -> None:
        """What nobody asked for may be the answer to the last question once more."""
        if self._asked:
            self._last_asked = self._asked.popleft()
        self.late_s = max(now - self._last_asked, 0.0)
        asked_ns, now_ns = int(self._last_asked * SECOND_NS), int(now * SECOND_NS)
        self._told.heard(time_s, asked_ns=asked_ns, now_ns=now_ns)
