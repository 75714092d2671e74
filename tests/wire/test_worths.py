"""TWS calculates in doubles, and sends NaN for a worth that it does not know. The rest of such a message is told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.contracts import Contract
from engine.core.units import UNSET
from engine.wire.codec import decode_reply, encode_reply
from engine.wire.errors import MalformedMessage
from engine.wire.order import Order, OrderState
from engine.wire.replies import CommissionReport, Execution, OpenOrder, OrderStatus, PnL, Position, PositionMulti

NAN = b"NaN"
ESM6 = b"495512563\0ES\0FUT\x0020260618\x000\0\x0050\0\0USD\0ESM6\0ES\0"
VERSIONS = pytest.mark.parametrize("version", [101, 130, 145, 157, 176, 178])


@VERSIONS
def test_a_position_whose_average_cost_is_nan_is_a_position(version: int) -> None:
    read = decode_reply(b"61\x003\0DU1\0" + ESM6 + b"-3\0NaN\0", version)
    assert isinstance(read, Position)
    assert (read.position, read.avg_cost) == (Decimal(-3), UNSET)


def test_a_position_of_one_account_whose_average_cost_is_nan_is_a_position() -> None:
    read = decode_reply(b"71\x001\x007\0DU1\0" + ESM6 + b"2\0NaN\0\0", 178)
    assert isinstance(read, PositionMulti)
    assert (read.position, read.avg_cost) == (Decimal(2), UNSET)


@VERSIONS
def test_a_position_that_is_nan_itself_is_refused(version: int) -> None:
    with pytest.raises(MalformedMessage, match="position"):
        decode_reply(b"61\x003\0DU1\0" + ESM6 + b"NaN\x001\0", version)


@VERSIONS
def test_an_order_without_a_fill_may_have_nan_as_its_average_price(version: int) -> None:
    sent = encode_reply(OrderStatus(7, "Submitted", Decimal(0), Decimal(5), Decimal(17), 9, 0, Decimal(18), 1), version)
    read = decode_reply(sent.replace(b"\x0017\0", b"\0NaN\0").replace(b"\x0018\0", b"\0NaN\0"), version)
    assert isinstance(read, OrderStatus)
    assert (read.avg_fill_price, read.last_fill_price, read.remaining) == (UNSET, UNSET, Decimal(5))


@VERSIONS
def test_an_order_whose_margin_is_nan_is_an_order(version: int) -> None:
    state = OrderState("Submitted", commission=Decimal("0.4711"), maint_margin_after=Decimal("0.4712"))
    sent = encode_reply(OpenOrder(5, Contract(), Order(), state), version)
    read = decode_reply(sent.replace(b"0.4711", NAN).replace(b"0.4712", NAN), version)
    assert isinstance(read, OpenOrder)
    assert (read.state.commission, read.state.maint_margin_after) == (UNSET, UNSET)


def test_an_order_whose_limit_is_nan_is_refused() -> None:
    sent = encode_reply(OpenOrder(5, Contract(), Order(lmt_price=Decimal("0.4711")), OrderState()), 178)
    with pytest.raises(MalformedMessage, match="lmt_price"):
        decode_reply(sent.replace(b"0.4711", NAN), 178)


@VERSIONS
def test_a_fill_and_its_commission_may_have_nan_beside_what_was_filled(version: int) -> None:
    report = decode_reply(b"59\x001\x000001.01\0NaN\0USD\0NaN\0NaN\0\0", version)
    assert isinstance(report, CommissionReport)
    assert (report.commission, report.realized_pnl, report.yield_) == (UNSET, UNSET, UNSET)
    tail = b"\0" if version >= 103 else b""
    tail += (b"2\0" if version >= 136 else b"") + (b"0\0" if version >= 178 else b"")
    fill = b"11\0" + (b"10\0" if version < 136 else b"") + b"-1\x005\0" + ESM6
    fill += b"0001.01\x0020260105 15:30:00\0DU1\0CME\0BOT\x002\x006000\x0099\x001\x000\x002\0NaN\0\0\0\0" + tail
    read = decode_reply(fill, version)
    assert isinstance(read, Execution)
    assert (read.shares, read.price, read.avg_price) == (Decimal(2), Decimal(6000), UNSET)


def test_a_profit_may_be_nan() -> None:
    assert decode_reply(b"94\x003\0NaN\x001.5\0NaN\0", 178) == PnL(3, UNSET, Decimal("1.5"), UNSET)
