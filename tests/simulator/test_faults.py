"""Every fault can be seen from a client's chair, and ends when it should."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.contracts import Contract
from engine.simulator import faults
from engine.simulator.server import Kind, Login
from engine.simulator.virtual import VirtualLoop, run
from engine.wire.order import Order
from engine.wire.replies import (
    CommissionReport,
    CompletedOrdersEnd,
    CurrentTime,
    Execution,
    ExecutionsEnd,
    ManagedAccounts,
    NextValidId,
    OpenOrder,
    OpenOrderEnd,
    OrderStatus,
    Position,
    PositionEnd,
)
from engine.wire.requests import (
    CancelOrder,
    PlaceOrder,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqCurrentTime,
    ReqExecutions,
    ReqGlobalCancel,
    ReqPositions,
)
from simulator.wire_client import WireClient, connect, in_world, instrument, order, small_world

FAR = Decimal(210)
LONG_PUT, SHORT_PUT = "OPT SPY 20260417 580 P", "OPT SPY 20260417 560 P"


def statuses(client: WireClient, order_id: int = 1) -> list[str]:
    return [reply.status for reply in client.of(OrderStatus) if reply.order_id == order_id]


def beyond(test: Any, *planned: faults.AnyFault, **world: Any) -> Any:
    """Run a test against a world in which even connecting may fail."""

    async def main(_loop: VirtualLoop) -> Any:
        async with small_world(*planned, **world) as made:
            return await test(made.login("paper"))

    return run(main)


# --- the connection ------------------------------------------------------------------------------------
def test_what_is_said_after_a_latency_has_ended_does_not_overtake_what_is_still_on_its_way() -> None:
    async def test(login: Login, client: WireClient) -> None:
        login.server.trouble.add(faults.Latency(seconds=5.0, for_s=1.0))
        login.server.broadcast(CurrentTime(0))
        await asyncio.sleep(2)
        for number in range(1, 40):
            login.server.broadcast(CurrentTime(number))
            await asyncio.sleep(0.05)
        await asyncio.sleep(10)
        assert [reply.time_s for reply in client.of(CurrentTime)] == list(range(40))

    in_world(test)


def test_latency_delays_both_ways_and_keeps_order() -> None:
    async def test(login: Login, client: WireClient) -> None:
        began = login.server.clock.elapsed_s()
        await client.ask(ReqCurrentTime(), CurrentTime)
        assert 0.6 <= login.server.clock.elapsed_s() - began <= 1.0
        for number in range(1, 6):
            client.send(order(login, number, "AAPL", "BUY", number, FAR))
        await client.until(lambda: statuses(client, 5))
        assert list(dict.fromkeys(reply.order_id for reply in client.of(OpenOrder))) == [1, 2, 3, 4, 5]

    in_world(test, faults.Latency(seconds=0.3, jitter_s=0.2))


def test_half_open_hears_acts_and_says_nothing_until_a_new_connection() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqGlobalCancel(), order(login, 1, "AAPL", "BUY", 1, FAR), ReqCurrentTime())
        await asyncio.sleep(60)
        assert not client.of(CurrentTime)
        assert not client.lost.done()
        assert len(login.working()) == 1
        again = await connect(login.ports[0], 2)
        await again.ask(ReqCurrentTime(), CurrentTime)

    in_world(test, faults.HalfOpen(on="ReqGlobalCancel"))


def test_a_black_hole_accepts_and_does_nothing() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqGlobalCancel())
        await asyncio.sleep(1)
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR), ReqCurrentTime())
        later = await connect(login.ports[0], 2, ready=False)
        await asyncio.sleep(60)
        assert not client.of(CurrentTime)
        assert not login.working()
        assert not later.chunks
        assert not later.lost.done()

    in_world(test, faults.BlackHole(on="ReqGlobalCancel"))


@pytest.mark.parametrize(("stage", "version"), [("handshake", 0), ("start", 178)])
def test_an_open_dialog_is_silence(stage: Any, version: int) -> None:
    async def test(login: Login) -> None:
        client = await connect(login.ports[0], 1, ready=False)
        await asyncio.sleep(60)
        assert client.session.version == version
        assert client.replies == []
        assert not client.lost.done()

    beyond(test, faults.SilentAccept(stage=stage))


@pytest.mark.parametrize("hears", [False, True])
def test_a_slow_start_names_the_accounts_first_and_drops_what_comes_before_it_is_over(hears: bool) -> None:
    async def test(login: Login) -> None:
        client = await connect(login.ports[0], 1, ready=False)
        await asyncio.sleep(1)
        client.send(ReqCurrentTime())
        await asyncio.sleep(3)
        assert not client.of(ManagedAccounts)
        assert bool(client.of(CurrentTime)) is hears
        await asyncio.sleep(2)
        assert client.of(ManagedAccounts) and not client.of(NextValidId)
        await asyncio.sleep(5)
        assert client.of(NextValidId) and len(client.of(ManagedAccounts)) == 1
        await client.ask(ReqCurrentTime(), CurrentTime)

    beyond(test, faults.SlowStart(seconds=10, accounts_s=5, hears=hears))


def test_immediate_eof_for_the_first_connections() -> None:
    async def test(login: Login) -> None:
        for _ in range(2):
            client = await connect(login.ports[0], 1, ready=False)
            await client.gone()
            assert not client.chunks
        assert (await connect(login.ports[0], 1)).ready.is_set()

    beyond(test, faults.ImmediateEof(first=2))


def test_not_running_refuses_and_comes_back() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(6)
        assert client.lost.done()
        with pytest.raises(ConnectionRefusedError):
            await connect(login.ports[0], 1)
        await asyncio.sleep(10)
        assert (await connect(login.ports[0], 1)).ready.is_set()

    in_world(test, faults.NotRunning(after_s=5, for_s=10))


def test_a_restart_ends_connections_and_counts_ids_from_the_beginning() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 41, "AAPL", "BUY", 1))
        await client.until(lambda: "Filled" in statuses(client, 41))
        client.send(ReqGlobalCancel())
        await client.gone()
        with pytest.raises(ConnectionRefusedError):
            await connect(login.ports[0], 1)
        await asyncio.sleep(21)
        again = await connect(login.ports[0], 1)
        assert again.of(NextValidId) == [NextValidId(1)]
        again.send(order(login, 41, "AAPL", "BUY", 1))
        await again.until(lambda: "Filled" in statuses(again, 41)), "a done order's id is free again"

    in_world(test, faults.Restart(on="ReqGlobalCancel", down_s=20))


@pytest.mark.parametrize("as_eof", [False, True])
def test_busy_ids_are_refused_and_an_emergency_id_gets_in(as_eof: bool) -> None:
    async def test(login: Login) -> None:
        client = await connect(login.ports[0], 1, ready=False)
        await client.gone()
        assert [reply.code for reply in client.replies] == ([] if as_eof else [326])
        assert (await connect(login.ports[0], 9000)).ready.is_set()

    beyond(test, faults.ClientIdBusy(as_eof=as_eof))


@pytest.mark.parametrize(("how", "error"), [("eof", type(None)), ("reset", ConnectionResetError)])
def test_a_connection_ends_after_so_many_messages(how: Any, error: type) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(*[ReqCurrentTime()] * 3)
        assert isinstance(await client.gone(), error)
        again = await connect(login.ports[0], 1)
        again.send(*[ReqCurrentTime()] * 10)
        await again.until(lambda: len(again.of(CurrentTime)) == 10)

    in_world(test, faults.Disconnect(after_messages=3, how=how))


def test_a_tighter_pacing_limit_ends_the_session_at_once() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(2)
        client.send(*[ReqCurrentTime()] * 11)
        await client.gone()
        assert len(client.errors(100)) == 1

    in_world(test, faults.Pacing(messages_max=10, breaches_max=1))


# --- the link to IBKR ----------------------------------------------------------------------------------
def test_while_the_link_is_lost_reads_come_from_memory_and_fills_go_unreported() -> None:
    async def test(login: Login, client: WireClient) -> None:
        other = await connect(login.ports[0], 2)
        client.send(order(login, 1, "AAPL", "BUY", 7))
        await client.until(lambda: client.errors(1100))
        await asyncio.sleep(5)
        assert sum(login.positions().values()) == 7, "it filled"
        *held, _ = await other.ask(ReqPositions(), PositionEnd)
        assert held == []
        listed = await other.ask(ReqAllOpenOrders(), OpenOrderEnd)
        assert [reply.order_id for reply in listed if isinstance(reply, OpenOrder)] == [1]
        assert await other.ask(ReqExecutions(1), ExecutionsEnd) == [ExecutionsEnd(1)]
        await client.until(lambda: client.errors(1102))
        await asyncio.sleep(5)
        assert not client.of(Execution), "never replayed"
        assert "Filled" not in statuses(client)
        replies = await client.ask(ReqExecutions(1), ExecutionsEnd)
        assert [reply.shares for reply in replies if isinstance(reply, Execution)] == [7], "but told when asked"
        *held, _ = await other.ask(ReqPositions(), PositionEnd)
        assert [position.position for position in held] == [7]

    in_world(test, faults.SlowFill(seconds=2), faults.LinkLost(on="PlaceOrder", after_s=1, for_s=10))


def test_orders_sent_into_a_lost_link_are_kept_and_submitted_later() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await client.until(lambda: client.errors(1100))
        client.send(order(login, 1, "AAPL", "BUY", 7), order(login, 2, "AAPL", "BUY", 5, FAR))
        await client.until(lambda: statuses(client, 2))
        assert statuses(client) == ["PendingSubmit"]
        listed = await client.ask(ReqAllOpenOrders(), OpenOrderEnd)
        assert [reply.order_id for reply in listed if isinstance(reply, OpenOrder)] == [1, 2]
        assert not login.positions()
        client.send(CancelOrder(2))
        await client.until(lambda: client.errors(202))
        await client.until(lambda: client.errors(1101))
        await client.until(lambda: "Filled" in statuses(client))
        assert sum(login.positions().values()) == 7

    in_world(test, faults.LinkLost(after_s=1, for_s=10, restored=1101))


@pytest.mark.parametrize("kept", [False, True])
def test_cancels_sent_into_a_lost_link_are_lost_or_kept(kept: bool) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 7, FAR))
        await client.until(lambda: client.errors(1100))
        client.send(ReqGlobalCancel())
        await client.until(lambda: client.errors(1102))
        await asyncio.sleep(1)
        assert len(login.working()) == (0 if kept else 1)

    in_world(test, faults.LinkLost(after_s=1, for_s=10, cancels_kept=kept))


def test_who_connects_while_the_link_is_lost_is_told() -> None:
    async def test(login: Login) -> None:
        client = await connect(login.ports[0], 1)
        await client.until(lambda: client.errors(1100))

    beyond(test, faults.LinkLost())


# --- requests and replies ------------------------------------------------------------------------------
def test_dropped_requests_vanish_without_a_word_for_as_long_as_said() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR))
        await asyncio.sleep(4)
        client.send(order(login, 2, "AAPL", "BUY", 1, FAR))
        await asyncio.sleep(2)
        client.send(order(login, 3, "AAPL", "BUY", 1, FAR))
        await client.until(lambda: statuses(client, 3))
        assert [view.request.order_id for view in login.working()] == [3]
        assert not statuses(client, 1) + statuses(client, 2)

    in_world(test, faults.DropRequests(requests=("PlaceOrder",), on="PlaceOrder", for_s=5))


def test_only_the_first_and_only_the_named_clients_requests_are_dropped() -> None:
    async def test(login: Login, client: WireClient) -> None:
        other = await connect(login.ports[0], 2)
        other.send(order(login, 1, "AAPL", "BUY", 1, FAR))
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR), order(login, 2, "AAPL", "BUY", 1, FAR))
        await asyncio.sleep(1)
        assert [(view.request.client_id, view.request.order_id) for view in login.working()] == [(2, 1), (1, 2)]

    in_world(test, faults.DropRequests(requests=("PlaceOrder",), first=1, client_ids=(1,)))


@pytest.mark.parametrize(("dropped", "left"), [(("Position", "PositionEnd"), 0), (("PositionEnd",), 1)])
def test_a_read_can_stay_unanswered_or_without_its_end(dropped: tuple[str, ...], left: int) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqPositions())
        await asyncio.sleep(60)
        assert len(client.of(Position)) == left
        assert not client.of(PositionEnd)

    in_world(test, faults.DropReplies(replies=dropped), holdings={"AAPL": 5})


def test_a_read_can_be_answered_with_an_error_a_few_times() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqPositions())
        await client.until(lambda: client.errors(2151))
        await client.ask(ReqPositions(), PositionEnd)

    in_world(test, faults.AnswerError(requests=("ReqPositions",), code=2151, text="not available", first=1))


def test_delayed_requests_are_overtaken() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(ReqPositions(), ReqCurrentTime())
        await client.until(lambda: client.of(PositionEnd))
        kinds = [type(reply) for reply in client.replies]
        assert kinds.index(CurrentTime) < kinds.index(PositionEnd)
        assert login.server.clock.elapsed_s() >= 4

    in_world(test, faults.DelayRequests(requests=("ReqPositions",), seconds=4))


@pytest.mark.parametrize(("late_s", "reads"), [(0.0, True), (20.0, False)])
def test_read_only_refuses_orders_and_cancels_and_perhaps_order_lists(late_s: float, reads: bool) -> None:
    async def test(login: Login, client: WireClient) -> None:
        login.trader(5).place("AAPL", "BUY", 1, "LMT", FAR)
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR), ReqGlobalCancel())
        await client.until(lambda: len(client.errors(321)) == 2)
        assert login.server.clock.elapsed_s() >= late_s
        assert {error.req_id for error in client.errors(321)} == {1, 2147483647}
        assert len(login.working()) == 1
        client.send(ReqAllOpenOrders())
        await asyncio.sleep(30)
        assert bool(client.of(OpenOrderEnd)) is not reads

    in_world(test, faults.ReadOnly(late_s=late_s, reads=reads))


def test_order_messages_repeat_overtake_and_stay_away() -> None:
    def seen(**noise: float) -> list[tuple[int, str]]:
        async def test(login: Login, client: WireClient) -> list[tuple[int, str]]:
            for number in range(1, 11):
                client.send(order(login, number, "AAPL", "BUY", 1, FAR))
                await asyncio.sleep(0.02)
            await asyncio.sleep(2)
            return [(reply.order_id, reply.status) for reply in client.of(OrderStatus)]

        return in_world(test, faults.StatusNoise(**noise))

    plain = seen()
    assert len(seen(duplicate_pct=100)) == 2 * len(plain)
    assert seen(omit_pct=100) == []
    shuffled = seen(reorder_pct=50)
    assert shuffled != plain
    assert sorted(shuffled) == sorted(plain)


@pytest.mark.parametrize("seconds", [None, 5.0])
def test_commission_reports_come_late_or_never(seconds: float | None) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await client.until(lambda: client.of(Execution))
        assert not client.of(CommissionReport)
        await asyncio.sleep(6)
        assert len(client.of(CommissionReport)) == (0 if seconds is None else 1)

    in_world(test, faults.LateCommissions(seconds=seconds))


# --- orders --------------------------------------------------------------------------------------------
def test_rejections_by_contract_side_and_number() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(
            order(login, 1, "AAPL", "SELL", 1),
            order(login, 2, "AAPL", "BUY", 1, FAR),
            order(login, 3, "MSFT", "SELL", 1),
            order(login, 4, "AAPL", "SELL", 1),
        )
        await client.until(lambda: "Filled" in statuses(client, 4))
        assert [error.req_id for error in client.errors(201)] == [1]

    in_world(test, faults.Reject(contract="AAPL", action="SELL", first=1))


def test_only_one_kind_of_order_is_refused() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 5))
        await client.until(lambda: client.errors(201))
        ask = login.exchange.quote(instrument(login, "AAPL").con_id).ask
        client.send(order(login, 2, "AAPL", "BUY", 5, ask + 1))
        await client.until(lambda: "Filled" in statuses(client, 2))

    in_world(test, faults.Reject(order_type="MKT"))


def test_a_long_leg_is_refused_while_the_short_one_is_open() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, LONG_PUT, "SELL", 2))
        await client.until(lambda: client.errors(201))
        client.send(order(login, 2, SHORT_PUT, "BUY", 2))
        await client.until(lambda: "Filled" in statuses(client, 2))
        client.send(order(login, 3, LONG_PUT, "SELL", 2))
        await client.until(lambda: "Filled" in statuses(client, 3))

    in_world(
        test,
        faults.Reject(contract=LONG_PUT, action="SELL", while_short_options=True),
        holdings={LONG_PUT: 2, SHORT_PUT: -2},
    )


@pytest.mark.parametrize("order_type", ["LMT", "STP"])
def test_an_order_fills_between_the_cancels_arrival_and_its_effect(order_type: str) -> None:
    async def test(login: Login, client: WireClient) -> None:
        price = {"lmt_price": FAR} if order_type == "LMT" else {"aux_price": Decimal(250)}
        client.send(order(login, 1, "AAPL", "BUY", 5, order_type=order_type, **price))
        client.send(order(login, 2, "MSFT", "BUY", 5, Decimal(400)))
        await client.until(lambda: statuses(client, 2))
        before = login.exchange.quote(instrument(login, "AAPL").con_id).last
        client.send(ReqGlobalCancel())
        await client.until(lambda: client.errors(10148) and client.errors(202))
        assert statuses(client)[-1] == "Filled"
        assert statuses(client, 2)[-1] == "Cancelled"
        assert list(login.positions().values()) == [5]
        assert abs(login.exchange.quote(instrument(login, "AAPL").con_id).last - before) < 1

    in_world(test, faults.FillRace(first=1))


def test_slow_acknowledgements_and_slow_fills() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await client.until(lambda: "PreSubmitted" in statuses(client) or "Submitted" in statuses(client))
        assert 6 <= login.server.clock.elapsed_s() < 6.1
        await client.until(lambda: "Filled" in statuses(client))
        assert 9 <= login.server.clock.elapsed_s() < 9.1

    in_world(test, faults.SlowAck(seconds=6), faults.SlowFill(seconds=3))


def test_partial_fills_add_up() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 20))
        await client.until(lambda: "Filled" in statuses(client))
        shares = [reply.shares for reply in client.of(Execution)]
        assert len(shares) > 4
        assert max(shares) <= 4
        assert sum(shares) == 20

    in_world(test, faults.PartialFills(quantity=Decimal(4)))


@pytest.mark.parametrize("cap", [False, True])
def test_a_limit_too_far_through_the_market_is_cancelled_or_capped(cap: bool) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, limit=300))
        await client.until(lambda: client.errors(2161 if cap else 202))
        await asyncio.sleep(2)
        assert sum(login.positions().values()) == (1 if cap else 0)

    in_world(test, faults.FarLimits(percent=Decimal(2), cap=cap))


# --- the world -----------------------------------------------------------------------------------------
def test_without_a_bid_nothing_is_sold_until_there_is_one() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, LONG_PUT, "SELL", 1))
        await asyncio.sleep(8)
        assert sum(login.positions().values()) == 2
        await client.until(lambda: "Filled" in statuses(client))

    in_world(test, faults.NoBid(contract=LONG_PUT, for_s=10), holdings={LONG_PUT: 2})


def test_a_market_order_may_find_nobody_where_a_limit_fills() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "SELL", 1))
        await asyncio.sleep(8)
        assert set(statuses(client)) == {"Submitted"}
        client.send(order(login, 2, "AAPL", "SELL", 1, limit=220))
        await client.until(lambda: "Filled" in statuses(client, 2))
        await asyncio.sleep(5)
        assert sum(login.positions().values()) == 1
        await client.until(lambda: not any(login.positions().values()))  # as soon as the fault is over

    in_world(test, faults.IdleMarketOrders(contract="AAPL", for_s=20), holdings={"AAPL": 2})


@pytest.mark.parametrize("hold", [False, True])
def test_a_halt_refuses_or_keeps_orders(hold: bool) -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await client.until(lambda: client.errors(2128 if hold else 154))
        await asyncio.sleep(12)
        assert bool(login.positions()) is hold
        client.send(order(login, 2, "AAPL", "BUY", 1))
        await client.until(lambda: "Filled" in statuses(client, 2)), "trading has resumed"

    in_world(test, faults.Halted(contract="AAPL", hold=hold, for_s=10))


def test_a_closed_market_queues_orders_with_399() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1))
        await client.until(lambda: client.errors(399))
        assert "will not be placed at the exchange until" in client.errors(399)[0].text
        assert statuses(client)[-1] == "PreSubmitted"
        assert not login.positions()

    in_world(test, faults.ClosedMarket(contract="AAPL"))


def test_a_price_jump_moves_the_market() -> None:
    async def test(login: Login, client: WireClient) -> None:
        await asyncio.sleep(2)
        assert login.exchange.quote(instrument(login, "FUT ES").con_id).last < 5710

    in_world(test, faults.PriceJump(contract="FUT ES", price=Decimal(5700), after_s=1))


def test_another_program_trades_and_leaves_orders_again_and_again() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "SELL", 10))
        await asyncio.sleep(0.1)
        assert login.positions()[("DU1", instrument(login, "FUT ES").con_id)] == 1
        await asyncio.sleep(10)
        assert login.positions()[("DU1", instrument(login, "FUT ES").con_id)] == 3
        assert [view.request.client_id for view in login.working()] == [77, 77, 77]
        assert not [reply for reply in client.of(OpenOrder) if reply.order_id != 1]

    trade = faults.IntruderOrder(contract="FUT ES", action="BUY", quantity=Decimal(1))
    rest = faults.IntruderOrder(contract="AAPL", action="BUY", quantity=Decimal(1), order_type="LMT", limit=FAR)
    in_world(test, faults.Intruder(on="CloseOrder", orders=(trade, rest), times=3, every_s=2), holdings={"AAPL": 10})


# --- when --------------------------------------------------------------------------------------------
def test_a_fault_waits_for_its_request_and_its_login() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR), order(login, 2, "AAPL", "BUY", 1, FAR))
        await asyncio.sleep(1)
        assert not login.server.trouble.in_force()
        assert len(login.server.trouble.planned()) == 1
        client.send(order(login, 3, "AAPL", "BUY", 1, FAR))
        await asyncio.sleep(4.9)
        assert not login.server.trouble.in_force()
        await asyncio.sleep(0.2)
        assert [fault.kind for fault in login.server.trouble.in_force()] == ["silent-fills"]
        await asyncio.sleep(2)
        assert not login.server.trouble.in_force()
        texts = [entry.text for entry in login.server.log if entry.kind is Kind.FAULT]
        assert texts == ["begins: silent-fills", "ends: silent-fills"]

    in_world(
        test, faults.SilentFills(on="PlaceOrder", nth=3, after_s=5, for_s=2), faults.SilentFills(login="elsewhere")
    )


def test_faults_can_be_added_and_cleared_while_running() -> None:
    async def test(login: Login, client: WireClient) -> None:
        login.server.trouble.add(faults.Halted(contract="AAPL"))
        login.server.trouble.add(faults.SlowCancel(seconds=9))
        login.server.trouble.clear()
        client.send(order(login, 1, "AAPL", "BUY", 1), order(login, 2, "AAPL", "BUY", 1, FAR), CancelOrder(2))
        await client.until(lambda: "Filled" in statuses(client) and client.errors(202))
        assert login.server.clock.elapsed_s() < 1

    in_world(test)


def test_standing_order_lists_show_what_was_while_each_order_is_told() -> None:
    async def test(login: Login, client: WireClient) -> None:
        client.send(order(login, 1, "AAPL", "BUY", 1, FAR))
        await client.until(lambda: "Submitted" in statuses(client))
        login.server.trouble.add(faults.StandingFeed(feed="orders", for_s=30))
        client.send(CancelOrder(1), order(login, 2, "MSFT", "BUY", 1))
        await client.until(lambda: client.errors(202) and "Filled" in statuses(client, 2))
        listed = [
            one.order_id for one in await client.ask(ReqAllOpenOrders(), OpenOrderEnd) if isinstance(one, OpenOrder)
        ]
        assert listed == [1]
        assert len(await client.ask(ReqCompletedOrders(api_only=True), CompletedOrdersEnd)) == 1
        await asyncio.sleep(30)
        assert len(await client.ask(ReqAllOpenOrders(), OpenOrderEnd)) == 1
        assert len(await client.ask(ReqCompletedOrders(api_only=True), CompletedOrdersEnd)) == 3

    in_world(test)


def test_a_closing_order_is_one_against_a_position() -> None:
    async def test(login: Login, client: WireClient) -> None:
        plain = Order(action="SELL", total_quantity=Decimal(1), order_type="MKT")
        close = PlaceOrder(1, Contract(con_id=instrument(login, "AAPL").con_id), plain)
        other = PlaceOrder(2, Contract(con_id=instrument(login, "MSFT").con_id), plain)
        assert login.server.orders.names_of(client, close) == ("PlaceOrder", "CloseOrder")
        assert login.server.orders.names_of(client, other) == ("PlaceOrder",)

    in_world(test, holdings={"AAPL": 10})


# faults whose test stands with their subject
ELSEWHERE = {
    "silent-fills",
    "stale-positions",
    "account-not-ready",
    "old-account-values",
    "liquidation",
    "slow-cancel",
    "assignment",
}


def test_every_fault_is_tested_here_or_with_its_subject() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    missing = {kind.__struct_config__.tag for kind in faults.ALL if f"faults.{kind.__name__}(" not in text}
    assert missing <= ELSEWHERE
