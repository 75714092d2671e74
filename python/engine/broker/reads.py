"""One-shot reads over one connection: a complete answer, or a reason why there is none. Never half of one.

Here is what callers use; the two ways in which TWS answers are in `inquiry`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from engine.broker.collect import (
    Completed,
    CompletedOrders,
    ContractDetails,
    Executions,
    OneContract,
    Orders,
    PositionList,
    Positions,
    Snapshot,
    Worth,
)
from engine.broker.failures import LinkFailure
from engine.broker.inquiry import Complete, Failed, Lists, Numbered, Outcome, Sure, Then
from engine.broker.link import Link, Listener
from engine.broker.progress import Progress
from engine.core.contracts import Contract
from engine.core.facts import AccountWorth, Details, ExecutionFact, PositionFact, Quote, WorkingOrder
from engine.wire.events import ClientEvent, Lenient, Malformed, Ready, ServerHello
from engine.wire.replies import (
    CompletedOrdersEnd,
    ErrorMessage,
    OpenOrderEnd,
    PositionEnd,
    UnknownReply,
)
from engine.wire.requests import (
    CancelAccountSummary,
    CancelPositions,
    ReqAccountSummary,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqContractDetails,
    ReqCurrentTime,
    ReqExecutions,
    ReqMktData,
    ReqPositions,
)
from engine.wire.salvage import salvage_contract, salvage_open_order, salvage_position

T = TypeVar("T")

WORTH_TAGS = "NetLiquidation,GrossPositionValue,MaintMarginReq,FullMaintMarginReq"
CASH_TAGS = "$LEDGER:ALL"  # cash in each currency, and what the currency is worth
_POSITIONS_NOT_YET = 2151
_ASK_TIME_EVERY_S = 1.0  # while TWS does not tell it

__all__ = ["Complete", "Failed", "Outcome", "Reads", "Then", "answer"]


class Reads:
    """All reads of one link. There must be only one of these per link: it knows which answers are still owed."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._positions_subscribed = False
        self._ask_time_after = 0.0
        progress = Progress()
        self._orders = Lists[tuple[WorkingOrder, ...]](link, progress, "open orders", OpenOrderEnd, self._fence)
        self._positions = Lists[PositionList](link, progress, "positions", PositionEnd)
        self._completed = Lists[CompletedOrders](link, progress, "completed orders", CompletedOrdersEnd)
        self._lists: tuple[Lists[Any], ...] = (self._orders, self._positions, self._completed)
        self._numbered = Numbered(link, progress)
        link.listen(Listener(self._heard, self._lost))

    # --- what can be read ------------------------------------------------------------------------
    def open_orders(self, then: Then[tuple[WorkingOrder, ...]], timeout_s: float) -> None:
        """Open orders of every client and of TWS."""
        self._ask_the_time()
        self._orders.ask(lambda: Orders(self._link.client_id), lambda: (ReqAllOpenOrders(),), then, timeout_s)

    def expect_open_orders(self, then: Then[tuple[WorkingOrder, ...]], timeout_s: float) -> None:
        """Open orders that whoever began this connection has asked for. Call it before anything is read."""
        self._orders.expect(lambda: Orders(self._link.client_id), then, timeout_s)

    def positions(self, then: Then[tuple[PositionFact, ...]], timeout_s: float) -> None:
        """Positions of all accounts; a row that cannot be read fails the whole."""

        def whole(outcome: Outcome[PositionList]) -> None:
            if isinstance(outcome, Failed):
                then(outcome)
            elif outcome.value.unread:
                then(Failed(f"positions: {outcome.value.unread[0].why}", refused=True))
            else:
                then(Complete(outcome.value.positions, outcome.broker_down))

        self.positions_as_read(whole, timeout_s)

    def positions_as_read(self, then: Then[PositionList], timeout_s: float) -> None:
        """Positions of all accounts, and which rows could not be read. TWS subscribes who asks; we end that, so that no
        late update can slip into the next answer."""

        def and_unsubscribe(outcome: Outcome[PositionList]) -> None:
            if isinstance(outcome, Complete):
                self._unsubscribe_positions()
            then(outcome)

        self._positions.ask(Positions, self._ask_positions, and_unsubscribe, timeout_s)

    def completed_orders(self, ago_s: float, then: Then[CompletedOrders], timeout_s: float) -> None:
        """Orders that ended in the last `ago_s` seconds, as far as they can be dated by the broker's clock."""
        began = self._loop.time()

        def since_s() -> float | None:
            now_s = self._link.server_now_s()
            return None if now_s is None else now_s - ago_s - (self._loop.time() - began)

        self._ask_the_time()
        collector = partial(Completed, since_s, self._link.server_now_s)
        self._completed.ask(collector, lambda: (ReqCompletedOrders(api_only=False),), then, timeout_s)

    def executions(self, then: Then[tuple[ExecutionFact, ...]], timeout_s: float) -> None:
        """Executions since midnight, whoever caused them."""
        self._ask_the_time()
        req_id = self._link.take_id()
        collector = Executions(req_id, self._link.server_now_s)
        self._numbered.ask("executions", req_id, ReqExecutions(req_id), collector, then, timeout_s)

    def worth(self, then: Then[tuple[AccountWorth, ...]], timeout_s: float, *, cash: bool = False) -> None:
        """What the accounts are worth, once: TWS has few subscriptions to spare. `cash`: by currency too."""
        req_id = self._link.take_id()

        def and_unsubscribe(outcome: Outcome[tuple[AccountWorth, ...]]) -> None:
            if self._link.up:
                self._link.post(CancelAccountSummary(req_id))
            then(outcome)

        request = ReqAccountSummary(req_id, "All", f"{WORTH_TAGS},{CASH_TAGS}" if cash else WORTH_TAGS)
        self._numbered.ask("account values", req_id, request, Worth(req_id), and_unsubscribe, timeout_s)

    def contract_details(self, con_id: int, then: Then[Details], timeout_s: float) -> None:
        """Trading rules by contract id alone: every other field could contradict it."""
        req_id = self._link.take_id()
        request = ReqContractDetails(req_id, Contract(con_id=con_id))
        self._numbered.ask(f"contract {con_id}", req_id, request, ContractDetails(req_id), then, timeout_s)

    def find_contract(self, contract: Contract, then: Then[Details], timeout_s: float) -> None:
        """Which contract is meant by symbol and terms, and its trading rules. Several that fit are no answer."""
        req_id = self._link.take_id()
        request = ReqContractDetails(req_id, contract)
        name = f"contract {contract.symbol or contract.local_symbol}"
        self._numbered.ask(name, req_id, request, OneContract(req_id), then, timeout_s)

    def quote(self, contract: Contract, then: Then[Quote], timeout_s: float) -> None:
        """Bid and ask by one snapshot."""
        req_id = self._link.take_id()
        request = ReqMktData(req_id, contract, snapshot=True)
        name = f"quote of {contract.symbol or contract.con_id}"
        self._numbered.ask(name, req_id, request, Snapshot(req_id), then, timeout_s)

    # --- state -----------------------------------------------------------------------------------
    @property
    def reading(self) -> bool:
        """A list is being read: rows that arrive now are its answer, not news."""
        return any(each.busy for each in self._lists)

    @property
    def reading_positions(self) -> bool:
        return self._positions.busy

    @property
    def reading_orders(self) -> bool:
        return self._orders.busy

    def owns(self, req_id: int) -> bool:
        """Is this the number of a read that is under way?"""
        return self._numbered.owns(req_id)

    def abandon_all(self, why: str) -> None:
        """Fail every read now: somebody with more urgent business takes the connection over."""
        for each in self._lists:
            each.abandon_all(why)
        self._numbered.fail_all(why)

    # --- what arrives ------------------------------------------------------------------------------
    def _heard(self, event: ClientEvent) -> None:
        if isinstance(event, Malformed):
            self._heard_damaged(event)
        elif isinstance(event, ServerHello | Ready | Lenient):
            return
        elif isinstance(event, UnknownReply):
            if event.message_id is None:
                self._spoiled(None, "TWS sent a message without an id")
        elif isinstance(event, ErrorMessage):
            self._heard_error(event)
        else:
            for each in self._lists:
                each.heard(event)
            self._numbered.heard(event)

    def _heard_damaged(self, event: Malformed) -> None:
        """A damaged open order is still an open order, a damaged position may be one, and of a contract it may still be
        told where it trades; any other damaged answer spoils its read."""
        head = salvage_open_order(event.payload, self._link.version) or salvage_position(
            event.payload, str(event.error)
        )
        contract = salvage_contract(event.payload, self._link.version)
        if contract is not None:
            self._numbered.heard(contract)
        elif head is not None:
            for each in self._lists:
                each.heard(head)
        else:
            self._spoiled(event.error.message_id, str(event.error))

    def _heard_error(self, error: ErrorMessage) -> None:
        if not self._link.broker_up:
            for each in self._lists:
                each.broker_lost()
            self._numbered.broker_lost()
        if error.code == _POSITIONS_NOT_YET:
            self._positions.abandon(f"{error.text} ({error.code})")
        self._numbered.heard_error(error)

    def _spoiled(self, message_id: int | None, why: str) -> None:
        for each in self._lists:
            each.spoiled(message_id, why)
        self._numbered.spoiled(message_id, why)

    def _lost(self, failure: LinkFailure) -> None:
        for each in self._lists:
            each.abandon_all(failure.text)
        self._numbered.fail_all(failure.text)

    def _ask_the_time(self) -> None:
        """Times in an answer mean something only beside the broker's clock."""
        now = self._loop.time()
        if self._link.up and self._link.server_now_s() is None and now >= self._ask_time_after:
            self._ask_time_after = now + _ASK_TIME_EVERY_S
            self._link.post(ReqCurrentTime())

    def _fence(self, soon: bool) -> Sure:
        """TWS has answered something we asked: what it sends to a client that starts is behind us. `soon` behind
        another list its end marker may come once more: then we ask something now, before the next list."""
        if not soon or not self._link.up:
            return lambda: self._link.server_now_s() is not None
        self._link.post(ReqCurrentTime())
        asked = self._link.times_asked
        return lambda: self._link.times_told >= asked

    def _ask_positions(self) -> tuple[CancelPositions | ReqPositions, ...]:
        again, self._positions_subscribed = self._positions_subscribed, True
        return (CancelPositions(), ReqPositions()) if again else (ReqPositions(),)

    def _unsubscribe_positions(self) -> None:
        self._positions_subscribed = False
        if self._link.up:
            self._link.post(CancelPositions())


async def answer(ask: Callable[[Then[T]], None]) -> Outcome[T]:
    """Wait for one read: `await answer(lambda then: reads.positions(then, 5.0))`."""
    future: asyncio.Future[Outcome[T]] = asyncio.get_running_loop().create_future()

    def then(outcome: Outcome[T]) -> None:
        if not future.done():  # whoever waited may have been cancelled
            future.set_result(outcome)

    ask(then)
    return await future
