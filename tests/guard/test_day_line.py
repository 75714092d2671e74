"""The line of today: what was known is kept over a restart, a gap stays a gap, and a disk holds nobody up."""

from __future__ import annotations

import asyncio
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.guard import day_line
from engine.guard.day_line import (
    EVERY_S,
    FOLDER,
    GAP_S,
    KEPT_FILES,
    POINTS_MAX,
    DayLines,
    Kept,
    Line,
    drawn,
    keep,
    thinned,
)
from guard.post import Exactly, exactly
from trading.loss_stage import WEDNESDAY

NOON_S = 1_800_000_000
DAY_S = 86_400
LATER = WEDNESDAY.replace("T10:30", "T11:30")
SAMPLES = st.lists(st.tuples(st.integers(0, 5000), st.integers(-9, 9)), unique_by=lambda one: one[0]).map(sorted)


def read(home: Path, since_s: int = 0) -> list[tuple[int, float]]:
    kept = Kept(home)
    kept.refresh()
    return kept.of("paper", since_s)


def put(home: Path, at_s: int, value: float = 0) -> None:
    keep(home / FOLDER, Line(at_s, {"paper": value}))


def test_a_guard_that_starts_again_goes_on_with_the_line_and_the_time_between_is_a_gap(tmp_path: Path) -> None:
    async def loses(here: Exactly) -> None:
        here.market.lose(100)
        await asyncio.sleep(3 * EVERY_S)

    async def loses_more(here: Exactly) -> None:
        here.market.lose(300)
        await asyncio.sleep(3 * EVERY_S)

    exactly(tmp_path, loses)
    first = read(tmp_path)
    exactly(tmp_path, loses_more, start=LATER)
    both = read(tmp_path)
    assert first[-1][1] == -100
    assert both[: len(first)] == first
    assert both[-1][1] == -300
    values = [value for _, value in drawn(both)]
    assert values[len(first)] is None and values.count(None) == 1


def test_what_is_not_known_is_not_kept(tmp_path: Path) -> None:
    async def test(here: Exactly) -> None:
        before = len(read(tmp_path))
        assert before
        await here.market.login.server.stop()
        await asyncio.sleep(100)
        after = read(tmp_path)
        await asyncio.sleep(100)
        assert read(tmp_path) == after

    exactly(tmp_path, test)


def test_a_disk_that_hangs_has_one_thread_waiting_and_never_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, begun = threading.Event(), []

    def hangs(*_: object) -> None:
        begun.append(1)
        answers.wait(60)

    monkeypatch.setattr(day_line, "keep", hangs)
    monkeypatch.setattr(day_line, "profit", lambda view: 1.0)

    async def test() -> None:
        lines = DayLines(tmp_path, lambda: {"paper": None}, lambda: 1)
        for _ in range(5):
            lines.sample()
            await asyncio.sleep(0)
        answers.set()
        assert lines._writing is not None
        await lines._writing
        assert begun == [1]
        lines.sample()
        await lines._writing
        assert begun == [1, 1]

    asyncio.run(test())


def test_a_folder_that_takes_no_file_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    put(tmp_path, NOON_S)
    assert read(tmp_path) == []


def test_a_reader_reads_on_where_it_was_and_takes_no_half_line_and_no_rubbish(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    put(tmp_path, NOON_S, 1)
    kept.refresh()
    (path,) = (tmp_path / FOLDER).iterdir()
    with path.open("ab") as file:
        file.write(b'rubbish\n[1,{"paper":"x"}]\n[%d,{"pa' % (NOON_S + 10))
    kept.refresh()
    assert kept.of("paper", 0) == [(NOON_S, 1)]
    with path.open("ab") as file:
        file.write(b'per":2.5}]\n')
    kept.refresh()
    put(tmp_path, NOON_S + 5, 9)  # the clock was set back
    put(tmp_path, NOON_S + 20, 3)
    kept.refresh()
    assert kept.of("paper", NOON_S + 1) == [(NOON_S + 10, 2.5), (NOON_S + 20, 3)]
    assert kept.of("live", 0) == []


def test_files_are_few_and_of_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(KEPT_FILES + 3):
        put(tmp_path, NOON_S + day * DAY_S)
    files = sorted((tmp_path / FOLDER).iterdir())
    assert len(files) == KEPT_FILES
    assert files[-1].stat().st_mode & 0o077 == 0
    size = files[-1].stat().st_size
    monkeypatch.setattr(day_line, "FILE_BYTES_MAX", size)
    put(tmp_path, NOON_S + (KEPT_FILES + 2) * DAY_S + 10)
    assert files[-1].stat().st_size == size


@given(SAMPLES, st.integers(2, 40))
def test_what_is_drawn_has_both_ends_and_both_extremes_and_an_end(samples: list[tuple[int, float]], most: int) -> None:
    found = thinned(samples, most)
    assert len(found) <= max(most, 2)
    assert found == sorted(set(found)) and set(found) <= set(samples)
    if samples:
        assert (found[0], found[-1]) == (samples[0], samples[-1])
    if most >= 4:
        assert {min(one[1] for one in found or [(0, 0)]), max(one[1] for one in found or [(0, 0)])} == {
            min((one[1] for one in samples), default=0),
            max((one[1] for one in samples), default=0),
        }


@given(SAMPLES)
def test_a_gap_is_drawn_exactly_where_nothing_was_known_for_a_while(samples: list[tuple[int, float]]) -> None:
    found = drawn(samples)
    gaps = sum(later[0] - earlier[0] > GAP_S for earlier, later in pairwise(samples))
    assert [value for _, value in found].count(None) == gaps
    assert [at_s for at_s, _ in found] == sorted(at_s for at_s, _ in found)


def test_a_whole_day_is_drawn_with_few_points() -> None:
    day = [(NOON_S + 10 * one, float(one % 97)) for one in range(8640)]
    assert len(drawn(day)) <= POINTS_MAX
