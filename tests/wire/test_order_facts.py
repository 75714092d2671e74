"""The head parse against the whole decode: the same values, or the same refusal."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.names import IB_ASYNC, NAUTILUS
from conformance.order_samples import FAMILIES, everyday_orders, place_order
from conformance.samples import Dice
from engine.core.contracts import Contract
from engine.core.units import BLANK, UNSET
from engine.wire.codec import decode_request, encode_request
from engine.wire.errors import MalformedMessage, UnsupportedVersion
from engine.wire.order import Order
from engine.wire.order_facts import OrderFacts, PlainTail, parse_order_facts
from engine.wire.requests import PlaceOrder

SEEDS = st.integers(0, 2**32)
VERSIONS = (100, 101, 102, 103, 105, 111, 144, 145, 157, 158, 170, 176, 177, 178)

OF_ORDER = (
    "action",
    "total_quantity",
    "order_type",
    "lmt_price",
    "aux_price",
    "tif",
    "oca_group",
    "account",
    "order_ref",
    "transmit",
    "parent_id",
    "outside_rth",
)
OF_CONTRACT = (
    "con_id",
    "symbol",
    "sec_type",
    "last_trade_date",
    "strike",
    "right",
    "multiplier",
    "exchange",
    "currency",
    "local_symbol",
)


def assert_same(facts: OrderFacts, whole: PlaceOrder, payload: bytes) -> None:
    assert facts.order_id == whole.order_id
    assert facts.field_count == payload.count(0)
    for part, names in ((whole.order, OF_ORDER), (whole.contract, OF_CONTRACT)):
        for name in names:
            ours, theirs = getattr(facts, name), getattr(part, name)
            assert ours == theirs and type(ours) is type(theirs), name
            if isinstance(theirs, Decimal):
                assert str(ours) == str(theirs), name  # the same digits, too


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, version=st.sampled_from(VERSIONS))
def test_every_fact_equals_the_whole_decode(seed: int, version: int) -> None:
    dice = Dice(seed)
    for family in FAMILIES:
        client = NAUTILUS if version < 157 or dice.chance(50) else IB_ASYNC
        payload = encode_request(place_order(dice, client, version, family), version)
        whole = decode_request(payload, version)
        assert isinstance(whole, PlaceOrder)
        assert_same(parse_order_facts(payload, version), whole, payload)


@pytest.mark.parametrize("version", VERSIONS)
def test_everyday_orders_are_read_at_every_version(version: int) -> None:
    for asked in everyday_orders(Dice(version), 50):
        payload = encode_request(asked, version)
        facts = parse_order_facts(payload, version)
        assert_same(facts, asked, payload)
        assert facts.plain_tail() == PlainTail(False, BLANK)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, version=st.sampled_from(VERSIONS))
def test_the_tail_of_an_order_is_right_or_not_given(seed: int, version: int) -> None:
    dice = Dice(seed)
    for family in FAMILIES:
        asked = place_order(dice, NAUTILUS, version, family)
        tail = parse_order_facts(encode_request(asked, version), version).plain_tail()
        assert tail is None or tail == PlainTail(asked.order.what_if, asked.order.cash_qty)


@pytest.mark.parametrize("version", [103, 111, 144, 145, 176, 178])
def test_a_plain_order_gives_its_what_if_flag_and_cash_quantity(version: int) -> None:
    order = Order(action="BUY", order_type="LMT", what_if=True, total_quantity=Decimal(5))
    if version >= 111:
        order = msgspec.structs.replace(order, cash_qty=Decimal("1000.5"))
    facts = parse_order_facts(encode_request(PlaceOrder(1, Contract(sec_type="STK"), order), version), version)
    assert facts.plain_tail() == PlainTail(True, Decimal("1000.5") if version >= 111 else BLANK)


SCALED = Order(scale_price_increment=Decimal(1), scale_auto_reset=BLANK)


@pytest.mark.parametrize(
    ("contract", "order", "lost"),
    [  # the fields that get lost stand where they leave everything that tells a plain order in its place
        (Contract(exchange="IBKRATS"), Order(), slice(96, 97)),
        (Contract(), Order(order_type="PEG MID"), slice(96, 98)),
        (Contract(), Order(order_type="PEGBENCH"), slice(96, 101)),
        (Contract(sec_type="BAG"), Order(), slice(37, 40)),
        (Contract(), SCALED, slice(80, 87)),
    ],
)
def test_a_longer_order_that_lost_as_many_fields_is_not_taken_for_plain(
    contract: Contract, order: Order, lost: slice
) -> None:
    fields = encode_request(PlaceOrder(1, contract, order), 178).split(b"\0")
    del fields[lost]
    damaged = b"\0".join(fields)
    assert damaged.count(0) == 114
    assert parse_order_facts(damaged, 178).plain_tail() is None


@pytest.mark.parametrize("version", [144, 178])
def test_a_last_field_without_an_end_is_refused_at_once(version: int) -> None:
    payload = encode_request(everyday_orders(Dice(4), 1)[0], version)
    with pytest.raises(MalformedMessage, match="no end"):
        parse_order_facts(payload[:-1] + b"5", version)


# What may stand in a number's field, and mostly must not.
ODD_TEXTS = st.one_of(
    st.text("0123456789.-+eE_ ", max_size=12),
    st.sampled_from(
        [
            "",
            "-",
            ".",
            "5.",
            ".5",
            "1_0",
            " 1",
            "1 ",
            "+1",
            "1e3",
            "1E400",
            "NaN",
            "Infinity",
            "inf",
            "0x1",
            "١٢",
            "1,5",
        ]
    ),
    st.sampled_from(["2147483647", "9223372036854775807", "1.7976931348623157e+308", "1.7976931348623157E308"]),
    st.integers(0, 10**30).map(str),
    st.just("9" * 500),
)
PARSED = {1: "order_id", 2: "con_id", 17: "total_quantity", 19: "lmt_price", 20: "aux_price", 27: "transmit"}


@settings(max_examples=400, deadline=None)
@given(text=ODD_TEXTS, field=st.sampled_from(sorted(PARSED)), version=st.sampled_from((101, 144, 145, 178)))
def test_odd_texts_are_read_as_the_codec_does_or_refused_at_the_same_field(text: str, field: int, version: int) -> None:
    index = field + (version < 145)
    fields = encode_request(everyday_orders(Dice(4), 1)[0], version).split(b"\0")
    fields[index] = text.encode()
    payload = b"\0".join(fields)
    try:
        whole = decode_request(payload, version)
    except MalformedMessage as refusal:
        with pytest.raises(MalformedMessage) as refused:
            assert parse_order_facts(payload, version).order_id
        assert (refused.value.field, refused.value.offset) == (PARSED[field], index)
        assert refusal.offset == index
    else:
        assert isinstance(whole, PlaceOrder)
        assert_same(parse_order_facts(payload, version), whole, payload)


@pytest.mark.parametrize(("index", "name"), [(6, "strike"), (28, "parent_id"), (33, "outside_rth")])
def test_what_is_read_later_is_refused_later(index: int, name: str) -> None:
    fields = encode_request(everyday_orders(Dice(4), 1)[0], 178).split(b"\0")
    fields[index] = b"x"
    facts = parse_order_facts(b"\0".join(fields), 178)
    with pytest.raises(MalformedMessage, match=name):
        getattr(facts, name)


@pytest.mark.parametrize("version", [100, 144, 145, 178])
def test_a_message_cut_short_is_refused_wherever_it_is_cut(version: int) -> None:
    payload = encode_request(everyday_orders(Dice(9), 1)[0], version)
    for end in range(len(payload)):
        with pytest.raises(MalformedMessage):
            facts = parse_order_facts(payload[:end], version)
            assert facts.outside_rth is not None
            if facts.field_count < payload.count(0):
                assert facts.plain_tail() is None  # past the head a cut is seen by the whole decode alone
                decode_request(payload[:end], version)


@pytest.mark.parametrize("payload", [b"", b"\0", b"4\x001\x007\0", b"x\x001\0", b"3", b"3\0", b"1234567890123\0"])
def test_what_is_no_order_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_order_facts(payload, 178)


@pytest.mark.parametrize("version", [0, 99, 179, 203])
def test_a_version_without_this_layout_is_refused(version: int) -> None:
    with pytest.raises(UnsupportedVersion):
        parse_order_facts(encode_request(everyday_orders(Dice(9), 1)[0], 178), version)


def test_a_sentinel_is_unset_and_never_a_price() -> None:
    for text in (b"2147483647", b"1.7976931348623157e+308", b"9223372036854775807", str(2**127 - 1).encode()):
        fields = encode_request(everyday_orders(Dice(4), 1)[0], 178).split(b"\0")
        fields[17] = fields[19] = text
        facts = parse_order_facts(b"\0".join(fields), 178)
        assert facts.total_quantity is UNSET
        assert facts.lmt_price is UNSET


@pytest.mark.parametrize("ref", ["Zürich-Ω".encode(), b"\xe9t\xe9"])
def test_text_beyond_ascii_is_read_as_the_codec_reads_it(ref: bytes) -> None:
    fields = encode_request(everyday_orders(Dice(4), 1)[0], 178).split(b"\0")
    fields[26] = ref
    payload = b"\0".join(fields)
    facts = parse_order_facts(payload, 178)
    assert facts.order_ref == (ref.decode() if ref[0] == 0x5A else ref.decode("latin-1"))
