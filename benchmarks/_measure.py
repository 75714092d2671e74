"""Timing several contenders fairly: they take turns in every round, so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """What one contender took in each round, in nanoseconds for one operation."""

    rounds_ns: tuple[float, ...]

    @property
    def median_ns(self) -> float:
        return statistics.median(self.rounds_ns)

    def share_of(self, other: Timing) -> float:
        """Our time divided by the other's, round by round; the median of that."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.rounds_ns, other.rounds_ns, strict=True))


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    *,
    operations: int,
    rounds: int,
    warm_up: int = 10,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, Timing]:
    """Time every contender once a round. One call of a contender does `operations` operations.

    Contenders that wait for nothing are best timed by `time.thread_time_ns`, which stands still while another program
    has the processor.
    """
    for _ in range(warm_up):
        for run in contenders.values():
            run()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            started_ns = clock()
            run()
            taken[name].append((clock() - started_ns) / operations)
    return {name: Timing(tuple(values)) for name, values in taken.items()}


def columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in (headings, *rows)) for place in range(len(headings))]
    lines = []
    for first, *others in (headings, *rows):
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
