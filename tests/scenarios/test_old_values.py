"""A press on an account that somebody has just closed by hand, where the account values still show what was held."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.core.kill.report import LoginOutcome
from engine.simulator import faults
from engine.simulator.scenario import Scenario, load_scenario
from engine.simulator.server import World
from scenarios.rehearsal import Judged, rehearse

OLD = load_scenario("old-account-values")


def lists_no_zeros(world: World) -> None:
    """As a TWS does that was started after the last trade."""
    for login in world.logins.values():
        login.server.options = msgspec.structs.replace(login.server.options, position_zeros=False)


def played(scenario: Scenario, folder: Path) -> Judged:
    return rehearse(scenario, folder, begin=lists_no_zeros)


def test_where_no_row_of_zero_tells_it_the_list_has_to_stay_empty_for_a_minute_and_a_half(tmp_path: Path) -> None:
    judged = played(OLD, tmp_path)
    assert judged.report.flat and judged.flat == {"paper": True, "live": True}
    assert 90 <= judged.seconds <= 91
    assert "values_old" in [step.kind for step in judged.report.logins["paper"].timeline]


@pytest.mark.parametrize("quantity", [50, 150])
def test_where_the_trades_do_not_come_to_zero_the_values_count(tmp_path: Path, quantity: int) -> None:
    """What is left is there, and TWS does not show it, or it is not: nobody can tell."""
    *first, sale = OLD.faults
    assert isinstance(sale, faults.Intruder)
    other = msgspec.structs.replace(sale.orders[0], quantity=quantity)
    scenario = msgspec.structs.replace(OLD, faults=(*first, msgspec.structs.replace(sale, orders=(other,))))
    silent = faults.DropReplies(login="paper", replies=("Position",))
    judged = played(msgspec.structs.replace(scenario, faults=(*scenario.faults, silent)), tmp_path)
    assert judged.report.logins["paper"].outcome is LoginOutcome.UNKNOWN and judged.report.logins["live"].flat
