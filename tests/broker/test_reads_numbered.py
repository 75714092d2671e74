"""Reads that carry a number: what accounts are worth, executions, contract details, quotes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from broker.scripted import (
    AAPL,
    ACCOUNT,
    ES,
    HOST,
    PORT,
    Peer,
    ScriptedTws,
    execution,
    scripted,
)
from engine.broker.collect import Executions
from engine.broker.link import Link
from engine.broker.reads import Complete, Failed, Outcome, Reads, answer
from engine.core.contracts import Contract
from engine.core.facts import AccountWorth, Quote, QuoteKind
from engine.core.units import UNSET
from engine.simulator.virtual import settle
from engine.wire import replies, requests

TIMEOUT_S = 3.0


async def reading(tws: ScriptedTws) -> Reads:
    link = Link(HOST, PORT, 1)
    reads = Reads(link)
    await link.connect()
    return reads


async def positions(reads: Reads) -> Outcome[Any]:
    return await answer(lambda then: reads.positions(then, TIMEOUT_S))


async def orders(reads: Reads) -> Outcome[Any]:
    return await answer(lambda then: reads.open_orders(then, TIMEOUT_S))


def tell(*messages: replies.Reply) -> Callable[[Peer, Any], tuple[replies.Reply, ...]]:
    return lambda _peer, _request: messages


def numbered(*makers: Callable[[int], replies.Reply]) -> Callable[[Peer, Any], list[replies.Reply]]:
    return lambda _peer, request: [make(request.req_id) for make in makers]


def test_what_accounts_are_worth_is_told_by_account_and_the_subscription_is_ended() -> None:
    """What is blank, no number, or TWS's word for unset is not there."""

    async def test(tws: ScriptedTws) -> None:
        def told(_peer: Peer, request: requests.ReqAccountSummary) -> list[replies.Reply]:
            rows = [
                (ACCOUNT, "NetLiquidation", "100.50"),
                (ACCOUNT, "GrossPositionValue", "0.00"),
                (ACCOUNT, "MaintMarginReq", ""),
                ("DU2", "NetLiquidation", "1.7976931348623157E308"),
                ("DU2", "MaintMarginReq", "-3"),
                ("DU2", "FullMaintMarginReq", "NaN"),
                ("DU3", "NetLiquidation", "n/a"),
            ]
            others = replies.AccountSummary(request.req_id + 1, ACCOUNT, "MaintMarginReq", "9", "USD")
            own = [replies.AccountSummary(request.req_id, account, tag, value, "USD") for account, tag, value in rows]
            return [*own, others, replies.AccountSummaryEnd(request.req_id)]

        tws.answers[requests.ReqAccountSummary] = told
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.worth(then, TIMEOUT_S))
        assert outcome == Complete(
            (
                AccountWorth(ACCOUNT, {"NetLiquidation": Decimal("100.50"), "GrossPositionValue": Decimal("0.00")}),
                AccountWorth("DU2", {"MaintMarginReq": Decimal(-3)}),
            )
        )
        await settle()
        [asked] = tws.requests(requests.ReqAccountSummary)
        [ended] = tws.requests(requests.CancelAccountSummary)
        assert ended.req_id == asked.req_id and asked.group == "All"

    scripted(test)


def test_executions_are_signed_and_summaries_of_combinations_left_out() -> None:
    async def test(tws: ScriptedTws) -> None:
        bag = Contract(con_id=77, sec_type="BAG")
        tws.answers[requests.ReqExecutions] = numbered(
            lambda n: execution(n),
            lambda n: execution(n, exec_id="2.01", side="SLD", liquidation=1, time="20260311 10:29:50 US/Eastern"),
            lambda n: execution(n, exec_id="3.01", contract=bag),
            lambda n: execution(n + 1, exec_id="4.01"),
            replies.ExecutionsEnd,
        )
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.executions(then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        assert [(fact.quantity, fact.liquidation, fact.recent) for fact in outcome.value] == [
            (2, False, False),
            (-2, True, True),
        ]
        assert isinstance(tws.asked[0][2], requests.ReqCurrentTime)  # "recent" means something only beside its clock

    scripted(test)


@pytest.mark.parametrize(
    ("time", "now_s", "age_s_min"),
    [
        ("20260311 14:30:00 UTC", 1773239409.0, 7),  # 9 s ago, or 8: a second for its fraction, one for the clock's
        ("20260311 14:30:00 UTC", 1773239401.5, 0),
        ("20260311 14:30:00 UTC", 1773239390.0, 0),  # in the future: one of the clocks is wrong
        ("20260311 14:30:00", 1773239409.0, 0),  # in which zone?
        ("20260311 14:30:00 UTC", None, 0),
    ],
)
def test_an_execution_is_at_least_as_old_as_its_time_and_the_brokers_clock_allow(
    time: str, now_s: float | None, age_s_min: int
) -> None:
    listed = Executions(1, lambda: now_s)
    assert listed.take(execution(1, time=time))
    assert [fact.age_ns_min for fact in listed.result()] == [age_s_min * 10**9]


@pytest.mark.parametrize(
    "spoilt",
    [{"side": "BUY"}, {"shares": UNSET}, {"price": UNSET}],
)
def test_an_execution_that_cannot_be_understood_fails_the_read(spoilt: dict[str, Any]) -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqExecutions] = numbered(lambda n: execution(n, **spoilt), replies.ExecutionsEnd)
        reads = await reading(tws)
        assert isinstance(await answer(lambda then: reads.executions(then, TIMEOUT_S)), Failed)

    scripted(test)


