"""What a report says of other kills: whose doing what it lists may be, and when the button was pressed."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from engine.journal.memory_store import Memory
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import KillReport
from trading.rules_in_memory import rules_in_memory
from trading.stage import manager, stage


def test_what_a_kill_cancelled_that_ended_just_before_is_not_told_as_its_own_without_a_word(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> tuple[KillReport, KillReport]:
        memory = Memory()
        one, other = (
            manager(loop, tmp_path, prefix=prefix, rules=rules_in_memory(loop.wall_ns, memory, prefix=prefix))
            for prefix in "ab"
        )
        return await one.kill_switch_all("EMERGENCY"), await other.kill_switch_all("EMERGENCY")

    first, second = stage("calm", test)
    assert not any(login.notes for login in first.logins.values())
    for login in second.logins.values():
        assert login.flat and login.cancelled, "TWS dates them to the second"
        assert login.notes == (
            "kill a1 had only just ended when this one began: what is listed as cancelled may be its doing, for TWS "
            "dates it to the second",
        )


def test_a_kill_of_a_guard_is_said_to_be_its_own_and_only_where_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(guard_pid: int | None) -> str:
        async def test(_world: World, loop: VirtualLoop) -> str:
            memory = Memory()
            guards = manager(
                loop, tmp_path, prefix="g", rules=rules_in_memory(loop.wall_ns, memory, prefix="g", actor="process 7")
            )
            mine = manager(loop, tmp_path, prefix="m", rules=rules_in_memory(loop.wall_ns, memory, prefix="m"))
            monkeypatch.setattr(mine._records, "_guard_pid", lambda: guard_pid)
            warm = loop.create_task(guards.kill_switch_all("EMERGENCY"))
            await asyncio.sleep(0.1)
            report = await mine.kill_switch_all("EMERGENCY")
            await warm
            return str(report)

        return stage("slow-fills", test)

    assert "guard" not in told(None)
    assert "kill g1 is the guard's, which was told of this press" in re.sub(r"\s+", " ", told(7))


@pytest.mark.parametrize(("ago_s", "started"), [(0.4, "14:29:59.600"), (1e6, "14:29:00.000"), (-5, "14:30:00.000")])
def test_the_press_is_told_as_of_the_moment_at_which_it_was(tmp_path: Path, ago_s: float, started: str) -> None:
    """`qe kill` loads the program behind its first cancel, which was before the press by the report's own times."""

    async def test(_world: World, loop: VirtualLoop) -> KillReport:
        pressed_ns = round((loop.time() - ago_s) * 1e9)
        return await manager(loop, tmp_path).kill_switch_all("EMERGENCY", pressed_ns=pressed_ns)

    assert stage("empty", test).started_at == f"2026-03-11T{started}+00:00"
