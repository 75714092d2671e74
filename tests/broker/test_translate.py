"""Facts and orders: nothing made up, nothing contradicted, absence never a number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from broker.scripted import ACCOUNT, ES, execution, open_order, order_status, position
from engine.broker import translate
from engine.broker.clock import possible_seconds, unix_seconds
from engine.core.contracts import Contract
from engine.core.facts import PriceStep
from engine.core.kill.commands import OrderType, Place
from engine.core.units import BLANK, UNSET
from engine.wire import replies
from engine.wire.codec import decode_request, encode_request


def place(**fields: object) -> Place:
    defaults: dict[str, object] = {
        "key": 1,
        "account": ACCOUNT,
        "contract": Contract(
            con_id=33, symbol="SPY", sec_type="OPT", last_trade_date="20260417", strike=Decimal(560), right="P",
            multiplier="100", exchange="SMART", primary_exchange="CBOE", currency="USD", local_symbol="SPY   260417P",
            trading_class="SPY",
        ),
        "action": "BUY",
        "quantity": Decimal(10),
        "order_type": OrderType.MARKET,
        "order_ref": "QEKILL-k-1",
    }  # fmt: skip
    return Place(**(defaults | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "plain"), [("4.0000000000000000", "4"), ("1E+2", "100"), ("0.50", "0.50"), ("-3.0", "-3"), ("7", "7")]
)
def test_whole_units_are_told_as_such_however_tws_writes_them(written: str, plain: str) -> None:
    told = translate.position(position(ES, Decimal(written))).quantity
    assert f"{told}" == plain


def test_what_is_no_number_stays_what_it_is() -> None:
    assert translate.plain(Decimal("NaN")).is_nan() and translate.plain(Decimal("-Infinity")).is_infinite()
    assert translate.plain(Decimal("1E+999999")) == Decimal("1E+999999")


def test_a_closing_order_names_account_and_ref_and_nothing_that_could_contradict_the_contract_id() -> None:
    request = translate.place_order(place(), 7)
    assert request.order_id == 7
    assert request.contract == Contract(con_id=33, symbol="SPY", sec_type="OPT", exchange="SMART", currency="USD")
    order = request.order
    assert (order.account, order.order_ref, order.action, order.total_quantity) == (ACCOUNT, "QEKILL-k-1", "BUY", 10)
    assert (order.transmit, order.open_close, order.outside_rth, order.what_if) == (True, "", False, False)


def test_a_market_order_carries_blank_prices_not_zero() -> None:
    order = translate.place_order(place(), 7).order
    assert order.order_type == "MKT"
    assert order.lmt_price is BLANK
    assert order.aux_price is BLANK


@pytest.mark.parametrize("price", ["4100.25", "0", "-1.5"])
def test_a_limit_order_carries_its_price_whatever_its_sign(price: str) -> None:
    command = place(order_type=OrderType.LIMIT, limit_price=Decimal(price), outside_rth=True, tif="GTC")
    order = translate.place_order(command, 7).order
    assert (order.order_type, order.lmt_price, order.outside_rth, order.tif) == ("LMT", Decimal(price), True, "GTC")


@pytest.mark.parametrize("version", [100, 145, 157, 176, 178])
def test_a_closing_order_survives_the_wire_at_every_version(version: int) -> None:
    request = translate.place_order(place(), 7)
    read = decode_request(encode_request(request, version), version)
    assert read.order.account == ACCOUNT  # type: ignore[attr-defined]
    assert read.contract.con_id == 33  # type: ignore[attr-defined]


def test_an_unknown_quantity_makes_no_position() -> None:
    with pytest.raises(translate.Unclear):
        translate.position(replies.Position(ACCOUNT, ES, UNSET, Decimal(1)))
    assert translate.position(replies.Position(ACCOUNT, ES, Decimal(0), UNSET)).avg_cost is None
    assert translate.position(position(quantity=-2)).quantity == -2


def test_a_working_order_tells_its_parent_and_its_oca_group() -> None:
    reply = open_order(parent_id=4, oca_group="exits", oca_type=1)
    found = translate.working_order(reply, order_status())
    assert (found.parent_id, found.oca_group, found.oca_type) == (4, "exits", 1)
    blank = translate.working_order(open_order(parent_id=BLANK, oca_type=UNSET), order_status())
    assert (blank.parent_id, blank.oca_group, blank.oca_type) == (0, "", 0)


def test_an_order_without_a_quantity_makes_no_working_order() -> None:
    row = open_order()
    unclear = replies.OpenOrder(
        row.order_id, row.contract, type(row.order)(action="BUY", total_quantity=UNSET), row.state
    )
    with pytest.raises(translate.Unclear):
        translate.working_order(unclear, order_status())


def test_a_liquidation_is_marked() -> None:
    assert translate.execution(execution(liquidation=1)).liquidation
    assert not translate.execution(execution(liquidation=0)).liquidation
    assert not translate.execution(execution(liquidation=UNSET)).liquidation


@pytest.mark.parametrize(
    ("exchanges", "chosen"),
    [
        (["QBALGO", "CME"], "CME"),
        (["CME", "QBALGO"], "CME"),
        (["NYSE", "SMART", "ARCA"], "SMART"),
        (["NYSE", "ARCA"], "ARCA"),
        (["QBALGO"], "QBALGO"),
    ],
)
def test_of_several_answers_the_same_is_chosen_whatever_their_order(exchanges: list[str], chosen: str) -> None:
    answers = [replies.ContractDetails(req_id=1, contract=Contract(exchange=exchange)) for exchange in exchanges]
    assert translate.best_details(answers).contract.exchange == chosen
    assert translate.best_details(answers[::-1]).contract.exchange == chosen


@pytest.mark.parametrize(
    ("text", "ids"),
    [("", ()), ("26", (26,)), ("26,32", (26, 32)), ("26,", ()), ("26,x", ()), ("-1", ()), ("٣", ()), ("9" * 10, ())],
)
def test_market_rule_ids_are_read_all_or_none(text: str, ids: tuple[int, ...]) -> None:
    """They are matched to the exchanges by their place in the list."""
    told = replies.ContractDetails(req_id=1, contract=ES, market_rule_ids=text)
    assert translate.details(told).market_rule_ids == ids


def test_a_market_rule_with_a_number_missing_has_no_steps() -> None:
    band = replies.PriceIncrement(Decimal(0), Decimal("0.05"))
    assert translate.price_steps(replies.MarketRule(26, (band,))) == (PriceStep(Decimal(0), Decimal("0.05")),)
    for broken in (replies.PriceIncrement(UNSET, Decimal(1)), replies.PriceIncrement(Decimal(3), BLANK)):
        assert translate.price_steps(replies.MarketRule(26, (band, broken))) == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20260311 10:30:00 US/Eastern", 1_773_239_400),
        ("20260311-14:30:00 UTC", 1_773_239_400),
        ("20260311  15:30:00 Europe/Berlin", 1_773_239_400),
        ("20260311 10:30:00", None),  # in which zone?
        ("20260311 10:30:00 EST", None),  # said in summer too
        ("20260311 10:30:00 No/Where", None),
        ("20261101 01:30:00 US/Eastern", None),  # that hour comes twice
        ("20260231 10:30:00 UTC", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_a_time_is_read_only_where_its_zone_leaves_no_doubt(text: str, seconds: float | None) -> None:
    assert unix_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20260911 10:00:00 US/Eastern", {14}),
        ("20260911  10:00:00  US/Eastern", {14}),
        ("20260911-14:00:00", {14}),  # TWS's format for UTC
        ("20260911-14:00:00 UTC", {14}),
        ("20260911 10:00:00 EST", {14, 15}),  # said in summer too
        ("20260911 10:00:00 EDT", {14, 15}),
        ("20260911 22:00:00 CST", {14, 27, 28}),  # Shanghai or Chicago
        ("20260911 14:00:00", set()),
        ("20260911 14:00:00 XYZ", set()),
        ("20260931 14:00:00 UTC", set()),
        ("\u0662\u0660260911-14:00:00", set()),
        ("", set()),
    ],
)
def test_a_time_may_mean_all_that_its_zone_allows(text: str, seconds: set[int]) -> None:
    midnight = 1_789_084_800
    assert {(at - midnight) / 3600 for at in possible_seconds(text)} == seconds
