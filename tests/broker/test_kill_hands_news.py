"""What the kill's hands report of what TWS says: orders, executions, notices, the link, what accounts are worth."""

from __future__ import annotations

from decimal import Decimal

import pytest

from broker.kill_hands_stage import Kill, place_command, run_kill
from broker.scripted import (
    ACCOUNT,
    ES,
    ScriptedTws,
    execution,
    open_order,
    order_status,
    position,
)
from engine.core.facts import AccountWorth
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.simulator.virtual import settle
from engine.wire import replies, requests
from engine.wire.order import Order, OrderState


def test_a_lost_connection_orphans_its_orders_and_never_sends_what_waited() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(cmd.ReadPositions(1))
        for key in range(1, 3):
            kill.do(place_command(key))
        await settle()
        kill.told.clear()
        tws.peer.transport.abort()
        await settle()
        kinds = [type(event) for event in kill.told]
        assert kinds[:3] == [ev.CloseOrphaned, ev.CloseOrphaned, ev.Disconnected]
        assert ev.ReadFailed in kinds
        kill.told.clear()
        kill.do(place_command(1), cmd.ReadOrders(2), cmd.GlobalCancel())
        assert [type(event) for event in kill.told] == [ev.CloseNotSent, ev.ReadFailed]

    run_kill(test)


def test_notices_and_the_state_of_the_link_are_told() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.told.clear()
        tws.peer.send(
            replies.ErrorMessage(-1, 1100, "lost"),
            replies.ErrorMessage(-1, 1102, "back"),
            replies.ErrorMessage(-1, 2104, "farm is fine"),
            position(),
        )
        tws.peer.send_raw("61", "3", "DU1")
        await settle()
        link_down, link_up, notice, changed, unreadable = kill.told
        assert (link_down, link_up) == (ev.BrokerLink(up=False, code=1100), ev.BrokerLink(up=True, code=1102))
        assert notice == ev.Notice(2104, "farm is fine")
        assert isinstance(changed, ev.PositionChanged)
        assert isinstance(unreadable, ev.Notice)

    run_kill(test)


def test_rows_of_a_read_are_no_news() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        tws.answers[requests.ReqPositions] = lambda _peer, _request: [position(), replies.PositionEnd()]
        kill.told.clear()
        kill.do(cmd.ReadPositions(3))
        await settle()
        [read] = kill.told
        assert isinstance(read, ev.PositionsRead)
        assert read.read_id == 3

    run_kill(test)


def test_the_last_word_about_an_order_of_others_is_told_by_its_perm_id() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(7))
        await settle()
        [sent] = tws.requests(requests.PlaceOrder)
        kill.told.clear()
        tws.peer.send(
            order_status("Cancelled", filled=1, client_id=7, order_id=3, perm_id=501),
            order_status("Filled", filled=2, client_id=7, order_id=4, perm_id=502),
            order_status("Cancelled", filled=0, client_id=7, order_id=5, perm_id=0),  # whichever that was
            order_status("Inactive", filled=0, client_id=7, order_id=6, perm_id=503),  # it may be sent again
            order_status("Cancelled", client_id=1, order_id=sent.order_id, perm_id=55),  # ours
        )
        await settle()
        assert kill.heard(ev.OrderEnded) == [
            ev.OrderEnded(501, "Cancelled", Decimal(1)),
            ev.OrderEnded(502, "Filled", Decimal(2)),
        ]

    run_kill(test)


