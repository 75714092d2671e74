"""Can this machine's clock be believed? Pure: the readings are arguments.

Restrictions end at a time of day, so a clock that jumps could end one early. The order of records never depends on it.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Doubt(Enum):
    """Why a clock is not believed."""

    BEHIND_RECORDS = "behind_records"  # something is recorded that happens later than now
    JUMPED = "jumped"  # it moved by another amount than the time that passed


class Reading(msgspec.Struct, frozen=True):
    """The clock on the wall, and one that only counts what passes (and, where there is one, also while asleep)."""

    wall_ns: int
    passed_ns: int


def doubts(now: Reading, *, since: Reading | None, recorded_ns_max: int, tolerance_ns: int) -> tuple[Doubt, ...]:
    """What speaks against the clock. `since`: an earlier reading of the same process; None at the first.

    `recorded_ns_max`: the latest time in the journal (`JournalState.at_ns_max`).
    """
    found = []
    if recorded_ns_max - now.wall_ns > tolerance_ns:
        found.append(Doubt.BEHIND_RECORDS)
    if since is not None:
        drift_ns = (now.wall_ns - since.wall_ns) - (now.passed_ns - since.passed_ns)
        if abs(drift_ns) > tolerance_ns:
            found.append(Doubt.JUMPED)
    return tuple(found)
