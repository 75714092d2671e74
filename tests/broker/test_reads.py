"""Reads: complete or failed, never half; and never the answer to an earlier question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from broker.scripted import (
    AAPL,
    ACCOUNT,
    ES,
    HOST,
    PORT,
    Peer,
    ScriptedTws,
    open_order,
    order_status,
    position,
    scripted,
)
from engine.broker.inquiry import UNASKED_MAX, WAITING_MAX
from engine.broker.link import Link
from engine.broker.reads import Complete, Failed, Outcome, Reads, answer
from engine.core.contracts import Contract
from engine.core.facts import WorkingOrder
from engine.core.units import BLANK, UNSET, Number
from engine.simulator.virtual import settle
from engine.wire import replies, requests
from engine.wire.order import Order, OrderState

TIMEOUT_S = 3.0


async def reading(tws: ScriptedTws) -> Reads:
    link = Link(HOST, PORT, 1)
    reads = Reads(link)
    await link.connect()
    return reads


async def positions(reads: Reads) -> Outcome[Any]:
    return await answer(lambda then: reads.positions(then, TIMEOUT_S))


async def orders(reads: Reads) -> Outcome[Any]:
    return await answer(lambda then: reads.open_orders(then, TIMEOUT_S))


def tell(*messages: replies.Reply) -> Callable[[Peer, Any], tuple[replies.Reply, ...]]:
    return lambda _peer, _request: messages


# --- what was asked for before the connection was ours --------------------------------------------


async def expecting(tws: ScriptedTws, heard: list[Outcome[Any]]) -> Reads:
    link = Link(HOST, PORT, 1)
    reads = Reads(link)
    reads.expect_open_orders(heard.append, 1.0)
    await link.connect()
    tws.peer.send(replies.CurrentTime(1_773_239_400))
    return reads


def test_the_first_end_marker_ends_what_was_asked_before_and_the_second_what_is_asked_now() -> None:
    async def test(tws: ScriptedTws) -> None:
        heard: list[Outcome[Any]] = []
        tws.answers[requests.ReqAllOpenOrders] = tell(replies.OpenOrderEnd())
        reads = await expecting(tws, heard)
        now = asyncio.ensure_future(orders(reads))
        await settle()
        tws.peer.send(open_order(), order_status(), replies.OpenOrderEnd())
        assert await now == Complete(())
        [earlier] = heard
        assert isinstance(earlier, Complete) and len(earlier.value) == 1

    scripted(test)


def test_an_answer_that_was_asked_for_before_and_comes_too_late_is_not_taken_for_that_of_a_later_question() -> None:
    async def test(tws: ScriptedTws) -> None:
        heard: list[Outcome[Any]] = []
        reads = await expecting(tws, heard)
        now = asyncio.ensure_future(orders(reads))
        await asyncio.sleep(1.1)
        assert isinstance(heard[0], Failed)
        tws.peer.send(open_order(), order_status(), replies.OpenOrderEnd())
        await settle()
        assert not now.done()
        tws.peer.send(replies.OpenOrderEnd())
        assert await now == Complete(())

    scripted(test)


# --- positions ------------------------------------------------------------------------------------


def test_positions_are_complete_at_their_end_marker() -> None:
    async def test(tws: ScriptedTws) -> None:
        twice = position(), position()
        tws.answers[requests.ReqPositions] = tell(*twice, position(AAPL, -5, "DU2"), replies.PositionEnd())
        outcome = await positions(await reading(tws))
        assert isinstance(outcome, Complete)
        assert not any(fact.moved for fact in outcome.value)
        assert [(fact.account, fact.quantity) for fact in outcome.value] == [(ACCOUNT, 3), ("DU2", -5)]
        assert not outcome.broker_down

    scripted(test)


def test_positions_without_a_contract_id_are_told_apart_by_their_contracts() -> None:
    async def test(tws: ScriptedTws) -> None:
        es, mes = (Contract(symbol=symbol, sec_type="FUT", local_symbol=f"{symbol}H6") for symbol in ("ES", "MES"))
        rows = (position(es), position(mes, -5), position(es, 4), position(es, 7, "DU2"))
        tws.answers[requests.ReqPositions] = tell(*rows, replies.PositionEnd())
        outcome = await positions(await reading(tws))
        assert isinstance(outcome, Complete)
        told = [(fact.account, fact.contract.symbol, fact.quantity) for fact in outcome.value]
        assert told == [(ACCOUNT, "ES", 4), (ACCOUNT, "MES", -5), ("DU2", "ES", 7)]
        assert [fact.moved for fact in outcome.value] == [True, False, False], "one changed while it was read"

    scripted(test)


def test_no_positions_and_no_answer_are_two_different_things() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        tws.answers[requests.ReqPositions] = tell(replies.PositionEnd())
        assert await positions(reads) == Complete(())
        del tws.answers[requests.ReqPositions]
        outcome = await positions(reads)
        assert isinstance(outcome, Failed)
        assert "no complete answer within 3 s" in outcome.why

    scripted(test)


def test_an_answer_without_its_end_marker_is_no_answer() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqPositions] = tell(position())
        assert isinstance(await positions(await reading(tws)), Failed)

    scripted(test)


def test_a_position_without_a_number_fails_the_read() -> None:
    async def test(tws: ScriptedTws) -> None:
        unknown = replies.Position(ACCOUNT, ES, UNSET, Decimal(1))
        tws.answers[requests.ReqPositions] = tell(position(AAPL), unknown, replies.PositionEnd())
        outcome = await positions(await reading(tws))
        assert isinstance(outcome, Failed)
        assert "no number" in outcome.why

    scripted(test)


def row(con_id: str, symbol: str, quantity: str) -> tuple[str, ...]:
    """A position as TWS sends it, field by field."""
    return "61", "3", ACCOUNT, con_id, symbol, "STK", "", "0", "", "", "ARCA", "USD", symbol, symbol, quantity, "100"


@pytest.mark.parametrize(
    ("damaged", "unread"),
    [
        (row("756733", "SPY", "x1"), (756733, "SPY")),
        (row("756733", "SPY", ""), (756733, "SPY")),
        (row("seven", "SPY", "3"), (0, "SPY")),
        (row(str(AAPL.con_id), "AAPL", "x1"), (AAPL.con_id, "AAPL")),
        (row("seven", "AAPL", "3"), (0, "AAPL")),
    ],
)
def test_a_row_that_cannot_be_read_fails_the_whole_list_or_is_told_beside_the_others(
    damaged: tuple[str, ...], unread: tuple[int, str]
) -> None:
    """And what is told of the same contract elsewhere in the list is not believed either."""

    async def test(tws: ScriptedTws) -> None:
        def told(peer: Peer, _request: Any) -> tuple[replies.Reply, ...]:
            peer.send(position(), position(AAPL, 7), position(AAPL, -5, "DU2"))
            peer.send_raw(*damaged)
            return (replies.PositionEnd(),)

        tws.answers[requests.ReqPositions] = told
        reads = await reading(tws)
        failed = await positions(reads)
        assert isinstance(failed, Failed) and failed.why.startswith("positions: ")
        outcome = await answer(lambda then: reads.positions_as_read(then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        [untold] = outcome.value.unread
        assert (untold.account, untold.con_id, untold.symbol) == (ACCOUNT, *unread) and untold.why in failed.why
        told_of = [(fact.account, fact.contract.symbol) for fact in outcome.value.positions]
        own = [] if unread[1] == "AAPL" else [(ACCOUNT, "AAPL")]
        assert told_of == [(ACCOUNT, "ES"), *own, ("DU2", "AAPL")]

    scripted(test)


@pytest.mark.parametrize("garbage", [("61", "3", ACCOUNT), ("nonsense",)])
def test_a_message_that_cannot_be_read_fails_the_read_it_fell_into(garbage: tuple[str, ...]) -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        read = asyncio.ensure_future(positions(reads))
        await settle()
        tws.peer.send(position())
        tws.peer.send_raw(*garbage)
        tws.peer.send(replies.PositionEnd())
        assert isinstance(await read, Failed)

    scripted(test)


def test_a_message_of_another_kind_that_cannot_be_read_does_not_matter_to_it() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        read = asyncio.ensure_future(positions(reads))
        await settle()
        tws.peer.send_raw("10", "what")
        tws.peer.send(replies.PositionEnd())
        assert await read == Complete(())

    scripted(test)


def test_positions_not_available_yet_is_a_failed_read() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        read = asyncio.ensure_future(positions(reads))
        await settle()
        tws.peer.send(replies.ErrorMessage(-1, 2151, "Positions are not available yet"), replies.PositionEnd())
        assert isinstance(await read, Failed)

    scripted(test)


def test_the_subscription_is_ended_so_that_no_late_update_slips_into_the_next_answer() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqPositions] = tell(replies.PositionEnd())
        reads = await reading(tws)
        await positions(reads)
        await positions(reads)
        await settle()
        kinds = [type(request).__name__ for _, _, request in tws.asked]
        assert kinds == ["ReqPositions", "CancelPositions"] * 2

    scripted(test)


def test_after_a_failed_read_the_subscription_is_ended_before_the_next() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        await positions(reads)
        tws.answers[requests.ReqPositions] = tell(replies.PositionEnd())
        read = asyncio.ensure_future(positions(reads))
        await settle()
        kinds = [type(request).__name__ for _, _, request in tws.asked if "Positions" in type(request).__name__]
        assert kinds == ["ReqPositions", "CancelPositions", "ReqPositions"]
        await read

    scripted(test)


# --- open orders ----------------------------------------------------------------------------------


def test_open_orders_join_order_and_status_by_perm_id() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(
            open_order(perm_id=1, client_id=3, order_id=5, quantity=4, ref="mine"),
            order_status(perm_id=1, client_id=3, order_id=5, filled=1, remaining=3),
            open_order(perm_id=2, client_id=0, order_id=0),
            order_status("PreSubmitted", perm_id=2, client_id=0, order_id=0),
            replies.OpenOrderEnd(),
        )
        outcome = await orders(await reading(tws))
        assert isinstance(outcome, Complete)
        first, typed = outcome.value
        assert (first.perm_id, first.client_id, first.order_id, first.remaining) == (1, 3, 5, 3)
        assert (first.order_ref, first.status, first.buys) == ("mine", "Submitted", True)
        assert (typed.client_id, typed.order_id, typed.status) == (0, 0, "PreSubmitted")

    scripted(test)


@pytest.mark.parametrize(
    ("status", "listed"),
    [("Filled", False), ("Cancelled", False), ("ApiCancelled", False), ("Inactive", True), ("PendingCancel", True)],
)
def test_only_an_order_that_cannot_fill_any_more_is_left_out(status: str, listed: bool) -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(open_order(), order_status(status), replies.OpenOrderEnd())
        outcome = await orders(await reading(tws))
        assert isinstance(outcome, Complete)
        assert bool(outcome.value) is listed

    scripted(test)


def test_an_order_without_a_status_counts_as_unfilled() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(open_order(quantity=4), replies.OpenOrderEnd())
        outcome = await orders(await reading(tws))
        assert isinstance(outcome, Complete)
        assert outcome.value[0].remaining == 4

    scripted(test)


def test_an_order_that_gets_its_perm_id_meanwhile_is_one_order() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(
            open_order(perm_id=0), open_order(perm_id=9), order_status(perm_id=9), replies.OpenOrderEnd()
        )
        outcome = await orders(await reading(tws))
        assert isinstance(outcome, Complete)
        assert [order.perm_id for order in outcome.value] == [9]

    scripted(test)


def test_an_order_id_used_again_after_a_restart_is_two_orders() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(
            open_order(perm_id=1), open_order(perm_id=2), order_status("Cancelled", perm_id=2), replies.OpenOrderEnd()
        )
        outcome = await orders(await reading(tws))
        assert isinstance(outcome, Complete)
        assert [(order.perm_id, order.status) for order in outcome.value] == [(1, "Submitted")]

    scripted(test)


def test_the_list_that_tws_sends_to_a_client_that_starts_is_not_taken_for_the_answer() -> None:
    """Nobody asked for it, it holds this client's orders only, and it has an end marker of its own."""

    async def test(tws: ScriptedTws) -> None:
        del tws.answers[requests.ReqCurrentTime]
        reads = await reading(tws)
        read = asyncio.ensure_future(orders(reads))
        await settle()
        tws.peer.send(replies.OpenOrderEnd(), replies.CurrentTime(1_773_239_400))
        await asyncio.sleep(0.8)
        assert not read.done()
        tws.peer.send(open_order(perm_id=7), order_status(perm_id=7), replies.OpenOrderEnd())
        outcome = await read
        assert isinstance(outcome, Complete)
        assert [order.perm_id for order in outcome.value] == [7]
        again = asyncio.ensure_future(orders(reads))
        await settle()
        tws.peer.send(replies.OpenOrderEnd())
        assert await again == Complete(())  # from now on an end marker is what it says

    scripted(test)