def test_contract_details_are_asked_by_id_alone_and_never_route_to_qbalgo() -> None:
    def details(exchange: str) -> Callable[[int], replies.Reply]:
        contract = Contract(con_id=11, symbol="ES", sec_type="FUT", exchange=exchange)
        return lambda n: replies.ContractDetails(
            req_id=n, contract=contract, min_tick=Decimal("0.25"), valid_exchanges="CME,QBALGO"
        )

    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqContractDetails] = numbered(
            details("QBALGO"), details("CME"), replies.ContractDetailsEnd
        )
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.contract_details(11, then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        assert outcome.value.contract.exchange == "CME"
        assert outcome.value.valid_exchanges == ("CME", "QBALGO")
        assert tws.requests(requests.ReqContractDetails)[0].contract == Contract(con_id=11)

    scripted(test)


def test_of_a_description_the_only_contract_that_fits_is_meant_and_of_several_none() -> None:
    def row(con_id: int, name: str) -> Callable[[int], replies.Reply]:
        contract = Contract(con_id=con_id, symbol="ES", sec_type="FUT", local_symbol=name, exchange="CME")
        return lambda req_id: replies.ContractDetails(req_id=req_id, contract=contract)

    async def test(tws: ScriptedTws) -> None:
        reads, asked = await reading(tws), Contract(symbol="ES", sec_type="FUT", exchange="CME")

        async def found(*rows: Callable[[int], replies.Reply]) -> Outcome[Any]:
            tws.answers[requests.ReqContractDetails] = numbered(*rows, replies.ContractDetailsEnd)
            return await answer(lambda then: reads.find_contract(asked, then, TIMEOUT_S))

        one = await found(row(11, "ESH6"), row(11, "ESH6"))
        assert isinstance(one, Complete) and one.value.contract.con_id == 11
        two = await found(row(12, "ESM6"), row(11, "ESH6"))
        assert isinstance(two, Failed) and two.why.endswith("2 contracts fit: ESH6, ESM6")
        many = await found(*(row(n, f"E{n:03}") for n in range(100, 120)), row(7, ""))
        assert isinstance(many, Failed) and "21 contracts fit: 7, E100" in many.why and many.why.endswith(", …")
        assert isinstance(await found(), Failed)
        assert {one.contract for one in tws.requests(requests.ReqContractDetails)} == {asked}

    scripted(test)


def test_a_contract_nobody_knows_is_refused_not_awaited() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqContractDetails] = numbered(
            lambda n: replies.ErrorMessage(n, 200, "No security definition has been found for the request")
        )
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.contract_details(11, then, TIMEOUT_S))
        assert isinstance(outcome, Failed)
        assert outcome.refused
        tws.answers[requests.ReqContractDetails] = numbered(replies.ContractDetailsEnd)
        outcome = await answer(lambda then: reads.contract_details(11, then, TIMEOUT_S))
        assert isinstance(outcome, Failed)
        assert outcome.refused
        assert asyncio.get_running_loop().time() == 0

    scripted(test)


def price(tick: int, value: str, size: int = 5) -> Callable[[int], replies.Reply]:
    return lambda n: replies.TickPrice(n, tick, Decimal(value), Decimal(size))