def test_what_happens_to_a_closing_order_is_told_by_its_key() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(7, contract=ES))
        await settle()
        [sent] = tws.requests(requests.PlaceOrder)
        assert kill.heard(ev.CloseSent) == [ev.CloseSent(7)]
        kill.told.clear()
        mine = {"order_id": sent.order_id, "perm_id": 55, "client_id": 1}
        tws.peer.send(
            open_order(ref="QEKILL-k-7", **mine),
            order_status("Submitted", **mine),
            order_status("Filled", filled=2, remaining=0, **mine),
            execution(**mine),
            replies.ErrorMessage(sent.order_id, 399, "will be placed at the exchange"),
            order_status("Submitted", client_id=2, order_id=sent.order_id, perm_id=56),  # another client's
            execution(exec_id="9.01", client_id=2, order_id=sent.order_id, perm_id=56),
        )
        await settle()
        shown, working, filled, fill, notice = [event for event in kill.told if hasattr(event, "key")]
        assert shown == ev.CloseStatus(7, "Submitted", None, 55)
        assert working == ev.CloseStatus(7, "Submitted", Decimal(0), 55)
        assert filled == ev.CloseStatus(7, "Filled", Decimal(2), 55)
        assert isinstance(fill, ev.CloseFill)
        assert fill.execution.order_ref == "QEKILL-k-7"
        assert notice == ev.CloseError(7, 399, "will be placed at the exchange")

    run_kill(test)


def test_what_another_order_of_the_same_numbers_does_is_not_ours() -> None:
    """Order ids go back with a TWS restart: a fill of that one counted as one of ours."""

    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(7, contract=ES))
        await settle()
        [sent] = tws.requests(requests.PlaceOrder)
        kill.told.clear()
        theirs = {"order_id": sent.order_id, "perm_id": 44, "client_id": 1}
        tws.peer.send(
            open_order(**theirs, action="SELL"),
            order_status("Submitted", **theirs),
            execution(**theirs, side="SLD"),
            open_order(ref="somebody's", **(theirs | {"perm_id": 45})),
            order_status("Submitted", **(theirs | {"perm_id": 45})),
        )
        await settle()
        assert not [event for event in kill.told if hasattr(event, "key")]
        assert kill.heard(ev.OrderSeen)  # they are other orders, and not over
        tws.peer.send(order_status("Submitted", order_id=sent.order_id, perm_id=46, client_id=1))
        await settle()
        assert [event for event in kill.told if hasattr(event, "key")] == [
            ev.CloseStatus(7, "Submitted", Decimal(0), 46)
        ]

    run_kill(test)


@pytest.mark.parametrize(("before_s", "told"), [(0, [8]), (5, [7, 8]), (60, [6, 7, 8])])
def test_what_was_cancelled_before_the_press_is_told_if_it_is_asked_for(before_s: int, told: list[int]) -> None:
    def ended(perm_id: int, time: str) -> replies.CompletedOrder:
        order = Order(action="SELL", order_type="STP", total_quantity=Decimal(1), perm_id=perm_id, account=ACCOUNT)
        state = OrderState(status="Cancelled", completed_time=f"20260311 {time} US/Eastern")
        return replies.CompletedOrder(ES, order, state)

    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        tws.answers[requests.ReqCompletedOrders] = lambda _peer, _request: [
            ended(6, "10:29:30"),
            ended(7, "10:29:56"),
            ended(8, "10:30:00"),
            replies.CompletedOrdersEnd(),
        ]
        kill.do(cmd.ReadCompleted(4, before_s * 10**9))
        await settle()
        (read,) = kill.heard(ev.CompletedRead)
        assert [order.perm_id for order in read.orders] == told

    run_kill(test)


def test_an_execution_from_a_read_counts_for_its_order_too() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(7))
        await settle()
        [sent] = tws.requests(requests.PlaceOrder)
        tws.answers[requests.ReqExecutions] = lambda _peer, request: [
            execution(request.req_id, order_id=sent.order_id, perm_id=55, order_ref="QEKILL-k-7"),
            execution(request.req_id, exec_id="8.01", order_id=sent.order_id, order_ref="an older kill's"),
            replies.ExecutionsEnd(request.req_id),
        ]
        kill.told.clear()
        kill.do(cmd.ReadExecutions(4))
        await settle()
        fill, read = [told for told in kill.told if not isinstance(told, ev.ServerClock)]
        assert isinstance(fill, ev.CloseFill)
        assert fill.key == 7
        assert isinstance(read, ev.ExecutionsRead)
        assert [execution.order_ref for execution in read.executions] == ["QEKILL-k-7", "an older kill's"]

    run_kill(test)


