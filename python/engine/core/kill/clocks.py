"""What time it is for trading hours: by TWS's word where it has told it, by this machine's clock before. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.kill.settings import SECOND, KillSettings
from engine.core.told_time import ToldTime

UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60))


def _readable(seconds: int) -> str:
    """In the largest unit of which there are at least two, whole."""
    unit, size = next(((unit, size) for unit, size in UNITS if seconds >= 2 * size), ("s", 1))
    return f"{seconds // size} {unit}"


@dataclass(slots=True)
class Clocks:
    """`wall_offset_ns` turns the driver's monotonic time into time since the Unix epoch."""

    settings: KillSettings
    wall_offset_ns: int
    _theirs: ToldTime = field(default_factory=ToldTime)
    _doubted: bool = False

    def heard(self, unix_s: int, now_ns: int, late_ns: int) -> str:
        """TWS knows the time better than this machine: from now on hours are judged by it. What to say if the two are
        apart, once; empty: nothing. It told that at most `late_ns` ago: so much this machine may seem to be ahead."""
        self._theirs.heard(unix_s, asked_ns=now_ns - late_ns, now_ns=now_ns)
        apart_ns = self.wall_offset_ns - (unix_s * SECOND - now_ns)
        limit_ns = self.settings.clock_apart_ns + SECOND  # the time is told in whole seconds
        if apart_ns - late_ns > limit_ns:
            apart_ns -= late_ns
            way = "ahead of"
        elif apart_ns < -limit_ns:
            way = "behind"
        else:
            return ""
        if self._doubted:
            return ""
        self._doubted = True
        apart = _readable(abs(apart_ns) // SECOND)
        return (
            f"this machine's clock is {apart} {way} TWS's: trading hours are judged by TWS's. "
            "Find out which of them is wrong, and set it."
        )

    def wall_s(self, now_ns: int) -> float:
        """Since the Unix epoch."""
        offset_ns = self.wall_offset_ns if self._theirs.offset_ns is None else self._theirs.offset_ns
        return (now_ns + offset_ns) / 1e9
