"""What the machine commands, done on the wire; what comes of it, told as events. One kill of one login.

Cancels never wait for anything. A closing order stays on the connection and order id that first sent it, and whoever
asked learns whether its bytes were ever written. Must never send an order the machine has not asked for, and never
send one twice under two ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from engine.broker import translate
from engine.broker.close_orders import CloseOrders, Placed
from engine.broker.closing_permit import ClosingPermit, Right
from engine.broker.collect import CompletedOrders, PositionList
from engine.broker.failures import LinkFailure
from engine.broker.fan_out import FanOut, Job, Way
from engine.broker.handover import Handover
from engine.broker.inquiry import Complete, Failed, Outcome
from engine.broker.kill_ears import Ears
from engine.broker.link import Link, LinkSettings, Listener
from engine.broker.outbox import Parcel
from engine.broker.reaching import Patience, Reaching
from engine.broker.reads import Reads
from engine.broker.reclaiming import Reclaiming
from engine.core.facts import AccountWorth, Details, ExecutionFact, Quote, WorkingOrder
from engine.core.kill import commands as cmd
from engine.core.kill import events as ev
from engine.core.kill.events import Trouble
from engine.wire.errors import LocalError
from engine.wire.events import ClientEvent, Ready
from engine.wire.requests import CancelOrder, ReqGlobalCancel, ReqMarketRule

RESOLVE_TRIES = 3


class HandsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the kill's requests are, in seconds."""

    read_timeout_s: float = 3.0  # the first; doubles after each failure of the same kind …
    read_timeout_max_s: float = 10.0  # … up to this
    resolve_timeout_s: float = 4.0
    quote_timeout_s: float = 4.0
    link: LinkSettings = LinkSettings()
    patience: Patience = Patience()  # with the main connection; one more is only for speed, and never waited for