@pytest.mark.parametrize(
    ("ticks", "quote"),
    [
        ([price(1, "99"), price(2, "101")], Quote(Decimal(99), Decimal(101), QuoteKind.LIVE)),
        ([price(1, "-1", 0), price(2, "0.05")], Quote(None, Decimal("0.05"), QuoteKind.LIVE)),
        ([price(1, "0", 0), price(2, "0.05")], Quote(None, Decimal("0.05"), QuoteKind.LIVE)),
        ([price(1, "-1", 3), price(2, "-0.5")], Quote(Decimal(-1), Decimal("-0.5"), QuoteKind.LIVE)),
        ([price(66, "99"), price(67, "101")], Quote(Decimal(99), Decimal(101), QuoteKind.DELAYED)),
        (
            [lambda n: replies.MarketDataType(n, 2), price(1, "99"), price(2, "101")],
            Quote(Decimal(99), Decimal(101), QuoteKind.FROZEN),
        ),
        (
            [lambda n: replies.TickGeneric(n, 49, Decimal(1)), price(1, "99"), price(2, "101")],
            Quote(Decimal(99), Decimal(101), QuoteKind.LIVE, halted=True),
        ),
        ([price(2, "101"), replies.TickSnapshotEnd], Quote(None, Decimal(101), QuoteKind.LIVE)),
    ],
)
def test_quotes_tell_none_from_zero_and_live_from_delayed(
    ticks: list[Callable[[int], replies.Reply]], quote: Quote
) -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqMktData] = numbered(*ticks)
        reads = await reading(tws)
        assert await answer(lambda then: reads.quote(AAPL, then, TIMEOUT_S)) == Complete(quote)
        assert tws.requests(requests.ReqMktData)[0].snapshot

    scripted(test)


@pytest.mark.parametrize("code", [354, 10089, 10090, 10168, 10197, 200])
def test_no_market_data_is_no_quote(code: int) -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqMktData] = numbered(lambda n: replies.ErrorMessage(n, code, "no market data"))
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.quote(AAPL, then, TIMEOUT_S))
        assert isinstance(outcome, Failed)
        assert str(code) in outcome.why

    scripted(test)


def test_a_notice_that_data_is_delayed_does_not_end_the_quote() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqMktData] = numbered(
            lambda n: replies.ErrorMessage(n, 10167, "Displaying delayed market data"),
            price(66, "99"),
            price(67, "101"),
        )
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.quote(AAPL, then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        assert outcome.value.kind is QuoteKind.DELAYED

    scripted(test)


def test_a_quote_that_never_comes_fails_and_one_side_is_used() -> None:
    async def test(tws: ScriptedTws) -> None:
        reads = await reading(tws)
        assert isinstance(await answer(lambda then: reads.quote(AAPL, then, TIMEOUT_S)), Failed)
        tws.answers[requests.ReqMktData] = numbered(price(1, "99"))
        outcome = await answer(lambda then: reads.quote(AAPL, then, TIMEOUT_S))
        assert outcome == Complete(Quote(Decimal(99), None, QuoteKind.LIVE))

    scripted(test)


def test_many_numbered_reads_run_side_by_side_inside_the_pacing() -> None:
    async def test(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqContractDetails] = numbered(
            lambda n: replies.ContractDetails(req_id=n, contract=ES), replies.ContractDetailsEnd
        )
        reads = await reading(tws)
        outcomes = await asyncio.gather(
            *(answer(lambda then: reads.contract_details(11, then, TIMEOUT_S)) for _ in range(100))
        )
        assert all(isinstance(outcome, Complete) for outcome in outcomes)
        assert asyncio.get_running_loop().time() == pytest.approx(2.1, abs=0.1)

    scripted(test)


def test_a_contract_whose_details_are_too_short_says_where_it_trades() -> None:
    async def test(tws: ScriptedTws) -> None:
        eurex = msgspec.structs.replace(AAPL, exchange="EUREX")

        def short(peer: Peer, request: Any) -> tuple[replies.Reply, ...]:
            whole = peer.session.send(replies.ContractDetails(request.req_id, eurex))[4:].decode()
            peer.send_raw(*whole.split("\0")[:-2])
            return (replies.ContractDetailsEnd(request.req_id),)

        tws.answers[requests.ReqContractDetails] = short
        reads = await reading(tws)
        outcome = await answer(lambda then: reads.contract_details(AAPL.con_id, then, TIMEOUT_S))
        assert isinstance(outcome, Complete)
        assert outcome.value.contract.exchange == "EUREX"
        assert not outcome.value.trading_hours

    scripted(test)
