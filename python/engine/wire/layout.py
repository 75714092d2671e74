"""Layouts: what a message looks like on the wire, written as a table, compiled once per server version.

A table lists fields in wire order. `since` is the first server version that has a field, `before` the first that has
it no more. The tables (layouts_*.py) are the project's documentation of the protocol; this file gives them meaning.
Must never accept a message whose length differs from its layout, and never skip a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from engine.wire import fields as kinds
from engine.wire.fields import Kind

FOREVER = 1 << 30

# Server versions that several layouts turn on; the others stand in their tables.
FRACTIONS = 101  # quantities may have a fraction
PEGGED_TO_BENCHMARK = 102  # pegged-to-benchmark orders, conditions, adjusted orders


class Versioned(msgspec.Struct, frozen=True, kw_only=True):
    """Something that server versions from `since` up to, but not including, `before` have."""

    since: int = 0
    before: int = FOREVER

    def present(self, version: int) -> bool:
        return self.since <= version < self.before


class Field(Versioned, frozen=True):
    """One field. `owner` names the nested structure it belongs to; "" is the message itself."""

    name: str
    kind: Kind
    owner: str = ""
    repeated: bool = False  # the wire repeats an earlier field; an absent value here does not erase it


class Constant(Versioned, frozen=True):
    """A field that is always the same, such as a message's own version number.

    Peers write different versions for equal layouts, so any whole number is accepted; the length decides.
    """

    text: str


class Repeat(Versioned, frozen=True):
    """A count, then that many groups of fields, each read into one `element`; None for bare values."""

    name: str
    element: type[msgspec.Struct] | None
    fields: tuple[Field, ...]
    owner: str = ""


class When(Versioned, frozen=True):
    """Fields that are there only if an earlier field passes a test."""

    name: str
    test: Callable[[Any], bool]
    parts: tuple[Any, ...]  # of Part
    owner: str = ""


class Maybe(Versioned, frozen=True):
    """A 0 or 1, and after a 1 the fields of one `element`; without it the attribute is None."""

    name: str
    element: type[msgspec.Struct]
    fields: tuple[Field, ...]
    owner: str = ""


class Tagged(Versioned, frozen=True):
    """A count, then that many groups, each led by the number that says which of `variants` it is."""

    name: str
    variants: dict[int, tuple[type[msgspec.Struct], tuple[Field, ...]]]
    owner: str = ""


Part: TypeAlias = Field | Constant | Repeat | When | Maybe | Tagged
Parts: TypeAlias = "Part | Iterable[Parts]"


class Layout(msgspec.Struct, frozen=True):
    """One message: its id, its type, and its fields in wire order."""

    message_id: int
    message: type[msgspec.Struct]
    parts: tuple[Part, ...]
    since: int = 0
    nested: tuple[tuple[str, type[msgspec.Struct]], ...] = ()
    received: Callable[[Any], Any] | None = None  # applied after reading, where one field holds two values
    sending: Callable[[Any], Any] | None = None  # applied before writing


def layout(
    message_id: int,
    message: type[msgspec.Struct],
    *parts: Parts,
    since: int = 0,
    received: Callable[[Any], Any] | None = None,
    sending: Callable[[Any], Any] | None = None,
    **nested: type[msgspec.Struct],
) -> Layout:
    """Write a table. The remaining keyword arguments name the nested structures: `contract=Contract`."""
    return Layout(message_id, message, flatten(parts), since, tuple(nested.items()), received, sending)


def flatten(parts: Iterable[Parts]) -> tuple[Part, ...]:
    """Resolve the groups that helpers return."""
    flat: list[Part] = []
    for part in parts:
        if isinstance(part, Field | Constant | Repeat | When | Maybe | Tagged):
            flat.append(part)
        else:
            flat.extend(flatten(part))
    return tuple(flat)


def when(
    name: str, test: Callable[[Any], bool], *parts: Parts, since: int = 0, before: int = FOREVER, owner: str = ""
) -> When:
    """Say that these fields are there only if the field `name`, read before them, passes the test."""
    return When(name, test, flatten(parts), owner, since=since, before=before)


def inside(owner: str, *parts: Parts) -> tuple[Part, ...]:
    """Say that these fields belong to a nested structure."""
    return tuple(_owned(owner, part) for part in flatten(parts))


def _owned(owner: str, part: Part) -> Part:
    if isinstance(part, Constant):
        return part
    if isinstance(part, When):
        return msgspec.structs.replace(part, owner=part.owner or owner, parts=inside(owner, *part.parts))
    return msgspec.structs.replace(part, owner=part.owner or owner)


def version_field(text: str, *, since: int = 0, before: int = FOREVER) -> Constant:
    """The message's own version number."""
    return Constant(text, since=since, before=before)


Helper: TypeAlias = Callable[..., tuple[Field, ...]]


def _helper(kind: Kind) -> Helper:
    def fields_of_kind(*attributes: str, since: int = 0, before: int = FOREVER) -> tuple[Field, ...]:
        return tuple(Field(attribute, kind, since=since, before=before) for attribute in attributes)

    return fields_of_kind


def quantity(*attributes: str) -> tuple[Field, ...]:
    """Numbers of shares or contracts as TWS reports them."""
    return (*size(*attributes, before=FRACTIONS), *number(*attributes, since=FRACTIONS))


def repeated(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """The wire repeats these fields; an absent value does not erase what came before."""
    return tuple(msgspec.structs.replace(field, repeated=True) for field in fields)


text = _helper(kinds.TEXT)
escaped = _helper(kinds.ESCAPED)
number = _helper(kinds.NUMBER)
worth = _helper(kinds.WORTH)  # a number that TWS calculates and may not know
amount = _helper(kinds.AMOUNT)  # such a worth that is hardly ever the same twice
client_number = _helper(kinds.CLIENT_NUMBER)
whole = _helper(kinds.WHOLE)
ident = _helper(kinds.ID)
reference = _helper(kinds.REFERENCE)
moment = _helper(kinds.MOMENT)  # a time, which never comes twice
serial = _helper(kinds.SERIAL)  # ids that keep coming up new
serial_reference = _helper(kinds.SERIAL_REFERENCE)
flag = _helper(kinds.FLAG)
count = _helper(kinds.COUNT)
size = _helper(kinds.SIZE)
switch = _helper(kinds.SWITCH)
names = _helper(kinds.NAMES)
