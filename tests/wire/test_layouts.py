"""The layouts at the versions where they change, written out by hand from what the public clients read and write."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.core.contracts import Contract, TagValue
from engine.core.units import BLANK, UNSET
from engine.wire.codec import decode_reply, decode_request, encode_reply, encode_request
from engine.wire.errors import FieldUnavailable, InvalidValue, MessageUnavailable, UnsupportedVersion
from engine.wire.order import Order
from engine.wire.replies import (
    AccountUpdateMulti,
    CompletedOrdersEnd,
    ContractDetails,
    ErrorMessage,
    Execution,
    ManagedAccounts,
    NextValidId,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
    PnL,
    PnLSingle,
    PortfolioValue,
    Position,
    Reply,
    TickPrice,
)
from engine.wire.requests import (
    CancelOrder,
    PlaceOrder,
    ReqAccountUpdates,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqExecutions,
    ReqGlobalCancel,
    ReqMktData,
    ReqPnL,
    Request,
    StartApi,
)

ES = Contract(
    con_id=495512563, symbol="ES", sec_type="FUT", last_trade_date="20260918", multiplier="50", currency="USD"
)
STATUS = OrderStatus(7, "Submitted", Decimal(1), Decimal(2), Decimal("4.5"), 99, 0, Decimal("4.5"), 1, "", Decimal(0))
FILL = Execution(
    *(
        -1,
        7,
        ES,
        "0001.01",
        "20260911 09:30:00 US/Central",
        "DU1",
        "CME",
        "BOT",
        Decimal(1),
        Decimal("5000.25"),
        99,
        1,
        0,
    ),
    *(Decimal(1), Decimal("5000.25"), "ref", "", BLANK, "", 2, False),
)
FILL_HEAD = (
    "-1|7|495512563|ES|FUT|20260918|0||50||USD|||0001.01|20260911 09:30:00 US/Central|DU1|CME|BOT|1|5000.25|99|1|0|1"
)
FILL_HEAD += "|5000.25|ref||"
DETAILS = ContractDetails(
    req_id=3,
    contract=ES,
    last_trade_time="08:30 US/Central",
    market_name="ES",
    min_tick=Decimal("0.25"),
    md_size_multiplier=1,
    long_name="Café",
    under_con_id=11004968,
    sec_ids=(TagValue("ISIN", "X"),),
    agg_group=2147483647,
    under_symbol="ES",
    under_sec_type="IND",
    market_rule_ids="67",
    real_expiration_date="20260918",
    min_size=Decimal(1),
    size_increment=Decimal(1),
    suggested_size_increment=Decimal(1),
)
DETAILS_HEAD = "3|ES|FUT|20260918 08:30 US/Central|0|||USD||ES||495512563|0.25|"
LATIN = "50|||1|11004968|Café|||||||||||1|ISIN|X"
ASCII = LATIN.replace("é", "\\u00e9")
RULES = "2147483647|ES|IND|67|20260918"

REPLIES: list[tuple[int, Reply, str]] = [
    (178, NextValidId(41), "9|1|41"),
    (100, ManagedAccounts(("DU1", "DU2")), "15|1|DU1,DU2"),
    (178, OpenOrderEnd(), "53|1"),
    (130, STATUS, "3|6|7|Submitted|1|2|4.5|99|0|4.5|1|"),
    (131, STATUS, "3|7|Submitted|1|2|4.5|99|0|4.5|1||0"),
    (178, STATUS, "3|7|Submitted|1|2|4.5|99|0|4.5|1||0"),
    (152, ErrorMessage(-1, 201, "Café", "{}"), "4|2|-1|201|Café"),
    (153, ErrorMessage(-1, 201, "Café", "{}"), "4|2|-1|201|Caf\\u00e9"),
    (165, ErrorMessage(-1, 201, "no", "{}"), "4|2|-1|201|no"),
    (166, ErrorMessage(-1, 201, "no", "{}"), "4|2|-1|201|no|{}"),
    (102, FILL, f"11|10|{FILL_HEAD}"),
    (103, FILL, f"11|10|{FILL_HEAD}|"),
    (135, FILL, f"11|10|{FILL_HEAD}|"),
    (136, FILL, f"11|{FILL_HEAD}||2"),
    (177, FILL, f"11|{FILL_HEAD}||2"),
    (178, FILL, f"11|{FILL_HEAD}||2|0"),
    (178, Position("DU1", ES, Decimal(-2), Decimal("250012.5")),
     "61|3|DU1|495512563|ES|FUT|20260918|0||50||USD|||-2|250012.5"),
    (178, PortfolioValue(ES, Decimal(1), *[Decimal(2)] * 5, "DU1"),
     "7|8|495512563|ES|FUT|20260918|0||50||USD|||1|2|2|2|2|2|DU1"),
    (127, PnL(9, Decimal(1), Decimal(2), Decimal(3)), "94|9|1"),
    (129, PnL(9, Decimal(1), Decimal(2), Decimal(3)), "94|9|1|2"),
    (135, PnL(9, Decimal(1), Decimal(2), Decimal(3)), "94|9|1|2|3"),
    (178, PnL(9, UNSET, UNSET, BLANK), "94|9|1.7976931348623157E308|1.7976931348623157E308|"),
    (128, PnLSingle(9, Decimal(5), Decimal(1), Decimal(2), Decimal(3), Decimal(4)), "95|9|5|1|4"),
    (135, PnLSingle(9, Decimal(5), Decimal(1), Decimal(2), Decimal(3), Decimal(4)), "95|9|5|1|2|3|4"),
    (109, DETAILS, f"10|8|{DETAILS_HEAD}{LATIN}"),
    (110, DETAILS, f"10|8|{DETAILS_HEAD}1|{LATIN}"),
    (121, DETAILS, f"10|8|{DETAILS_HEAD}1|{LATIN}|2147483647"),
    (162, DETAILS, f"10|8|{DETAILS_HEAD}1|{ASCII}|{RULES}|"),
    (163, DETAILS, f"10|8|{DETAILS_HEAD}1|{ASCII}|{RULES}||1"),
    (164, DETAILS, f"10|{DETAILS_HEAD}{ASCII}|{RULES}||1|1|1"),
    (178, TickPrice(5, 1, Decimal("10.5"), Decimal("300.00"), 1), "1|6|5|1|10.5|300|1"),
    (178, OrderBound(1, 2, 3), "100|1|2|3"),
    (178, CompletedOrdersEnd(), "102"),
]  # fmt: skip

REQUESTS: list[tuple[int, Request, str]] = [
    (178, StartApi(7), "71|2|7|"),
    (178, ReqGlobalCancel(), "58|1"),
    (168, CancelOrder(7), "4|1|7"),
    (169, CancelOrder(7, "20260911 09:30:00"), "4|1|7|20260911 09:30:00"),
    (178, ReqAccountUpdates(True, "DU1"), "6|2|1|DU1"),
    (178, ReqExecutions(4, side="BUY"), "7|3|4|0||||||BUY"),
    (178, ReqPnL(9, "DU1"), "92|9|DU1|"),
    (178, ReqCompletedOrders(True), "99|1"),
    (113, ReqMktData(5, ES, snapshot=True), "1|11|5|495512563|ES|FUT|20260918|0||50|||USD|||0||1|"),
    (114, ReqMktData(5, ES, snapshot=True), "1|11|5|495512563|ES|FUT|20260918|0||50|||USD|||0||1|0|"),
    (175, ReqContractDetails(5, ES), "9|8|5|495512563|ES|FUT|20260918|0||50|||USD|||0||"),
    (176, ReqContractDetails(5, ES), "9|8|5|495512563|ES|FUT|20260918|0||50|||USD|||0|||"),
]


def wire(text: str) -> bytes:
    return text.replace("|", "\0").encode() + b"\0"


@pytest.mark.parametrize(("version", "reply", "text"), REPLIES)
def test_replies_have_the_layout_clients_of_that_version_read(version: int, reply: Reply, text: str) -> None:
    assert encode_reply(reply, version) == wire(text)
    assert encode_reply(decode_reply(wire(text), version), version) == wire(text)


@pytest.mark.parametrize(("version", "request_", "text"), REQUESTS)
def test_requests_have_the_layout_clients_of_that_version_write(version: int, request_: Request, text: str) -> None:
    assert encode_request(request_, version) == wire(text)
    assert decode_request(wire(text), version) == request_


def test_a_date_field_gives_date_and_time_of_the_last_trade() -> None:
    details = decode_reply(encode_reply(DETAILS, 178), 178)
    assert isinstance(details, ContractDetails)
    assert (details.contract.last_trade_date, details.last_trade_time) == ("20260918", "08:30 US/Central")


@pytest.mark.parametrize(
    ("request_", "version", "field", "since"),
    [
        (CancelOrder(1, manual_cancel_time="20260911"), 168, "manual_cancel_time", 169),
        (ReqMktData(1, ES, regulatory_snapshot=True), 113, "regulatory_snapshot", 114),
        (ReqContractDetails(1, Contract(issuer_id="e1")), 175, "contract.issuer_id", 176),
    ],
)
def test_a_request_never_loses_a_value_silently(request_: Request, version: int, field: str, since: int) -> None:
    with pytest.raises(FieldUnavailable) as caught:
        encode_request(request_, version)
    assert (caught.value.field, caught.value.version, caught.value.since) == (field, version, since)
    assert encode_request(request_, since)


def test_a_message_the_server_does_not_know_is_not_sent() -> None:
    with pytest.raises(MessageUnavailable, match="needs server version 150"):
        encode_request(ReqCompletedOrders(True), 149)
    with pytest.raises(MessageUnavailable):
        encode_reply(AccountUpdateMulti(1, "", "", "", "", ""), 102)


@pytest.mark.parametrize("version", [0, 99, 179, 201])
def test_versions_outside_the_range_are_refused(version: int) -> None:
    for call in (
        lambda: encode_reply(NextValidId(1), version),
        lambda: encode_request(ReqGlobalCancel(), version),
        lambda: decode_reply(b"9\x001\x001\x00", version),
        lambda: decode_request(b"58\x001\x00", version),
    ):
        with pytest.raises(UnsupportedVersion):
            call()


def test_text_cannot_smuggle_a_field_in() -> None:
    with pytest.raises(InvalidValue, match="NUL"):
        encode_request(CancelOrder(1, manual_cancel_time="x\0y"), 178)
    with pytest.raises(InvalidValue, match="Unicode"):
        encode_request(CancelOrder(1, manual_cancel_time="\ud800"), 178)


def test_a_value_of_the_wrong_type_is_our_own_error() -> None:
    a_float: Any = 1.5
    with pytest.raises(InvalidValue, match="filled"):
        encode_reply(OrderStatus(1, "Filled", a_float, Decimal(0)), 178)
    a_request: Any = ReqGlobalCancel()
    with pytest.raises(InvalidValue, match="direction"):
        encode_reply(a_request, 178)


def test_fractions_need_version_101() -> None:
    with pytest.raises(InvalidValue, match="fraction"):
        encode_request(PlaceOrder(1, ES, Order(total_quantity=Decimal("0.5"))), 100)
    assert b"\x000.5\x00" in encode_request(PlaceOrder(1, ES, Order(total_quantity=Decimal("0.5"))), 101)
