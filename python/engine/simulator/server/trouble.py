"""Faults at work: which are in force, and what they do wherever the server asks.

`faults.py` says what can go wrong; this file answers the server's questions ("does this reply leave, when, how
often?"). Every draw comes from the seed, so the same run has the same trouble.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from engine.simulator import faults
from engine.simulator.exchange import Instrument, OrderView, Refusal
from engine.simulator.faults import AnyFault, Fault
from engine.simulator.server import notices
from engine.simulator.server.havoc import Havoc
from engine.simulator.server.log import Kind
from engine.simulator.server.naming import find_contract
from engine.simulator.server.pacing import PacingRule
from engine.wire.order import Order
from engine.wire.replies import AccountUpdateMulti, AccountValue, ErrorMessage, OpenOrder, OrderStatus, Reply
from engine.wire.requests import (
    CancelOrder,
    ExerciseOptions,
    PlaceOrder,
    ReqAllOpenOrders,
    ReqAutoOpenOrders,
    ReqCompletedOrders,
    ReqGlobalCancel,
    ReqOpenOrders,
    Request,
)

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection
    from engine.simulator.server.tws import TwsServer

F = TypeVar("F", bound=Fault)

EMERGENCY_ID_MIN = 9000  # "every client id" of a busy fault ends below this
_CHANGES = (PlaceOrder, CancelOrder, ReqGlobalCancel, ExerciseOptions)
_ORDER_LISTS = (ReqOpenOrders, ReqAllOpenOrders, ReqAutoOpenOrders, ReqCompletedOrders)


@dataclass(slots=True)
class Running:
    """One fault and how far it has come."""

    fault: AnyFault
    seen: int = 0  # trigger requests so far
    armed: bool = False
    active: bool = False
    used: int = 0

    def take(self, first: int | None) -> bool:
        """Use the fault once more, if it has not been used up."""
        if first is not None and self.used >= first:
            return False
        self.used += 1
        return True


class Trouble:
    """All faults of one login."""

    def __init__(self, server: TwsServer, planned: Sequence[AnyFault], seed: int) -> None:
        self._server = server
        self._rng = random.Random(f"trouble/{server.name}/{seed}")  # noqa: S311 a simulation, not a secret
        self._running = [Running(fault) for fault in planned if fault.login in ("", server.name)]
        self._havoc = Havoc(server)
        self._timers: set[asyncio.TimerHandle] = set()

    # --- coming and going --------------------------------------------------------------------------
    def start(self) -> None:
        for running in self._running:
            if not running.fault.on:
                self._arm(running)

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._havoc.stop()

    def add(self, fault: AnyFault) -> None:
        """Let one more fault happen; a test or the operator of the simulator asks for it."""
        running = Running(fault)
        self._running.append(running)
        if not fault.on:
            self._arm(running)

    def clear(self) -> None:
        """End everything that is in force and forget what was planned."""
        for running in self._running:
            if running.active:
                self._end(running)
        self._running.clear()

    def in_force(self) -> list[AnyFault]:
        return [running.fault for running in self._running if running.active]

    def planned(self) -> list[AnyFault]:
        return [running.fault for running in self._running if not running.armed]

    def seen(self, names: Sequence[str]) -> None:
        """A request arrived: some faults wait for it. One that starts at once applies to it."""
        for running in list(self._running):
            if running.fault.on in names and not running.armed:
                running.seen += 1
                if running.seen >= running.fault.nth:
                    self._arm(running)

    def _arm(self, running: Running) -> None:
        running.armed = True
        self._after(running.fault.after_s, partial(self._begin, running))

    def _after(self, delay_s: float, callback: partial[None]) -> None:
        if delay_s <= 0:
            callback()
            return
        self._timers = {timer for timer in self._timers if timer.when() > self._server.clock.loop.time()}
        self._timers.add(self._server.clock.call_in(delay_s, callback))

    def _begin(self, running: Running) -> None:
        running.active = True
        self.say(f"begins: {running.fault.kind}")
        self._havoc.begin(running.fault)
        if running.fault.for_s is not None:
            self._after(running.fault.for_s, partial(self._end, running))

    def _end(self, running: Running) -> None:
        if running.active:
            running.active = False
            self.say(f"ends: {running.fault.kind}")
            self._havoc.end(running.fault)

    def say(self, text: str) -> None:
        self._server.note(None, Kind.FAULT, text=text)

    def _of(self, kind: type[F]) -> Iterator[tuple[Running, F]]:
        for running in self._running:
            if running.active and isinstance(running.fault, kind):
                yield running, running.fault

    def _any(self, kind: type[F]) -> F | None:
        return next((fault for _, fault in self._of(kind)), None)

    # --- connections -------------------------------------------------------------------------------
    def connected(self, connection: Connection) -> None:
        """A socket was accepted."""
        for running, eof in self._of(faults.ImmediateEof):
            if running.take(eof.first):
                connection.close()
        for _, half in self._of(faults.HalfOpen):
            connection.half_open = connection.half_open or half.new_connections
        for _, pacing in self._of(faults.Pacing):
            connection.pacer.rule = PacingRule(pacing.messages_max, pacing.breaches_max)

    def swallows(self, _connection: Connection) -> bool:
        return self._any(faults.BlackHole) is not None

    def latency_s(self) -> float:
        return sum(fault.seconds + self._rng.uniform(0, fault.jitter_s) for _, fault in self._of(faults.Latency))

    def refuses_handshake(self) -> bool:
        return any(fault.stage == "handshake" for _, fault in self._of(faults.SilentAccept))

    def refuses_start(self, _connection: Connection) -> bool:
        return any(fault.stage == "start" for _, fault in self._of(faults.SilentAccept))

    def slow_start(self) -> faults.SlowStart | None:
        return self._any(faults.SlowStart)

    def client_id_busy(self, client_id: int) -> faults.ClientIdBusy | None:
        for _, fault in self._of(faults.ClientIdBusy):
            if client_id in fault.client_ids or (not fault.client_ids and client_id < EMERGENCY_ID_MIN):
                return fault
        return None

    # --- requests ----------------------------------------------------------------------------------
    def intercepts(self, connection: Connection, request: Request, names: Sequence[str]) -> bool:
        """True when a fault has taken the request out of the normal course."""
        return (
            self._disconnects(connection)
            or self._drops(connection, names)
            or self._answers_error(connection, request, names)
            or self._read_only(connection, request)
            or self._delays(connection, request, names)
        )

    def _disconnects(self, connection: Connection) -> bool:
        for running, fault in self._of(faults.Disconnect):
            if fault.after_messages and connection.requests_seen >= fault.after_messages and running.take(fault.times):
                self._havoc.disconnect(connection, fault.how)
                return True
        return False

    def _drops(self, connection: Connection, names: Sequence[str]) -> bool:
        for running, fault in self._of(faults.DropRequests):
            mine = not fault.client_ids or connection.client_id in fault.client_ids
            if mine and not set(names).isdisjoint(fault.requests) and running.take(fault.first):
                connection.note(Kind.FAULT, f"dropped: {names[0]}")
                return True
        return False

    def _answers_error(self, connection: Connection, request: Request, names: Sequence[str]) -> bool:
        for running, fault in self._of(faults.AnswerError):
            if not set(names).isdisjoint(fault.requests) and running.take(fault.first):
                connection.send(ErrorMessage(_id_of(request), fault.code, fault.text))
                return True
        return False

    def _read_only(self, connection: Connection, request: Request) -> bool:
        for _, fault in self._of(faults.ReadOnly):
            if isinstance(request, _CHANGES) or (fault.reads and isinstance(request, _ORDER_LISTS)):
                error = ErrorMessage(_id_of(request), 321, notices.READ_ONLY)
                self._after(fault.late_s, partial(connection.send, error))
                return True
        return False

    def _delays(self, connection: Connection, request: Request, names: Sequence[str]) -> bool:
        for _, fault in self._of(faults.DelayRequests):
            if not set(names).isdisjoint(fault.requests):
                self._after(fault.seconds, partial(self._server.carry_out, connection, request))
                return True
        return False

    # --- replies -----------------------------------------------------------------------------------
    def fate_of_reply(self, connection: Connection, reply: Reply) -> list[tuple[float, Reply]]:
        """When the reply leaves, and how often; empty: never."""
        name = type(reply).__name__
        for running, drop in self._of(faults.DropReplies):
            mine = not drop.client_ids or connection.client_id in drop.client_ids
            if mine and name in drop.replies and running.take(drop.first):
                return []
        if isinstance(reply, OpenOrder | OrderStatus):
            return self._noisy(reply)
        if isinstance(reply, AccountValue | AccountUpdateMulti) and reply.key.lower() == "accountready":
            return [(0.0, self._readiness(reply))]
        return [(0.0, reply)]

    def _noisy(self, reply: Reply) -> list[tuple[float, Reply]]:
        noise = self._any(faults.StatusNoise)
        if noise is None:
            return [(0.0, reply)]
        status = isinstance(reply, OrderStatus)  # an openOrder may come twice, but a list of them is not torn apart
        if status and self._chance(noise.omit_pct):
            return []
        copies = 2 if self._chance(noise.duplicate_pct) else 1
        late = status and self._chance(noise.reorder_pct)
        return [(self._rng.uniform(0, noise.delay_s_max) if late or copy else 0.0, reply) for copy in range(copies)]

    def _chance(self, pct: float) -> bool:
        return pct > 0 and self._rng.uniform(0, 100) < pct

    def _readiness(self, reply: AccountValue | AccountUpdateMulti) -> Reply:
        if self._any(faults.AccountNotReady) is None:
            return reply
        if isinstance(reply, AccountValue):
            return AccountValue(reply.key, "false", reply.currency, reply.account)
        return AccountUpdateMulti(reply.req_id, reply.account, reply.model_code, reply.key, "false", reply.currency)

    # --- orders and positions ----------------------------------------------------------------------
    def rejection(self, account: str, instrument: Instrument, order: Order) -> Refusal | None:
        """The refusal that a new order meets, if any."""
        for running, fault in self._of(faults.Reject):
            if fault.action and fault.action != order.action:
                continue
            if fault.order_type and fault.order_type != order.order_type:
                continue
            if fault.contract and find_contract(self._server.exchange.catalogue, fault.contract) != instrument:
                continue
            if fault.while_short_options and not self._short_options(account):
                continue
            if running.take(fault.first):
                return Refusal(fault.code, fault.text)
        return None

    def _short_options(self, account: str) -> bool:
        return any(held.instrument.is_option and held.quantity < 0 for held in self._server.exchange.positions(account))

    def cancelling(self, views: Sequence[OrderView]) -> None:
        """Cancels are about to take effect: some orders may fill first."""
        for running, fault in self._of(faults.FillRace):
            for view in views:
                if running.take(fault.first):
                    self._after(fault.fill_s, partial(self._havoc.fill, view))

    def keeps_cancels(self) -> bool:
        return any(fault.cancels_kept for _, fault in self._of(faults.LinkLost))

    def hides_fill_statuses(self) -> bool:
        return self._any(faults.SilentFills) is not None

    def position_lag_s(self) -> float:
        return max((fault.lag_s for _, fault in self._of(faults.StalePositions)), default=0.0)

    def stands_still(self, feed: str) -> bool:
        return any(fault.feed == feed for _, fault in self._of(faults.StandingFeed))

    def commission_delay_s(self) -> float | None:
        """Seconds until a commission report leaves; None: never."""
        late = self._any(faults.LateCommissions)
        return 0.0 if late is None else late.seconds


def _id_of(request: Request) -> int:
    """The id under which TWS answers: the order's, the request's, or the one that means none."""
    found: int = getattr(request, "order_id", getattr(request, "req_id", notices.NO_REQUEST_ID))
    return found
