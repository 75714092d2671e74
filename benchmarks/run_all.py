"""Run the benchmarks one after the other, each with its peers, and end with one table of everything that is required.

    python benchmarks/run_all.py [NAME ...] [--record FILE]

NAME: only these (`kill` for bench_kill.py). `--record`: keep the tables in a file, of which `make performance` makes a
page; benchmarks that did not run keep what they have there. Ends with 1 when a requirement is missed or a benchmark
could not measure.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _table import ROWS_FILE, Row, verdict

HERE = Path(__file__).resolve().parent
ALL = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def main() -> int:
    parser = argparse.ArgumentParser(description="Every benchmark, each beside its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these: {', '.join(ALL)}")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the tables, for docs/performance.md")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in ALL]
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(ALL)}")
    recorded = {name: run(name) for name in arguments.names or ALL}
    print("\n".join(summary(recorded)))
    if arguments.record is not None:
        keep(arguments.record, recorded)
    return int(any(missed(one) for one in recorded.values()))


def run(name: str) -> dict[str, Any]:
    """One benchmark in a process of its own, its output shown as it comes; what it has measured, and where."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows"
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        print(f"--- {name}\n", flush=True)
        code = subprocess.run(
            [sys.executable, str(HERE / f"bench_{name}.py")], env={**os.environ, ROWS_FILE: str(rows)}, check=False
        ).returncode
        print(flush=True)
        tables = [json.loads(line) for line in rows.read_text("utf-8").splitlines()] if rows.exists() else []
    return {"exit": code, "tables": tables, "load_before": load, **here()}


def here() -> dict[str, str]:
    """When, of what, on what."""
    return {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": commit(),
        "machine": machine(),
        "python": platform.python_version(),
    }


def commit() -> str:
    """Of the tree that was measured; with a `+` where it holds more than that commit."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "../python", ".")
        return git("rev-parse", "--short", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {cores} cores, {platform.system()}"


def required(one: dict[str, Any]) -> list[Row]:
    rows = [Row(**row) for table in one["tables"] for row in table["rows"]]
    return [row for row in rows if row.at_most is not None]


def missed(one: dict[str, Any]) -> bool:
    return not one["tables"] or any(row.missed for row in required(one))


def summary(recorded: dict[str, dict[str, Any]]) -> list[str]:
    """One line for each requirement of all benchmarks."""
    width = max([len(row.what) for one in recorded.values() for row in required(one)], default=0)
    lines = ["Everything that is required, in this run", ""]
    for name, one in recorded.items():
        if not one["tables"]:
            lines.append(f"{name:<11} NOT MEASURED: its words are above")
        for row in required(one):
            lines.append(f"{name:<11} {row.what:<{width}}  {row.measured:>8.3g}  ≤ {row.at_most:<6.3g} {verdict(row)}")
    counted = [row for one in recorded.values() for row in required(one)]
    lines += ["", f"{len(counted)} requirements, {sum(row.missed for row in counted)} missed"]
    return lines


def keep(place: Path, recorded: dict[str, dict[str, Any]]) -> None:
    """What could not be measured does not take the place of what was."""
    before = json.loads(place.read_text("utf-8")) if place.exists() else {}
    measured = {name: one for name, one in recorded.items() if one["tables"]}
    place.write_text(json.dumps({**before, **measured}, indent=1, ensure_ascii=False, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
