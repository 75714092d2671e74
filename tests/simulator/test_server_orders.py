"""Orders at the simulated TWS: who owns them, who sees them, and what a cancel does."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from engine.core.contracts import Contract
from engine.simulator import faults
from engine.simulator.server import Login, ServerOptions
from engine.wire.order import Order
from engine.wire.replies import (
    CommissionReport,
    CompletedOrder,
    CompletedOrdersEnd,
    ErrorMessage,
    Execution,
    ExecutionsEnd,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
)
from engine.wire.requests import (
    CancelOrder,
    PlaceOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqGlobalCancel,
    ReqOpenOrders,
)
from simulator.wire_client import WireClient, connect, in_world, instrument, order

FAR = Decimal(210)  # a buy limit that rests: AAPL stands at 230


def statuses(client: WireClient, order_id: int) -> list[str]:
    return [reply.status for reply in client.of(OrderStatus) if reply.order_id == order_id]


def listed(replies: list[object]) -> list[tuple[int, int]]:
    """(client id, order id) of a list of open orders; checks that each openOrder is followed by its orderStatus."""
    pairs = list(zip(replies[:-1:2], replies[1:-1:2], strict=True))
    for opened, status in pairs:
        assert isinstance(opened, OpenOrder)
        assert isinstance(status, OrderStatus)
        assert (opened.order_id, opened.order.perm_id) == (status.order_id, status.perm_id)
    assert isinstance(replies[-1], OpenOrderEnd)
    return [(opened.order.client_id, opened.order_id) for opened, _ in pairs]


# --- placing -------------------------------------------------------------------------------------------
def test_a_market_order_is_opened_filled_reported_and_billed() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10, order_ref="mine"))
        await client.until(lambda: client.of(CommissionReport))
        done = client.of(Execution)[0]
        assert statuses(client, 1)[-1] == "Filled"
        assert (done.req_id, done.order_id, done.client_id, done.side) == (-1, 1, 1, "BOT")
        assert (done.shares, done.order_ref, done.liquidation) == (10, "mine", 0)
        assert client.of(CommissionReport)[0].exec_id == done.exec_id
        assert client.of(OpenOrder)[0].order.order_ref == "mine"
        assert login.positions() == {("DU1", instrument(login, "AAPL").con_id): Decimal(10)}

    in_world(test)


def test_the_same_id_again_modifies_a_live_order_and_is_refused_for_a_done_one() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10, FAR))
        client.send(order(login, 1, "AAPL", "BUY", 10, FAR + 1))
        await asyncio.sleep(0.1)
        (view,) = login.working()
        assert view.request.lmt_price == FAR + 1
        client.send(order(login, 2, "AAPL", "BUY", 1))
        await client.until(lambda: "Filled" in statuses(client, 2))
        client.send(order(login, 2, "AAPL", "BUY", 1))
        await client.until(lambda: client.errors(104))
        client.send(CancelOrder(1))
        await client.until(lambda: client.errors(202))
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await client.until(lambda: client.errors(103))

    in_world(test)


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**40])
def test_an_order_number_beyond_32_bits_is_not_read_and_the_error_names_nobody(number: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, number, "AAPL", "BUY", 10, FAR))
        await client.until(lambda: client.errors(320))
        (error,) = client.errors(320)
        assert error.req_id == -1 and f'"{number}"' in error.text
        client.send(order(login, 2**31 - 1, "AAPL", "BUY", 10, FAR))
        await client.until(lambda: len(login.working()) == 1)

    in_world(test)


def test_an_order_needs_an_exchange_a_known_contract_and_an_account_where_there_are_several() -> None:
    async def test(login: Login, client: WireClient) -> None:
        con_id = instrument(login, "FUT ES").con_id
        buy = Order(action="BUY", total_quantity=Decimal(1), order_type="MKT", tif="DAY", account="DU2")
        client.send(PlaceOrder(1, Contract(con_id=con_id), buy))
        client.send(PlaceOrder(2, Contract(con_id=999_999, exchange="SMART"), buy))
        client.send(order(login, 3, "AAPL", "BUY", 1))
        client.send(order(login, 4, "AAPL", "BUY", 1, account="DU9"))
        client.send(order(login, 5, "AAPL", "BUY", 1, account="DU2"))
        await client.until(lambda: "Filled" in statuses(client, 5))
        refused = {error.req_id: error.code for error in client.of(ErrorMessage) if error.req_id > 0}
        assert refused == {1: 321, 2: 200, 3: 435, 4: 321}
        assert "Missing order exchange" in client.errors(321)[0].text
        assert {account for account, _ in login.positions()} == {"DU2"}

    in_world(test, accounts=("DU1", "DU2"))


@pytest.mark.parametrize("version", [111, 178])
def test_an_order_for_an_amount_of_money_shows_the_quantity_it_came_to(version: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 0, cash_qty=Decimal(500)))
        await client.until(lambda: "Filled" in statuses(client, 1))
        shown = client.of(OpenOrder)[0].order
        (held,) = login.positions().values()
        assert shown.total_quantity == held and shown.cash_qty == 500
        client.send(order(login, 2, "AAPL", "SELL", 0, total_quantity=held))
        await client.until(lambda: client.errors(10243))

    in_world(test, options=ServerOptions(version_max=version))


def test_what_if_shows_margin_and_makes_no_order() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "FUT ES", "BUY", 1, what_if=True))
        await client.until(lambda: client.of(OpenOrder))
        state = client.of(OpenOrder)[0].state
        assert state.init_margin_after > state.init_margin_before
        assert not login.working()
        assert not login.positions()

    in_world(test)


def test_silent_fills_send_executions_and_no_status() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10))
        await client.until(lambda: client.of(CommissionReport))
        assert client.of(Execution)
        assert "Filled" not in statuses(client, 1)

    in_world(test, faults.SilentFills())


# --- ownership and visibility --------------------------------------------------------------------------
def test_own_orders_all_orders_and_manual_orders_are_seen_by_the_rules() -> None:
    async def test(login: Login, client: WireClient) -> None:
        other = await connect(login.ports[0], 2)
        client.send(order(login, 7, "AAPL", "BUY", 1, FAR))
        other.send(order(login, 7, "AAPL", "BUY", 2, FAR))
        login.hand().place("AAPL", "BUY", 3, "LMT", FAR)
        login.trader(5).place("AAPL", "BUY", 4, "LMT", FAR)
        await asyncio.sleep(0.1)
        assert listed(await client.ask(ReqOpenOrders(), OpenOrderEnd)) == [(1, 7)]
        assert listed(await other.ask(ReqOpenOrders(), OpenOrderEnd)) == [(2, 7)]
        everything = listed(await client.ask(ReqAllOpenOrders(), OpenOrderEnd))
        assert sorted(everything) == [(0, 0), (1, 7), (2, 7), (5, 1)]
        assert not [reply for reply in other.of(OpenOrder) if reply.order.client_id != 2], "no news of others' orders"

    in_world(test)


def test_an_untransmitted_order_is_invisible_and_survives_a_global_cancel() -> None:
    async def test(login: Login, client: WireClient) -> None:
        login.hand().place("AAPL", "BUY", 3, "LMT", FAR, transmit=False)
        assert listed(await client.ask(ReqAllOpenOrders(), OpenOrderEnd)) == []
        client.send(ReqGlobalCancel())
        await asyncio.sleep(0.1)
        assert len(login.exchange.open_orders(include_untransmitted=True)) == 1

    in_world(test)


def test_another_clients_order_cannot_be_cancelled_and_the_same_id_hits_ones_own() -> None:
    async def test(login: Login, client: WireClient) -> None:
        other = await connect(login.ports[0], 2)
        client.send(order(login, 7, "AAPL", "BUY", 1, FAR), order(login, 8, "AAPL", "BUY", 1, FAR))
        other.send(order(login, 7, "AAPL", "BUY", 1, FAR))
        await asyncio.sleep(0.1)
        other.send(CancelOrder(8))
        await other.until(lambda: other.errors(10147))
        assert other.errors(10147)[0].text == "OrderId 8 that needs to be cancelled is not found."
        other.send(CancelOrder(7))
        await other.until(lambda: other.errors(202))
        assert sorted((view.request.client_id, view.request.order_id) for view in login.working()) == [(1, 7), (1, 8)]

    in_world(test)


def test_client_zero_binds_manual_orders_and_can_then_cancel_them() -> None:
    async def test(login: Login, client: WireClient) -> None:
        login.hand().place("AAPL", "BUY", 3, "LMT", FAR)
        zero = await connect(login.ports[0], 0)
        zero.send(CancelOrder(-1))
        await zero.until(lambda: zero.errors(10147))
        zero.send(ReqAutoOpenOrders(True))
        await zero.until(lambda: zero.of(OrderBound))
        assert listed(await zero.ask(ReqOpenOrders(), OpenOrderEnd)) == [(0, -1)]
        zero.send(CancelOrder(-1))
        await zero.until(lambda: not login.working())
        client.send(ReqAutoOpenOrders(True))
        await client.until(lambda: client.errors(327))

    in_world(test)


def test_a_master_client_hears_of_every_clients_orders() -> None:
    async def test(login: Login, client: WireClient) -> None:
        master = await connect(login.ports[0], 99)
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await master.until(lambda: master.of(CommissionReport))
        assert master.of(Execution)[0].client_id == 1

    in_world(test, options=ServerOptions(master_client_id=99))


# --- cancelling ----------------------------------------------------------------------------------------
def test_a_cancel_repeats_the_state_then_cancels_then_says_202() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR))
        await client.until(lambda: "Submitted" in statuses(client, 1))
        before = len(client.replies)
        client.send(CancelOrder(1))
        await client.until(lambda: client.errors(202))
        news = [reply for reply in client.replies[before:] if isinstance(reply, OrderStatus | ErrorMessage)]
        assert [getattr(reply, "status", None) or reply.code for reply in news] == ["Submitted", "Cancelled", 202]

    in_world(test)


def test_a_cancel_of_what_is_done_says_so() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await client.until(lambda: "Filled" in statuses(client, 1))
        client.send(CancelOrder(1), CancelOrder(2))
        await client.until(lambda: client.errors(10148) and client.errors(10147))
        assert (
            client.errors(10148)[0].text == "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled."
        )

    in_world(test)


def test_a_global_cancel_reaches_every_client_and_tws_and_is_not_acknowledged() -> None:
    async def test(login: Login, client: WireClient) -> None:
        other = await connect(login.ports[0], 2)
        other.send(order(login, 1, "AAPL", "BUY", 1, FAR))
        login.hand().place("AAPL", "BUY", 1, "LMT", FAR)
        login.trader(5).place("FUT ES", "BUY", 1, "LMT", Decimal(5500))
        await asyncio.sleep(0.1)
        before = len(client.replies)
        client.send(ReqGlobalCancel())
        await other.until(lambda: other.errors(202))
        assert client.replies[before:] == [], "nothing tells the sender"
        assert listed(await client.ask(ReqAllOpenOrders(), OpenOrderEnd)) == []

    in_world(test)


def test_a_global_cancel_skips_what_is_already_pending() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR), CancelOrder(1))
        await asyncio.sleep(1)
        client.send(ReqGlobalCancel())
        await asyncio.sleep(0.5)
        assert [view.status for view in login.working()] == ["PendingCancel"]
        client.send(CancelOrder(1))
        await client.until(lambda: client.errors(161))
        await client.until(lambda: client.errors(202))
        assert login.server.clock.elapsed_s() < 2.1, "the first cancel's time counts"

    in_world(test, faults.SlowCancel(seconds=2))


# --- records -------------------------------------------------------------------------------------------
def test_executions_of_every_client_since_midnight_pass_the_filters() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10))
        login.trader(5).place("MSFT", "SELL", 20)
        login.hand().place("FUT ES", "BUY", 1)
        await asyncio.sleep(60)

        async def found(**wanted: object) -> list[tuple[int, int, str]]:
            replies = await client.ask(ReqExecutions(9, **wanted), ExecutionsEnd)
            done = [reply for reply in replies if isinstance(reply, Execution)]
            assert {reply.req_id for reply in done} <= {9}
            bills = {reply.exec_id for reply in replies if isinstance(reply, CommissionReport)}
            assert {reply.exec_id for reply in done} == bills
            return [(reply.client_id, reply.order_id, reply.contract.symbol) for reply in done]

        assert sorted(await found()) == [(0, 0, "ES"), (1, 1, "AAPL"), (5, 1, "MSFT")]
        assert await found(client_id=5) == [(5, 1, "MSFT")]
        assert await found(symbol="ES") == [(0, 0, "ES")]
        assert await found(side="SELL") == [(5, 1, "MSFT")]
        assert await found(sec_type="FUT") == [(0, 0, "ES")]
        assert await found(account="DU7") == []
        assert await found(time="20260311-10:30:30") == []
        assert len(await found(time="20260311-10:29:00")) == 3
        await asyncio.sleep(14 * 3600)
        assert await found() == [], "a new day"

    in_world(test, limit_s=100_000)


def test_completed_orders_are_listed_with_how_they_ended() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 10), order(login, 2, "AAPL", "BUY", 10, FAR), CancelOrder(2))
        login.hand().place("MSFT", "SELL", 20)
        await asyncio.sleep(0.1)
        replies = await client.ask(ReqCompletedOrders(False), CompletedOrdersEnd)
        ended = [(reply.contract.symbol, reply.state.status) for reply in replies if isinstance(reply, CompletedOrder)]
        assert sorted(ended) == [("AAPL", "Cancelled"), ("AAPL", "Filled"), ("MSFT", "Filled")]
        api_only = await client.ask(ReqCompletedOrders(True), CompletedOrdersEnd)
        assert len(api_only) == 3

    in_world(test)


def test_ibkrs_own_liquidation_carries_the_flag_and_no_ones_order() -> None:
    async def test(login: Login, client: WireClient) -> None:
        login.server.trouble.add(faults.Liquidation(contract="AAPL", quantity=Decimal(-30)))
        replies = await client.ask(ReqExecutions(1), ExecutionsEnd)
        (done,) = [reply for reply in replies if isinstance(reply, Execution)]
        assert (done.liquidation, done.shares, done.side, done.client_id) == (1, 30, "SLD", 0)
        assert list(login.positions().values()) == [70]

    in_world(test, holdings={"AAPL": 100})
