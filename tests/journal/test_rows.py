"""Records that share a row of the file: each is found, each is checked, and none is lost to its neighbours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.known import Unknown
from engine.journal import chain
from engine.journal.archive import archive
from engine.journal.chain import START, Draft, Sealed
from engine.journal.database import TOGETHER_MAX, TOGETHER_MIN
from engine.journal.history import walk
from engine.journal.journal import Journal
from engine.journal.repair import repair
from engine.journal.rows import packed, records_of, row_of
from engine.journal.snapshots import SNAPSHOT_EVERY
from engine.journal.sqlite_store import SqliteStore
from engine.journal.trouble import Code, JournalError
from journal.worlds import PAPER, halt, note, on

DAY = 86_400 * 10**9


@contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(folder / "journal.db", isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def rows(folder: Path) -> list[int]:
    with opened(folder) as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM records ORDER BY seq")]


@given(st.lists(st.builds(Draft, st.integers(-(2**63), 2**63 - 1), st.text(), st.binary()), min_size=1, max_size=20))
def test_what_is_packed_comes_out_as_it_was(drafts: list[Draft]) -> None:
    sealed = chain.seal_all(START, drafts)
    assert records_of(packed(sealed)) == sealed
    assert [records_of(row_of(one)) for one in sealed] == [(one,) for one in sealed]


def test_a_name_that_is_no_proper_text_comes_out_as_it_was() -> None:
    sealed = chain.seal_all(START, [Draft(1, "ann\udce4", b"x")] * 2)
    assert records_of(packed(sealed)) == sealed


@given(st.data())
def test_a_pack_that_was_damaged_anywhere_is_told(data: st.DataObject) -> None:
    """By the row itself, or by the chain that goes through its records."""
    sealed = chain.seal_all(START, [Draft(5, "test", b"{%d}" % number) for number in range(4)])
    seq, at_ns, actor, event, digest = packed(sealed)
    damaged = bytearray(event)
    damaged[data.draw(st.integers(0, len(event) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = records_of((seq, at_ns, actor, bytes(damaged), digest))
    except JournalError as error:
        assert error.trouble.code is Code.CORRUPT
        return
    assert chain.verify(found)[1] is not None


@pytest.mark.parametrize("row", [(1, 2, None, b"", b""), (1, 2, None, b"\x90", b"x"), (None, 1, b"", b"", b"")])
def test_a_row_that_holds_no_record_is_told(row: tuple[object, ...]) -> None:
    with pytest.raises(JournalError, match="is no record any more"):
        records_of(row)


def test_many_records_of_one_append_share_a_row_and_a_few_do_not(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(*[note()] * (TOGETHER_MIN - 1))
    mine.append(*[note()] * TOGETHER_MIN)
    mine.append(*[note()] * (TOGETHER_MAX + 1))
    few, many = TOGETHER_MIN - 1, 2 * TOGETHER_MIN - 1
    assert rows(tmp_path) == [*range(1, few + 1), many, many + TOGETHER_MAX, many + TOGETHER_MAX + 1]
    store = SqliteStore(tmp_path)
    assert [one.seq for one in store.read(few + 2)] == list(range(few + 3, many + TOGETHER_MAX + 2)), "from amid a row"
    assert walk(tmp_path, store).wrong is None


def test_a_halt_amid_a_row_binds(tmp_path: Path) -> None:
    mine, other = on(tmp_path), on(tmp_path)
    assert other.check(PAPER, 2000).may_add_risk
    mine.append(note(), halt(), *[note()] * TOGETHER_MIN)
    assert not other.check(PAPER, 2000).may_add_risk
    assert not on(tmp_path).check(PAPER, 2000).may_add_risk


def test_a_snapshot_has_a_row_of_its_own_wherever_it_stands(tmp_path: Path) -> None:
    """A reader begins behind the record before it, which therefore has to be the end of a row."""
    store = SqliteStore(tmp_path)
    event = chain.draft(note(), actor="test", at_ns=1)
    snapshot = Draft(2, "journal", chain.SNAPSHOT + b"}")
    store.append([event] * TOGETHER_MIN + [snapshot] + [event] * TOGETHER_MIN)
    assert rows(tmp_path) == [TOGETHER_MIN, TOGETHER_MIN + 1, 2 * TOGETHER_MIN + 1]
    assert store.start().seq == TOGETHER_MIN


def test_an_archive_takes_whole_rows(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    journal = Journal(store, actor="test", clock=lambda: 4 * DAY)
    journal.append(*[note()] * TOGETHER_MIN, at_ns=1)
    store.append([chain.draft(note(), actor="test", at_ns=at) for at in (1, 2 * DAY, *[1] * TOGETHER_MIN)])
    assert archive(tmp_path, store, journal, before_ns=DAY).records == TOGETHER_MIN, "one of the second row is younger"
    assert archive(tmp_path, store, journal, before_ns=3 * DAY).records == TOGETHER_MIN + 2
    assert walk(tmp_path, store).wrong is None


def test_a_repair_keeps_what_is_sound_within_a_damaged_row(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(halt())
    mine.append(*(note(f"number {number}") for number in range(TOGETHER_MIN)))
    mine.close()
    with opened(tmp_path) as connection:
        (event,) = connection.execute("SELECT event FROM records WHERE seq > 1").fetchone()
        changed = event.replace(b"number 5", b"number 6")
        connection.execute("UPDATE records SET event = ? WHERE seq > 1", (changed,))
    assert isinstance(on(tmp_path).state(), Unknown)
    done = repair(tmp_path, reason="a test", actor="test", at_ns=5, alarm_number=7)
    assert done.kept == 6, "up to the record that was changed"
    assert not on(tmp_path).check(PAPER, 2000).may_add_risk


def test_our_own_records_are_not_read_again_after_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore(tmp_path)
    mine = Journal(store, actor="test")
    mine.state()
    mine.append(*[note()] * SNAPSHOT_EVERY)
    mine.tend(1)
    assert rows(tmp_path)[-1] == SNAPSHOT_EVERY + 1, "a snapshot was due"
    read: list[Sealed] = []
    honest = store.read

    def listened(after_seq: int = 0) -> Iterator[Sealed]:
        for one in honest(after_seq):
            read.append(one)
            yield one

    monkeypatch.setattr(store, "read", listened)
    mine.append(note())
    state = mine.state()
    assert not isinstance(state, Unknown)
    assert state.seq == SNAPSHOT_EVERY + 2
    assert read == []


def test_an_end_that_is_not_the_acknowledged_one_is_looked_at_in_full(tmp_path: Path) -> None:
    """A writer that died before it rang has left a record that the bell does not know."""
    mine = on(tmp_path)
    mine.append(note())
    with opened(tmp_path) as connection:
        tip = chain.Tip(*connection.execute("SELECT seq, digest FROM records").fetchone())
        more = chain.seal(tip, chain.draft(halt(), actor="test", at_ns=1))
        connection.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row_of(more))
    mine.append(note())
    assert walk(tmp_path, SqliteStore(tmp_path)).tip.seq == 3
    assert not mine.check(PAPER, 2000).may_add_risk
