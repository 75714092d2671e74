"""Disks that are full, read-only or forbidden: in words, with entries stopped, and going on by itself afterwards.

A real small disk, mounted for one process, where the system lets a test do that.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.core.restrictions import UNWRITABLE
from engine.journal.trouble import Code, JournalError
from journal.worlds import PAPER, end, halt, hear, note, on, program, tell

APART = ("unshare", "--user", "--map-root-user", "--mount")


def may_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*APART, "mount", "-t", "tmpfs", "tmpfs", "/tmp"], capture_output=True, check=False)
    return tried.returncode == 0


needs_a_disk = pytest.mark.skipif(not may_mount(), reason="mounts a small disk of its own")

ON_A_SMALL_DISK = """
import subprocess
def mount(*words): subprocess.run(["mount", *words], check=True)
journal.close()
mount("-t", "tmpfs", "-o", "size=160k,nr_inodes=64", "tmpfs", str(folder))
inside = folder / "journal"
mine, other = on(inside), on(inside)
mine.append(note())
assert other.check(PAPER, 1).may_add_risk
def fill():
    with open(folder / "filler", "wb", buffering=0) as file:
        try:
            while True: file.write(b"x" * 4096)
        except OSError: pass
def refused(*events):
    for _ in range(200):
        try: mine.append(*events)
        except Exception as error: return error
"""


def spoken(code: str, tmp_path: Path) -> list[str]:
    (tmp_path / "disk").mkdir()
    child = program(ON_A_SMALL_DISK + code, tmp_path / "disk", before=APART)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    return out.decode().splitlines()


@needs_a_disk
def test_a_full_disk_is_told_halts_all_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    said = spoken(
        """
fill()
error = refused(note("x" * 2000))

say(error.trouble.code.value)
error = refused(halt())
say(error.alarmed)
say("journal" in {one.cause.value for one in other.check(PAPER, 2).standing})
say(other.check(Scope("live"), 2).may_add_risk)
(folder / "filler").unlink()
mine.tend(3)
say(mine.trouble())
say(mine.check(PAPER, 4).may_add_risk)
alarm = mine.state().alarm
from engine.journal.events import Lifted
mine.append(Lifted(restriction_id=alarm.id, scope=PAPER, reason="room"))
say([one.cause.value for one in mine.check(PAPER, 5).standing if one.id.startswith("alarm")])
""",
        tmp_path,
    )
    assert said == ["full", "True", "True", "False", "None", "False", "[]"]


@needs_a_disk
def test_a_halt_that_no_disk_can_take_is_written_down_without_anybody_asking_when_there_is_room(tmp_path: Path) -> None:
    said = spoken(
        """
import threading
from engine.journal import overdue
from engine.journal.journal import open_journal
overdue.AGAIN_S = 0.01
os.environ["TMPDIR"] = str(folder / "temporary")
import engine.temporary
engine.temporary.IN_MEMORY = str(folder / "none")
held = open_journal(inside, actor="test")
fill()
refused(note("x" * 2000))
kept = held.keep(halt())
say(kept.spooled)
say(kept.name != "")
say(sorted(path.name for path in folder.rglob("*.new")))
(folder / "filler").unlink()
for thread in threading.enumerate():
    if thread.name == "overdue": thread.join(20)
say([one.id for one in on(inside).state().restrictions])
""",
        tmp_path,
    )
    assert said == ["None", "True", "[]", "['h1']"]


@needs_a_disk
def test_everything_acknowledged_before_a_disk_was_full_is_there(tmp_path: Path) -> None:
    said = spoken(
        """
count = 1
try:
    while True:
        mine.append(note("x" * 500)); count += 1
except Exception as error: say(error.trouble.code.value)
say(on(inside).state().seq - count)
from engine.journal import chain
from engine.journal.sqlite_store import SqliteStore
say(chain.verify(SqliteStore(inside).read())[1])
""",
        tmp_path,
    )
    assert said == ["full", "0", "None"]


@needs_a_disk
def test_a_halt_on_a_disk_that_is_read_only_with_its_temporary_files_is_known_to_the_next_program(
    tmp_path: Path,
) -> None:
    said = spoken(
        """
