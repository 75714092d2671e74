"""A week of trading leaves the guard's memory where it was: `days.py` says what happens in it.

Short: seven days of a few minutes, with the machine asleep in between. `QE_WEEK=7`: so many whole days (each about a
quarter of an hour). A month: `make soak`.
"""

from __future__ import annotations

import os
from pathlib import Path

from guard.days import DAY_S, WEEK, lived

WHOLE = int(os.environ.get("QE_WEEK") or 0)
GROWTH_BYTES_MAX = 150_000  # beside what the journal keeps; the guard holds more than ten times as much


def test_a_week_leaves_memory_where_it_was(tmp_path: Path) -> None:
    week = lived(tmp_path, WHOLE or WEEK, DAY_S if WHOLE else 0.0)
    assert max(week.tasks) == week.tasks[0]
    assert max(week.threads) == week.threads[0]
    assert week.grown_bytes < GROWTH_BYTES_MAX, week.sizes
