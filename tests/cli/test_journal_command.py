"""`qe journal` as a person and as a script use it."""

from __future__ import annotations

import errno
import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from engine.cli import commands, journal_command, take_in_command
from engine.cli.commands import main
from engine.core.known import Unknown
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal import database, fold
from engine.journal.archive import archive
from engine.journal.events import IncidentNoted, KillEnded, Lifted, Restricted
from engine.journal.journal import Journal, open_journal
from engine.journal.memory_store import Memory, MemoryStore
from engine.journal.overdue import last_words
from engine.journal.sqlite_store import SqliteStore
from engine.journal.stops import FORGOTTEN
from engine.journal.trouble import Code, JournalError, Trouble
from engine.trading.rules import open_rules

DAY = 86_400 * 10**9


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path / "journal"


def fill(folder: Path) -> None:
    scope = Scope("paper")
    halt = Restriction(
        id="h1", scope=scope, kind=Kind.HALT, cause=Cause.MANUAL, since_ns=0, actor="ann", reason="odd \x1b[2J fills"
    )
    journal = open_journal(folder, actor="ann")
    journal.append(Restricted(restriction=halt), at_ns=0)
    journal.append(KillEnded(kill_id="k", scopes=(scope,), flat=False, report=msgspec.Raw(b"{}")), at_ns=DAY)
    journal.append(Lifted(restriction_id="h1", scope=scope, reason="seen"), at_ns=DAY)
    journal.append(IncidentNoted(incident_id="i", text="ü"), at_ns=2 * DAY)
    journal.close()


def qe(*words: str) -> int:
    return main(["journal", *words])


def test_a_journal_that_was_never_begun_is_not_begun_by_looking(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["verify"], ["tail"], ["export"], ["archive", "--before", "2000-01-01"], ["repair", "--reason", "x"]):
        assert qe(*words) == 2
        assert "nothing has been recorded" in capsys.readouterr().err
    assert not home.exists()


