"""Laws of the kill over random worlds and faults, whole system in virtual time: never a false FLAT, never through zero,
always an end.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings

from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.kill.report import LoginOutcome, ResidueReason
from engine.simulator.scenario import LoginPlan, Scenario
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


def older_kills_part(plan: LoginPlan) -> bool:
    """An order of an older kill that would close a part of a position. A kill sizes its orders to all that is there, so
    what is left behind this one looks like a picture from before it, for three minutes (decision 10)."""
    held = {held.contract: held.quantity for account in plan.accounts for held in account.positions}
    closes = [order for order in plan.orders if order.order_ref.startswith(CLOSE_REF_PREFIX)]
    signed = [(order.contract, order.quantity if order.action == "BUY" else -order.quantity) for order in closes]
    return any(
        held.get(contract, 0) * quantity < 0 and abs(held[contract]) > abs(quantity) for contract, quantity in signed
    )


@law
@given(worlds())
def test_no_world_makes_the_kill_lie_cross_zero_or_go_on_for_ever(world: Scenario) -> None:
    judged = judge(world)
    in_part = {plan.name for plan in world.logins if older_kills_part(plan)}
    for login, report in judged.report.logins.items():
        assert not (report.flat and not judged.flat[login]), f"{login} is called flat and is not"
        if login in in_part and {left.reason for left in report.residue} == {ResidueReason.POSITION_UNCONFIRMED}:
            continue
        if report.outcome is not LoginOutcome.UNREACHABLE:
            assert report.flat, "every fault ends within seconds: the kill has to get through"
    assert not judged.crossings
    assert judged.seconds <= DEADLINE_S + 2
