"""A message that does not fit is refused, with the place where it stops fitting; garbage never does anything else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.core.contracts import ComboLeg, Contract
from engine.wire.codec import decode_reply, decode_request, encode_reply, encode_request
from engine.wire.errors import MalformedMessage, WireError
from engine.wire.frames import frame
from engine.wire.order import Order, OrderState, PriceCondition
from engine.wire.replies import (
    ErrorMessage,
    MarketRule,
    OpenOrder,
    OrderStatus,
    Position,
    PriceIncrement,
    UnknownReply,
)
from engine.wire.requests import CancelOrder, PlaceOrder, UnknownRequest
from engine.wire.sessions import ClientSession, ServerSession
from wire.messages import REPLY_TYPES, REQUEST_TYPES, structs

ONE = Decimal(1)


def cut(payload: bytes) -> list[bytes]:
    """The message without its last field, its last two, and so on."""
    fields = payload.split(b"\0")[:-1]
    return [b"\0".join(fields[:size]) + b"\0" for size in range(1, len(fields))]


@pytest.mark.parametrize("kind", [*REPLY_TYPES, *REQUEST_TYPES], ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=5)
@given(data=st.data(), version=st.sampled_from([150, 163, 178]))
def test_a_message_cut_short_or_grown_is_refused(kind: type, data: st.DataObject, version: int) -> None:
    encode, decode = (encode_reply, decode_reply) if kind in REPLY_TYPES else (encode_request, decode_request)
    try:
        payload = encode(data.draw(structs(kind)), version)
    except WireError:
        return
    for shorter in cut(payload):
        with pytest.raises(MalformedMessage):
            decode(shorter, version)
    for longer in (payload + b"\0", payload + b"1\0", payload + b"x\0y\0"):
        with pytest.raises(MalformedMessage):
            decode(longer, version)


@pytest.mark.parametrize(
    ("payload", "field", "offset"),
    [
        (b"3\x007\x00Filled\x00x\x000\x001\x002\x000\x001\x001\x00\x000\x00", "filled", 3),
        (b"3\x00\x00Filled\x001\x000\x001\x002\x000\x001\x001\x00\x000\x00", "order_id", 1),
        (b"3\x007\x00Filled\x001\x00", "remaining", 4),
        (b"3\x007\x00Filled\x001\x000\x001\x002\x000\x001\x001\x00\x000\x00extra\x00", "end", 12),
        (b"4\x002\x00-1\x00326\x00in use\x00", "advanced_reject_json", 5),
        (b"4\x00two\x00-1\x00326\x00in use\x00\x00", "version", 1),
        (b"62\x00", "version", 1),
        (b"93\x0026\x002\x000\x000.01\x00", "increments", 2),
        (b"93\x0026\x00-1\x00", "increments", 2),
        (b"93\x0026\x0099999999999\x00", "increments", 2),
        (b"", "id", 0),
        (b"9\x001\x005", "end", 2),
    ],
)
def test_the_error_names_the_field_and_its_index(payload: bytes, field: str, offset: int) -> None:
    with pytest.raises(MalformedMessage) as caught:
        decode_reply(payload, 178)
    assert (caught.value.field, caught.value.offset) == (field, offset)
    assert str(offset) in str(caught.value)


def test_an_unknown_id_is_named_and_nothing_is_guessed() -> None:
    assert decode_reply(b"12\x00anything\x00", 178) == UnknownReply(12, b"12\x00anything\x00")
    assert decode_request(b"10\x001\x00", 178) == UnknownRequest(10, b"10\x001\x00")
    assert decode_request(b"abc\x00", 178) == UnknownRequest(None, b"abc\x00")
    assert decode_reply(b"-1\x00", 178) == UnknownReply(None, b"-1\x00")
    assert encode_reply(UnknownReply(12, b"12\x00anything\x00"), 178) == b"12\x00anything\x00"
    assert encode_request(UnknownRequest(10, b"10\x001\x00"), 178) == b"10\x001\x00"


def test_a_message_newer_than_the_server_version_is_unknown() -> None:
    assert decode_reply(b"94\x001\x005\x00", 126) == UnknownReply(94, b"94\x001\x005\x00")
    assert decode_request(b"99\x001\x00", 149) == UnknownRequest(99, b"99\x001\x00")


SAMPLES = [
    encode_reply(OrderStatus(1, "Filled", ONE, ONE), 178),
    encode_reply(Position("DU1", Contract(symbol="ES"), ONE, ONE), 178),
    encode_reply(ErrorMessage(-1, 201, "no"), 178),
    encode_reply(MarketRule(26, (PriceIncrement(ONE, ONE),)), 178),
    encode_reply(OpenOrder(1, Contract(combo_legs=(ComboLeg(1, 1),)), Order(), OrderState()), 178),
    encode_request(CancelOrder(5), 178),
    encode_request(PlaceOrder(1, Contract(), Order(conditions=(PriceCondition("a", True, ONE, 1, "SMART", 0),))), 178),
]


@settings(deadline=None, max_examples=400)
@given(
    sample=st.sampled_from(SAMPLES),
    place=st.integers(0, 10_000),
    insert=st.binary(max_size=6),
    drop=st.integers(0, 6),
    version=st.sampled_from([100, 131, 145, 157, 178]),
)
@example(sample=SAMPLES[0], place=0, insert=b"\xff\xfe", drop=0, version=178)
def test_damaged_messages_raise_nothing_but_wire_errors(
    sample: bytes, place: int, insert: bytes, drop: int, version: int
) -> None:
    at = place % (len(sample) + 1)
    damaged = sample[:at] + insert + sample[at + drop :]
    for decode in (decode_reply, decode_request):
        try:
            decode(damaged, version)
        except MalformedMessage as error:
            assert 0 <= error.offset <= damaged.count(b"\0") + 1


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=30), max_size=5), st.booleans())
def test_sessions_meet_garbage_with_wire_errors_only(chunks: list[bytes], framed: bool) -> None:
    for session, start in (
        (ClientSession(1), frame(b"178\0time\0")),
        (ServerSession(), b"API\0" + frame(b"v100..178")),
    ):
        for prefix in (b"", start):
            try:
                session.receive(prefix)
                for chunk in chunks:
                    session.receive(frame(chunk) if framed else chunk)
            except WireError:
                pass


def test_bytes_that_are_not_utf8_keep_a_character_each_in_replies() -> None:
    reply = decode_reply(b"4\x002\x00-1\x00201\x00Cr\xe9dit\x00\x00", 178)
    assert isinstance(reply, ErrorMessage)
    assert reply.text == "Crédit"


def test_an_order_that_is_not_utf8_is_refused_because_it_could_not_be_sent_on_unchanged() -> None:
    order: Any = PlaceOrder(1, Contract(symbol="A"), Order(order_ref="e"))
    payload = encode_request(order, 178).replace(b"\x00e\x00", b"\x00\xe9\x00")
    with pytest.raises(MalformedMessage, match="would be written"):
        decode_request(payload, 178)
