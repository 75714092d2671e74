"""Is TWS still answering, or silent? What the reads of one connection hear, in the order in which they were asked.

TWS answers in order. So a read may wait as long as rows of its own answer come, or of one to an earlier question. What
comes of a later one shows the contrary: it has been passed over. Pure: the time is an argument.
"""

from __future__ import annotations

from collections import deque

SLOW_S_MAX = 60.0  # a read takes no longer, whatever comes: rows for ever are no answer
KEPT_MAX = 64


class Progress:
    """Numbers reads as they are sent, and knows when an answer to one of them, or to an earlier one, last went on."""

    __slots__ = ("_moved", "_sent")

    def __init__(self) -> None:
        self._sent = 0
        self._moved: deque[tuple[int, float]] = deque(maxlen=KEPT_MAX)  # both grow: what is later in both is left out

    def sent(self) -> int:
        """One more read is with the socket: its number."""
        self._sent += 1
        return self._sent

    def moved(self, number: int, now: float) -> None:
        """A new row of its answer has come, or the end."""
        while self._moved and self._moved[-1][0] >= number:
            self._moved.pop()
        self._moved.append((number, now))

    def moved_at(self, number: int) -> float:
        """When that was last so of it, or of a read before it; 0: never."""
        return max((at for each, at in self._moved if each <= number), default=0.0)
