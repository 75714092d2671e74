"""Does a test fail when a line is wrong? Changes a module in every small way there is, one by one, and runs its tests.

    python scripts/mutants.py python/engine/core/limits.py tests/core/test_limits.py tests/core/test_risk_table.py

Prints the changes that no test noticed; exit 1 if there is one that `tests/mutants.toml` does not explain. Nothing on
disk is touched: each change lives in a process of its own, in memory.
"""

from __future__ import annotations

import ast
import importlib.abc
import importlib.machinery
import os
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import pytest

ROOT = Path(__file__).resolve().parent.parent
SECONDS_MAX = 90
SURVIVED = 0
SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add,),
    ast.FloorDiv: (ast.Mult,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
REMOVABLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Continue, ast.Return, ast.Raise)
Change: TypeAlias = tuple[ast.AST, str, Callable[[], None]]
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant:
    """One change: the whole source with it, and where it is."""

    def __init__(self, source: str, line: int, what: str, text: str) -> None:
        self.source, self.line, self.what, self.text = source, line, what, text

    def __str__(self) -> str:
        return f"{self.line}: {self.what}: {self.text}"


def mutants(source: str) -> Iterator[Mutant]:
    """Every change there is to this source."""
    lines = source.splitlines()
    for number, _ in enumerate(changes(ast.parse(source))):
        tree = ast.parse(source)
        for at, (node, what, change) in enumerate(changes(tree)):
            if at == number:
                change()
                yield Mutant(
                    ast.unparse(ast.fix_missing_locations(tree)), node.lineno, what, lines[node.lineno - 1].strip()
                )
                break


def changes(tree: ast.Module) -> Iterator[Change]:
    """Each change as something to call. The order is the same for the same source."""
    skipped = {id(each) for node in ast.walk(tree) for each in _words(node)}
    for node in ast.walk(tree):
        if id(node) not in skipped:
            yield from _operators(node)
            yield from _values(node)
            yield from _branches(node)
            yield from _statements(node, skipped)


def _operators(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=ops):
            for at, op in enumerate(ops):
                for other in SWAPS[type(op)]:
                    yield node, f"{type(op).__name__} is {other.__name__}", _item(ops, at, other())
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in SWAPS:
            for other in SWAPS[type(op)]:
                yield node, f"{type(op).__name__} is {other.__name__}", _field(node, "op", other())
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, "not is gone", _field(node, "operand", ast.UnaryOp(ast.Not(), operand))
        case ast.UnaryOp(op=ast.USub()):
            yield node, "minus is plus", _field(node, "op", ast.UAdd())


def _values(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Constant(value=bool() as value):
            yield node, f"{value} is {not value}", _field(node, "value", not value)
        case ast.Constant(value=int() as value):
            yield node, f"{value} is {value + 1}", _field(node, "value", value + 1)
        case ast.Constant(value=str() as value):
            yield node, "a text is another", _field(node, "value", value + "1")
        case ast.Name(id=name) if name in NAMES:
            yield node, f"{name} is {NAMES[name]}", _field(node, "id", NAMES[name])


def _branches(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield test, "always", _field(node, "test", ast.Constant(True))
            yield test, "never", _field(node, "test", ast.Constant(False))


def _statements(node: ast.AST, skipped: set[int]) -> Iterator[Change]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.Lambda | ast.IfExp):
        return
    for block in (getattr(node, "body", []), getattr(node, "orelse", [])):
        for at, statement in enumerate(block):
            if isinstance(statement, REMOVABLE) and id(getattr(statement, "value", None)) not in skipped:
                yield statement, f"{type(statement).__name__} is gone", _item(block, at, ast.Pass())


def _words(node: ast.AST) -> Iterator[ast.AST]:
    """What only people read, or what is another test's subject: docstrings, annotations, messages of exceptions."""
    match node:
        case ast.Expr(value=ast.Constant()):
            yield node.value
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.AST() as annotation):
            yield from ast.walk(annotation)
        case ast.FunctionDef(returns=ast.AST() as returns):
            yield from ast.walk(returns)
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            yield from ast.walk(node)
        case ast.FormattedValue(format_spec=ast.AST() as spec):
            yield from ast.walk(spec)


def _item(items: list[ast.AST], at: int, new: ast.AST) -> Callable[[], None]:
    return lambda: items.__setitem__(at, new)


def _field(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the changed source for one module."""

    def __init__(self, module: str, source: str, path: str) -> None:
        self._module, self._source, self._path = module, source, path

    def find_spec(self, fullname: str, path: object, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self, origin=self._path) if fullname == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, self._path, "exec"), module.__dict__)


def survives(module: str, path: str, source: str, tests: Sequence[str]) -> bool:
    """Run the tests over the change, in a process of its own. An endless run is noticed too."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        signal.alarm(SECONDS_MAX)
        sys.meta_path.insert(0, Finder(module, source, path))
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])))
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == SURVIVED


def main(path: str, *tests: str) -> int:
    os.chdir(ROOT)
    source = Path(path).read_text(encoding="utf-8")
    module = path.removeprefix("python/").removesuffix(".py").replace("/", ".")
    if not survives(module, path, source, tests):
        print(f"{path}: its tests fail, or take more than {SECONDS_MAX} s, as it is")
        return 2
    explained = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text(encoding="utf-8")).get(path, {})
    survivors, unexplained, total = 0, 0, 0
    for mutant in mutants(source):
        total += 1
        if survives(module, path, mutant.source, tests):
            known = f"{mutant.what}: {mutant.text}" in explained
            survivors, unexplained = survivors + 1, unexplained + (not known)
            print(f"{path}:{mutant}{'  (explained)' if known else ''}", flush=True)
    print(
        f"{path}: {total} changes, {total - survivors} noticed, {survivors - unexplained} explained, {unexplained} open"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