@pytest.mark.parametrize("late_time", [False, True])
def test_where_no_other_end_marker_follows_the_first_one_was_the_answer(late_time: bool) -> None:
    async def test(tws: ScriptedTws) -> None:
        del tws.answers[requests.ReqCurrentTime]
        reads = await reading(tws)
        read = asyncio.ensure_future(orders(reads))
        await settle()
        tws.peer.send(open_order(perm_id=7), replies.OpenOrderEnd())
        if late_time:
            tws.peer.send(replies.CurrentTime(1_773_239_400))
        outcome = await read
        assert isinstance(outcome, Complete)
        assert [order.perm_id for order in outcome.value] == [7]
        assert asyncio.get_running_loop().time() == pytest.approx(1.0 if late_time else 0.25)

    scripted(test)


def test_a_tws_that_tells_the_time_first_costs_the_first_list_nothing() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(replies.OpenOrderEnd())
        assert await orders(await reading(tws)) == Complete(())
        assert asyncio.get_running_loop().time() == 0

    scripted(test)


def test_end_markers_that_come_whether_or_not_anybody_asks_are_no_answers() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(replies.OpenOrderEnd())
        reads = await reading(tws)
        assert await orders(reads) == Complete(())
        for _ in range(UNASKED_MAX + 3):
            tws.peer.send(replies.OpenOrderEnd())
        await settle()
        outcome = await orders(reads)
        assert isinstance(outcome, Failed) and "nobody asked for: is it TWS?" in outcome.why

    scripted(test)


