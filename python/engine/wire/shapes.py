"""Shapes: the fast way to read messages that look like ones read before.

What a message looks like depends only on a few deciding fields: counts, and texts such as the order type. After some
messages with the same deciding texts, the way the careful reader took is compiled into one Python function that
unpacks the fields and builds the result. A short message gets two such functions: one that knows every number in it
from before, and one that learns, to which the first turns. Must never be more lenient than the careful reader: on
anything unusual the function raises ValueError or InvalidOperation, and the careful reader has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from engine.wire import fields as kinds
from engine.wire.fields import Kind
from engine.wire.layout import Layout
from engine.wire.steps import Reader, Source, Sources, later_unless_absent

Decode = Callable[[list[str], bytes], Any]  # the fields, which end with the empty text behind the last NUL; the payload

_SIGHTINGS_BEFORE_COMPILING = 4  # one-off messages are not worth it
_SHAPES_MAX = 64  # per layout and version; a peer cannot make us compile without end
_SIGHTINGS_MAX = 1024
_FIELDS_MAX = 250
_FIELDS_KNOWN_MAX = 40  # in a longer message something is new too often

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

    def decode(self, fields: list[str], payload: bytes) -> Any:
        """Read a message the fast way."""
        for deciding, functions in self._by_size.get(len(fields), _NOTHING).values():
            function = functions.get(deciding(fields))
            if function is not None:
                return function(fields, payload)
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
            function = _compile(self._layout, size, reader, sources)
            if not places:
                self._install(function)  # messages of this layout all look the same
                return
            _, functions = self._by_size.setdefault(size, {}).setdefault(places, (deciding, {}))
            functions[texts] = function
            self._install(self.decode)


def _compile(layout: Layout, size: int, reader: Reader, sources: Sources) -> Decode:
    """Write the function that reads this shape, and compile it.

    The source consists of field numbers, names from our own tables and nothing that came over the wire.
    """
    names: dict[str, Any] = {f"E{number}": element for number, element in enumerate(reader.elements)}
    names.update(reader.constants)
    names["later_unless_absent"] = later_unless_absent
    last = size - 1
    lines = [
        "def decode(fields, payload):",
        f"    {', '.join(f'f{index}' for index in range(size))} = fields",
        f"    if f{last}: raise ValueError('the last field has no end')",
    ]
    lines += _choose_amounts(reader.kinds, names)
    own = sources[""]
    lines += [f"    {source.code}" for name, source in own.items() if name.startswith("#")]
    for owner, struct in layout.nested:
        own[owner] = Source(None, _construct(owner, struct, sources[owner], names))
    result = _construct("message", layout.message, own, names)
    if layout.received is not None:
        names["received"] = layout.received
        result = f"received({result})"
    reading = {kind.name: kind.read for kind in kinds.KINDS if kind.read is not None}
    learn = _define([*lines, f"    return {result}"], {**names, **reading})
    if size > _FIELDS_KNOWN_MAX:
        return learn
    known = {kind.name: kind.read.known for kind in kinds.KINDS if kind.read is not None and not kind.often_new}
    attempt = ["    try:", f"        return {result}", "    except KeyError:", "        return learn(fields, payload)"]
    return _define([*lines, *attempt], {**names, **reading, **known, "learn": learn})


def _define(lines: Sequence[str], names: dict[str, Any]) -> Decode:
    exec("\n".join(lines), names)  # noqa: S102  as dataclasses and attrs do; see above for what goes in
    function: Decode = names["decode"]
    return function


def _choose_amounts(of_fields: Sequence[Kind], names: dict[str, Any]) -> list[str]:
    """Write the line that says how amounts are read: plainly where all of them are plain, else as other numbers are.

    A point in each rules out the whole numbers that mean "no number"; the length, more digits than a number may have.
    """
    amounts = [f"f{index}" for index, kind in enumerate(of_fields, start=1) if kind is kinds.AMOUNT]
    if not amounts:
        return []
    names["read_plain"] = kinds.read_plain
    has_text = kinds.TEXT in of_fields or kinds.ESCAPED in of_fields
    text = f"({' + '.join(amounts)}).encode()" if has_text else "payload"
    plain = " and ".join(f"'.' in {name}" for name in amounts)
    plain += f" and len(payload) <= {kinds.PLAIN_LENGTH_MAX} and not {text}.translate(None, {kinds.PLAIN!r})"
    return [f"    read_amount = read_plain if {plain} else amount.__getitem__"]


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
