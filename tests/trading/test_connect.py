"""Connecting: an outcome for each login, none hidden by another, and no account behind the wrong mode."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from broker.scripted import ScriptedTws, scripted
from engine.core.kill.events import Trouble
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop, current_loop, settle
from engine.trading import IBKRAccountManager, Known, TradingMode, Unknown
from engine.wire import requests
from trading.stage import LIVE_PORT, manager, stage


def test_both_logins_connect_at_the_same_time(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        outcomes = await mgr.connect_all()
        assert outcomes.all_connected
        assert {name: (outcome.accounts, outcome.client_id) for name, outcome in outcomes.items()} == {
            "paper": (("DU1234567",), 1),
            "live": (("U7654321",), 2),
        }
        assert mgr.accounts("paper") == Known(("DU1234567",), loop.wall_ns())
        assert str(outcomes).splitlines()[0] == "paper: connected as client 1, accounts DU1234567"
        again = await mgr.connect("paper")
        assert again.connected
        await mgr.disconnect_all()
        assert isinstance(mgr.positions("paper"), Unknown)

    stage("calm", test)


@pytest.mark.parametrize("scenario", ["not-running", "accept-dialog", "immediate-eof", "no-next-valid-id"])
def test_one_dead_login_hides_nothing_of_the_other(tmp_path: Path, scenario: str) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        outcomes = await mgr.connect_all()
        assert outcomes["paper"].connected
        assert not outcomes["live"].connected
        assert not outcomes.all_connected
        assert outcomes["live"].trouble in (Trouble.REFUSED, Trouble.SILENT, Trouble.CLOSED)
        assert outcomes["live"].text in str(outcomes)
        facts = mgr.positions("live")
        assert isinstance(facts, Unknown)
        assert facts.why == outcomes["live"].text
        await asyncio.sleep(1)
        assert isinstance(mgr.positions("paper"), Known)
        await mgr.disconnect_all()

    stage(scenario, test)


def test_a_silent_login_does_not_delay_the_other(tmp_path: Path) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        everything = asyncio.ensure_future(mgr.connect_all())
        await settle(50)
        assert isinstance(mgr.accounts("paper"), Known)
        assert loop.time() == 0
        await everything
        await mgr.disconnect_all()

    stage("accept-dialog", test)


@pytest.mark.parametrize(
    ("mode", "accounts", "refused"),
    [
        (TradingMode.PAPER, ("U123",), True),
        (TradingMode.PAPER, ("F123",), True),
        (TradingMode.PAPER, ("DU1", "U123"), True),
        (TradingMode.PAPER, ("X1",), True),  # not known to be paper
        (TradingMode.PAPER, ("DU1", "DF2"), False),
        (TradingMode.LIVE, ("DU1",), True),
        (TradingMode.LIVE, ("U1", "DU2"), True),
        (TradingMode.LIVE, ("U1", "F2"), False),
        (TradingMode.LIVE, ("X1",), False),
    ],
)
def test_an_account_behind_the_wrong_mode_is_refused_before_anything_is_asked(
    mode: TradingMode, accounts: tuple[str, ...], refused: bool
) -> None:
    async def test(tws: ScriptedTws) -> None:
        mgr = IBKRAccountManager(wall_ns=current_loop().wall_ns)
        mgr.add_account("mine", mode, port=tws.port)
        outcome = await mgr.connect("mine")
        assert outcome.connected is not refused
        assert outcome.mode_mismatch is refused
        await settle()
        if refused:
            assert "nothing was sent" in outcome.text
            assert "TradingMode." in outcome.text
            assert not tws.asked
            assert tws.peers[0].gone
            assert isinstance(mgr.accounts("mine"), Unknown)
        await mgr.disconnect_all()

    scripted(test, accounts=accounts)


def test_two_who_connect_the_same_login_share_one_attempt(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws) -> None:
        mgr = manager(current_loop(), tmp_path)
        first, second = await asyncio.gather(mgr.connect("paper"), mgr.connect("paper"))
        assert first == second
        assert len(tws.peers) == 1
        await mgr.disconnect_all()

    scripted(test)


def test_a_disconnect_ends_an_attempt_that_is_under_way(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.silent_on = "start"
        mgr = manager(current_loop(), tmp_path)
        connecting = asyncio.ensure_future(mgr.connect("paper"))
        await asyncio.sleep(0.5)
        await mgr.disconnect_all()
        outcome = await connecting
        assert not outcome.connected
        assert current_loop().time() < 1

    scripted(test)


def test_after_a_lost_connection_the_login_can_be_connected_again(tmp_path: Path) -> None:
    async def test(tws: ScriptedTws) -> None:
        mgr = manager(current_loop(), tmp_path)
        assert (await mgr.connect("paper")).connected
        tws.peer.transport.abort()
        await settle()
        assert (await mgr.connect("paper")).connected
        assert len(tws.peers) == 2
        await mgr.disconnect("paper")
        assert not tws.requests(requests.ReqGlobalCancel)

    scripted(test)


def test_positions_and_orders_can_be_read_on_demand(tmp_path: Path) -> None:
    async def test(world: World, loop: VirtualLoop) -> None:
        mgr = manager(loop, tmp_path)
        await mgr.connect_all()
        await mgr.refresh("live")
        positions, orders = mgr.positions("live"), mgr.working_orders("live")
        assert isinstance(positions, Known)
        assert isinstance(orders, Known)
        held = {(fact.account, fact.contract.con_id): fact.quantity for fact in positions.value}
        assert held == world.login("live").positions()
        assert len(orders.value) == len(world.login("live").working())
        await mgr.disconnect_all()

    stage("calm", test)


def test_the_live_port_is_where_the_page_says() -> None:
    assert TradingMode.LIVE.default_port == LIVE_PORT
