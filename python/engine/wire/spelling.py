"""Clients spell the same number in several ways ("1", "1.0", "1e0"). An order keeps the spelling it came in.

The proof that an order was understood is that it can be written again: field by field, our spelling must mean what
the client's does. An order that fails this is refused. Must never repeat a client's bytes for a changed order.
"""

from __future__ import annotations

import msgspec

from engine.wire.errors import MalformedMessage
from engine.wire.fields import parse_flag, parse_number


class Spelling(msgspec.Struct, frozen=True):
    """A message as we would write it, and as its client did."""

    canonical: bytes
    original: bytes


def keep_spelling(message_id: int, canonical: bytes, original: bytes) -> Spelling | None:
    """Compare the two field by field; None if they are equal byte for byte."""
    if canonical == original:
        return None
    ours, theirs = canonical.split(b"\0"), original.split(b"\0")
    if len(ours) != len(theirs):
        raise MalformedMessage(
            message_id, "end", len(theirs) - 1, f"{len(theirs) - 1} fields where {len(ours) - 1} would be written"
        )
    for index, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        if our != their and not _same_value(our, their):
            raise MalformedMessage(message_id, "spelling", index, f"{their[:40]!r} would be written as {our[:40]!r}")
    return Spelling(canonical, original)


def _same_value(ours: bytes, theirs: bytes) -> bool:
    if (ours, theirs) == (b"0", b""):
        return True  # a contract or order id: none is 0 or blank
    try:
        our, their = ours.decode("ascii"), theirs.decode("ascii")
        if their in ("true", "false"):
            return parse_flag(our) is parse_flag(their)
        return bool(parse_number(our) == parse_number(their))
    except ValueError:
        return False
