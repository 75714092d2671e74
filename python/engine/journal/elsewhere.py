"""Read a journal from a copy in the folder for temporary files: where its own disk is full or read-only, SQLite cannot
even read it there. Nothing of the journal is changed.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from engine.journal.sqlite_store import SqliteStore
from engine.journal.trouble import Code
from engine.journal.turn import Turn, TurnTaken
from engine.temporary import temporary_folder

MAY_BE_COPIED = frozenset({Code.FULL, Code.READ_ONLY})
_FILES = ("journal.db", "journal.db-wal", "bell")


@contextlib.contextmanager
def read_elsewhere(folder: Path) -> Iterator[SqliteStore]:
    """A store over a copy, which is gone afterwards. Raises OSError when there is no room for it either."""
    with tempfile.TemporaryDirectory(prefix="qe-journal-", dir=temporary_folder()) as place:
        with _nobody_writes(folder):
            for name in _FILES:
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(folder / name, Path(place) / name)
        store = SqliteStore(Path(place))
        try:
            yield store
        finally:
            store.close()


@contextlib.contextmanager
def _nobody_writes(folder: Path) -> Iterator[None]:
    """While it is copied. On a disk that is read-only nobody can; and a lock that cannot be had is no reason not to
    look, for the chain shows whether the copy is whole.
    """
    turn = Turn(folder / "writer.lock")
    try:
        with contextlib.suppress(OSError, TurnTaken):
            turn.take()
        yield
    finally:
        turn.close()