from engine.journal.journal import open_journal
import engine.temporary
os.environ["TMPDIR"] = str(folder / "temporary")
memory = folder.parent / "memory"
memory.mkdir()
engine.temporary.IN_MEMORY = str(memory)
held = open_journal(inside, actor="test")
held.append(note())
for one in (mine, other, held): one.close()
held = open_journal(inside, actor="test")
mount("-o", "remount,ro", str(folder))
kept = held.keep(halt())
say(kept.spooled is not None and kept.spooled.parent.parent.parent == memory)
say(oct(kept.spooled.parent.parent.stat().st_mode)[-3:])
mount("-o", "remount,rw", str(folder))
later = open_journal(inside, actor="test")
later.tend(1)
say([one.id for one in later.state().restrictions])
say(kept.spooled.exists())
""",
        tmp_path,
    )
    assert said == ["True", "700", "['h1']", "False"]


@needs_a_disk
def test_a_disk_that_turns_read_only_is_told_and_goes_on_when_it_is_writable(tmp_path: Path) -> None:
    said = spoken(
        """
mine.close(); other.close()
mine, other = on(inside), on(inside)
import engine.journal.spool, tempfile
mount("-o", "remount,ro", str(folder))
error = refused(halt())
say(error.trouble.code.value)
say(mine.check(PAPER, 2).may_add_risk)
kept = mine.keep(halt())
say(kept.records is None)
mount("-o", "remount,rw", str(folder))
mine.tend(3)
say(mine.trouble())
mine.append(halt())
say(other.check(PAPER, 4).may_add_risk)
""",
        tmp_path,
    )
    assert said == ["read_only", "False", "True", "None", "False"]


@needs_a_disk
def test_a_read_only_disk_from_the_start_is_no_journal_without_restrictions(tmp_path: Path) -> None:
    said = spoken(
        """
mine.append(halt())
mine.close(); other.close()
mount("-o", "remount,ro", str(folder))
mine = on(inside)
say(mine.check(PAPER, 2).may_add_risk)
say(mine.check(Scope("live"), 2).may_add_risk)
""",
        tmp_path,
    )
    assert said[0] == "False"
    assert said[1] == "False"


def test_a_file_that_may_not_grow_is_told(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    child = program(
        "import resource\njournal.state()\nsay('ready'); wait()\n"
        "try:\n    for _ in range(400): journal.append(note('x' * 1000))\n"
        "except Exception as error: say(type(error).__name__); say(journal.check(PAPER, 1).standing[0].id)\n"
        "wait()",
        tmp_path,
    )
    assert hear(child) == "ready"
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    tell(child)
    assert hear(child) == "JournalError"
    assert hear(child) == UNWRITABLE
    end(child)
    state = mine.state()
    assert not isinstance(state, Unknown)
    mine.append(halt())
    assert not mine.check(PAPER, 2).may_add_risk


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_folder_without_the_right_to_write_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError) as told:
        on(tmp_path / "journal").append(halt())
    tmp_path.chmod(0o700)
    assert told.value.trouble.code is Code.NOT_ALLOWED


def test_a_frozen_writer_makes_a_halt_an_alarm(tmp_path: Path) -> None:
    mine, other = on(tmp_path, patience_s=0.05), on(tmp_path)
    mine.append(note())
    child = program("journal._store._turn.take(); say('has it'); wait()", tmp_path)
    assert hear(child) == "has it"
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(JournalError) as told:
        mine.append(halt())
    assert told.value.alarmed
    assert not other.check(PAPER, 2).may_add_risk
    os.kill(child.pid, signal.SIGCONT)
    end(child)


@needs_a_disk
def test_a_disk_that_is_full_is_named_so_when_a_program_begins(tmp_path: Path) -> None:
    """SQLite then cannot even make the small file that it needs for reading, and calls that an input/output error."""
    said = spoken(
        """
mine.append(note()); mine.close(); other.close()
fill()
say(on(inside).trouble().code.value)
""",
        tmp_path,
    )
    assert said == ["full"]
