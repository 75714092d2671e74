"""What has passed through the gateway: counts and latencies of one login. Data, and no clock of its own."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

import msgspec

SAMPLES_MAX = 2_000
PASSED = "orders passed"


class ClientLine(msgspec.Struct, frozen=True):
    """One connected client, as the status shows it."""

    client_id: int | None
    peer: str
    version: int
    waiting: int = 0


class LoginLine(msgspec.Struct, frozen=True, kw_only=True):
    """One login, as the status shows it. `waiting_for`: why nothing that adds risk passes; empty: it may."""

    name: str
    port: int
    tws: str
    waiting_for: str
    state: str  # what restricts the login, in words; empty: nothing does
    clients: tuple[ClientLine, ...]
    counts: dict[str, int]
    refused: dict[str, int]
    order_us: dict[str, int]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All of a gateway, at one moment."""

    pid: int
    at_ns: int
    since_ns: int
    shadow: bool
    missing: dict[str, str]  # a guard, a journal: and what that means
    logins: tuple[LoginLine, ...]


class Tally:
    """Of one login, since the gateway has run."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._order_s: deque[float] = deque(maxlen=SAMPLES_MAX)

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] += number

    def refuse(self, rules: Iterable[str]) -> None:
        """An order was refused by these rules, or in shadow mode would have been."""
        self.refused.update(rules)

    def passed(self, seconds: float) -> None:
        """An order has left, as long after it came."""
        self.counts[PASSED] += 1
        self._order_s.append(seconds)

    def took(self, seconds: float) -> None:
        """From an order's arrival to its bytes' leaving."""
        self._order_s.append(seconds)

    def order_us(self) -> dict[str, int]:
        """How long orders were held, in microseconds; empty while there were none."""
        ranked = sorted(self._order_s)
        if not ranked:
            return {}
        places = {"p50": 0.5, "p99": 0.99, "max": 1.0}
        return {name: int(ranked[min(int(len(ranked) * part), len(ranked) - 1)] * 1e6) for name, part in places.items()}
