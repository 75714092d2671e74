"""What is understood at a glance is what the codec understands, and only orders of a form that was read whole are."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.core.contracts import Contract
from engine.core.preflight.intent import Intent
from engine.gateway.forms import FORMS_MAX, Forms
from engine.trading.order_intent import exact, intent_of
from engine.wire.codec import decode_request, encode_request
from engine.wire.errors import MalformedMessage
from engine.wire.frames import frame
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
PLAIN = Order(action="BUY", total_quantity=Decimal(7), order_type="LMT", lmt_price=Decimal(500), tif="DAY")
FOREVER_NS = 10**19


def said(order: Order, order_id: int = 1, contract: Contract = SPY, version: int = 178) -> bytes:
    return frame(encode_request(PlaceOrder(order_id, contract, order), version))


def meant(message: bytes, version: int = 178) -> tuple[int, Intent, Order]:
    """By the codec, the careful way."""
    request = decode_request(message[4:], version)
    assert isinstance(request, PlaceOrder)
    order = exact(request.order)
    intent = intent_of(request.contract, order, account="DU1", client_id=21, listing=None)
    return request.order_id, intent, order


def knowing(*messages: bytes, version: int = 178) -> Forms:
    forms = Forms()
    for message in messages:
        _, intent, order = meant(message, version)
        forms.learn(message, version, order, intent, FOREVER_NS)
    return forms


def glance(forms: Forms, message: bytes, version: int = 178) -> tuple[int, Intent] | None:
    found = forms.read(message, version)
    return None if found is None else (found[1], found[0].intent(found[2], found[3]))


@given(
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["LMT", "MKT"]),
    st.integers(1, 999_999_999),
    st.decimals(min_value=1, max_value=999_999, places=2),
    st.decimals(min_value=0, max_value=999_999, places=4),
    st.sampled_from([145, 157, 163, 176, 178]),
)
def test_another_order_of_a_form_is_read_as_the_codec_reads_it(
    action: str, order_type: str, order_id: int, quantity: Decimal, limit: Decimal, version: int
) -> None:
    fields: dict[str, Any] = {"action": action, "order_type": order_type}
    first = replace(PLAIN, **fields)
    second = replace(first, total_quantity=quantity, lmt_price=limit)
    if order_type == "MKT":
        first, second = replace(first, lmt_price=Order().lmt_price), replace(second, lmt_price=Order().lmt_price)
    forms = knowing(said(first, version=version), version=version)
    message = said(second, order_id, version=version)
    read = glance(forms, message, version)
    assert read is not None
    assert read == meant(message, version)[:2]


PIECES = [b"", b"0", b"1", b"-1", b"007", b"1e3", b"nan", b"5.", b".5", b"BUY", b"SELL", b"LMT", b"BAG", b"2147483647"]


@given(st.lists(st.tuples(st.integers(0, 120), st.sampled_from(PIECES), st.integers(0, 2)), max_size=4))
def test_whatever_is_changed_in_an_order_it_is_read_as_the_codec_reads_it_or_not_at_all(
    changes: list[tuple[int, bytes, int]],
) -> None:
    forms = knowing(said(PLAIN), said(replace(PLAIN, action="SELL")))
    fields = said(PLAIN)[4:].split(b"\0")
    for place, piece, way in changes:
        at = place % len(fields)
        if way == 0:
            fields[at] = piece
        elif way == 1:
            fields.insert(at, piece)
        else:
            fields[at : at + 1] = []
    message = frame(b"\0".join(fields))
    read = glance(forms, message)
    if read is None:
        return
    try:
        assert read == meant(message)[:2]
    except MalformedMessage as error:
        raise AssertionError(f"the codec does not read it: {error}") from error


@pytest.mark.parametrize(
    "more",
    [
        {"parent_id": 3},
        {"oca_group": "one"},
        {"transmit": False},
        {"what_if": True},
        {"cash_qty": Decimal(100)},
        {"aux_price": Decimal(1)},
        {"order_type": "STP LMT"},
        {"fa_group": "all"},
        {"total_quantity": Decimal("0.5")},
    ],
)
def test_an_order_with_more_to_it_makes_no_form(more: dict[str, Any]) -> None:
    message = said(replace(PLAIN, **more))
    assert glance(knowing(message), message) is None


@pytest.mark.parametrize(
    "other",
    [
        {"action": "SELL"},
        {"order_type": "MKT"},
        {"tif": "GTC"},
        {"account": "DU2"},
        {"outside_rth": True},
        {"order_ref": "mine"},
        {"parent_id": 1},
        {"hidden": True},
        {"what_if": True},
        {"transmit": False},
    ],
)
def test_what_differs_in_anything_but_its_numbers_is_another_form(other: dict[str, Any]) -> None:
    forms = knowing(said(PLAIN))
    assert glance(forms, said(PLAIN, 2)) is not None
    assert glance(forms, said(replace(PLAIN, **other), 2)) is None
    assert glance(forms, said(PLAIN, 2, replace(SPY, con_id=1))) is None
    assert forms.read(said(PLAIN, 2), 177) is None


@pytest.mark.parametrize("other", [{"quantity": Decimal(8)}, {"limit": Decimal(1)}, {"aux": Decimal(1)}])
def test_an_order_that_would_not_be_read_from_its_form_as_it_was_meant_makes_none(other: dict[str, Any]) -> None:
    message, forms = said(PLAIN), Forms()
    _, intent, order = meant(message)
    forms.learn(message, 178, order, replace(intent, **other), FOREVER_NS)
    assert glance(forms, message) is None


def test_a_bag_makes_no_form() -> None:
    message = said(PLAIN, contract=replace(SPY, sec_type="BAG"))
    forms = Forms()
    intent = Intent("DU1", 756733, "BAG", "SPY", meant(said(PLAIN))[1].side, Decimal(7), "LMT", Decimal(500), tif="DAY")
    forms.learn(message, 178, PLAIN, replace(intent, con_id=0), FOREVER_NS)
    assert glance(forms, message) is None


def test_forms_are_bounded_and_the_oldest_go() -> None:
    forms = Forms()
    messages = [said(replace(PLAIN, order_ref=str(n))) for n in range(FORMS_MAX + 1)]
    _, intent, _ = meant(messages[0])
    for message in messages:
        forms.learn(message, 178, PLAIN, intent, FOREVER_NS)
    assert forms.read(messages[0], 178) is None and forms.read(messages[-1], 178) is not None
    forms.forget()
    assert forms.read(messages[-1], 178) is None
