"""A whole order is read as its client meant it and written as its client spelled it, or it is refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.contracts import ComboLeg, Contract, DeltaNeutral, TagValue
from engine.core.units import BLANK, UNSET, Number
from engine.wire.codec import decode_reply, decode_request, encode_reply, encode_request
from engine.wire.errors import FieldUnavailable, InvalidValue, MalformedMessage
from engine.wire.order import (
    ExecutionCondition,
    MarginCondition,
    Order,
    OrderState,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from engine.wire.replies import OpenOrder
from engine.wire.requests import PlaceOrder
from wire.messages import VERSIONS, structs

STOCK = Contract(symbol="AAPL", sec_type="STK", exchange="SMART", currency="USD")
LIMIT = Order(action="BUY", total_quantity=Decimal(100), order_type="LMT", lmt_price=Decimal("150.25"), tif="DAY")
CONDITIONS_AT = 89  # of a plain order at 178
CONDITIONS = (
    PriceCondition("a", True, Decimal("5.5"), 265598, "SMART", 2),
    TimeCondition("o", False, "20260911 09:30:00 US/Eastern"),
    MarginCondition("a", True, Decimal(30)),
    ExecutionCondition("a", "STK", "SMART", "AAPL"),
    VolumeCondition("a", True, 1000, 265598, "SMART"),
    PercentChangeCondition("a", True, Decimal("2.5"), 265598, "SMART"),
)

SINCE_102 = {"conditions": CONDITIONS, "conditions_cancel_order": True, "adjusted_order_type": "STP"}
SINCE_170 = {
    "min_trade_qty": 5,
    "min_compete_size": 3,
    "compete_against_best_offset": Decimal("Infinity"),
    "mid_offset_at_whole": Decimal("0.01"),
    "mid_offset_at_half": Decimal("0.02"),
}


def placed(contract: Contract = STOCK, order: Order = LIMIT, version: int = 178) -> list[str]:
    """The fields of placeOrder, without the empty one at the end."""
    return encode_request(PlaceOrder(7, contract, order), version).decode().split("\0")[:-1]


def with_field(index: int, text: str, version: int = 178, order: Order = LIMIT) -> bytes:
    fields = placed(version=version, order=order)
    fields[index] = text
    return "\0".join([*fields, ""]).encode()


def read_order(payload: bytes, version: int = 178) -> PlaceOrder:
    request = decode_request(payload, version)
    assert isinstance(request, PlaceOrder)
    return request


@pytest.mark.parametrize(("version", "count"), [(176, 115), (177, 114), (178, 114)])
def test_a_plain_order_has_as_many_fields_as_the_public_clients_send(version: int, count: int) -> None:
    assert len(placed(version=version)) == count


@pytest.mark.parametrize("version", VERSIONS)
def test_the_fields_checks_depend_on_stand_where_they_always_stand(version: int) -> None:
    order = msgspec.structs.replace(LIMIT, account="DU1", transmit=False, what_if=True)
    fields = placed(order=order, version=version)
    shift = 1 if version < 145 else 0
    assert fields[0] == "3"
    assert fields[1 + shift] == "7"
    assert fields[3 + shift : 5 + shift] == ["AAPL", "STK"]
    assert fields[16 + shift : 20 + shift] == ["BUY", "100", "LMT", "150.25"]
    assert (fields[23 + shift], fields[27 + shift]) == ("DU1", "0")


def test_what_if_and_cash_quantity_stand_where_the_public_clients_send_them() -> None:
    order = msgspec.structs.replace(LIMIT, what_if=True, cash_qty=Decimal("12.5"))
    assert (placed(order=order, version=176)[85], placed(order=order, version=176)[101]) == ("1", "12.5")
    assert (placed(order=order)[84], placed(order=order)[100]) == ("1", "12.5")


@pytest.mark.parametrize(
    ("index", "spelled", "value"),
    [
        (19, "150.250", Decimal("150.25")),
        (19, "1e-05", Decimal("0.00001")),
        (19, "1.5E2", Decimal(150)),
        (19, "0150", Decimal(150)),
        (19, "1.7976931348623157E308", UNSET),
        (19, "1.7976931348623157e+308", UNSET),
        (19, "2147483647", UNSET),
        (19, "", BLANK),
        (19, "Infinity", Decimal("Infinity")),
        (19, "Infinite", Decimal("Infinity")),
    ],
)
def test_an_order_keeps_the_spelling_it_came_in(index: int, spelled: str, value: object) -> None:
    payload = with_field(index, spelled)
    request = read_order(payload)
    assert request.order.lmt_price == value
    assert encode_request(request, 178) == payload


@pytest.mark.parametrize(
    ("index", "spelled"), [(27, "true"), (27, "false"), (27, ""), (2, ""), (25, ""), (28, "2147483647")]
)
def test_flags_and_ids_keep_theirs_too(index: int, spelled: str) -> None:
    payload = with_field(index, spelled)
    assert encode_request(read_order(payload), 178) == payload


def test_a_changed_order_is_written_in_our_own_spelling() -> None:
    request = read_order(with_field(19, "150.25e0"))
    changed = msgspec.structs.replace(request, order=msgspec.structs.replace(request.order, total_quantity=Decimal(50)))
    fields = encode_request(changed, 178).decode().split("\0")
    assert fields[17:20] == ["50", "LMT", "150.25"]


@pytest.mark.parametrize("spelled", ["150,25", "abc", " 150", "NaN", "1e999999", "1_0"])
def test_a_price_that_is_not_a_number_is_refused_by_name(spelled: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        read_order(with_field(19, spelled))
    assert (caught.value.message_id, caught.value.field, caught.value.offset) == (3, "lmt_price", 19)


def test_a_fraction_of_a_share_is_refused_before_version_101() -> None:
    for version, spelled in ((100, "100.5"), (100, "1e-1")):
        with pytest.raises(MalformedMessage, match="fraction"):
            read_order(with_field(18, spelled, version), version)
    assert encode_request(read_order(with_field(18, "100.0", 100), 100), 100) == with_field(18, "100.0", 100)
    assert read_order(with_field(18, "100.5", 101), 101).order.total_quantity == Decimal("100.5")


@pytest.mark.parametrize("version", VERSIONS)
def test_orders_with_everything_at_once_survive(version: int) -> None:
    contract = Contract(
        symbol="SPX",
        sec_type="BAG",
        exchange="IBKRATS",
        combo_legs=(ComboLeg(1, 1, "BUY", "CBOE"), ComboLeg(2, 2, "SELL", "CBOE", 1, 2, "X", 0)),
        delta_neutral=DeltaNeutral(5, Decimal("0.5"), Decimal(100)),
    )
    order = msgspec.structs.replace(
        LIMIT,
        order_type="PEG BEST",
        order_combo_leg_prices=(Decimal("1.5"), BLANK),
        smart_combo_routing_params=(TagValue("NonGuaranteed", "1"),),
        delta_neutral_order_type="MKT",
        delta_neutral_con_id=9,
        scale_price_increment=Decimal("0.5"),
        scale_random_percent=True,
        hedge_type="P",
        hedge_param="2",
        algo_strategy="Adaptive",
        algo_params=(TagValue("adaptivePriority", "Urgent"),),
        **(SINCE_102 if version >= 102 else {}),
        **(SINCE_170 if version >= 170 else {}),
    )
    request = PlaceOrder(7, contract, order)
    assert decode_request(encode_request(request, version), version) == request


def test_legs_are_there_only_for_combinations() -> None:
    legs = (ComboLeg(1, 1, "BUY", "CBOE"),)
    bag = placed(Contract(symbol="SPX", sec_type="BAG", combo_legs=legs))
    assert bag[35:44] == ["1", "1", "1", "BUY", "CBOE", "0", "0", "", "-1"]
    assert bag[44:46] == ["0", "0"]
    assert len(placed(Contract(symbol="SPX", sec_type="OPT", combo_legs=legs))) == 114


def test_each_condition_has_its_number_and_fields() -> None:
    fields = placed(order=msgspec.structs.replace(LIMIT, conditions=CONDITIONS))
    start = CONDITIONS_AT
    assert (
        fields[start : start + 36]
        == [
            *("6", "1", "a", "1", "5.5", "265598", "SMART", "2"),
            *("3", "o", "0", "20260911 09:30:00 US/Eastern"),
            *("4", "a", "1", "30"),
            *("5", "a", "STK", "SMART", "AAPL"),
            *("6", "a", "1", "1000", "265598", "SMART"),
            *("7", "a", "1", "2.5", "265598", "SMART"),
            *("0", "0"),
            "",
        ][:36]
    )


def test_an_unknown_condition_is_refused() -> None:
    fields = placed(order=msgspec.structs.replace(LIMIT, conditions=CONDITIONS[:1]))
    start = CONDITIONS_AT
    fields[start + 1] = "2"
    with pytest.raises(MalformedMessage, match="2 is not known"):
        decode_request("\0".join([*fields, ""]).encode(), 178)


@pytest.mark.parametrize(
    ("changes", "version", "since"),
    [
        ({"conditions": CONDITIONS}, 101, 102),
        ({"model_code": "m"}, 102, 103),
        ({"ext_operator": "x"}, 104, 105),
        ({"soft_dollar_tier_name": "x"}, 105, 106),
        ({"cash_qty": Decimal(5)}, 110, 111),
        ({"mifid2_decision_algo": "x"}, 137, 138),
        ({"mifid2_execution_algo": "x"}, 138, 139),
        ({"dont_use_auto_price_for_hedge": True}, 140, 141),
        ({"is_oms_container": True}, 144, 145),
        ({"discretionary_up_to_limit_price": True}, 147, 148),
        ({"use_price_mgmt_algo": True}, 150, 151),
        ({"duration": 5}, 157, 158),
        ({"post_to_ats": 5}, 159, 160),
        ({"auto_cancel_parent": True}, 161, 162),
        ({"advanced_error_override": "x"}, 165, 166),
        ({"manual_order_time": "x"}, 168, 169),
        ({"order_type": "PEG BEST", "min_compete_size": 5}, 169, 170),
    ],
)
def test_an_order_never_loses_a_value_silently(changes: dict[str, object], version: int, since: int) -> None:
    order = msgspec.structs.replace(LIMIT, **changes)
    with pytest.raises(FieldUnavailable, match=f"needs server version {since}"):
        encode_request(PlaceOrder(7, STOCK, order), version)
    sent = PlaceOrder(7, STOCK, order)
    assert decode_request(encode_request(sent, since), since) == sent


def test_a_value_that_is_absent_is_not_lost_by_leaving_it_out() -> None:
    order = msgspec.structs.replace(LIMIT, duration=UNSET, cash_qty=UNSET)
    assert encode_request(PlaceOrder(7, STOCK, order), 100)


def test_misc_options_as_separate_fields_are_refused() -> None:
    fields = placed()
    misc = 85
    one = [*fields[:misc], "[object Object]", *fields[misc + 1 :]]
    two = [*one[: misc + 1], "[object Object]", *one[misc + 1 :]]
    none = [*fields[:misc], *fields[misc + 1 :]]
    assert read_order("\0".join([*one, ""]).encode()).order.misc_options == "[object Object]"
    for damaged in (two, none):
        with pytest.raises(MalformedMessage):
            decode_request("\0".join([*damaged, ""]).encode(), 178)


def test_scale_fields_without_a_positive_increment_are_refused() -> None:
    fields = placed(order=msgspec.structs.replace(LIMIT, scale_price_increment=Decimal(0)))
    at = placed(order=msgspec.structs.replace(LIMIT, scale_price_increment=Decimal(-7))).index("-7")
    extra = [*fields[: at + 1], *[""] * 7, *fields[at + 1 :]]
    with pytest.raises(MalformedMessage):
        decode_request("\0".join([*extra, ""]).encode(), 178)


# --- open orders ---------------------------------------------------------------------------------------------------


def test_open_orders_have_a_version_of_their_own_before_145() -> None:
    order = OpenOrder(7, STOCK, LIMIT, OrderState(status="Submitted"))
    assert encode_reply(order, 144).startswith(b"5\x0034\x007\x00")
    assert encode_reply(order, 145).startswith(b"5\x007\x00")


def test_a_delta_neutral_order_type_of_none_brings_its_fields_along() -> None:
    plain = OpenOrder(7, STOCK, LIMIT, OrderState())
    none = OpenOrder(7, STOCK, msgspec.structs.replace(LIMIT, delta_neutral_order_type="None"), OrderState())
    sizes = [encode_reply(order, 178).count(b"\0") for order in (plain, none)]
    assert sizes[1] == sizes[0] + 8
    assert decode_reply(encode_reply(none, 178), 178) == none


UNSET_TEXT = b"1.7976931348623157E308"


def open_order_fields(stop_price: Number) -> list[bytes]:
    order = msgspec.structs.replace(LIMIT, trail_stop_price=stop_price)
    return encode_reply(OpenOrder(7, STOCK, order, OrderState()), 178).split(b"\0")


def test_of_a_stop_price_sent_twice_the_second_counts_unless_only_the_first_is_a_number() -> None:
    fields = open_order_fields(Decimal("149.5"))
    _, second = (index for index, field in enumerate(fields) if field == b"149.5")
    for text, expected in ((b"", "149.5"), (b"148", "148"), (b"1.7976931348623157E308", "149.5")):
        read = decode_reply(b"\0".join([*fields[:second], text, *fields[second + 1 :]]), 178)
        assert isinstance(read, OpenOrder)
        assert read.order.trail_stop_price == Decimal(expected)


def test_an_order_without_a_stop_price_says_so_as_tws_does() -> None:
    at = [index for index, field in enumerate(open_order_fields(Decimal("149.5"))) if field == b"149.5"]
    for price, texts in ((BLANK, [b"", UNSET_TEXT]), (UNSET, [UNSET_TEXT, UNSET_TEXT])):
        fields = open_order_fields(price)
        assert [fields[index] for index in at] == texts
        read = decode_reply(b"\0".join(fields), 178)
        assert isinstance(read, OpenOrder)
        assert read.order.trail_stop_price is price


@settings(deadline=None, max_examples=60)
@given(request=structs(PlaceOrder), version=st.sampled_from(VERSIONS))
def test_reading_then_writing_an_order_gives_the_same_bytes(request: PlaceOrder, version: int) -> None:
    try:
        payload = encode_request(request, version)
    except (FieldUnavailable, InvalidValue):
        return
    fields = payload.split(b"\0")
    spelled = b"\0".join(field + b".0" if field.isdigit() and field != fields[0] else field for field in fields)
    for bytes_ in (payload, spelled):
        try:
            read = decode_request(bytes_, version)
        except MalformedMessage:
            assert bytes_ is spelled  # whole numbers have no decimals
            continue
        assert encode_request(read, version) == bytes_
