"""Somebody presses again and again: the first kill is not lengthened, and no press is harmless.

The presses of one program, of several, and of real processes; the exchange is asked what happened.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cli.simulated import PATIENCE_S, simulated, start_qe
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager
from engine.wire import requests
from trading.stage import manager, stage

PRESSES, EVERY_S = 8, 1.5
EMERGENCY_ID = 9000


def pressed(tmp_path: Path, times: int, *, one_program: bool) -> tuple[float, int, int]:
    """When the first press has its report, and how many closing orders and global cancels it took."""

    async def test(world: World, loop: VirtualLoop) -> tuple[float, int, int]:
        locks = tmp_path / f"{times}"
        here = manager(loop, locks)

        async def press(number: int, mgr: IBKRAccountManager) -> float:
            await asyncio.sleep(number * EVERY_S)
            assert (await mgr.kill_switch_all(f"press {number}")).flat
            return loop.time()

        managers = [here if one_program else manager(loop, locks, prefix=f"p{n}k") for n in range(times)]
        ends = await asyncio.gather(*(press(number, mgr) for number, mgr in enumerate(managers)))
        assert world.is_flat()
        first_s = min(ends)
        cancels = [e for e in world.log.requests(requests.ReqGlobalCancel) if e.at_ns < world_ns(world, first_s)]
        return first_s, len(world.log.requests(requests.PlaceOrder)), len(cancels)

    return stage("slow-fills", test)


def world_ns(world: World, loop_s: float) -> int:
    """The world's clock at a moment of the loop's."""
    return world.log.requests(requests.StartApi)[0].at_ns + round(loop_s * 1e9)


@pytest.mark.parametrize("one_program", [True, False])
def test_eight_presses_take_no_longer_and_send_no_more_closing_orders_than_one(
    tmp_path: Path, one_program: bool
) -> None:
    once_s, orders, cancels = pressed(tmp_path, 1, one_program=one_program)
    again_s, orders_again, cancels_again = pressed(tmp_path, PRESSES, one_program=one_program)
    assert again_s == pytest.approx(once_s, abs=0.1)
    assert (orders_again, cancels_again) == (orders, cancels)


def test_an_order_that_came_meanwhile_is_cancelled_by_the_next_press_of_another_program(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        first = asyncio.ensure_future(manager(loop, tmp_path).kill_switch_all("one"))
        await asyncio.sleep(1)
        world.login("paper").trader(5).place("SPY", "BUY", 10, "LMT", limit=Decimal(1))
        cancels = len(world.log.requests(requests.ReqGlobalCancel, login="paper"))
        second = asyncio.ensure_future(manager(loop, tmp_path, prefix="other").kill_switch_all("two"))
        await asyncio.sleep(0.01)
        sent = world.log.requests(requests.ReqGlobalCancel, login="paper")[cancels:]
        assert [entry.client_id >= EMERGENCY_ID for entry in sent] == [True], "the first kill has its own id"
        assert (await first).flat and (await second).flat
        assert world.is_flat()

    stage("slow-fills", test)


def what_was_closed(report: dict[str, Any]) -> dict[str, set[tuple[int, str, str]]]:
    return {
        name: {(c["contract"]["con_id"], c["quantity"], c["avg_price"]) for c in login["closed"]}
        for name, login in report["logins"].items()
    }


def test_a_later_press_reports_the_same_as_the_first_whatever_it_has_seen_of_it(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        first = asyncio.ensure_future(manager(loop, tmp_path).kill_switch_all("one"))
        await asyncio.sleep(0.2)  # all is closed, and not yet proven
        assert world.is_flat()
        second = (await manager(loop, tmp_path, prefix="other").kill_switch_all("two")).logins
        for name, login in (await first).logins.items():
            closed = {(c.contract.con_id, c.quantity, c.avg_price) for c in login.closed}
            assert {(c.contract.con_id, c.quantity, c.avg_price) for c in second[name].closed} == closed
            assert second[name].joined and all(c.by_other_kill and c.contract.symbol for c in second[name].closed)
            stops = {o.perm_id for o in login.cancelled if o.protective}
            assert stops and {o.perm_id for o in second[name].cancelled if o.protective} == stops

    stage("calm", test)


def test_qe_kill_again_and_again_holds_its_strike_back(tmp_path: Path) -> None:
    """Real processes. On a machine that is overloaded a strike may not learn in time that a kill is at work: it then
    leaves, as it is meant to. One of several does learn it."""
    with simulated("slow-fills", tmp_path) as world:
        world.config()
        first = start_qe("kill", "--json", home=tmp_path)
        assert first.stderr is not None
        assert any("no working orders are left" in line.decode() for line in first.stderr)
        later = [start_qe("kill", "--json", home=tmp_path) for _ in range(3)]
        said = [process.communicate(timeout=PATIENCE_S) for process in later]
        printed, _ = first.communicate(timeout=PATIENCE_S)
        truth = world.truth()
    report = json.loads(printed)
    assert report["flat"] and [process.returncode for process in later] == [0, 0, 0]
    for out, _ in said:
        assert what_was_closed(json.loads(out)) == what_was_closed(report), "whoever closed it"
    assert all(login.flat and not login.crossings for login in truth.logins.values())
    words = [" ".join(err.decode().split()) for _, err in said]  # lines are of a terminal's length
    held_back = ["looking before another global cancel" in err for err in words]
    struck = ["global cancel sent (client" in err for err in words]
    assert any(held_back) and all(one or other for one, other in zip(held_back, struck, strict=True))
    if not any("global cancel sent" in err for err in words):
        assert {c["orders_sent"] for login in report["logins"].values() for c in login["closed"]} == {1}
