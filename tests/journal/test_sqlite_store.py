"""The journal in its file: shared by processes, heard at once, and never silently shorter than it was."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.journal import chain
from engine.journal.bell import WALK_EVERY
from engine.journal.database import PAGE_BYTES
from engine.journal.journal import Journal
from engine.journal.sqlite_store import CHECKPOINT_EVERY, CHECKPOINT_LATE, READ_AT_ONCE, SqliteStore
from engine.journal.trouble import Code, Conflict, JournalError
from journal.worlds import PAPER, end, forked, halt, hear, note, on, program, tell


def code(journal: Journal) -> Code | None:
    trouble = journal.trouble()
    return trouble.code if trouble else None


def seqs(folder: Path) -> list[int]:
    store = SqliteStore(folder)
    records = list(store.read())
    assert chain.verify(records)[1] is None
    store.close()
    return [one.seq for one in records]


def test_a_halt_of_another_process_binds_the_very_next_check(tmp_path: Path) -> None:
    mine = on(tmp_path)
    child = program("wait(); journal.append(halt()); say('halted'); wait()", tmp_path)
    assert mine.check(PAPER, 2000).may_add_risk
    tell(child)
    assert hear(child) == "halted"
    assert not mine.check(PAPER, 2000).may_add_risk
    end(child)


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """No test can cut the power; that SQLite is told to wait for the disk can be asked."""
    store = SqliteStore(tmp_path)
    with store.writing() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_records_outlive_everybody(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(halt())
    mine.append(note(), note())
    mine.close()
    again = on(tmp_path)
    assert not again.check(PAPER, 2000).may_add_risk
    assert seqs(tmp_path) == [1, 2, 3]


def test_more_records_than_are_read_at_once(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(*(note(str(number)) for number in range(READ_AT_ONCE * 2)))
    assert seqs(tmp_path) == list(range(1, READ_AT_ONCE * 2 + 1))


def test_a_decision_on_an_old_state_is_refused(tmp_path: Path) -> None:
    one, other = on(tmp_path), on(tmp_path)
    one.append(halt())
    with pytest.raises(Conflict):
        other.append(note(), expected_seq=0)
    other.append(note(), expected_seq=1)
    assert seqs(tmp_path) == [1, 2]


def test_nothing_is_looked_up_while_nothing_happens(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    state = mine.state()
    assert all(mine.state() is state for _ in range(10))
    on(tmp_path).append(note())
    assert mine.state() is not state


def test_threads_and_processes_append_side_by_side(tmp_path: Path) -> None:
    mine = on(tmp_path)
    children = [program("[journal.append(note()) for _ in range(20)]; say('done'); wait()", tmp_path) for _ in range(2)]
    threads = [threading.Thread(target=lambda: [mine.append(note()) for _ in range(20)]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for child in children:
        assert hear(child) == "done"
        end(child)
    assert seqs(tmp_path) == list(range(1, 81))


def test_what_was_opened_before_a_fork_is_not_used_after_it(tmp_path: Path) -> None:
    """SQLite's locks do not come along over a fork: a child that used its parent's connection would spoil the file."""
    store = SqliteStore(tmp_path)
    mine = Journal(store, actor="test")
    mine.append(note())
    before = {store._writer.connected(), store._reader.connected()}

    def child() -> None:
        after = {store._writer.connected(), store._reader.connected()}
        (tmp_path / "said").write_text(str(before.isdisjoint(after)))

    forked(child)
    assert (tmp_path / "said").read_text() == "True"
    assert before == {store._writer.connected(), store._reader.connected()}


def test_a_forked_child_goes_on_with_a_connection_of_its_own(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    forked(lambda: [mine.append(halt()) for _ in range(3)] and None)
    assert not mine.check(PAPER, 2000).may_add_risk
    mine.append(note())
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]


def test_a_writer_that_died_before_it_rang_is_heard_all_the_same(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    mine.state()
    child = program("journal._store._bell.ring = lambda *a: os.kill(os.getpid(), 9)\njournal.append(halt())", tmp_path)
    child.communicate()
    assert SqliteStore(tmp_path).mark() is None
    assert not mine.check(PAPER, 2000).may_add_risk
    mine.append(note())
    assert SqliteStore(tmp_path).mark() is not None, "the next append settles it"


def test_a_writer_that_died_before_the_commit_has_halted_nobody(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    child = program(
        "begin = journal._store._bell.begin\n"
        "journal._store._bell.begin = lambda s: (begin(s), os.kill(os.getpid(), 9))\n"
        "journal.append(halt())",
        tmp_path,
    )
    child.communicate()
    assert mine.check(PAPER, 2000).may_add_risk
    mine.append(halt("h2"))
    assert not mine.check(PAPER, 2000).may_add_risk
    assert seqs(tmp_path) == [1, 2]


def test_a_frozen_writer_is_named_instead_of_waited_for(tmp_path: Path) -> None:
    mine = on(tmp_path, patience_s=0.05)
    mine.append(note())
    child = program("journal._store._turn.take(); journal._store._bell.sign(); say('has it'); wait()", tmp_path)
    assert hear(child) == "has it"
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(JournalError, match=f"process {child.pid} has been writing") as told:
        mine.append(halt())
    assert told.value.trouble.code is Code.BUSY
    os.kill(child.pid, signal.SIGCONT)
    end(child)
    mine.append(halt())


# what is missing or damaged -------------------------------------------------------------------------------------------


def test_a_file_that_is_gone_is_no_fresh_start(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(halt())
    mine.close()
    (tmp_path / "journal.db").unlink()
    after = on(tmp_path)
    assert not after.check(PAPER, 2000).may_add_risk
    assert isinstance(after.state(), Unknown)
    assert code(after) is Code.MISSING
    with pytest.raises(JournalError):
        after.append(note())
    assert not (tmp_path / "journal.db").exists()


@pytest.mark.parametrize("left", ["archive/x", "journal.db-wal"])
def test_whatever_is_left_of_a_journal_says_that_there_was_one(tmp_path: Path, left: str) -> None:
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).touch()
    assert code(on(tmp_path)) is Code.MISSING


def test_a_file_deleted_under_a_running_program_keeps_its_halts(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(halt())
    assert not mine.check(PAPER, 2000).may_add_risk
    (tmp_path / "journal.db").unlink()
    with pytest.raises(JournalError):
        mine.append(note())
    assert not mine.check(PAPER, 2000).may_add_risk


def test_a_beginning_that_was_broken_off_begins_again(tmp_path: Path) -> None:
    SqliteStore(tmp_path)._bell.create(chain.START)
    (tmp_path / "journal.new").write_bytes(b"half of it")
    mine = on(tmp_path)
    mine.append(note())
    assert code(mine) is None


def test_an_older_copy_in_its_place_is_told(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    mine.close()
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy")
    later = on(tmp_path)
    later.append(halt())
    later.close()
    shutil.copy(tmp_path / "copy", tmp_path / "journal.db")
    after = on(tmp_path)
    assert code(after) is Code.SHORTENED
    assert not after.check(PAPER, 2000).may_add_risk
    with pytest.raises(JournalError, match="record 2 was acknowledged"):
        after.append(note())


def test_another_journal_of_the_same_length_in_its_place_is_told(tmp_path: Path) -> None:
    for name in ("one", "other"):
        mine = on(tmp_path / name)
        mine.append(note(name))
        mine.close()
    shutil.copy(tmp_path / "other/journal.db", tmp_path / "one/journal.db")
    assert code(on(tmp_path / "one")) is Code.CHAIN_BROKEN
    with pytest.raises(JournalError):
        on(tmp_path / "one").append(note())


def test_a_longer_journal_of_others_in_its_place_is_told(tmp_path: Path) -> None:
    for name, count in (("one", 1), ("other", 2)):
        mine = on(tmp_path / name)
        for _ in range(count):
            mine.append(note(name))
        mine.close()
    shutil.copy(tmp_path / "other/journal.db", tmp_path / "one/journal.db")
    assert code(on(tmp_path / "one")) is Code.CHAIN_BROKEN


def test_an_append_does_not_cover_up_what_was_lost_meanwhile(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    mine = Journal(store, actor="test")
    mine.append(note())
    mine.append(halt())
    with store.writing() as connection:
        connection.execute("DELETE FROM records WHERE seq = 2")
    with pytest.raises(JournalError) as told:
        mine.append(note())
    assert told.value.trouble.code is Code.SHORTENED


def test_a_bell_that_is_missing_spoilt_or_unreadable_is_told_of_until_the_next_record_makes_a_new_one(
    tmp_path: Path,
) -> None:
    store, bell = SqliteStore(tmp_path), tmp_path / "bell"
    assert store.flaw() is None, "there is no journal that could miss it"
    journal = Journal(store, actor="test")
    journal.append(note())
    assert store.flaw() is None
    for spoil, says in (
        (bell.unlink, "bell is missing"),
        (lambda: bell.write_bytes(b"?" * 4096), str(bell)),
        (lambda: (bell.unlink(), bell.mkdir()), "bell cannot be read"),
    ):
        spoil()
        assert says in (SqliteStore(tmp_path).flaw() or "")
        if bell.is_dir():
            bell.rmdir()
        SqliteStore(tmp_path).append([chain.draft(note(), actor="test", at_ns=1)])
        assert SqliteStore(tmp_path).flaw() is None


def test_a_new_bell_knows_the_last_record_and_the_alarm(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    mine = Journal(store, actor="test")
    mine.append(note())
    mine.raise_alarm("a test")
    damaged = bytearray((tmp_path / "bell").read_bytes())
    damaged[40] ^= 1
    (tmp_path / "bell").write_bytes(damaged)
    with pytest.raises(Conflict):
        mine.append(note(), expected_seq=7)
    assert not mine.check(PAPER, 2000).may_add_risk
    with store.writing() as connection:
        connection.execute("DELETE FROM records")
    with pytest.raises(JournalError) as told:
        mine.append(note())
    assert told.value.trouble.code is Code.SHORTENED


@pytest.mark.parametrize("damage", [b"", b"\0" * 4096, b"QEBELL01" + b"\xff" * 4088, b"rubbish"])
def test_a_spoilt_bell_is_looked_past_and_made_anew(tmp_path: Path, damage: bytes) -> None:
    mine = on(tmp_path)
    mine.append(note())
    mine.state()
    (tmp_path / "bell").write_bytes(damage)
    assert mine.check(PAPER, 2000).may_add_risk or damage[:8] == b"QEBELL01", "what looks like an alarm is one"
    on(tmp_path).append(halt())
    assert not mine.check(PAPER, 2000).may_add_risk
    assert SqliteStore(tmp_path).mark() is not None


def test_a_bell_that_was_empty_from_the_start_says_nothing(tmp_path: Path) -> None:
    on(tmp_path).append(note())
    (tmp_path / "bell").write_bytes(b"")
    assert SqliteStore(tmp_path).mark() is None


def test_a_deleted_bell_misleads_nobody(tmp_path: Path) -> None:
    mine, other = on(tmp_path), on(tmp_path)
    mine.append(note())
    mine.state()
    (tmp_path / "bell").unlink()
    other.append(halt())
    assert not mine.check(PAPER, 2000).may_add_risk
    mine.append(note())
    assert other.state().seq == 3


def test_a_halt_of_another_process_between_two_records_of_our_own_is_seen(tmp_path: Path) -> None:
    mine, other = on(tmp_path), on(tmp_path)
    mine.append(note())
    assert mine.check(PAPER, 2000).may_add_risk
    mine.append(note())
    other.append(halt())
    mine.append(note(), note())
    assert not mine.check(PAPER, 2000).may_add_risk
    assert mine.state().seq == 5
    mine.append(note())
    assert mine.state().seq == 6


def test_a_folder_that_was_moved_away_is_noticed(tmp_path: Path) -> None:
    mine = on(tmp_path / "a")
    mine.append(note())
    mine.state()
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a.begun").unlink()
    on(tmp_path / "a").append(halt())
    assert not all(mine.check(PAPER, 2000).may_add_risk for _ in range(WALK_EVERY))


def pages(mine: Journal, count: int) -> None:
    mine.append(*(note("x" * PAGE_BYTES) for _ in range(count)))


def test_the_log_is_copied_by_who_looks_after_it_and_by_an_append_only_when_nobody_did(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    file = tmp_path / "journal.db"
    empty = file.stat().st_size
    pages(mine, CHECKPOINT_EVERY)
    assert file.stat().st_size == empty, "no append waits for it"
    mine.tend(1)
    tidied = file.stat().st_size
    assert tidied > CHECKPOINT_EVERY * PAGE_BYTES
    pages(mine, CHECKPOINT_LATE)
    assert file.stat().st_size > tidied + CHECKPOINT_LATE * PAGE_BYTES, "nobody looked after it for too long"
    assert len(seqs(tmp_path)) == 1 + CHECKPOINT_EVERY + CHECKPOINT_LATE


def test_who_looks_after_the_log_waits_for_nobody_and_is_stopped_by_nothing(tmp_path: Path) -> None:
    store, other = SqliteStore(tmp_path), SqliteStore(tmp_path)
    pages(Journal(store, actor="test"), CHECKPOINT_EVERY)
    file = tmp_path / "journal.db"
    before = file.stat().st_size
    with other.writing():
        store.tidy()
    assert file.stat().st_size == before, "somebody writes"
    file.rename(tmp_path / "elsewhere")
    store.tidy()
    (tmp_path / "elsewhere").rename(file)
    store.tidy()
    assert file.stat().st_size > before


def left_behind(folder: Path) -> int:
    """A journal as a killed process leaves it: some in the file, some in the log. How many were acknowledged."""

    def work() -> None:
        mine = on(folder)
        for number in range(12):
            mine.append(note("x" * 300), halt(f"h{number}"))
            if number == 4:  # so that what comes behind it is longer, and ends the file
                mine._store._writer.connected().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    forked(work)
    return 24


def outcome(folder: Path, acknowledged: int) -> str:
    """Sound and complete, or in trouble. Anything else is what must never be."""
    mine = on(folder, patience_s=0.2)
    state = mine.state()
    if isinstance(state, Unknown):
        assert not mine.check(PAPER, 2000).may_add_risk
        mine.close()
        return "trouble"
    assert state.seq == acknowledged
    assert len(state.restrictions) == acknowledged // 2
    mine.close()
    return "sound"


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "journal.db-shm"])
def test_a_file_cut_anywhere_is_sound_or_told(tmp_path: Path, name: str) -> None:
    acknowledged = left_behind(tmp_path / "whole")
    size = (tmp_path / "whole" / name).stat().st_size
    found = set()
    for number, cut in enumerate(range(0, size, max(1, size // 40))):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", copy)
        os.truncate(copy / name, cut)
        found.add(outcome(copy, acknowledged))
        shutil.rmtree(copy)
    told = {"trouble"} if name.endswith("wal") else {"trouble", "sound"}  # the file's last page may be in the log anew
    assert found == ({"sound"} if name.endswith("shm") else told)


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "journal.db-shm", "bell"])
def test_a_bit_that_flipped_anywhere_is_harmless_or_told(tmp_path: Path, name: str) -> None:
    acknowledged = left_behind(tmp_path / "whole")
    data = (tmp_path / "whole" / name).read_bytes()
    places = range(3, len(data), max(1, len(data) // 60)) if name != "bell" else range(0, 260, 5)
    for number, place in enumerate(places):
        copy = tmp_path / str(number)
        shutil.copytree(tmp_path / "whole", copy)
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        (copy / name).write_bytes(damaged)
        outcome(copy, acknowledged)
        shutil.rmtree(copy)
