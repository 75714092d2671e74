"""Every ready-made scenario, through the public manager, in virtual time, judged from the exchange's side."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.simulator.scenario import list_scenarios, load_scenario
from scenarios.rehearsal import rehearse

SETTLING_S = 5.0  # beyond the deadline: the report itself takes no longer


@pytest.mark.parametrize("name", list_scenarios())
def test_scenario_ends_as_it_says_and_claims_nothing_false(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name)
    judged = rehearse(scenario, tmp_path)
    for login, report in judged.report.logins.items():
        assert not (report.flat and not judged.flat[login]), f"{login} is called flat and is not"
        assert report.outcome.value == scenario.expect.of(login), (report.outcome, report.residue, report.trouble)
        if scenario.expect.reasons:
            allowed = set(scenario.expect.reasons)
            assert {item.reason.value for item in report.residue} <= allowed
    assert not judged.crossings
    assert judged.seconds <= 120 + SETTLING_S


@pytest.mark.parametrize("version", range(100, 179))
def test_the_kill_works_at_every_server_version(version: int, tmp_path: Path) -> None:
    judged = rehearse(load_scenario("calm"), tmp_path, version=version)
    assert judged.report.flat
    assert all(judged.flat.values())
    assert not judged.crossings
