"""What the kill's hands ask TWS for, and what they do without an answer: reads, contracts, quotes, rules, the time."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from broker.kill_hands_stage import Kill, run_kill
from broker.scripted import (
    ES,
    HOST,
    PORT,
    ScriptedTws,
    scripted,
)
from engine.broker.fan_out import Way
from engine.broker.kill_hands import RESOLVE_TRIES
from engine.broker.link import Link
from engine.broker.reads import Reads
from engine.core.contracts import Contract
from engine.core.facts import PriceStep
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.simulator.virtual import settle, until
from engine.wire import replies, requests


def test_a_read_that_times_out_gets_more_time_next_time_until_one_succeeds() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        loop = asyncio.get_running_loop()
        waits = []
        for read_id in range(1, 5):
            began = loop.time()
            kill.do(cmd.ReadOrders(read_id))
            await until(lambda number=read_id: any(e.read_id == number for e in kill.heard(ev.ReadFailed)))
            waits.append(round(loop.time() - began))
        assert waits == [3, 6, 10, 10]
        for _ in range(4):
            tws.peer.send(replies.OpenOrderEnd())
        tws.answers[requests.ReqAllOpenOrders] = lambda _peer, _request: [replies.OpenOrderEnd()]
        kill.do(cmd.ReadOrders(9))
        await settle()
        assert kill.heard(ev.OrdersRead) == [ev.OrdersRead(9, ())]
        assert kill.hands._timeouts == {"orders": 3.0}

    run_kill(test)


@pytest.mark.parametrize(("took_s", "next_s"), [(0.5, 3.0), (2.0, 4.0), (2.9, 5.8)])
def test_where_answers_are_late_the_next_read_gets_the_time_that_they_need(took_s: float, next_s: float) -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(cmd.ReadOrders(1))
        await asyncio.sleep(took_s)
        tws.peer.send(replies.OpenOrderEnd())
        await settle()
        assert kill.heard(ev.OrdersRead) == [ev.OrdersRead(1, ())]
        began = asyncio.get_running_loop().time()
        kill.do(cmd.ReadOrders(2))
        await until(lambda: bool(kill.heard(ev.ReadFailed)))
        assert asyncio.get_running_loop().time() - began == pytest.approx(next_s)
        assert not kill.hands._asked_at

    run_kill(test)


def test_a_look_up_that_is_not_answered_is_asked_again_and_then_given_up() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(cmd.Resolve(ES), cmd.Resolve(ES))
        await asyncio.sleep(60)
        assert len(tws.requests(requests.ReqContractDetails)) == RESOLVE_TRIES
        assert [event.con_id for event in kill.heard(ev.Unresolved)] == [ES.con_id]

    run_kill(test)


def test_a_refused_look_up_is_not_repeated() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.answers[requests.ReqContractDetails] = lambda _peer, request: [
            replies.ErrorMessage(request.req_id, 200, "No security definition")
        ]
        await kill.connect()
        kill.do(cmd.Resolve(ES))
        await settle()
        [unresolved] = kill.heard(ev.Unresolved)
        assert "200" in unresolved.why
        assert len(tws.requests(requests.ReqContractDetails)) == 1

    run_kill(test)


def test_a_look_up_survives_a_lost_connection() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(cmd.Resolve(ES))
        await settle()
        tws.peer.transport.abort()
        await settle()
        assert not kill.heard(ev.Unresolved)
        tws.answers[requests.ReqContractDetails] = lambda _peer, request: [
            replies.ContractDetails(req_id=request.req_id, contract=Contract(con_id=11, exchange="CME")),
            replies.ContractDetailsEnd(request.req_id),
        ]
        await kill.connect()
        await settle()
        [resolved] = kill.heard(ev.Resolved)
        assert resolved.details.contract.exchange == "CME"

    run_kill(test)


def test_a_quote_is_answered_either_way() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(cmd.AskQuote(ES))
        await asyncio.sleep(10)
        assert [event.con_id for event in kill.heard(ev.NoQuote)] == [ES.con_id]
        tws.answers[requests.ReqMktData] = lambda _peer, request: [
            replies.TickPrice(request.req_id, 1, Decimal(99), Decimal(1)),
            replies.TickPrice(request.req_id, 2, Decimal(100), Decimal(1)),
        ]
        kill.do(cmd.AskQuote(ES))
        await settle()
        [quoted] = kill.heard(ev.Quoted)
        assert (quoted.quote.bid, quoted.quote.ask) == (99, 100)

    run_kill(test)


def test_a_market_rule_is_asked_for_by_its_number_and_told_by_it() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.answers[requests.ReqMarketRule] = lambda _peer, request: [
            replies.MarketRule(
                request.rule_id,
                (
                    replies.PriceIncrement(Decimal(0), Decimal("0.05")),
                    replies.PriceIncrement(Decimal(3), Decimal("0.1")),
                ),
            )
        ]
        await kill.connect()
        kill.do(cmd.AskRule(26))
        await settle()
        steps = (PriceStep(Decimal(0), Decimal("0.05")), PriceStep(Decimal(3), Decimal("0.1")))
        assert kill.heard(ev.RuleHeard) == [ev.RuleHeard(26, steps)]
        assert tws.requests(requests.ReqMarketRule) == [requests.ReqMarketRule(26)]

    run_kill(test)


def test_a_tws_too_old_for_market_rules_has_none() -> None:
    async def test(_tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(cmd.AskRule(26))
        await settle()
        assert kill.heard(ev.RuleHeard) == [ev.RuleHeard(26, ())]

    run_kill(test, version=125)


def test_without_a_connection_a_market_rule_is_not_asked_for() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        kill.do(cmd.AskRule(26))
        await kill.connect()
        tws.peer.transport.abort()
        await settle()
        kill.do(cmd.AskRule(26))
        await settle()
        assert not kill.heard(ev.RuleHeard) and not tws.requests(requests.ReqMarketRule)

    run_kill(test)


def test_the_time_of_tws_is_told_as_it_comes() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.told.clear()
        tws.peer.send(replies.CurrentTime(1_773_239_400))
        await settle()
        assert [told.unix_s for told in kill.heard(ev.ServerClock)] == [1_773_239_400]

    run_kill(test)


def test_the_time_that_a_borrowed_connection_has_heard_before_is_told_at_once() -> None:
    async def test(tws: ScriptedTws) -> None:
        link = Link(HOST, PORT, 5)
        reads = Reads(link)
        await link.connect()
        tws.peer.send(replies.CurrentTime(1_773_239_400))
        await asyncio.sleep(2)
        kill = Kill(borrowed=Way(link, reads))
        kill.do(cmd.Connect())
        assert [told.unix_s for told in kill.heard(ev.ServerClock)] == [1_773_239_402]
        kill.hands.let_go("over")

    scripted(test)