def test_a_tws_that_sent_too_many_for_a_moment_is_believed_again() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(replies.OpenOrderEnd())
        reads = await reading(tws)
        assert await orders(reads) == Complete(())
        for _ in range(3 * UNASKED_MAX):
            tws.peer.send(replies.OpenOrderEnd())
        await settle()
        outcomes = [await orders(reads) for _ in range(3 * UNASKED_MAX // 2)]
        assert isinstance(outcomes[0], Failed) and outcomes[-1] == Complete(())

    scripted(test)


def test_a_tws_that_says_everything_twice_is_believed() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(replies.OpenOrderEnd(), replies.OpenOrderEnd())
        reads = await reading(tws)
        for _ in range(5 * UNASKED_MAX):
            assert await orders(reads) == Complete(())
            await settle()

    scripted(test)


def test_what_an_old_tws_cannot_be_asked_is_a_failed_read() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.completed_orders(2.0, then, TIMEOUT_S))
        assert isinstance(outcome, Failed)
        assert "update TWS" in outcome.why
        tws.answers[requests.ReqPositions] = tell(replies.PositionEnd())
        assert await positions(reads) == Complete(())

    scripted(test, version=100)


def test_completed_orders_are_those_cancelled_since_and_dated_beyond_doubt() -> None:
    def ended(perm_id: int, status: str, time: str) -> replies.CompletedOrder:
        order = Order(action="SELL", order_type="STP", total_quantity=Decimal(1), perm_id=perm_id, account=ACCOUNT)
        return replies.CompletedOrder(ES, order, OrderState(status=status, completed_time=time))

    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqCompletedOrders] = tell(
            ended(1, "Cancelled", "20260311 10:29:59 US/Eastern"),
            ended(2, "Cancelled", "20260311 09:00:00 US/Eastern"),
            ended(3, "Cancelled", "20260311 10:30:00"),
            ended(4, "Filled", "20260311 10:29:59 US/Eastern"),
            ended(5, "ApiCancelled", "20260311-14:29:59"),
            ended(6, "Cancelled", "20260311  10:29:59 EST"),
            ended(7, "Cancelled", "20260311 09:29:59 EST"),  # an hour ago, or now
            ended(8, "Cancelled", "20260311-14:29:57"),
            ended(9, "Cancelled", "20260311-15:29:59"),  # a zone that is not what it seems
            replies.CompletedOrdersEnd(),
        )
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.completed_orders(2.0, then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        assert [(order.perm_id, order.client_id) for order in outcome.value.cancelled] == [
            (perm_id, -1)  # whose it was is not told
            for perm_id in (1, 5, 6)
        ]
        del tws.answers[requests.ReqCurrentTime]
        other = Link(HOST, PORT, 2)
        clockless = Reads(other)
        await other.connect()
        outcome = await answer(lambda then: clockless.completed_orders(2.0, then, TIMEOUT_S))
        assert isinstance(outcome, Complete) and outcome.value.cancelled == ()

    scripted(test)


def test_completed_orders_that_may_have_ended_lately_tell_how_much_of_them_has_filled() -> None:
    def ended(perm_id: int, status: str, time: str, filled: Number = BLANK) -> replies.CompletedOrder:
        order = Order(action="SELL", total_quantity=Decimal(3), filled_quantity=filled, perm_id=perm_id)
        return replies.CompletedOrder(ES, order, OrderState(status=status, completed_time=time))

    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqCompletedOrders] = tell(
            ended(1, "Filled", "20260311 10:29:59 US/Eastern"),
            ended(2, "Cancelled", "20260311 10:29:59 US/Eastern", Decimal(2)),
            ended(3, "Cancelled", "20260311 10:29:59 US/Eastern"),  # not told how much
            ended(4, "Filled", "20260311 10:29:44 US/Eastern"),  # shortly before
            ended(5, "Filled", "20260311 10:29:30 US/Eastern"),
            ended(6, "Filled", "some time"),
            replies.CompletedOrdersEnd(),
        )
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.completed_orders(2.0, then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        assert {order.perm_id: order.filled for order in outcome.value.ended} == {1: 3, 2: 2, 4: 3, 6: 3}

    scripted(test)


def test_a_preview_is_no_open_order() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(open_order(what_if=True), replies.OpenOrderEnd())
        assert await orders(await reading(tws)) == Complete(())

    scripted(test)


def test_a_status_of_a_living_order_of_others_that_is_not_listed_shows_that_the_list_is_not_whole() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)

        async def listed(*messages: replies.Reply) -> Outcome[Any]:
            tws.answers[requests.ReqAllOpenOrders] = tell(*messages, replies.OpenOrderEnd())
            return await orders(reads)

        torn = await listed(order_status(client_id=7, perm_id=901, order_id=6))
        assert isinstance(torn, Failed) and "TWS told the status of order 901" in torn.why
        assert await listed(order_status("Cancelled", client_id=7, perm_id=901, order_id=6)) == Complete(())
        assert await listed(order_status(client_id=1, perm_id=902, order_id=8)) == Complete(()), "our own may move"

    scripted(test)


