"""The planted bugs can still be planted, and what they name is there. Whether each is found: `make planted`."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeguards.catalogue import ROOT, Bug, Change, bugs, missing
from safeguards.page import PAGE, page

BUGS = bugs()
INCIDENTS = ("Knight 2012", "Goldman 2013", "HanMag 2013", "Citi 2022", "Everbright 2013", "Oil 2020")
DEMANDED = (*(f"field failure {n}" for n in range(1, 11)), *INCIDENTS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_it_fits_exactly_once_and_its_tests_are_there(bug: Bug) -> None:
    assert bug.tests and bug.safeguard and bug.why
    for path, source in bug.planted(ROOT).items():
        assert source != (ROOT / path).read_text(encoding="utf-8")
    assert [wrong for wrong in map(missing, (*bug.tests, bug.scenario or bug.tests[0])) if wrong] == []


def test_no_two_share_a_name() -> None:
    names = [bug.name for bug in BUGS]
    assert len(set(names)) == len(names)


def test_every_failure_of_the_field_and_every_incident_has_one() -> None:
    assert set(DEMANDED) - {each for bug in BUGS for each in bug.known} == set()


@pytest.mark.parametrize("incident", INCIDENTS)
def test_every_incident_happens_again_at_the_exchange_without_a_safeguard(incident: str) -> None:
    scenarios = [bug.scenario for bug in BUGS if incident in bug.known and bug.scenario]
    assert scenarios
    assert all("test_incidents.py::test_" + incident.split()[0].lower() in one for one in scenarios)


def test_the_page_is_made_of_them() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(BUGS)


@pytest.mark.parametrize("source", ["", "a\na\n"])
def test_what_does_not_fit_exactly_once_cannot_be_planted(source: str) -> None:
    with pytest.raises(ValueError, match="not once"):
        Change("core/known.py", "a\n", "b\n").made(source)


def test_a_test_that_is_not_there_is_named() -> None:
    here = Path(__file__).relative_to(ROOT)
    assert missing(f"{here}::test_a_test_that_is_not_there_is_named") is None
    assert missing(f"{here}::test_nothing") == f"there is no test_nothing in {here}"
    assert missing("tests/nothing.py::test_it") == "there is no tests/nothing.py"
