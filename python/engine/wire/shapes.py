"""Shapes: the fast way to read messages that look like ones read before.

What a message looks like depends only on a few deciding fields: counts, and texts such as the order type. After some
messages with the same deciding texts, the way the careful reader took is compiled into one Python function that
unpacks the fields and builds the result. Must never be more lenient than the careful reader: on anything unusual
the function raises ValueError, and the careful reader has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import msgspec

from engine.wire import fields as kinds
from engine.wire.layout import Layout
from engine.wire.steps import Reader, Source, Sources, later_unless_absent

Decode = Callable[[list[str]], Any]

_SIGHTINGS_BEFORE_COMPILING = 4  # one-off messages are not worth it
_SHAPES_MAX = 64  # per layout and version; a peer cannot make us compile without end
_SIGHTINGS_MAX = 1024
_FIELDS_MAX = 250

Places = tuple[int, ...]

_NOTHING: dict[Any, Any] = {}


def _no_decisions(fields: list[str]) -> None:
    """What decides the way through a layout of fixed length: nothing."""


class NotSeenBefore(ValueError):
    """No compiled function fits this message."""


class Shapes:
    """The compiled functions of one layout at one version."""

    def __init__(self, layout: Layout, install: Callable[[Decode], None]) -> None:
        self._layout = layout
        self._install = install  # puts a function where the codec looks first
        self._by_size: dict[int, dict[Places, tuple[Callable[[list[str]], Any], dict[Any, Decode]]]] = {}
        self._sightings: dict[tuple[int, Places, Any], int] = {}
        self._compiled = 0

    def decode(self, fields: list[str]) -> Any:
        """Read a message the fast way. `fields` ends with the empty text behind the last NUL."""
        for deciding, functions in self._by_size.get(len(fields), _NOTHING).values():
            function = functions.get(deciding(fields))
            if function is not None:
                return function(fields)
        raise NotSeenBefore

    def note(self, reader: Reader, sources: Sources) -> None:
        """Remember how a message was read; compile the way once it has come often enough."""
        size = len(reader.fields) + 1
        if size > _FIELDS_MAX or self._compiled >= _SHAPES_MAX or len(self._sightings) >= _SIGHTINGS_MAX:
            return
        places = tuple(dict.fromkeys(reader.decisions))
        deciding = itemgetter(*places) if places else _no_decisions
        texts = deciding(reader.fields)
        key = size, places, texts
        seen = self._sightings[key] = self._sightings.get(key, 0) + 1
        if seen == _SIGHTINGS_BEFORE_COMPILING:
            self._compiled += 1
            function = _compile(self._layout, size, reader.elements, sources)
            if not places:
                self._install(function)  # messages of this layout all look the same
                return
            _, functions = self._by_size.setdefault(size, {}).setdefault(places, (deciding, {}))
            functions[texts] = function
            self._install(self.decode)


def _compile(layout: Layout, size: int, elements: list[type], sources: Sources) -> Decode:
    """Write the function that reads this shape, and compile it.

    The source consists of field numbers, names from our own tables and nothing that came over the wire.
    """
    names: dict[str, Any] = {kind.name: kind.read for kind in kinds.KINDS}
    names.update({f"E{number}": element for number, element in enumerate(elements)})
    names["later_unless_absent"] = later_unless_absent
    last = size - 1
    lines = [
        "def decode(fields):",
        f"    {', '.join(f'f{index}' for index in range(size))} = fields",
        f"    if f{last}: raise ValueError('the last field has no end')",
    ]
    own = sources[""]
    lines += [f"    {source.code}" for name, source in own.items() if name.startswith("#")]
    for owner, struct in layout.nested:
        own[owner] = Source(None, _construct(owner, struct, sources[owner], names))
    result = _construct("message", layout.message, own, names)
    if layout.received is not None:
        names["received"] = layout.received
        result = f"received({result})"
    lines.append(f"    return {result}")
    exec("\n".join(lines), names)  # noqa: S102  as dataclasses and attrs do; see above for what goes in
    function: Decode = names["decode"]
    return function


def _construct(label: str, struct: type[msgspec.Struct], attributes: dict[str, Source], names: dict[str, Any]) -> str:
    """Write a constructor call by position, which msgspec does many times faster than by keyword."""
    infos = msgspec.structs.fields(struct)
    filled = [number for number, info in enumerate(infos) if info.name in attributes]
    arguments = []
    for info in infos[: max(filled, default=-1) + 1]:
        source = attributes.get(info.name)
        if source is None:
            default = f"default_{label}_{info.name}"
            names[default] = default_of(info)
            arguments.append(default)
        else:
            arguments.append(source.code)
    names[f"make_{label}"] = struct
    return f"make_{label}({', '.join(arguments)})"


def default_of(info: msgspec.structs.FieldInfo) -> Any:
    """What an attribute is when no field carries it."""
    if info.default is not msgspec.NODEFAULT:
        return info.default
    if info.default_factory is not msgspec.NODEFAULT:
        return info.default_factory()
    raise TypeError(f"{info.name} has no default and no field: the layout is wrong")
