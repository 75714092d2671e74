"""A program that does not stop sending while the kill works: the very case the button is for. In virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.kill.report import LoginOutcome, LoginReport, ResidueReason
from engine.simulator import faults as f
from engine.simulator.faults import AnyFault
from engine.simulator.scenario import load_scenario
from engine.simulator.server import World
from engine.simulator.server.naming import find_contract
from engine.simulator.server.traders import Trader
from scenarios.rehearsal import Judged, rehearse

D = Decimal
EVERY_S = 0.2
CLIENT = 42
AT_ONCE = {"FUT ES": D(2), "SPY": D(30), "AAPL": D(30)}  # a market order of this size, each time
PRESSED_AFTER_S = 4.0
BEGUN_S = 8.0  # what was held at the press is closed by then: trades just before it need six seconds to show


@dataclass
class Engine:
    """Every `EVERY_S` a market order, now to this side and now to that, and a limit order far from the market."""

    seconds: float
    resting: bool = True
    every_s: float = EVERY_S
    open_s: dict[int, float] = field(default_factory=dict)  # how long each resting order was seen open
    most_orders: dict[str, Decimal] = field(default_factory=dict)  # the largest position, in orders of the engine
    _first_seen: dict[int, float] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    def start(self, world: World) -> None:
        """It has run for a while when the button is pressed."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(world, loop.time() + PRESSED_AFTER_S))

    async def _run(self, world: World, pressed_s: float) -> None:
        login = world.login("paper")
        trader = Trader(login.server, CLIENT, "")
        turns = cycle([(name, side) for side in ("BUY", "BUY", "SELL", "SELL", "SELL", "BUY") for name in AT_ONCE])
        now_s = asyncio.get_running_loop().time
        while now_s() < pressed_s + self.seconds:
            name, side = next(turns)
            trader.place(name, side, AT_ONCE[name], "MKT", None)
            if self.resting:
                trader.place(name, "BUY", AT_ONCE[name], "LMT", D(10))
            for _ in range(4):
                await asyncio.sleep(self.every_s / 4)
                self._watch(world, now_s() - pressed_s)

    def _watch(self, world: World, at_s: float) -> None:
        if at_s < 0:
            return
        login = world.login("paper")
        for view in login.working():
            if view.request.client_id == CLIENT:
                self.open_s[view.perm_id] = at_s - self._first_seen.setdefault(view.perm_id, at_s)
        if at_s < BEGUN_S:
            return
        for name, size in AT_ONCE.items():
            con_id = find_contract(login.exchange.catalogue, name).con_id
            held = sum((abs(q) for (_, held_id), q in login.positions().items() if held_id == con_id), D(0))
            self.most_orders[name] = max(self.most_orders.get(name, D(0)), held / size)


def killed(locks: Path, engine: Engine, deadline_s: float, *faults: AnyFault) -> tuple[Judged, LoginReport]:
    world = replace(load_scenario("calm"), moves=False, faults=faults, kill_after_s=PRESSED_AFTER_S)
    judged = rehearse(world, locks, deadline_s=deadline_s, begin=engine.start)
    return judged, judged.report.logins["paper"]


@pytest.mark.parametrize(
    ("faults", "open_s_max"),
    [((), 0.6), ((f.SlowCancel(seconds=0.4, login="paper"),), 1.2), ((f.Latency(seconds=0.1, login="paper"),), 1.5)],
)
def test_an_engine_that_never_stops_is_held_down_and_named(
    tmp_path: Path, faults: tuple[AnyFault, ...], open_s_max: float
) -> None:
    engine = Engine(seconds=60)
    judged, report = killed(tmp_path, engine, 20, *faults)
    assert report.outcome is LoginOutcome.RESIDUE and judged.seconds == pytest.approx(20, abs=0.1)
    if not any(isinstance(fault, f.Latency) for fault in faults):  # it may close what our order is on its way to
        assert not judged.crossings
    assert len(engine.open_s) > 60 and max(engine.open_s.values()) <= open_s_max
    assert max(engine.most_orders.values()) <= 6, engine.most_orders
    [sender] = report.senders
    assert sender.client_id == CLIENT and sender.still and sender.orders > 100
    reasons = {item.reason for item in report.residue}
    assert reasons <= {ResidueReason.STILL_SENDING, ResidueReason.WORKING_ORDER} and len(reasons) > 0
    told = [entry for entry in report.timeline if entry.kind == "still_sending"]
    assert told[0].at_ms < 5000 and "stop the program with client id 42" in told[0].text
    text = str(judged.report)
    assert "1. Stop the program that keeps sending orders: client id 42 at paper." in text
    assert "could not be cancelled" not in text and "could not be confirmed" not in text


def test_soon_after_the_engine_has_ended_it_is_flat(tmp_path: Path) -> None:
    judged, report = killed(tmp_path, Engine(seconds=8), 60)
    assert report.flat and judged.flat["paper"]
    assert 8 + 4.5 < judged.seconds < 8 + 6  # until then its next order may be on the way
    [sender] = report.senders
    assert 7000 < sender.last_ms < 9000
    assert "make sure that program is stopped" in " ".join(str(judged.report).split()) or sender.still


def test_an_engine_whose_orders_never_rest_is_named_by_its_executions(tmp_path: Path) -> None:
    judged, report = killed(tmp_path, Engine(seconds=60, resting=False), 12)
    assert not judged.crossings
    assert [sender.client_id for sender in report.senders] == [CLIENT]
    assert {item.reason for item in report.residue} == {ResidueReason.STILL_SENDING}


def test_an_engine_that_is_faster_than_the_cancels_is_closed_around(tmp_path: Path) -> None:
    """Whenever the orders are listed, new ones rest: nothing is ever known to be gone."""
    engine = Engine(seconds=60, every_s=0.02)
    _, report = killed(tmp_path, engine, 12)
    assert max(engine.most_orders.values()) <= 40, engine.most_orders
    assert ResidueReason.STILL_SENDING in {item.reason for item in report.residue}
