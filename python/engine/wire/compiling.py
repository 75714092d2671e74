"""Compiling: the way the careful reader took through one message becomes Python functions that read others like it.

The source consists of field numbers, names from our own tables and nothing that came over the wire. A short message
gets two functions: one that knows every number in it from before, and one that learns, to which the first turns. A
long message gets one for the whole of it, and where that is of use two more: one that reads the rest behind its first
fields, and one that reads the first fields and is told what the rest means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine.wire import fields as kinds
from engine.wire.fields import Kind
from engine.wire.layout import Layout
from engine.wire.steps import Reader, Source, Sources, later_unless_absent, span_of

FIRST_FIELDS = 33  # of a message; behind them a longer one often is as another was: what an order's own is comes first

Rest = tuple[Any, ...]
ReadWhole = Callable[[list[str], str], Any]  # the fields, which end with the empty text behind the last NUL; the text
ReadRest = Callable[[list[str]], Rest]  # the same fields, without the first ones
ReadFirst = Callable[[list[str], Rest], Any]  # the first fields, then one text; what the rest means


class Compiled(msgspec.Struct, frozen=True):
    """The functions for one shape. They raise ValueError or ArithmeticError on anything unusual."""

    whole: ReadWhole
    by_rest: tuple[ReadRest, ReadFirst] | None = None


def compile_shape(layout: Layout, size: int, reader: Reader, sources: Sources) -> Compiled:
    """Write the functions for messages of this many fields, the empty last one counted, and compile them."""
    names: dict[str, Any] = {f"E{number}": element for number, element in enumerate(reader.elements)}
    names.update(reader.constants)
    names.update({kind.name: kind.read for kind in kinds.KINDS if kind.read is not None})
    names["later_unless_absent"] = later_unless_absent
    checks = [source for name, source in sources[""].items() if name.startswith("#")]
    amounts = _choose_amounts(reader.kinds, names)
    message = _construct_message(layout, sources, names, _in_full)
    lines = [
        "def read(fields, text):",
        f"    {_names('f', range(size))} = fields",
        *_ended(size),
        *amounts,
        *_checked(checks),
    ]
    learn = _define([*lines, f"    return {message}"], names)
    if size <= FIRST_FIELDS + 1:
        known = {kind.name: kind.read.known for kind in kinds.KINDS if kind.read is not None and not kind.often_new}
        attempt = ["    try:", f"        return {message}", "    except KeyError: return learn(fields, text)"]
        return Compiled(_define([*lines, *attempt], {**names, **known, "learn": learn}))
    if amounts or any(_crosses(source) for attributes in sources.values() for source in attributes.values()):
        return Compiled(learn)  # the first fields and the rest are not to be read apart
    return Compiled(learn, _by_rest(layout, size, sources, checks, names))


def _by_rest(
    layout: Layout, size: int, sources: Sources, checks: Sequence[Source], names: dict[str, Any]
) -> tuple[ReadRest, ReadFirst]:
    meanings: list[str] = []

    def told(source: Source) -> str:
        if not _in_rest(source):
            return source.code
        meanings.append(source.code)
        return f"r{len(meanings) - 1}"

    message = _construct_message(layout, sources, names, told)
    rest = [
        "def read(fields):",
        f"    {_names('f', range(FIRST_FIELDS, size))} = fields",
        *_ended(size),
        *_checked(check for check in checks if _in_rest(check)),
        f"    return {''.join(f'{code}, ' for code in meanings) or '()'}",
    ]
    first = [
        "def read(fields, rest):",
        f"    {_names('f', range(FIRST_FIELDS))}_ = fields",
        f"    {_names('r', range(len(meanings)))} = rest",
        *_checked(check for check in checks if not _in_rest(check)),
        f"    return {message}",
    ]
    return _define(rest, names), _define(first, names)


def _crosses(source: Source) -> bool:
    first, last = source.span
    return first < FIRST_FIELDS <= last


def _in_rest(source: Source) -> bool:
    return source.span[0] >= FIRST_FIELDS


def _checked(checks: Iterable[Source]) -> list[str]:
    return [f"    {check.code}" for check in checks]


def _names(letter: str, numbers: range) -> str:
    return "".join(f"{letter}{number}, " for number in numbers) or "()"


def _ended(size: int) -> list[str]:
    return [f"    if f{size - 1}: raise ValueError('the last field has no end')"]


def _define(lines: Sequence[str], names: dict[str, Any]) -> Any:
    scope = dict(names)
    exec("\n".join(lines), scope)  # noqa: S102  as dataclasses and attrs do; see above for what goes in
    return scope["read"]


def _choose_amounts(of_fields: Sequence[Kind], names: dict[str, Any]) -> list[str]:
    """Write the line that says how amounts are read: plainly where all of them are plain, else as other numbers are.

    A point in each rules out blanks, NaN, infinity and the whole numbers that mean "no number".
    """
    amounts = [f"f{index}" for index, kind in enumerate(of_fields, start=1) if kind is kinds.AMOUNT]
    if not amounts:
        return []
    names["read_plain"] = kinds.read_plain
    has_text = kinds.TEXT in of_fields or kinds.ESCAPED in of_fields
    unset = kinds.UNSET_NUMBER[-4:] if has_text else "E"  # one letter is looked for faster than four
    plain = " and ".join(f"'.' in {name}" for name in amounts)
    plain += f" and '+' not in text and {unset!r} not in text"
    plain += f" and text.isascii() and len(text) <= {kinds.PLAIN_LENGTH_MAX}"
    return [f"    read_amount = read_plain if {plain} else amount.__getitem__"]


def _in_full(source: Source) -> str:
    return source.code


def _construct_message(layout: Layout, sources: Sources, names: dict[str, Any], write: Callable[[Source], str]) -> str:
    """Write the expression that builds the message; `write` says how a value in it is written."""
    own = dict(sources[""])
    for owner, struct in layout.nested:
        whole = Source(
            None, _construct(owner, struct, sources[owner], names, _in_full), span_of(sources[owner].values())
        )
        if not _in_rest(whole):  # else it is one value of the rest
            whole.code = _construct(owner, struct, sources[owner], names, write)
        own[owner] = whole
    result = _construct("message", layout.message, own, names, write)
    if layout.received is not None:
        names["received"] = layout.received
        result = f"received({result})"
    return result


def _construct(
    label: str,
    struct: type[msgspec.Struct],
    attributes: Mapping[str, Source],
    names: dict[str, Any],
    write: Callable[[Source], str],
) -> str:
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
            arguments.append(write(source))
    names[f"make_{label}"] = struct
    return f"make_{label}({', '.join(arguments)})"


def default_of(info: msgspec.structs.FieldInfo) -> Any:
    """What an attribute is when no field carries it."""
    if info.default is not msgspec.NODEFAULT:
        return info.default
    if info.default_factory is not msgspec.NODEFAULT:
        return info.default_factory()
    raise TypeError(f"{info.name} has no default and no field: the layout is wrong")
