"""On which line of a TOML file something stands, so that a complaint can say where to look. Pure.

Reads no values: tomllib has read the file before and found it well-formed. Where this finds no place of its own for
something, that of what contains it serves.
"""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*\[(?!\[)\s*([^\]]+?)\s*\]")
_ARRAY_ITEM = re.compile(r"\s*\[\[\s*([^\]]+?)\s*\]\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=(.*)", re.DOTALL)
_STRINGS = ('"""', "'''", '"', "'")


def line_of(places: dict[str, int], path: str) -> int | None:
    """The line of a path such as logins[0].accounts[1].cash, or of the nearest thing around it."""
    while path:
        if path in places:
            return places[path]
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return None


def places(text: str) -> dict[str, int]:
    """Every table, key and item of a list with its line, counted from 1."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}  # of the items of each array of tables so far
    prefix, value = "", _Value()
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if value.is_open:
            value.read(line, number, found)
        elif (item := _ARRAY_ITEM.match(line)) is not None:
            bare = _within(item[1], counts)
            counts[bare] = counts.get(bare, -1) + 1
            prefix = f"{bare}[{counts[bare]}]"
            found[prefix] = number
            found.setdefault(bare, number)
        elif (table := _TABLE.match(line)) is not None:
            prefix = _within(table[1], counts)
            found[prefix] = number
        elif (key := _KEY.match(line)) is not None:
            path = f"{prefix}.{key[1]}".lstrip(".")
            found[path] = number
            value = _Value(path)
            value.read(key[2], number, found)
    return found


def _within(header: str, counts: dict[str, int]) -> str:
    """The path of a header: what stands under an array of tables belongs to its newest item."""
    path = ""
    names = [name.strip() for name in header.split(".")]
    for place, name in enumerate(names):
        path = f"{path}.{name}".lstrip(".")
        if place < len(names) - 1 and path in counts:
            path = f"{path}[{counts[path]}]"
    return path


class _Value:
    """A value that may go on over several lines: how deep in brackets it is, and in which kind of string."""

    def __init__(self, path: str = "") -> None:
        self._path = path
        self._depth = 0
        self._string = ""
        self._items = 0

    @property
    def is_open(self) -> bool:
        return self._depth > 0 or self._string in ('"""', "'''")

    def read(self, text: str, number: int, found: dict[str, int]) -> None:
        at = 0
        while at < len(text):
            at += self._in_string(text, at) if self._string else self._plain(text, at, number, found)

    def _in_string(self, text: str, at: int) -> int:
        """How many characters to go on."""
        if text[at] == "\\" and self._string.startswith('"'):
            return 2
        if text.startswith(self._string, at):
            length, self._string = len(self._string), ""
            return length
        return 1

    def _plain(self, text: str, at: int, number: int, found: dict[str, int]) -> int:
        for quotes in _STRINGS:
            if text.startswith(quotes, at):
                self._string = quotes
                return len(quotes)
        match text[at]:
            case "#":
                return len(text) - at
            case "[" | "{":
                if self._depth == 1 and text[at] == "{":
                    found[f"{self._path}[{self._items}]"] = number
                    self._items += 1
                self._depth += 1
            case "]" | "}":
                self._depth -= 1
        return 1
