"""One connection to the journal's file: opened when it is needed, given up when the file is another one, and held
against the bell every time. Nothing that is wrong is put right here. What its rows hold: `engine.journal.rows`.

SQLite's file and its shared memory must never be opened by other means in a process that uses them: closing them would
drop SQLite's locks. And what was opened before a fork is never touched after it, not even to close it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from engine.journal.bell import Bell, BellSpoilt, Standing
from engine.journal.chain import SNAPSHOT, Sealed, Tip
from engine.journal.rows import Row, packed, row_of
from engine.journal.trouble import Code, JournalError, Trouble
from engine.temporary import perhaps_anothers

PAGE_BYTES = 4096  # a commit writes whole pages: of small ones less, of large ones fewer
TOGETHER_MIN = 8  # records of one append that share a row: a row costs more than what is in it
TOGETHER_MAX = 256
ENDINGS = ("", "-wal", "-shm", "-journal")  # the files that SQLite keeps for one database

_TABLES = f"""
PRAGMA page_size={PAGE_BYTES};
PRAGMA journal_mode=WAL;
CREATE TABLE records (seq INTEGER PRIMARY KEY, at_ns INTEGER, actor BLOB, event BLOB, digest BLOB);
CREATE TABLE snapshots (seq INTEGER PRIMARY KEY);
CREATE TABLE base (seq INTEGER PRIMARY KEY, digest BLOB);
"""
_SETTINGS = """
PRAGMA synchronous=FULL;
PRAGMA fullfsync=1;
PRAGMA checkpoint_fullfsync=1;
PRAGMA wal_autocheckpoint=0;
PRAGMA temp_store=MEMORY;
"""
_INSERT = "INSERT INTO records (seq, at_ns, actor, event, digest) VALUES (?, ?, ?, ?, ?)"
_INSERT_BEHIND = """
INSERT INTO records (seq, at_ns, actor, event, digest) VALUES (
CASE WHEN (SELECT (seq, digest) = (?6, ?7) FROM records ORDER BY seq DESC LIMIT 1) THEN ?1 ELSE 'not behind it' END,
?2, ?3, ?4, ?5)
"""  # a text is no number of a record, and refused; INSERT … SELECT … WHERE would copy the row first
_ONE = "SELECT seq, digest FROM records WHERE seq = ?"
_LAST = "SELECT seq, digest FROM records ORDER BY seq DESC LIMIT 1"
_BASE = "SELECT seq, digest FROM base ORDER BY seq DESC LIMIT 1"

_inherited: list[sqlite3.Connection] = []


class Database:
    """A connection that threads may share, each holding `lock` while it uses it."""

    def __init__(self, path: Path, bell: Bell, *, patience_s: float) -> None:
        self.path = path
        self._name = str(path)
        self.lock = threading.RLock()
        self.generation = 0  # another number: another file, or a fresh look at this one
        self._bell = bell
        self._patience_s = patience_s
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._id = (0, 0)

    def connected(self) -> sqlite3.Connection:
        """A connection of this process to the file that has the name now. Raises FileNotFoundError if none has."""
        if self._connection is not None and self._pid != os.getpid():
            self.disconnect()
        if self._connection is None:
            _believed(self.path.parent)
        found = os.stat(self._name)  # noqa: PTH116
        if self._connection is None or (found.st_ino, found.st_dev) != self._id:
            self.disconnect()
            self._connect(found)
        assert self._connection is not None
        return self._connection

    def renew(self) -> sqlite3.Connection:
        """A connection that remembers nothing of the file. If it cannot be had, the old one stays: the last one to be
        closed would copy a damaged log into the file.
        """
        old = self._connection
        self._connect(os.stat(self._name))  # noqa: PTH116
        if old is not None:
            old.close()
        assert self._connection is not None
        return self._connection

    def disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._pid != os.getpid():
            _inherited.append(connection)
        else:
            connection.close()

    def _connect(self, found: os.stat_result) -> None:
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=self._patience_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.executescript(_SETTINGS)
            self._hold_against_bell(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._pid, self._id = connection, os.getpid(), (found.st_ino, found.st_dev)
        self.generation += 1

    def _hold_against_bell(self, connection: sqlite3.Connection) -> None:
        """What was acknowledged must be there. SQLite itself takes a damaged end of its log for one never written."""
        try:
            standing = self._bell.standing()
        except (FileNotFoundError, BellSpoilt):
            return  # the next append makes a new one
        refuse_loss(standing, last(connection))
        row = connection.execute(_ONE, (standing.tip.seq,)).fetchone()
        if row is not None and _tip(row) != standing.tip:
            raise _not_acknowledged(standing.tip.seq)


def prepare(path: Path, base: Tip) -> None:
    """Make an empty journal file that goes on behind `base`."""
    for ending in ENDINGS:
        path.with_name(path.name + ending).unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(_TABLES + _SETTINGS)
        connection.execute("INSERT INTO base (seq, digest) VALUES (?, ?)", (base.seq, base.digest))
    finally:
        connection.close()


def last(connection: sqlite3.Connection) -> Tip:
    """Where the chain ends."""
    return _tip(connection.execute(_LAST).fetchone() or connection.execute(_BASE).fetchone())


def base(connection: sqlite3.Connection) -> Tip:
    """What the first record of the file follows."""
    return _tip(connection.execute(_BASE).fetchone())


def before_newest_snapshot(connection: sqlite3.Connection) -> Tip:
    """The record before the newest snapshot; the base if there is none."""
    (newest,) = connection.execute("SELECT max(seq) FROM snapshots").fetchone()
    if newest is not None:
        row = connection.execute(_ONE, (newest - 1,)).fetchone()
        if row is not None:
            return _tip(row)
    return base(connection)


def log_pages(connection: sqlite3.Connection) -> int:
    """How many pages SQLite believes to be in the log. Copies them into the file. Raises sqlite3.Error."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)


