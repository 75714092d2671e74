"""The journal in a file: SQLite in WAL mode with full synchronisation, a lock for those who write, and the bell.

    journal.db      the records; beside it SQLite's own journal.db-wal and journal.db-shm
    bell            how a commit binds the very next check in every process (engine.journal.bell)
    writer.lock     one writer at a time (engine.journal.turn)
    archive/        old days (engine.journal.archive)

Order of an append: lock, look at the end, insert, `begin`, commit (durable now), `ring`, unlock, acknowledge. SQLite's
own files must never be opened here by other means: closing such a file would drop SQLite's locks on it. Nothing that is
wrong is put right here: it is told, and an append that would cover it up is refused.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.journal.bell import Bell, BellSpoilt, Standing
from engine.journal.chain import START, Draft, Sealed, Tip, seal_all, tip_of
from engine.journal.faults import translated
from engine.journal.store import Alarm
from engine.journal.trouble import Code, Conflict, JournalError, Trouble
from engine.journal.turn import PATIENCE_S, Turn, TurnTaken

PAGE_BYTES = 1024  # a commit writes whole pages: of small ones less
CHECKPOINT_EVERY = 2000  # records of our own that are left in the write-ahead log
READ_AT_ONCE = 500
_SNAPSHOT = b'{"event":"snapshot"'

_PREPARE = f"""
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
PRAGMA cell_size_check=1;
PRAGMA temp_store=MEMORY;
"""
_READ = "SELECT seq, at_ns, actor, event, digest FROM records WHERE seq > ? ORDER BY seq LIMIT ?"
_ONE = "SELECT seq, digest FROM records WHERE seq = ?"
_LAST = "SELECT seq, digest FROM records ORDER BY seq DESC LIMIT 1"
_BASE = "SELECT seq, digest FROM base ORDER BY seq DESC LIMIT 1"
_INSERT = "INSERT INTO records (seq, at_ns, actor, event, digest) VALUES (?, ?, ?, ?, ?)"

_inherited: list[sqlite3.Connection] = []  # SQLite forbids even to close what was opened before a fork


class SqliteStore:
    """The store in one folder, as one process sees it. Threads may share it."""

    def __init__(self, folder: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._folder = folder
        self._path = folder / "journal.db"
        self._bell = Bell(folder / "bell")
        self._turn = Turn(folder / "writer.lock", patience_s=patience_s)
        self._patience_s = patience_s
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._id = (0, 0)
        self._bell_generation = 0
        self._generation = 0
        self._uncopied = 0

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        with self._lock, self._writing() as connection:
            return self._append(connection, drafts, expected_seq)

    def read(self, after_seq: int = 0) -> Iterator[Sealed]:
        while True:
            with self._lock, translated(self._path):
                rows = self._ready().execute(_READ, (after_seq, READ_AT_ONCE)).fetchall()
            yield from map(_sealed, rows)
            if len(rows) < READ_AT_ONCE:
                return
            after_seq = rows[-1][0]

    def start(self) -> Tip:
        with self._lock, translated(self._path):
            connection = self._ready()
            (newest,) = connection.execute("SELECT max(seq) FROM snapshots").fetchone()
            if newest is not None:
                before = connection.execute(_ONE, (newest - 1,)).fetchone()
                if before is not None:
                    return _tip(before)
            return _tip(connection.execute(_BASE).fetchone())

    def mark(self) -> bytes | None:
        return self._bell.mark()

    def alarm(self) -> Alarm | None:
        return self._bell.alarm()

    def raise_alarm(self, alarm: Alarm) -> bool:
        return self._bell.raise_alarm(alarm)

    def generation(self) -> int:
        with self._lock, translated(self._path):
            self._ready()
            return self._generation

    def close(self) -> None:
        with self._lock:
            self._disconnect()
            self._turn.close()
            self._bell.close()

    # writing ----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """The lock of the writers, and a connection to the file that has the name now."""
        with translated(self._path):
            self._take_turn()
            try:
                with contextlib.suppress(OSError):
                    self._bell.sign()
                yield self._connected(begin=True)
            finally:
                self._turn.give_back()

    def _take_turn(self) -> None:
        try:
            try:
                self._turn.take()
            except FileNotFoundError:
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._turn.take()
        except TurnTaken:
            raise JournalError(self._busy()) from None

    def _append(
        self, connection: sqlite3.Connection, drafts: Sequence[Draft], expected_seq: int | None
    ) -> tuple[Sealed, ...]:
        standing = self._bell_or_new(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            tip = _tip(connection.execute(_LAST).fetchone() or connection.execute(_BASE).fetchone())
            _refuse_loss(standing, tip)
            if expected_seq is not None and expected_seq != tip.seq:
                raise Conflict(expected_seq, tip.seq)
            sealed = seal_all(tip, drafts)
            connection.executemany(_INSERT, map(_row, sealed))
            for one in sealed:
                if one.body.startswith(_SNAPSHOT):
                    connection.execute("INSERT INTO snapshots (seq) VALUES (?)", (one.seq,))
            standing = self._bell.begin(standing)
            connection.execute("COMMIT")
        except sqlite3.Error:
            self._undo(connection, standing)
            self._disconnect()  # the next one begins with a fresh look at what is really there
            raise
        except BaseException:
            self._undo(connection, standing)
            raise
        if sealed:
            self._ring(standing, tip_of(sealed[-1]))
        self._checkpoint_when_due(connection, len(sealed))
        return sealed

    def _ring(self, standing: Standing, tip: Tip) -> None:
        """It is durable; if it cannot be rung, the append stays under way and everybody looks each time."""
        with contextlib.suppress(OSError):
            self._bell.ring(standing, tip)

    def _undo(self, connection: sqlite3.Connection, standing: Standing) -> None:
        """Nothing was acknowledged. What a failed commit left behind is found by whoever connects anew."""
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
                if not standing.settled:
                    self._ring(standing, standing.tip)

    def _checkpoint_when_due(self, connection: sqlite3.Connection, appended: int) -> None:
        """Copy the write-ahead log into the file. What was appended stands, whatever becomes of this."""
        self._uncopied += appended
        if self._uncopied >= CHECKPOINT_EVERY:
            self._uncopied = 0
            with contextlib.suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _busy(self) -> Trouble:
        try:
            who = f"process {self._bell.standing().writer}"
        except (OSError, BellSpoilt):
            who = "another process"
        return Trouble(Code.BUSY, f"{who} has been writing for {self._patience_s:g} s and does not let go")

    def _bell_or_new(self, connection: sqlite3.Connection) -> Standing:
        """The bell as it stands; a new one where there is none, or none that can be understood."""
        try:
            return self._bell.standing()
        except (FileNotFoundError, BellSpoilt):
            alarm = self._bell.alarm()
            tip = _tip(connection.execute(_LAST).fetchone() or connection.execute(_BASE).fetchone())
            self._bell.create(tip, alarm)
            return self._bell.standing()

    # the file ---------------------------------------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        """A first journal. One that has been here before is missing, and that is not a beginning."""
        if self._has_been_here():
            raise self._missing()
        self._disconnect()
        draft = self._path.with_suffix(".new")
        for ending in ("", "-wal", "-shm", "-journal"):
            draft.with_name(draft.name + ending).unlink(missing_ok=True)
        prepare(draft, START)
        self._bell.create(START)
        draft.rename(self._path)
        sync_folder(self._folder)
        sync_folder(self._folder.parent)

    def _has_been_here(self) -> bool:
        """There is a trace of a journal. A bell that has never rung is that of a beginning that was broken off."""
        try:
            if self._bell.standing().tip.seq:
                return True
        except FileNotFoundError:
            pass
        except BellSpoilt:
            return True
        remains = self._path.with_name(self._path.name + "-wal").exists()
        return remains or any((self._folder / "archive").glob("*"))

    def _missing(self) -> JournalError:
        return JournalError(Trouble(Code.MISSING, f"{self._path} was there and is gone"))

    def _ready(self) -> sqlite3.Connection:
        """A connection for reading; a first journal is begun for it."""
        if not self._path.exists():
            with self._writing():
                pass
        return self._connected()

    def _connected(self, *, begin: bool = False) -> sqlite3.Connection:
        """A connection of this process to the file that has the name now. `begin`: a first one may be made."""
        if self._connection is not None and self._pid != os.getpid():
            _inherited.append(self._connection)
            self._connection = None
        try:
            found = self._path.stat()
        except FileNotFoundError:
            if not begin:
                raise self._missing() from None
            self._begin_anew()
            found = self._path.stat()
        if self._connection is None or (found.st_ino, found.st_dev) != self._id:
            self._disconnect()
            self._connect(found)
        assert self._connection is not None
        return self._connection

    def _connect(self, found: os.stat_result) -> None:
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
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
        self._generation += 1

    def _hold_against_bell(self, connection: sqlite3.Connection) -> None:
        """What was acknowledged must be there. SQLite itself takes a damaged end of its log for one never written."""
        try:
            standing = self._bell.standing()
        except (FileNotFoundError, BellSpoilt):
            return  # the next append makes a new one
        tip = _tip(connection.execute(_LAST).fetchone() or connection.execute(_BASE).fetchone())
        _refuse_loss(standing, tip)
        if standing.tip.seq:
            row = connection.execute(_ONE, (standing.tip.seq,)).fetchone()
            if row is not None and _tip(row) != standing.tip:
                what = f"record {standing.tip.seq} is not the one that was acknowledged"
                raise JournalError(Trouble(Code.CHAIN_BROKEN, what))

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            if self._pid != os.getpid():
                _inherited.append(connection)
            else:
                connection.close()


def prepare(path: Path, base: Tip) -> None:
    """Make an empty journal file that goes on behind `base`."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.executescript(_PREPARE + _SETTINGS)
        connection.execute("INSERT INTO base (seq, digest) VALUES (?, ?)", (base.seq, base.digest))
    finally:
        connection.close()


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable, where the system knows how."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _refuse_loss(standing: Standing, tip: Tip) -> None:
    """An append must not cover up that what was acknowledged is gone or changed."""
    if tip.seq < standing.tip.seq:
        what = f"it ends with record {tip.seq}, but record {standing.tip.seq} was acknowledged"
        raise JournalError(Trouble(Code.SHORTENED, what))
    if tip.seq == standing.tip.seq and tip != standing.tip:
        raise JournalError(Trouble(Code.CHAIN_BROKEN, f"record {tip.seq} is not the one that was acknowledged"))


def _row(one: Sealed) -> tuple[int, int, bytes, bytes, bytes]:
    return one.seq, one.at_ns, one.actor.encode("utf-8", "surrogatepass"), one.body, one.digest


def _sealed(row: tuple[object, ...]) -> Sealed:
    match row:
        case (int() as seq, int() as at_ns, bytes() as actor, bytes() as event, bytes() as digest):
            return Sealed(seq, at_ns, actor.decode("utf-8", "replace"), event, digest)
    raise JournalError(Trouble(Code.CORRUPT, f"record {row[0]!r} is no record any more"))


def _tip(row: tuple[object, ...] | None) -> Tip:
    match row:
        case (int() as seq, bytes() as digest):
            return Tip(seq, digest)
    raise JournalError(Trouble(Code.CORRUPT, "the file does not say where its chain begins or ends"))
