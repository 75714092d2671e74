"""A process killed at every single system call of an append: nothing acknowledged is lost, and nobody is misled.

QE_EVERY_CALL=1 takes each of them; otherwise it is one of every few.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.journal import chain, sqlite_store
from engine.journal.journal import Journal
from engine.journal.spool import Spool
from engine.journal.sqlite_store import SqliteStore
from journal.killed import killed_at, needs_tracing
from journal.worlds import PAPER, halt, note, on

pytestmark = needs_tracing


def at_every_stop(step: int, run: Callable[[int], bool]) -> int:
    """Kill at each stop in turn, or at one of every few, until the work ends by itself; how many stops it had."""
    stop = 1
    while run(stop):
        stop += 1 if os.environ.get("QE_EVERY_CALL") else step
    return stop


def complete(folder: Path, acknowledged: bytes) -> int:
    """The number of records, which must be a sound chain and hold whatever was acknowledged."""
    store = SqliteStore(folder)
    records = list(store.read())
    store.close()
    assert chain.verify(records)[1] is None
    assert len(records) >= len(acknowledged)
    return len(records)


@pytest.mark.parametrize("checkpoint_every", [sqlite_store.CHECKPOINT_LATE, 1])
def test_killed_at_every_call_of_an_append(
    tmp_path: Path, checkpoint_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has looked before. Its next check must agree with the file, whatever the bell says."""
    monkeypatch.setattr(sqlite_store, "CHECKPOINT_LATE", checkpoint_every)

    def run(stop: int) -> bool:
        folder = tmp_path / str(stop)
        watcher = on(folder)
        watcher.append(note())
        assert watcher.check(PAPER, 2000).may_add_risk

        def work(say: int) -> None:
            mine = on(folder)
            for event in (note("two"), halt(), note("four")):
                mine.append(event)
                os.write(say, b".")

        killed, acknowledged = killed_at(stop, work)
        may_add_risk = watcher.check(PAPER, 2000).may_add_risk
        state = watcher.state()
        assert not isinstance(state, Unknown)
        assert may_add_risk == (not state.restrictions)
        if len(acknowledged) >= 2:
            assert not may_add_risk, "the halt was acknowledged"
        count = complete(folder, b"." + acknowledged)
        assert state.seq == count <= len(acknowledged) + 2
        watcher.append(note("after"))
        assert watcher.check(PAPER, 2000).may_add_risk == may_add_risk
        assert SqliteStore(folder).mark() is not None
        watcher.close()
        return killed

    assert at_every_stop(7, run) > 60


def test_killed_at_every_call_of_a_beginning(tmp_path: Path) -> None:
    def run(stop: int) -> bool:
        folder = tmp_path / str(stop) / "journal"

        def work(say: int) -> None:
            on(folder).append(halt())
            os.write(say, b".")

        killed, acknowledged = killed_at(stop, work)
        after = on(folder)
        may_add_risk = after.check(PAPER, 2000).may_add_risk
        assert not isinstance(after.state(), Unknown), "a beginning that was broken off is no missing journal"
        assert not (acknowledged and may_add_risk)
        after.append(note())
        complete(folder, acknowledged + b".")
        after.close()
        return killed

    assert at_every_stop(19, run) > 60


def test_killed_at_every_call_of_taking_in_what_waited(tmp_path: Path) -> None:
    def run(stop: int) -> bool:
        folder = tmp_path / str(stop)
        spool = Spool(folder, elsewhere=tmp_path / "elsewhere")
        mine = Journal(SqliteStore(folder), actor="test", spool=spool)
        mine.append(note())
        path = spool.write([chain.draft(halt(), actor="kill", at_ns=5)])
        assert path is not None

        def work(say: int) -> None:
            mine.tend(1)
            os.write(say, b".")

        killed, _ = killed_at(stop, work)
        mine.tend(2)
        assert not mine.check(PAPER, 2000).may_add_risk
        assert spool.waiting() == ()
        assert complete(folder, b"...") == 3, "taken in once"
        mine.close()
        return killed

    assert at_every_stop(6, run) > 60


def test_killed_at_every_call_of_writing_what_waits(tmp_path: Path) -> None:
    def run(stop: int) -> bool:
        spool = Spool(tmp_path / str(stop), elsewhere=tmp_path / "elsewhere")

        def work(say: int) -> None:
            assert spool.write([chain.draft(halt(), actor="kill", at_ns=5)]) is not None
            os.write(say, b".")

        killed, acknowledged = killed_at(stop, work)
        waiting = spool.waiting()
        assert len(waiting) >= len(acknowledged)
        assert all(len(spool.read(path)) == 1 for path in waiting)
        return killed

    assert at_every_stop(1, run) > 20
