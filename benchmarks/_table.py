"""The table at the end of a benchmark: what is required beside what was measured, and the exit code that follows.

Where QE_BENCH_ROWS names a file, the table is added to it as a line of JSON: run_all.py puts them together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS_FILE = "QE_BENCH_ROWS"


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value. `at_most` is what is required of it; None: it is shown for comparison only."""

    what: str
    measured: float
    at_most: float | None
    of: str = ""

    @property
    def missed(self) -> bool:
        return self.at_most is not None and not self.measured <= self.at_most


def verdict(row: Row) -> str:
    """In a word; empty where nothing is required."""
    return "" if row.at_most is None else "MISSED" if row.missed else "ok"


def show(title: str, rows: Sequence[Row]) -> int:
    """Print the table; 1 when a requirement is missed, else 0."""
    width = max(len(row.what) for row in rows)
    print(f"{title}\n")
    print(f"{'':<{width}}  required  measured       ")
    for row in rows:
        required = "" if row.at_most is None else f"≤ {row.at_most:.3g}"
        print(f"{row.what:<{width}}  {required:>8}  {row.measured:>8.3g}  {verdict(row):<6} {row.of}")
    if place := os.environ.get(ROWS_FILE):
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"title": title, "rows": [asdict(row) for row in rows]}) + "\n")
    return int(any(row.missed for row in rows))
