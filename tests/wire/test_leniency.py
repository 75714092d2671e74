"""A reply that is longer than its layout is read as far as that goes, and what was left unread is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from engine.core.contracts import Contract
from engine.wire import replies
from engine.wire.errors import MessageUnavailable
from engine.wire.events import Lenient, Malformed, Ready
from engine.wire.frames import frame
from engine.wire.order import Order, OrderState
from engine.wire.sessions import ClientSession, ServerSession
from wire.messages import REPLIES

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", currency="USD", local_symbol="SPY", trading_class="SPY")
VARY = (replies.OpenOrder, replies.CompletedOrder)


def joined(version: int = 178) -> tuple[ClientSession, ServerSession]:
    client, server = ClientSession(7), ServerSession(max_version=version)
    server.receive(client.hello())
    client.receive(server.accept("20260311 10:30:00 US/Eastern"))
    client.start_api()
    return client, server


def longer(server: ServerSession, reply: replies.Reply, more: bytes = b"new\0") -> bytes:
    return frame(server.send(reply)[4:] + more)


@given(reply=REPLIES, version=st.sampled_from([100, 145, 163, 178]), more=st.sampled_from([b"\0", b"1\0", b"a\0b\0"]))
def test_every_reply_that_is_longer_than_its_layout_is_read_as_far_as_that_goes(
    reply: replies.Reply, version: int, more: bytes
) -> None:
    client, server = joined(version)
    try:
        whole = server.send(reply)
    except MessageUnavailable:
        reject()
    exact = client.receive(whole)
    client, server = joined(version)
    events = client.receive(longer(server, reply, more))
    if isinstance(reply, VARY):
        assert [type(event) for event in events] == [Malformed]
    else:
        assert isinstance(events[0], Lenient)
        assert events[1:] == exact


def test_what_was_left_unread_is_told_once_for_each_kind_of_message() -> None:
    client, server = joined()
    row = replies.Position("DU1", SPY, Decimal(5), Decimal(100))
    first, *rest = client.receive(longer(server, row) + longer(server, row) + longer(server, replies.PositionEnd()))
    assert isinstance(first, Lenient)
    assert (first.error.message_id, first.error.field) == (61, "end")
    assert [type(event) for event in rest] == [replies.Position, replies.Position, Lenient, replies.PositionEnd]


def test_who_is_let_in_by_longer_messages_is_let_in() -> None:
    client, server = joined()
    events = client.receive(longer(server, replies.ManagedAccounts(("DU1",))) + longer(server, replies.NextValidId(5)))
    assert Ready(("DU1",), 5) in events


@pytest.mark.parametrize(("bare", "end"), [(b"53\0", replies.OpenOrderEnd()), (b"62\0", replies.PositionEnd())])
def test_an_end_marker_without_its_version_is_one(bare: bytes, end: replies.Reply) -> None:
    client, _ = joined()
    told, event = client.receive(frame(bare))
    assert isinstance(told, Lenient)
    assert event == end


@pytest.mark.parametrize(
    "payload",
    [
        b"55\x001\0",  # of which request?
        b"9\x001\0",
        b"61\x003\x00DU1\0",
        b"53\x001\0and no end",
        b"61\x003\x00DU1\x00756733\x00SPY\x00STK\x00\x000\x00\x00\x00\x00USD\x00SPY\x00SPY\x00x\x00100\x00new\0",
    ],
)
def test_what_is_too_short_or_damaged_is_not_guessed(payload: bytes) -> None:
    client, _ = joined()
    [event] = client.receive(frame(payload))
    assert isinstance(event, Malformed)


def test_an_open_order_that_is_longer_is_left_to_those_who_know_what_is_certain_of_it() -> None:
    client, server = joined()
    order = Order(action="BUY", total_quantity=Decimal(1), order_type="MKT", account="DU1")
    [event] = client.receive(longer(server, replies.OpenOrder(1, SPY, order, OrderState(status="Submitted"))))
    assert isinstance(event, Malformed)
