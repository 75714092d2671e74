"""How far another clock is from ours, by what it told when it was asked. Pure.

An answer says what time it was at some moment between the question and its arrival: on a slow link, or where this
process stood still, that is long ago. So each answer gives two bounds, and several together narrower ones.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class ToldTime:
    """Offsets are the other clock's time minus ours, in nanoseconds. It tells whole seconds."""

    offset_ns: int | None = None  # at least; None: it has told nothing
    _offset_max_ns: int = 0

    @property
    def late_ns(self) -> int:
        """How much more than `offset_ns` it may be, beside the second that is not told."""
        return 0 if self.offset_ns is None else max(self._offset_max_ns - self.offset_ns - SECOND_NS, 0)

    def heard(self, unix_s: int, *, asked_ns: int, now_ns: int) -> None:
        """It told `unix_s` at some moment from `asked_ns` to `now_ns`. What contradicts all before was set anew."""
        least_ns = unix_s * SECOND_NS - now_ns
        most_ns = (unix_s + 1) * SECOND_NS - min(asked_ns, now_ns)
        if self.offset_ns is not None and least_ns <= self._offset_max_ns and self.offset_ns <= most_ns:
            least_ns, most_ns = max(least_ns, self.offset_ns), min(most_ns, self._offset_max_ns)
        self.offset_ns, self._offset_max_ns = least_ns, most_ns
