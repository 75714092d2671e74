"""TWS's order desk: placing, cancelling, listing, and who hears of which order.

An order belongs to the client that placed it: order ids count per client, and nobody else can cancel or see its
updates. Manual orders show as order id 0 until client 0 has bound them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from engine.simulator.exchange import (
    Commission,
    Correction,
    Event,
    Execution,
    Fill,
    Instruction,
    NewOrder,
    OrderAccepted,
    OrderMessage,
    OrderView,
    Refusal,
    Rejected,
    Status,
    StatusChanged,
    WhatIf,
)
from engine.simulator.server import executions, notices, words
from engine.simulator.server.kept import KeptOrders
from engine.wire.order import Order
from engine.wire.replies import (
    CompletedOrdersEnd,
    ErrorMessage,
    OpenOrder,
    OpenOrderEnd,
    OrderBound,
    OrderStatus,
    Reply,
)
from engine.wire.requests import (
    CancelOrder,
    ExerciseOptions,
    PlaceOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqExecutions,
    ReqGlobalCancel,
    ReqOpenOrders,
    Request,
)

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import Handler, TwsServer

Key = tuple[int, int]  # client id, order id


class OrderDesk:
    """Orders of one login."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._echoes: dict[Key, Order] = {}  # what the client sent, to be repeated to it
        self._next_ids: dict[int, int] = {}
        self._manual_orders = 0
        self._bound: set[int] = set()  # perm ids of manual orders that client 0 has taken over
        self._just_opened: tuple[int, Status] | None = None
        self._kept = KeptOrders()
        for view in server.exchange.open_orders(include_untransmitted=True):
            self._note_id(view.request.client_id, view.request.order_id)

    def handlers(self) -> dict[type[Request], Handler]:
        return {
            PlaceOrder: self._place,
            CancelOrder: self._cancel,
            ReqGlobalCancel: self._cancel_all,
            ReqOpenOrders: self._list_own,
            ReqAllOpenOrders: self._list_all,
            ReqAutoOpenOrders: self._auto_bind,
            ReqCompletedOrders: self._list_completed,
            ReqExecutions: lambda client, request: executions.answer(self._server, client, request),
            ExerciseOptions: self._exercise,
        }

    def stop(self) -> None:
        """Nothing runs here by itself."""

    def next_id(self, client_id: int) -> int:
        return self._next_ids.get(client_id, 1)

    def next_manual_id(self) -> int:
        """The exchange's key for the next order typed by hand: below zero, out of the API's way."""
        self._manual_orders += 1
        return -self._manual_orders

    def forget_ids(self) -> None:
        """TWS restarted: ids count from 1 again, though never below what is still open."""
        self._next_ids.clear()
        for view in self._server.exchange.open_orders(include_untransmitted=True):
            self._note_id(view.request.client_id, view.request.order_id)

    def names_of(self, connection: Connection, request: Request) -> tuple[str, ...]:
        """The names by which a fault may wait for this request."""
        name = type(request).__name__
        if isinstance(request, PlaceOrder) and self._closes(request):
            return name, "CloseOrder"
        return (name,)

    def _closes(self, request: PlaceOrder) -> bool:
        """Is this order against a position?"""
        wanted = 1 if request.order.action == "BUY" else -1
        exchange = self._server.exchange
        return any(exchange.held(account, request.contract.con_id) * wanted < 0 for account in exchange.accounts)

    # --- placing -----------------------------------------------------------------------------------
    def _place(self, connection: Connection, request: PlaceOrder) -> None:
        assert connection.client_id is not None
        asked = self._understand(connection.client_id, request)
        if isinstance(asked, Refusal):
            connection.send(ErrorMessage(request.order_id, asked.code, asked.text))
            return
        if not self._server.link_up and not asked.what_if:
            self._note_id(asked.client_id, asked.order_id)
            self._kept.keep(asked.client_id, request, asked.account)
            connection.send(*words.kept_order(request, asked.client_id, asked.account))
            return
        self.submit(asked, request.order)

    def _understand(self, client_id: int, request: PlaceOrder) -> NewOrder | Refusal:
        exchange = self._server.exchange
        account = request.order.account
        if not account and len(exchange.accounts) > 1:
            return Refusal(435, notices.NO_ACCOUNT)
        if account and account not in exchange.accounts:
            return Refusal(321, notices.INVALID_ACCOUNT)
        found = exchange.resolve(request.contract)
        if isinstance(found, Refusal):
            return found
        account = account or exchange.accounts[0]
        refused = None
        if exchange.find_order(client_id, request.order_id) is None:  # modifications have their own fate
            refused = self._server.trouble.rejection(account, found, request.order)
        return refused or words.new_order(client_id, account, found, request)

    def submit(self, asked: NewOrder, echo: Order | None = None) -> list[Event]:
        """Hand an order to the exchange, whoever asks."""
        key = (asked.client_id, asked.order_id)
        before = self._echoes.get(key)
        if echo is not None:
            self._echoes[key] = echo
        if not asked.what_if:
            self._note_id(*key)
        events = self._server.act(lambda now_ns: self._server.exchange.place(now_ns, asked))
        if before is not None and any(isinstance(one, Rejected) for one in events):
            self._echoes[key] = before  # the order is as it was
        return events

    def _note_id(self, client_id: int, order_id: int) -> None:
        if words.is_manual(client_id, order_id):
            self._manual_orders = max(self._manual_orders, -order_id)
            return
        self._next_ids[client_id] = max(self.next_id(client_id), order_id + 1)

    def submit_kept(self) -> None:
        """The link is back: orders and cancels that TWS kept go out now."""
        for client_id, request, _account in self._kept.take_orders():
            asked = self._understand(client_id, request)
            if isinstance(asked, NewOrder):
                self.submit(asked, request.order)
            elif client_id in self._server.clients:
                self._server.clients[client_id].send(ErrorMessage(request.order_id, asked.code, asked.text))
        for perm_id in self._kept.take_cancels():
            if perm_id is None:
                self._server.act(self._server.exchange.cancel_all)
            else:
                self._server.act(partial(self._cancel_one, perm_id))

    # --- cancelling --------------------------------------------------------------------------------
    def _cancel(self, connection: Connection, request: CancelOrder) -> None:
        assert connection.client_id is not None
        if self._drop_kept(connection.client_id, request.order_id):
            return
        view = self._server.exchange.find_order(connection.client_id, request.order_id)
        if view is None or (words.is_manual(0, request.order_id) and view.perm_id not in self._bound):
            connection.send(notices.cancel_not_found(request.order_id))
        elif not view.is_open:
            connection.send(notices.cancel_too_late(request.order_id, str(view.status)))
        elif not self._server.link_up:
            self._cancel_without_link(view.perm_id)
        else:
            self._server.trouble.cancelling([view])
            self._server.act(partial(self._cancel_one, view.perm_id))

    def _cancel_one(self, perm_id: int, now_ns: int) -> list[Event]:
        return self._server.exchange.cancel(now_ns, perm_id)

    def _cancel_all(self, connection: Connection, _request: ReqGlobalCancel) -> None:
        for client_id, order_id in self._kept.listed():
            self._drop_kept(client_id, order_id)
        if not self._server.link_up:
            self._cancel_without_link(None)
            return
        open_orders = self._server.exchange.open_orders()
        self._server.trouble.cancelling([view for view in open_orders if view.status is not Status.PENDING_CANCEL])
        self._server.act(self._server.exchange.cancel_all)

    def _cancel_without_link(self, perm_id: int | None) -> None:
        """What becomes of a cancel while the link is lost is not documented; the scenario says."""
        if self._server.trouble.keeps_cancels():
            self._kept.keep_cancel(perm_id)
        else:
            self._server.trouble.say("a cancel was lost: no link to IBKR")

    def _drop_kept(self, client_id: int, order_id: int) -> bool:
        """Cancel an order that never left TWS."""
        kept = self._kept.drop(client_id, order_id)
        if kept is None:
            return False
        owner = self._server.clients.get(client_id)
        if owner is not None:
            quantity = kept.order.total_quantity
            owner.send(
                OrderStatus(order_id, str(Status.CANCELLED), words.ZERO, quantity, words.ZERO, client_id=client_id),
                ErrorMessage(order_id, 202, "Order Canceled - reason:"),
            )
        return True

    # --- listing -----------------------------------------------------------------------------------
    def _list_own(self, connection: Connection, _request: ReqOpenOrders) -> None:
        mine = connection.client_id
        if mine == 0:
            self._bind_manual(connection)
        views = [view for view in self._server.memory.open_orders() if view.request.client_id == mine]
        self._list(connection, views, [key for key in self._kept.listed() if key[0] == mine])

    def _list_all(self, connection: Connection, _request: ReqAllOpenOrders) -> None:
        self._list(connection, self._server.memory.open_orders(), self._kept.listed())

    def _list(self, connection: Connection, views: list[OrderView], kept: list[Key]) -> None:
        for view in views:
            connection.send(self._open_order(view), words.order_status(view, self.shown_id(view)))
        for client_id, order_id in kept:
            request, account = self._kept[client_id, order_id]
            connection.send(*words.kept_order(request, client_id, account))
        connection.send(OpenOrderEnd())

    def _list_completed(self, connection: Connection, request: ReqCompletedOrders) -> None:
        for view in self._server.memory.completed_orders():
            key = (view.request.client_id, view.request.order_id)
            if not (request.api_only and words.is_manual(*key)):
                instrument = self._server.exchange.catalogue[view.request.con_id]
                connection.send(words.completed_order(view, instrument, self._echoes.get(key)))
        connection.send(CompletedOrdersEnd())

    def _auto_bind(self, connection: Connection, request: ReqAutoOpenOrders) -> None:
        if connection.client_id != 0:
            text = "Only the default client (i.e 0) can auto bind orders."
            connection.send(ErrorMessage(notices.NO_REQUEST_ID, 327, text))
            return
        connection.subscriptions.auto_bind = request.auto_bind
        if request.auto_bind:
            self._bind_manual(connection)

    def _bind_manual(self, connection: Connection) -> None:
        for view in self._server.memory.open_orders():
            self._bind(connection, view)

    def _bind(self, connection: Connection, view: OrderView) -> None:
        if words.is_manual(view.request.client_id, view.request.order_id) and view.perm_id not in self._bound:
            self._bound.add(view.perm_id)
            connection.send(OrderBound(view.perm_id, 0, view.request.order_id))

    def _exercise(self, connection: Connection, request: ExerciseOptions) -> None:
        """Pass on what the client wants of its options; TWS has nothing to say when it can be done."""
        assert connection.client_id is not None
        asked = self._instruction(connection.client_id, request)
        if isinstance(asked, Refusal):
            connection.send(ErrorMessage(request.req_id, asked.code, asked.text))
        elif not self._server.link_up:
            connection.send(ErrorMessage(request.req_id, 322, notices.NOT_LINKED))
        else:
            self._server.act(lambda now_ns: self._server.exchange.exercise(now_ns, asked))

    def _instruction(self, client_id: int, request: ExerciseOptions) -> Instruction | Refusal:
        exchange = self._server.exchange
        if not request.account and len(exchange.accounts) > 1:
            return Refusal(435, notices.NO_ACCOUNT)
        if request.account and request.account not in exchange.accounts:
            return Refusal(321, notices.INVALID_ACCOUNT)
        found = exchange.resolve(request.contract)
        if isinstance(found, Refusal):
            return found
        return words.instruction(client_id, request.account or exchange.accounts[0], found, request)

    # --- news --------------------------------------------------------------------------------------
    def shown_id(self, view: OrderView | Execution) -> int:
        """The order id that clients see: 0 for a manual order nobody has bound."""
        source: Any = view.request if isinstance(view, OrderView) else view
        if words.is_manual(source.client_id, source.order_id) and view.perm_id not in self._bound:
            return 0
        order_id: int = source.order_id
        return order_id

    def _open_order(self, view: OrderView) -> OpenOrder:
        request = view.request
        instrument = self._server.exchange.catalogue[request.con_id]
        echo = self._echoes.get((request.client_id, request.order_id))
        return words.open_order(view, instrument, echo, self.shown_id(view))

    def _tell(self, client_id: int, order_id: int, *news: Reply, bound: bool = True) -> None:
        """To the owner, and to the master client. Nobody owns a manual order that is not bound."""
        listeners = {self._server.options.master_client_id}
        if bound or not words.is_manual(client_id, order_id):
            listeners.add(client_id)
        for listener in listeners:
            if listener is not None and listener in self._server.clients:
                self._server.clients[listener].send(*news)

    def _tell_owner(self, view: OrderView, *news: Reply) -> None:
        key = (view.request.client_id, view.request.order_id)
        self._tell(*key, *news, bound=view.perm_id in self._bound)

    def tell(self, event: Event) -> None:
        """Report what happened to those who may know."""
        match event:
            case OrderAccepted(order=view):
                client = self._server.clients.get(0)
                if client is not None and client.subscriptions.auto_bind:
                    self._bind(client, view)
                self._just_opened = (view.perm_id, view.status)
                self._tell_owner(view, self._open_order(view))
            case StatusChanged(order=view):
                self._status_changed(view)
            case OrderMessage(code=code, text=text, order=view):
                self._tell_owner(view, ErrorMessage(self.shown_id(view), code, text))
            case Rejected(client_id=client_id, order_id=order_id, code=code, text=text):
                self._tell(client_id, order_id, ErrorMessage(order_id, code, text))
            case WhatIf(request=request):
                self._what_if(event, request)
            case Fill(execution=done) | Correction(execution=done):
                bound = done.perm_id in self._bound
                self._tell(done.client_id, done.order_id, executions.reply(self._server, done), bound=bound)
            case Commission():
                self._commission(event)

    def _status_changed(self, view: OrderView) -> None:
        repeated = self._just_opened == (view.perm_id, view.status)
        self._just_opened = None
        if view.filled and self._server.trouble.hides_fill_statuses():
            return
        if not repeated:
            self._tell_owner(view, self._open_order(view))
        self._tell_owner(view, words.order_status(view, self.shown_id(view)))

    def _what_if(self, event: WhatIf, request: NewOrder) -> None:
        instrument = self._server.exchange.catalogue[request.con_id]
        echo = self._echoes.pop((request.client_id, request.order_id), None)
        self._tell(
            request.client_id, request.order_id, words.what_if(event, instrument, echo, request.order_id), bound=False
        )

    def _commission(self, event: Commission) -> None:
        done = self._server.memory.execution_of(event.exec_id)
        delay_s = self._server.trouble.commission_delay_s()
        if done is None or delay_s is None:
            return
        report = words.commission_report(event)
        bound = done.perm_id in self._bound
        send = partial(self._tell, done.client_id, done.order_id, report, bound=bound)
        if delay_s:
            self._server.clock.call_in(delay_s, send)
        else:
            send()
