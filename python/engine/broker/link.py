"""One connection to TWS: it is made in phases with deadlines, kept under observation, and lost exactly once.

Every message goes to every listener, those that could not be read included; nothing is swallowed. Sending is paced
and reports what became of it (see outbox). Must never reconnect by itself, and never decide what a message means for
an order or a position.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import cast

import msgspec

from engine.broker import failures
from engine.broker.failures import LinkFailure
from engine.broker.names import NameUnknown, look_up
from engine.broker.outbox import Outbox, Parcel, Permit, Told
from engine.broker.pacing import Pacer
from engine.broker.server_clock import ServerClock
from engine.wire.errors import ProtocolError
from engine.wire.events import ClientEvent, Lenient, Malformed, Ready, ServerHello
from engine.wire.replies import CurrentTime, ErrorMessage, Execution, NextValidId, OpenOrder, Reply
from engine.wire.requests import ReqCurrentTime, ReqIds, ReqManagedAccounts, Request
from engine.wire.sessions import ClientSession

BROKER_LOST = frozenset({1100, 2110})
BROKER_BACK = frozenset({1101, 1102})
_ID_IN_USE = 326
_TOO_FAST = 100
_DUPLICATE_NUMBER = 103
_CLOSE_PATIENCE_S = 1.0
TIME_LOST_S = 2.0
_MESSAGE_S_MAX = 30.0  # a message that would take longer at the pace seen is as good as none
_PAUSE_S = 1.0  # in the middle of one that is still coming
_IN_VAIN = 4  # so often TWS has answered the time, and not the question for an order number before it
_OWN_NUMBERS = 2**29  # above what TWS counts to, below what an order number can be
_NUMBER_MAX = 2**31 - 1 - 2**20  # TWS reads 32 bits; what is left above is more than anybody sends on one connection
_NUMBERS_A_SECOND = 4
_LEAPS = (1_000, 100_000, 10_000_000, _OWN_NUMBERS)  # beyond a number that TWS has given before, and did not say so
_FIRST_PULSE_S = 0.1  # the first messages belong to whoever connected in a hurry


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a connection is, in seconds."""

    tcp_s: float = 3.0
    handshake_s: float = 4.0
    ready_s: float = 4.0
    probe_after_s: float = 3.0  # of silence
    dead_after_s: float = 8.0  # of silence, although the time was asked for


class Listener(msgspec.Struct, frozen=True, eq=False):
    """Who wants to hear of everything that arrives, and of the end."""

    heard: Callable[[ClientEvent], None]
    lost: Callable[[LinkFailure], None]


