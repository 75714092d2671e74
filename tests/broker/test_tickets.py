"""Placed orders: acknowledged, refused, or nobody knows; and never sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from broker.scripted import ES, HOST, PORT, ScriptedTws, execution, open_order, order_status, scripted
from engine.broker.link import Link
from engine.broker.reads import Reads
from engine.broker.tickets import Tickets
from engine.simulator.virtual import settle
from engine.wire import replies, requests
from engine.wire.order import Order

ORDER = Order(action="BUY", total_quantity=Decimal(2), order_type="LMT", lmt_price=Decimal(99), account="DU1")
PATIENCE_S = 2.0


def run_tickets(test: Callable[[ScriptedTws, Tickets], Awaitable[None]]) -> None:
    async def main(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [replies.OpenOrderEnd()]
        link = Link(HOST, PORT, 1)
        reads = Reads(link)
        tickets = Tickets("paper", link, reads)
        await link.connect()
        await test(tws, tickets)
        assert len(tws.requests(requests.PlaceOrder)) <= 1

    scripted(main)


def shown(status: str = "Submitted") -> Callable[[Any, Any], list[replies.Reply]]:
    return lambda _peer, request: [
        open_order(order_id=request.order_id, ref=request.order.order_ref, perm_id=77),
        order_status(status, order_id=request.order_id, perm_id=77),
    ]


def test_an_order_that_tws_shows_is_acknowledged() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.answers[requests.PlaceOrder] = shown()
        ticket, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown
        assert (ticket.perm_id, ticket.status, ticket.client_id) == (77, "Submitted", 1)
        assert tws.requests(requests.PlaceOrder)[0].order.order_ref == ticket.order_ref == "QE-paper-1"
        tws.peer.send(execution(order_id=ticket.order_id), order_status("Filled", order_id=ticket.order_id, filled=2))
        await settle()
        assert ticket.ended
        assert ticket.filled == 2
        assert "Filled" in repr(ticket)

    run_tickets(test)


def test_an_order_that_tws_objects_to_and_does_not_list_is_refused() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.answers[requests.PlaceOrder] = lambda _p, r: [replies.ErrorMessage(r.order_id, 201, "Order rejected")]
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown is False
        assert answer.text == "201: Order rejected"

    run_tickets(test)


@pytest.mark.parametrize("status_first", [True, False])
def test_a_refused_order_that_is_shown_inactive_is_refused_and_not_acknowledged(status_first: bool) -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        def refuse(peer: Any, request: Any) -> list[replies.Reply]:
            error = replies.ErrorMessage(request.order_id, 201, "Order rejected")
            status = order_status("Inactive", order_id=request.order_id)
            return [status, error] if status_first else [error, status]

        tws.answers[requests.PlaceOrder] = refuse
        ticket, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert (ticket.status, answer.shown, answer.text) == ("Inactive", False, "201: Order rejected")

    run_tickets(test)


@pytest.mark.parametrize("listed", [True, False])
def test_an_inactive_order_that_nobody_objects_to_is_known_by_the_list_alone(listed: bool) -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        rows: list[replies.Reply] = [open_order(order_id=1), order_status("Inactive", order_id=1)] if listed else []
        tws.answers[requests.PlaceOrder] = lambda _p, r: [order_status("Inactive", order_id=r.order_id)]
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [*rows, replies.OpenOrderEnd()]
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown is (True if listed else None)
        assert listed or "Inactive" in answer.text

    run_tickets(test)


def test_an_order_that_tws_objects_to_and_lists_is_alive() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.answers[requests.PlaceOrder] = lambda _p, r: [replies.ErrorMessage(r.order_id, 10349, "TIF set to DAY")]
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [
            open_order(order_id=1), order_status(order_id=1), replies.OpenOrderEnd(),
        ]  # fmt: skip
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown
        assert "10349" in answer.text

    run_tickets(test)


@pytest.mark.parametrize("objects", [True, False])
def test_another_order_with_the_same_order_ref_says_nothing_of_this_one(objects: bool) -> None:
    """Of another client, numbered alike, or of this one: it made a refused or lost order an acknowledged one."""

    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        error = replies.ErrorMessage(1, 201, "Order rejected")
        tws.answers[requests.PlaceOrder] = lambda _p, _r: [error] if objects else []
        others = [
            open_order(order_id=number, client_id=client, ref="QE-paper-1") for number, client in ((1, 7), (9, 1))
        ]
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [*others, replies.OpenOrderEnd()]
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown is (False if objects else None)

    run_tickets(test)


def test_an_order_that_is_listed_by_its_perm_id_is_alive() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.answers[requests.PlaceOrder] = lambda _p, r: [
            order_status("Inactive", order_id=r.order_id, perm_id=55),
        ]
        row = open_order(order_id=0, client_id=0, perm_id=55)
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [row, replies.OpenOrderEnd()]
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown

    run_tickets(test)


@pytest.mark.parametrize("listable", [True, False])
def test_silence_is_neither_acknowledged_nor_refused(listable: bool) -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        if not listable:
            del tws.answers[requests.ReqAllOpenOrders]
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown is None

    run_tickets(test)


def test_an_order_lost_with_its_connection_is_not_known() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        placing = asyncio.ensure_future(tickets.place(ES, ORDER, PATIENCE_S))
        await settle()
        tws.peer.transport.abort()
        _, answer = await placing
        assert answer.shown is None

    run_tickets(test)


def test_an_order_that_never_left_is_said_to_have_never_left() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.peer.transport.abort()
        await settle()
        _, answer = await tickets.place(ES, ORDER, PATIENCE_S)
        assert answer.shown is False
        assert "lost" in answer.text

    run_tickets(test)


def test_an_order_whose_placing_is_cancelled_while_it_waits_never_leaves() -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        for _ in range(45):
            tickets._link.post(requests.ReqIds())
        placing = asyncio.ensure_future(tickets.place(ES, ORDER, PATIENCE_S))
        await settle()
        placing.cancel()
        await asyncio.sleep(10)
        assert placing.cancelled()
        assert not tws.requests(requests.PlaceOrder)

    run_tickets(test)


@pytest.mark.parametrize(
    ("says", "still_there"),
    [
        (lambda r: [order_status("Cancelled", order_id=r.order_id)], False),
        (lambda r: [order_status("Filled", order_id=r.order_id, filled=2)], False),
        (lambda r: [replies.ErrorMessage(r.order_id, 161, "Cancel attempted in a wrong state")], True),
        (lambda _r: [], True),
    ],
)
def test_a_cancel_is_done_when_tws_shows_the_end_and_not_before(
    says: Callable[[Any], list[replies.Reply]], still_there: bool
) -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.answers[requests.PlaceOrder] = shown()
        ticket, _ = await tickets.place(ES, ORDER, PATIENCE_S)
        tws.answers[requests.CancelOrder] = lambda _p, r: says(r)
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [
            open_order(order_id=1), order_status(order_id=1), replies.OpenOrderEnd(),
        ]  # fmt: skip
        answer = await tickets.cancel(ticket, PATIENCE_S)
        assert answer.shown is still_there

    run_tickets(test)


@pytest.mark.parametrize(
    ("listed", "known_again"),
    [
        ({}, True),
        ({"perm_id": 78}, False),  # the number was given out anew
        ({"order_id": 9}, False),
        ({"client_id": 2}, False),
    ],
)
@pytest.mark.parametrize("by", [open_order, order_status])
def test_an_order_of_an_earlier_connection_is_known_again_by_its_perm_id_alone(
    by: Callable[..., replies.Reply], listed: dict[str, int], known_again: bool
) -> None:
    async def test(tws: ScriptedTws, tickets: Tickets) -> None:
        tws.answers[requests.PlaceOrder] = shown()
        ticket, _ = await tickets.place(ES, ORDER, PATIENCE_S)
        assert ticket.perm_id == 77
        later = Tickets("paper", tickets._link, tickets._reads, before=tickets)
        assert later.get(ticket.order_id) is None
        tws.peer.send(by(**{"order_id": ticket.order_id, "perm_id": 77, **listed}))
        await settle()
        assert (later.get(ticket.order_id) is ticket) is known_again
        at_last = Tickets("paper", tickets._link, tickets._reads, before=later)
        assert [*at_last.living().values()] == [ticket]
        ticket.status = "Filled"
        assert at_last.living() == {}

    run_tickets(test)
