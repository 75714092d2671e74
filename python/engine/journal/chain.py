"""The hash chain: each record seals the one before it. Pure.

A record is sealed over the digest before, its number, its time, its actor and the very bytes of its event. So the first
record that was changed, removed, inserted or moved is found. It proves that nothing was changed by accident, or by a
hand that did not seal everything anew; it does not prove who wrote it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from hashlib import sha256 as _sha256

import msgspec

from engine.journal.events import AnyEvent, Event, NotUnderstood, Record

ORIGIN = bytes(32)  # stands before the first record
SNAPSHOT = b'{"event":"snapshot"'  # how the body of a snapshot begins
_DOMAIN = b"quant-engine journal 1\0"
_pack_head = struct.Struct(">QqI").pack  # number, time, length of the actor
_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(AnyEvent)


class Draft(msgspec.Struct, frozen=True, gc=False):
    """What is to be recorded, before it has its place. `body` is the event as JSON."""

    at_ns: int
    actor: str
    body: bytes


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """A record as it is kept: its bytes, and the digest over the one before and all of it."""

    seq: int
    at_ns: int
    actor: str
    body: bytes
    digest: bytes


class Tip(msgspec.Struct, frozen=True, gc=False):
    """Where a chain ends: what the next record has to follow."""

    seq: int
    digest: bytes


START = Tip(0, ORIGIN)


class Break(msgspec.Struct, frozen=True, gc=False):
    """The first place at which a chain does not hold, in words."""

    seq: int
    what: str


def draft(event: Event, *, actor: str, at_ns: int) -> Draft:
    """Write an event down. Raises ValueError for what only a reader may make."""
    return drafts((event,), actor=actor, at_ns=at_ns)[0]


def drafts(events: Sequence[Event], *, actor: str, at_ns: int) -> list[Draft]:
    """Write several events of one moment down. Raises ValueError as `draft` does."""
    if NotUnderstood in map(type, events):
        raise ValueError("what was not understood is never written")
    if not actor.isascii():  # a user's name may hold what is no text, and no printed form of a record could hold that
        actor = actor.encode("utf-8", "replace").decode()
    return [Draft(at_ns, actor, _encode(event)) for event in events]


def seal(tip: Tip, one: Draft) -> Sealed:
    """Give a draft its place behind `tip`."""
    return seal_all(tip, (one,))[0]


def seal_all(tip: Tip, drafts: Iterable[Draft]) -> tuple[Sealed, ...]:
    """Give several drafts their places, one behind the other."""
    sealed = []
    seq, digest = tip.seq, tip.digest
    actor, who = "", b""
    for one in drafts:
        at_ns, body = one.at_ns, one.body
        if one.actor is not actor:  # those of one append have the same
            actor, who = one.actor, _written(one.actor)
        seq += 1
        digest = _sha256(b"".join((_DOMAIN, digest, _pack_head(seq, at_ns, len(who)), who, body))).digest()
        sealed.append(Sealed(seq, at_ns, actor, body, digest))
    return tuple(sealed)


def tip_of(one: Sealed) -> Tip:
    return Tip(one.seq, one.digest)


def fault(tip: Tip, one: Sealed) -> Break | None:
    """Why `one` cannot be the record behind `tip`; None: it is."""
    if one.seq <= tip.seq:
        return Break(tip.seq + 1, f"record {one.seq} is twice")
    if one.seq == tip.seq + 2:
        return Break(tip.seq + 1, f"record {tip.seq + 1} is missing")
    if one.seq > tip.seq + 2:
        return Break(tip.seq + 1, f"records {tip.seq + 1} to {one.seq - 1} are missing")
    if _digest(tip.digest, one.seq, one.at_ns, one.actor, one.body) != one.digest:
        return Break(one.seq, f"record {one.seq} is not what was written, or does not follow record {tip.seq}")
    return None


def verify(records: Iterable[Sealed], tip: Tip = START) -> tuple[Tip, Break | None]:
    """Walk a chain from `tip`: where it ends or holds no longer, and the first bad place."""
    for one in records:
        bad = fault(tip, one)
        if bad is not None:
            return tip, bad
        tip = tip_of(one)
    return tip, None


def opened(one: Sealed) -> Record:
    """Read a record. What this version does not know comes out as `NotUnderstood`."""
    try:
        event = _decoder.decode(one.body)
    except msgspec.MsgspecError as error:
        event = NotUnderstood(kind=_kind(one.body), why=str(error))
    return Record(seq=one.seq, at_ns=one.at_ns, actor=one.actor, event=event, digest=one.digest)


def _kind(body: bytes) -> str:
    try:
        found = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return ""
    return str(found.get("event", "")) if isinstance(found, dict) else ""


def _digest(before: bytes, seq: int, at_ns: int, actor: str, body: bytes) -> bytes:
    who = _written(actor)
    return _sha256(b"".join((_DOMAIN, before, _pack_head(seq, at_ns, len(who)), who, body))).digest()


def _written(actor: str) -> bytes:
    return actor.encode("utf-8", "surrogatepass")
