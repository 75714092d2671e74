"""Plans: a layout compiled for one server version into a decoder and an encoder.

Two shapes. A flat plan reads a message of fixed length by position and is built for speed: text fields cost nothing.
A stepped plan walks a message whose later fields depend on earlier ones. Both must account for every field, and
report the first one that does not fit by name and index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from engine.core.units import Absent
from engine.wire.errors import FieldUnavailable, InvalidValue, MalformedMessage
from engine.wire.fields import Kind, parse_bool, parse_id
from engine.wire.layout import Constant, Field, Layout, Maybe, Part, Repeat, Tagged, When

Decoder = Callable[[list[str]], Any]
Encoder = Callable[[Any], list[str]]
Values = dict[str, dict[str, Any]]  # owner -> attribute -> value


def decoder(layout: Layout, version: int) -> Decoder:
    """Compile the reading side. The function gets all fields of a message, the id included."""
    parts = [part for part in layout.parts if part.present(version)]
    if all(isinstance(part, Field | Constant) for part in parts):
        return _flat_decoder(layout, parts)
    return _stepped_decoder(layout, version)


def encoder(layout: Layout, version: int, *, strict: bool) -> Encoder:
    """Compile the writing side. `strict` refuses values that this version has no field for."""
    steps = _steps(layout.message_id, layout.parts, version)
    unavailable = _unavailable(layout, version) if strict else []
    head = str(layout.message_id)

    def encode(message: Any) -> list[str]:
        for where, get, default, since in unavailable:
            value = get(message)
            if value != default and not isinstance(value, Absent):
                raise FieldUnavailable(type(message).__name__, where, version, since)
        out = [head]
        for step in steps:
            step.encode(message, out)
        return out

    return encode


def _parse_constant(text: str) -> str:
    parse_id(text)
    return text


def _parse_deprecated(text: str) -> str:
    if text:
        raise ValueError(f"{text[:40]!r} in a field that is no longer used")
    return text


def _constant_parser(constant: Constant) -> Callable[[str], str]:
    return _parse_constant if constant.text else _parse_deprecated


def _constant_name(constant: Constant) -> str:
    return "version" if constant.text else "deprecated"


def _wrong_length(message_id: int, names: Sequence[str], fields: list[str]) -> MalformedMessage:
    size = len(fields)
    field = names[size] if size < len(names) else "end"
    return MalformedMessage(message_id, field, min(size, len(names)), f"{size} fields, the layout has {len(names)}")


# --- flat ---------------------------------------------------------------------------------------------------------


class _Flat:
    """A flat layout by position: fields first, then defaults for what this version lacks, then nested structures."""

    def __init__(self, layout: Layout, parts: Sequence[Part]) -> None:
        self.layout = layout
        self.names = ["id"]
        self.typed: list[tuple[int, Callable[[str], Any]]] = []
        self.extras: list[Any] = []
        self._places: dict[tuple[str, str], int] = {}
        for index, part in enumerate(parts, 1):
            self._add(index, part)
        nested = [(name, struct, self._indexes(name, struct)) for name, struct in layout.nested]
        own = self._indexes("", layout.message, skip=[name for name, _ in layout.nested])
        base = len(self.names) + len(self.extras)
        own.update({name: base + position for position, (name, _, _) in enumerate(nested)})
        self.inner = [(struct, _picker(list(indexes.values()))) for _, struct, indexes in nested]
        self.outer = _picker([own[info.name] for info in msgspec.structs.fields(layout.message)])

    def _add(self, index: int, part: Part) -> None:
        if isinstance(part, Constant):
            self.names.append(_constant_name(part))
            self.typed.append((index, _constant_parser(part)))
        elif isinstance(part, Field):
            self.names.append(part.name)
            self._places[part.owner, part.name] = index
            if part.kind.parse is not None:
                self.typed.append((index, part.kind.parse))

    def _indexes(self, owner: str, struct: type[msgspec.Struct], skip: Sequence[str] = ()) -> dict[str, int]:
        """Find where each attribute of a structure stands, in the order its constructor takes them."""
        indexes: dict[str, int] = {}
        for info in msgspec.structs.fields(struct):
            if info.name in skip:
                continue
            place = self._places.get((owner, info.name))
            if place is None:
                place = len(self.names) + len(self.extras)
                self.extras.append(_default(self.layout, info))
            indexes[info.name] = place
        return indexes


def _flat_decoder(layout: Layout, parts: Sequence[Part]) -> Decoder:
    plan = _Flat(layout, parts)
    message_id, names, size = layout.message_id, plan.names, len(plan.names)
    message, typed, inner, outer, extras = layout.message, plan.typed, plan.inner, plan.outer, plan.extras

    def decode(fields: list[Any]) -> Any:
        if len(fields) != size:
            raise _wrong_length(message_id, names, fields)
        index = 0
        try:
            for index, parse in typed:
                fields[index] = parse(fields[index])
        except ValueError as error:
            raise MalformedMessage(message_id, names[index], index, str(error)) from None
        fields += extras
        for struct, pick in inner:
            fields.append(struct(*pick(fields)))
        return message(*outer(fields))

    return decode


def _picker(indexes: list[int]) -> Callable[[list[Any]], Any]:
    """Make a function that takes these places from a list, in this order, at C speed."""
    first = indexes[0] if indexes else 0
    if indexes == list(range(first, first + len(indexes))):
        return itemgetter(slice(first, first + len(indexes)))
    return itemgetter(*indexes)


def _default(layout: Layout, info: msgspec.structs.FieldInfo) -> Any:
    if info.default is not msgspec.NODEFAULT:
        return info.default
    if info.default_factory is not msgspec.NODEFAULT:
        return info.default_factory()
    raise TypeError(f"layout {layout.message_id} has no field for {info.name}, which has no default")


def _unavailable(layout: Layout, version: int) -> list[tuple[str, Callable[[Any], Any], Any, int]]:
    """Attributes that other server versions carry and this one does not: where, getter, default, since."""
    owners = {"": layout.message, **dict(layout.nested)}
    present: set[tuple[str, str]] = set()
    known: dict[tuple[str, str], int] = {}
    for part in _walk(layout.parts):
        key = part.owner, part.name
        if part.present(version):
            present.add(key)
        else:
            known.setdefault(key, part.since)
    missing: list[tuple[str, Callable[[Any], Any], Any, int]] = []
    for (owner, name), since in known.items():
        if (owner, name) in present:
            continue
        info = next(field for field in msgspec.structs.fields(owners[owner]) if field.name == name)
        path = f"{owner}.{name}" if owner else name
        missing.append((path, attrgetter(path), _default(layout, info), since))
    return missing


def _walk(parts: Sequence[Part], since: int = 0) -> list[Field | Repeat | Maybe | Tagged]:
    found: list[Field | Repeat | Maybe | Tagged] = []
    for part in parts:
        if isinstance(part, When):
            inner = _walk(part.parts)
            found += [msgspec.structs.replace(p, since=max(p.since, part.since)) for p in inner]
        elif not isinstance(part, Constant):
            found.append(part)
    return found


# --- stepped ------------------------------------------------------------------------------------------------------


class _Reader:
    """The fields of one message and how far they have been read."""

    __slots__ = ("at", "fields", "message_id")

    def __init__(self, message_id: int, fields: list[str]) -> None:
        self.message_id = message_id
        self.fields = fields
        self.at = 1

    def take(self, names: Sequence[str], typed: Sequence[tuple[int, Callable[[str], Any]]]) -> list[Any]:
        """Read one field for each name, parsing those that are not text."""
        start = self.at
        chunk: list[Any] = self.fields[start : start + len(names)]
        if len(chunk) < len(names):
            raise MalformedMessage(self.message_id, names[len(chunk)], start + len(chunk), "the message ends before it")
        index = 0
        try:
            for index, parse in typed:
                chunk[index] = parse(chunk[index])
        except ValueError as error:
            raise MalformedMessage(self.message_id, names[index], start + index, str(error)) from None
        self.at = start + len(names)
        return chunk

    def take_count(self, name: str, group_size: int) -> int:
        """Read how many groups follow; more than the rest of the message can hold is refused before any is read."""
        (count,) = self.take((name,), ((0, parse_id),))
        if count < 0 or count * group_size > len(self.fields) - self.at:
            raise MalformedMessage(self.message_id, name, self.at - 1, f"count {count} does not fit the message")
        return int(count)


def _stepped_decoder(layout: Layout, version: int) -> Decoder:
    steps = _steps(layout.message_id, layout.parts, version)
    owners = ["", *(name for name, _ in layout.nested)]
    message_id = layout.message_id

    def decode(fields: list[str]) -> Any:
        reader = _Reader(message_id, fields)
        values: Values = {owner: {} for owner in owners}
        for step in steps:
            step.decode(reader, values)
        if reader.at != len(fields):
            extra = len(fields) - reader.at
            raise MalformedMessage(message_id, "end", reader.at, f"{extra} more fields than the layout has")
        own = values[""]
        for name, struct in layout.nested:
            own[name] = struct(**values[name])
        return layout.message(**own)

    return decode


class _Step:
    """One part of a stepped plan."""

    def decode(self, reader: _Reader, values: Values) -> None:
        raise NotImplementedError

    def encode(self, message: Any, out: list[str]) -> None:
        raise NotImplementedError


def _steps(message_id: int, parts: Sequence[Part], version: int) -> list[_Step]:
    steps: list[_Step] = []
    run: list[Field] = []

    def end_run() -> None:
        if run:
            steps.append(_Run(tuple(run)))
            run.clear()

    for part in parts:
        if not part.present(version):
            continue
        if isinstance(part, Field) and not part.repeated:
            if run and run[0].owner != part.owner:
                end_run()
            run.append(part)
            continue
        end_run()
        steps.append(_special_step(message_id, part, version))
    end_run()
    return steps


def _special_step(message_id: int, part: Part, version: int) -> _Step:
    match part:
        case Field():
            return _RepeatedField(part)
        case Constant():
            return _ConstantStep(part)
        case Repeat():
            return _RepeatStep(part, version)
        case When():
            return _WhenStep(part, _steps(message_id, part.parts, version))
        case Maybe():
            return _MaybeStep(part, version)
        case Tagged():
            return _TaggedStep(part, version)


def _typed(fields: Sequence[Field]) -> list[tuple[int, Callable[[str], Any]]]:
    return [(index, field.kind.parse) for index, field in enumerate(fields) if field.kind.parse is not None]


def _write(kind: Kind, where: str, value: Any) -> str:
    try:
        return kind.write(value)
    except ValueError as error:
        raise InvalidValue(where, str(error)) from None


def _path(owner: str, name: str) -> str:
    return f"{owner}.{name}" if owner else name


class _Run(_Step):
    """Consecutive fields of one owner."""

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.owner = fields[0].owner
        self.names = tuple(field.name for field in fields)
        self.typed = _typed(fields)
        self.slots = [
            (field.kind, _path(field.owner, field.name), attrgetter(_path(field.owner, field.name))) for field in fields
        ]

    def decode(self, reader: _Reader, values: Values) -> None:
        values[self.owner].update(zip(self.names, reader.take(self.names, self.typed), strict=True))

    def encode(self, message: Any, out: list[str]) -> None:
        for kind, where, get in self.slots:
            out.append(_write(kind, where, get(message)))


class _RepeatedField(_Run):
    """A field the wire carries twice: the second value counts only where there is one."""

    def __init__(self, field: Field) -> None:
        super().__init__((field,))

    def decode(self, reader: _Reader, values: Values) -> None:
        (value,) = reader.take(self.names, self.typed)
        if not isinstance(value, Absent):
            values[self.owner][self.names[0]] = value


class _ConstantStep(_Step):
    def __init__(self, constant: Constant) -> None:
        self.text = constant.text
        self.names = (_constant_name(constant),)
        self.typed = [(0, _constant_parser(constant))]

    def decode(self, reader: _Reader, values: Values) -> None:
        reader.take(self.names, self.typed)

    def encode(self, message: Any, out: list[str]) -> None:
        out.append(self.text)


class _Group:
    """The fields of one element of a repeated, optional or tagged group."""

    def __init__(self, element: type[msgspec.Struct] | None, fields: Sequence[Field], version: int) -> None:
        present = [field for field in fields if field.present(version)]
        self.element = element
        self.names = tuple(field.name for field in present)
        self.typed = _typed(present)
        self.slots = [(field.kind, field.name) for field in present]

    def decode(self, reader: _Reader) -> Any:
        if self.element is None:
            return reader.take(self.names, self.typed)[0]
        return self.element(**dict(zip(self.names, reader.take(self.names, self.typed), strict=True)))

    def encode(self, element: Any, out: list[str], where: str) -> None:
        for kind, name in self.slots:
            value = element if self.element is None else getattr(element, name)
            out.append(_write(kind, f"{where}.{name}", value))


class _RepeatStep(_Step):
    def __init__(self, part: Repeat, version: int) -> None:
        self.part = part
        self.group = _Group(part.element, part.fields, version)
        self.path = _path(part.owner, part.name)
        self.get = attrgetter(self.path)

    def decode(self, reader: _Reader, values: Values) -> None:
        count = reader.take_count(self.part.name, len(self.group.names))
        values[self.part.owner][self.part.name] = tuple(self.group.decode(reader) for _ in range(count))

    def encode(self, message: Any, out: list[str]) -> None:
        elements = self.get(message)
        out.append(str(len(elements)))
        for element in elements:
            self.group.encode(element, out, self.path)


class _WhenStep(_Step):
    def __init__(self, part: When, steps: list[_Step]) -> None:
        self.part = part
        self.steps = steps
        self.get = attrgetter(_path(part.owner, part.name))

    def decode(self, reader: _Reader, values: Values) -> None:
        if self.part.test(values[self.part.owner][self.part.name]):
            for step in self.steps:
                step.decode(reader, values)

    def encode(self, message: Any, out: list[str]) -> None:
        if self.part.test(self.get(message)):
            for step in self.steps:
                step.encode(message, out)


class _MaybeStep(_Step):
    def __init__(self, part: Maybe, version: int) -> None:
        self.part = part
        self.group = _Group(part.element, part.fields, version)
        self.path = _path(part.owner, part.name)
        self.get = attrgetter(self.path)

    def decode(self, reader: _Reader, values: Values) -> None:
        (there,) = reader.take((self.part.name,), ((0, parse_bool),))
        values[self.part.owner][self.part.name] = self.group.decode(reader) if there else None

    def encode(self, message: Any, out: list[str]) -> None:
        element = self.get(message)
        out.append("0" if element is None else "1")
        if element is not None:
            self.group.encode(element, out, self.path)


class _TaggedStep(_Step):
    def __init__(self, part: Tagged, version: int) -> None:
        self.part = part
        self.path = _path(part.owner, part.name)
        self.get = attrgetter(self.path)
        self.groups = {tag: _Group(element, fields, version) for tag, (element, fields) in part.variants.items()}
        self.tags = {element: tag for tag, (element, _) in part.variants.items()}

    def decode(self, reader: _Reader, values: Values) -> None:
        count = reader.take_count(self.part.name, 1)
        values[self.part.owner][self.part.name] = tuple(self._decode_one(reader) for _ in range(count))

    def _decode_one(self, reader: _Reader) -> Any:
        (tag,) = reader.take((f"{self.part.name} type",), ((0, parse_id),))
        group = self.groups.get(tag)
        if group is None:
            raise MalformedMessage(reader.message_id, f"{self.part.name} type", reader.at - 1, f"{tag} is not known")
        return group.decode(reader)

    def encode(self, message: Any, out: list[str]) -> None:
        elements = self.get(message)
        out.append(str(len(elements)))
        for element in elements:
            tag = self.tags[type(element)]
            out.append(str(tag))
            self.groups[tag].encode(element, out, self.path)
