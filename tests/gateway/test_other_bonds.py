"""Changes that ask TWS for what it refuses, names that two clients share, orders that name two sizes or no account."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.simulator.faults import SlowAck
from engine.trading.entries import LoginConfig
from engine.wire.codec import encode_request
from engine.wire.frames import frame
from engine.wire.requests import ReqAutoOpenOrders, ReqGlobalCancel, ReqOpenOrders
from gateway.post import ACCOUNT, SPY, Post, listed, order, post, shown, statuses, told
from gateway.test_last_look import counted
from simulator.wire_client import WireClient

ROOM = replace(DEFAULTS, futures=ProductLimits(Decimal(30), None))  # the account holds ten
GROUP = {"oca_group": "exit", "oca_type": 1}


def works(it: Post, client_id: int = 21) -> list[int]:
    return sorted(one.request.order_id for one in it.login.working() if one.request.client_id == client_id)


def refused(client: WireClient) -> list[str]:
    """Changes that were."""
    return [one.text for one in client.errors(399)]


async def cleared(it: Post, *client_ids: int) -> list[WireClient]:
    """Nothing works any more, 120 of MSFT are short, and the login is halted."""
    clients = [await it.client(one) for one in client_ids]
    clients[0].send(ReqGlobalCancel())
    await asyncio.sleep(3)
    it.halt()
    return clients


def test_a_change_that_asks_to_join_a_group_does_not_make_room_for_a_second_exit(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        [client] = await cleared(it, 21)
        msft = listed(it.login, "MSFT")
        client.send(order(1, msft, "BUY", 120, 1))
        await client.until(lambda: statuses(client, 1))
        client.send(order(1, msft, "BUY", 120, 1, **GROUP))
        await client.until(lambda: told(client, 1))
        client.send(order(2, msft, "BUY", 120, 2, **GROUP))
        await client.until(lambda: told(client, 2))
        assert "would_cross_zero" in told(client, 2)[0].text and works(it) == [1]
        await asyncio.sleep(1)
        assert not it.desk.checks.desk.book.order((21, 1))[0].oca_group, "it is not in it, says TWS"

    post(tmp_path, test)


def test_two_clients_that_use_one_name_are_not_in_one_group(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        one, other = await cleared(it, 21, 22)
        msft = listed(it.login, "MSFT")
        one.send(order(1, msft, "BUY", 120, 1, **GROUP))
        await one.until(lambda: statuses(one, 1))
        other.send(order(1, msft, "BUY", 120, 2, **GROUP))
        await other.until(lambda: told(other, 1))
        assert "would_cross_zero" in told(other, 1)[0].text and not works(it, 22)
        one.send(order(2, msft, "BUY", 120, 2, **GROUP))
        await one.until(lambda: statuses(one, 2) or told(one, 2))
        assert works(it) == [1, 2]

    post(tmp_path, test)


def test_behind_a_global_cancel_a_closing_order_passes_within_a_second(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, msft = await it.client(), listed(it.login, "MSFT")  # an exit of it was typed into TWS
        client.send(ReqGlobalCancel())
        it.halt()
        await asyncio.sleep(1)
        client.send(order(1, msft, "BUY", 120, 1))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert not told(client, 1)

    post(tmp_path, test)


def test_an_order_that_names_money_and_a_quantity_is_judged_by_the_larger(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 1_000_000, 500, cash_qty=Decimal(100)))
        await client.until(lambda: told(client, 1))
        assert "order_quantity" in told(client, 1)[0].text
        client.send(order(2, SPY, "BUY", 0, 500, cash_qty=Decimal(100)))
        await client.until(lambda: statuses(client, 2) or told(client, 2))
        assert works(it) == [2]

    post(tmp_path, test)


def test_an_order_without_an_account_is_for_none_where_there_are_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The login's own account would be written into an order of the library; a client's leaves as it came."""

    async def test(it: Post) -> None:
        client = await it.client()
        entry = it.desk.entry
        monkeypatch.setattr(entry, "config", replace_account(entry.config))
        monkeypatch.setattr(it.desk.login.link, "accounts", (ACCOUNT, "DU2"))
        it.desk.checks.desk.accounts = (ACCOUNT, "DU2")
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: told(client, 1))
        assert "account_not_in_login" in told(client, 1)[0].text
        client.send(order(2, SPY, "BUY", 1, 1, account=ACCOUNT))
        await client.until(lambda: statuses(client, 2))

    post(tmp_path, test)


def replace_account(config: LoginConfig) -> LoginConfig:
    return replace(config, account=ACCOUNT)


@pytest.mark.parametrize("quantity", ["NaN", "-"])
def test_what_is_not_understood_under_the_id_of_an_order_on_its_way_is_a_change_of_it(
    tmp_path: Path, quantity: str
) -> None:
    """Told that it was refused, its client would take a live order for dead, and its exits would be refused."""

    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        payload = encode_request(order(1, es, "BUY", 1), 178).split(b"\0")
        payload[17] = quantity.encode()
        client.send(order(1, es, "BUY", 1))
        client.transport.write(frame(b"\0".join(payload)))
        await client.until(lambda: told(client, 1))
        assert [one.code for one in told(client, 1)] == [399]
        await client.until(lambda: "Filled" in statuses(client, 1))
        await asyncio.sleep(3)
        client.send(order(2, es, "SELL", 1, parent_id=1))
        await client.until(lambda: statuses(client, 2) or told(client, 2))
        assert "parent_refused" not in "".join(one.text for one in told(client, 2))

    post(tmp_path, test, SlowAck(seconds=2), settings=ROOM)


def test_an_order_typed_into_tws_is_changed_as_what_it_is_once_client_0_has_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, msft = await it.client(0), listed(it.login, "MSFT")
        client.send(ReqAutoOpenOrders(True), ReqOpenOrders())
        await client.until(lambda: shown(client, -1))
        perm_id = shown(client, -1)[0].order.perm_id
        assert counted(it, (-1, perm_id)) == [120]
        it.halt()
        client.send(order(-1, msft, "BUY", 100, 2))
        await asyncio.sleep(3)
        assert not refused(client)
        [view] = [one for one in it.login.working() if one.perm_id == perm_id]
        assert view.remaining == 100
        await asyncio.sleep(10)
        assert counted(it, (-1, perm_id)) == [100] and not counted(it, (0, -1))
        assert it.desk.checks.desk.book.spot((ACCOUNT, msft.con_id)).exposure.buys == 100
        client.send(order(-1, msft, "BUY", 121, 2))
        await client.until(lambda: refused(client))
        assert "would_cross_zero" in refused(client)[0]

    post(tmp_path, test)