class Hands:
    """`tell` takes every event, in the order in which things happened; `fault` takes what must not happen. No closing
    order leaves without a permit of `right`."""

    def __init__(
        self,
        host: str,
        port: int,
        client_id: int,
        settings: HandsSettings,
        tell: Callable[[ev.Event], None],
        fault: Callable[[BaseException], None],
        *,
        right: Right,
        pressed_at: float,
        borrowed: Way | None = None,
        handover: Handover | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._client_id = client_id
        self._settings = settings
        self._tell = tell
        self._fault = fault
        self._right = right
        self._pressed_at = pressed_at
        self._borrowed = borrowed
        self._handover = handover
        self._loop = asyncio.get_running_loop()
        self._orders = CloseOrders()
        self._ears = Ears(self._orders, tell)
        self._ways = FanOut(host, port, settings.link, self._listen)
        self._reaching = Reaching(settings.patience, settings.link, tell)
        self._reclaiming = Reclaiming(self._orders, self._ways.claim, fault)
        self._listeners: list[tuple[Link, Listener]] = []
        self._connecting: asyncio.Task[Way] | None = None
        self._wanted: dict[int, tuple[cmd.Place, Job]] = {}  # closing orders that wait for a connection
        self._to_close = 0  # positions the last read showed, until the next order
        self._parcels: dict[int, Parcel] = {}  # the last sending of each closing order
        self._resolving: dict[int, int] = {}  # tries so far, by contract id
        self._timeouts: dict[str, float] = {}  # of the next read of each kind, where it is not the first
        self._asked_at: dict[int, float] = {}  # by read id
        self._over = False
        self._do: dict[type[cmd.Command], Callable[[Any], None]] = {
            cmd.Connect: self._connect,
            cmd.GlobalCancel: self._global_cancel,
            cmd.ReadOrders: self._read_orders,
            cmd.ReadPositions: self._read_positions,
            cmd.ReadExecutions: self._read_executions,
            cmd.ReadCompleted: self._read_completed,
            cmd.ReadWorth: self._read_worth,
            cmd.Resolve: self._resolve,
            cmd.AskRule: self._ask_rule,
            cmd.AskQuote: self._ask_quote,
            cmd.Place: self._place,
            cmd.CancelClose: self._cancel_close,
        }

    def do(self, command: cmd.Command) -> bool:
        """Carry out a command; False when it is none for the wire."""
        action = self._do.get(type(command))
        if action is None:
            return False
        action(command)
        return True

    def cancel_everything(self) -> None:
        """One global cancel more, when nothing else can be trusted any longer."""
        self._global_cancel(cmd.GlobalCancel())

    def let_go(self, why: str) -> None:
        """The kill is over: close what was opened for it and leave the borrowed connection as it was."""
        self._over = True
        self._reclaiming.stop()
        if self._connecting is not None:
            self._connecting.cancel()
        for link, listener in self._listeners:
            link.forget(listener)
        self._ways.close(why, keep=self._borrowed.link if self._borrowed else None)
        if self._handover is not None:
            self._handover.sock.close()

    # --- connecting --------------------------------------------------------------------------------
    def _connect(self, _command: cmd.Connect) -> None:
        if self._connecting is not None:
            return
        if self._borrowed is not None and self._borrowed.link.up:
            self._listen(self._borrowed.link)
            self._announce(self._borrowed, cancel_sent=False)
            return
        cancel_sent = self._handover is not None and self._handover.struck_ns is not None
        self._connecting = self._loop.create_task(self._open(), name=f"kill: connect {self._host}:{self._port}")
        self._connecting.add_done_callback(lambda task: self._connected(task, cancel_sent=cancel_sent))

    async def _open(self) -> Way:
        """Raises LinkFailure. The handover is a beginning like any other."""
        handover, self._handover = self._handover, None
        patience, begun = self._settings.patience, self._reaching.begun

        def one_more(*, first: bool = False) -> Coroutine[Any, Any, Way]:
            return self._ways.open(self._client_id, patience.of(self._settings.link, first=first), begun)

        if handover is None:
            begin = one_more(first=True)
        else:
            begin = self._ways.adopt(handover, patience.of(self._settings.link, first=True), begun, self._first_look)
        return await self._reaching.first_of(begin, one_more)

    def _connected(self, task: asyncio.Task[Way], *, cancel_sent: bool) -> None:
        self._connecting = None
        if self._over:
            return
        if task.cancelled():
            self._tell(ev.Disconnected(Trouble.FAILED, "the attempt to connect was interrupted"))
            return
        failure = task.exception() or task.result().link.failure
        if failure is None:
            self._announce(task.result(), cancel_sent=cancel_sent)
        elif isinstance(failure, LinkFailure):
            self._tell(ev.Disconnected(failure.trouble, failure.text))
        else:
            self._fault(failure)

    def _announce(self, way: Way, *, cancel_sent: bool) -> None:
        link = way.link
        self._ways.main = way
        self._tell(ev.Connected(link.accounts, link.client_id, cancel_sent, link.own_numbers))
        if not link.broker_up:
            self._tell(ev.BrokerLink(up=False, code=link.broker_code))
        server_now_s = link.server_now_s()
        if server_now_s is not None:  # told before anybody listened for the kill
            self._tell(ev.ServerClock(round(server_now_s), round(link.clock.unsure_s * 1e9)))
        for con_id in tuple(self._resolving):
            self._submit_resolve(con_id)

    def _listen(self, link: Link) -> None:
        """Take part in everything the connection says, and in its end."""
        listener = Listener(lambda event: self._heard(link, event), lambda failure: self._lost(link, failure))
        self._listeners.append((link, listener))
        link.listen(listener)

    def _heard(self, link: Link, event: ClientEvent) -> None:
        self._reaching.heard(link, event)
        if isinstance(event, Ready):
            self._let_in(link)
        self._ears.heard(link, event)
        main = self._ways.main
        if main is not None and main.link is link:
            self._ears.heard_on_main(link, main.reads, event)

    def _lost(self, link: Link, failure: LinkFailure) -> None:
        """What it carried may live or not; what waited for the main connection was decided from facts that are old."""
        main = self._ways.main is not None and self._ways.main.link is link
        self._ways.lost(link)
        silent = failure.trouble is Trouble.SILENT  # given up here: TWS holds it, and whatever is still under way
        for key in self._orders.on(link):
            self._tell(ev.CloseOrphaned(key, may_arrive=silent))
        self._reclaiming.begin()
        if main:
            self._ways.drop_all(failure.text)
            self._tell(ev.Disconnected(failure.trouble, failure.text))

    def _let_in(self, link: Link) -> None:
        """TWS has one connection for each client id: it has ended the earlier one."""
        for key in self._orders.carried_before(link):
            self._tell(ev.CarrierEnded(key))

    def _first_look(self, outcome: Outcome[tuple[WorkingOrder, ...]]) -> None:
        """The orders that were open when the first strike's cancel was on its way."""
        if isinstance(outcome, Complete) and not self._over:
            self._tell(ev.FirstLook(tuple(self._orders.with_ref(order) for order in outcome.value)))

    # --- reading -----------------------------------------------------------------------------------
    def _read_orders(self, command: cmd.ReadOrders) -> None:
        def then(outcome: Outcome[tuple[WorkingOrder, ...]]) -> None:
            if isinstance(outcome, Complete):
                orders = tuple(self._orders.with_ref(order) for order in outcome.value)
                self._answer("orders", command.read_id, ev.OrdersRead(command.read_id, orders))
            else:
                self._read_failed("orders", command.read_id, outcome)

        self._read("orders", command.read_id, lambda reads, timeout_s: reads.open_orders(then, timeout_s))

    def _read_positions(self, command: cmd.ReadPositions) -> None:
        def then(outcome: Outcome[PositionList]) -> None:
            if isinstance(outcome, Complete):
                positions, unread = outcome.value
                self._to_close = sum(position.quantity != 0 for position in positions)
                self._answer("positions", command.read_id, ev.PositionsRead(command.read_id, positions, unread))
            else:
                self._read_failed("positions", command.read_id, outcome)

        self._read("positions", command.read_id, lambda reads, timeout_s: reads.positions_as_read(then, timeout_s))

    def _read_executions(self, command: cmd.ReadExecutions) -> None:
        def then(outcome: Outcome[tuple[ExecutionFact, ...]]) -> None:
            if isinstance(outcome, Complete):
                executions = tuple(self._orders.execution_with_ref(execution) for execution in outcome.value)
                self._answer("executions", command.read_id, ev.ExecutionsRead(command.read_id, executions))
            else:
                self._read_failed("executions", command.read_id, outcome)

        self._read("executions", command.read_id, lambda reads, timeout_s: reads.executions(then, timeout_s))

    def _read_completed(self, command: cmd.ReadCompleted) -> None:
        def then(outcome: Outcome[CompletedOrders]) -> None:
            if isinstance(outcome, Complete):
                cancelled, ended = outcome.value
                ended = tuple(self._orders.with_ref(order) for order in ended)
                self._answer("completed", command.read_id, ev.CompletedRead(command.read_id, cancelled, ended))
            else:
                self._read_failed("completed", command.read_id, outcome)

        ago_s = self._loop.time() - self._pressed_at + command.before_ns / 1e9
        self._read("completed", command.read_id, lambda reads, timeout: reads.completed_orders(ago_s, then, timeout))

    def _read_worth(self, command: cmd.ReadWorth) -> None:
        def then(outcome: Outcome[tuple[AccountWorth, ...]]) -> None:
            if isinstance(outcome, Complete):
                self._answer("worth", command.read_id, ev.WorthRead(command.read_id, outcome.value))
            else:
                self._read_failed("worth", command.read_id, outcome)

        self._read("worth", command.read_id, lambda reads, timeout_s: reads.worth(then, timeout_s, cash=command.cash))

    def _read(self, kind: str, read_id: int, ask: Callable[[Reads, float], None]) -> None:
        main = self._ways.main
        if main is None:
            self._tell(ev.ReadFailed(read_id, "there is no connection"))
            return
        self._asked_at[read_id] = self._loop.time()
        try:
            ask(main.reads, self._timeouts.get(kind, self._settings.read_timeout_s))
        except LocalError as error:  # an old TWS does not have this request: one fact less, not the end of the kill
            self._asked_at.pop(read_id, None)
            self._tell(ev.ReadFailed(read_id, str(error)))

    def _answer(self, kind: str, read_id: int, event: ev.Event) -> None:
        """The next one of this kind gets twice the time that this one took, and not less than the first."""
        settings = self._settings
        took_s = self._loop.time() - self._asked_at.pop(read_id)
        self._timeouts[kind] = max(min(2 * took_s, settings.read_timeout_max_s), settings.read_timeout_s)
        self._tell(event)

    def _read_failed(self, kind: str, read_id: int, failed: Failed) -> None:
        """The next one of this kind gets more time: TWS may be slow rather than gone."""
        settings = self._settings
        self._asked_at.pop(read_id, None)
        last_s = self._timeouts.get(kind, settings.read_timeout_s)
        self._timeouts[kind] = min(last_s * 2, settings.read_timeout_max_s)
        self._tell(ev.ReadFailed(read_id, failed.why))

    # --- looking up --------------------------------------------------------------------------------
    def _resolve(self, command: cmd.Resolve) -> None:
        con_id = command.contract.con_id
        if con_id not in self._resolving:
            self._resolving[con_id] = 0
            self._submit_resolve(con_id)

    def _submit_resolve(self, con_id: int) -> None:
        """Ask; a lost connection or silence is asked again, a refusal is an answer."""

        def then(outcome: Outcome[Details]) -> None:
            if con_id not in self._resolving:
                return  # asked on two connections, and the other was faster
            if isinstance(outcome, Complete):
                del self._resolving[con_id]
                self._tell(ev.Resolved(con_id, outcome.value))
            else:
                self._unresolved(con_id, outcome)

        def run(way: Way) -> None:
            self._resolving[con_id] = self._resolving.get(con_id, 0) + 1
            way.reads.contract_details(con_id, then, self._settings.resolve_timeout_s)

        self._ways.submit(Job(run, lambda _why: None))  # dropped: it waits for the next connection

    def _unresolved(self, con_id: int, failed: Failed) -> None:
        if failed.refused or self._resolving[con_id] >= RESOLVE_TRIES:
            del self._resolving[con_id]
            self._tell(ev.Unresolved(con_id, failed.why))
        elif self._ways.main is not None:
            self._submit_resolve(con_id)

    def _ask_rule(self, command: cmd.AskRule) -> None:
        """The answer names the rule, not the question, and is heard like any other news. No answer is no harm."""
        main = self._ways.main
        if main is None or not main.link.up:
            return  # the machine asks again on the next connection
        try:
            main.link.post(ReqMarketRule(command.rule_id))
        except LocalError:
            self._tell(ev.RuleHeard(command.rule_id, ()))  # this TWS is too old to have rules

    def _ask_quote(self, command: cmd.AskQuote) -> None:
        con_id = command.contract.con_id

        def then(outcome: Outcome[Quote]) -> None:
            if isinstance(outcome, Complete):
                self._tell(ev.Quoted(con_id, outcome.value))
            else:
                self._tell(ev.NoQuote(con_id, outcome.why))

        self._ways.submit(
            Job(
                lambda way: way.reads.quote(command.contract, then, self._settings.quote_timeout_s),
                lambda why: self._tell(ev.NoQuote(con_id, why)),
            )
        )

    # --- orders ------------------------------------------------------------------------------------
    def _global_cancel(self, _command: cmd.GlobalCancel) -> None:
        """Where TWS has not let anybody in yet it may be dropped, which costs nothing."""
        if self._ways.main is not None:
            self._ways.main.link.post(ReqGlobalCancel(), urgent=True)
        else:
            self._reaching.post_early(lambda link: link.post_early(ReqGlobalCancel()))

    def _place(self, place: cmd.Place) -> None:
        placed = self._orders.get(place.key)
        if placed is not None:
            self._send(placed, place)
            return
        waiting = self._wanted.get(place.key)
        if waiting is not None:  # not yet on any connection: the newer wish replaces it
            self._wanted[place.key] = (place, waiting[1])
            return
        job = Job(lambda way: self._assign(place.key, way), lambda why: self._never_sent(place.key, why))
        self._wanted[place.key] = (place, job)
        self._ways.submit(job)
        if self._to_close:  # the first goes alone, and is seen acknowledged: time to connect for the rest
            self._ways.expect(self._to_close)
            self._to_close = 0

    def _assign(self, key: int, way: Way) -> None:
        place, _job = self._wanted.pop(key)
        self._send(self._orders.assign(place, way.link), place)

    def _never_sent(self, key: int, why: str) -> None:
        self._wanted.pop(key, None)
        self._tell(ev.CloseNotSent(key, why))

    def _send(self, placed: Placed, place: cmd.Place) -> None:
        def told(why: str | None) -> None:
            self._tell(ev.CloseSent(place.key) if why is None else ev.CloseNotSent(place.key, why))

        if not placed.link.up:
            told("the connection that carried this order is gone")
            return
        try:
            permit = ClosingPermit(self._right, placed.link)
            parcel = placed.link.post(translate.place_order(place, placed.order_id), told=told, permit=permit)
        except LocalError as error:
            told(str(error))
        else:
            self._parcels[place.key] = parcel

    def _cancel_close(self, command: cmd.CancelClose) -> None:
        waiting = self._wanted.get(command.key)
        if waiting is not None:
            self._ways.drop(waiting[1], "withdrawn before it was sent")
            return
        placed = self._orders.get(command.key)
        if placed is None:
            return
        parcel = self._parcels.get(command.key)
        if parcel is not None:
            placed.link.withdraw(parcel, "withdrawn before it was sent")
        link = self._link_that_may_cancel(placed)
        if link is not None:
            link.post(CancelOrder(placed.order_id), urgent=True)

    def _link_that_may_cancel(self, placed: Placed) -> Link | None:
        """TWS lets an order be cancelled only under the client id that placed it."""
        if placed.link.up:
            return placed.link
        main = self._ways.main
        return main.link if main is not None and main.link.client_id == placed.client_id else None