def test_lists_whose_messages_are_longer_than_they_were_are_read() -> None:
    async def test(tws: ScriptedTws) -> None:
        def longer(*told: replies.Reply) -> Any:
            def say(peer: Peer, _request: Any) -> tuple[replies.Reply, ...]:
                for reply in told:
                    peer.send_raw(*peer.session.send(reply)[4:].decode().split("\0")[:-1], "new")
                return ()

            return say

        tws.answers[requests.ReqPositions] = longer(position(AAPL, 7), replies.PositionEnd())
        tws.answers[requests.ReqAllOpenOrders] = longer(open_order(perm_id=7), replies.OpenOrderEnd())
        reads = await reading(tws)
        held = await positions(reads)
        assert isinstance(held, Complete)
        assert [fact.quantity for fact in held.value] == [7]
        assert listed(await orders(reads)) == [7]

    scripted(test)


def test_an_order_whose_message_is_damaged_behind_its_head_is_still_an_open_order() -> None:
    async def test(tws: ScriptedTws) -> None:
        def damaged(peer: Peer, _request: Any) -> tuple[replies.Reply, ...]:
            whole = peer.session.send(open_order())[4:].decode()
            peer.send_raw(*whole.split("\0")[:-1], "one field too many")
            return (replies.OpenOrderEnd(),)

        tws.answers[requests.ReqAllOpenOrders] = damaged
        outcome = await orders(await reading(tws))
        assert isinstance(outcome, Complete)
        assert [order.contract.con_id for order in outcome.value] == [open_order().contract.con_id]

    scripted(test)


