"""The doctor says of a TWS without a stream of profit and loss that a loss may be seen late."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.plan import Place
from engine.desk.doctor_login import examine_login
from engine.desk.findings import Grade
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from trading.loss_stage import Market, on_stage
from trading.stage import PAPER_PORT


@pytest.mark.parametrize(("version", "late"), [(126, True), (134, True), (135, False)])
def test_a_loss_that_may_be_seen_late_is_told_beforehand(version: int, late: bool, tmp_path: Path) -> None:
    async def test(_world: World, _loop: VirtualLoop, _market: Market) -> bool:
        found = await examine_login(Place("paper", "paper", "127.0.0.1", PAPER_PORT), 9000)
        told = [one for one in found if "three minutes late" in one.what]
        assert all(one.grade is Grade.WARNING and "update TWS" in one.mend for one in told)
        return bool(told)

    assert on_stage(test, tmp_path, version=version) is late
