"""A kill by any program of this machine: the gateway cancels its clients' own orders over their own connections."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.gateway import door, kills
from engine.journal.events import AnyEvent, KillPressed, Restricted
from engine.journal.trouble import Code
from engine.simulator.faults import DelayRequests, SlowAck
from engine.wire.replies import CurrentTime
from engine.wire.requests import ReqCurrentTime
from gateway.post import AAPL, SPY, Post, order, post, statuses, told
from simulator.wire_client import WireClient, connect
from trading.rules_in_memory import rules_in_memory


def press(it: Post, *, scope: Scope | None = None, kill_id: str = "k1", ago_s: int = 0) -> None:
    """By another program over the same journal: what `qe kill` writes beside its first cancel."""
    now_ns = it.loop.wall_ns()
    scope = scope or it.desk.entry.scope
    stop = Restriction(
        id=f"stop {kill_id}",
        scope=scope,
        kind=Kind.SHUTDOWN,
        cause=Cause.KILL_SWITCH,
        since_ns=now_ns,
        actor="qe kill",
        reason="enough",
    )
    pressed: tuple[AnyEvent, ...] = (
        KillPressed(kill_id=kill_id, scopes=(scope,), reason="enough"),
        Restricted(restriction=stop),
    )
    other = rules_in_memory(it.loop.wall_ns, it.memory, prefix="other")
    other.journal.append(*pressed, at_ns=now_ns - ago_s * 10**9)


async def working(it: Post, client_id: int, order_id: int = 1) -> WireClient:
    """A client with an order that rests."""
    client = await it.client(client_id)
    client.send(order(order_id, SPY, "BUY", 10 + client_id, 1))
    await client.until(lambda: "Submitted" in statuses(client, order_id))
    return client


def cancelled(it: Post) -> int:
    return int(it.desk.tally.counts["cancelled in a kill"])


def test_every_clients_orders_are_cancelled_by_itself_and_within_a_moment(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        clients = [await working(it, 21), await working(it, 22)]
        closing = await connect(it.login.ports[0], 9)  # the kill's own, over a connection of its own
        closing.send(order(1, AAPL, "SELL", 5, 9999))
        await closing.until(lambda: "Submitted" in statuses(closing, 1))
        press(it)
        await asyncio.sleep(0.1)
        assert [statuses(one, 1)[-1] for one in clients] == ["Cancelled", "Cancelled"]
        assert statuses(closing, 1)[-1] == "Submitted"
        assert cancelled(it) == 2
        clients[0].send(order(2, SPY, "BUY", 1, 1))
        await clients[0].until(lambda: told(clients[0], 2))
        assert "enough" in told(clients[0], 2)[0].text

    post(tmp_path, test)


def test_no_client_says_more_at_once_than_tws_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "CANCELS_A_SECOND", 2)

    async def test(it: Post) -> None:
        client = await it.client()
        for number in range(1, 6):
            client.send(order(number, SPY, "BUY", 10 + number, 1))
            await client.until(lambda number=number: "Submitted" in statuses(client, number))
        press(it)
        for count in (2, 4, 5):
            await asyncio.sleep(0.5)
            over = [number for number in range(1, 6) if statuses(client, number)[-1] == "Cancelled"]
            assert len(over) == count == cancelled(it)
            await asyncio.sleep(0.5)

    post(tmp_path, test)


def test_an_order_that_has_just_left_is_cancelled_although_tws_has_not_answered(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(0.3)
        assert not statuses(client, 1) and it.desk.tally.counts["orders passed"] == 1
        press(it)
        await client.until(lambda: "Cancelled" in statuses(client, 1))

    post(tmp_path, test, SlowAck(seconds=2.0))


def test_what_waits_in_the_gateway_stays_there(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        unknown = order(1, SPY, "BUY", 10, 1)
        client.send(unknown)
        await asyncio.sleep(0.05)
        press(it)
        await client.until(lambda: told(client, 1))
        assert not it.login.exchange.find_order(21, 1)

    post(tmp_path, test, DelayRequests(requests=("ReqContractDetails",), seconds=1.0))


@pytest.mark.parametrize("of", ["another login", "the past", "a second time"])
def test_a_kill_that_is_not_of_this_moment_and_login_cancels_nothing(tmp_path: Path, of: str) -> None:
    async def test(it: Post) -> None:
        client = await working(it, 21)
        match of:
            case "another login":
                press(it, scope=Scope("elsewhere"))
            case "the past":
                press(it, ago_s=kills.AGE_NS_MAX // 10**9 + 1)
            case _:
                it.gateway._kills._seen["k1"] = None
                press(it)
        await asyncio.sleep(1)
        assert statuses(client, 1)[-1] == "Submitted" and cancelled(it) == 0
        await client.ask(ReqCurrentTime(), CurrentTime)

    post(tmp_path, test)


def test_a_journal_that_cannot_be_read_is_looked_at_less_often_and_the_watch_goes_on(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await working(it, 21)
        it.memory.unreadable = Code.FAILED
        await asyncio.sleep(5)
        it.memory.unreadable = None
        press(it)
        await client.until(lambda: statuses(client, 1)[-1] == "Cancelled")

    post(tmp_path, test)