# --- whose end marker is it? ----------------------------------------------------------------------


def test_a_late_answer_is_not_taken_for_the_answer_to_the_next_question() -> None:
    """The rows and the end of the first read come when the second is under way: only the second end counts."""

    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        assert isinstance(await positions(reads), Failed)
        read = asyncio.ensure_future(positions(reads))
        await settle()
        tws.peer.send(position(ES, 3), replies.PositionEnd())  # late
        await asyncio.sleep(0.5)
        assert not read.done()
        tws.peer.send(position(ES, 1), replies.PositionEnd())
        outcome = await read
        assert isinstance(outcome, Complete)
        assert [fact.quantity for fact in outcome.value] == [1]

    scripted(test)


def test_a_late_end_marker_between_two_reads_is_counted_too() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        await positions(reads)
        tws.peer.send(position(ES, 3), replies.PositionEnd())
        await settle()
        tws.answers[requests.ReqPositions] = tell(replies.PositionEnd())
        assert await positions(reads) == Complete(())

    scripted(test)


def test_a_lost_answer_does_not_spoil_all_that_follow() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        assert isinstance(await positions(reads), Failed)  # this answer never comes
        tws.answers[requests.ReqPositions] = tell(position(), replies.PositionEnd())
        began = asyncio.get_running_loop().time()
        outcome = await positions(reads)
        assert isinstance(outcome, Failed)  # it could still be the first one's
        assert "asking anew" in outcome.why
        assert asyncio.get_running_loop().time() - began == pytest.approx(TIMEOUT_S / 3, abs=0.01)
        assert isinstance(await positions(reads), Complete)

    scripted(test)


