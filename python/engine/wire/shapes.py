"""Shapes: the fast way to read messages that look like ones read before.

What a message looks like depends only on a few deciding fields: counts, and texts such as the order type. After some
messages with the same deciding texts, the way the careful reader took is compiled (engine.wire.compiling). Of a long
message, whose rest behind the first fields often is the same text as in another, what the rest means is remembered.
Must never be more lenient than the careful reader: on anything unusual ValueError or ArithmeticError is raised, and
the careful reader has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import msgspec

from engine.wire.compiling import FIRST_FIELDS, Compiled, ReadFirst, Rest, compile_shape
from engine.wire.layout import Layout
from engine.wire.steps import Reader, Sources

# Reads the fields, of which those behind the first FIRST_FIELDS are one text, and the whole text.
Decode = Callable[[list[str], str], Any]

_SIGHTINGS_BEFORE_COMPILING = 4  # one-off messages are not worth it
_SHAPES_MAX = 64  # per layout and version; a peer cannot make us compile without end
_SIGHTINGS_MAX = 1024
_FIELDS_MAX = 250
_RESTS_MAX = 256  # per layout and version, too
_REST_LENGTH_MAX = 2048  # characters

Places = tuple[int, ...]
Deciding = Callable[[list[str]], Any]  # the fields to those that decide

_NOTHING: dict[Any, Any] = {}


def _no_decisions(fields: list[str]) -> None:
    """What decides the way through a layout of fixed length: nothing."""


def _getter(places: Places) -> Deciding:
    return itemgetter(*places) if places else _no_decisions


class NotSeenBefore(ValueError):
    """No compiled function fits this message."""


class Shapes:
    """The compiled functions of one layout at one version."""

    def __init__(self, layout: Layout, install: Callable[[Decode], None]) -> None:
        self._layout = layout
        self._install = install  # puts a function where the codec looks first
        self._by_size: dict[int, dict[Places, tuple[Deciding, dict[Any, Compiled]]]] = {}
        self._sightings: dict[tuple[int, Places, Any], int] = {}
        self._compiled = 0
        # Of long messages: which of the first fields decide, the same for all, and what a rest means beside them.
        self._first_places: Places | None = None
        self._deciding_first: Deciding = _no_decisions
        self._rests: dict[tuple[str, Any], tuple[ReadFirst, Rest] | None] = {}  # None: was there once

    def decode(self, fields: list[str], text: str) -> Any:
        """Read a message the fast way."""
        if len(fields) <= FIRST_FIELDS:
            return self._fitting(fields).whole(fields, text)
        known = self._rests.get((fields[FIRST_FIELDS], self._deciding_first(fields)))
        if known is None:
            return self._decode_long(fields, text)
        read_first, meaning = known
        return read_first(fields, meaning)

    def _decode_long(self, fields: list[str], text: str) -> Any:
        """Read a message whose rest is not known; one that was there before is known from now on."""
        *first, rest = fields
        behind = rest.split("\0")
        compiled = self._fitting([*first, *behind])
        message = compiled.whole([*first, *behind], text)
        if compiled.by_rest is not None and len(rest) <= _REST_LENGTH_MAX:
            key = rest, self._deciding_first(fields)
            again = key in self._rests
            if len(self._rests) >= _RESTS_MAX and not again:
                self._rests.clear()
            read_rest, read_first = compiled.by_rest
            self._rests[key] = (read_first, read_rest(behind)) if again else None
        return message

    def _fitting(self, fields: list[str]) -> Compiled:
        for deciding, shapes in self._by_size.get(len(fields), _NOTHING).values():
            compiled: Compiled | None = shapes.get(deciding(fields))
            if compiled is not None:
                return compiled
        raise NotSeenBefore

    def note(self, reader: Reader, sources: Sources) -> None:
        """Remember how a message was read; compile the way once it has come often enough."""
        size = len(reader.fields) + 1
        if size > _FIELDS_MAX or self._compiled >= _SHAPES_MAX or len(self._sightings) >= _SIGHTINGS_MAX:
            return
        places = tuple(dict.fromkeys(reader.decisions))
        deciding = _getter(places)
        texts = deciding(reader.fields)
        key = size, places, texts
        seen = self._sightings[key] = self._sightings.get(key, 0) + 1
        if seen != _SIGHTINGS_BEFORE_COMPILING:
            return
        self._compiled += 1
        compiled = compile_shape(self._layout, size, reader, sources)
        if not places and size <= FIRST_FIELDS:
            self._install(compiled.whole)  # messages of this layout all look the same
            return
        first_places = tuple(place for place in places if place < FIRST_FIELDS)
        if compiled.by_rest is not None and self._first_places is None:
            self._first_places, self._deciding_first = first_places, _getter(first_places)
        if first_places != self._first_places:
            compiled = msgspec.structs.replace(compiled, by_rest=None)
        _, shapes = self._by_size.setdefault(size, {}).setdefault(places, (deciding, {}))
        shapes[texts] = compiled
        self._install(self.decode)
