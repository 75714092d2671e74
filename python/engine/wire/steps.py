"""Steps: a layout at one server version, walked field by field to read or to write a message.

This is the careful way: it reports the first field that does not fit, by name and index. While it reads, it notes
which fields decided its way and where every value came from; engine.wire.compiling makes the fast way of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from engine.core.units import BLANK, UNSET, Absent
from engine.wire import fields as kinds
from engine.wire.errors import InvalidValue, MalformedMessage
from engine.wire.fields import Kind
from engine.wire.layout import Constant, Field, Maybe, Part, Repeat, Tagged, When

Span = tuple[int, int]  # the first and the last of the fields that a value depends on
NO_FIELDS: Span = (1 << 30, -1)


class Source:
    """A value, the Python expression that gets it from the fields f0, f1, …, and the span of these."""

    __slots__ = ("code", "span", "value")

    def __init__(self, value: Any, code: str, span: Span) -> None:
        self.value = value
        self.code = code
        self.span = span


def span_of(sources: Iterable[Source]) -> Span:
    """The span of them all."""
    spans = [source.span for source in sources] or [NO_FIELDS]
    return min(first for first, _ in spans), max(last for _, last in spans)


Sources = dict[str, dict[str, Source]]  # owner -> attribute -> value


class Reader:
    """The fields of one message, how far they have been read, and which of them decided the way."""

    __slots__ = ("at", "constants", "decisions", "elements", "fields", "kinds", "message_id", "places")

    def __init__(self, message_id: int, fields: list[str]) -> None:
        self.message_id = message_id
        self.fields = fields
        self.at = 1
        self.kinds: list[Kind] = []  # of the fields read, from the first behind the id
        self.constants: dict[str, Any] = {}  # what expressions call u0, u1, …: the value of a usual text
        self.decisions: list[int] = []
        self.places: dict[tuple[str, str], int] = {}
        self.elements: list[type] = []  # the structures that expressions call, as E0, E1, …

    def take(self, name: str, kind: Kind) -> Source:
        """Read the next field."""
        index = self.at
        if index >= len(self.fields):
            raise MalformedMessage(self.message_id, name, index, "the message ends before it")
        text = self.fields[index]
        self.at = index + 1
        self.kinds.append(kind)
        code = kind.code.format(f"f{index}")
        if kind.read is None:
            return Source(text, code, (index, index))
        try:
            value = kind.read[text]
        except ValueError as error:
            raise MalformedMessage(self.message_id, name, index, str(error)) from None
        if text in kinds.USUAL:
            self.constants[f"u{index}"] = value
            code = f"(u{index} if f{index} == {kinds.USUAL[text]} else {code})"
        return Source(value, code, (index, index))

    def decide(self, name: str, kind: Kind) -> Any:
        """Read a field that decides what follows."""
        self.decisions.append(self.at)
        return self.take(name, kind).value

    def count(self, name: str, group_size: int) -> int:
        """Read how many groups follow; more than the rest of the message can hold is refused before any is read."""
        count: int = self.decide(name, kinds.ID)
        if count < 0 or count * group_size > len(self.fields) - self.at:
            raise MalformedMessage(self.message_id, name, self.at - 1, f"count {count} does not fit the message")
        return count

    def element(self, struct: type, attributes: Sequence[tuple[str, Source]]) -> Source:
        """Build a nested structure."""
        if struct not in self.elements:
            self.elements.append(struct)
        arguments = ", ".join(f"{name}={source.code}" for name, source in attributes)
        value = struct(**{name: source.value for name, source in attributes})
        span = span_of(source for _, source in attributes)
        return Source(value, f"E{self.elements.index(struct)}({arguments})", span)


class Step:
    """One part of a layout."""

    def decode(self, reader: Reader, sources: Sources) -> None:
        raise NotImplementedError

    def encode(self, message: Any, out: list[str]) -> None:
        raise NotImplementedError


def compile_steps(parts: Sequence[Part], version: int) -> list[Step]:
    """Turn the parts that this version has into steps; plain fields in a row become one."""
    steps: list[Step] = []
    row: list[_FieldStep] = []
    for step in (_step(part, version) for part in parts if part.present(version)):
        if type(step) is _FieldStep:
            row.append(step)
            continue
        steps += [_Row(row), step] if row else [step]
        row = []
    return [*steps, _Row(row)] if row else steps


def _step(part: Part, version: int) -> Step:
    match part:
        case Field():
            return _RepeatedField(part) if part.repeated else _FieldStep(part)
        case Constant():
            return _ConstantStep(part)
        case Repeat():
            return _RepeatStep(part, version)
        case When():
            return _WhenStep(part, version)
        case Maybe():
            return _MaybeStep(part, version)
        case Tagged():
            return _TaggedStep(part, version)


def _write(kind: Kind, where: str, value: Any) -> str:
    try:
        return kind.write(value)
    except ValueError as error:
        raise InvalidValue(where, str(error)) from None


class _Owned(Step):
    """A step for one attribute of the message or of a structure in it."""

    def __init__(self, owner: str, name: str) -> None:
        self.owner = owner
        self.name = name
        self.path = f"{owner}.{name}" if owner else name
        self.get = attrgetter(self.path)


class _FieldStep(_Owned):
    def __init__(self, field: Field) -> None:
        super().__init__(field.owner, field.name)
        self.kind = field.kind

    def decode(self, reader: Reader, sources: Sources) -> None:
        reader.places[self.owner, self.name] = reader.at
        sources[self.owner][self.name] = reader.take(self.name, self.kind)

    def encode(self, message: Any, out: list[str]) -> None:
        out.append(_write(self.kind, self.path, self.get(message)))


class _Row(Step):
    """Fields that follow each other whatever happens, written together."""

    def __init__(self, steps: Sequence[_FieldStep]) -> None:
        self.steps = tuple(steps)
        self.writes = tuple(step.kind.write for step in steps)
        # Two attributes at least, or attrgetter returns a bare value; the first one twice does no harm.
        self.get = attrgetter(*(step.path for step in steps), steps[0].path)

    def decode(self, reader: Reader, sources: Sources) -> None:
        for step in self.steps:
            step.decode(reader, sources)

    def encode(self, message: Any, out: list[str]) -> None:
        try:
            out += [write(value) for write, value in zip(self.writes, self.get(message), strict=False)]
        except ValueError:
            for step in self.steps:
                step.encode(message, out)  # one of them says which field it is


def later_unless_absent(later: Any, earlier: Any) -> Any:
    """Of a value the wire carries twice, the second counts where there is one."""
    return earlier if isinstance(later, Absent) else later


class _RepeatedField(_FieldStep):
    """The second place of a value. TWS leaves the first blank and writes "unset" here when there is none."""

    def decode(self, reader: Reader, sources: Sources) -> None:
        later = reader.take(self.name, self.kind)
        earlier = sources[self.owner][self.name]
        value = later_unless_absent(later.value, earlier.value)
        code = f"later_unless_absent({later.code}, {earlier.code})"
        sources[self.owner][self.name] = Source(value, code, span_of((later, earlier)))

    def encode(self, message: Any, out: list[str]) -> None:
        value = self.get(message)
        out.append(_write(self.kind, self.path, UNSET if value is BLANK else value))


class _ConstantStep(Step):
    def __init__(self, constant: Constant) -> None:
        self.text = constant.text

    def decode(self, reader: Reader, sources: Sources) -> None:
        source = reader.take("version", kinds.CONSTANT)
        usual = f"f{reader.at - 1} == {self.text!r}"
        # Checked, then dropped: it says nothing.
        sources[""][f"#{reader.at}"] = Source(source.value, f"{usual} or {source.code}", source.span)

    def encode(self, message: Any, out: list[str]) -> None:
        out.append(self.text)


class _Group:
    """The fields of one element of a repeated, optional or tagged group."""

    def __init__(self, element: type | None, fields: Sequence[Field], version: int) -> None:
        self.element = element
        self.fields = [(field.name, field.kind) for field in fields if field.present(version)]

    def decode(self, reader: Reader) -> Source:
        attributes = [(name, reader.take(name, kind)) for name, kind in self.fields]
        if self.element is None:
            return attributes[0][1]
        return reader.element(self.element, attributes)

    def encode(self, element: Any, out: list[str], where: str) -> None:
        for name, kind in self.fields:
            value = element if self.element is None else getattr(element, name)
            out.append(_write(kind, f"{where}.{name}", value))


def _tuple_of(items: Sequence[Source]) -> Source:
    code = "(" + "".join(f"{item.code}, " for item in items) + ")"
    return Source(tuple(item.value for item in items), code, span_of(items))


class _RepeatStep(_Owned):
    def __init__(self, part: Repeat, version: int) -> None:
        super().__init__(part.owner, part.name)
        self.group = _Group(part.element, part.fields, version)

    def decode(self, reader: Reader, sources: Sources) -> None:
        count = reader.count(self.name, len(self.group.fields))
        sources[self.owner][self.name] = _tuple_of([self.group.decode(reader) for _ in range(count)])

    def encode(self, message: Any, out: list[str]) -> None:
        elements = self.get(message)
        out.append(str(len(elements)))
        for element in elements:
            self.group.encode(element, out, self.path)


class _WhenStep(_Owned):
    def __init__(self, part: When, version: int) -> None:
        super().__init__(part.owner, part.name)
        self.test: Callable[[Any], bool] = part.test
        self.steps = compile_steps(part.parts, version)

    def decode(self, reader: Reader, sources: Sources) -> None:
        place = reader.places.get((self.owner, self.name))
        if place is not None:  # a count has been noted where it was read
            reader.decisions.append(place)
        if self.test(sources[self.owner][self.name].value):
            for step in self.steps:
                step.decode(reader, sources)

    def encode(self, message: Any, out: list[str]) -> None:
        if self.test(self.get(message)):
            for step in self.steps:
                step.encode(message, out)


class _MaybeStep(_Owned):
    def __init__(self, part: Maybe, version: int) -> None:
        super().__init__(part.owner, part.name)
        self.group = _Group(part.element, part.fields, version)

    def decode(self, reader: Reader, sources: Sources) -> None:
        there = reader.decide(self.name, kinds.BOOL)
        sources[self.owner][self.name] = self.group.decode(reader) if there else Source(None, "None", NO_FIELDS)

    def encode(self, message: Any, out: list[str]) -> None:
        element = self.get(message)
        out.append("0" if element is None else "1")
        if element is not None:
            self.group.encode(element, out, self.path)


class _TaggedStep(_Owned):
    def __init__(self, part: Tagged, version: int) -> None:
        super().__init__(part.owner, part.name)
        self.groups = {tag: _Group(element, fields, version) for tag, (element, fields) in part.variants.items()}
        self.tags = {element: tag for tag, (element, _) in part.variants.items()}

    def decode(self, reader: Reader, sources: Sources) -> None:
        count = reader.count(self.name, 1)
        sources[self.owner][self.name] = _tuple_of([self._decode_one(reader) for _ in range(count)])

    def _decode_one(self, reader: Reader) -> Source:
        tag = reader.decide(f"{self.name} type", kinds.ID)
        group = self.groups.get(tag)
        if group is None:
            raise MalformedMessage(reader.message_id, f"{self.name} type", reader.at - 1, f"{tag} is not known")
        return group.decode(reader)

    def encode(self, message: Any, out: list[str]) -> None:
        elements = self.get(message)
        out.append(str(len(elements)))
        for element in elements:
            tag = self.tags.get(type(element))
            if tag is None:
                raise InvalidValue(self.path, f"{element!r} is not one of its kinds")
            out.append(str(tag))
            self.groups[tag].encode(element, out, self.path)
