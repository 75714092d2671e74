"""The journal in a file: SQLite in WAL mode with full synchronisation, a lock for those who write, and the bell.

    journal.db      the records; beside it SQLite's own journal.db-wal and journal.db-shm
    bell            how a commit binds the very next check in every process (engine.journal.bell)
    writer.lock     one writer at a time (engine.journal.turn)
    archive/        old days (engine.journal.archive)
    ../journal.begun   that there has been one here (engine.journal.begun)

Order of an append: lock, `begin`, insert behind the record that was acknowledged last if that is the end of the file,
commit (durable now), `ring`, unlock, acknowledge. Readers have a connection of their own and wait for nobody's commit.
Nothing that is wrong is put right here: it is told, and an append that would cover it up is refused. So is one to files
that something else has written to, unless what was acknowledged is still in them (engine.journal.traces).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.journal import begun, database
from engine.journal.bell import Bell, BellSpoilt, Standing
from engine.journal.chain import START, Draft, Sealed, Tip, seal_all, tip_of
from engine.journal.database import PAGE_BYTES, Database
from engine.journal.faults import translated
from engine.journal.rows import records_of
from engine.journal.store import Alarm
from engine.journal.traces import NONE, behind_commit, damaged_log, hold_against_log, log_bytes, traces
from engine.journal.trouble import Code, Conflict, JournalError, Trouble
from engine.journal.turn import PATIENCE_S, Turn, TurnTaken
from engine.temporary import make_private

CHECKPOINT_EVERY = 128  # pages of our own, or about that, in the write-ahead log, after which `tidy` copies it
CHECKPOINT_LATE = 4000  # after which an append does, because nobody has tidied
READ_AT_ONCE = 500  # rows
_READ = "SELECT seq, at_ns, actor, event, digest FROM records WHERE seq > ? ORDER BY seq LIMIT ?"


class SqliteStore:
    """The store in one folder, as one process sees it. Threads may share it."""

    def __init__(self, folder: Path, *, patience_s: float = PATIENCE_S) -> None:
        self._folder = folder
        self._path = folder / "journal.db"
        self._bell = Bell(folder / "bell")
        self._turn = Turn(folder / "writer.lock", patience_s=patience_s)
        self._patience_s = patience_s
        self._writer = Database(self._path, self._bell, patience_s=patience_s)
        self._reader = Database(self._path, self._bell, patience_s=patience_s)
        self._name = str(self._path)
        self._log_name = f"{self._name}-wal"
        self._found = NONE  # before the commit that is under way
        self._known_outside = False
        self._uncopied = 0
        self._log_bytes = self._copied_bytes = 0  # of the log, when last looked at, and when last copied by us

    def append(self, drafts: Sequence[Draft], *, expected_seq: int | None = None) -> tuple[Sealed, ...]:
        with self._writer.lock, translated(self._path):
            self._take_turn()
            try:
                standing = self._signed()
                connection = self._untouched(self._to_write(), standing)
                sealed = self._append_behind(connection, standing, drafts, expected_seq)
                if sealed is None:
                    sealed = self._append(connection, drafts, expected_seq)
                self._uncopied += 1 + (sum([len(one.body) for one in sealed]) // PAGE_BYTES if len(sealed) > 1 else 0)
                if self._uncopied >= CHECKPOINT_LATE or self._grown(CHECKPOINT_LATE):
                    self._checkpoint(connection)
                if not self._known_outside:
                    self._known_outside = True
                    begun.leave(self._folder)
                return sealed
            finally:
                self._turn.give_back()

    def read(self, after_seq: int = 0) -> Iterator[Sealed]:
        while True:
            with self._reading() as connection:
                rows = connection.execute(_READ, (after_seq, READ_AT_ONCE)).fetchall()
                records = [one for row in rows for one in records_of(row) if one.seq > after_seq]
            yield from records
            if len(rows) < READ_AT_ONCE:
                return
            after_seq = records[-1].seq

    def start(self) -> Tip:
        with self._reading() as connection:
            return database.before_newest_snapshot(connection)

    def last(self) -> Tip:
        """The last record."""
        with self._reading() as connection:
            return database.last(connection)

    def base(self) -> Tip:
        """What the first record of the file follows: the end of what was archived."""
        with self._reading() as connection:
            return database.base(connection)

    def mark(self) -> bytes | None:
        return self._bell.mark()

    def alarm(self) -> Alarm | None:
        return self._bell.alarm()

    def raise_alarm(self, alarm: Alarm) -> bool:
        return self._bell.raise_alarm(alarm)

    def flaw(self) -> str | None:
        """The bell is missing or spoilt: everybody looks into the file each time, and an alarm that it held is gone."""
        if not self._path.exists():
            return None
        try:
            self._bell.standing()
        except FileNotFoundError:
            return f"{self._folder / 'bell'} is missing"
        except BellSpoilt as spoilt:
            return str(spoilt)
        except OSError as error:
            return f"{self._folder / 'bell'} cannot be read: {error.strerror or error}"
        return None

    def tidy(self) -> None:
        """Copy the log when there is enough of it, whoever wrote it, and nobody writes."""
        if not self._enough() or not self._writer.lock.acquire(blocking=False):
            return
        try:
            if self._turn.take_if_free():
                try:
                    self._checkpoint(self._untouched(self._writer.connected(), self._bell.standing()))
                finally:
                    self._turn.give_back()
        except (OSError, sqlite3.Error, JournalError, BellSpoilt):
            return  # whoever appends next is told
        finally:
            self._writer.lock.release()

    def generation(self) -> int:
        with self._reading():
            return self._reader.generation

    def close(self) -> None:
        for side in (self._reader, self._writer):
            with side.lock:
                side.disconnect()
        self._turn.close()
        self._bell.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection for reading; a first journal is begun for it."""
        with translated(self._path):
            if not self._path.exists():
                with self.writing():
                    pass
            with self._reader.lock:
                yield self._reader.connected()

    # writing ----------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The lock of the writers, and a connection to the file that has the name now."""
        with self._writer.lock, translated(self._path):
            self._take_turn()
            try:
                connection = self._untouched(self._to_write(), self._signed())
                self._leave(NONE)  # what is done now and broken off leaves nothing to be held against
                yield connection
                self._leave_traces()
            finally:
                self._turn.give_back()

    def _take_turn(self) -> None:
        try:
            try:
                self._turn.take()
            except FileNotFoundError:
                make_private(self._folder)
                self._turn.take()
        except TurnTaken:
            raise JournalError(self._busy()) from None

    def _busy(self) -> Trouble:
        try:
            who = f"process {self._bell.standing().writer}"
        except (OSError, BellSpoilt):
            who = "another process"
        return Trouble(Code.BUSY, f"{who} has been writing for {self._patience_s:g} s and does not let go")

    def _to_write(self) -> sqlite3.Connection:
        try:
            return self._writer.connected()
        except FileNotFoundError:
            self._begin_anew()
            return self._writer.connected()

    def _signed(self) -> Standing | None:
        """The bell as it stands, with this process's number in it for those who wait. None: it cannot be read."""
        try:
            standing = self._bell.standing()
        except (OSError, BellSpoilt):
            standing = None
        if standing is None or standing.writer != os.getpid():
            with contextlib.suppress(OSError):
                self._bell.sign()
        return standing

    def _append_behind(
        self,
        connection: sqlite3.Connection,
        standing: Standing | None,
        drafts: Sequence[Draft],
        expected_seq: int | None,
    ) -> tuple[Sealed, ...] | None:
        """The common case in one statement: what is sealed behind the last record that was acknowledged goes in if that
        is the last one in the file, too. None: it is not that case, and nothing was written; look at all of it.
        """
        if standing is None or not standing.settled or expected_seq not in (None, standing.tip.seq):
            return None
        sealed = seal_all(standing.tip, drafts)
        row = database.one_row(sealed)
        if row is None:
            return None
        try:
            standing = self._bell.begin(standing)
            if not database.insert_behind(connection, standing.tip, row):
                return None
        except sqlite3.Error:
            self._writer.disconnect()  # the next one begins with a fresh look at what is really there
            raise
        self._ring(standing, tip_of(sealed[-1]))
        return sealed

    def _append(
        self, connection: sqlite3.Connection, drafts: Sequence[Draft], expected_seq: int | None
    ) -> tuple[Sealed, ...]:
        """With a look at everything first."""
        standing = self._bell_or_new(connection)
        connection.execute("BEGIN IMMEDIATE")
        try:
            tip = database.last(connection)
            database.refuse_loss(standing, tip)
            if expected_seq is not None and expected_seq != tip.seq:
                raise Conflict(expected_seq, tip.seq)
            sealed = seal_all(tip, drafts)
            database.insert(connection, sealed)
            standing = self._bell.begin(standing)
            connection.execute("COMMIT")
        except sqlite3.Error:
            _undo(connection)
            self._writer.disconnect()  # the next one begins with a fresh look at what is really there
            raise
        except BaseException:
            _undo(connection)
            raise
        if sealed:
            self._ring(standing, tip_of(sealed[-1]))
        return sealed

    def _ring(self, standing: Standing, tip: Tip) -> None:
        """It is durable; if it cannot be rung, the append stays under way and everybody looks each time."""
        try:
            found = behind_commit(self._found, self._log_name)
            self._log_bytes = log_bytes(found)
            self._bell.ring(standing, tip, found)
        except OSError:
            return

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Copy the write-ahead log into the file, so that the next records overwrite it: a disk does that faster than
        letting it grow. What was appended stands, whatever becomes of this.
        """
        self._uncopied, self._copied_bytes = 0, self._log_bytes
        with contextlib.suppress(sqlite3.Error):
            database.log_pages(connection)
        self._leave_traces()

    def _enough(self) -> bool:
        """Others may append and never stay long enough to copy it. A log that is overwritten does not grow."""
        if self._uncopied >= CHECKPOINT_EVERY:
            return True
        try:
            self._log_bytes = log_bytes(traces(self._name))
        except OSError:
            return False
        return self._grown(CHECKPOINT_EVERY)

    def _grown(self, pages: int) -> bool:
        return self._log_bytes - self._copied_bytes >= pages * PAGE_BYTES

    # what others did to the files -------------------------------------------------------------------------------------

    def _untouched(self, connection: sqlite3.Connection, standing: Standing | None) -> sqlite3.Connection:
        """The connection to write with. If the files are not as they were left, a fresh one, once it is sure that what
        was acknowledged is there. Raises JournalError. An append that was broken off is looked into by the next one.
        """
        self._found = traces(self._name)
        if standing is None or not standing.settled or standing.traces in (NONE, self._found):
            return connection
        logged = hold_against_log(self._name, standing.traces, standing.tip)
        connection = self._writer.renew()
        if not logged and database.log_pages(connection) > 0:
            raise damaged_log(self._name, standing.tip)
        self._found = traces(self._name)
        return connection

    def _leave_traces(self) -> None:
        with contextlib.suppress(OSError):
            self._leave(traces(self._name))

    def _leave(self, left: bytes) -> None:
        """Where it cannot be written, the next one has to look closely, that is all."""
        with contextlib.suppress(OSError):
            self._bell.leave(left)

    def _bell_or_new(self, connection: sqlite3.Connection) -> Standing:
        """The bell as it stands; a new one where there is none, or none that can be understood."""
        try:
            return self._bell.standing()
        except (FileNotFoundError, BellSpoilt):
            self._bell.create(database.last(connection), self._bell.alarm())
            return self._bell.standing()

    # the beginning ----------------------------------------------------------------------------------------------------

    def _begin_anew(self) -> None:
        """A first journal. One that has been here before is missing, and that is not a beginning."""
        if self._has_been_here():
            raise JournalError(Trouble(Code.MISSING, f"{self._path} was there and is gone"))
        draft = self._path.with_suffix(".new")
        database.prepare(draft, START)
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
        remains = self._path.with_name(self._path.name + "-wal").exists() or begun.was_left(self._folder)
        return remains or any((self._folder / "archive").glob("*"))


def _undo(connection: sqlite3.Connection) -> None:
    """Nothing was acknowledged. An append that stays under way for the bell is settled by the next one."""
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def sync_folder(folder: Path) -> None:
    """Make a new name in a folder durable, where the system knows how."""
    if os.name == "nt":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
