"""The message limit of one connection: so many in a second, an error beyond, and the third breach ends the session.

Pure: the time comes in. A client that asked for pace mode (+PACEAPI) is slowed down instead of refused.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

import msgspec

WINDOW_NS = 1_000_000_000


class PacingRule(msgspec.Struct, frozen=True):
    """`messages_max` in any second (None: no limit); the `breaches_max`-th second above it disconnects."""

    messages_max: int | None = 50
    breaches_max: int = 3


class Pace(Enum):
    TAKE = "take"
    REFUSE = "refuse"  # error 100, the message is not looked at
    IGNORE = "ignore"  # a further message of a breach already answered
    DISCONNECT = "disconnect"


class Pacer:
    """Counts the messages of one connection."""

    def __init__(self, rule: PacingRule) -> None:
        self.rule = rule
        self._arrivals: deque[int] = deque()
        self._breach_ends_ns = 0
        self.breaches = 0
        self.received = 0

    def judge(self, now_ns: int) -> Pace:
        """Count one message that arrived now."""
        self.received += 1
        if self.rule.messages_max is None:
            return Pace.TAKE
        if now_ns < self._breach_ends_ns:
            return Pace.IGNORE
        while self._arrivals and self._arrivals[0] <= now_ns - WINDOW_NS:
            self._arrivals.popleft()
        if len(self._arrivals) < self.rule.messages_max:
            self._arrivals.append(now_ns)
            return Pace.TAKE
        self.breaches += 1
        self._breach_ends_ns = self._arrivals[0] + WINDOW_NS
        return Pace.DISCONNECT if self.breaches >= self.rule.breaches_max else Pace.REFUSE

    def wait_ns(self, now_ns: int) -> int:
        """How long a client in pace mode must wait before its next message is taken; counts it as taken then."""
        if self.rule.messages_max is None:
            return 0
        at_ns = now_ns
        if len(self._arrivals) >= self.rule.messages_max:
            at_ns = max(now_ns, self._arrivals[-self.rule.messages_max] + WINDOW_NS)
        self._arrivals.append(at_ns)
        while self._arrivals[0] <= now_ns - WINDOW_NS:
            self._arrivals.popleft()
        return at_ns - now_ns
