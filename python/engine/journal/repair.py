"""Begin anew after damage, keeping what can be read. Only ever at a person's explicit word.

The damaged files are moved aside, never deleted. The new file goes on with the records that are sound, says what was
done, and the alarm is raised: what was lost may have been a halt, so every login is halted until a person resumes it.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from engine.journal import chain, database
from engine.journal.bell import Bell
from engine.journal.chain import SNAPSHOT, START, Sealed, Tip
from engine.journal.events import Repaired
from engine.journal.faults import translated
from engine.journal.history import FOLDER, archives, read_archive
from engine.journal.rows import records_of
from engine.journal.sqlite_store import sync_folder
from engine.journal.store import Alarm
from engine.journal.trouble import Code, JournalError, Trouble
from engine.journal.turn import Turn, TurnTaken
from engine.temporary import make_private

_READ = "SELECT seq, at_ns, actor, event, digest FROM records ORDER BY seq"


class Repair(msgspec.Struct, frozen=True):
    """What was kept, and where the damaged files are."""

    kept: int
    last_seq: int
    aside: Path


def repair(folder: Path, *, reason: str, actor: str, at_ns: int, alarm_number: int) -> Repair:
    """Do it. Raises JournalError; then the files are where they were, or aside and named in the error."""
    path, turn, bell = folder / "journal.db", Turn(folder / "writer.lock"), Bell(folder / "bell")
    with translated(path):
        make_private(folder)
        try:
            turn.take()
        except TurnTaken:
            raise JournalError(Trouble(Code.BUSY, "another process writes and does not let go")) from None
        try:
            return _repair(folder, path, bell, reason=reason, actor=actor, at_ns=at_ns, alarm_number=alarm_number)
        finally:
            turn.close()
            bell.close()


def _repair(folder: Path, path: Path, bell: Bell, *, reason: str, actor: str, at_ns: int, alarm_number: int) -> Repair:
    base, kept = _sound_part(folder, path)
    tip = chain.tip_of(kept[-1]) if kept else base
    aside = folder / f"damaged-{at_ns}"
    what = f"begun anew behind record {tip.seq}, the damaged files are in {aside.name}: {reason}"
    last = chain.seal(tip, chain.draft(Repaired(what=what, alarm=alarm_number), actor=actor, at_ns=at_ns))
    draft = path.with_suffix(".new")
    database.prepare(draft, base)
    _fill(draft, (*kept, last))
    aside.mkdir(mode=0o700)
    for ending in reversed(database.ENDINGS):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(aside / (path.name + ending))
    if base == START and archives(folder):
        (folder / FOLDER).rename(aside / FOLDER)
    text = f"the journal was damaged and begun anew behind record {tip.seq}; what was lost may have been a halt"
    bell.create(chain.tip_of(last), Alarm(alarm_number, at_ns, text))
    draft.rename(path)
    sync_folder(folder)
    return Repair(len(kept), tip.seq, aside)


def _sound_part(folder: Path, path: Path) -> tuple[Tip, tuple[Sealed, ...]]:
    """What a new file can begin with: the live file's records if a snapshot is among them, else the archives' too."""
    base, live = _live(folder, path)
    if base is not None and (base == START or any(one.body.startswith(SNAPSHOT) for one in _sound(live, base))):
        return base, _sound(live, base)
    tip = START
    all_: list[Sealed] = []
    for archived in archives(folder):
        try:
            held = read_archive(archived)[1]
        except JournalError:
            break
        all_ += _sound((one for one in held if one.seq > tip.seq), tip)
        tip = chain.tip_of(all_[-1]) if all_ else START
    all_ += _sound((one for one in live if one.seq > tip.seq), tip)
    return START, tuple(all_)


def _live(folder: Path, path: Path) -> tuple[Tip | None, tuple[Sealed, ...]]:
    """What can be read of the live file, and what its first record follows if that can be. Reads a copy: SQLite would
    change the damaged files by looking at them.
    """
    if not path.exists():
        return None, ()
    with tempfile.TemporaryDirectory(dir=folder, prefix="reading-") as place:
        copy = Path(place) / path.name
        for ending in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(path.name + ending), copy.with_name(copy.name + ending))
        connection = sqlite3.connect(copy, isolation_level=None)
        try:
            return _base(connection), tuple(_readable(connection))
        finally:
            connection.close()


def _base(connection: sqlite3.Connection) -> Tip | None:
    with contextlib.suppress(sqlite3.Error, JournalError):
        return database.base(connection)
    return None


def _readable(connection: sqlite3.Connection) -> Iterator[Sealed]:
    with contextlib.suppress(sqlite3.Error, JournalError):
        for row in connection.execute(_READ):
            yield from records_of(row)


def _sound(records: Iterable[Sealed], tip: Tip) -> tuple[Sealed, ...]:
    sound = []
    for one in records:
        if chain.fault(tip, one) is not None:
            break
        sound.append(one)
        tip = chain.tip_of(one)
    return tuple(sound)


def _fill(draft: Path, records: tuple[Sealed, ...]) -> None:
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute("BEGIN")
        database.insert(connection, records)
        connection.execute("COMMIT")
    finally:
        connection.close()
