"""Reads plain data (from TOML) into typed records, strictly, and reports everything that is wrong at once.

Unknown keys are refused. Each complaint says where it is and what would be allowed there.
"""

from __future__ import annotations

import types
import typing
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


class Reader:
    """Collects complaints while it reads."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def complain(self, where: str, what: str) -> None:
        self.complaints.append(f"{where}: {what}" if where else what)

    def struct(self, kind: type[T], data: Any, where: str) -> T | None:
        """One record; None after at least one complaint."""
        if not isinstance(data, dict):
            self.complain(where, f"expected a table, got {data!r}")
            return None
        hints = typing.get_type_hints(kind)
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag_field = kind.__struct_config__.tag_field
        known_before = len(self.complaints)
        for key in data:
            if key not in fields and key != tag_field:
                self.complain(f"{where}.{key}".lstrip("."), f"unknown; allowed here: {', '.join(sorted(fields))}")
        values: dict[str, Any] = {}
        for key, field in fields.items():
            if key in data:
                values[field.name] = self.value(hints[field.name], data[key], f"{where}.{key}".lstrip("."))
            elif field.required:
                self.complain(where, f"{key} is missing")
        if len(self.complaints) > known_before:
            return None
        return kind(**values)

    def value(self, kind: Any, data: Any, where: str) -> Any:
        """One value of any kind that scenario files use."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is tuple:
            return self._items(arguments[0], data, where)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(arguments, data, where)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self.struct(kind, data, where)
        return self._plain(kind, data, where)

    def _items(self, kind: Any, data: Any, where: str) -> tuple[Any, ...]:
        if not isinstance(data, list):
            self.complain(where, f"expected a list, got {data!r}")
            return ()
        return tuple(self.value(kind, item, f"{where}[{index}]") for index, item in enumerate(data))

    def _one_of(self, kinds: tuple[Any, ...], data: Any, where: str) -> Any:
        tagged = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
        if not tagged:
            wanted = next(kind for kind in kinds if kind is not type(None))
            return None if data is None else self.value(wanted, data, where)
        by_tag = {str(kind.__struct_config__.tag): kind for kind in tagged}
        name = data.get(tagged[0].__struct_config__.tag_field) if isinstance(data, dict) else None
        if name not in by_tag:
            self.complain(where, f"kind {name!r} is not known; allowed: {', '.join(sorted(by_tag))}")
            return None
        return self.struct(by_tag[name], data, where)

    def _plain(self, kind: Any, data: Any, where: str) -> Any:
        if kind is Decimal and isinstance(data, int | float) and not isinstance(data, bool):
            data = str(data)
        try:
            return msgspec.convert(data, kind)
        except msgspec.ValidationError as error:
            allowed = typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()
            hint = f"; allowed: {', '.join(map(str, allowed))}" if allowed else ""
            self.complain(where, f"{error}, got {data!r}{hint}")
            return None
