"""Every small way there is of making a module wrong, one by one. `scripts/mutants.py` asks the tests about each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import islice
from types import CodeType
from typing import TypeAlias

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
    """One change, and where it is. The changed module is made when it is asked for."""

    def __init__(self, source: str, path: str, number: int, line: int, what: str) -> None:
        self.path, self.line, self.what = path, line, what
        self.text = source.splitlines()[line - 1].strip()
        self._source, self._number = source, number

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.key}"

    @property
    def key(self) -> str:
        """As tests/mutants.toml names it."""
        return f"{self.what}: {self.text}"

    def code(self) -> CodeType:
        tree = ast.parse(self._source)
        _, _, change = next(islice(changes(tree), self._number, None))
        change()
        return compile(ast.fix_missing_locations(tree), self.path, "exec")


def mutants(source: str, path: str) -> list[Mutant]:
    """Every change there is to this source."""
    found = enumerate(changes(ast.parse(source)))
    return [Mutant(source, path, number, node.lineno, what) for number, (node, what, _) in found]


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
            if not (isinstance(test, ast.Constant) and test.value is True):  # `while True` is so always
                yield test, "always", _field(node, "test", ast.Constant(True))
            yield test, "never", _field(node, "test", ast.Constant(False))


def _statements(node: ast.AST, skipped: set[int]) -> Iterator[Change]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.Lambda | ast.IfExp):
        return
    for block in (getattr(node, "body", []), getattr(node, "orelse", [])):
        for at, statement in enumerate(block):
            readable = id(statement) in skipped or id(getattr(statement, "value", None)) in skipped
            if isinstance(statement, REMOVABLE) and not readable:
                yield statement, f"{type(statement).__name__} is gone", _item(block, at, ast.Pass())


def _ends(block: list[ast.stmt]) -> Iterator[ast.AST]:
    """`return None` where the function ends anyhow: it says so to people."""
    match block[-1:]:
        case [ast.Return(value=ast.Constant(value=None)) as last]:
            yield last
        case [ast.If() | ast.Try() | ast.Match() | ast.With() as last]:
            parts = [last, *getattr(last, "handlers", []), *getattr(last, "cases", [])]
            for part in parts:
                yield from _ends(getattr(part, "body", []))
                yield from _ends(getattr(part, "orelse", []))


def _words(node: ast.AST) -> Iterator[ast.AST]:
    """What only people or the type checker read: docstrings, annotations, how a record is built, sentences."""
    match node:
        case ast.Expr(value=ast.Constant()):
            yield node.value
        case ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.AST() as annotation):
            yield from ast.walk(annotation)
        case ast.FunctionDef(returns=returns, body=body):
            yield from ast.walk(returns) if returns else ()
            yield from _ends(body)
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            yield from ast.walk(node)
        case ast.keyword(arg="frozen" | "kw_only" | "slots" | "gc"):
            yield from ast.walk(node)
        case ast.Raise() | ast.Call(func=ast.Name(id="Say" | "_stay")):  # errors, and lines of the kill's timeline
            yield from (each for each in ast.walk(node) if isinstance(each, ast.Constant) and " " in str(each.value))
        case ast.FormattedValue(format_spec=ast.AST() as spec):
            yield from ast.walk(spec)


def _item(items: list[ast.AST], at: int, new: ast.AST) -> Callable[[], None]:
    return lambda: items.__setitem__(at, new)


def _field(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)
