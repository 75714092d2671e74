"""Orders whose fate is unknown when a program or a connection dies are written down as unconfirmed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from engine.gateway.announcing import take_up
from engine.journal import trouble
from engine.journal.events import AnyEvent, OrderEnded, OrderIntent
from engine.simulator.faults import DropRequests, Restart
from engine.trading.slips import Standing, left_behind
from gateway.post import SPY, Post, order, post, statuses
from gateway.test_last_look import counted, written

SILENT = DropRequests(requests=("PlaceOrder",), client_ids=(21,))


def ends(it: Post) -> list[tuple[int, str]]:
    return [(one.order_id, one.outcome) for one in written(it, OrderEnded)]  # type: ignore[attr-defined]


def dies(it: Post) -> None:
    """The gateway's process ends in this moment: nothing more is written, and the system lets its locks go."""
    records = it.desk.records
    records._later.clear()
    os.close(records.slips._fd)
    records.slips = None


def test_what_a_dead_gateway_has_announced_is_written_down_as_unconfirmed_by_the_next(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(0.1)
        it.desk.tray.empty()
        dies(it)
        assert not written(it, OrderIntent)
        take_up(tmp_path, it.rules, it.lines.append)
        [intent] = written(it, OrderIntent)
        assert (intent.order_id, intent.quantity) == (1, 10) and ends(it) == [(1, "unconfirmed")]  # type: ignore[attr-defined]
        assert "order 1 of client 21 (BUY 10 SPY) may have left" in it.lines[-1]
        take_up(tmp_path, it.rules, it.lines.append)
        assert ends(it) == [(1, "unconfirmed")] and not list(left_behind(tmp_path))

    post(tmp_path, test, SILENT)


def test_an_intent_that_is_in_the_journal_is_not_written_twice(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(2)
        dies(it)
        take_up(tmp_path, it.rules, it.lines.append)
        assert len(written(it, OrderIntent)) == 1 and ends(it) == [(1, "unconfirmed")]

    post(tmp_path, test, SILENT)


def test_what_a_living_gateway_has_announced_is_left_alone(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(2)
        take_up(tmp_path, it.rules, it.lines.append)
        assert ends(it) == []

    post(tmp_path, test, SILENT)


def test_slips_stay_where_they_are_until_a_journal_has_them(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(0.1)
        it.desk.tray.empty()
        dies(it)
        it.memory.fails = trouble.Code.FAILED
        take_up(tmp_path, it.rules, it.lines.append)
        it.memory.fails = None
        assert [[one.standing for one in found] for _, found in left_behind(tmp_path)] == [[Standing.OPEN]]

    post(tmp_path, test, SILENT)


def test_a_gateway_begins_with_what_a_dead_one_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []
    monkeypatch.setattr("engine.gateway.gateway.take_up", lambda home, *_: taken.append(home))

    async def test(it: Post) -> None:
        assert taken == [tmp_path]

    post(tmp_path, test)


def test_orders_that_tws_had_not_answered_when_its_connection_ended_are_unconfirmed(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.gone(limit_s=10)
        await it.desk.records.settled()
        assert ends(it) == [(1, "unconfirmed")]
        assert counted(it, (21, 1)) == [10]  # it may be live: it counts on

    post(tmp_path, test, SILENT, Restart(after_s=4, for_s=20))


def test_orders_that_were_not_answered_when_the_gateway_ends_are_unconfirmed(tmp_path: Path) -> None:
    folder = tmp_path / "slips"

    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(1)
        await it.gateway.close()
        left = tuple(folder.iterdir())
        assert ends(it) == [(1, "unconfirmed")]
        assert [one.name for one in left] == ["register"]

    post(tmp_path, test, SILENT)


def test_an_order_that_was_answered_is_acknowledged_and_not_unconfirmed(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1))
        client.transport.close()
        await asyncio.sleep(1)
        assert ends(it) == [(1, "acknowledged")]

    post(tmp_path, test)


def test_a_slip_is_done_before_the_end_of_its_order_is_in_the_journal(tmp_path: Path) -> None:
    """So nobody who has read the end can take the slip for an order that has just been sent."""

    async def test(it: Post) -> None:
        records, seen = it.desk.records, []
        keep = records._keep

        def watched(events: tuple[AnyEvent, ...]) -> object:
            if any(isinstance(one, OrderEnded) for one in events):
                seen.append(any(records.slips._live))
            return keep(events)

        records._keep = watched
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1))
        await asyncio.sleep(1)
        assert seen == [False]

    post(tmp_path, test)
