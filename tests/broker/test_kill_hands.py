"""What the kill's hands do on the wire, command by command, and what they report back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from broker.scripted import (
    ACCOUNT,
    ES,
    HOST,
    PORT,
    ScriptedTws,
    execution,
    open_order,
    order_status,
    position,
    scripted,
)
from broker.test_translate import place
from engine.broker.closer_lock import CloserLock
from engine.broker.fan_out import MAIN_KEEPS, Way
from engine.broker.kill_hands import RESOLVE_TRIES, Hands, HandsSettings
from engine.broker.link import Link, LinkSettings
from engine.broker.pacing import RATE_MAX
from engine.broker.reaching import BESIDE_ANSWERED_MAX, BESIDE_MAX
from engine.broker.reads import Reads
from engine.core.contracts import Contract
from engine.core.facts import AccountWorth, PriceStep
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.events import Trouble
from engine.simulator.virtual import current_loop, settle, until
from engine.wire import replies, requests
from engine.wire.order import Order, OrderState


class OpenRight:
    """A right to close that lets everything pass, unless it is told why not."""

    def __init__(self) -> None:
        self.why = ""

    def enter(self) -> tuple[CloserLock, ...] | str:
        return self.why or ()


class Kill:
    """Hands with what they told."""

    def __init__(self, **options: Any) -> None:
        self.told: list[ev.Event] = []
        self.faults: list[BaseException] = []
        settings = HandsSettings(link=LinkSettings(tcp_s=1, handshake_s=1, ready_s=1))
        self.right = OpenRight()
        self.hands = Hands(
            HOST, PORT, 1, settings, self.told.append, self.faults.append, right=self.right, pressed_at=0.0, **options
        )

    def do(self, *commands: cmd.Command) -> None:
        for command in commands:
            assert self.hands.do(command)

    def heard(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]

    @property
    def news(self) -> list[ev.Event]:
        """What was told beside that TWS has answered the handshake, which each try tells."""
        return [event for event in self.told if not isinstance(event, ev.Greeted)]

    async def connect(self) -> Kill:
        self.do(cmd.Connect())
        await settle(100)
        assert self.heard(ev.Connected)
        return self


def run_kill(test: Callable[[ScriptedTws, Kill], Awaitable[None]], **options: Any) -> None:
    async def main(tws: ScriptedTws) -> None:
        kill = Kill()
        await test(tws, kill)
        kill.hands.let_go("the test is over")
        assert not kill.faults

    scripted(main, **options)


def acknowledge(tws: ScriptedTws) -> None:
    """Every order is shown and filled at once."""

    def answer(peer: Any, request: Any) -> list[replies.Reply]:
        order = request.order
        shown = open_order(
            perm_id=1000 + request.order_id, client_id=peer.client_id, order_id=request.order_id, ref=order.order_ref
        )
        return [shown, order_status("Submitted", perm_id=shown.order.perm_id, client_id=peer.client_id, order_id=request.order_id)]  # fmt: skip  # noqa: E501

    tws.answers[requests.PlaceOrder] = answer


# --- connecting ------------------------------------------------------------------------------------


def test_connecting_tells_accounts_and_client_id() -> None:
    async def test(_tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        assert kill.news == [ev.Connected((ACCOUNT,), 1, cancel_sent=False)]

    run_kill(test)


@pytest.mark.parametrize(("busy", "used"), [({1}, 9000), ({1, 9000, 9001}, 9002)])
def test_a_client_id_in_use_falls_back_to_an_emergency_id(busy: set[int], used: int) -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = busy
        await kill.connect()
        assert kill.news == [ev.Connected((ACCOUNT,), used, cancel_sent=False)]

    run_kill(test)


def test_ids_in_use_are_said_after_a_bounded_number_of_tries() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = {1, *range(9000, 9100)}
        kill.do(cmd.Connect())
        await settle(200)
        [lost] = kill.heard(ev.Disconnected)
        assert lost.trouble is Trouble.CLIENT_IDS_BUSY
        assert "client ids 1, 9000-9006 are in use" in lost.text
        assert len(tws.peers) == 8

    run_kill(test)


def test_the_next_attempts_go_on_with_ids_not_tried_yet_and_then_begin_anew() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = {1, *range(9000, 9032)}
        for _ in range(5):
            kill.do(cmd.Connect())
            await settle(200)
        ids = [peer.client_id for peer in tws.peers]
        assert ids[:33] == [1, *range(9000, 9032)]
        assert ids[33:36] == [1, 9000, 9001]
        tws.busy_ids = {1, *range(9000, 9011)}
        await settle(200)
        kill.do(cmd.Connect())
        await settle(200)
        kill.do(cmd.Connect())
        await settle(200)
        assert kill.heard(ev.Connected)[0].client_id == 9011

    run_kill(test)


def test_hanging_up_on_everybody_ends_the_attempt_and_is_not_blamed_on_one_id() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.close_on = "start"
        kill.do(cmd.Connect())
        await settle(60)
        [lost] = kill.heard(ev.Disconnected)
        assert lost.trouble is Trouble.CLOSED
        assert "whichever client id" in lost.text
        assert len(tws.peers) == 3

    run_kill(test)


def test_hanging_up_on_the_ids_in_use_does_not_keep_a_free_one_from_being_found() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.close_on_ids = {1, *range(9000, 9005)}
        for _ in range(3):
            kill.do(cmd.Connect())
            await settle(60)
        assert [peer.client_id for peer in tws.peers] == [1, *range(9000, 9006)]
        assert kill.heard(ev.Connected)[0].client_id == 9005

    run_kill(test)


def test_a_link_to_ibkr_that_is_down_when_we_connect_is_told_behind_connected() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        start = tws._start

        def start_down(peer: Any, client_id: int) -> None:
            peer.send(replies.ErrorMessage(-1, 1100, "lost"))
            start(peer, client_id)

        tws._start = start_down  # type: ignore[method-assign]
        await kill.connect()
        assert kill.news == [
            ev.Connected((ACCOUNT,), 1, cancel_sent=False),
            ev.BrokerLink(up=False, code=1100),
        ]

    run_kill(test)


def test_a_borrowed_connection_is_used_at_once_and_given_back_open() -> None:
    async def test(tws: ScriptedTws) -> None:
        link = Link(HOST, PORT, 5)
        reads = Reads(link)
        await link.connect()
        kill = Kill(borrowed=Way(link, reads))
        kill.do(cmd.Connect(), cmd.GlobalCancel())
        assert kill.told == [ev.Connected((ACCOUNT,), 5, cancel_sent=False)]
        await settle()
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1
        kill.hands.let_go("over")
        tws.peer.send(replies.ErrorMessage(-1, 1100, "lost"))
        await settle()
        assert link.up
        assert len(kill.told) == 1  # nothing is heard any more

    scripted(test)


def test_an_interrupted_attempt_is_told_and_can_be_repeated() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "hello"
        kill.do(cmd.Connect())
        await asyncio.sleep(0.1)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("kill"):
                task.cancel()  # as a program does that ends all its tasks
        await settle()
        assert [event.trouble for event in kill.heard(ev.Disconnected)] == [Trouble.FAILED]
        tws.silent_on = ""
        kill.told.clear()
        await kill.connect()

    run_kill(test)


# --- what TWS says ---------------------------------------------------------------------------------


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


def place_command(key: int, **fields: Any) -> cmd.Place:
    return place(key=key, order_ref=f"QEKILL-k-{key}", **fields)


def test_without_the_right_no_closing_order_leaves_neither_new_nor_changed_and_cancels_do() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        kill.right.why = "another kill has taken over"
        kill.told.clear()
        kill.do(place_command(1, quantity=Decimal(2)), place_command(2), cmd.CancelClose(1), cmd.GlobalCancel())
        await settle()
        assert kill.heard(ev.CloseNotSent) == [ev.CloseNotSent(key, kill.right.why) for key in (1, 2)]
        assert len(tws.requests(requests.PlaceOrder)) == 1
        assert len(tws.requests(requests.CancelOrder)) == len(tws.requests(requests.ReqGlobalCancel)) == 1

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


# --- reads and look-ups ----------------------------------------------------------------------------


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


# --- orders ----------------------------------------------------------------------------------------


def test_the_same_key_again_is_the_same_order_id_on_the_same_connection() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        for _ in range(2):
            kill.do(place_command(1))
        kill.do(place_command(2))
        await settle()
        ids = [request.order_id for request in tws.requests(requests.PlaceOrder)]
        assert ids[0] == ids[1] != ids[2]

    run_kill(test)


def test_a_cancel_goes_to_the_connection_that_placed_the_order_ahead_of_everything() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        kill.do(*(place_command(key) for key in range(2, 200)), cmd.CancelClose(1))
        await settle()
        cancels = [(peer, request) for _, peer, request in tws.asked if isinstance(request, requests.CancelOrder)]
        [(peer, cancel)] = cancels
        assert peer.client_id == 1
        assert cancel.order_id == tws.requests(requests.PlaceOrder)[0].order_id
        assert asyncio.get_running_loop().time() == 0

    run_kill(test)


def test_both_kinds_of_cancel_leave_at_once_though_much_waits_on_their_connection() -> None:
    """As where the kill was lent the connection of a program that asks for a lot."""

    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        assert kill.hands._ways.main is not None
        for _ in range(200):
            kill.hands._ways.main.link.post(requests.ReqCurrentTime())
        kill.do(cmd.CancelClose(1), cmd.GlobalCancel())
        await asyncio.sleep(10)
        assert tws.times(requests.CancelOrder) == tws.times(requests.ReqGlobalCancel) == [0]

    run_kill(test)


def test_an_order_withdrawn_before_it_was_sent_is_never_sent() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = set(range(9000, 9100))  # no more connections than one
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 101)))
        kill.do(cmd.CancelClose(100))
        await asyncio.sleep(10)
        assert ev.CloseNotSent(100, "withdrawn before it was sent") in kill.told
        assert len(tws.requests(requests.PlaceOrder)) == 99
        assert not tws.requests(requests.CancelOrder)

    run_kill(test)


def test_a_repeat_on_a_lost_connection_is_not_sent_elsewhere() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        tws.peer.transport.abort()
        await settle()
        await kill.connect()
        kill.told.clear()
        kill.do(place_command(1))
        assert [type(event) for event in kill.told] == [ev.CloseNotSent]
        kill.do(cmd.CancelClose(1))  # the same client id is back: it may cancel
        kill.do(place_command(2))
        await settle()
        first, second = tws.requests(requests.PlaceOrder)
        assert tws.requests(requests.CancelOrder)[0].order_id == first.order_id
        assert second.order_id > first.order_id  # although TWS began again at the same number

    run_kill(test)


def test_an_order_that_cannot_be_written_is_told_not_sent() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1, account="DU\0"))
        await settle()
        assert [type(event) for event in kill.heard(ev.CloseNotSent)] == [ev.CloseNotSent]
        assert not tws.requests(requests.PlaceOrder)

    run_kill(test)


def test_much_to_send_is_spread_over_four_connections_inside_the_budget_of_each() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        acknowledge(tws)
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 281)))
        await asyncio.sleep(5)
        assert len(kill.heard(ev.CloseSent)) == 280
        assert len({event.key for event in kill.heard(ev.CloseStatus)}) == 280
        by_client: dict[int | None, list[float]] = {}
        for at, peer, request in tws.asked:
            if isinstance(request, requests.PlaceOrder):
                by_client.setdefault(peer.client_id, []).append(at)
        assert sorted(by_client, key=str) == [1, 9000, 9001, 9002]
        for times in by_client.values():
            assert max(sum(start <= at < start + 1 for at in times) for start in times) <= RATE_MAX
        assert max(max(times) for times in by_client.values()) < 1.3
        first_second = [at for at in by_client[1] if at < 1]
        assert len(first_second) <= RATE_MAX - MAIN_KEEPS  # the rest of the main one's budget is for reads
        refs = [request.order.order_ref for request in tws.requests(requests.PlaceOrder)]
        assert len(refs) == len(set(refs)) == 280

    run_kill(test)


def test_connections_for_a_large_book_are_opened_with_its_first_order() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        contracts = [msgspec.structs.replace(ES, con_id=con_id) for con_id in range(1, 101)]
        tws.answers[requests.ReqPositions] = lambda _peer, _request: [*map(position, contracts), replies.PositionEnd()]
        kill.do(cmd.ReadPositions(1))
        await settle(100)
        assert [peer.client_id for peer in tws.peers] == [1]  # another kill may be the one that closes
        kill.do(place_command(1))
        await settle(100)
        assert [peer.client_id for peer in tws.peers] == [1, 9000, 9001]
        assert len(tws.requests(requests.PlaceOrder)) == 1

    run_kill(test)


def test_without_further_connections_the_work_goes_on_over_one() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.busy_ids = set(range(9000, 9100))
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 101)))
        await asyncio.sleep(10)
        assert len(tws.requests(requests.PlaceOrder)) == 100
        times = tws.times(requests.PlaceOrder)
        assert max(sum(start <= at < start + 1 for at in times) for start in times) <= RATE_MAX

    run_kill(test)


def test_a_lost_extra_connection_orphans_its_orders_and_no_others() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(*(place_command(key) for key in range(1, 151)))
        await asyncio.sleep(3)
        [extra] = [peer for peer in tws.peers if peer.client_id == 9001]
        placed = [
            request for _, peer, request in tws.asked if peer is extra and isinstance(request, requests.PlaceOrder)
        ]
        kill.told.clear()
        extra.transport.abort()
        await settle()
        orphans = {event.key for event in kill.heard(ev.CloseOrphaned)}
        assert orphans == {int(request.order.order_ref.rpartition("-")[2]) for request in placed}
        assert orphans
        assert not kill.heard(ev.Disconnected)

    run_kill(test)


# --- connections that fell silent ------------------------------------------------------------------


async def fall_silent(tws: ScriptedTws, kill: Kill) -> None:
    """Two orders are sent on client id 1, then nothing comes any more, and TWS holds the connection."""
    await kill.connect()
    kill.do(place_command(1), place_command(2))
    await settle()
    answer = tws.answers.pop(requests.ReqCurrentTime)
    tws.busy_ids = {1}
    await asyncio.sleep(LinkSettings().dead_after_s + 4)
    tws.answers[requests.ReqCurrentTime] = answer
    kill.do(cmd.Connect())
    await asyncio.sleep(5)


def test_orders_on_a_connection_that_fell_silent_may_arrive_until_tws_lets_somebody_in_under_its_id() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await fall_silent(tws, kill)
        assert kill.heard(ev.CloseOrphaned) == [ev.CloseOrphaned(key, may_arrive=True) for key in (1, 2)]
        assert [event.client_id for event in kill.heard(ev.Connected)] == [1, 9000]
        assert not kill.heard(ev.CarrierEnded)
        tws.busy_ids = set()
        await asyncio.sleep(2)
        assert kill.heard(ev.CarrierEnded) == [ev.CarrierEnded(1), ev.CarrierEnded(2)]
        asked = len(tws.peers)
        await asyncio.sleep(5)
        assert len(tws.peers) == asked  # and then it is not asked any more
        assert not kill.heard(ev.Disconnected)[1:]

    run_kill(test)


def test_when_the_kill_is_over_nobody_asks_for_the_id_any_more() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await fall_silent(tws, kill)
        kill.hands.let_go("over")
        await settle()
        asked = len(tws.peers)
        await asyncio.sleep(5)
        assert len(tws.peers) == asked

    run_kill(test)


def test_a_connection_that_tws_ended_delivers_nothing_more() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        kill.do(place_command(1))
        await settle()
        tws.peer.transport.abort()
        await settle()
        assert kill.heard(ev.CloseOrphaned) == [ev.CloseOrphaned(1, may_arrive=False)]

    run_kill(test)


# --- a TWS that is slow ----------------------------------------------------------------------------


def confirm(tws: ScriptedTws, peer: Any) -> None:
    """Somebody presses Accept."""
    tws.silent_on = ""
    peer.transport.write(peer.session.accept("20260311 10:30:00 US/Eastern"))


def test_a_dialog_that_is_confirmed_late_finds_the_connection_it_was_shown_for() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "hello"
        kill.do(cmd.Connect())
        await asyncio.sleep(10.5)
        assert not any(peer.gone for peer in tws.peers)
        assert 1 < len(tws.peers) <= BESIDE_MAX
        confirm(tws, tws.peers[0])
        await settle(100)
        assert [event.client_id for event in kill.heard(ev.Connected)] == [1]
        assert [peer.gone for peer in tws.peers] == [False, True, True]  # what was beside it is over
        assert not kill.heard(ev.Disconnected)

    run_kill(test)


def test_where_nobody_answers_it_is_said_what_is_waited_for_and_the_connections_are_bounded() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "hello"
        kill.do(cmd.Connect())
        await asyncio.sleep(1.1)
        [waits] = kill.heard(ev.StillWaiting)
        assert waits.trouble is Trouble.SILENT and "Accept incoming connection" in waits.text
        for _ in range(60):
            await asyncio.sleep(1)
            assert sum(not peer.gone for peer in tws.peers) <= BESIDE_MAX
        assert not tws.peers[0].gone  # the dialog was shown for this one
        confirm(tws, tws.peers[0])
        await settle(100)
        assert [event.client_id for event in kill.heard(ev.Connected)] == [1]


def test_a_connection_that_nobody_has_accepted_is_no_one_to_wait_for() -> None:
    async def test(_tws: ScriptedTws, kill: Kill) -> None:
        current_loop().network.never_answer(HOST, PORT)
        kill.do(cmd.Connect())
        await asyncio.sleep(2)
        assert not kill.heard(ev.StillWaiting)
        assert [event.trouble for event in kill.heard(ev.Disconnected)] == [Trouble.SILENT]

    run_kill(test)


def test_a_tws_that_answers_and_is_not_ready_is_stayed_with_and_cancelled_in_advance_twice() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        del tws.answers[requests.ReqCurrentTime]
        kill.do(cmd.Connect())
        await asyncio.sleep(0.2)
        assert kill.told == [ev.Greeted(), ev.Answering(1)]
        kill.do(cmd.GlobalCancel(early=True))
        await settle()
        assert len(tws.requests(requests.ReqGlobalCancel)) == 1
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)))
        await settle()
        assert kill.heard(ev.Answering) == [ev.Answering(1)] * 2  # told again: now it is more likely to listen
        for _ in range(60):
            await asyncio.sleep(1)
            assert sum(not peer.gone for peer in tws.peers) <= BESIDE_ANSWERED_MAX
        assert not tws.peers[0].gone
        tws.peers[0].send(replies.NextValidId(5))
        await settle(100)
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1, cancel_sent=False)]
        assert [peer.gone for peer in tws.peers] == [False] + [True] * (len(tws.peers) - 1)

    run_kill(test)


def test_a_tws_that_takes_long_is_asked_again_every_two_seconds_until_it_is_ready() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        del tws.answers[requests.ReqCurrentTime]
        kill.do(cmd.Connect())
        await asyncio.sleep(5)
        asked = [round(at) for at, peer, request in tws.asked if isinstance(request, requests.ReqIds)]
        assert asked == [2, 4]
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)), replies.NextValidId(5))
        await asyncio.sleep(5)
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1)]
        assert len(tws.requests(requests.ReqIds)) == 2

    run_kill(test)


def test_numbers_that_are_not_those_of_tws_are_told() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        kill.do(cmd.Connect())
        await settle()
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)))
        await asyncio.sleep(8.1)
        await settle()
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1, own_numbers=True)]

    run_kill(test)


def test_a_number_that_cannot_be_one_costs_no_time() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        kill.do(cmd.Connect())
        await settle()
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)), replies.NextValidId(2**31 - 1))
        await settle()
        assert kill.heard(ev.Connected) == [ev.Connected((ACCOUNT,), 1, own_numbers=True)]
        assert len(tws.requests(requests.ReqIds)) == 1

    run_kill(test)


def test_numbers_that_cannot_be_ones_are_asked_about_at_once_only_once() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        del tws.answers[requests.ReqCurrentTime]
        kill.do(cmd.Connect())
        await settle()
        tws.peers[0].send(replies.ManagedAccounts((ACCOUNT,)), *[replies.NextValidId(0)] * 50)
        await asyncio.sleep(1)
        assert len(tws.requests(requests.ReqIds)) == 1
        assert not kill.heard(ev.Connected)

    run_kill(test)


def test_a_second_connection_beside_a_slow_one_is_taken_where_it_is_ready_first() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        tws.silent_on = "start"
        kill.do(cmd.Connect())
        await asyncio.sleep(4)
        tws.silent_on = ""
        await asyncio.sleep(1.1)
        await settle(100)
        assert [event.client_id for event in kill.heard(ev.Connected)] == [9000]
        assert tws.peers[0].gone

    run_kill(test)


def test_a_tws_that_is_quick_hears_of_no_cancel_in_advance() -> None:
    async def test(tws: ScriptedTws, kill: Kill) -> None:
        await kill.connect()
        await asyncio.sleep(5)
        assert not kill.heard(ev.Answering) and not kill.heard(ev.StillWaiting)
        assert len(tws.peers) == 1

    run_kill(test)
