"""Does a test fail when a line is wrong? Changes modules in every small way there is, one by one, and runs the tests.

    python scripts/mutants.py                                      all of engine.core, with the tests of tests/core
    python scripts/mutants.py python/engine/core/limits.py         one module (or folder)
    python scripts/mutants.py python/engine/core/limits.py tests/core/test_limits.py      with these tests only
    python scripts/mutants.py python/engine/journal/chain.py       of another part, with the tests of that part

Prints the changes that no test noticed, and a table; exit 1 if there is one that `tests/mutants.toml` does not explain.
Nothing on disk is touched: each change lives in a process of its own, in memory. `JOBS=2` runs two at once.

A change inside a function is put into a copy of a process that has loaded all the tests (mutants_quick.py). A change
outside of functions is seen while its module is loaded, so the tests are loaded anew for it: that is done here.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis  # noqa: F401  loaded once, for all the copies
import pytest
from mutant_changes import Mutant, mutants
from mutants_quick import OPTIONS, Findings, in_a_copy, judge_quickly, module_of

ROOT = Path(__file__).resolve().parent.parent
CORE = "python/engine/core"
SEARCHES = ("tests/core/kill/test_machine_laws.py", "tests/core/kill/test_any_event.py")
"""They take minutes and notice by luck: what they alone would notice counts as not noticed."""
JOBS = int(os.environ.get("JOBS", "1"))
SECONDS_MAX = 120  # of processor time, for one loading of the tests


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed code for one module."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code = module, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=self._code.co_filename)

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._code.co_filename
        exec(self._code, module.__dict__)


def noticed(mutant: Mutant, files: Sequence[str]) -> bool:
    """Load everything anew with the change, and run these tests."""

    def work() -> int:
        sys.meta_path.insert(0, Finder(module_of(mutant.path), mutant.code()))
        return int(pytest.main(["-x", *OPTIONS, *files]))

    _, status = os.waitpid(in_a_copy(work, SECONDS_MAX), 0)
    return status != 0


def judge_slowly(waiting: dict[int, Mutant], findings: Findings) -> None:
    """The test file named like the module first, then the one that noticed the last change, then the rest."""
    last = ""
    for number, mutant in waiting.items():
        own = f"test_{Path(mutant.path).stem}.py"
        near = users(mutant.path)
        files = [
            file
            for file, reached in findings.reached.items()
            if Path(file).name == own or not reached or not near.isdisjoint(reached) or imports(file, mutant.path)
        ]  # who reaches nothing looks at values only
        files.sort(key=lambda file: (file != last, Path(file).name != own, findings.seconds[file]))
        findings.noticed[number] = False
        for some in (files[:1], files[1:3], files[3:]):
            if some and noticed(mutant, some):
                findings.noticed[number], last = True, some[0]
                break
        else:
            print(f"  ? {mutant}", file=sys.stderr, flush=True)


@cache
def users(path: str) -> frozenset[str]:
    """The module and those of its part that import it: whoever reaches none of them does not see its values."""
    return frozenset([path, *(file for file in _files(part_of(path)) if imports(file, path))])


def part_of(path: str) -> Path:
    """The folder of `engine` that it is in: core, wire, journal, …"""
    return Path(*Path(path).parts[: len(Path(CORE).parts)])


@cache
def imports(file: str, path: str) -> bool:
    return f"from {module_of(path)} import " in Path(file).read_text(encoding="utf-8")


def main(*arguments: str) -> int:
    os.chdir(ROOT)
    os.environ["QE_MUTANTS"] = "1"  # tests/conftest.py: no shrinking
    tests = [each for each in arguments if each.startswith("tests")]
    paths = [file for each in arguments if each not in tests for file in _files(Path(each))]
    paths = paths or _files(Path(CORE))
    parts = sorted({part_of(path) for path in paths})
    tests = [*(tests or [str(Path("tests") / part.name) for part in parts]), *(f"--ignore={each}" for each in SEARCHES)]
    changes = [mutant for path in paths for mutant in mutants(Path(path).read_text(encoding="utf-8"), path)]
    findings = judge_quickly(changes, [file for part in parts for file in _files(part)], tests, JOBS)
    if findings is None:
        print("the tests fail as it is")
        return 2
    judge_slowly({n: each for n, each in enumerate(changes) if n not in findings.noticed}, findings)
    return report(paths, changes, findings)


def _files(path: Path) -> list[str]:
    return [str(path)] if path.is_file() else [str(file) for file in sorted(path.rglob("*.py"))]


def report(paths: Sequence[str], changes: Sequence[Mutant], findings: Findings) -> int:
    known = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8"))
    rows = []
    for path in paths:
        of_path = [(n, each) for n, each in enumerate(changes) if each.path == path]
        survived = [each for n, each in of_path if not findings.noticed[n]]
        explained = [each for each in survived if each.key in known.get(path, {})]
        used = {each.key for each in explained}
        for each in survived:
            if each not in explained:
                print(each)
        for key in known.get(path, {}):
            if key not in used:
                print(f"{path}: explained, but noticed or not there: {key}")
        rows.append((path, len(of_path), len(of_path) - len(survived), len(explained), len(survived) - len(explained)))
    total = ("all", *(sum(row[column] for row in rows) for column in range(1, 5)))
    print(f"{'':50}{'changes':>9}{'noticed':>9}{'explained':>11}{'open':>6}")
    for row in (*rows, total) if len(rows) > 1 else rows:
        print(f"{row[0]:50}{row[1]:9}{row[2]:9}{row[3]:11}{row[4]:6}")
    return 1 if total[4] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
