"""The whole chain from its first record: archived days in their files, then the live file. Reads, and changes nothing.

An archive is gzip over JSON lines: a head that says what the first record follows, then one record a line, the event's
bytes as they were. The same lines are what `qe journal export` puts out.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from engine.journal import chain
from engine.journal.chain import START, Sealed, Tip
from engine.journal.sqlite_store import SqliteStore
from engine.journal.trouble import Code, JournalError, Trouble

FOLDER = "archive"
FORMAT = 1


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line of an archive: what its first record follows."""

    format: int
    after_seq: int
    after_digest: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record as a line of JSON."""

    seq: int
    at_ns: int
    actor: str
    digest: str
    event: msgspec.Raw


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk along the chain found: the first thing that is wrong in the archives, which hold up nothing, and in
    the live file. `tip`: the last record of that which is sound.

    `not_here`: the records up to this one were archived in files that are not in their place; 0: all are here.
    """

    tip: Tip
    archived: int
    live: int
    not_here: int
    wrong_archive: str | None
    wrong_live: str | None

    @property
    def wrong(self) -> str | None:
        return self.wrong_archive or self.wrong_live


def line(one: Sealed) -> bytes:
    """A record as a line, without its end."""
    return msgspec.json.encode(Line(one.seq, one.at_ns, one.actor, one.digest.hex(), msgspec.Raw(one.body)))


def head(tip: Tip) -> bytes:
    return msgspec.json.encode(Head(FORMAT, tip.seq, tip.digest.hex()))


def archives(folder: Path) -> tuple[Path, ...]:
    """The archives of a journal in their order: the number of its first record is an archive's name."""
    return tuple(sorted((folder / FOLDER).glob("*.jsonl.gz")))


def read_archive(path: Path) -> tuple[Tip, tuple[Sealed, ...]]:
    """What the first record follows, and the records. Raises JournalError; nothing of the chain is checked."""
    try:
        with gzip.open(path) as file:
            first, *rest = file.read().splitlines()
        found = msgspec.json.decode(first, type=Head)
        lines = [msgspec.json.decode(one, type=Line) for one in rest]
        tip = Tip(found.after_seq, bytes.fromhex(found.after_digest))
        return tip, tuple(
            Sealed(one.seq, one.at_ns, one.actor, bytes(one.event), bytes.fromhex(one.digest)) for one in lines
        )
    except (OSError, EOFError, zlib.error, ValueError) as error:  # what msgspec raises is a ValueError
        raise JournalError(Trouble(Code.ARCHIVE, f"the archive {path} is damaged: {error}")) from error


def records(
    folder: Path, store: SqliteStore, after_seq: int = 0, *, damaged: list[Trouble] | None = None
) -> Iterator[Sealed]:
    """All records that are here, in order, each once. With `damaged` an archive that is goes in there, and the rest is
    read all the same; without it that is a JournalError. One whose records were changed is damaged too.
    """
    last = after_seq
    for path in archives(folder):
        try:
            held = _sound(path)
        except JournalError as error:
            if damaged is None:
                raise
            damaged.append(error.trouble)
            continue
        for one in held:
            if one.seq > last:
                last = one.seq
                yield one
    yield from store.read(last)


def _sound(path: Path) -> tuple[Sealed, ...]:
    """The records of an archive, if each is what was written and follows the one before. Raises JournalError."""
    after, held = read_archive(path)
    bad = chain.verify(held, after)[1]
    if bad is not None:
        raise JournalError(Trouble(Code.ARCHIVE, f"the archive {path} is damaged: {bad.what}"))
    return held


def walk(folder: Path, store: SqliteStore) -> Walk:
    """Verify everything. Raises JournalError when the live file cannot be read."""
    base = store.base()
    tip, archived, not_here, wrong_archive = _walk_archives(folder, base)
    if wrong_archive is None and tip.seq < base.seq:
        not_here, tip = base.seq, base
    wrong_live = None
    if wrong_archive is None and tip.seq == base.seq and tip != base:
        wrong_live = f"the live file does not go on where the archive ends (record {tip.seq})"
    live = 0
    if wrong_live is None:
        before = base if wrong_archive is not None else tip
        tip, bad = chain.verify(store.read(before.seq), before)
        wrong_live, live = bad.what if bad is not None else None, tip.seq - before.seq
    return Walk(
        tip=tip,
        archived=archived,
        live=live,
        not_here=not_here,
        wrong_archive=wrong_archive,
        wrong_live=wrong_live,
    )


def _walk_archives(folder: Path, base: Tip) -> tuple[Tip, int, int, str | None]:
    """Where the archives end, how many records they hold, which are not here, and what is wrong."""
    tip, archived, not_here = START, 0, 0
    for path in archives(folder):
        try:
            after, held = read_archive(path)
        except JournalError as error:
            return tip, archived, not_here, error.trouble.what
        if after != tip:
            if after.seq <= tip.seq:
                return tip, archived, not_here, f"{path.name} does not follow record {tip.seq}"
            not_here, tip = after.seq, after
        tip, bad = chain.verify(held, tip)
        archived += len(held)
        if bad is not None:
            return tip, archived, not_here, f"{path.name}: {bad.what}"
    return tip, archived, not_here, None


def joined(lines: Iterable[bytes]) -> bytes:
    return b"".join(one + b"\n" for one in lines)
