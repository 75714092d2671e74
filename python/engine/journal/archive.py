"""Old days move out of the live file into an archive, with the chain intact.

Order: a snapshot behind the cut, the archive written and read back, then the records deleted from the live file in one
commit. Killed anywhere, it leaves every record in at least one of the two, and the next run makes it good.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import msgspec

from engine.journal import chain, database
from engine.journal.history import FOLDER, head, joined, line, read_archive
from engine.journal.journal import Journal
from engine.journal.rows import records_of
from engine.journal.sqlite_store import SqliteStore, sync_folder
from engine.journal.trouble import Code, JournalError, Trouble

_READ = "SELECT seq, at_ns, actor, event, digest FROM records WHERE seq <= ? ORDER BY seq"
_FIRST_KEPT = "SELECT min(seq) FROM records WHERE at_ns >= ?"
_BEFORE = "SELECT max(seq) FROM records WHERE seq < ?"


class Archived(msgspec.Struct, frozen=True):
    """What was moved. `path` None: there was nothing old enough."""

    records: int
    path: Path | None


def archive(folder: Path, store: SqliteStore, journal: Journal, *, before_ns: int) -> Archived:
    """Move the records before a moment, up to the first that is not older. Raises JournalError."""
    cut = _cut(store, before_ns)
    if cut == 0:
        return Archived(0, None)
    journal.snapshot_behind(cut)
    with store.writing() as connection:
        base = database.base(connection)
        held = tuple(one for row in connection.execute(_READ, (cut,)) for one in records_of(row))
        tip, bad = chain.verify(held, base)
        if bad is not None or tip.seq != cut:
            what = bad.what if bad is not None else f"it ends with record {tip.seq}"
            raise JournalError(Trouble(Code.CHAIN_BROKEN, what))
        path = folder / FOLDER / f"{base.seq + 1:012}.jsonl.gz"
        _write(path, joined((head(base), *map(line, held))))
        if read_archive(path) != (base, held):
            raise JournalError(Trouble(Code.FAILED, f"{path} does not hold what was written to it"))
        database.forget_up_to(connection, tip)
    return Archived(len(held), path)


def _cut(store: SqliteStore, before_ns: int) -> int:
    """The last record that goes: all before it are old too, whatever the clock did in between. 0: none. Records that
    were appended together stay together.
    """
    with store.writing() as connection:
        base, last = database.base(connection), database.last(connection)
        (first_kept,) = connection.execute(_FIRST_KEPT, (before_ns,)).fetchone()
        (cut,) = connection.execute(_BEFORE, (last.seq + 1 if first_kept is None else first_kept,)).fetchone()
    return cut if cut is not None and cut > base.seq else 0


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(gzip.compress(data, mtime=0))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)
