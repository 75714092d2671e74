"""A damaged openOrder still tells that an order is open; a damaged head tells nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.contracts import Contract
from engine.wire.codec import decode_reply, encode_reply
from engine.wire.errors import MalformedMessage
from engine.wire.order import Order, OrderState
from engine.wire.replies import ContractDetails, OpenOrder, Position
from engine.wire.salvage import (
    HEAD_FIELDS,
    DamagedPosition,
    salvage_contract,
    salvage_open_order,
    salvage_position,
)

ORDER = OpenOrder(
    -7,
    Contract(
        con_id=265598,
        symbol="AAPL",
        sec_type="STK",
        exchange="SMART",
        currency="USD",
        local_symbol="AAPL",
        trading_class="NMS",
    ),
    Order(
        action="SELL",
        total_quantity=Decimal(300),
        order_type="LMT",
        lmt_price=Decimal("250.5"),
        tif="GTC",
        account="DU1",
        order_ref="exit",
        client_id=7,
        perm_id=1234567890,
    ),
    OrderState(status="Submitted"),
)


@pytest.mark.parametrize("version", range(100, 179))
def test_head_survives_a_damaged_tail(version: int) -> None:
    damaged = encode_reply(ORDER, version) + b"one field too many\0"
    with pytest.raises(MalformedMessage):
        decode_reply(damaged, version)
    found = salvage_open_order(damaged, version)
    assert found is not None
    assert (found.order_id, found.order.perm_id, found.order.client_id) == (-7, 1234567890, 7)
    assert (found.contract.con_id, found.order.account, found.order.order_ref) == (265598, "DU1", "exit")
    assert (found.order.action, found.order.total_quantity) == ("SELL", Decimal(300))


@pytest.mark.parametrize("version", (144, 145, 178))
def test_a_head_that_is_cut_or_not_a_number_tells_nothing(version: int) -> None:
    parts = encode_reply(ORDER, version).split(b"\0")
    first = 2 if version < 145 else 1
    for kept in range(first + HEAD_FIELDS - 1):
        assert salvage_open_order(b"\0".join(parts[:kept]), version) is None
    for place in (0, 1, 12, 13, 23, 24):  # ids, action, quantity, client id, permId
        broken = list(parts)
        broken[first + place] = b"?"
        assert salvage_open_order(b"\0".join(broken), version) is None


@pytest.mark.parametrize(
    ("action", "told"), [("BUY", True), ("SELL", True), ("SSHORT", True), ("SLONG", True), ("?", False)]
)
def test_every_action_that_tws_knows_is_told_and_no_other(action: str, told: bool) -> None:
    parts = encode_reply(ORDER, 178).split(b"\0")
    parts[13] = action.encode()
    found = salvage_open_order(b"\0".join(parts), 178)
    assert (found is not None and found.order.action == action) is told


def test_other_messages_are_not_mistaken_for_orders() -> None:
    alike = encode_reply(ORDER, 178)
    assert alike.startswith(b"5\0") and salvage_open_order(b"3" + alike[1:], 178) is None
    assert salvage_open_order(b"3\0" + b"1\0" * 40, 178) is None
    assert salvage_open_order(b"", 178) is None


HELD = Position("DU1", ORDER.contract, Decimal(300), Decimal("250.5"))


@pytest.mark.parametrize("version", range(100, 179))
def test_of_a_damaged_position_it_is_told_whose_it_is(version: int) -> None:
    damaged = encode_reply(HELD, version).replace(b"\x00300\x00", b"\x00x1\x00")
    with pytest.raises(MalformedMessage):
        decode_reply(damaged, version)
    assert salvage_position(damaged, "why") == DamagedPosition("DU1", 265598, "AAPL", "why")


@pytest.mark.parametrize("con_id", [b"", b"x", b"0", b"-3", b"12345678901"])
def test_a_contract_id_that_is_none_is_not_guessed(con_id: bytes) -> None:
    damaged = encode_reply(HELD, 178).replace(b"265598", con_id)
    assert salvage_position(damaged, "why") == DamagedPosition("DU1", 0, "AAPL", "why")


def test_what_is_no_text_is_left_empty() -> None:
    damaged = encode_reply(HELD, 178).replace(b"DU1", b"\xff").replace(b"AAPL", b" ", 1)
    assert salvage_position(damaged, "why") == DamagedPosition("", 265598, "", "why")


def test_a_position_with_a_field_too_many_or_too_few_tells_nothing_nor_does_another_message() -> None:
    whole = encode_reply(HELD, 178)
    for other in (whole + b"more\0", whole[:-1], whole.replace(b"DU1\0", b"", 1), whole.replace(b"61", b"62", 1)):
        assert salvage_position(other, "why") is None


DAX = ContractDetails(
    7,
    Contract(
        con_id=621358639,
        symbol="DAX",
        sec_type="FUT",
        last_trade_date="20261218",
        strike=Decimal(0),
        multiplier="25",
        exchange="EUREX",
        currency="EUR",
        local_symbol="FDAX 20261218 M",
        trading_class="FDAX",
    ),
    min_tick=Decimal(1),
    order_types="LMT,MKT",
    valid_exchanges="EUREX,QBALGO",
)


@pytest.mark.parametrize("version", [100, 109, 110, 150, 163, 164, 178])
def test_a_contract_whose_details_are_too_short_still_says_where_it_trades(version: int) -> None:
    short = cut(encode_reply(DAX, version))
    with pytest.raises(MalformedMessage):
        decode_reply(short, version)
    known = salvage_contract(short, version)
    assert known is not None
    assert (known.req_id, known.contract, known.min_tick) == (7, DAX.contract, Decimal(1))
    assert known.valid_exchanges == "EUREX,QBALGO"


def test_of_a_contract_that_is_cut_before_its_exchanges_or_has_no_number_nothing_is_known() -> None:
    whole = encode_reply(DAX, 178)
    fields = whole.split(b"\0")
    for count in range(1, 17):
        assert salvage_contract(b"\0".join(fields[:count]) + b"\0", 178) is None
    assert salvage_contract(b"\0".join(fields[:17]) + b"\0", 178) is not None
    for place, damage in ((1, b"x"), (12, b"x"), (12, b""), (13, b"x"), (5, b"x")):
        assert salvage_contract(b"\0".join([*fields[:place], damage, *fields[place + 1 :]]), 178) is None
    assert salvage_contract(encode_reply(ORDER, 178), 178) is None


def cut(payload: bytes) -> bytes:
    """Without its last field."""
    return b"\0".join(payload.split(b"\0")[:-2]) + b"\0"
