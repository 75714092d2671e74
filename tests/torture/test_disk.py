"""A torture run's journal in a file is the same run as in memory, and fails in the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.restrictions import Scope
from engine.journal.chain import Draft, draft
from engine.journal.events import BaselineSet
from engine.journal.trouble import Code, JournalError
from engine.torture.disk import Disk
from engine.torture.generator import story_of
from engine.torture.one import run_story


def a_draft() -> Draft:
    event = BaselineSet(scope=Scope("paper"), period="day", period_id="2026-03-11", equity=1, currency="USD")
    return draft(event, at_ns=1, actor="test")


@pytest.fixture(params=[False, True], ids=["memory", "file"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return Disk(tmp_path / "journal" if request.param else None)


def test_what_was_acknowledged_is_told_and_kept(disk: Disk) -> None:
    heard: list[object] = []
    sealed = disk.store(heard.extend).append([a_draft()])
    assert heard == list(sealed) == disk.records()
    disk.close()


@pytest.mark.parametrize("torn", [False, True])
def test_a_disk_that_fails_acknowledges_nothing_and_torn_it_keeps_it(disk: Disk, torn: bool) -> None:
    heard: list[object] = []
    store = disk.store(heard.extend)
    store.append([a_draft()])
    disk.state.fails, disk.state.torn = Code.FULL, torn
    with pytest.raises(JournalError):
        store.append([a_draft()])
    assert len(heard) == 1 and len(disk.records()) == 1 + torn
    disk.close()


def test_the_same_story_on_a_file_is_the_same_run(tmp_path: Path) -> None:
    for seed in (5000001, 5000002, 5000003):
        story = replace(story_of(seed), file=False)
        there, here = (run_story(replace(story, file=file), tmp_path) for file in (True, False))
        assert (there.mark, there.kills, there.violations) == (here.mark, here.kills, ())
