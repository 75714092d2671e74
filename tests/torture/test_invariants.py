"""Each invariant sees what it is there for: evidence of a run in which all held is made untrue in one thing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.kill.report import LoginOutcome
from engine.simulator.exchange import Movement
from engine.torture.evidence import Arrived, Evidence, Outside, Truth
from engine.torture.generator import story_of
from engine.torture.invariants import INVARIANTS, violations
from engine.torture.stage import play
from engine.torture.story import Press, Story

D = Decimal
KEY = ("DU1", 265598)
DOCS = Path(__file__).parents[2] / "docs" / "invariants.md"


def plain() -> Story:
    """Two people press, and nothing goes wrong."""
    story = story_of(1)
    paper = replace(story.scenario.logins[0], orders=())
    scenario = replace(story.scenario, logins=(paper,), faults=(), moves=False)
    return replace(story, scenario=scenario, acts=(Press(who="cli1", at_s=1.0), Press(who="cli2", at_s=30.0)))


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    monkeypatch.setenv("QE_INCIDENT_LOG", str(tmp_path / "incidents.md"))
    place = tmp_path / "run"
    place.mkdir()
    evidence = play(plain(), place)
    assert not violations(evidence)
    return evidence


def told(found: Evidence, **changes: object) -> None:
    """The first report said something else."""
    press = found.presses[0]
    assert press.report is not None
    login = replace(press.report.logins["paper"], **changes)
    press.report = replace(press.report, logins={"paper": login})


def order(found: Evidence, at_s: float) -> Arrived:
    return Arrived("paper", at_s, 1, "mine", KEY, D(1), D(0), D(0))


def moved(found: Evidence, signed: int, ref: str) -> None:
    at_ns = found.start_ns + round(found.presses[1].at_s * 1e9)
    found.movements["paper"].append(Movement(at_ns, *KEY, D(signed), ref))


UNTRUE: dict[str, Callable[[Evidence], None]] = {
    "I1": lambda it: it.presses[0].truth.update(paper=Truth({KEY: D(3)}, {})),
    "I2": lambda it: moved(it, 1, "QEKILL-cli1x1x1-1"),
    "I4": lambda it: it.records.pop(),
    "I5a": lambda it: setattr(it.presses[1], "report", None),
    "I5b": lambda it: (
        told(it, outcome=LoginOutcome.RESIDUE),
        it.presses[0].truth.update(paper=Truth({KEY: D(3)}, {})),
    )[0],
    "I5c": lambda it: told(it, outcome=LoginOutcome.UNKNOWN),
    "I7": lambda it: it.too_fast.append("51 messages"),
    "I8": lambda it: it.left_over.append("a task"),
    "I9": lambda it: it.arrived.append(order(it, 20.0)),
    "I10": lambda it: it.raised.append("ValueError"),
}


@pytest.mark.parametrize("name", list(INVARIANTS))
def test_each_invariant_sees_what_it_is_there_for(found: Evidence, name: str) -> None:
    UNTRUE[name](found)
    assert name in {one.name for one in violations(found)}


def test_a_late_report_is_no_report_in_time(found: Evidence) -> None:
    found.presses[0].reported_s = 200.0
    assert {one.name for one in violations(found)} == {"I5a"}


def test_what_others_do_just_before_the_report_is_nobodys_lie(found: Evidence) -> None:
    press = found.presses[0]
    press.truth["paper"] = Truth({KEY: D(3)}, {})
    found.outside.append(Outside("paper", press.reported_s - 0.1, Truth({}, {})))
    assert not [one for one in violations(found) if one.name == "I1"]
    found.outside[0].before.positions[KEY] = D(3)  # it was not flat before that either
    assert [one for one in violations(found) if one.name == "I1"]


def test_a_close_that_meets_somebody_elses_trade_is_nobodys_fault(found: Evidence) -> None:
    moved(found, 5, "FOREIGN")
    moved(found, -8, "QEKILL-cli1x1x1-1")
    assert not [one for one in violations(found) if one.name == "I2"]


def test_every_invariant_is_in_the_documentation_with_the_function_that_checks_it() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, check in INVARIANTS.items():
        assert f"| {name} |" in text and f"`{check.__name__}`" in text, name
