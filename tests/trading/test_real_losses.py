"""Two programs watch one login over real sockets, in real time, with one journal on a real disk: once, as the kill."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine.core.known import Unknown
from engine.core.limit_rules import Limit
from engine.journal.events import LimitBreached
from engine.journal.state import JournalState
from engine.simulator.build import build_world
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.virtual import until
from engine.trading import IBKRAccountManager, TradingMode
from engine.trading.rules import open_rules
from trading.loss_stage import SCENARIO, WEDNESDAY, Market


def test_a_breaker_seen_by_two_programs_closes_everything_and_is_one_breach_and_one_incident(tmp_path: Path) -> None:
    page = tmp_path / "now.toml"
    page.write_text(SCENARIO.format(start=WEDNESDAY, orders="", faults="[]"))

    def program(world: World, client_id: int) -> IBKRAccountManager:
        clock, port = world.clock.now_ns, world.login("paper").ports[0]  # the markets are open by it
        rules = open_rules(tmp_path / "home", wall_ns=clock)
        made = IBKRAccountManager(rules=rules, lock_directory=tmp_path / "locks", wall_ns=clock)
        made.add_account("paper", TradingMode.PAPER, port=port, client_id=client_id)
        return made

    async def main() -> JournalState | Unknown:
        world = build_world(load_scenario(page), ports={"paper": (0,)})
        async with world:
            market = Market(world)
            programs = [program(world, client_id) for client_id in (1, 2)]
            for one in programs:
                await one.connect_all()
            await until(lambda: all(one.limits("paper")[Limit.DAILY].loss is not None for one in programs), limit_s=20)
            market.lose(15_000)
            await until(lambda: not any(one.state("paper").may_reduce for one in programs), limit_s=20)
            await until(world.is_flat, limit_s=20)
            for one in programs:
                await one.disconnect_all()
            return programs[0].rules.journal.state()

    state = asyncio.run(main())
    assert isinstance(state, JournalState)
    breached = [one.event.limit for one in state.breaches if isinstance(one.event, LimitBreached)]
    assert sorted(breached) == sorted(limit.value for limit in Limit)
    assert len(state.incidents_open) == len([*state.kills_open, *state.kills_ended]) == 1
