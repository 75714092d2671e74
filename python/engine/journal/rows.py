"""What stands in a row of the journal's file: one record, or those of one append together. Pure.

A row has the number and the digest of its last record. One that holds several names no actor: its event is then all of
them, packed, each with its own digest, so the first that is not what was written is still found. SQLite takes three
microseconds for a row, whatever is in it; a record in a pack costs a seventh of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from engine.journal.chain import Sealed
from engine.journal.trouble import Code, JournalError, Trouble

Row: TypeAlias = tuple[int, int, bytes | None, bytes, bytes]
One: TypeAlias = tuple[int, int, bytes, bytes, bytes]  # number, time, actor, event, digest

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[One]).decode


def row_of(one: Sealed) -> One:
    return one.seq, one.at_ns, _written(one.actor), one.body, one.digest


def packed(records: Sequence[Sealed]) -> Row:
    """Several records as one row. Its time is the latest of them: it is old when all of it is old."""
    last = records[-1]
    actor, who = last.actor, _written(last.actor)
    together: list[One] = []
    latest_ns = last.at_ns
    for one in records:
        if one.actor is not actor:  # those of one append have the same, and so does most that is appended together
            actor, who = one.actor, _written(one.actor)
        at_ns = one.at_ns
        if at_ns > latest_ns:
            latest_ns = at_ns
        together.append((one.seq, at_ns, who, one.body, one.digest))
    return last.seq, latest_ns, None, _pack(together), last.digest


def records_of(row: tuple[object, ...]) -> tuple[Sealed, ...]:
    """The records in a row. Raises JournalError; nothing of the chain is checked."""
    try:
        match row:
            case (int() as seq, int() as at_ns, bytes() as actor, bytes() as event, bytes() as digest):
                return (_sealed(seq, at_ns, actor, event, digest),)
            case (int() as seq, int(), None, bytes() as event, bytes() as digest):
                records = tuple(_sealed(*one) for one in _unpack(event))
                if records and (records[-1].seq, records[-1].digest) == (seq, digest):
                    return records
    except ValueError as error:  # what msgspec raises is one, and so is text that is none
        raise _no_record(row) from error
    raise _no_record(row)


def _sealed(seq: int, at_ns: int, actor: bytes, event: bytes, digest: bytes) -> Sealed:
    return Sealed(seq, at_ns, actor.decode("utf-8", "surrogatepass"), event, digest)


def _no_record(row: tuple[object, ...]) -> JournalError:
    return JournalError(Trouble(Code.CORRUPT, f"record {row[0]!r} is no record any more"))


def _written(actor: str) -> bytes:
    return actor.encode("utf-8", "surrogatepass")
