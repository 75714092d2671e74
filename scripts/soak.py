"""A month in the life of a guard, in virtual time: is its memory where it was?

    make soak                                  # prints the figures: some minutes
    python scripts/soak.py --record FILE       # … and keeps them there, for docs/evidence.md

What happens in it is in tests/guard/days.py: every day trades, a lost link, an engine that falls silent, a halt and its
end, a restart of TWS. Exit 1 if memory, tasks or threads have grown.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from guard.days import DAY_S, lived  # noqa: E402 tests are found beside the program, wherever it is called from
from load import keep  # noqa: E402
from run_all import here  # noqa: E402

DAYS, AWAKE_MINUTES = 30, 20.0
GROWTH_BYTES_MAX = 150_000


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=DAYS, help=f"so many (default: {DAYS})")
    parser.add_argument("--minutes", type=float, default=AWAKE_MINUTES, help="of each day, lived through at least")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the figures there")
    arguments = parser.parse_args()
    began, load = time.monotonic(), round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        os.environ.update(QE_HOME=folder, QE_INCIDENT_LOG=f"{folder}/incidents.md", QE_SIMULATED_WORLD=folder)
        month = lived(Path(folder), arguments.days, arguments.minutes * 60)
    figures = {
        **here(),
        "load_before": load,
        "took_s": round(time.monotonic() - began),
        "days": arguments.days,
        "awake_minutes": arguments.minutes,
        "simulated_days": round(month.loop.time() / DAY_S, 1),
        "orders": month.orders,
        "second_day_bytes": month.sizes[1],
        "last_day_bytes": month.sizes[-1],
        "most_bytes": max(month.sizes[1:]),
        "bytes_by_day": month.sizes,
        "tasks": [month.tasks[0], max(month.tasks)],
        "threads": [month.threads[0], max(month.threads)],
    }
    print(json.dumps(figures, indent=1))
    if arguments.record is not None:
        keep(arguments.record, "soak", figures)
    same = max(month.tasks) == month.tasks[0] and max(month.threads) == month.threads[0]
    return 0 if same and month.grown_bytes < GROWTH_BYTES_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
