"""A client that connects to the gateway in place of TWS: what passes, what does not, and what it is told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.preflight.settings import DEFAULTS, ProductLimits
from engine.simulator.faults import DelayRequests
from engine.simulator.virtual import settle
from engine.wire.replies import CurrentTime, OpenOrderEnd
from engine.wire.requests import CancelOrder, ReqAllOpenOrders, ReqCurrentTime, ReqGlobalCancel
from gateway.post import AAPL, SPY, Post, listed, order, post, shown, statuses, told

UNKNOWN = Contract(symbol="QQQ", sec_type="STK", exchange="SMART", currency="USD")
ROOM = replace(DEFAULTS, futures=ProductLimits(Decimal(30), None))  # the account holds ten


def test_an_order_within_the_limits_passes_and_works(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert not told(client, 1), told(client, 1)
        assert [one.request.order_id for one in it.login.working() if one.request.client_id == 21] == [1]

    post(tmp_path, test)


def test_an_order_beyond_the_limits_is_refused_in_words_and_the_client_goes_on(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 50, 1000))
        await client.until(lambda: told(client, 1))
        (error,) = told(client, 1)
        assert error.code == 201
        assert "max_contracts" in error.text and "at most 10" in error.text
        assert not [one for one in it.login.working() if one.request.client_id == 21]
        await client.ask(ReqCurrentTime(), CurrentTime)

    post(tmp_path, test)


def test_a_halted_login_takes_reducing_orders_and_no_others(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        it.halt("lunch")
        client.send(order(1, SPY, "BUY", 10, 1), order(2, listed(it.login, "FUT ES"), "SELL", 1))
        await client.until(lambda: told(client, 1))
        assert "halted" in told(client, 1)[0].text and "lunch" in told(client, 1)[0].text
        client.send(order(3, listed(it.login, "MSFT"), "BUY", 1))
        await client.until(lambda: statuses(client, 3) or told(client, 3))
        assert not it.login.exchange.find_order(21, 1)

    post(tmp_path, test)


def test_cancels_and_global_cancels_pass_while_halted(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1), order(2, SPY, "BUY", 20, 1))
        await client.until(lambda: statuses(client, 1) and statuses(client, 2))
        it.halt()
        client.send(CancelOrder(1))
        await client.until(lambda: "Cancelled" in statuses(client, 1))
        client.send(ReqGlobalCancel())
        await client.until(lambda: "Cancelled" in statuses(client, 2))

    post(tmp_path, test)


def test_a_modify_is_judged_and_a_refused_one_leaves_the_order_as_it_was(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 1, 1000))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert not told(client, 1), told(client, 1)
        client.send(order(1, es, "BUY", 2, 1000))
        await client.until(lambda: shown(client, 1)[-1].order.total_quantity == 2)
        before = len(client.replies)
        client.send(order(1, es, "BUY", 50, 1000))
        await client.until(lambda: told(client, 1))
        await settle()
        (error,) = told(client, 1)
        assert error.code == 399 and "max_contracts" in error.text
        again = [type(one).__name__ for one in client.replies[before:]]
        assert again == ["ErrorMessage", "OpenOrder", "OrderStatus"]
        assert shown(client, 1)[-1].order.total_quantity == 2
        assert it.login.exchange.find_order(21, 1).remaining == Decimal(2)
        client.send(order(1, es, "BUY", 3, 1000))
        await client.until(lambda: shown(client, 1)[-1].order.total_quantity == 3)

    post(tmp_path, test, settings=ROOM)


def test_a_bracket_passes_whole_and_its_exits_do_not_count_as_openings(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(
            order(1, es, "BUY", 5, 1000, transmit=False),
            order(2, es, "SELL", 5, 9000, parent_id=1, transmit=False),
            order(3, es, "SELL", 5, order_type="STP", aux_price=Decimal(900), parent_id=1),
        )
        await client.until(lambda: statuses(client, 3) or told(client, 3))
        assert not told(client, 1) and not told(client, 2) and not told(client, 3)
        assert len([one for one in it.login.working() if one.request.client_id == 21]) == 3

    post(tmp_path, test, settings=ROOM)


def test_the_children_of_a_refused_order_are_refused_with_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(
            order(1, es, "BUY", 50, 1000, transmit=False),
            order(2, es, "SELL", 1, 9000, parent_id=1),
        )
        await client.until(lambda: told(client, 2))
        assert "parent_refused" in told(client, 2)[0].text
        assert not it.login.exchange.find_order(21, 2)

    post(tmp_path, test)


@pytest.mark.parametrize("then", ["sent anew", "parent cancelled"])
def test_of_a_bracket_whose_last_leg_is_refused_nothing_works_until_it_is_sent_anew(tmp_path: Path, then: str) -> None:
    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        stop = order(3, es, "SELL", 50, order_type="STP", aux_price=Decimal(900), parent_id=1)
        client.send(
            order(1, es, "BUY", 5, 1000, transmit=False),
            order(2, es, "SELL", 5, 9000, parent_id=1, transmit=False),
            stop,
        )
        await client.until(lambda: told(client, 3))
        (error,) = told(client, 3)
        assert error.code == 201 and "its parent order 1 stays at TWS without it" in error.text
        await asyncio.sleep(10)

        def works() -> list[int]:
            return sorted(one.request.order_id for one in it.login.working() if one.request.client_id == 21)

        assert not works() and not told(client, 1) and not told(client, 2)
        if then == "sent anew":
            client.send(replace(stop, order_id=4, order=replace(stop.order, total_quantity=Decimal(5))))
            await client.until(lambda: statuses(client, 4) or told(client, 4))
            assert not told(client, 4) and works() == [1, 2, 4]
        else:
            client.send(CancelOrder(1), CancelOrder(2))
            await client.until(lambda: "Cancelled" in statuses(client, 1) and "Cancelled" in statuses(client, 2))
            assert not works() and not it.desk.works((21, 1))

    post(tmp_path, test, settings=ROOM)


def test_after_a_shutdown_nothing_but_cancels_passes(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        from engine.core.restrictions import Cause, Kind

        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert not told(client, 1), told(client, 1)
        it.rules.halt(it.desk.entry.scope, "pressed", cause=Cause.KILL_SWITCH, kind=Kind.SHUTDOWN)
        client.send(order(2, AAPL, "SELL", 1))
        await client.until(lambda: told(client, 2))
        assert "shut_down" in told(client, 2)[0].text
        client.send(CancelOrder(1))
        await client.until(lambda: "Cancelled" in statuses(client, 1))

    post(tmp_path, test)


def test_before_its_facts_are_complete_nothing_that_adds_risk_passes(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        it.desk.checks.book.doubt("not read yet")
        it.desk.login = None
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: told(client, 1))
        assert "warming up" in told(client, 1)[0].text

    post(tmp_path, test)


def test_what_is_read_passes_as_it_came(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        from gateway.post import PAPER_PORT
        from simulator.wire_client import connect

        through, direct = await it.client(31), await connect(PAPER_PORT, 32)
        for client in (through, direct):
            await client.ask(ReqAllOpenOrders(), OpenOrderEnd)
        assert through.replies == direct.replies or len(through.replies) == len(direct.replies)

    post(tmp_path, test)


def test_a_cancel_takes_the_order_that_still_waits_with_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, UNKNOWN, "BUY", 1, 1), order(2, SPY, "BUY", 1, 1), CancelOrder(2))
        await client.until(lambda: told(client, 2))
        await asyncio.sleep(5)
        assert 202 in [one.code for one in told(client, 2)]
        assert not it.login.exchange.find_order(21, 2)

    post(tmp_path, test)


def test_shadow_mode_refuses_nothing_and_tells(tmp_path: Path) -> None:
    from engine.config.gateway_table import GatewayTable

    async def test(it: Post) -> None:
        client, es = await it.client(), listed(it.login, "FUT ES")
        client.send(order(1, es, "BUY", 50, 1000))
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert not told(client, 1)
        assert [line for line in it.lines if "would be refused" in line and "max_contracts" in line]

    post(tmp_path, test, table=GatewayTable(shadow=True))


SLOW = DelayRequests(requests=("ReqContractDetails",), seconds=1.0)


def test_a_reducing_order_goes_ahead_of_one_that_waits(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, "OPT SPY 20260417 580 P")
        client.send(order(1, put, "SELL", 1, 999))  # so that the contract is known
        await client.until(lambda: statuses(client, 1))
        client.send(order(2, UNKNOWN, "BUY", 1, 1), order(3, put, "SELL", 2, 998))
        await client.until(lambda: statuses(client, 3))
        assert not statuses(client, 2)
        await client.until(lambda: statuses(client, 2))

    post(tmp_path, test, SLOW)


def test_what_opens_keeps_its_turn_and_so_does_what_is_read_behind_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1))
        client.send(order(2, UNKNOWN, "BUY", 1, 1), order(3, SPY, "BUY", 2, 1), ReqCurrentTime())
        await client.until(lambda: client.of(CurrentTime))
        first = [type(one).__name__ for one in client.replies if getattr(one, "order_id", 3) != 1]
        assert statuses(client, 2) and statuses(client, 3) and first.index("CurrentTime") == len(first) - 1

    post(tmp_path, test, SLOW)


def test_a_change_of_an_order_that_waits_does_not_go_ahead_of_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, "OPT SPY 20260417 580 P")
        client.send(order(1, put, "SELL", 1, 999))
        await client.until(lambda: statuses(client, 1))
        client.send(order(2, UNKNOWN, "BUY", 1, 1), order(3, SPY, "BUY", 9, 1), order(3, put, "SELL", 1, 998))
        await client.until(lambda: statuses(client, 3) and told(client, 3))
        assert "side_changed" in told(client, 3)[0].text

    post(tmp_path, test, SLOW)
