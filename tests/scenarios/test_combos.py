"""A kill with combinations (BAG) at work: the orders go first, then the legs, and nothing grows on the way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from engine.simulator.exchange import Execution, Status
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.trading import IBKRAccountManager
from scenarios.rehearsal import rehearse


def legs_of_programs(executions: Iterable[Execution]) -> set[str]:
    """Whose combinations filled, by what the programs call them."""
    return {done.order_ref for done in executions if done.order_ref.endswith("-target")}


@pytest.mark.parametrize("seed", range(1, 6))
def test_legs_that_fill_under_the_cancel_are_closed_and_never_turned(seed: int, tmp_path: Path) -> None:
    worlds: list[World] = []

    def watch(_manager: IBKRAccountManager, world: World) -> None:
        worlds.append(world)

    judged = rehearse(load_scenario("combo-fill-race"), tmp_path, seed=seed, act=watch)
    paper = worlds[0].login("paper")
    filled = [done for done, _ in paper.exchange.executions() if not done.order_ref.startswith("QEKILL")]
    assert legs_of_programs(filled) == {"spread-target", "calendar-target"}, "the race was not run"
    assert judged.report.flat and all(judged.flat.values())
    assert not judged.crossings
    assert not [what for what in judged.grown if what.startswith("paper")]  # live's combinations open more by design


def test_the_global_cancel_takes_every_working_combination(tmp_path: Path) -> None:
    worlds: list[World] = []
    judged = rehearse(load_scenario("combos"), tmp_path, act=lambda _manager, world: worlds.append(world))
    for login in worlds[0].logins.values():
        cancelled = [view for view in login.exchange.completed_orders() if view.status is Status.CANCELLED]
        assert any(login.exchange.catalogue[view.request.con_id].legs for view in cancelled)
        assert not login.working()
    assert judged.report.flat and not judged.grown
