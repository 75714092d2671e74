"""Plans: a layout compiled for one server version, ready to read and to write.

Both must account for every field of a message, and report the first one that does not fit by name and index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from engine.core.units import Absent
from engine.wire.compiling import default_of
from engine.wire.errors import FieldUnavailable, MalformedMessage
from engine.wire.layout import Constant, Field, Layout, Maybe, Part, Repeat, Tagged, When
from engine.wire.shapes import Decode, Shapes
from engine.wire.steps import Reader, Sources, compile_steps


class ReadPlan:
    """Reads one kind of message field by field, and hands faster functions to `install` as it learns them."""

    def __init__(self, layout: Layout, version: int, install: Callable[[Decode], None]) -> None:
        self._layout = layout
        self._steps = compile_steps(layout.parts, version)
        self._shapes = Shapes(layout, install)

    def read(self, fields: list[str]) -> Any:
        """Read a message. `fields` starts with the id and has no empty last."""
        layout = self._layout
        reader = Reader(layout.message_id, fields)
        sources: Sources = {"": {}, **{owner: {} for owner, _ in layout.nested}}
        for step in self._steps:
            step.decode(reader, sources)
        if reader.at != len(fields):
            extra = len(fields) - reader.at
            raise MalformedMessage(layout.message_id, "end", reader.at, f"{extra} more fields than the layout has")
        values = {
            owner: {name: source.value for name, source in attributes.items() if not name.startswith("#")}
            for owner, attributes in sources.items()
        }
        own = values[""]
        own.update({owner: struct(**values[owner]) for owner, struct in layout.nested})
        message = layout.message(**own)
        self._shapes.note(reader, sources)
        return message if layout.received is None else layout.received(message)


class WritePlan:
    """Writes one kind of message. `strict` refuses values that this version has no field for."""

    def __init__(self, layout: Layout, version: int, *, strict: bool) -> None:
        self._layout = layout
        self._version = version
        self._steps = compile_steps(layout.parts, version)
        self._unavailable = _unavailable(layout, version) if strict else []

    def fields(self, message: Any) -> list[str]:
        """Write a message as a list of fields, the id first."""
        for path, get, default, since in self._unavailable:
            value = get(message)
            if value is not default and value != default and not isinstance(value, Absent):
                raise FieldUnavailable(type(message).__name__, path, self._version, since)
        if self._layout.sending is not None:
            message = self._layout.sending(message)
        out = [str(self._layout.message_id)]
        for step in self._steps:
            step.encode(message, out)
        return out


def _unavailable(layout: Layout, version: int) -> list[tuple[str, Callable[[Any], Any], Any, int]]:
    """Attributes that other server versions carry and this one does not: path, getter, default, since."""
    owners = {"": layout.message, **dict(layout.nested)}
    attributes = _attributes(layout.parts)
    present = {(part.owner, part.name) for part in attributes if part.present(version)}
    absent = {(part.owner, part.name): part.since for part in attributes if not part.present(version)}
    found: list[tuple[str, Callable[[Any], Any], Any, int]] = []
    for (owner, name), since in absent.items():
        if (owner, name) not in present:
            info = next(info for info in msgspec.structs.fields(owners[owner]) if info.name == name)
            path = f"{owner}.{name}" if owner else name
            found.append((path, attrgetter(path), default_of(info), since))
    return found


def _attributes(parts: Sequence[Part]) -> list[Field | Repeat | Maybe | Tagged]:
    found: list[Field | Repeat | Maybe | Tagged] = []
    for part in parts:
        if isinstance(part, When):
            inner = _attributes(part.parts)
            found += [msgspec.structs.replace(each, since=max(each.since, part.since)) for each in inner]
        elif not isinstance(part, Constant):
            found.append(part)
    return found
