"""Records that are handed over together, and how they look when nothing is left but to print them. Pure.

A parcel has a name, by which the journal knows whether it has been taken in. Printed, each record is a line of JSON in
plain ASCII that says to which parcel it belongs, which one of how many it is, and by a check whether it is still what
was printed: people copy such lines by hand. `parse` takes a parcel only if all of it is there, and never guesses.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple

import msgspec

from engine.journal import chain
from engine.journal.chain import Draft
from engine.journal.events import NotUnderstood, Snapshot, TakenIn

BEGINS = '{"parcel":'
_CHECK = ',"check":"'
_CHECK_DIGITS = 16
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Parcel(NamedTuple):
    """What was handed over together, under the name by which it is known to be in the journal."""

    name: str
    drafts: tuple[Draft, ...]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record as it is printed, without its check. `number`: from 1 to `of`."""

    parcel: str
    number: int
    of: int
    at_ns: int
    actor: str
    event: msgspec.Raw


class Found(NamedTuple):
    """What stands in a text: whole parcels in their order, what is wrong with others, and how many lines are none."""

    parcels: tuple[Parcel, ...]
    wrong: tuple[str, ...]
    other_lines: int


def printed(parcel: Parcel) -> tuple[str, ...]:
    """The records of a parcel, each as a line."""
    of = len(parcel.drafts)
    return tuple(
        _checked(_text(Line(parcel.name, number, of, one.at_ns, one.actor, msgspec.Raw(one.body))))
        for number, one in enumerate(parcel.drafts, 1)
    )


def parse(text: str) -> Found:
    """The parcels in what a program has printed, whatever else stands between their lines."""
    held: dict[str, dict[int, Line]] = {}
    wrong: list[str] = []
    contradicted: set[str] = set()
    others = 0
    for number, row in enumerate(text.splitlines(), 1):
        at = row.find(BEGINS)
        if at < 0:
            others += bool(row.strip())
            continue
        try:
            line = _read(row[at:].rstrip())
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
            continue
        lines = held.setdefault(line.parcel, {})
        if any(one.of != line.of for one in lines.values()) or lines.setdefault(line.number, line) != line:
            wrong.append(f"line {number}: it contradicts another line of {line.parcel}")
            contradicted.add(line.parcel)
    parcels = []
    for name, lines in held.items():
        of = next(iter(lines.values())).of
        if name in contradicted:
            continue
        if len(lines) < of:
            wrong.append(f"{name}: only {len(lines)} of its {of} records are there")
        else:
            parcels.append(Parcel(name, tuple(_draft(lines[number]) for number in range(1, of + 1))))
    return Found(tuple(parcels), tuple(wrong), others)


def _draft(line: Line) -> Draft:
    return Draft(line.at_ns, line.actor, bytes(line.event))


def _read(text: str) -> Line:
    """Raises ValueError for anything but what `printed` makes of a record that a journal may take in."""
    before, mark, after = text.rpartition(_CHECK)
    if not mark or len(after) != _CHECK_DIGITS + 2 or _checked(f"{before}}}") != text:
        raise ValueError("it is not what was printed: a part is missing, or was changed")
    line = msgspec.json.decode(f"{before}}}", type=Line)
    if not 1 <= line.number <= line.of or not line.parcel:
        raise ValueError("it does not say which record of which parcel it is")
    record = chain.opened(chain.seal(chain.START, _draft(line)))
    match record.event:
        case NotUnderstood() as event:
            raise ValueError(f"this version does not understand it: {event.kind or 'no event'} ({event.why})")
        case Snapshot() | TakenIn():
            raise ValueError("a record of the journal about itself is never taken in")
    return line


def _text(line: Line) -> str:
    """In ASCII, so that no terminal and no file changes it. Anything else stands inside strings, where JSON has a
    form for it.
    """
    return _NOT_ASCII.sub(_escaped, msgspec.json.encode(line).decode())


def _escaped(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _checked(text: str) -> str:
    check = sha256(text.encode()).hexdigest()[:_CHECK_DIGITS]
    return f'{text[:-1]}{_CHECK}{check}"}}'