def test_what_the_accounts_are_worth_is_read_once_and_for_the_machine() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        tws.answers[requests.ReqAccountSummary] = lambda _peer, request: [
            replies.AccountSummary(request.req_id, ACCOUNT, "NetLiquidation", "5.00", "USD"),
            replies.AccountSummaryEnd(request.req_id),
        ]
        kill.told.clear()
        kill.do(cmd.ReadWorth(-1))
        await settle()
        assert ev.WorthRead(-1, (AccountWorth(ACCOUNT, {"NetLiquidation": Decimal(5)}),)) in kill.told
        tws.answers[requests.ReqAccountSummary] = lambda _peer, request: [
            replies.ErrorMessage(request.req_id, 322, "too many")
        ]
        kill.do(cmd.ReadWorth(-2))
        await settle()
        assert ev.ReadFailed(-2, "account values: too many (322)") in kill.told

    run_kill(test)


@pytest.mark.parametrize(
    ("rows", "foreign", "unrealized"),
    [
        (["CashBalance 5 BASE", "CashBalance 5 EUR", "ExchangeRate 1.00 EUR", "UnrealizedPnL 0 EUR"], "0", "0"),
        (["CashBalance -300 USD", "ExchangeRate 0.9 USD", "CashBalance 5 EUR", "ExchangeRate 1 EUR"], "270.0", None),
        (["CashBalance 10 USD", "CashBalance 0 SEK", "ExchangeRate 0.9 USD", "UnrealizedPnL 0 USD"], "9.0", "0"),
        (["CashBalance 10 USD", "ExchangeRate 0 USD", "UnrealizedPnL 0 BASE"], None, "0"),
        (["CashBalance 10 USD", "CashBalance 10 SEK", "ExchangeRate 0.9 USD"], None, None),
        (["UnrealizedPnL 7 USD", "UnrealizedPnL -7 EUR"], None, "14"),
        (["CashBalance none USD"], None, None),
        (["UnrealizedPnL 0 EUR", "UnrealizedPnL none USD"], None, None),
        (["UnrealizedPnL none USD", "UnrealizedPnL 0 EUR"], None, None),
        (["CashBalance 10 BASE"], None, None),
    ],
)
def test_cash_in_other_currencies_is_added_up_only_where_all_of_it_can_be(
    rows: list[str], foreign: str | None, unrealized: str | None
) -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        asked: list[str] = []

        def answer(_peer: object, request: requests.ReqAccountSummary) -> list[replies.Reply]:
            asked.append(request.tags)
            told = [
                replies.AccountSummary(request.req_id, ACCOUNT, *row.split()) for row in ["MaintMarginReq 3 EUR", *rows]
            ]
            return [*told, replies.AccountSummaryEnd(request.req_id)]

        await kill.connect()
        tws.answers[requests.ReqAccountSummary] = answer
        kill.do(cmd.ReadWorth(-1, cash=True))
        await settle()
        assert asked == ["NetLiquidation,GrossPositionValue,MaintMarginReq,FullMaintMarginReq,$LEDGER:ALL"]
        (read,) = [told for told in kill.told if isinstance(told, ev.WorthRead)]
        (worth,) = read.accounts
        assert worth.foreign_cash == (None if foreign is None else Decimal(foreign))
        assert worth.values.get("UnrealizedPnL") == (None if unrealized is None else Decimal(unrealized))

    run_kill(test)


def test_our_own_order_in_a_list_carries_its_ref_again() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(7, contract=ES))
        await settle()
        [sent] = tws.requests(requests.PlaceOrder)
        tws.answers[requests.ReqAllOpenOrders] = lambda _peer, _request: [
            open_order(order_id=sent.order_id, perm_id=55),
            order_status(order_id=sent.order_id, perm_id=55),
            replies.OpenOrderEnd(),
        ]
        kill.do(cmd.ReadOrders(5))
        await settle()
        [read] = kill.heard(ev.OrdersRead)
        assert [order.order_ref for order in read.orders] == ["QEKILL-k-7"]

    run_kill(test)