def test_verify_says_how_many_are_sound(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    assert qe("verify") == 0
    assert "sound: 4 records (0 archived), 4 in the live file" in capsys.readouterr().out


@pytest.mark.parametrize("damage", [None, b"", b"rubbish" * 100])
def test_a_bell_that_is_missing_or_spoilt_is_told_until_the_next_record_is_written(
    home: Path, capsys: pytest.CaptureFixture[str], damage: bytes | None
) -> None:
    fill(home)
    (home / "bell").unlink()
    if damage is not None:
        (home / "bell").write_bytes(damage)
    assert qe("verify") == 1
    assert "FLAW: the journal's bell" in capsys.readouterr().err
    main(["status"])
    assert "the journal's bell" in capsys.readouterr().out
    main(["halt", "paper", "--reason", "a record"])
    assert qe("verify") == 0


def test_verify_names_the_first_bad_record(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    data = bytearray((home / "journal.db").read_bytes())
    place = data.index(b'"seen"')
    data[place + 1] ^= 1
    (home / "journal.db").write_bytes(data)
    assert qe("verify") == 1
    assert "record 3 is not what was written" in capsys.readouterr().err


def test_tail_shows_one_record_a_line_and_lets_nothing_command_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(home)
    assert qe("tail", "-n", "3") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "kill ended       paper: NOT flat" in lines[0]
    assert "lifted           paper: h1: seen" in lines[1]
    assert qe("tail") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "restricted       paper: halt by manual: odd  [2J fills  [ann]" in out


def test_export_is_json_a_line_and_can_begin_anywhere(home: Path) -> None:
    fill(home)
    command = [sys.executable, "-m", "engine.cli", "journal", "export", "--after", "2"]
    source = Path(__file__).parents[2] / "python"
    environment = {"QE_HOME": str(home.parent), "PYTHONPATH": str(source), "PATH": ""}
    out = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    found = [json.loads(line) for line in out.splitlines()]
    assert [one["seq"] for one in found] == [3, 4]
    assert found[1]["event"] == {"event": "incident_noted", "incident_id": "i", "text": "ü"}


def test_archive_and_everything_after_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    assert qe("archive", "--before", "1970-01-02") == 0
    assert "1 record is in" in capsys.readouterr().out
    assert qe("archive", "--before", "1970-01-02") == 0
    assert "no record is older" in capsys.readouterr().out
    assert qe("verify") == 0
    assert "5 records (1 archived), 4 in the live file" in capsys.readouterr().out
    assert qe("tail", "-n", "99") == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert qe("archive", "--before", "2999-01-01") == 2


def test_repair_touches_nothing_that_is_sound(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    before = (home / "journal.db").read_bytes()
    assert qe("repair", "--reason", "fear") == 0
    assert "nothing was done" in capsys.readouterr().out
    assert (home / "journal.db").read_bytes() == before


def test_repair_begins_anew_and_says_what_it_means(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    (home / "journal.db").write_bytes(b"rubbish")
    assert qe("tail") == 1
    assert "qe journal repair" in capsys.readouterr().err
    assert qe("repair", "--reason", "the disk died") == 0
    assert "Every login is halted" in capsys.readouterr().out
    assert qe("verify") == 0


def archived(home: Path) -> Path:
    """A journal of which two days are archived; the second archive."""
    fill(home)
    for day in ("1970-01-02", "1970-01-03"):
        assert qe("archive", "--before", day) == 0
    return sorted((home / "archive").iterdir())[1]


def test_a_damaged_archive_is_named_and_everything_else_is_shown(
    home: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    archived(home).write_bytes(b"rubbish")
    capfdbinary.readouterr()
    assert qe("verify") == 1
    out, err = capfdbinary.readouterr()
    assert b"sound: 3 records (1 archived), 2 in the live file" in out
    assert b"000000000002.jsonl.gz is damaged" in err
    assert b"orders go on: what is in force stands in the live file" in err
    assert qe("tail") == 1
    out, err = capfdbinary.readouterr()
    assert len(out.splitlines()) == 3
    assert b"NOT ALL" in err
    assert qe("export") == 1
    out, err = capfdbinary.readouterr()
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 4, 5]
    assert b"NOT ALL: records 2 to 3 are not here" in err
    main(["incident", "list"])
    assert b"NOT ALL" in capfdbinary.readouterr().err


def test_records_that_were_changed_in_an_archive_are_not_shown_as_what_was_written(
    home: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = archived(home)
    first, second, *rest = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    assert b'"actor":"' in second
    path.write_bytes(gzip.compress(b"".join((first, second.replace(b'"actor":"', b'"actor":"not '), *rest))))
    for words in ("export", "tail"):
        capfdbinary.readouterr()
        assert qe(words) == 1
        out, err = capfdbinary.readouterr()
        assert b"not " not in out
        assert b"000000000002.jsonl.gz is damaged: record 2 is not what was written" in err


def test_a_damaged_archive_is_no_reason_to_begin_anew(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archived(home).write_bytes(b"rubbish")
    before = (home / "journal.db").read_bytes()
    assert qe("repair", "--reason", "fear") == 1
    told = capsys.readouterr()
    assert "the live journal is sound: nothing was done" in told.out
    assert "To do: restore that file from a copy, or move it elsewhere" in told.err
    assert (home / "journal.db").read_bytes() == before
    assert main(["status"]) == 0, "nobody was halted"


def test_old_damage_that_no_reader_meets_is_told_with_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(home)
    journal = open_journal(home, actor="ann")
    journal.snapshot_behind(4)
    journal.close()
    data = bytearray((home / "journal.db").read_bytes())
    place = data.index(b'"seen"')
    data[place + 1] ^= 1
    (home / "journal.db").write_bytes(data)
    assert qe("verify") == 1
    told = capsys.readouterr().err
    assert "it is sound up to record 2. Now orders go on" in told
    assert "qe journal repair" in told


def test_a_journal_that_is_gone_is_begun_anew_in_words(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    for one in home.glob("journal.db*"):
        one.unlink()
    assert qe("verify") == 1
    assert "was there and is gone" in capsys.readouterr().err
    assert qe("repair", "--reason", "it is gone") == 0
    assert "no record could be kept" in capsys.readouterr().out


def test_a_folder_that_is_gone_is_no_journal_that_never_was(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    shutil.rmtree(home)
    for words in (["verify"], ["tail"], ["export"]):
        assert qe(*words) == 1
        assert "was there and is gone" in capsys.readouterr().err
    assert main(["incident", "list"]) == 2
    assert capsys.readouterr().err.count("was there and is gone") == 1
    assert main(["status"]) == 2
    capsys.readouterr()
    assert qe("repair", "--reason", "it is gone") == 0
    assert "no record could be kept" in capsys.readouterr().out
    assert main(["status"]) == 1
    assert "what was lost may have been a halt" in capsys.readouterr().out


def test_programs_that_know_of_more_go_on_from_what_is_left_with_a_persons_word(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = open_rules(home.parent)
    running.halt(Scope("paper"), "lunch")
    assert not running.state(Scope("live")).standing
    shutil.rmtree(home)
    (home.parent / "journal.begun").unlink()
    assert running.state(Scope("live")).standing
    running.journal.tend(0)
    assert main(["status"]) == 1, "whoever is started now is halted, too"
    assert "a program that runs has read records" in capsys.readouterr().out
    assert qe("repair", "--reason", "I have cleaned up") == 0
    told = capsys.readouterr().out
    assert "they go on from it now" in told and "Every login is halted" in told
    for name in ("paper", "live"):
        assert [one.reason for one in running.state(Scope(name)).standing] == [FORGOTTEN]
        assert main(["resume", name]) == 0
        assert running.state(Scope(name)).may_add_risk
    capsys.readouterr()
    assert qe("tail") == 0
    assert "gone on from what is left" in capsys.readouterr().out


def test_an_output_that_cannot_be_written_is_told_and_is_no_success(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    fill(home)
    monkeypatch.setattr(commands, "_give_up_output", lambda: None)
    monkeypatch.setattr(journal_command, "_show", full)
    assert qe("tail") == 2
    assert "the output could not be written: No space left on device" in capsys.readouterr().err
    refused(Code.FULL, monkeypatch, home)
    assert qe("tail") == 2
    assert "the output could not be written" in capsys.readouterr().err, "nor is what was read from a copy"


def refused(code: Code, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A disk on which SQLite cannot even read: its folder alone, so a copy of it elsewhere can be read."""
    honest = database.Database.connected

    def connected(self: database.Database) -> sqlite3.Connection:
        if self.path.parent == home:
            raise JournalError(Trouble(code, "the disk refuses"))
        return honest(self)

    monkeypatch.setattr(database.Database, "connected", connected)


@pytest.mark.parametrize("code", [Code.FULL, Code.READ_ONLY])
def test_a_journal_on_a_full_or_read_only_disk_is_read_from_a_copy(
    home: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    fill(home)
    before = {one.name: one.read_bytes() for one in home.iterdir() if one.is_file() and one.name != "journal.db-shm"}
    refused(code, monkeypatch, home)
    for words, expected in ((["verify"], b"sound: 4 records"), (["tail"], b"kill ended"), (["export"], b'"seq":4')):
        assert qe(*words) == 2, "the disk is not as it should be"
        out, err = capfdbinary.readouterr()
        assert expected in out
        assert b"the disk refuses. Now no order that adds risk is sent" in err
        assert b"What follows is read from a copy" in err
    assert qe("archive", "--before", "1970-01-02") == 2
    assert b"copy" not in capfdbinary.readouterr().err
    after = {one.name: one.read_bytes() for one in home.iterdir() if one.is_file() and one.name != "journal.db-shm"}
    assert after == before


def test_where_there_is_no_room_for_a_copy_either_it_says_how_to_have_one(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/x")

    fill(home)
    refused(Code.FULL, monkeypatch, home)
    monkeypatch.setattr(shutil, "copyfile", full)
    assert qe("verify") == 2
    assert "Set TMPDIR to a folder on a disk with room" in capsys.readouterr().err


def printed_by_a_program(folder: Path) -> str:
    """What a program prints whose journal and spool are files in the way."""
    memory = Memory()
    memory.fails = Code.FULL
    held = Journal(MemoryStore(memory), actor="ann", clock=lambda: DAY)
    halt = Restriction(
        id="h9", scope=Scope("paper"), kind=Kind.HALT, cause=Cause.MANUAL, since_ns=0, actor="ann", reason="Bö"
    )
    held.keep(Restricted(restriction=halt), at_ns=DAY)
    held.keep(IncidentNoted(incident_id="i9", text="x"), IncidentNoted(incident_id="i9", text="y"), at_ns=DAY)
    said = last_words()
    assert said[0].endswith("qe journal take-in FILE")
    memory.fails = None
    held.tend(DAY)  # so that the tests behind this one find nothing held
    folder.parent.mkdir(exist_ok=True)
    path = folder.parent / "printed.txt"
    path.write_text("\n".join(said))
    return str(path)


def test_what_a_program_printed_is_taken_in_once_and_says_where_it_came_from(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = printed_by_a_program(home)
    assert qe("take-in", path) == 0
    said = capsys.readouterr()
    assert f"3 records were taken in from {path}" in said.out and "Bö" in said.out
    assert "1 line is no record" in said.err
    mine = open_journal(home, actor="x")
    state = mine.state()
    mine.close()
    assert not isinstance(state, Unknown)
    assert [one.id for one in state.restrictions] == ["h9"]
    assert qe("take-in", path) == 0
    said = capsys.readouterr()
    assert "0 records were taken in" in said.out and said.out.count("in the journal already") == 2
    assert qe("export") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"]["event"] for line in lines if line["event"]["event"] != "journal_opened"] == [
        "taken_in",
        "restricted",
        "taken_in",
        "incident_noted",
        "incident_noted",
    ]
    assert f"qe journal take-in {path}" in lines[0]["actor"] and lines[1]["actor"] == "ann"


def test_what_was_taken_in_and_forgotten_by_the_state_is_not_taken_in_again(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "TAKEN_IN_MAX", 1)
    path = printed_by_a_program(home)
    assert qe("take-in", path) == 0
    assert qe("take-in", path) == 0
    assert "0 records were taken in" in capsys.readouterr().out


def test_where_records_are_missing_that_could_tell_nothing_is_taken_in(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = printed_by_a_program(home)
    assert qe("take-in", path) == 0
    store = SqliteStore(home)
    archive(home, store, Journal(store, actor="x"), before_ns=time.time_ns() + DAY)
    store.close()
    (home / "archive").rename(home / "elsewhere")
    assert qe("take-in", path) == 2
    assert "an archive that is not here, or damaged" in capsys.readouterr().err
    (home / "elsewhere").rename(home / "archive")
    assert qe("take-in", path) == 0
    assert "0 records were taken in" in capsys.readouterr().out
    kept = next((home / "archive").iterdir())
    kept.write_bytes(kept.read_bytes()[:-9])
    assert qe("take-in", path) == 2
    assert "damaged" in capsys.readouterr().err


def test_what_is_not_what_was_printed_is_named_and_left_and_the_rest_is_taken_in(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(printed_by_a_program(home))
    path.write_text(path.read_text().replace('"h9"', '"h8"'))
    assert qe("take-in", str(path)) == 1
    said = capsys.readouterr()
    assert "2 records were taken in" in said.out
    assert "NOT TAKEN IN: line 2: it is not what was printed" in said.err
    path.write_text("nothing\nof the kind\n")
    assert qe("take-in", str(path)) == 1
    said = capsys.readouterr()
    assert "no record was found" in said.err and "2 lines are no records" in said.err
    assert qe("take-in", str(path.with_name("absent"))) == 2
    assert "absent: No such file" in capsys.readouterr().err


def test_a_file_that_no_program_can_have_printed_is_not_read_whole(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take_in_command, "BYTES_MAX", 9)
    assert qe("take-in", printed_by_a_program(home)) == 2
    assert "longer than anything" in capsys.readouterr().err


def test_a_journal_that_cannot_be_read_takes_nothing_in(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home)
    (home / "journal.db").write_bytes(b"rubbish" * 1000)
    assert qe("take-in", printed_by_a_program(home)) == 1
    assert "file is not a database" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["tail", "-n", "x"], ["archive", "--before", "soon"], ["repair"]])
def test_what_is_not_understood_ends_with_64(home: Path, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        qe(*words)
    assert ended.value.code == 64
