"""What is wrong with a configuration, said so that it can be put right: where, which line, and what was meant.

It is shown to people and on pages: must never quote what may be a secret.
"""

from __future__ import annotations

import difflib
import re
from typing import Literal, get_args, get_origin

import msgspec

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")
_NUMBER = re.compile(r"\s*[+-]?[0-9]+([.][0-9]+)?\s*")
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "a text in quotes",
    "array": "a list",
    "object": "a table",
}
_OF_ITS_OWN = {  # what a library says of these would name its patterns and standards
    "2[0-3]": 'a time of the day, such as "17:00"',
    "[A-Z]{3}": 'a currency, such as "USD"',
    "RFC3339 encoded date": "days, such as 2026-12-25",
    "Number out of range": "a number that is not so large",
}
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_SECRET_TABLES = ("alerts",)  # addresses in it hold passwords
_SECRET_WORDS = ("secret", "password", "token")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class Problem(msgspec.Struct, frozen=True):
    """One fault. `where` is the dotted key, or the environment variable; empty: the file as a whole."""

    where: str
    text: str
    line: int | None = None
    source_line: str = ""

    @classmethod
    def of_syntax(cls, error: str) -> Problem:
        found = _AT_LINE.search(error)
        text = _AT_LINE.sub("", error).strip()
        return cls(where="", text=f"not valid TOML: {text}", line=int(found[1]) if found else None)

    @classmethod
    def of_value(cls, where: str, value: object, error: str, choices: tuple[str, ...] = ()) -> Problem:
        expected = in_words(error, choices)
        match value:
            case str() if may_be_secret(where):
                shown = "a text"
            case str():
                shown = f'"{value}"'
            case dict() | list():  # of any depth: not to be written out
                shown = "a table" if isinstance(value, dict) else "a list"
            case _:
                shown = str(value)
        quoted = isinstance(value, str) and "number" in expected and _NUMBER.fullmatch(value) is not None
        return cls(where=where, text=f"is {shown}: {expected}{', without quotes' if quoted else ''}")

    def render(self, source: str) -> str:
        """One line, and the line of the file it is about."""
        place = f"{source}:{self.line}" if self.line else source
        said = f"{place}: {self.where}: {self.text}" if self.where else f"{place}: {self.text}"
        return f"{said}\n    {self.source_line.strip()}" if self.source_line.strip() else said


def in_words(error: str, choices: tuple[str, ...] = ()) -> str:
    """What was expected where a library has found `error`, as one says it: no names of types, signs or patterns.
    `choices`: the words that a key is limited to.
    """
    if choices:
        return "expected " + " or ".join(f'"{choice}"' for choice in choices)
    for theirs, ours in _OF_ITS_OWN.items():
        if theirs in error:
            return f"expected {ours}"
    said = error.split(" - at ")[0].split(", got ")[0].replace("Expected ", "expected ")
    said = re.sub(r"`([a-z |]+)`", lambda found: " or ".join(_kinds(found[1])), said)
    said = re.sub(r"(>=|<=|>|<) ", lambda found: f"{_BOUNDS[found[1]]} ", said)
    return re.sub(r"(\d)\.0\b", r"\1", said).replace("of length of", "with a length of").replace("`", "")


def choices_of(annotated: object) -> tuple[str, ...]:
    """The words that the key of a table is limited to by its type, if it is."""
    hint = get_args(annotated)[0]
    return get_args(hint) if get_origin(hint) is Literal else ()


def _kinds(union: str) -> list[str]:
    return [_KINDS.get(name, name) for name in union.split(" | ")]


class ConfigError(Exception):
    """The configuration has problems: all of them are in `problems`, and in the text."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        self.source, self.problems = source, problems
        super().__init__("\n".join(problem.render(source or "environment") for problem in problems))


class Lines:
    """Finds the line of a key, well enough to point at: in the file as written, not as parsed."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._numbers: dict[str, int] = {}
        self._secret: set[int] = set()
        table = ""
        for number, line in enumerate(self._lines, 1):
            header, key = _HEADER.match(line), _KEY.match(line)
            if header:
                table = _plain(header[1])
                self._numbers.setdefault(table, number)
            elif key:
                self._numbers.setdefault(f"{table}.{_plain(key[1])}".lstrip("."), number)
            if may_be_secret(f"{table}.{_plain(key[1])}".lstrip(".") if key and not header else table):
                self._secret.add(number)

    def locate(self, problems: list[Problem]) -> tuple[Problem, ...]:
        """The problems with their lines, in the file's order."""
        return tuple(sorted(map(self._locate, problems), key=lambda problem: problem.line or 0))

    def _locate(self, problem: Problem) -> Problem:
        """The problem with its line: that of its key, or of the nearest table around it."""
        number, where = problem.line, problem.where
        while number is None and where:
            number, where = self._numbers.get(where), where.rpartition(".")[0]
        if number is None or not 0 < number <= len(self._lines):
            return problem
        line = "" if number in self._secret or may_be_secret(problem.where) else self._lines[number - 1]
        return msgspec.structs.replace(problem, line=number, source_line=line)


def may_be_secret(where: str) -> bool:
    """A dotted key whose value is nobody's business."""
    table, key = where.partition(".")[0], where.rpartition(".")[2].lower()
    return table in _SECRET_TABLES or any(word in key for word in _SECRET_WORDS)


def nearest(word: str, known: tuple[str, ...]) -> str:
    """A remark naming the known word that was probably meant, or all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def _plain(dotted: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in dotted.split("."))
