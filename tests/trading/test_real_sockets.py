"""The same program over real sockets and real time: once, because virtual time could hide what a socket does."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.trading import IBKRAccountManager, KillReport, TradingMode


def test_both_logins_are_flattened_over_real_sockets(tmp_path: Path) -> None:
    async def main() -> tuple[KillReport, bool]:
        world = build_world(load_scenario("calm"), ports={"paper": (0,), "live": (0,)})
        async with world:
            mgr = IBKRAccountManager(lock_directory=tmp_path / "locks", wall_ns=lambda: world.clock.now_ns())
            mgr.add_account("paper", TradingMode.PAPER, port=world.login("paper").ports[0])
            mgr.add_account("live", TradingMode.LIVE, port=world.login("live").ports[0])
            assert (await mgr.connect_all()).all_connected
            began = time.monotonic_ns()
            report = await mgr.kill_switch_all("EMERGENCY", pressed_ns=began)
            await mgr.disconnect_all()
            return report, world.is_flat()

    report, flat = asyncio.run(main())
    assert report.flat, str(report)
    assert flat
    for login in report.logins.values():
        assert login.timings.first_cancel_ms is not None
        assert login.timings.finished_ms is not None
