"""Two kills that no lock keeps apart: of two machines, or of one on which no lock can be had.

Both see the same broker and nothing of each other but their marked orders. The exchange is asked what happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.desk.exchange_truth import truth_of
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import KillReport
from trading.stage import manager, stage

SCENARIOS = ("calm", "slow-fills", "slow-ack", "partial-fills")


def locks_of_its_own(tmp_path: Path, number: int) -> Path:
    """Another machine."""
    return tmp_path / f"machine {number}"


def no_locks(tmp_path: Path, number: int) -> Path:
    """None can be had."""
    (tmp_path / f"file {number}").write_text("where a folder would have to be")
    return tmp_path / f"file {number}" / "locks"


def two_presses(
    scenario: str, tmp_path: Path, locks: Callable[[Path, int], Path], delay_s: float
) -> tuple[list[KillReport], int]:
    """What both report, and how many fills of theirs did not reduce a position."""

    async def test(world: World, loop: VirtualLoop) -> tuple[list[KillReport], int]:
        async def press(number: int) -> KillReport:
            await asyncio.sleep(number * delay_s)
            kill = manager(loop, locks(tmp_path, number), prefix=f"press{number}k", deadline_s=120)
            return await kill.kill_switch_all(f"press {number}")

        reports = list(await asyncio.gather(press(1), press(2)))
        crossings = [what for login in truth_of(world).logins.values() for what in login.crossings]
        assert all(report.flat == world.is_flat() for report in reports)
        return reports, len(crossings)

    return stage(scenario, test)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("delay_s", [0.5, 1.5, 4.0])
@pytest.mark.parametrize("locks", [no_locks, locks_of_its_own])
def test_of_two_kills_that_no_lock_keeps_apart_the_later_one_watches(
    tmp_path: Path, scenario: str, delay_s: float, locks: Callable[[Path, int], Path]
) -> None:
    reports, crossings = two_presses(scenario, tmp_path, locks, delay_s)
    assert all(report.flat for report in reports)
    assert crossings == 0


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("locks", [no_locks, locks_of_its_own])
def test_pressed_in_the_same_moment_both_end_flat(
    tmp_path: Path, scenario: str, locks: Callable[[Path, int], Path]
) -> None:
    reports, crossings = two_presses(scenario, tmp_path, locks, 0)
    assert all(report.flat for report in reports)
    if locks is no_locks:
        assert crossings <= len(reports[0].logins), "the first contract, while neither shows"
