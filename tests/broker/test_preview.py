"""A preview asks TWS by whatIf and by nothing else, and what TWS does not say is not known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from broker.scripted import ACCOUNT, ES, HOST, PORT, Peer, ScriptedTws, scripted
from engine.broker.link import Link
from engine.broker.preview import preview_margin
from engine.core.contracts import Contract
from engine.core.known import Fact, Known, Unknown
from engine.core.preflight.intent import MarginPreview
from engine.core.units import UNSET, Number
from engine.wire import replies, requests
from engine.wire.order import Order, OrderState

BUY = Order(action="BUY", total_quantity=Decimal(2), order_type="MKT", transmit=False, account=ACCOUNT)
Answering = Callable[[Peer, Any], list[replies.Reply]]


def shown(equity: Number = UNSET, margin: Number = UNSET, *, client_id: int = 1, warning: str = "") -> Answering:
    def answer(_peer: Peer, asked: requests.PlaceOrder) -> list[replies.Reply]:
        order = Order(action="BUY", total_quantity=Decimal(2), client_id=client_id, what_if=True)
        state = OrderState(
            status="PreSubmitted", equity_with_loan_after=equity, init_margin_after=margin, warning_text=warning
        )
        return [replies.OpenOrder(asked.order_id, ES, order, state)]

    return answer


def said(code: int, text: str = "No.") -> Answering:
    return lambda _peer, asked: [replies.ErrorMessage(asked.order_id, code, text)]


def previewed(*answers: Answering, contract: Contract = ES) -> tuple[Fact[MarginPreview], ScriptedTws]:
    async def test(tws: ScriptedTws) -> tuple[Fact[MarginPreview], ScriptedTws]:
        tws.answers[requests.PlaceOrder] = lambda peer, asked: [one for each in answers for one in each(peer, asked)]
        link = Link(HOST, PORT, 1)
        await link.connect()
        found = await preview_margin(link, contract, BUY, patience_s=3.0, wall_ns=lambda: 77)
        await asyncio.sleep(5)
        return found, tws

    return scripted(test)


def test_what_tws_answers_is_the_margin_and_nothing_was_to_be_traded() -> None:
    found, tws = previewed(shown(Decimal(900), Decimal(300)))
    assert found == Known(MarginPreview(Decimal(900), Decimal(300)), 77)
    [asked] = tws.requests(requests.PlaceOrder)
    assert asked.order.what_if is True and asked.order.transmit is True


@pytest.mark.parametrize("beside", [said(399), said(2109), said(2199), shown(Decimal(1), Decimal(1), client_id=2)])
def test_notices_and_orders_of_others_are_no_answer(beside: Answering) -> None:
    found, _ = previewed(beside, shown(Decimal(900), Decimal(300)), said(201, "too late"))
    assert found == Known(MarginPreview(Decimal(900), Decimal(300)), 77)


def test_a_refused_preview_says_why_nobody_knows() -> None:
    found, _ = previewed(said(201, "Order rejected"))
    assert found == Unknown("Order rejected (201)")


@pytest.mark.parametrize("half", [(Decimal(900), UNSET), (UNSET, Decimal(300)), (UNSET, UNSET)])
def test_half_an_answer_is_none(half: tuple[Number, Number]) -> None:
    assert previewed(shown(*half))[0] == Unknown("TWS did not say what margin it would need")
    assert previewed(shown(*half, warning="not for this account"))[0] == Unknown("not for this account")


def test_silence_is_not_waited_for_longer_than_was_said() -> None:
    found, tws = previewed()
    assert found == Unknown("TWS has not answered within 3 s")
    assert len(tws.requests(requests.PlaceOrder)) == 1


def test_a_connection_that_ends_meanwhile_answers_nothing() -> None:
    def hang_up(peer: Peer, _asked: object) -> list[replies.Reply]:
        peer.transport.close()
        return []

    found, _ = previewed(hang_up)
    assert isinstance(found, Unknown) and "TWS ended it" in found.why


def test_what_cannot_be_written_is_not_asked() -> None:
    found, tws = previewed(contract=Contract(symbol="A\0B", sec_type="STK"))
    assert isinstance(found, Unknown) and "the order cannot be written" in found.why
    assert not tws.requests(requests.PlaceOrder)


def test_over_a_connection_that_is_gone_nothing_is_known() -> None:
    async def test(tws: ScriptedTws) -> Fact[MarginPreview]:
        link = Link(HOST, PORT, 1)
        await link.connect()
        link.close("enough")
        return await preview_margin(link, ES, BUY, patience_s=3.0, wall_ns=lambda: 77)

    assert isinstance(scripted(test), Unknown)