def insert(connection: sqlite3.Connection, records: Sequence[Sealed]) -> None:
    """Add records; the transaction is the caller's. Many at once share rows, but a snapshot has one of its own, so that
    what stands before it is the end of another.
    """
    if len(records) < TOGETHER_MIN:
        _insert_each(connection, records)
        return
    together: list[Sealed] = []
    for one in records:
        if one.body.startswith(SNAPSHOT):
            _insert_together(connection, together)
            _insert_each(connection, (one,))
            together = []
        else:
            together.append(one)
    _insert_together(connection, together)


def one_row(records: Sequence[Sealed]) -> Row | None:
    """These records as a single row. None: they need more, or there are none."""
    count = len(records)
    if count == 1:
        return None if records[0].body.startswith(SNAPSHOT) else row_of(records[0])
    if not TOGETHER_MIN <= count <= TOGETHER_MAX or any(one.body.startswith(SNAPSHOT) for one in records):
        return None
    return packed(records)


def insert_behind(connection: sqlite3.Connection, tip: Tip, row: Row) -> bool:
    """Add a row and commit it, if the file ends with `tip`. False: it does not, and nothing was written."""
    try:
        connection.execute(_INSERT_BEHIND, (*row, tip.seq, tip.digest))
    except sqlite3.IntegrityError:
        return False
    return True


def _insert_each(connection: sqlite3.Connection, records: Sequence[Sealed]) -> None:
    for one in records:
        connection.execute(_INSERT, row_of(one))
        if one.body.startswith(SNAPSHOT):
            connection.execute("INSERT INTO snapshots (seq) VALUES (?)", (one.seq,))


def _insert_together(connection: sqlite3.Connection, records: Sequence[Sealed]) -> None:
    for at in range(0, len(records), TOGETHER_MAX):
        connection.execute(_INSERT, packed(records[at : at + TOGETHER_MAX]))


def forget_up_to(connection: sqlite3.Connection, tip: Tip) -> None:
    """The records up to `tip` are in an archive; the file goes on behind it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for table in ("records", "snapshots", "base"):
            connection.execute(f"DELETE FROM {table} WHERE seq <= ?", (tip.seq,))  # noqa: S608
        connection.execute("INSERT INTO base (seq, digest) VALUES (?, ?)", (tip.seq, tip.digest))
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def refuse_loss(standing: Standing, tip: Tip) -> None:
    """An append must not cover up that what was acknowledged is gone or changed."""
    if tip.seq < standing.tip.seq:
        what = f"it ends with record {tip.seq}, but record {standing.tip.seq} was acknowledged"
        raise JournalError(Trouble(Code.SHORTENED, what))
    if tip.seq == standing.tip.seq and tip != standing.tip:
        raise _not_acknowledged(tip.seq)


def _tip(row: tuple[object, ...] | None) -> Tip:
    match row:
        case (int() as seq, bytes() as digest):
            return Tip(seq, digest)
    raise JournalError(Trouble(Code.CORRUPT, "the file does not say where its chain begins or ends"))


def _not_acknowledged(seq: int) -> JournalError:
    return JournalError(Trouble(Code.CHAIN_BROKEN, f"record {seq} is not the one that was acknowledged"))


def _believed(folder: Path) -> None:
    """Raises JournalError for a folder among temporary files that another user may have made: what stands in it may say
    that nothing is halted.
    """
    path = perhaps_anothers(folder)
    if path is not None:
        what = f"{path} lies where everybody may write and may be another user's, so nothing in it is believed"
        raise JournalError(Trouble(Code.NOT_ALLOWED, f"{what} (if it is yours: chmod 700 {path})"))