class Link(asyncio.Protocol):
    """A connection under one client id. Call `connect` or `adopt` once; both raise LinkFailure."""

    def __init__(self, host: str, port: int, client_id: int, settings: LinkSettings | None = None) -> None:
        self.host = host
        self.port = port
        self.client_id = client_id
        self.accounts: tuple[str, ...] = ()
        self.broker_up = True  # TWS's own link to IBKR; TWS tells when it is not so …
        self.broker_code = 0  # … by this code
        self.settings = settings or LinkSettings()
        self.failure: LinkFailure | None = None
        self._loop = asyncio.get_running_loop()
        self._session = ClientSession(client_id)
        self._transport: asyncio.Transport | None = None
        self._pacer = Pacer()
        self._outbox = Outbox(self._loop, self._pacer, self._write, lambda: self.backlog)
        self._listeners: list[Listener] = []
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._settled: asyncio.Future[None] = self._loop.create_future()  # ready, or failed before it
        self.own_numbers = False  # TWS hears and named no order number: they are taken from its clock
        self._next_id = 0
        self._unused_from = 0  # above the numbers that orders and executions of our own id have shown
        self._leaps = 0  # over numbers that were refused as duplicates
        self._leapt_to = 0
        self.asked_again = False  # for what it names when it is ready
        self._in_vain = 0
        self._useless: int | None = None  # what TWS named for an order number, and cannot be one …
        self._unready = False  # … so it has let us in, and orders could not be numbered yet
        self._heard_at = 0.0  # a whole message, or the beginning of the connection
        self._stuck_at: float | None = None  # since when a message is there in part
        self.trickled_at = -math.inf  # when bytes last came that began or went on with such a message
        self._received_bytes = 0
        self._asked_at: float | None = None  # when the time was asked for, while nothing has come since
        self.times_asked = self.times_told = 0  # questions for the time, and those of them that are answered
        self._time_asked_at = 0.0
        self._pulse: asyncio.TimerHandle | None = None
        self.clock = ServerClock(self._loop.time())

    # --- making it -------------------------------------------------------------------------------
    async def connect(self) -> None:
        """Open the connection and wait until TWS takes requests."""
        await self._open_socket()
        await self._wait(self._greeted, self.settings.handshake_s)
        await self._become_ready()

    async def adopt(
        self, sock: socket.socket, session: ClientSession, adopted: Callable[[], None] = lambda: None
    ) -> None:
        """Take over a connected socket whose session has sent its hello, and startApi if that was answered. `adopted`
        is called once it is ours, and what it has received already is heard.
        """
        self._session = session
        self.client_id = session.client_id
        if session.version:
            self._greeted.set_result(None)
        sock.setblocking(False)
        try:
            await self._loop.create_connection(lambda: self, sock=sock)
        except OSError as error:
            raise self._fail(failures.lost(self.host, self.port, error.strerror or str(error))) from error
        self.data_received(b"")  # what the session holds already
        if session.ready:
            self._settle_ready()
        adopted()
        await self._wait(self._greeted, self.settings.handshake_s)
        await self._become_ready()

    async def _open_socket(self) -> None:
        addresses: tuple[str, ...] = ()
        try:
            async with asyncio.timeout(self.settings.tcp_s):
                addresses = await look_up(self.host, self.port)
                await self._connect_to_one_of(addresses)
        except TimeoutError:
            silence = failures.silent_host if addresses else failures.silent_names
            raise self._fail(silence(self.host, self.port)) from None
        except NameUnknown as error:
            raise self._fail(failures.unknown_name(self.host, self.port, str(error))) from None
        except ConnectionRefusedError:
            raise self._fail(failures.refused(self.host, self.port)) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise self._fail(failures.no_route(self.host, self.port, reason)) from error

    async def _connect_to_one_of(self, addresses: tuple[str, ...]) -> None:
        """The first that takes the connection. Raises the last one's OSError."""
        for address in addresses[:-1]:
            try:
                await self._loop.create_connection(lambda: self, address, self.port)
            except OSError:
                continue
            return
        await self._loop.create_connection(lambda: self, addresses[-1], self.port)

    async def _become_ready(self) -> None:
        await self._wait(self._settled, self.settings.ready_s)

    async def _wait(self, milestone: asyncio.Future[None], patience_s: float) -> None:
        try:
            async with asyncio.timeout(patience_s):
                await asyncio.shield(milestone)
        except TimeoutError:
            self._fail(self.awaits)
        except asyncio.CancelledError:
            self.close("given up")
            raise
        if self.failure is not None:
            raise self.failure

    # --- using it --------------------------------------------------------------------------------
    @property
    def up(self) -> bool:
        """TWS takes requests here. Never on a loop that was closed under it: nothing would be heard."""
        return self._settled.done() and self.failure is None and not self._loop.is_closed()

    @property
    def stands(self) -> bool:
        """Somebody has accepted the connection, whether he says anything or not."""
        return self._transport is not None and self.failure is None

    @property
    def greeted(self) -> bool:
        """TWS has answered the handshake, and has been told who we are."""
        return self._greeted.done() and self.failure is None

    @property
    def awaits(self) -> LinkFailure:
        """Why it is not ready, if that stays so. What it waits for says what is the matter."""
        if self._greeted.done():
            missing = [] if self._session.accounts else ["account names"]
            if self._useless is not None:
                missing.append(f"order number that can be one, but {self._useless}")
            elif self._session.next_order_id is None:
                missing.append("order number")
            return failures.silent_start(self.host, self.port, self.client_id, missing, asked=self.asked_again)
        if self._received_bytes:
            return failures.half_answer(self.host, self.port, self._received_bytes)
        return failures.silent_handshake(self.host, self.port)

    @property
    def unnumbered(self) -> bool:
        """TWS has named something for an order number that cannot be one."""
        return self._useless is not None

    @property
    def version(self) -> int:
        return self._session.version

    @property
    def free(self) -> int:
        """How many ordinary messages would leave at once."""
        return self._outbox.free

    @property
    def free_at(self) -> float:
        return self._outbox.free_at

    @property
    def backlog(self) -> int:
        """Bytes that have been handed over and are still in this process, because the socket does not take them."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def take_id(self) -> int:
        """A fresh number for an order or a request: errors name both by one field, so they share one sequence."""
        taken = self._next_id
        self._next_id += 1
        return taken

    def take_ids_from(self, first: int) -> None:
        """Leave out the numbers below `first`: an earlier connection has used them."""
        self._next_id = max(self._next_id, first)

    def server_now_s(self) -> float | None:
        """IBKR's clock in Unix seconds, good to a second; None while TWS has not told it."""
        return self.clock.now_s(self._loop.time())

    def post(
        self, request: Request, *, urgent: bool = False, told: Told | None = None, permit: Permit | None = None
    ) -> Parcel:
        """Send a request when the pacing allows. An unsendable one raises the wire's LocalError at once."""
        if isinstance(request, ReqCurrentTime):
            self._count_time_asked()
        return self._outbox.post(self._session.send(request), urgent=urgent, told=told, permit=permit)

    def post_early(self, request: Request) -> bool:
        """Send before TWS is ready. It may drop the request, so this is for what is sent again when it is."""
        return self.greeted and self._write(self._session.send(request))

    def ask_again(self) -> None:
        """TWS takes long to be ready: what it says then may have been lost. An answer to the last of the questions
        shows that it has heard the others.
        """
        self.asked_again = True
        if not self._session.accounts:
            self.post_early(ReqManagedAccounts())
        self.post_early(ReqIds())
        if self.post_early(ReqCurrentTime()):
            self.clock.asked(self._loop.time())

    def withdraw(self, parcel: Parcel, why: str) -> bool:
        """Take back a request that has not left. False: too late."""
        return self._outbox.withdraw(parcel, why)

    def drop_waiting(self, why: str) -> int:
        """Give up every ordinary request that has not left."""
        return self._outbox.drop_normal(why)

    def watch_closely(self, settings: LinkSettings) -> None:
        """From now on be as patient as `settings` say, and make sure at once that TWS still answers."""
        self.settings = settings
        if self.up:
            if self._pulse is not None:
                self._pulse.cancel()
            self._ask_the_time()
            self._pulse = self._loop.call_later(self._pulse_s, self._watch_pulse)

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def close(self, why: str) -> None:
        """End the connection from this side; bytes already handed over are still sent."""
        transport = self._transport
        self._lose(failures.closed_here(self.host, self.port, why), abort=False)
        if transport is not None:
            self._loop.call_later(_CLOSE_PATIENCE_S, transport.abort)

    def abort(self, why: str) -> None:
        """End the connection at once; bytes that the socket has not taken are thrown away."""
        self._lose(failures.closed_here(self.host, self.port, why))

    # --- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._heard_at = self._loop.time()
        if not self._greeted.done():
            self._transport.write(self._session.hello())

    def data_received(self, data: bytes) -> None:
        if self.failure is not None:
            return
        self._received_bytes += len(data)
        self._pacer.heard(self._loop.time())
        broken: ProtocolError | None = None
        in_part = bool(self._session.unfinished[0])
        try:
            events: tuple[object, ...] = tuple(self._session.receive(data))
        except ProtocolError as error:
            broken, events = error, error.events  # what came whole before the garbage still counts
        self._note_sign_of_life(whole=bool(events))
        if data and (in_part or self._session.unfinished[0]):
            self.trickled_at = self._loop.time()
        for event in events:
            self._take(event)
        if broken is not None:
            self._lose(failures.not_understood(self.host, self.port, broken))

    def _note_sign_of_life(self, *, whole: bool) -> None:
        """Only a whole message is one: bytes that trickle in and complete nothing are as good as silence."""
        now = self._loop.time()
        if whole:
            self._heard_at, self._asked_at = now, None
        if not self._session.unfinished[0]:
            self._stuck_at = None
        elif whole or self._stuck_at is None:
            self._stuck_at = now

    def eof_received(self) -> bool:
        return False  # the transport closes and connection_lost follows

    def connection_lost(self, exc: Exception | None) -> None:
        if self._settled.done():
            reason = str(exc) if exc is not None else "TWS ended it"
            self._lose(failures.lost(self.host, self.port, reason))
        elif self._greeted.done():
            self._lose(failures.closed_at_start(self.host, self.port, self.client_id))
        else:
            self._lose(failures.closed_at_handshake(self.host, self.port))

    def pause_writing(self) -> None:
        self._outbox.pause()

    def resume_writing(self) -> None:
        self._outbox.resume()

    # --- inside ------------------------------------------------------------------------------------
    def _write(self, data: bytes) -> bool:
        if self._transport is None or self._transport.is_closing() or self.failure is not None:
            return False
        self._transport.write(data)
        return True

    def _take(self, event: object) -> None:
        if self.failure is not None or not isinstance(event, ServerHello | Ready | Reply | Malformed | Lenient):
            return
        match event:
            case ServerHello():
                self._greet()
            case Ready():
                self._settle_ready()
                if not self._settled.done():
                    return  # nobody is told: it is not ready for orders
            case NextValidId():
                self._take_number(event.order_id)
            case CurrentTime():
                self._take_time(event.time_s)
            case ErrorMessage():
                self._take_error(event)
            case OpenOrder() if event.order.client_id == self.client_id:
                self._take_used(event.order_id)
            case Execution() if event.client_id == self.client_id:
                self._take_used(event.order_id)
        for listener in tuple(self._listeners):
            listener.heard(event)
        if isinstance(event, NextValidId) and self._unready and self._next_id and not self._settled.done():
            self._take(Ready(self._session.accounts, self._next_id))

    def _greet(self) -> None:
        if self._transport is not None:
            self._transport.write(self._session.start_api())
        self._greeted.set_result(None)

    def _take_number(self, named: int) -> None:
        """One that cannot be a number is as good as none, but for one thing: it will not get better by being asked for
        again and again."""
        if not 0 < named <= _NUMBER_MAX:
            self._useless = named
            return
        self._useless = None
        self._count_from(named)

    def _take_used(self, number: int) -> None:
        """An order of our own id has it, of an earlier connection perhaps. TWS may have named a smaller one, after a
        restart or a reset, and would refuse it as a duplicate (103)."""
        if number < _NUMBER_MAX:
            self._unused_from = max(self._unused_from, number + 1)
            if self._next_id:
                self._count_from(self._unused_from)

    def _leap(self, refused: int) -> None:
        """TWS wants a greater number than any that this client id ever had, and counts from a smaller one itself, after
        a restart. How far they went nobody can ask; each refusal of a number beyond the last leap makes a longer one.
        That of an order which TWS has shown tells only that it was sent again: numbers are not spent on it.
        """
        if refused < max(self._leapt_to, self._unused_from):
            return
        leap = _LEAPS[min(self._leaps, len(_LEAPS) - 1)]
        self._leaps += 1
        self._leapt_to = min(refused + leap, _NUMBER_MAX)
        self._count_from(self._leapt_to)
        self.post(ReqIds())  # it may know better by now

    def _count_from(self, first: int) -> None:
        """Never back: a number is used once."""
        self._next_id = max(self._next_id, self._unused_from, first)

    def _settle_ready(self) -> None:
        if self._settled.done():
            return
        if not self._next_id and self._session.next_order_id is not None:
            self._take_number(self._session.next_order_id)
        if not self._next_id:
            self._unready = True
            return
        self.accounts = self._session.accounts
        self._settled.set_result(None)
        self._outbox.open()
        self._pulse = self._loop.call_later(_FIRST_PULSE_S, self._watch_pulse)

    def _count_time_asked(self) -> None:
        now = self._loop.time()
        self.clock.asked(now)
        if now - self._time_asked_at > max(TIME_LOST_S, 2 * self.clock.late_s):
            self.times_told = self.times_asked  # what has not come by now does not come any more
        self.times_asked += 1
        self._time_asked_at = now

    def _take_time(self, time_s: int) -> None:
        """TWS that tells the time again and again, and no order number, will not do so by being waited for."""
        self.clock.heard(time_s, self._loop.time())
        self.times_told = min(self.times_told + 1, self.times_asked)  # one that comes twice tells of no other question
        if self._settled.done() or not self._session.accounts:
            return
        self._in_vain += 1
        if self._in_vain >= _IN_VAIN or (self.unnumbered and self.asked_again):
            self.own_numbers = True
            self._count_from(_OWN_NUMBERS + time_s * _NUMBERS_A_SECOND % _OWN_NUMBERS)
            self._take(Ready(self._session.accounts, self._next_id))

    def _take_error(self, error: ErrorMessage) -> None:
        if error.code in BROKER_LOST or error.code in BROKER_BACK:
            self.broker_up = error.code in BROKER_BACK
            self.broker_code = error.code
        elif error.code == _TOO_FAST:
            self._pacer.slow_down()
        elif error.code == _DUPLICATE_NUMBER and self._settled.done():
            self._leap(error.req_id)
        elif error.code == _ID_IN_USE and not self._settled.done():
            self._lose(failures.id_in_use(self.host, self.port, self.client_id))

    def _watch_pulse(self) -> None:
        """Ask a silent TWS for the time; declare the connection dead if it stays silent."""
        now, settings = self._loop.time(), self.settings
        silent = self._asked_at is not None and now - self._asked_at >= settings.dead_after_s - settings.probe_after_s
        if silent and not self._grows(now):
            self._lose(self._silence(now))
            return
        if not self.clock.told or now - self._heard_at >= settings.probe_after_s:
            self._ask_the_time()
        self._pulse = self._loop.call_later(self._pulse_s, self._watch_pulse)

    def _grows(self, now: float) -> bool:
        """A long message is coming over a slow link: at its pace it will be whole before long."""
        have, need = self._session.unfinished
        if self._stuck_at is None or need is None or now - self.trickled_at > _PAUSE_S:
            return False
        return (now - self._stuck_at) * need <= _MESSAGE_S_MAX * have

    def _silence(self, now: float) -> LinkFailure:
        if self._stuck_at is not None:
            return failures.stuck_message(self.host, self.port, self._session.unfinished, now - self._stuck_at)
        return failures.fell_silent(self.host, self.port, now - self._heard_at)

    @property
    def _pulse_s(self) -> float:
        settings = self.settings
        return min(settings.probe_after_s, settings.dead_after_s - settings.probe_after_s) / 2

    def _ask_the_time(self) -> None:
        if self._asked_at is None:
            self._asked_at = self._loop.time()
            self.post(ReqCurrentTime(), urgent=True)

    def _fail(self, failure: LinkFailure) -> LinkFailure:
        """The connection could not be made; returns what to raise."""
        self._lose(failure)
        return self.failure or failure

    def _lose(self, failure: LinkFailure, *, abort: bool = True) -> None:
        """The one place where a connection ends. Only the first reason counts."""
        if self.failure is not None:
            return
        self.failure = failure
        if self._pulse is not None:
            self._pulse.cancel()
        if self._transport is not None:
            if abort:
                _drop_unsent(self._transport)
                self._transport.abort()
            else:
                self._transport.close()
        for milestone in (self._greeted, self._settled):
            if not milestone.done():
                milestone.set_result(None)
        self._outbox.close(failure.text)
        for listener in tuple(self._listeners):
            listener.lost(failure)
        self._listeners.clear()


def _drop_unsent(transport: asyncio.Transport) -> None:
    """What the socket has taken and not delivered would otherwise be sent for minutes after it is closed here: an order
    that everybody believes lost would arrive when the network is back."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):  # it is gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
