"""Folders among temporary files: made for this user alone, and not believed where another user may have made them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.core.restrictions import Scope
from engine.journal.events import IncidentNoted
from engine.journal.journal import open_journal
from engine.journal.trouble import Code, JournalError
from engine.temporary import make_private, perhaps_anothers

pytestmark = pytest.mark.skipif(os.name == "nt", reason="each user has a folder for temporary files there")
NOBODY = 65534


@pytest.fixture
def anybodys(tmp_path: Path) -> Path:
    """As /tmp is."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def test_what_is_made_is_this_users_alone_all_the_way_down(anybodys: Path) -> None:
    before = os.umask(0)
    try:
        make_private(anybodys / "state" / "journal")
        make_private(anybodys / "state" / "journal")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (anybodys / "state", anybodys / "state" / "journal")] == [0o700] * 2
    assert perhaps_anothers(anybodys / "state" / "journal") is None


def test_a_file_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")
    with pytest.raises(NotADirectoryError):
        make_private(tmp_path / "file" / "below")


def test_a_place_that_takes_no_folders_is_told() -> None:
    """/proc says of a new folder that there is no such file, though everything above it is there."""
    with pytest.raises(FileNotFoundError):
        make_private("/proc/quant-engine/state")


@pytest.mark.parametrize("mode", [0o777, 0o707, 0o770, 0o1777])
def test_a_folder_that_others_may_write_into_is_not_believed(anybodys: Path, mode: int) -> None:
    state = anybodys / "state"
    state.mkdir()
    state.chmod(mode)
    found = perhaps_anothers(state / "journal")
    assert found == (None if mode == 0o1777 and os.geteuid() == 0 else str(state))


def test_a_link_in_its_place_is_not_followed(anybodys: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (anybodys / "state").symlink_to(tmp_path / "mine")
    assert perhaps_anothers(anybodys / "state" / "journal") == str(anybodys / "state")


def test_another_users_folder_is_not_believed(anybodys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (anybodys / "state").mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    believed = (anybodys / "state").stat().st_uid == 0
    assert perhaps_anothers(anybodys / "state") == (None if believed else str(anybodys / "state"))
    if believed:  # root's is: it could do what it wants anyway
        os.chown(anybodys / "state", NOBODY + 1, -1)
        assert perhaps_anothers(anybodys / "state") == str(anybodys / "state")


def test_where_only_we_may_write_the_rights_are_ours_to_give(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "team").chmod(0o770)
    assert perhaps_anothers(tmp_path / "team" / "journal") is None


def test_what_is_not_there_yet_is_nobodys(anybodys: Path) -> None:
    assert perhaps_anothers(anybodys / "state" / "journal") is None


def test_a_journal_that_another_user_may_have_put_there_stops_entries_and_says_why(anybodys: Path) -> None:
    """It may say that nothing is halted."""
    mine = open_journal(anybodys / "state" / "journal", actor="test")
    mine.append(IncidentNoted(incident_id="i", text="t"))
    assert mine.check(Scope("paper"), 1).may_add_risk
    mine.close()
    (anybodys / "state").chmod(0o777)
    theirs = open_journal(anybodys / "state" / "journal", actor="test")
    assert not theirs.check(Scope("paper"), 1).may_add_risk
    trouble = theirs.trouble()
    assert trouble is not None and trouble.code is Code.NOT_ALLOWED
    assert f"chmod 700 {anybodys / 'state'}" in str(trouble)
    with pytest.raises(JournalError):
        theirs.append(IncidentNoted(incident_id="i", text="t"))
