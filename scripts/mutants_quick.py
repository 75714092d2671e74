"""Changes inside functions: the tests are loaded once, watched for the lines each reaches, and then copied per change.

In a copy the function gets its changed code in place, and the tests that reach its line run, first those that noticed
changes before.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType

import coverage
import pytest
from _pytest.runner import runtestprotocol
from mutant_changes import Mutant

ROOT = Path(__file__).resolve().parent.parent
MEMORY_MAX = 4 << 30
SURVIVED, NOTICED = 0, 1
OPTIONS = ("-q", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")


class Findings:
    """What is known of each change, by its number; of each file with tests, how long it takes and what it reaches."""

    def __init__(
        self, noticed: Sequence[tuple[int, bool]], seconds: dict[str, float], reached: dict[str, list[str]]
    ) -> None:
        self.noticed, self.seconds, self.reached = dict(noticed), seconds, reached


def module_of(path: str) -> str:
    return path.removeprefix("python/").removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def in_a_copy(work: Callable[[], int], seconds_max: float) -> int:
    """Do it in a copy of this process. An endless run ends by itself, and not with 0."""
    pid = os.fork()
    if pid:
        return pid
    quiet = os.open(os.devnull, os.O_WRONLY)
    if "MUTANTS_LOUD" not in os.environ:
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    signal.setitimer(signal.ITIMER_PROF, seconds_max)
    status = 70
    try:
        status = work()
    finally:
        os._exit(status)


def judge_quickly(changes: Sequence[Mutant], paths: Sequence[str], tests: Sequence[str], jobs: int) -> Findings | None:
    """Judge what can be judged this way; what is not in the findings is left. None: a test fails as things are."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        pid = os.fork()
        if pid == 0:
            plugin = Loaded(changes, paths, jobs)
            pytest.main([*OPTIONS, *tests], plugins=[plugin])
            found = plugin.findings
            if found is not None:
                answer.write_text(json.dumps([list(found.noticed.items()), found.seconds, found.reached]))
            os._exit(0)
        os.waitpid(pid, 0)
        return Findings(*json.loads(answer.read_text())) if answer.exists() else None


