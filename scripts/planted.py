"""Is every safeguard tested? Plants one bug after another in a copy of the tree, and looks whether it is found.

    python scripts/planted.py                        every bug of tests/safeguards, with the tests it names
    python scripts/planted.py journal two-reads      those of one subject, or single ones
    python scripts/planted.py two-reads --with tests/core/kill             with other tests than those it names
    python scripts/planted.py --torture 2000         with `qe torture` instead: up to so many kills for each
    python scripts/planted.py --page                 writes docs/safeguards.md

Exit 0 if every bug is found, 1 if one is not or cannot be planted, 2 if the tests fail as it is. `JOBS=2` tries two at
once. The tree itself is only read: each job has a copy of its own, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from safeguards.catalogue import SUBJECTS, Bug, bugs  # noqa: E402
from safeguards.page import PAGE, page  # noqa: E402

JOBS = int(os.environ.get("JOBS", "1"))
SECONDS_MAX = 120  # for the tests of one bug
SEEDS = Path("scripts/planted_seeds.py")
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Finding:
    """What came of one bug. `by`: the test or the seed that found it, or why it was not found."""

    bug: Bug
    found: bool
    by: str
    seconds: float = 0.0


class Copy:
    """The tree in a place of its own, where a bug can be planted."""

    def __init__(self, place: Path) -> None:
        self.place = place
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, place / name)

    @contextmanager
    def planted(self, bug: Bug) -> Iterator[None]:
        sources = bug.planted(self.place)
        before = {path: (self.place / path).read_text(encoding="utf-8") for path in sources}
        try:
            self._write(sources)
            yield
        finally:
            self._write(before)

    def _write(self, sources: dict[Path, str]) -> None:
        for path, source in sources.items():
            (self.place / path).write_text(source, encoding="utf-8")
            # the compiled one is only known by time and size, and two changes may have both in common
            Path(importlib.util.cache_from_source(str(self.place / path))).unlink(missing_ok=True)

    def run(self, *command: str, seconds_max: float) -> subprocess.CompletedProcess[str] | None:
        """Run it here; None: it did not end in time."""
        environment = os.environ | {"PYTHONPATH": str(self.place / "python"), "QE_MUTANTS": "1"}
        try:
            return subprocess.run(
                [sys.executable, *command],
                cwd=self.place,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds_max,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None

    def tests(self, tests: Sequence[str], seconds_max: float) -> tuple[int | None, str]:
        """pytest's exit code and all it said."""
        options = ("-x", "--tb=line", "-rfE", "-p", "no:cacheprovider")
        done = self.run("-m", "pytest", *options, *tests, seconds_max=seconds_max)
        return (None, "") if done is None else (done.returncode, done.stdout + done.stderr)


def with_tests(copy: Copy, bug: Bug) -> tuple[bool, str]:
    programs = [str(path) for path in bug.paths if path.suffix == ".py"]
    if programs:
        undefined = copy.run("-m", "ruff", "check", "-q", "--select=F821,E9", *programs, seconds_max=60)
        if undefined is None or undefined.returncode != 0:
            return False, "it is no program: " + (undefined.stdout if undefined else "ruff did not end")
    found, by = noticed(copy, bug.tests)
    if found and bug.scenario:
        found, also = noticed(copy, (bug.scenario,))
        by = f"{by}, {also}" if found else f"{bug.scenario}: {also}"
    return found, by


def noticed(copy: Copy, tests: Sequence[str]) -> tuple[bool, str]:
    """Does one of these tests fail? Which one, or why not."""
    code, said = copy.tests(tests, SECONDS_MAX)
    if code is None:
        return False, f"its tests did not end in {SECONDS_MAX} s"
    if code == 0:
        return False, "no test failed"
    failed = FAILED.search(said)
    if code != 1 or failed is None:  # not even loaded: every test would notice that
        return False, f"the tests could not be run: {said[-500:]}"
    return True, failed.group(1)


def with_torture(copy: Copy, bug: Bug, kills: int) -> tuple[bool, str]:
    done = copy.run(str(SEEDS), str(kills), seconds_max=max(120.0, kills / 5))
    if done is None:
        return False, "torture did not end"
    if done.returncode:
        return False, f"torture could not be run: {done.stderr[-500:]}"
    broken = json.loads(done.stdout)
    if not broken:
        return False, f"nothing broke in {kills} kills"
    return True, f"seed {broken['seed']}: {', '.join(broken['names'])} after {broken['kills']} kills"


def tried(bug: Bug, copies: SimpleQueue[Copy], kills: int | None) -> Finding:
    copy = copies.get()
    began = time.monotonic()
    try:
        with copy.planted(bug):
            found, by = with_tests(copy, bug) if kills is None else with_torture(copy, bug, kills)
    except (OSError, SyntaxError, ValueError) as error:
        found, by = False, f"cannot be planted: {error}"
    finally:
        copies.put(copy)
    finding = Finding(bug, found, by, time.monotonic() - began)
    print(_row(finding), flush=True)
    return finding


def _row(finding: Finding) -> str:
    mark = "found" if finding.found else "NOT FOUND"
    return f"{finding.bug.subject:9}{finding.bug.name:44}{mark:11}{finding.seconds:6.1f} s  {finding.by}"


def chosen(names: Sequence[str]) -> list[Bug]:
    known = bugs()
    strange = [name for name in names if name not in SUBJECTS and name not in {bug.name for bug in known}]
    if strange:
        raise SystemExit(f"no such subject or bug: {', '.join(strange)}")
    return [bug for bug in known if not names or bug.name in names or bug.subject in names]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="subjects or bugs; all of them if none is named")
    parser.add_argument("--with", dest="tests", metavar="TESTS", help="these tests instead, for pytest")
    parser.add_argument("--torture", type=int, metavar="KILLS", help="look for them with qe torture")
    parser.add_argument("--page", action="store_true", help=f"write {PAGE}")
    arguments = parser.parse_args()
    if arguments.page:
        (ROOT / PAGE).write_text(page(bugs()), encoding="utf-8")
        return 0
    wanted = chosen(arguments.names)
    if arguments.torture is not None and not arguments.names:
        wanted = [bug for bug in wanted if bug.torture]
    if arguments.tests is not None:
        wanted = [msgspec.structs.replace(bug, tests=tuple(arguments.tests.split()), scenario="") for bug in wanted]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(JOBS):
            copies.put(Copy(Path(folder) / str(number)))
        if arguments.torture is None and not _sound(copies, wanted):
            return 2
        with ThreadPoolExecutor(JOBS) as pool:
            findings = list(pool.map(lambda bug: tried(bug, copies, arguments.torture), wanted))
    found = sum(finding.found for finding in findings)
    print(f"\n{found} of {len(findings)} planted bugs found, in {time.monotonic() - began:.0f} s")
    for finding in findings:
        if not finding.found:
            print(f"  not found: {finding.bug.name} ({finding.bug.safeguard}): {finding.by}")
    return 0 if found == len(findings) else 1


def _sound(copies: SimpleQueue[Copy], wanted: Sequence[Bug]) -> bool:
    """Without a bug every named test passes: only then does a failure say anything."""
    copy = copies.get()
    tests = list(dict.fromkeys(test for bug in wanted for test in (*bug.tests, bug.scenario) if test))
    code, said = copy.tests(tests, SECONDS_MAX * 10)
    copies.put(copy)
    if code != 0:
        print(f"the tests fail as it is:\n{said[-3000:]}", file=sys.stderr)
    return code == 0


if __name__ == "__main__":
    sys.exit(main())