def test_reads_of_one_kind_stand_in_line_and_each_has_its_own_answer() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        first, second = asyncio.ensure_future(positions(reads)), asyncio.ensure_future(positions(reads))
        await settle()
        assert len(tws.requests(requests.ReqPositions)) == 1
        tws.peer.send(position(ES, 3), replies.PositionEnd())
        await settle()
        assert len(tws.requests(requests.ReqPositions)) == 2
        tws.peer.send(position(ES, 1), replies.PositionEnd())
        outcomes = [await first, await second]
        assert [outcome.value[0].quantity for outcome in outcomes if isinstance(outcome, Complete)] == [3, 1]

    scripted(test)


def test_the_line_is_bounded() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        line = [asyncio.ensure_future(positions(reads)) for _ in range(WAITING_MAX + 1)]
        await settle()
        assert isinstance(await line[-1], Failed)
        reads.abandon_all("the test is over")
        assert all(isinstance(outcome, Failed) for outcome in await asyncio.gather(*line))

    scripted(test)


def test_a_lost_connection_fails_every_read_at_once() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        waiting = [asyncio.ensure_future(positions(reads)) for _ in range(3)]
        waiting.append(asyncio.ensure_future(answer(lambda then: reads.executions(then, TIMEOUT_S))))
        await settle()
        tws.peer.transport.abort()
        outcomes = [await read for read in waiting]
        assert all(isinstance(outcome, Failed) and "lost" in outcome.why for outcome in outcomes)
        assert asyncio.get_running_loop().time() == 0
        assert isinstance(await positions(reads), Failed)

    scripted(test)


def test_a_read_during_which_tws_lost_ibkr_says_so() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        read = asyncio.ensure_future(positions(reads))
        await settle()
        tws.peer.send(replies.ErrorMessage(-1, 1100, "lost"), replies.PositionEnd())
        assert await read == Complete((), broker_down=True)
        tws.answers[requests.ReqPositions] = tell(replies.PositionEnd())
        assert await positions(reads) == Complete((), broker_down=True)  # still down when it was asked
        tws.peer.send(replies.ErrorMessage(-1, 1102, "back"))
        await settle()
        assert await positions(reads) == Complete((), broker_down=False)

    scripted(test)


def listed(outcome: Outcome[tuple[WorkingOrder, ...]]) -> list[int]:
    assert isinstance(outcome, Complete)
    return [order.perm_id for order in outcome.value]


