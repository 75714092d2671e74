"""Faults that change the world rather than one message: the market, the link, the listener, other people's orders.

Each is begun once and, if it lasts, ended once; what was changed is then as it was before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from engine.simulator import faults
from engine.simulator.exchange import FarLimit, HaltedPolicy, Market, OrderType, OrderView
from engine.simulator.faults import AnyFault
from engine.simulator.server.naming import find_contract
from engine.simulator.server.pacing import PacingRule
from engine.simulator.server.traders import Trader

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


class Havoc:
    """The hands that break things on one login."""

    def __init__(self, server: TwsServer) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._undo: dict[int, Callable[[], None]] = {}

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def begin(self, fault: AnyFault) -> None:
        undo = self._begin_connection(fault) or self._begin_behaviour(fault) or self._begin_market(fault)
        if undo is not None:
            self._undo[id(fault)] = undo

    def end(self, fault: AnyFault) -> None:
        undo = self._undo.pop(id(fault), None)
        if undo is not None:
            undo()

    # --- connections -------------------------------------------------------------------------------
    def _begin_connection(self, fault: AnyFault) -> Callable[[], None] | None:
        connections = list(self._server.connections.values())
        match fault:
            case faults.HalfOpen():
                for connection in connections:
                    connection.half_open = True
                return partial(self._heal, connections)
            case faults.Pacing(messages_max=most, breaches_max=breaches):
                for connection in connections:
                    connection.pacer.rule = PacingRule(most, breaches)
            case faults.Disconnect(after_messages=0, how=how, times=times):
                for connection in connections[:times]:
                    self.disconnect(connection, how)
            case faults.NotRunning():
                self._spawn(self._server.unlisten())
                return lambda: self._spawn(self._server.listen())
            case faults.Restart():
                self._spawn(self._restart(fault))
            case faults.SilentAccept(confirmed=True):
                return self._confirm
            case faults.LinkLost(restored=code):
                self._server.lose_link()
                return partial(self._server.restore_link, code)
        return None

    def _confirm(self) -> None:
        for connection in list(self._server.connections.values()):
            connection.confirmed()

    def _heal(self, connections: list[Connection]) -> None:
        for connection in connections:
            connection.half_open = False

    def disconnect(self, connection: Connection, how: Literal["eof", "reset"]) -> None:
        if how == "eof":
            connection.close()
        else:
            connection.reset()

    async def _restart(self, fault: faults.Restart) -> None:
        await self._server.unlisten()
        await asyncio.sleep(fault.down_s / self._server.clock.speed)
        if fault.reset_ids:
            self._server.exchange.forget_order_ids()
            self._server.orders.forget_ids()
        await self._server.listen()

    def _spawn(self, work: object) -> None:
        assert asyncio.iscoroutine(work)
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- how orders are handled --------------------------------------------------------------------
    def _begin_behaviour(self, fault: AnyFault) -> Callable[[], None] | None:
        match fault:
            case faults.FillRace(window_s=seconds) | faults.SlowCancel(seconds=seconds):
                return self._behave(cancel_latency_ns=_ns(seconds))
            case faults.SlowAck(seconds=seconds):
                return self._behave(ack_latency_ns=_ns(seconds))
            case faults.SlowFill(seconds=seconds):
                return self._behave(fill_latency_ns=_ns(seconds))
            case faults.FarLimits(percent=percent, cap=cap):
                what = FarLimit.CAP if cap else FarLimit.CANCEL
                return self._behave(far_limit=what, far_limit_pct=percent, far_limit_ticks_min=1)
            case faults.PartialFills(quantity=quantity):
                return self._behave(depth=quantity)
            case faults.StandingFeed(feed=feed):
                if feed == "orders":
                    self._server.orders_stand_still()
                return self._server.feeds_go_on
            case faults.OldAccountValues():
                self._server.books.values_stand_still()
                return self._server.books.values_go_on
        return None

    def _behave(self, **changes: object) -> Callable[[], None]:
        before = self._server.exchange.behaviour
        self._server.exchange.behaviour = msgspec.structs.replace(before, **changes)
        restore = {name: getattr(before, name) for name in changes}

        def undo() -> None:
            self._server.exchange.behaviour = msgspec.structs.replace(self._server.exchange.behaviour, **restore)

        return undo

    # --- the market --------------------------------------------------------------------------------
    def _begin_market(self, fault: AnyFault) -> Callable[[], None] | None:
        exchange, act = self._server.exchange, self._server.act
        match fault:
            case faults.NoBid(contract=text):
                return self._market(text, no_bid=True)
            case faults.IdleMarketOrders(contract=text):
                return self._market(text, idle=True)
            case faults.ClosedMarket(contract=text):
                return self._market(text, closed=True)
            case faults.Halted(contract=text, hold=hold):
                return self._halt(text, hold=hold)
            case faults.PriceJump(contract=text, price=price):
                con_id = self._con_id(text)
                act(lambda now_ns: exchange.set_price(now_ns, con_id, price))
            case faults.Liquidation(contract=text, quantity=quantity, account=account):
                con_id = self._con_id(text)
                owner = account or exchange.accounts[0]
                act(lambda now_ns: exchange.liquidate(now_ns, owner, con_id, quantity))
            case faults.Assignment(contract=text, quantity=quantity, account=account):
                con_id = self._con_id(text)
                owner = account or exchange.accounts[0]
                act(lambda now_ns: exchange.assign(now_ns, owner, con_id, quantity))
            case faults.Intruder():
                self._intrude(fault, 0)
        return None

    def _halt(self, text: str, *, hold: bool) -> Callable[[], None]:
        exchange, con_id = self._server.exchange, self._con_id(text)
        restore_policy = self._behave(halted=HaltedPolicy.HOLD if hold else HaltedPolicy.REJECT)
        self._server.act(partial(exchange.halt, con_id=con_id))

        def undo() -> None:
            self._server.act(partial(exchange.resume, con_id=con_id))
            restore_policy()

        return undo

    def _market(self, text: str, **how: bool) -> Callable[[], None]:
        exchange, con_id = self._server.exchange, self._con_id(text)
        market = msgspec.convert(how, Market)
        self._server.act(partial(exchange.set_market, con_id=con_id, market=market))

        def undo() -> None:
            self._server.act(partial(exchange.set_market, con_id=con_id, market=Market()))

        return undo

    def _con_id(self, text: str) -> int:
        return find_contract(self._server.exchange.catalogue, text).con_id

    def _intrude(self, fault: faults.Intruder, turn: int) -> None:
        """One turn of another program's trading, and the next one later."""
        trader = Trader(self._server, fault.client_id, fault.account)
        for order in fault.orders:
            trader.place(order.contract, order.action, order.quantity, order.order_type, order.limit)
        if turn + 1 < fault.times:
            again = partial(self._intrude, fault, turn + 1)
            self._timers.append(self._server.clock.call_in(fault.every_s, again))

    def fill(self, view: OrderView) -> None:
        """Let a working order fill: the market comes to its price for an instant and goes back."""
        exchange, con_id = self._server.exchange, view.request.con_id
        live = exchange.order(view.perm_id)
        if live is None or not live.is_open:
            return
        back = exchange.quote(con_id).last
        self._server.act(lambda now_ns: exchange.set_price(now_ns, con_id, self._price_for(view)))
        self._server.act(lambda now_ns: exchange.set_price(now_ns, con_id, back))

    def _price_for(self, view: OrderView) -> Decimal:
        """A price at which the order fills."""
        request = view.request
        instrument = self._server.exchange.catalogue[request.con_id]
        last = self._server.exchange.quote(request.con_id).last
        margin = instrument.min_tick * 20
        stop = view.trail_stop_price if request.order_type == OrderType.TRAIL else request.aux_price
        if request.order_type in (OrderType.STP, OrderType.STP_LMT, OrderType.TRAIL) and stop is not None:
            return stop + request.sign * instrument.min_tick
        if request.lmt_price is not None:
            through = request.lmt_price - request.sign * margin
            return through if instrument.may_be_negative else max(through, instrument.min_tick)
        return last
