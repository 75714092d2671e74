"""How often a password may be tried. Pure: time comes in. Bounded: strangers cannot make it grow."""

from __future__ import annotations

from collections import OrderedDict

SECOND_NS = 1_000_000_000
FREE = 5  # failures before anybody has to wait
FIRST_WAIT_NS = 2 * SECOND_NS  # doubles with each further failure
WAIT_NS_MAX = 300 * SECOND_NS
FORGET_AFTER_NS = 900 * SECOND_NS
KEYS_MAX = 4096


class Throttle:
    """Failures by key (an address, a name); after some of them each further try has to wait longer."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()  # how many, and when the last one was

    def wait_ns(self, keys: tuple[str, ...], now_ns: int) -> int:
        """How long until the next try is looked at; 0: now."""
        return max((self._wait_ns(key, now_ns) for key in keys), default=0)

    def failed(self, keys: tuple[str, ...], now_ns: int) -> None:
        for key in keys:
            count = self._count(key, now_ns)
            self._failures[key] = (count + 1, now_ns)
            self._failures.move_to_end(key)
        while len(self._failures) > KEYS_MAX:
            self._failures.popitem(last=False)

    def succeeded(self, keys: tuple[str, ...]) -> None:
        for key in keys:
            self._failures.pop(key, None)

    def _count(self, key: str, now_ns: int) -> int:
        count, last_ns = self._failures.get(key, (0, now_ns))
        return count if now_ns - last_ns < FORGET_AFTER_NS else 0

    def _wait_ns(self, key: str, now_ns: int) -> int:
        count = self._count(key, now_ns)
        if count < FREE:
            return 0
        wait_ns: int = min(WAIT_NS_MAX, FIRST_WAIT_NS << min(count - FREE, 20))
        return max(0, self._failures[key][1] + wait_ns - now_ns)