def test_an_answer_that_takes_as_long_as_the_one_before_it_is_not_left_out() -> None:
    """The first is given up as it comes, and the second is as long on its way."""

    async def test(tws: ScriptedTws) -> None:
        def late(peer: Peer, _request: object) -> list[replies.Reply]:
            whole = (open_order(perm_id=7), replies.OpenOrderEnd())
            asyncio.get_running_loop().call_later(4.0, lambda: peer.send(*whole))
            return []

        def time_late(peer: Peer, _request: object) -> list[replies.Reply]:
            asyncio.get_running_loop().call_later(4.0, lambda: peer.send(replies.CurrentTime(1_773_239_400)))
            return []

        tws.answers[requests.ReqAllOpenOrders] = late
        tws.answers[requests.ReqCurrentTime] = time_late
        reads = await reading(tws)
        began = asyncio.get_running_loop().time()
        assert isinstance(await orders(reads), Failed)
        outcome = await answer(lambda then: reads.open_orders(then, 2 * TIMEOUT_S))
        assert listed(outcome) == [7]
        assert asyncio.get_running_loop().time() - began == pytest.approx(TIMEOUT_S + 4.0, abs=0.1)
        assert len(tws.requests(requests.ReqAllOpenOrders)) == 2

    scripted(test)


@pytest.mark.parametrize("tells_the_time", [True, False])
@pytest.mark.parametrize("later_s", [0, 0.05, 0.2])
def test_an_end_marker_that_comes_twice_does_not_empty_the_next_list(later_s: float, tells_the_time: bool) -> None:
    async def test(tws: ScriptedTws) -> None:
        if not tells_the_time:
            del tws.answers[requests.ReqCurrentTime]
        row = open_order(perm_id=7)

        def twice(peer: Peer, _request: object) -> list[replies.Reply]:
            asyncio.get_running_loop().call_later(later_s, lambda: peer.send(replies.OpenOrderEnd()))
            return [row, replies.OpenOrderEnd()]

        tws.answers[requests.ReqAllOpenOrders] = twice
        reads = await reading(tws)
        for pause_s in (0, 0.04, 0.1, 0.2, 0.5):
            assert listed(await orders(reads)) == [7]
            await asyncio.sleep(pause_s)

    scripted(test)


def test_rows_behind_an_end_marker_that_may_not_be_ours_are_of_the_list() -> None:
    async def test(tws: ScriptedTws) -> None:
        del tws.answers[requests.ReqCurrentTime]
        tws.answers[requests.ReqAllOpenOrders] = tell(replies.OpenOrderEnd(), open_order(perm_id=7))
        assert listed(await orders(await reading(tws))) == [7]

    scripted(test)


def test_where_another_end_marker_came_just_before_something_is_asked_between_them() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(open_order(perm_id=7), replies.OpenOrderEnd())
        reads = await reading(tws)
        began_s = asyncio.get_running_loop().time()
        for _ in range(3):
            await orders(reads)
        assert asyncio.get_running_loop().time() == began_s  # where TWS answers, it costs no time
        asked = [type(request) for _, _, request in tws.asked]
        assert asked.count(requests.ReqCurrentTime) == 2  # for the clock, and behind the first list
        await asyncio.sleep(2)
        await orders(reads)
        assert [type(request) for _, _, request in tws.asked][len(asked) :] == [requests.ReqAllOpenOrders]

    scripted(test)


def test_where_tws_repeats_its_end_markers_every_list_that_follows_soon_is_fenced_off() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(
            open_order(perm_id=7), replies.OpenOrderEnd(), replies.OpenOrderEnd()
        )
        reads = await reading(tws)
        for _ in range(6):
            assert listed(await orders(reads)) == [7]
        asked = [type(request) for _, _, request in tws.asked]
        assert asked.count(requests.ReqCurrentTime) == 6  # the first is for the clock

    scripted(test)


def test_an_answer_to_the_time_that_is_lost_holds_lists_for_a_moment_only() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = tell(open_order(perm_id=7), replies.OpenOrderEnd())
        reads = await reading(tws)
        await orders(reads)
        answered = tws.answers.pop(requests.ReqCurrentTime)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert listed(await orders(reads)) == [7] and loop.time() - began_s == pytest.approx(0.25)
        tws.answers[requests.ReqCurrentTime] = answered
        await asyncio.sleep(2.5)
        for _ in range(2):
            began_s = loop.time()
            await orders(reads)
            assert loop.time() == began_s

    scripted(test)
