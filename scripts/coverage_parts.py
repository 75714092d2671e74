"""How much of each part do its own tests take? Runs the tests of one part after the other, watched, and prints a table.

    python scripts/coverage_parts.py                  wire, journal, broker, trading, gateway and guard: some minutes
    python scripts/coverage_parts.py journal guard    those
    python scripts/coverage_parts.py wire --missing   and the lines and branches that no test of the part takes

Processes that the tests start count too; what SIGKILL ends does not. Exit 1 if a part is below 95 %, or its tests fail.
What engine.core's tests take is `make coverage`, and complete.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("wire", "journal", "broker", "trading", "gateway", "guard")
SETTINGS = ROOT / "scripts" / "coverage_parts.toml"
LEAST_PCT = 95.0


def measured(part: str, place: Path, *, missing: bool) -> bool:
    """Run the tests of `part` and print its row. True: they pass, and take enough of it."""
    environment = os.environ | {"COVERAGE_FILE": str(place / part), "COVERAGE_RCFILE": str(SETTINGS)}
    command = [sys.executable, "-m", "coverage", "run", f"--rcfile={SETTINGS}", "-m", "pytest", f"tests/{part}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    watched = Coverage(data_file=str(place / part), config_file=str(SETTINGS))
    watched.combine([str(place)])
    said = io.StringIO()
    pct = watched.report(include=[str(ROOT / "python" / "engine" / part / "*")], file=said, show_missing=missing)
    total = said.getvalue().strip().splitlines()[-1].split()
    state = "" if pct >= LEAST_PCT else f"  below {LEAST_PCT:.0f} %"
    if done.returncode:
        state += "  its tests fail"
        print(done.stdout[-2000:], file=sys.stderr)
    if missing:
        print(said.getvalue())
    print(f"{part:10}{total[1]:>8}{total[2]:>8}{total[3]:>10}{total[4]:>9}{pct:8.1f} %{state}", flush=True)
    return done.returncode == 0 and pct >= LEAST_PCT


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help="folders of python/engine with tests of the same name")
    parser.add_argument("--missing", action="store_true", help="what is not taken, file by file")
    arguments = parser.parse_args()
    print(f"{'PART':10}{'LINES':>8}{'MISSED':>8}{'BRANCHES':>10}{'PARTLY':>9}{'TAKEN':>10}")
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder:
        found = []
        for part in arguments.parts or PARTS:
            place = Path(folder) / part
            place.mkdir()
            found.append(measured(part, place, missing=arguments.missing))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