class Loaded:
    """A plugin: pytest loads the tests, then this takes over."""

    def __init__(self, changes: Sequence[Mutant], paths: Sequence[str], jobs: int) -> None:
        self.changes, self.paths, self.jobs = changes, paths, jobs
        self.findings: Findings | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        if not session.testsfailed and session.items and self._watch():
            self._judge()
        return True

    def _watch(self) -> bool:
        """Run every test once as things are: which lines does it reach, and how long does it take?"""
        self.findings = Findings((), {}, {})
        self.seconds: list[float] = []
        watching = coverage.Coverage(
            data_file=None, include=[str(ROOT / path) for path in self.paths], config_file=False
        )
        watching.start()
        for number, item in enumerate(self.items):
            watching.switch_context(str(number))
            before = time.process_time()
            if not passes(item):
                print(f"{item.nodeid} fails as it is")
                self.findings = None
                break
            self.seconds.append(time.process_time() - before)
            file = item.nodeid.split("::")[0]
            self.findings.seconds[file] = self.findings.seconds.get(file, 0) + self.seconds[-1]
            self.findings.reached.setdefault(file, [])
        watching.stop()
        data = watching.get_data()
        self.reached: dict[str, dict[int, set[int]]] = {}
        for path in self.paths:
            lines = data.contexts_by_lineno(str(ROOT / path))
            self.reached[path] = {line: {int(name) for name in names if name} for line, names in lines.items()}
            for number in set().union(*self.reached[path].values()):
                of_file = self.findings.reached[self.items[number].nodeid.split("::")[0]]
                if path not in of_file:
                    of_file.append(path)
        return self.findings is not None

    def _judge(self) -> None:
        functions: dict[str, list[FunctionType]] = {module_of(path): [] for path in self.paths}
        for each in gc.get_objects():
            if hasattr(type(each), "cache_clear") and each.__module__ in functions:
                each.cache_clear()  # what it remembers was said by the function as it was
            elif isinstance(each, FunctionType) and each.__module__ in functions:
                functions[each.__module__].append(each)
        places = {path: Places((ROOT / path).read_text(encoding="utf-8")) for path in self.paths}
        self.order: list[int] = []
        gc.freeze()  # the copies share what is here
        running: dict[int, tuple[int, int]] = {}
        for number, mutant in enumerate(self.changes):
            first, last = places[mutant.path].around(mutant.line)
            lines = self.reached[mutant.path]
            tests = set().union(*(lines.get(line, set()) for line in range(first, last + 1)))
            if tests and fits(functions[module_of(mutant.path)], mutant.code()):
                if len(running) >= self.jobs:
                    self._end(running)
                reader, writer = os.pipe()
                work = self._work(mutant, functions[module_of(mutant.path)], self._ordered(tests), writer)
                running[in_a_copy(work, 600)] = number, reader
                os.close(writer)
        while running:
            self._end(running)

    def _ordered(self, tests: set[int]) -> list[int]:
        before = [test for test in self.order if test in tests][:30]
        return before + sorted(tests - set(before), key=lambda test: self.seconds[test])

    def _work(
        self, mutant: Mutant, functions: Sequence[FunctionType], tests: Sequence[int], writer: int
    ) -> Callable[[], int]:
        def work() -> int:
            put_in(functions, mutant.code())
            for test in tests:
                signal.setitimer(signal.ITIMER_PROF, 5 + 10 * self.seconds[test])
                if not passes(self.items[test]):
                    os.write(writer, str(test).encode())
                    return NOTICED
            return SURVIVED

        return work

    def _end(self, running: dict[int, tuple[int, int]]) -> None:
        pid, status = os.wait()
        number, reader = running.pop(pid)
        said = os.read(reader, 20)
        os.close(reader)
        self.findings.noticed[number] = status != SURVIVED
        if status == SURVIVED:
            print(f"  ? {self.changes[number]}", file=sys.stderr, flush=True)
        if said:
            test = int(said)
            self.order = [test, *(each for each in self.order if each != test)]


def passes(item: pytest.Item) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def put_in(functions: Sequence[FunctionType], code: CodeType) -> None:
    """Give every function its changed code. Where it is the same code nothing changes."""
    for function, new in _pairs(functions, code):
        function.__code__ = new


def fits(functions: Sequence[FunctionType], code: CodeType) -> bool:
    """Can they take it? Not one that needs fewer names from around it than before: where `super()` is gone, say."""
    return all(new.co_freevars == function.__code__.co_freevars for function, new in _pairs(functions, code))


def _pairs(functions: Sequence[FunctionType], code: CodeType) -> Iterator[tuple[FunctionType, CodeType]]:
    changed = {(each.co_qualname, each.co_firstlineno): each for each in _codes(code)}
    for function in functions:
        new = changed.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
        if new is not None:
            yield function, new


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class Places:
    """Where in a module the bodies of its functions are, and the statements in them."""

    def __init__(self, source: str) -> None:
        tree = ast.parse(source)
        functions = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
        self._spans = sorted(
            {_span(each) for function in functions for each in ast.walk(function) if _is_inside(each, function)},
            key=lambda span: span[1] - span[0],
        )

    def around(self, line: int) -> tuple[int, int]:
        """The first and last line of the smallest statement here; an empty span outside of functions."""
        return next(((first, last) for first, last in self._spans if first <= line <= last), (1, 0))


def _is_inside(each: ast.AST, function: ast.AST) -> bool:
    return isinstance(each, ast.stmt | ast.match_case) and each is not function


def _span(each: ast.AST) -> tuple[int, int]:
    """Of what holds a block, only its head."""
    first = each.pattern.lineno if isinstance(each, ast.match_case) else each.lineno
    body = getattr(each, "body", None)
    last = body[0].lineno - 1 if body else each.end_lineno
    return first, max(first, last)
