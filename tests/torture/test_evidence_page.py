"""The evidence page says what the record says, and nothing else."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import msgspec
import pytest

from engine.torture.alone import FIRST_ALONE
from engine.torture.campaign import Result
from engine.torture.invariants import Violation
from engine.torture.one import Outcome
from engine.torture.record import Record
from engine.torture.triples import FIRST_TRIPLE
from script import script

ROOT = Path(__file__).parents[2]
WHERE = {"commit": "abc", "at": "2026-03-11", "machine": "one", "python": "3.11", "load_before": 1.5}
ENDURANCE = {
    "load": WHERE
    | {key: {"median_ms": 1500.0, "worst_ms": 2500.0} for key in ("first_cancel", "last_close", "flat")}
    | {"logins": 20, "positions": 5000, "breaches_within_s": 0.9, "closes": 5000, "left": 0, "turned_round": 0}
    | {"pressed": 20, "ended_flat": 19, "records": 420, "lag_worst_ms": 15, "cpu_s": 7, "ready_mb": 50, "peak_mb": 90},
    "soak": WHERE
    | {"days": 30, "awake_minutes": 15, "orders": 200, "bytes_by_day": [1000 * day for day in range(1, 31)]}
    | {"tasks": [25, 26], "threads": [1, 1]},
}


@pytest.fixture(scope="module")
def evidence() -> ModuleType:
    return script("evidence")


def entry(**more: object) -> Result:
    fields = {"commit": "abc", "ended": "2026-03-11", "first_seed": 1, "runs": 1000, "kills": 1500, "cpu_s": 60.0}
    return Result(**(fields | more))


def test_the_page_in_the_repository_is_what_the_record_makes(evidence: ModuleType) -> None:
    endurance = msgspec.json.decode(evidence.ENDURANCE.read_bytes())
    made = evidence.page(Record(evidence.RECORD).entries, endurance, evidence.WORDS.read_text(encoding="utf-8"))
    assert evidence.PAGE.read_text(encoding="utf-8") == made
    assert "{{" not in made


def test_every_run_is_a_row_and_the_kills_are_added_up(evidence: ModuleType) -> None:
    triples = entry(commit="def", first_seed=FIRST_TRIPLE, runs=10, kills=12)
    made = evidence.page([entry(), triples], ENDURANCE, "{{runs}} {{totals}}")
    assert "| abc | 2026-03-11 | 1 to 1 000 | 1 000 | 1 500 |" in made
    assert "| def | 2026-03-11 | triples 0 to 9 | 10 | 12 |" in made
    assert "1 512 kills in 1 010 worlds" in made


def test_kills_alone_are_not_added_to_the_others(evidence: ModuleType) -> None:
    alone = entry(commit="def", first_seed=FIRST_ALONE + 100, runs=10, kills=12)
    made = evidence.page([entry(), alone], ENDURANCE, "{{runs}} {{totals}}")
    assert "| def | 2026-03-11 | kill alone 100 to 109 | 10 | 12 |" in made
    assert "In all 1 500 kills in 1 000 worlds." in made
    assert "Counted apart, of the kill alone: 12 kills in 10 worlds." in made


def test_what_broke_is_on_the_page(evidence: ModuleType) -> None:
    broke = Outcome(seed=7, violations=(Violation("I1", "it was not flat"),), kills=1, messages=1, seconds=1.0)
    made = evidence.page([entry(failures=[broke])], ENDURANCE, "{{failures}}")
    assert "`qe torture --seed 7`: I1, it was not flat" in made
    assert evidence.page([entry()], ENDURANCE, "{{failures}}") == "No invariant broke in these runs."


def test_load_and_soak_are_on_the_page_as_they_were_measured(evidence: ModuleType) -> None:
    made = evidence.page([entry()], ENDURANCE, "{{load}}\n{{soak}}")
    assert "| first cancel | 1.5 s | 2.5 s |" in made
    assert "5 000 closing orders, 0 positions left, 0 made larger or turned round; 19 of 20 kills ended flat" in made
    assert "2 kB after 2 days, 8 kB after 8 days, 15 kB after 15 days, 22 kB after 22 days, 30 kB after 30 days" in made
    assert "Tasks 25 after the first day and 26 at the most" in made
