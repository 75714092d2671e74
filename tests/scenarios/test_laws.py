"""Laws of the kill over random worlds and faults, whole system in virtual time: never a false FLAT, never through zero,
always an end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings

from engine.core.kill.report import LoginOutcome
from engine.simulator.scenario import Scenario
from scenarios.rehearsal import Judged, rehearse
from scenarios.worlds import worlds

EXAMPLES = int(os.environ.get("QE_WORLDS", "150"))  # a long run: QE_WORLDS=20000
DEADLINE_S = 120.0

law: Callable[[Callable[..., None]], Callable[..., None]] = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck)
)


def judge(world: Scenario) -> Judged:
    with TemporaryDirectory() as locks:
        return rehearse(world, Path(locks))


@law
@given(worlds())
def test_no_world_makes_the_kill_lie_cross_zero_or_go_on_for_ever(world: Scenario) -> None:
    judged = judge(world)
    for login, report in judged.report.logins.items():
        assert not (report.flat and not judged.flat[login]), f"{login} is called flat and is not"
        if report.outcome is not LoginOutcome.UNREACHABLE:
            assert report.flat, "every fault ends within seconds: the kill has to get through"
    assert not judged.crossings
    assert judged.seconds <= DEADLINE_S + 2
