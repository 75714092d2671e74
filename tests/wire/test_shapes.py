"""The fast way of reading agrees with the careful way, on messages that fit and on messages that do not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.contracts import ComboLeg, Contract
from engine.core.units import ZERO
from engine.wire import codec, shapes
from engine.wire.codec import decode_reply, encode_reply
from engine.wire.compiling import FIRST_FIELDS
from engine.wire.errors import MalformedMessage
from engine.wire.fields import NUMBER
from engine.wire.layout import Layout
from engine.wire.order import Order, OrderState
from engine.wire.plans import ReadPlan
from engine.wire.replies import (
    Bar,
    CommissionReport,
    CurrentTime,
    HistoricalData,
    OpenOrder,
    OpenOrderEnd,
    OrderStatus,
    PnL,
    PortfolioValue,
    Position,
    TickPrice,
)
from wire.messages import REPLY_TYPES, structs

LAYOUTS: dict[type, Layout] = {
    entry.message: entry
    for subject in codec.SUBJECTS
    for entry in subject.REPLIES  # the same tables the codec uses
}
PLAIN = OpenOrder(7, Contract(symbol="AAPL", sec_type="STK"), Order(order_type="LMT"), OrderState(status="Submitted"))


def carefully(payload: bytes, kind: type, version: int) -> Any:
    """Read a message without ever having seen one like it."""
    plan = ReadPlan(LAYOUTS[kind], version, install=lambda function: None)
    return plan.read(payload.decode().split("\0")[:-1])


def outcome(read: Any, *arguments: Any) -> Any:
    """The message, or what is wrong with it."""
    try:
        return read(*arguments)
    except MalformedMessage as error:
        return error.message_id, error.field, error.offset, error.why


def train(payload: bytes, version: int) -> None:
    for _ in range(8):
        decode_reply(payload, version)


@pytest.mark.parametrize("kind", REPLY_TYPES, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=12)
@given(data=st.data(), version=st.sampled_from([150, 157, 164, 176, 178]))
def test_a_message_seen_often_is_read_as_one_seen_for_the_first_time(
    kind: type, data: st.DataObject, version: int
) -> None:
    payload = encode_reply(data.draw(structs(kind)), version)
    train(payload, version)
    assert decode_reply(payload, version) == carefully(payload, kind, version)


@pytest.mark.parametrize("kind", REPLY_TYPES, ids=lambda kind: kind.__name__)
@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_a_damaged_message_fails_in_the_same_way_once_its_kind_is_known(kind: type, data: st.DataObject) -> None:
    payload = encode_reply(data.draw(structs(kind)), 178)
    train(payload, 178)
    fields = payload.split(b"\0")[:-1]
    for index in range(1, len(fields)):
        for text in (b"", b"x", b"1", b"BAG", b"-1", b"1.5"):
            damaged = b"\0".join([*fields[:index], text, *fields[index + 1 :]]) + b"\0"
            assert outcome(decode_reply, damaged, 178) == outcome(carefully, damaged, kind, 178)


def test_orders_of_different_shapes_do_not_mix() -> None:
    legs = (ComboLeg(con_id=1, ratio=1, action="BUY", exchange="CBOE"), ComboLeg(2, 2, "SELL", "CBOE"))
    orders = [
        PLAIN,
        OpenOrder(8, PLAIN.contract, Order(order_type="MKT"), PLAIN.state),
        OpenOrder(9, Contract(sec_type="BAG", combo_legs=legs), Order(order_type="LMT"), PLAIN.state),
        OpenOrder(10, PLAIN.contract, Order(order_type="PEG BENCH", reference_contract_id=5), PLAIN.state),
        OpenOrder(11, PLAIN.contract, Order(order_type="LMT", hedge_type="D", hedge_param="x"), PLAIN.state),
        OpenOrder(12, PLAIN.contract, Order(order_type="LMT", delta_neutral_order_type="None"), PLAIN.state),
    ]
    payloads = [encode_reply(order, 178) for order in orders]
    for _ in range(8):
        assert [decode_reply(payload, 178) for payload in payloads] == orders


def test_a_peer_cannot_make_us_compile_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []
    compile_shape = shapes.compile_shape

    def counted(*arguments: Any) -> Any:
        compiled.append(1)
        return compile_shape(*arguments)

    monkeypatch.setattr(shapes, "compile_shape", counted)
    plan = ReadPlan(LAYOUTS[OpenOrder], 178, install=lambda function: None)
    for number in range(200):
        order = OpenOrder(1, PLAIN.contract, Order(order_type=f"T{number}"), PLAIN.state)
        fields = encode_reply(order, 178).decode().split("\0")[:-1]
        assert all(plan.read(list(fields)) == order for _ in range(5))
    assert len(compiled) <= 64


def test_a_layout_of_fixed_length_gets_one_function_for_all_its_messages() -> None:
    installed: list[Any] = []
    for kind, message in ((OrderStatus, OrderStatus(1, "Filled", ZERO, ZERO)), (OpenOrderEnd, OpenOrderEnd())):
        plan = ReadPlan(LAYOUTS[kind], 178, install=installed.append)
        for _ in range(8):
            plan.read(encode_reply(message, 178).decode().split("\0")[:-1])
    assert len(installed) == 2


NUMBERS_OF_ALL_KINDS = [
    *("1.50", "-0.00", "00.5", "5.", ".5", "-.5", "0", "-3", "12345678.12345678", "1.5E3", "1.0E-4"),
    *("", "2147483647", "9223372036854775807", "-9223372036854775808", "1.7976931348623157E308", "-Infinity"),
    *("NaN", "sNaN1.5", "-NaN.", "Infinity", "1_000.5", " 1.5", "1.5 ", "+1.5", "1.2.3", "1.-5", "--1.5", ".", "-."),
    *("\u0663.5", "1.\u0665", "1.5E999", "1.5E+0003", "1" * 399 + ".", "1" * 400 + ".", "0" * 400 + ".5", "x.5", "BAG"),
]


@pytest.mark.parametrize("text", NUMBERS_OF_ALL_KINDS)
def test_an_amount_is_read_in_the_same_way_once_its_kind_is_known(text: str) -> None:
    amount = Decimal("1.25")
    held = PortfolioValue(Contract(), ZERO, amount, amount, amount, amount, amount, "DU1")
    for message, places in (
        (PnL(1, amount, amount, amount), (2, 3, 4)),
        (CommissionReport("0001.01", amount, "USD", amount), (3, 5)),
        (held, (14, 15, 16, 17)),
    ):
        payload = encode_reply(message, 178)
        train(payload, 178)
        fields = payload.split(b"\0")
        for place in places:
            spelled = b"\0".join([*fields[:place], text.encode(), *fields[place + 1 :]])
            expected = outcome(carefully, spelled, type(message), 178)
            assert repr(outcome(decode_reply, spelled, 178)) == repr(expected)


@pytest.mark.parametrize(
    "text", ["1790000000", "0", "-5", "", " 5", "1_0", "+5", "1.0", "\u0661\u0662", "9" * 400, "9" * 401]
)
def test_a_moment_is_read_in_the_same_way_once_its_kind_is_known(text: str) -> None:
    train(encode_reply(CurrentTime(1790000000), 178), 178)
    payload = f"49\0001\0{text}\0".encode()
    assert outcome(decode_reply, payload, 178) == outcome(carefully, payload, CurrentTime, 178)


def test_numbers_that_were_never_there_before_are_read_and_then_known() -> None:
    train(encode_reply(TickPrice(1, 1, Decimal("1.25"), ZERO), 178), 178)
    for number in range(20):
        tick = TickPrice(710_000 + number, 4, Decimal(f"{number}.0625"), Decimal(880_000 + number), 0)
        payload = encode_reply(tick, 178)
        assert decode_reply(payload, 178) == decode_reply(payload, 178) == tick
        assert NUMBER.read is not None and f"{number}.0625" in NUMBER.read.known


def test_the_last_field_must_be_ended_even_when_the_kind_is_known() -> None:
    payload = encode_reply(Position("DU1", Contract(), ZERO, ZERO), 178)
    train(payload, 178)
    with pytest.raises(MalformedMessage, match="has no end"):
        decode_reply(payload + b"5", 178)
    with pytest.raises(MalformedMessage, match="has no end"):
        decode_reply(payload[:-1], 178)


def order_report(order_id: int, order: Order, **state: str) -> OpenOrder:
    contract = Contract(con_id=order_id + 7, symbol=f"S{order_id}", sec_type="STK")
    return OpenOrder(order_id, contract, order, OrderState(**{"status": "Submitted", **state}))


def test_orders_whose_reports_end_alike_are_told_apart_by_what_comes_first() -> None:
    train(encode_reply(order_report(1, Order(order_type="LMT", perm_id=1)), 178), 178)
    for number in range(2, 40):
        order = Order(("BUY", "SELL")[number % 2], Decimal(number), "LMT", Decimal(f"{number}.5"), perm_id=number)
        report = order_report(number, order)
        assert decode_reply(encode_reply(report, 178), 178) == report


@pytest.mark.parametrize("version", [100, 150, 178])
def test_an_end_that_was_there_with_another_order_type_is_not_taken_for_the_same(version: int) -> None:
    payload = encode_reply(order_report(1, Order(order_type="LMT")), version)
    train(payload, version)
    pegged = payload.replace(b"\0LMT\0", b"\0PEG BENCH\0")  # whose report has more fields at its end
    damage = outcome(decode_reply, pegged, version)
    assert damage == outcome(carefully, pegged, OpenOrder, version)
    if version >= 102:
        assert not isinstance(damage, OpenOrder)


def test_an_end_once_known_is_still_read_in_full_when_it_changes() -> None:
    known = order_report(1, Order(order_type="LMT"))
    train(encode_reply(known, 178), 178)
    for state in ({"status": "Filled"}, {"warning_text": "held"}, {"commission_currency": "USD"}):
        changed = order_report(1, Order(order_type="LMT", parent_id=5), **state)
        for _ in range(4):
            assert decode_reply(encode_reply(changed, 178), 178) == changed
            assert decode_reply(encode_reply(known, 178), 178) == known


def test_a_known_end_spares_its_fields() -> None:
    """Not a matter of time alone: what is known must be used, or an order costs its 127 fields again."""
    plan = ReadPlan(LAYOUTS[OpenOrder], 178, install=lambda function: None)
    for number in range(8):
        plan.read(encode_reply(order_report(number, Order(order_type="LMT")), 178).decode().split("\0")[:-1])
    read: list[str] = []

    class Watched(str):
        def split(self, *arguments: Any) -> list[str]:  # type: ignore[override]
            read.append(self)
            return super().split(*arguments)

    payload = encode_reply(order_report(9, Order(order_type="LMT")), 178)
    *first, rest = payload.decode().split("\0", FIRST_FIELDS)
    for _ in range(4):
        plan._shapes.decode([*first, Watched(rest)], payload.decode())
    assert len(read) == 2  # when it came for the first time, and when it came again


def test_a_peer_cannot_make_us_remember_ends_without_end() -> None:
    plan = ReadPlan(LAYOUTS[OpenOrder], 178, install=lambda function: None)
    for number in range(8):
        plan.read(encode_reply(order_report(number, Order(order_type="LMT")), 178).decode().split("\0")[:-1])
    for number in range(3000):
        report = order_report(1, Order(order_type="LMT"), warning_text=f"w{number}" + "x" * (3000 * (number % 2)))
        payload = encode_reply(report, 178)
        for _ in range(2):
            assert plan._shapes.decode(payload.decode().split("\0", FIRST_FIELDS), payload.decode()) == report
        assert len(plan._shapes._rests) <= 256
        assert all(len(rest) <= 2048 for rest, _ in plan._shapes._rests)


def test_a_list_that_begins_before_the_end_of_a_long_message_is_read_as_a_whole() -> None:
    for count in range(1, 12):
        bars = tuple(Bar(f"2026112{number % 10}", *[Decimal(number)] * 6) for number in range(count))
        message = HistoricalData(1, "20261101", "20261130", bars)
        for _ in range(8):
            assert decode_reply(encode_reply(message, 178), 178) == message
