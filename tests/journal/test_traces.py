"""What somebody does to the journal's files while a program has them open: an append that is acknowledged is found
again by the next program, whatever happened, and one that would not be is refused.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.known import Unknown
from engine.journal import traces
from engine.journal.journal import Journal
from engine.journal.trouble import Code, JournalError
from journal.worlds import PAPER, end, forked, halt, hear, note, on, program, tell

DB, LOG = "journal.db", "journal.db-wal"
NOISE = random.Random(7).randbytes(1 << 16)


def written(name: str, at: int, size: int) -> Callable[[Path], None]:
    """Another program writes over a part of a file. By a program of its own: SQLite's locks are its process's."""

    def damage(folder: Path) -> None:
        path = folder / name
        start = at if at >= 0 else path.stat().st_size // 2
        (folder / "noise").write_bytes(NOISE[:size])
        words = [f"if={folder / 'noise'}", f"of={path}", "bs=1", f"seek={start}", "conv=notrunc", "status=none"]
        subprocess.run(["dd", *words], check=True)

    return damage


def cut(name: str, to: Callable[[int], int]) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, to((folder / name).stat().st_size))


def deleted(folder: Path) -> None:
    (folder / LOG).unlink()


def exchanged(folder: Path) -> None:
    shutil.copyfile(folder / "older", folder / "put")
    (folder / "put").replace(folder / LOG)


DAMAGES = {
    "the file's header is overwritten": written(DB, 0, 100),
    "the file's first page is overwritten": written(DB, 0, 4096),
    "the file is overwritten": written(DB, 0, 1 << 16),
    "the file is cut to nothing": cut(DB, lambda _: 0),
    "the file is cut to a page": cut(DB, lambda _: 4096),
    "the log's header is overwritten": written(LOG, 0, 32),
    "the log is overwritten in the middle": written(LOG, -1, 500),
    "a page in the log is overwritten": written(LOG, 32 + 2 * (24 + 4096) + 24 + 200, 100),
    "the log is overwritten": written(LOG, 0, 1 << 16),
    "the log is cut to nothing": cut(LOG, lambda _: 0),
    "the log is cut to its header": cut(LOG, lambda _: 32),
    "the log is cut in half": cut(LOG, lambda size: size // 2),
    "the log loses its last byte": cut(LOG, lambda size: size - 1),
    "the log is deleted": deleted,
    "the log is exchanged for an older one": exchanged,
}
SOME = ("the file's header is overwritten", "the log's header is overwritten")


def in_use(folder: Path, *, copied: bool) -> Journal:
    """A journal that has been used for a while, its log copied into the file at the end, or not."""
    mine = on(folder)
    for number in range(160):
        mine.append(note(f"note {number}"))
        if number == 20:
            subprocess.run(["cp", folder / LOG, folder / "older"], check=True)
    if copied:
        mine.tend(1)
    for number in range(3):
        mine.append(note(f"later {number}"))
    return mine


def acknowledged(journal: Journal, text: str) -> bool:
    try:
        journal.append(note(text))
    except JournalError:
        return False
    return True


def found_again(folder: Path, place: Path) -> list[str]:
    """What the next program finds, were this one and all others killed now. Nothing: it finds that it is damaged."""
    place.mkdir()
    for name in (DB, LOG, "bell"):
        if (folder / name).exists():
            subprocess.run(["cp", folder / name, place / name], check=True)
    code = "say(repr(journal.state().__class__.__name__)); [say(line) for line in texts(journal)]"
    helpers = (
        "from engine.journal.events import IncidentNoted\nfrom engine.journal import chain\n"
        "def texts(journal):\n"
        "    try: return [one.body.decode() for one in journal._store.read() if b'note' in one.body.lower()]\n"
        "    except Exception: return []\n"
    )
    child = program(helpers + code, place)
    out, _ = child.communicate(timeout=60)
    return out.decode().splitlines()


@pytest.mark.parametrize("copied", [False, True], ids=["log not copied", "log copied"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_acknowledged_after_files_were_damaged_in_use_is_found_again(
    tmp_path: Path, damage: Callable[[Path], None], copied: bool
) -> None:
    folder = tmp_path / "journal"
    mine = in_use(folder, copied=copied)
    damage(folder)
    after = [text for text in ("after 1", "after 2") if acknowledged(mine, text)]
    found = "\n".join(found_again(folder, tmp_path / "next"))
    assert [text for text in after if text not in found] == []
    assert after or not mine.check(PAPER, 1).may_add_risk


@pytest.mark.parametrize("damage", [DAMAGES[name] for name in SOME], ids=SOME)
def test_a_damage_in_use_is_told_and_stays_told(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    mine = in_use(tmp_path / "journal", copied=True)
    damage(tmp_path / "journal")
    for _ in range(2):
        with pytest.raises(JournalError) as refused:
            mine.append(note())
        assert refused.value.trouble.code is Code.CORRUPT
    mine.tend(10**12)
    assert not mine.check(PAPER, 10**12).may_add_risk


def test_a_damaged_log_is_not_copied_into_the_file(tmp_path: Path) -> None:
    mine = in_use(tmp_path, copied=False)
    before = (tmp_path / DB).stat().st_mtime_ns
    DAMAGES["the log is overwritten in the middle"](tmp_path)
    mine.tend(1)
    assert (tmp_path / DB).stat().st_mtime_ns == before


def test_files_that_were_touched_and_not_changed_go_on(tmp_path: Path) -> None:
    mine, other = in_use(tmp_path, copied=False), on(tmp_path)
    for name in (DB, LOG):
        subprocess.run(["touch", tmp_path / name], check=True)
        mine.append(note("mine"))
        other.append(note("other"))
    assert not isinstance(mine.state(), Unknown)
    assert mine.check(PAPER, 1).may_add_risk


def test_records_of_any_length_are_found_in_the_log(tmp_path: Path) -> None:
    mine = on(tmp_path)
    for size in range(3900, 4200, 3):  # the digest lies across the end of a page for some of these
        mine.append(note("x" * size))
        subprocess.run(["touch", tmp_path / LOG], check=True)
    assert acknowledged(mine, "the last")


def test_a_writer_that_was_killed_before_it_left_its_traces_stops_nobody(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())

    def killed_in_time() -> None:
        own = on(tmp_path)
        own._store._bell.ring = lambda *_: os._exit(9)  # type: ignore[attr-defined]
        own.append(halt())

    forked(killed_in_time)
    mine.append(note())
    assert not mine.check(PAPER, 1).may_add_risk


def test_a_log_that_others_make_long_is_copied_by_who_looks_after_it(tmp_path: Path) -> None:
    mine = on(tmp_path)
    mine.append(note())
    child = program("for _ in range(300): journal.append(note())\nsay('done'); wait()", tmp_path)
    assert hear(child) == "done"
    mine.tend(1)
    size = (tmp_path / LOG).stat().st_size
    tell(child)
    for _ in range(200):
        mine.append(note())
    assert (tmp_path / LOG).stat().st_size == size
    end(child)


def test_what_sqlite_would_find_again_is_what_is_taken_for_committed(tmp_path: Path) -> None:
    mine = in_use(tmp_path, copied=False)
    data = (tmp_path / LOG).read_bytes()
    assert traces.committed(data) == data
    assert len(traces.committed(data[:-1])) == len(data) - 4096 - 24
    assert traces.committed(data[:20]) == b""
    assert traces.committed(b"\0" + data[1:]) == b""
    assert traces.committed(data[:16] + b"\1\2" + data[18:]) == b""
    mine.close()
