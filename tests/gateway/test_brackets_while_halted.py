"""A halt between the legs of a bracket: what TWS was asked to hold is not transmitted by what comes behind the halt."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.wire.requests import PlaceOrder
from gateway.post import Post, listed, order, post, statuses, told

ES = "FUT ES"
ROOM = replace(DEFAULTS, futures=ProductLimits(Decimal(30), None))  # the account holds ten


def exit_of(es: Contract, order_id: int, **fields: Any) -> PlaceOrder:
    return order(order_id, es, "SELL", 5, 9000, parent_id=1, **fields)


def works(it: Post) -> list[int]:
    return sorted(one.request.order_id for one in it.login.working() if one.request.client_id == 21)


@pytest.mark.parametrize("held_before", [1, 2])
def test_an_exit_does_not_have_its_parent_transmitted_while_halted(tmp_path: Path, held_before: int) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, ES)
        client.send(order(1, es, "BUY", 5, 1000, transmit=False), exit_of(es, 2, transmit=False))
        if held_before == 1:
            client.send(order(4, es, "BUY", 5, 1000, transmit=False))  # of another bracket
        await asyncio.sleep(2)
        it.halt("between two legs")
        client.send(exit_of(es, 2 if held_before == 2 else 3))
        await client.until(lambda: told(client, 2) or told(client, 3))
        await asyncio.sleep(5)
        assert "TWS would transmit" in (told(client, 2) + told(client, 3))[0].text and not works(it)

    post(tmp_path, test, settings=ROOM)


def test_what_tws_holds_is_not_transmitted_by_itself_either(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, ES)
        client.send(order(1, es, "BUY", 5, 1000, transmit=False))
        await asyncio.sleep(2)
        it.halt()
        client.send(order(1, es, "BUY", 5, 1000))
        await client.until(lambda: told(client, 1))
        assert not works(it)

    post(tmp_path, test, settings=ROOM)


def test_an_exit_may_be_changed_while_halted_once_its_bracket_works(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, ES)
        client.send(order(1, es, "BUY", 5, 1000, transmit=False), exit_of(es, 2))
        await client.until(lambda: statuses(client, 1) and statuses(client, 2))
        it.halt()
        client.send(order(2, es, "SELL", 5, 8900, parent_id=1))
        await asyncio.sleep(2)
        assert not told(client, 2) and works(it) == [1, 2]

    post(tmp_path, test, settings=ROOM)


def test_what_follows_a_close_does_not_open_again_while_halted(tmp_path: Path) -> None:
    """The child of an order that closes becomes active when the position is flat."""

    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, "OPT SPY 20260417 580 P")
        it.halt()
        client.send(order(2, put, "SELL", 10, 90), order(3, put, "BUY", 10, 1, parent_id=2))
        await client.until(lambda: told(client, 3) or statuses(client, 3))
        assert told(client, 3) and works(it) == [2]

    post(tmp_path, test, settings=ROOM)
