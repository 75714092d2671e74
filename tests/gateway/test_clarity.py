"""What TWS may read otherwise than it is read here is refused, whatever it looks like."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.contracts import ComboLeg, Contract
from engine.core.units import Absent
from engine.gateway.clarity import unclear
from engine.wire.codec import decode_request, encode_request
from engine.wire.frames import frame
from engine.wire.requests import PlaceOrder
from gateway.post import SPY, Post, order, post, told

TRANSMIT, PARENT_ID, DISCRETIONARY, WHAT_IF, CASH_QTY = 27, 28, 36, 84, 100  # where they stand at 178 in a plain order
CON_ID, SEC_TYPE, EXCHANGE, ORDER_TYPE, ORDER_REF, PROFIT_STEP = 2, 4, 9, 18, 26, 72
DOUBTS = [
    (1, "2147483648", "its id is beyond"),
    (1, "4294967297", "its id is beyond"),  # in four bytes it would be 1
    (1, "-2147483648", "its id is beyond"),
    (1, "0", "its id is not above 0"),
    (1, "-5", "its id is not above 0"),
    (TRANSMIT, "true", "true is neither 0 nor 1"),
    (TRANSMIT, "false", "false is neither 0 nor 1"),
    (TRANSMIT, "2147483647", "whether TWS is to transmit it"),
    (PARENT_ID, "4294967297", "the id of its parent"),
    (PARENT_ID, "-1", "the id of its parent"),
    (DISCRETIONARY, "2147483647", "stands where any number may"),
    (WHAT_IF, "true", "true is neither 0 nor 1"),
    (CASH_QTY, "2147483647", "stands where any number may"),
    (CASH_QTY, "9223372036854775807", "is a number, or none"),
    (CASH_QTY, "-9223372036854775808", "is a number, or none"),
    (CASH_QTY, "170141183460469231731687303715884105727", "is a number, or none"),
    (PARENT_ID, "9223372036854775807", "is a number, or none"),
    (CON_ID, "4295724029", "the id of its contract is beyond"),  # in four bytes that of SPY
    (CON_ID, "-4294210563", "the id of its contract is beyond"),
    (SEC_TYPE, " BAG", "' BAG' may be read as another word"),
    (SEC_TYPE, "bag", "'bag' may be read as another word"),
    (EXCHANGE, "ibkrats", "'ibkrats' may be read as another word"),
    (ORDER_REF, "QEKILL-20260311-1of5", "its reference begins as that of the kill's own orders"),
    (ORDER_TYPE, "peg bench", "'peg bench' may be read as another word"),
    (ORDER_TYPE, "PEG\tMID", "may be read as another word"),
    (ORDER_TYPE, "PegBest", "'PegBest' may be read as another word"),
]


def spelled(index: int, text: str, action: str = "SELL") -> bytes:
    fields = encode_request(order(7, SPY, action, 1, 500), 178).split(b"\0")
    fields[index] = text.encode()
    return b"\0".join(fields)


@pytest.mark.parametrize(("index", "text", "why"), DOUBTS)
def test_what_may_be_read_in_two_ways_is_a_doubt(index: int, text: str, why: str) -> None:
    request = decode_request(spelled(index, text), 178)
    assert isinstance(request, PlaceOrder) and why in unclear(request, 21)


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (1, "2147483647"), (17, "1.0"), (19, "5e2"), (19, "1.7976931348623157E308"), (TRANSMIT, "0"),
        (TRANSMIT, ""), (PARENT_ID, "2147483647"), (CASH_QTY, "0"), (CASH_QTY, "1.7976931348623157E308"),
        (SEC_TYPE, "stk"), (EXCHANGE, "smart"), (ORDER_TYPE, "peg mkt"), (PROFIT_STEP, "-1"), (PROFIT_STEP, "0"),
        (PROFIT_STEP, "1.7976931348623157E308"),
    ],
)  # fmt: skip
def test_other_spellings_of_clients_are_none(index: int, text: str) -> None:
    request = decode_request(spelled(index, text), 178)
    assert isinstance(request, PlaceOrder) and unclear(request, 21) == ""


@pytest.mark.parametrize(
    "text",
    ["0." + 330 * "0" + "1", "1e16", "1.79769313486231570e308", "9223372036854775807"],  # nothing, or something, to TWS
)
def test_a_step_that_may_be_none_decides_what_every_field_behind_it_is(text: str) -> None:
    """Where TWS reads seven fields more, or seven fewer, what is a preview here is a live order there."""
    fields = spelled(PROFIT_STEP, text).split(b"\0")
    if text != "9223372036854775807":  # as it is read here, a step brings seven fields
        fields[PROFIT_STEP + 1 : PROFIT_STEP + 1] = [b"", b"", b"", b"0", b"", b"", b"0"]
    request = decode_request(b"\0".join(fields), 178)
    assert isinstance(request, PlaceOrder)
    assert "the step of its scale" in unclear(request, 21) or "is a number, or none" in unclear(request, 21)


def test_a_scale_an_offset_and_an_algorithm_that_are_plain_raise_no_doubt() -> None:
    scale = order(7, SPY, "SELL", 1, 500, scale_price_increment=Decimal("0.5"))
    best = order(7, SPY, "SELL", 1, 500, order_type="PEG BEST", compete_against_best_offset=Decimal("Infinity"))
    assert unclear(scale, 21) == unclear(best, 21) == unclear(order(7, SPY, "SELL", 1, algo_strategy="Twap"), 21) == ""
    nearly = order(7, SPY, "SELL", 1, 500, order_type="PEG BEST", compete_against_best_offset=Decimal("1e300"))
    assert "the offset that it competes by" in unclear(nearly, 21)
    assert "the name of its algorithm" in unclear(order(7, SPY, "SELL", 1, algo_strategy=" "), 21)
    legs = (ComboLeg(265598, 1, "BUY"), ComboLeg(4295724029, 1, "SELL"))
    assert "the id of its contract" in unclear(order(7, Contract(sec_type="BAG", combo_legs=legs), "BUY", 1), 21)


def test_an_order_typed_into_tws_has_an_id_below_0_for_the_client_to_whom_tws_has_bound_it() -> None:
    bound, zero = (decode_request(spelled(1, text), 178) for text in ("-5", "0"))
    assert isinstance(bound, PlaceOrder) and isinstance(zero, PlaceOrder)
    assert unclear(bound, 0) == "" and unclear(bound, 1) and unclear(bound, None)
    assert unclear(zero, 0)


def test_a_preview_that_tws_is_to_hold_is_a_doubt_and_so_is_a_child_that_does_not_say() -> None:
    held = order(7, SPY, "SELL", 1, 500, what_if=True, transmit=False)
    assert "it is a preview" in unclear(held, 21)
    assert unclear(order(7, SPY, "SELL", 1, 500, what_if=True), 21) == ""
    assert unclear(order(7, SPY, "SELL", 1, 500, transmit=Absent.BLANK), 21) == ""
    child = order(7, SPY, "SELL", 1, 500, transmit=Absent.BLANK, parent_id=6)
    assert "and its parent with it" in unclear(child, 21)


@pytest.mark.parametrize("halted", [False, True])
def test_through_the_gateway_it_is_refused_and_the_client_goes_on(tmp_path: Path, halted: bool) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        if halted:
            it.halt()
        before = len(it.login.exchange.open_orders())
        for index, text, why in (DOUBTS[0], (WHAT_IF, "true", "neither 0 nor 1")):
            client.transport.write(frame(spelled(index, text, "BUY")))
            await client.until(lambda why=why: any(why in one.text for one in client.replies if hasattr(one, "text")))
        assert len(it.login.exchange.open_orders()) == before
        assert "not_understood" in told(client, 7)[-1].text

    post(tmp_path, test)


@pytest.mark.parametrize("money", ["Infinity", "inf", "1e16"])
def test_an_amount_of_money_that_is_none_is_not_judged_by_the_quantity_beside_it(tmp_path: Path, money: str) -> None:
    async def test(it: Post) -> None:
        client = await it.client()
        client.transport.write(frame(spelled(CASH_QTY, money, "BUY")))
        await client.until(lambda: told(client, 7))
        assert "cash_quantity" in told(client, 7)[0].text
        assert not it.login.exchange.find_order(21, 7)

    post(tmp_path, test)
