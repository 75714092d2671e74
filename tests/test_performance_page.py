"""The performance page says what was measured, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

from script import script

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def performance() -> ModuleType:
    return script("performance")


def benchmark(measured: float, at_most: float | None = 2.0) -> dict[str, Any]:
    row = {"what": "ours ÷ <theirs>", "measured": measured, "at_most": at_most, "of": "1 of 2"}
    where = {"at": "2026-01-01", "commit": "abc", "machine": "one", "python": "3.11", "load_before": 0.5}
    return {**where, "exit": 0, "tables": [{"title": "A title", "rows": [row]}]}


def test_the_page_and_the_picture_in_the_repository_are_what_the_record_makes(performance: ModuleType) -> None:
    recorded = json.loads(performance.RECORD.read_text("utf-8"))
    page = performance.page(recorded, performance.WORDS.read_text("utf-8"))
    assert performance.PAGE.read_text("utf-8") == page
    assert "{{" not in page
    assert performance.PICTURE.read_text("utf-8") == performance.picture(recorded)


def test_every_benchmark_has_its_place_and_every_place_a_benchmark(performance: ModuleType) -> None:
    there = {path.stem.removeprefix("bench_") for path in (ROOT / "benchmarks").glob("bench_*.py")}
    assert set(performance.NAMES) == there


def test_what_is_missed_is_named_before_the_tables(performance: ModuleType) -> None:
    words = "{{met}} of {{required}}. {{missed}} {{tables}}"
    missed = performance.page({"kill": benchmark(1.0), "journal": benchmark(2.5)}, words)
    assert missed.startswith("1 of 2. Missed:\n\n- The journal: ours ÷ <theirs>, 2.5 where 2 is allowed")
    assert "**2.5, missed**" in missed
    assert performance.page({"kill": benchmark(2.0)}, words).startswith("1 of 1. None is missed.")


def test_a_figure_that_nothing_is_required_of_is_neither_met_nor_missed(performance: ModuleType) -> None:
    assert performance.page({"kill": benchmark(9.0, None)}, "{{met}} of {{required}}") == "0 of 0"


def test_the_picture_has_a_bar_for_each_requirement_and_is_sound_xml(performance: ModuleType) -> None:
    drawn = performance.picture({"kill": benchmark(1.0), "web": benchmark(3.0), "guard": benchmark(0.0, None)})
    texts = [one.text for one in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("ours ÷ <theirs>") == 2
    assert "1 of 2" in texts and "3 of 2, missed" in texts
