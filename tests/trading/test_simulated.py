"""Where the world is said to be simulated no kill speaks of clocks that differ, by command and by library alike."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from engine.broker.closing_right import SIMULATED_WORLD
from engine.core.kill.settings import SECOND, KillSettings
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading.simulated import in_this_world
from trading.stage import manager, stage

APART_NS = int(timedelta(days=200).total_seconds()) * SECOND


def test_in_a_simulated_world_clocks_differ_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = in_this_world(KillSettings())
    assert settings.clock_apart_ns > 365 * 86_400 * SECOND
    assert msgspec.structs.replace(settings, clock_apart_ns=KillSettings().clock_apart_ns) == KillSettings()
    monkeypatch.delenv(SIMULATED_WORLD)
    assert in_this_world(KillSettings()) == KillSettings()


@pytest.mark.parametrize("simulated", [True, False])
def test_the_librarys_kill_tells_of_a_clock_that_differs_unless_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulated: bool
) -> None:
    if not simulated:
        monkeypatch.delenv(SIMULATED_WORLD)

    async def test(_world: World, loop: VirtualLoop) -> list[str]:
        mgr = manager(loop, tmp_path)
        monkeypatch.setattr(mgr._kills.here(), "_wall_ns", lambda: loop.wall_ns() + APART_NS)
        report = await mgr.kill_switch_all("EMERGENCY")
        return [note for login in report.logins.values() for note in login.notes if "clock" in note]

    assert bool(stage("empty", test)) is not simulated
