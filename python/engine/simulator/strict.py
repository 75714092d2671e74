"""Reads plain data (from TOML) into typed records, strictly, and reports everything that is wrong at once.

Unknown keys are refused. Each complaint says where it is and what would be allowed there.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


Check = Callable[[Any, str], None]  # a record and its place; it complains by itself

_EXPECTED: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    Decimal: "a number",
    bool: "true or false",
    str: "text in quotes",
    datetime: "a date and time with its zone, as in 2026-03-11T10:30:00-04:00",
}


class Reader:
    """Collects complaints while it reads. `checks` are made on every record of their type that could be read, whatever
    is wrong elsewhere; `line_of` says where in the file a place is."""

    def __init__(self, line_of: Callable[[str], int | None] = lambda _where: None) -> None:
        self._complaints: list[tuple[int, str]] = []
        self._unreadable = 0  # complaints after which there is no record
        self.checks: Mapping[type, Check] = {}
        self._line_of = line_of

    def complain(self, where: str, what: str) -> None:
        line = self._line_of(where)
        told = f"{where}: {what}" if where else what
        self._complaints.append((0, told) if line is None else (line, f"line {line}: {told}"))

    @property
    def complaints(self) -> list[str]:
        """In the order of the file; first what is on no line of it."""
        return [told for _, told in sorted(self._complaints, key=lambda each: each[0])]

    def _give_up(self, where: str, what: str) -> None:
        self.complain(where, what)
        self._unreadable += 1

    def struct(self, kind: type[T], data: Any, where: str) -> T | None:
        """One record; None after at least one complaint."""
        if not isinstance(data, dict):
            self._give_up(where, f"expected a table, got {data!r}")
            return None
        hints = typing.get_type_hints(kind)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag_field = kind.__struct_config__.tag_field
        unreadable_before = self._unreadable
        for key in data:
            if key not in fields and key != tag_field:
                hint = near(key, fields)
                self._give_up(f"{where}.{key}".lstrip("."), f"unknown{hint}; allowed here: {', '.join(sorted(fields))}")
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in data:
                values[field.name] = self.value(hints[field.name], data[key], f"{where}.{key}".lstrip("."))
            elif field.required:
                self._give_up(where, f"{key} is missing")
        if self._unreadable > unreadable_before:
            return None
        record = kind(**values)
        for checked, check in self.checks.items():
            if isinstance(record, checked):
                check(record, where)
        return record  # even with a complaint: what holds it is checked, too

    def value(self, kind: Any, data: Any, where: str) -> Any:
        """One value of any kind that scenario files use."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is tuple:
            return self._items(arguments[0], data, where)
        if origin is dict:
            return self._table(arguments[1], data, where)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(arguments, data, where)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(kind, data, where)
        return self._plain(kind, data, where)

    def _items(self, kind: Any, data: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(data, list):
            self._give_up(where, f"expected a list, got {data!r}")
            return ()
        return tuple(self.value(kind, item, f"{where}[{index}]") for index, item in enumerate(data))

    def _table(self, kind: Any, data: Any, where: str) -> dict[str, Any]:
        """Values of one kind under names of the user's own."""
        if not isinstance(data, dict):
            self._give_up(where, f"expected a table, got {data!r}")
            return {}
        return {str(key): self.value(kind, item, f"{where}.{key}") for key, item in data.items()}

    def _one_of(self, kinds: tuple[Any, ...], data: Any, where: str) -> Any:
        tagged = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
        if not tagged:
            wanted = next(kind for kind in kinds if kind is not type(None))
            return None if data is None else self.value(wanted, data, where)
        by_tag = {str(kind.__struct_config__.tag): kind for kind in tagged}
        name = data.get(tagged[0].__struct_config__.tag_field) if isinstance(data, dict) else None
        if name not in by_tag:
            hint = near(str(name), by_tag)
            self._give_up(where, f"kind {name!r} is not known{hint}; allowed: {', '.join(sorted(by_tag))}")
            return None
        return self.struct(by_tag[name], data, where)

    def _plain(self, kind: Any, data: Any, where: str) -> Any:
        if isinstance(data, float) and not math.isfinite(data):  # TOML has words for these
            self._give_up(where, f"expected {_EXPECTED.get(kind, 'a value')}, got {data}")
            return None
        if kind is Decimal and isinstance(data, int | float) and not isinstance(data, bool):
            data = str(data)
        try:
            value = msgspec.convert(data, kind)
            if kind is not Decimal or value.is_finite():
                return value
            self._give_up(where, f"expected {_EXPECTED[kind]}, got {data!r}")
            return None
        except msgspec.ValidationError as error:
            if typing.get_origin(kind) is typing.Literal:
                allowed = [str(each) for each in typing.get_args(kind)]
                told = f"{data!r} is not known{near(str(data), allowed)}; allowed: {', '.join(allowed)}"
            else:
                told = f"expected {_EXPECTED[kind]}, got {data!r}" if kind in _EXPECTED else f"{error}, got {data!r}"
            self._give_up(where, told)
            return None


def near(written: str, known: Iterable[str]) -> str:
    """What may have been meant, in words; empty where nothing is like it."""
    found = get_close_matches(written, sorted(known), n=1)
    return f" (did you mean {found[0]}?)" if found else ""
