"""Between a verdict and the bytes: what comes in that moment binds, and what did not leave does not count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.exposure import OrderKey
from engine.journal import chain, trouble
from engine.journal.events import Filled, OrderEnded, OrderIntent, OrderRefused
from engine.simulator.faults import DropRequests, Reject
from engine.wire.replies import OrderStatus
from engine.wire.requests import CancelOrder, ReqGlobalCancel
from gateway.post import AAPL, PAPER_PORT, SPY, Post, listed, order, post, shown, statuses, told
from simulator.wire_client import connect


class Moment:
    """A gate in which something happens just before the last look."""

    def __init__(self) -> None:
        self.then: Callable[[], object] = lambda: None
        self.inside = 0

    def enter(self) -> None:
        then, self.then = self.then, lambda: None
        then()
        self.inside += 1

    def leave(self) -> None:
        self.inside -= 1

    def drain(self) -> bool:
        return True


def counted(it: Post, key: OrderKey) -> list[Decimal]:
    it.desk.tray.empty()  # whoever decides by the book does so first
    return [one.remaining for one in it.desk.checks.desk.book.order(key)]


def written(it: Post, kind: type) -> list[object]:
    return [event for one in it.memory.records if isinstance(event := chain.opened(one).event, kind)]


def test_a_halt_that_comes_after_the_verdict_binds(tmp_path: Path) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        client = await it.client()
        gate.then = lambda: it.halt("at the last moment")
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: told(client, 1))
        assert "at the last moment" in told(client, 1)[0].text
        assert not it.login.exchange.find_order(21, 1)
        assert not counted(it, (21, 1)) and not gate.inside
        await it.desk.records.settled()
        [ended] = written(it, OrderEnded)
        assert ended.outcome == "not_sent"  # type: ignore[attr-defined]

    post(tmp_path, test, gate=gate)


def test_the_gate_is_left_behind_an_order_that_passed(tmp_path: Path) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1))
        assert not gate.inside

    post(tmp_path, test, gate=gate)


def test_a_modify_that_is_refused_at_the_last_moment_leaves_the_original_counted(tmp_path: Path) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1))
        gate.then = lambda: it.halt("at the last moment")
        client.send(order(1, SPY, "BUY", 20, 1))
        await client.until(lambda: told(client, 1))
        assert told(client, 1)[0].code == 399
        assert counted(it, (21, 1)) == [10]
        assert it.login.exchange.find_order(21, 1).remaining == 10

    post(tmp_path, test, gate=gate)


def test_a_global_cancel_in_that_moment_keeps_the_order_here(tmp_path: Path) -> None:
    gate = Moment()

    async def test(it: Post) -> None:
        first, second = await it.client(21), await it.client(22)
        first.send(
            order(1, AAPL.__class__(symbol="QQQ", sec_type="STK", exchange="SMART", currency="USD"), "BUY", 1, 1)
        )
        second.send(ReqGlobalCancel())
        await first.until(lambda: told(first, 1) or statuses(first, 1))
        assert [one.code for one in told(first, 1)] == [202]
        assert not it.login.exchange.find_order(21, 1)

    post(tmp_path, test, gate=gate)


def test_without_a_journal_nothing_that_adds_risk_passes_and_what_reduces_does(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 1, 1))
        await client.until(lambda: statuses(client, 1))
        it.login.trader(7).cancel_all()
        await asyncio.sleep(6)
        it.memory.fails = trouble.Code.FAILED
        client.send(order(2, SPY, "BUY", 2, 1))  # its slip is written, and then the journal is found out
        await client.until(lambda: statuses(client, 2))
        await asyncio.sleep(1)
        for n in (3, 5):
            client.send(order(n, SPY, "BUY", n, 1))
            await client.until(lambda n=n: told(client, n))
            assert "journal" in told(client, n)[0].text
        client.send(order(4, AAPL, "SELL", 10))
        await client.until(lambda: "Filled" in statuses(client, 4))
        client.send(CancelOrder(1))
        await client.until(lambda: "Cancelled" in statuses(client, 1))

    post(tmp_path, test)


def test_without_a_place_for_slips_not_even_one_order_passes_a_journal_that_fails(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        it.desk.records.slips = None
        it.memory.fails = trouble.Code.FAILED
        for n in (2, 3):  # the first finds out, the second knows
            client.send(order(n, SPY, "BUY", n, 1))
            await client.until(lambda n=n: told(client, n))
            assert "journal" in told(client, n)[0].text
        assert not it.login.exchange.find_order(21, 2)

    post(tmp_path, test)


def test_an_order_is_in_the_journal_and_its_end_behind_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 7, 1, order_ref="mine"), order(2, listed(it.login, "FUT ES"), "BUY", 50, 1))
        await client.until(lambda: statuses(client, 1) and told(client, 2))
        await it.desk.records.settled()
        [intent], [ended], [refused] = (written(it, kind) for kind in (OrderIntent, OrderEnded, OrderRefused))
        assert (intent.client_id, intent.order_id, intent.order_ref) == (21, 1, "mine")  # type: ignore[attr-defined]
        assert ended.outcome == "acknowledged"  # type: ignore[attr-defined]
        assert "max_contracts" in refused.codes  # type: ignore[attr-defined]

    post(tmp_path, test)


def test_what_tws_refuses_counts_no_longer_once_a_list_does_not_show_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: told(client, 1))
        assert counted(it, (21, 1)) == [10]  # an error is no proof
        await asyncio.sleep(1)
        assert not counted(it, (21, 1))
        client.send(order(2, SPY, "BUY", 10, 1))  # and one like it may be sent
        await client.until(lambda: statuses(client, 2) or told(client, 2))
        assert not told(client, 2)

    post(tmp_path, test, Reject(contract="SPY", first=1))


def test_one_like_an_order_that_nobody_answers_is_not_sent(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(2)
        client.send(order(2, SPY, "BUY", 10, "1.01"))
        await client.until(lambda: told(client, 2))
        assert "unconfirmed" in told(client, 2)[0].text
        assert counted(it, (21, 1)) == [10]
        await asyncio.sleep(10)
        await it.desk.records.settled()
        assert "unconfirmed" in [one.outcome for one in written(it, OrderEnded)]  # type: ignore[attr-defined]

    post(tmp_path, test, DropRequests(requests=("PlaceOrder",), first=1))


def test_a_modify_that_tws_has_not_answered_counts_as_the_larger_whatever_a_list_says(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: shown(client, 1))
        client.send(order(1, SPY, "BUY", 25, 1))
        await asyncio.sleep(0.2)
        await it.desk.login.refresh()
        assert it.login.exchange.find_order(21, 1).remaining == 10
        assert counted(it, (21, 1)) == [25]
        await asyncio.sleep(15)  # it was lost: the lists are believed again
        assert counted(it, (21, 1)) == [10]

    post(tmp_path, test, DropRequests(requests=("PlaceOrder",), first=1, on="PlaceOrder", nth=2))


def test_an_order_that_another_program_makes_larger_counts_as_that_from_the_next_reading(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        direct = await connect(PAPER_PORT, 31)
        direct.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(6)
        assert counted(it, (31, 1)) == [10]
        direct.send(order(1, SPY, "BUY", 25, 1))
        await asyncio.sleep(6)
        assert counted(it, (31, 1)) == [25]

    post(tmp_path, test)


def test_a_modify_to_less_counts_as_less_once_tws_has_shown_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: shown(client, 1))
        client.send(order(1, SPY, "BUY", 4, 1))
        await client.until(lambda: shown(client, 1)[-1].order.total_quantity == 4)
        assert counted(it, (21, 1)) == [4]

    post(tmp_path, test)


@pytest.mark.parametrize("cancel", [CancelOrder(1), ReqGlobalCancel()])
def test_a_cancel_while_the_order_is_being_written_down_keeps_it_here(
    tmp_path: Path, cancel: CancelOrder | ReqGlobalCancel
) -> None:
    async def test(it: Post) -> None:
        client, written_down = await it.client(), it.desk.records.intent
        it.desk.records.slips = None  # where there is no place for slips, every order waits for its own record

        async def slowly(*about: object) -> object:
            client.send(cancel)
            await asyncio.sleep(0.2)
            return await written_down(*about)

        it.desk.records.intent = slowly
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: told(client, 1))
        assert told(client, 1)[0].code in (202, 10147)
        await asyncio.sleep(1)
        assert 202 in [one.code for one in told(client, 1)]
        assert not it.login.exchange.find_order(21, 1) and not counted(it, (21, 1))

    post(tmp_path, test)


def test_while_tws_takes_no_data_nothing_that_adds_risk_is_left_to_wait_in_a_buffer(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client, put = await it.client(), listed(it.login, "OPT SPY 20260417 580 P")
        client.send(order(1, put, "SELL", 1, 999), order(2, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1) and statuses(client, 2))
        through = next(one for one in it.gateway.doors[0]._clients if one.client_id == 21)
        through._up._transport.get_write_buffer_size = lambda: 1
        client.send(order(3, SPY, "BUY", 20, 1), order(4, put, "SELL", 2, 998))
        await client.until(lambda: told(client, 3) and statuses(client, 4))
        assert "takes no data" in told(client, 3)[0].text
        assert not counted(it, (21, 3))

    post(tmp_path, test)


def test_a_preview_passes_even_while_halted_and_never_under_the_id_of_a_live_order(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await client.until(lambda: statuses(client, 1))
        it.halt()
        client.send(order(2, SPY, "BUY", 10, 1, what_if=True))
        await client.until(lambda: shown(client, 2))
        client.send(order(1, SPY, "BUY", 99, 1, what_if=True))
        await client.until(lambda: told(client, 1))
        assert "preview_of_live" in told(client, 1)[0].text
        assert counted(it, (21, 1)) == [10] and not counted(it, (21, 2))

    post(tmp_path, test)


def test_an_order_that_tws_is_to_hold_counts_on_whatever_tws_says_against_it(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1, transmit=False))
        await client.until(lambda: told(client, 1))
        await asyncio.sleep(3)
        assert counted(it, (21, 1)) == [10]

    post(tmp_path, test, Reject(contract="SPY", first=1))


def test_the_fills_of_clients_are_in_the_journal(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10))
        await client.until(lambda: "Filled" in statuses(client, 1))
        await asyncio.sleep(1)
        assert sum(one.quantity for one in written(it, Filled)) == 10  # type: ignore[attr-defined]

    post(tmp_path, test)


def test_an_inactive_order_that_no_list_shows_is_a_refused_one(tmp_path: Path) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.send(order(1, SPY, "BUY", 10, 1))
        await asyncio.sleep(0.5)
        none = Decimal(0)
        it.desk.heard(21, OrderStatus(1, "Inactive", none, Decimal(10), client_id=21))
        assert counted(it, (21, 1)) == [10]
        await asyncio.sleep(1)
        assert not counted(it, (21, 1))
        client.send(order(1, SPY, "BUY", 10, 1))  # sent again under its id, it is a new one
        await client.until(lambda: statuses(client, 1) or told(client, 1))
        assert statuses(client, 1) and counted(it, (21, 1)) == [10]

    post(tmp_path, test, DropRequests(requests=("PlaceOrder",), first=1))
