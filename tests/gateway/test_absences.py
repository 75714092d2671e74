"""Without a guard or a journal nothing that adds risk passes, or it passes and people are called: as one has it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.config.gateway_table import GatewayTable
from engine.core.alerting import Severity
from engine.core.preflight.settings import DEFAULTS
from engine.core.restrictions import UNWRITABLE
from engine.gateway.absences import held_against
from engine.journal.trouble import Code
from engine.trading import presence
from engine.trading.order_settings import OrderSettings
from gateway.post import AAPL, SPY, Post, order, post, statuses, told
from simulator.wire_client import WireClient

ALERTS = GatewayTable(without_guard="alert", without_journal="alert")


class Told:
    """Who is called."""

    def __init__(self) -> None:
        self.standing: dict[str, str] = {}

    def tell(self, key: str, severity: Severity, title: str, text: str, *, lasting: bool = True) -> None:
        assert severity is Severity.CRITICAL and lasting
        self.standing[key] = f"{title}: {text}"

    def clear(self, key: str, text: str) -> None:
        del self.standing[key]


def found(table: GatewayTable, *, required: bool = False) -> OrderSettings:
    return held_against(table, OrderSettings(DEFAULTS, guard_required=required))


def guard_lives(it: Post, home: Path) -> None:
    path = home / presence.FILE
    path.touch()
    os.utime(path, ns=(it.loop.wall_ns(), it.loop.wall_ns()))


async def looked(it: Post) -> None:
    it.gateway._absences.look()
    await asyncio.sleep(0.1)


async def exits_cancelled(it: Post) -> None:
    """The position's own exits would be more than it holds together with another."""
    it.login.trader(7).cancel_all()
    await asyncio.sleep(65)  # until the account is read again


async def passes(client: WireClient, order_id: int) -> bool:
    client.send(order(order_id, SPY, "BUY", order_id, 1))
    await client.until(lambda: statuses(client, order_id) or told(client, order_id))
    return not told(client, order_id)


@pytest.mark.parametrize("required", [False, True])
def test_by_default_both_are_needed_and_guard_required_is_never_loosened(required: bool) -> None:
    usual, loose = found(GatewayTable(), required=required), found(ALERTS, required=required)
    assert usual.guard_required and not usual.tolerated
    assert loose.guard_required is required and loose.tolerated == {UNWRITABLE}


def test_without_a_guard_what_adds_risk_is_refused_in_words_and_the_rest_passes(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        await looked(it)
        assert "orders that add risk are refused" in it.gateway.status().missing["guard"]
        assert not await passes(client, 1)
        assert "qe guard run" in told(client, 1)[0].text
        assert "no guard" in it.gateway.status().logins[0].state
        await exits_cancelled(it)
        client.send(order(4, AAPL, "SELL", 5_000))  # it reduces, and then opens: another refusal, with the same reason
        await client.until(lambda: told(client, 4))
        assert "would_cross_zero" in told(client, 4)[0].text and "qe guard run" in told(client, 4)[0].text
        client.send(order(2, AAPL, "SELL", 5))
        await asyncio.sleep(5)
        assert "Filled" in statuses(client, 2), told(client, 2)
        guard_lives(it, tmp_path)
        assert await passes(client, 3)
        await looked(it)
        assert not it.gateway.status().missing

    post(tmp_path, test, found=found(GatewayTable()))


def test_or_it_passes_and_people_are_called_until_there_is_one(tmp_path: Path) -> None:
    people = Told()

    async def test(it: Post) -> None:
        client = await it.client()
        await looked(it)
        await looked(it)
        assert await passes(client, 1)
        assert "orders pass all the same" in people.standing["gateway without guard"]
        assert len([line for line in it.lines if "no guard" in line]) == 1
        guard_lives(it, tmp_path)
        await looked(it)
        assert not people.standing

    post(tmp_path, test, found=found(ALERTS), tell=people)


def test_a_look_that_fails_is_told_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(it: Post) -> None:
        await looked(it)
        before = dict(it.gateway.status().missing)
        monkeypatch.setattr(it.gateway._absences, "_guard", SimpleNamespace(sees=raising))
        await looked(it)
        assert it.gateway.status().missing == before
        assert any("could not be seen whether" in line and "a fault of ours" in line for line in it.lines)
        monkeypatch.undo()

    post(tmp_path, test, found=found(GatewayTable()))


def raising(*_: object) -> bool:
    raise RuntimeError("a fault of ours")


def test_a_journal_that_cannot_be_written_stops_nothing_where_that_is_asked_for(tmp_path: Path) -> None:
    people = Told()

    async def test(it: Post) -> None:
        client = await it.client()
        guard_lives(it, tmp_path)
        it.memory.fails = Code.FULL
        for n in range(1, 16):
            assert await passes(client, n), (n, told(client, n))
            await asyncio.sleep(3)
        guard_lives(it, tmp_path)
        await looked(it)
        assert list(people.standing) == ["gateway without journal"]
        assert "pass all the same" in people.standing["gateway without journal"]
        it.memory.fails = None
        await asyncio.sleep(5)
        await it.desk.checks.tended()
        await looked(it)
        assert "gateway without journal" not in people.standing

    post(tmp_path, test, found=found(ALERTS), tell=people)


def test_a_halt_binds_while_the_journal_cannot_be_written(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        it.memory.fails = Code.FULL
        assert await passes(client, 1)
        it.halt("lunch")
        assert not await passes(client, 2)
        assert "a stop of paper" in told(client, 2)[0].text

    post(tmp_path, test, found=found(ALERTS))


def test_a_journal_that_cannot_be_read_lets_nothing_pass_that_adds_risk(tmp_path: Path) -> None:
    people = Told()

    async def test(it: Post) -> None:
        client = await it.client()
        it.memory.unreadable = Code.CORRUPT
        assert not await passes(client, 1)
        await looked(it)
        assert "orders that add risk are refused" in people.standing["gateway without journal"]
        await exits_cancelled(it)
        client.send(order(2, AAPL, "SELL", 5))
        await asyncio.sleep(5)
        assert "Filled" in statuses(client, 2), told(client, 2)

    post(tmp_path, test, found=found(ALERTS), tell=people)
