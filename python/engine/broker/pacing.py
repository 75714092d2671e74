"""How many messages one connection may send now: a sliding window below TWS's limit of 50 a second.

A third breach of that limit ends the session, so the window is a little longer than a second and the budget a little
below 50. Cancels have a part of the budget that nothing else may use. Pure: the time is an argument.
"""

from __future__ import annotations

from collections import deque

RATE_MAX = 45  # messages in any window, whatever they are
RESERVE = 5  # of those, kept for cancels
WINDOW_S = 1.05  # bytes of two windows may come closer together on their way
_EARLY_S = 1e-6  # a timer may fire this much early by rounding
RATE_AFTER_BREACH = 20  # once TWS has complained (error 100), it counts differently than we do


class Pacer:
    """Counts what was sent in the last window."""

    __slots__ = ("_rate_max", "_sent", "_unheard")

    def __init__(self) -> None:
        self._sent: deque[float] = deque()
        self._unheard = 0  # of those, the last so many were sent since TWS was last heard
        self._rate_max = RATE_MAX

    def free(self, now: float, *, urgent: bool = False) -> int:
        """How many messages may be sent now."""
        while self._sent and self._sent[0] + WINDOW_S <= now + _EARLY_S:
            self._sent.popleft()
        return max(0, self._limit(urgent) - len(self._sent))

    def free_at(self, now: float, *, urgent: bool = False) -> float:
        """When the next message may be sent."""
        if self.free(now, urgent=urgent):
            return now
        return self._sent[len(self._sent) - self._limit(urgent)] + WINDOW_S

    def spend(self, now: float) -> None:
        """One message was sent."""
        self._sent.append(now)
        self._unheard += 1

    def heard(self, now: float) -> None:
        """TWS has said something: what was sent since it did so before may have arrived only now, held up on its way
        together with what follows. TWS counts what arrives. A longer silence than the window holds nothing back: TWS
        may hear us although we do not hear it.
        """
        late = min(self._unheard, len(self._sent))
        for _ in range(late):
            self._sent.pop()
        self._sent.extend([now] * late)
        self._unheard = 0

    def slow_down(self) -> None:
        """TWS has complained: stay well below for the rest of the session."""
        self._rate_max = RATE_AFTER_BREACH

    def _limit(self, urgent: bool) -> int:
        return self._rate_max if urgent else self._rate_max - RESERVE
