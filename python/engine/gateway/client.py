"""One client and its own connection to TWS: whole messages one way and the other, orders by way of the desk.

What cannot change anything passes as it came and in its turn. Cancels wait for nobody, and take what is still queued
with them. Must never write half a message, pass an order that was not judged, or end a connection for a refused order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol, cast

from engine.gateway import answers
from engine.gateway.handshake import API, FirstWords, Offer, own_answer, read_answer, read_offer
from engine.gateway.heard import Heard
from engine.gateway.order_desk import OrderDesk
from engine.gateway.police import Kind, kind_of, may_change_orders
from engine.gateway.upstream import Upstream, keep_alive
from engine.gateway.wishes import End, Ruling, Wish
from engine.wire.codec import decode_reply, decode_request
from engine.wire.errors import FrameTooLarge, LocalError, MalformedMessage, ProtocolError
from engine.wire.frames import FrameReader, frame
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus, Reply
from engine.wire.requests import CancelOrder, ExerciseOptions, PlaceOrder, StartApi

GREETING_S = 10.0  # a client that has not named itself by then is sent away
FAREWELL_S = 1.0  # a client that is refused has so long to say its first word, to which the reason is the answer
QUEUE_MAX = 1_000  # messages that wait behind an order
AHEAD_MAX = 20  # reducing orders at once that do not wait for those
ANSWERS_BYTES_MAX = 8_000_000  # of what a client does not read
HEARD = {b"3", b"4", b"5", b"9", b"11"}  # orderStatus, errors, openOrder, nextValidId, execDetails
CANCELLED_FIRST = "it was cancelled before it was sent"


class Phase(Enum):
    """How far the two ends have come."""

    GREETING = "greeting"  # the client has not said what it speaks
    CALLING = "calling"  # TWS is being connected, and has not answered
    OPEN = "open"
    REFUSING = "refusing"  # the client is told why not
    CLOSED = "closed"


class House(Protocol):
    """What a client needs to know of the port that it came in by."""

    @property
    def tws(self) -> tuple[str, int]: ...

    desk: OrderDesk

    def time(self) -> str:
        """As TWS would say it."""

    def withdraw_all(self, why: str) -> None:
        """Of every client of this login: what has not left yet stays here."""

    def came(self, client: Client) -> str:
        """Why it is not let in; empty: it is."""

    def gone(self, client: Client) -> None: ...

    def log(self, text: str) -> None: ...


class _Waiting:
    """A message in the queue. `order`: what it asks for, if it is an order."""

    __slots__ = ("arrived_s", "order", "payload", "withdrawn")

    def __init__(self, payload: bytes, order: PlaceOrder | None, arrived_s: float) -> None:
        self.payload = payload
        self.order = order
        self.arrived_s = arrived_s
        self.withdrawn = ""


class Client(asyncio.Protocol):
    """The client's end."""

    def __init__(self, house: House, clock: Callable[[], float]) -> None:
        self.house = house
        self.peer = ""
        self.version = 0
        self.client_id: int | None = None
        self.ready = False  # TWS has let it in
        self.phase = Phase.GREETING
        self._desk = house.desk
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._down: asyncio.Transport | None = None
        self._up: Upstream | None = None
        self._first = FirstWords(API)
        self._frames = FrameReader()
        self._offer = Offer(0, 0)
        self._why = ""  # why it is refused
        self._heard = Heard()
        self._queue: deque[_Waiting] = deque()
        self._current: _Waiting | None = None
        self._worker: asyncio.Task[None] | None = None
        self._ahead: dict[asyncio.Task[None], _Waiting] = {}
        self._calling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue) + (self._current is not None)

    # --- asyncio.Protocol --------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._down = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.peer = str((transport.get_extra_info("peername") or ("?",))[0])
        keep_alive(self._down)
        turned_away = self.house.came(self)
        if turned_away:
            self.close(turned_away)
            return
        self._timer = self._loop.call_later(GREETING_S, self.close, "it did not say who it is")

    def data_received(self, data: bytes) -> None:
        try:
            self._receive(data)
        except ProtocolError as error:
            self.close(str(error))

    def pause_writing(self) -> None:
        if self._up is not None:
            self._up.pause_reading()

    def resume_writing(self) -> None:
        if self._up is not None:
            self._up.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close("" if exc is None else str(exc))

    # --- from the client ---------------------------------------------------------------------------
    def _receive(self, data: bytes) -> None:
        match self.phase:
            case Phase.GREETING:
                first = self._first.feed(data)
                if first is not None:
                    self._greet(first[0], first[1])
            case Phase.CALLING:
                raise MalformedMessage(None, "handshake", 0, "it speaks before it was answered")
            case Phase.REFUSING:
                self._say_why()
            case Phase.OPEN:
                self._receive_messages(data)
            case Phase.CLOSED:
                return

    def _greet(self, payload: bytes, behind: bytes) -> None:
        self._offer = read_offer(payload)
        if behind:
            raise MalformedMessage(None, "handshake", 0, "it speaks before it was answered")
        if self._offer.refusal:
            self._refuse(self._offer.refusal)
            return
        self.phase = Phase.CALLING
        self._calling = self._loop.create_task(self._call(), name="call TWS for a client")

    async def _call(self) -> None:
        host, port = self.house.tws
        up = Upstream(self)
        try:
            async with asyncio.timeout(GREETING_S / 2):
                await self._loop.create_connection(lambda: up, host, port)
        except (OSError, TimeoutError) as error:
            self._refuse(f"TWS cannot be reached at {host}:{port} ({error or 'no answer'}). Nothing was sent")
            return
        if self.phase is not Phase.CALLING:
            up.close()
            return
        self._up = up
        up.write(self._offer.passed_on())

    def _receive_messages(self, data: bytes) -> None:
        try:
            payloads = self._frames.feed(data)
        except FrameTooLarge as error:
            for whole in error.events:
                if isinstance(whole, bytes):
                    self._take(whole)
            raise
        for payload in payloads:
            self._take(payload)

    def _take(self, payload: bytes) -> None:
        if self.phase is not Phase.OPEN:
            return
        kind = kind_of(payload)
        if kind is Kind.READ and may_change_orders(payload, self.client_id):
            kind = Kind.BIND
        match kind:
            case Kind.READ:
                self._pass_in_turn(payload)
            case Kind.ORDER:
                self._take_order(payload)
            case Kind.CANCEL:
                self._cancel(payload)
            case Kind.CANCEL_ALL:
                self.house.withdraw_all(CANCELLED_FIRST)
                self._desk.tally.count("global cancels")
                self._pass(payload)
            case Kind.START:
                self._start(payload)
            case Kind.BIND:
                self._bind(payload)
            case Kind.EXERCISE:
                self._exercise(payload)
            case Kind.REFUSED | Kind.UNKNOWN:
                self._refuse_message(payload, f"message {_number(payload)} does not pass the gateway")

    def _start(self, payload: bytes) -> None:
        request = decode_request(payload, self.version)
        if self.client_id is not None or not isinstance(request, StartApi):
            raise MalformedMessage(71, "startApi", 0, "it names itself a second time")
        self.client_id = request.client_id
        self._stop_timer()
        self._pass(payload)

    def _pass_in_turn(self, payload: bytes) -> None:
        """Behind the orders before it; unless so many wait that order among them is worth less than their number."""
        if self._worker is None or len(self._queue) >= QUEUE_MAX:
            self._pass(payload)
        else:
            self._queue.append(_Waiting(payload, None, 0.0))

    def _cancel(self, payload: bytes) -> None:
        self._desk.tally.count("cancels")
        try:
            request = decode_request(payload, self.version)
        except MalformedMessage:
            request = None  # TWS will say what it thinks of it: a cancel is held up by nothing
        if isinstance(request, CancelOrder):
            self.withdraw(CANCELLED_FIRST, request.order_id)
        self._pass(payload)

    def withdraw(self, why: str, order_id: int | None = None) -> None:
        """Orders that have not left are not wanted any more: one, or all."""
        for each in self._all_waiting():
            if each.order is not None and order_id in (None, each.order.order_id):
                each.withdrawn = each.withdrawn or why

    def _bind(self, payload: bytes) -> None:
        """TWS cancels manual orders and sends them anew under this client: nothing for a halted login."""
        if self._desk.checks.state().may_add_risk or self._desk.shadow:
            self._pass_in_turn(payload)
        else:
            self._refuse_message(payload, "while the login is halted, manual orders are not bound")

    def _exercise(self, payload: bytes) -> None:
        req_id = answers.NO_ID
        try:
            request = decode_request(payload, self.version)
            if isinstance(request, ExerciseOptions):
                req_id = request.req_id
        except MalformedMessage:
            pass
        self._refuse_message(payload, "exercising through the gateway is not judged yet: do it in TWS", req_id)

    def _refuse_message(self, payload: bytes, why: str, req_id: int = answers.NO_ID) -> None:
        self.house.log(f"client {self.client_id}: {why}")
        self._desk.tally.refuse((f"message {_number(payload)}",))
        if self._desk.shadow:
            self._pass_in_turn(payload)
        else:
            self._answer(answers.error(self.version, req_id, answers.CANNOT_VALIDATE, f"Not sent to TWS: {why}"))

    # --- orders ------------------------------------------------------------------------------------
    def _take_order(self, payload: bytes) -> None:
        try:
            request = decode_request(payload, self.version)
            if not isinstance(request, PlaceOrder):  # read, and found to be what would be written again (engine.wire)
                raise MalformedMessage(3, "order", 0, "it is none")
        except (MalformedMessage, LocalError) as error:
            self._not_understood(payload, str(error))
            return
        if not self.ready or self.client_id is None:
            why = "TWS has not let this client in yet: wait for nextValidId"
            self._answer(answers.refused_order(self.version, request.order_id, why))
        else:
            self._queue_order(_Waiting(payload, request, self._clock()), request)

    def _queue_order(self, item: _Waiting, request: PlaceOrder) -> None:
        """In its turn; but what can only reduce goes ahead of others that wait."""
        same = any(one.order is not None and one.order.order_id == request.order_id for one in self._all_waiting())
        if (
            self.waiting
            and not same
            and len(self._ahead) < AHEAD_MAX
            and self._desk.goes_ahead(self._wish(item, request))
        ):
            self._run_ahead(item, request)
        elif len(self._queue) >= QUEUE_MAX:
            self._desk.tally.refuse(("too_many_waiting",))
            why = f"too_many_waiting: {QUEUE_MAX} messages wait already, send fewer"
            self._answer_ruling(request, Ruling(End.REFUSED, why, self._heard.alive(request.order_id)))
        else:
            self._queue.append(item)
            self._work()

    def _run_ahead(self, item: _Waiting, request: PlaceOrder) -> None:
        task = self._loop.create_task(self._place(item, request), name=f"a reducing order of client {self.client_id}")
        self._ahead[task] = item
        task.add_done_callback(self._ran_ahead)

    def _ran_ahead(self, task: asyncio.Task[None]) -> None:
        self._ahead.pop(task, None)
        self._report_fault(task)

    def _all_waiting(self) -> list[_Waiting]:
        current = [] if self._current is None else [self._current]
        return [*current, *self._queue, *self._ahead.values()]

    def _not_understood(self, payload: bytes, why: str) -> None:
        """What is not understood exactly is not guessed."""
        fields = payload.split(b"\0", 3)
        text = fields[1 if self.version > 144 else 2] if len(fields) == 4 else b""
        order_id = int(text) if text.isdigit() and len(text) < 10 else answers.NO_ID
        self._desk.not_understood((self.client_id or 0, order_id), why)
        if self._desk.shadow:
            self._pass_in_turn(payload)
            return
        ruling = Ruling(End.REFUSED, f"not_understood: {why}", self._heard.alive(order_id))
        self._answer_ruling_of(order_id, ruling)

    def _work(self) -> None:
        if self._worker is None:
            self._worker = self._loop.create_task(self._work_off(), name=f"orders of client {self.client_id}")
            self._worker.add_done_callback(self._worked)

    async def _work_off(self) -> None:
        """The queue, in the order in which it came."""
        while self._queue and self.phase is Phase.OPEN:
            self._current = item = self._queue.popleft()
            if item.order is None:
                self._pass(item.payload)
                continue
            await self._place(item, item.order)

    async def _place(self, item: _Waiting, request: PlaceOrder) -> None:
        ruling = await self._desk.place(self._wish(item, request))
        if ruling.end is End.LEFT:
            self._desk.tally.took(self._clock() - item.arrived_s)
        self._answer_ruling(request, ruling)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._worker = self._current = None
        self._report_fault(task)
        if self._queue and self.phase is Phase.OPEN:
            self._work()

    def _report_fault(self, task: asyncio.Task[None]) -> None:
        """A bug: what waits behind it must not leave in its place."""
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._loop.call_exception_handler({"message": "the gateway's orders", "exception": fault, "task": task})
            self.close(f"the gateway is at fault: {fault!r}")

    def _wish(self, item: _Waiting, request: PlaceOrder) -> Wish:
        assert self.client_id is not None
        return Wish(
            client_id=self.client_id,
            request=request,
            alive=self._heard.alive(request.order_id),
            write=lambda: self._pass(item.payload),
            backlog=lambda: self._up.backlog if self._up is not None else 0,
            withdrawn=lambda: item.withdrawn,
        )

    def _answer_ruling(self, request: PlaceOrder, ruling: Ruling) -> None:
        self._answer_ruling_of(request.order_id, ruling)

    def _answer_ruling_of(self, order_id: int, ruling: Ruling) -> None:
        match ruling.end:
            case End.REFUSED if ruling.modifies:
                last = self._heard.last(order_id)
                self._answer(answers.refused_modify(self.version, order_id, ruling.why, last))
            case End.REFUSED:
                self._answer(answers.refused_order(self.version, order_id, ruling.why))
            case End.WITHDRAWN if not ruling.modifies:
                self._answer(answers.withdrawn_order(self.version, order_id, ruling.why))
            case _:
                return

    # --- from TWS ----------------------------------------------------------------------------------
    def answered(self, payload: bytes) -> None:
        """TWS's first word. Raises ProtocolError for what must not be passed on."""
        self.version = read_answer(payload, self._offer)
        self.phase = Phase.OPEN
        self._answer(frame(payload))  # alone: the official Python client throws away what comes with it

    def told(self, payloads: list[bytes]) -> None:
        """Whole messages of TWS's. They pass as they came, whatever is thought of them here."""
        for payload in payloads:
            if payload.partition(b"\0")[0] in HEARD:
                self._hear(payload)
        self._answer(b"".join(map(frame, payloads)))

    def _hear(self, payload: bytes) -> None:
        if payload.startswith(b"9\0"):
            if not self.ready and self.client_id is not None:
                self.ready = True
                self._desk.admit(self.client_id)
            return
        try:
            reply: Reply = decode_reply(payload, self.version)
        except MalformedMessage as error:
            self.house.log(f"client {self.client_id}: a message of TWS's could not be read: {error}")
            if self._desk.login is not None:
                self._desk.login.look_soon()  # it may have been about an order: the list tells
            return
        if self.client_id is not None and isinstance(reply, OrderStatus | OpenOrder | Execution | ErrorMessage):
            self._desk.heard(self.client_id, reply)
            self._note(reply, payload)

    def _note(self, reply: Reply, payload: bytes) -> None:
        """What is repeated when a modify is refused."""
        match reply:
            case OrderStatus() if reply.client_id == self.client_id:
                self._heard.note(reply, frame(payload))
            case OpenOrder() if reply.order.client_id == self.client_id and reply.order.what_if is not True:
                self._heard.note(reply, frame(payload))

    def hung_up(self, why: str) -> None:
        """TWS's end is gone."""
        if self.phase is Phase.CALLING:
            self._refuse(f"TWS ended the connection before it answered ({why}): is this machine trusted there?")
        else:
            self.close(why)

    def clogged(self, paused: bool) -> None:
        """TWS takes no more, or does again: neither does the gateway."""
        if self._down is not None and self.phase is Phase.OPEN:
            if paused:
                self._down.pause_reading()
            else:
                self._down.resume_reading()

    # --- writing -----------------------------------------------------------------------------------
    def _pass(self, payload: bytes) -> bool:
        """Hand a whole message to TWS. False: that end is gone."""
        return self._up is not None and self._up.write(frame(payload))

    def _answer(self, data: bytes) -> None:
        if self._down is None or self._down.is_closing():
            return
        self._down.write(data)
        if self._down.get_write_buffer_size() > ANSWERS_BYTES_MAX:
            self.close("it does not read what it is told")

    # --- ending ------------------------------------------------------------------------------------
    def _refuse(self, why: str) -> None:
        """Speak in TWS's place, so that the client can read why. The reason follows its first word."""
        if self.phase is Phase.CLOSED:
            return
        self._why, self.phase = why, Phase.REFUSING
        self.house.log(f"a client from {self.peer} was refused: {why}")
        self.version, hello = own_answer(self._offer, self.house.time())
        self._answer(hello)
        self._stop_timer()
        self._timer = self._loop.call_later(FAREWELL_S, self._say_why)

    def _say_why(self) -> None:
        code = answers.UPGRADE if self._offer.refusal else answers.NO_CONNECTION
        self._answer(answers.error(self.version, answers.NO_ID, code, self._why))
        self.close("")

    def close(self, why: str) -> None:
        """End both connections; what was handed over is still sent."""
        if self.phase is Phase.CLOSED:
            return
        if why:
            self.house.log(f"client {self.client_id} from {self.peer} ended: {why}")
        self.phase = Phase.CLOSED
        self._stop_timer()
        self._queue.clear()
        for task in (self._worker, self._calling, *self._ahead):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        if self._up is not None:
            self._up.close()
        if self._down is not None:
            self._down.close()
        if self.ready and self.client_id is not None:
            self._desk.dismiss(self.client_id)
        self.house.gone(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _number(payload: bytes) -> str:
    """Of a message, to be shown."""
    return payload.partition(b"\0")[0][:12].decode("ascii", "replace")
