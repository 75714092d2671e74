"""Under a halt that asks for it what adds risk goes over each client's own connection, and what protects stays."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.config.gateway_table import GatewayTable
from engine.core.contracts import Contract
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.known import Fact, Known, Unknown
from engine.gateway import door
from engine.gateway.sweeping import Sweeping
from engine.simulator.faults import DropRequests
from engine.wire.requests import CancelOrder
from gateway.post import SPY, Post, listed, order, post, statuses
from simulator.wire_client import WireClient


async def resting(it: Post, client: WireClient, number: int, action: str, quantity: int, price: int) -> None:
    client.send(order(number, SPY, action, quantity, price))
    await client.until(lambda: "Submitted" in statuses(client, number))


def last(client: WireClient, number: int) -> str:
    return statuses(client, number)[-1]


def test_what_adds_risk_is_cancelled_by_its_own_client_and_what_reduces_stays(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        one, two = await it.client(21), await it.client(22)
        await resting(it, one, 1, "BUY", 11, 1)
        one.send(order(2, listed(it.login, "OPT SPY 20260417 580 P"), "SELL", 1, 999))  # 10 long
        await one.until(lambda: "Submitted" in statuses(one, 2))
        await resting(it, two, 1, "BUY", 12, 1)
        others = len(it.login.working()) - 3
        it.rules.halt(it.desk.entry.scope, "a loss", cancel=True)
        await asyncio.sleep(8)
        assert (last(one, 1), last(one, 2), last(two, 1)) == ("Cancelled", "Submitted", "Cancelled")
        assert len(it.login.working()) == others + 1
        assert it.desk.tally.counts["cancelled under a halt"] == 2

    post(tmp_path, test)


def test_a_halt_that_does_not_ask_for_it_cancels_nothing(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client(21)
        await resting(it, client, 1, "BUY", 11, 1)
        it.halt()
        await asyncio.sleep(15)
        assert last(client, 1) == "Submitted"

    post(tmp_path, test)


def test_in_shadow_mode_nothing_is_cancelled(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client(21)
        await resting(it, client, 1, "BUY", 11, 1)
        it.rules.halt(it.desk.entry.scope, "a loss", cancel=True)
        await asyncio.sleep(15)
        assert last(client, 1) == "Submitted"

    post(tmp_path, test, table=GatewayTable(shadow=True))


def test_more_orders_than_tws_takes_cancels_of_go_one_second_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "CANCELS_A_SECOND", 2)

    async def test(it: Post) -> None:
        client = await it.client()
        for number in range(1, 6):
            await resting(it, client, number, "BUY", 10 + number, 1)
        it.rules.halt(it.desk.entry.scope, "a loss", cancel=True)
        await asyncio.sleep(12)
        assert [last(client, number) for number in range(1, 6)] == ["Cancelled"] * 5
        sent_ns = [entry.at_ns for entry in it.world.log.requests(CancelOrder)]
        assert all(later - earlier >= 10**9 for earlier, later in zip(sent_ns, sent_ns[2:], strict=False))
        assert it.desk.tally.counts["cancelled under a halt"] == 5

    post(tmp_path, test)


def test_a_cancel_that_tws_has_dropped_is_sent_again(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client(21)
        await resting(it, client, 1, "BUY", 11, 1)
        it.login.server.trouble.add(DropRequests(requests=("CancelOrder",), for_s=4.0))
        it.rules.halt(it.desk.entry.scope, "a loss", cancel=True)
        await asyncio.sleep(25)
        assert last(client, 1) == "Cancelled"

    post(tmp_path, test)


def test_what_is_not_known_is_not_acted_on(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client(21)
        await resting(it, client, 1, "BUY", 11, 1)
        await asyncio.sleep(6)
        it.login.server.lose_link()
        await asyncio.sleep(1)
        it.rules.halt(it.desk.entry.scope, "a loss", cancel=True)
        await asyncio.sleep(10)
        assert it.desk.tally.counts["cancelled under a halt"] == 0
        it.login.server.restore_link(1102)
        await asyncio.sleep(15)
        assert last(client, 1) == "Cancelled"

    post(tmp_path, test)


def test_without_positions_nothing_goes_whatever_the_orders_are() -> None:
    spy = Contract(con_id=756733, symbol="SPY")
    entry = WorkingOrder(
        account="DU1", contract=spy, perm_id=1, client_id=21, order_id=1, action="BUY", quantity=Decimal(1),
        filled=Decimal(0), order_type="LMT", status="Submitted",
    )  # fmt: skip

    async def going(positions: Fact[tuple[PositionFact, ...]]) -> dict[int, list[int]]:
        view = SimpleNamespace(working_orders=Known((entry,), 0), positions=positions)
        desk: Any = SimpleNamespace(entry=SimpleNamespace(view=view))
        return Sweeping(desk, lambda: (21,), lambda _client, orders: len(orders), lambda _text: None)._going()

    assert asyncio.run(going(Known((), 0))) == {21: [1]}
    assert asyncio.run(going(Unknown("not read"))) == {}
