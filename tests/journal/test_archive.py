"""Old days in archives, the chain through all of it, and beginning anew after damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.journal import archive as archiving
from engine.journal import chain, database
from engine.journal.archive import archive
from engine.journal.events import Lifted
from engine.journal.history import archives, records, walk
from engine.journal.journal import Journal
from engine.journal.repair import repair
from engine.journal.sqlite_store import SqliteStore
from engine.journal.trouble import Code, JournalError, Trouble
from journal.killed import killed_at, needs_tracing
from journal.worlds import PAPER, halt, note, on

DAY = 86_400 * 10**9


def days(folder: Path, count: int = 4) -> tuple[SqliteStore, Journal]:
    """A halt on the first day, and a note on each of them."""
    store = SqliteStore(folder)
    journal = Journal(store, actor="test", clock=lambda: count * DAY)
    journal.append(halt(), at_ns=0)
    for day in range(count):
        journal.append(note(f"day {day}"), at_ns=day * DAY + 1)
    return store, journal


def seqs(folder: Path) -> list[int]:
    return [one.seq for one in records(folder, SqliteStore(folder))]


def test_who_reads_on_past_a_damaged_archive_is_told_of_it_and_who_does_not_ask_is_refused(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    for day in (1, 2):
        archive(tmp_path, store, journal, before_ns=day * DAY)
    whole = seqs(tmp_path)
    broken = archives(tmp_path)[0]
    broken.write_bytes(broken.read_bytes()[:-9])
    damaged: list[Trouble] = []
    rest = [one.seq for one in records(tmp_path, store, damaged=damaged)]
    assert 0 < len(rest) < len(whole) and rest == whole[-len(rest) :]
    assert [one.code for one in damaged] == [Code.ARCHIVE] and str(broken) in damaged[0].what
    with pytest.raises(JournalError, match="is damaged"):
        list(records(tmp_path, store))
    found = walk(tmp_path, store)
    assert found.wrong_archive is not None and found.wrong_live is None and found.live > 0


def test_an_archive_that_does_not_follow_the_one_before_it_is_named(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    for day in (1, 2):
        archive(tmp_path, store, journal, before_ns=day * DAY)
    first, second = archives(tmp_path)
    shutil.copyfile(first, second)
    assert f"{second.name} does not follow record" in (walk(tmp_path, store).wrong_archive or "")


def test_a_halt_outlives_the_day_that_is_archived(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    done = archive(tmp_path, store, journal, before_ns=2 * DAY)
    assert done.records == 3
    after = on(tmp_path)
    assert not after.check(PAPER, 5 * DAY).may_add_risk
    assert not journal.check(PAPER, 5 * DAY).may_add_risk
    after.append(Lifted(restriction_id="h1", scope=PAPER, reason="over"))
    assert journal.check(PAPER, 5 * DAY).may_add_risk


def test_the_chain_goes_through_archives_into_the_live_file(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    for before in (1, 3):
        archive(tmp_path, store, journal, before_ns=before * DAY)
    journal.append(note("after"))
    assert len(archives(tmp_path)) == 2
    found = walk(tmp_path, store)
    assert found.wrong is None
    assert (found.archived, found.live, found.not_here) == (4, found.tip.seq - 4, 0)
    assert seqs(tmp_path) == list(range(1, found.tip.seq + 1))
    assert chain.verify(records(tmp_path, store))[1] is None
    assert [one.seq for one in records(tmp_path, store, 3)] == list(range(4, found.tip.seq + 1))


def test_only_what_is_old_altogether_goes(tmp_path: Path) -> None:
    """A clock that had gone forward for a while: what stands behind that record stays with it."""
    store, journal = days(tmp_path, 1)
    journal.append(note("from the future"), at_ns=100 * DAY)
    journal.append(note("old again"), at_ns=2)
    assert archive(tmp_path, store, journal, before_ns=DAY).records == 2
    assert archive(tmp_path, store, journal, before_ns=DAY).path is None


def test_everything_may_be_archived(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    archive(tmp_path, store, journal, before_ns=10 * DAY)
    assert not on(tmp_path).check(PAPER, 5 * DAY).may_add_risk
    assert walk(tmp_path, store).wrong is None


def test_one_who_has_not_looked_for_days_begins_with_the_snapshot(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    asleep = on(tmp_path)
    asleep.state()
    journal.append(*(note() for _ in range(3)), at_ns=0)
    archive(tmp_path, store, journal, before_ns=10 * DAY)
    journal.append(note("awake"))
    assert not isinstance(asleep.state(), Unknown)
    assert not asleep.check(PAPER, 0).may_add_risk


def test_a_damaged_archive_is_told_and_stops_nobody(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    path = archive(tmp_path, store, journal, before_ns=2 * DAY).path
    assert path is not None
    whole = path.read_bytes()
    for place in range(10, len(whole), 17):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        found = walk(tmp_path, store)
        assert (found.wrong_archive is None, found.wrong_live) == (False, None)
        assert found.tip == store.last(), "the live file is looked at all the same"
    assert on(tmp_path).trouble() is None


def test_archives_that_were_taken_away_are_said_to_be_elsewhere(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    archive(tmp_path, store, journal, before_ns=2 * DAY)
    shutil.rmtree(tmp_path / "archive")
    found = walk(tmp_path, store)
    assert found.wrong is None
    assert found.not_here == 3


def test_a_snapshot_that_was_changed_is_told(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    archive(tmp_path, store, journal, before_ns=2 * DAY)
    with store.writing() as connection:
        (body,) = connection.execute("SELECT event FROM records WHERE seq IN (SELECT seq FROM snapshots)").fetchone()
        changed = body.replace(b"h1", b"h9")
        connection.execute("UPDATE records SET event = ? WHERE seq IN (SELECT seq FROM snapshots)", (changed,))
    after = on(tmp_path)
    assert isinstance(after.state(), Unknown)
    assert not after.check(PAPER, 0).may_add_risk


@needs_tracing
def test_killed_at_every_call_of_an_archiving(tmp_path: Path) -> None:
    """Every record is in one place at least, and the next run makes it good."""
    stop, killed = 1, True
    while killed:
        folder = tmp_path / str(stop)
        days(folder)[0].close()

        def work(_: int, folder: Path = folder) -> None:
            mine = SqliteStore(folder)
            archive(folder, mine, Journal(mine, actor="test", clock=lambda: 5 * DAY), before_ns=2 * DAY)

        killed, _ = killed_at(stop, work)
        again = SqliteStore(folder)
        assert walk(folder, again).wrong is None
        assert seqs(folder)[:5] == [1, 2, 3, 4, 5]
        archive(folder, again, Journal(again, actor="test", clock=lambda: 5 * DAY), before_ns=2 * DAY)
        assert again.base().seq == 3
        assert walk(folder, again).wrong is None
        assert not on(folder).check(PAPER, 0).may_add_risk
        again.close()
        stop += 31
    assert stop > 150


# beginning anew -------------------------------------------------------------------------------------------------------


def mend(folder: Path) -> int:
    return repair(folder, reason="a test", actor="test", at_ns=9, alarm_number=7).last_seq


def test_what_can_be_read_is_kept_and_everybody_is_halted(tmp_path: Path) -> None:
    store, _ = days(tmp_path)
    watcher = on(tmp_path)
    watcher.state()
    with store.writing() as connection:
        connection.execute("UPDATE records SET event = 'x' WHERE seq = 4")
    store.close()
    assert on(tmp_path).trouble() is not None
    assert mend(tmp_path) == 3
    after = on(tmp_path)
    assert after.trouble() is None
    for one in (after, watcher):
        state = one.check(PAPER, 0)
        assert {restriction.id for restriction in state.standing} == {"h1", "alarm-0000000000000007"}
    after.append(note())
    assert walk(tmp_path, SqliteStore(tmp_path)).wrong is None
    assert (tmp_path / "damaged-9" / "journal.db").exists()


@pytest.mark.parametrize("damage", ["gone", "rubbish", "empty"])
def test_a_file_of_which_nothing_is_left_begins_anew_with_everybody_halted(tmp_path: Path, damage: str) -> None:
    store, _ = days(tmp_path)
    store.close()
    path = tmp_path / "journal.db"
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else b"rubbish" * 1000)
    assert on(tmp_path).trouble() is not None
    assert mend(tmp_path) == 0
    after = on(tmp_path)
    assert after.trouble() is None
    assert not after.check(PAPER, 0).may_add_risk


def test_archives_take_the_place_of_a_live_file_that_is_lost(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    archive(tmp_path, store, journal, before_ns=3 * DAY)
    store.close()
    (tmp_path / "journal.db").write_bytes(b"rubbish" * 1000)
    assert mend(tmp_path) == 4
    assert "h1" in {one.id for one in on(tmp_path).check(PAPER, 0).standing}
    assert walk(tmp_path, SqliteStore(tmp_path)).wrong is None


def test_a_live_file_with_a_snapshot_needs_no_archives(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    archive(tmp_path, store, journal, before_ns=2 * DAY)
    journal.append(note("last"), note("lost"))
    with store.writing() as connection:
        connection.execute("UPDATE records SET event = 'x' WHERE seq = (SELECT max(seq) FROM records)")
    store.close()
    last = mend(tmp_path)
    found = walk(tmp_path, SqliteStore(tmp_path))
    assert found.wrong is None
    assert found.archived == 3
    assert found.tip.seq == last + 1
    assert "h1" in {one.id for one in on(tmp_path).check(PAPER, 0).standing}


def test_an_archive_that_does_not_hold_what_was_written_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, journal = days(tmp_path)
    monkeypatch.setattr(archiving, "_write", lambda path, data: None)
    with pytest.raises(JournalError):
        archive(tmp_path, store, journal, before_ns=2 * DAY)
    assert store.base().seq == 0
    with store.writing() as connection:
        assert database.last(connection).seq == 6


def test_a_broken_chain_is_not_archived(tmp_path: Path) -> None:
    store, journal = days(tmp_path)
    journal.snapshot_behind(6)
    journal.state()
    with store.writing() as connection:
        connection.execute("UPDATE records SET actor = x'78' WHERE seq = 2")
    with pytest.raises(JournalError) as told:
        archive(tmp_path, store, journal, before_ns=2 * DAY)
    assert told.value.trouble.code is Code.CHAIN_BROKEN
    assert store.base().seq == 0
