"""What a printed page is made of, before it is Markdown, HTML or PDF. Data only.

Text may have **bold** and `code` in it, and nothing else; everything in it is printed as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias

import msgspec

WHOLE_MAX = 40  # characters
_INLINE = re.compile(r"\*\*(.+?)\*\*|`([^`]+)`")


class Style(Enum):
    """How a piece of text is set."""

    PLAIN = "plain"
    BOLD = "bold"
    CODE = "code"


def inline(text: str) -> Iterator[tuple[Style, str]]:
    """The pieces of a text, in order."""
    end = 0
    for found in _INLINE.finditer(text):
        if found.start() > end:
            yield Style.PLAIN, text[end : found.start()]
        bold, code = found.groups()
        yield (Style.BOLD, bold) if bold is not None else (Style.CODE, code)
        end = found.end()
    if end < len(text):
        yield Style.PLAIN, text[end:]


def words(code: str) -> tuple[tuple[str, bool], ...]:
    """Of a command in a sentence what stays in one piece: all of it, or each word where it is long. False for a word
    that no column has room for. A path that goes on in the next line is typed as another path.
    """
    pieces = [code] if len(code) <= WHOLE_MAX else code.split(" ")
    return tuple((piece, len(piece) <= WHOLE_MAX) for piece in pieces)


class Title(msgspec.Struct, frozen=True):
    """The page's own, and what stands right below it."""

    text: str
    below: str


class Section(msgspec.Struct, frozen=True):
    """A heading; `urgent`: it must be found first."""

    text: str
    urgent: bool = False


class Option(msgspec.Struct, frozen=True):
    """A heading within a section."""

    text: str


class Paragraph(msgspec.Struct, frozen=True):
    text: str


class Steps(msgspec.Struct, frozen=True):
    """To be done in this order."""

    items: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Code(msgspec.Struct, frozen=True):
    """What is typed, as it stands."""

    language: str
    text: str


Block: TypeAlias = Title | Section | Option | Paragraph | Steps | Table | Code
Page: TypeAlias = tuple[Block, ...]
