"""The orders of one client, one behind the other, and the reads that were asked for behind them.

Must never let an order leave before one that its client has sent earlier, but one that stands alone and only reduces;
nor hold more than its bounds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from engine.gateway import answers
from engine.gateway.ends import Ends, Phase
from engine.gateway.heard import Heard
from engine.gateway.house import House
from engine.gateway.wishes import End, Ruling, Wish
from engine.wire.requests import ExerciseOptions, PlaceOrder

QUEUE_MAX = 1_000  # messages that wait behind an order
AHEAD_MAX = 20  # reducing orders at once that do not wait for those


class Waiting:
    """A message in the line. `order`, `exercise`: what it asks for, if it is one of those."""

    __slots__ = ("arrived_s", "exercise", "message", "order", "withdrawn")

    def __init__(
        self, message: bytes, order: PlaceOrder | None, arrived_s: float, exercise: ExerciseOptions | None = None
    ) -> None:
        self.message = message
        self.order = order
        self.exercise = exercise
        self.arrived_s = arrived_s
        self.withdrawn = ""


class OrderLine:
    """Of one client. `busy`: something waits, so that what comes now has to wait as well."""

    def __init__(
        self, ends: Ends, house: House, heard: Heard, clock: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        """`changed` is told whenever `busy` has become another."""
        self._ends = ends
        self._house = house
        self._desk = house.desk
        self._heard = heard
        self._clock = clock
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Waiting] = deque()
        self._current: Waiting | None = None
        self._worker: asyncio.Task[None] | None = None
        self._ahead: dict[asyncio.Task[None], Waiting] = {}

    @property
    def busy(self) -> bool:
        return self._worker is not None

    @property
    def waiting(self) -> int:
        return len(self._queue) + (self._current is not None)

    def express(self, message: bytes) -> bool:
        """An order that needs no thought: with nothing before it, it may leave at once. False: it has not."""
        if self._worker is not None or self._ahead or not self._ends.ready:
            return False
        arrived_s = self._clock()
        if not self._desk.express.place(self._ends, self._heard, message):
            return False
        self._desk.tally.passed(self._clock() - arrived_s)
        return True

    def read(self, message: bytes) -> None:
        """What changes nothing: behind the orders before it, unless so many wait that order among them is worth less
        than their number.
        """
        if self._worker is None or len(self._queue) >= QUEUE_MAX:
            self._ends.pass_on(message)
        else:
            self._queue.append(Waiting(message, None, 0.0))

    def order(self, message: bytes, request: PlaceOrder) -> None:
        """In its turn; but what can only reduce goes ahead of others that wait."""
        self._desk.tray.empty()
        item = Waiting(message, request, self._clock())
        if (
            self.waiting
            and not self._waits(request.order_id)
            and len(self._ahead) < AHEAD_MAX
            and self._desk.goes_ahead(self._wish(item, request))
        ):
            self._run_ahead(item, request)
        elif len(self._queue) >= QUEUE_MAX:
            self._desk.tally.refuse(("too_many_waiting",))
            why = f"too_many_waiting: {QUEUE_MAX} messages wait already, send fewer"
            self.tell(request.order_id, Ruling(End.REFUSED, why, self.lives(request.order_id)))
        else:
            self._queue.append(item)
            self._work()

    def exercise(self, message: bytes, request: ExerciseOptions) -> None:
        """In its turn, as an order."""
        if len(self._queue) >= QUEUE_MAX:
            self._refuse_exercise(request, f"too_many_waiting: {QUEUE_MAX} messages wait already, send fewer")
        else:
            self._queue.append(Waiting(message, None, self._clock(), request))
            self._work()

    def withdraw(self, why: str, order_id: int | None = None) -> None:
        """Orders that have not left are not wanted any more: one, or all."""
        for each in self._all_waiting():
            if each.order is not None and order_id in (None, each.order.order_id):
                each.withdrawn = each.withdrawn or why

    def lives(self, order_id: int) -> bool:
        """An order of this id works, or may yet: what is refused under its id is a change of it."""
        key = (self._ends.client_id or 0, order_id)
        return self._waits(order_id) or self._desk.works(key) or self._heard.alive(order_id)

    def tell(self, order_id: int, ruling: Ruling) -> None:
        """The client, in TWS's place, what became of an order."""
        self._desk.tray.empty()  # what it was told of that order last is to be known
        match ruling.end:
            case End.REFUSED if ruling.modifies:
                last = self._heard.last(order_id)
                self._ends.answer(answers.refused_modify(self._ends.version, order_id, ruling.why, last))
            case End.REFUSED:
                self._ends.answer(answers.refused_order(self._ends.version, order_id, ruling.why))
            case End.WITHDRAWN if not ruling.modifies:
                self._ends.answer(answers.withdrawn_order(self._ends.version, order_id, ruling.why))
            case _:
                return

    def end(self) -> None:
        """The connection is closed: what waits stays here."""
        self._queue.clear()
        for task in (self._worker, *self._ahead):
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    # --- inside ------------------------------------------------------------------------------------
    def _all_waiting(self) -> list[Waiting]:
        current = [] if self._current is None else [self._current]
        return [*current, *self._queue, *self._ahead.values()]

    def _waits(self, order_id: int) -> bool:
        return any(one.order is not None and one.order.order_id == order_id for one in self._all_waiting())

    def _run_ahead(self, item: Waiting, request: PlaceOrder) -> None:
        name = f"a reducing order of client {self._ends.client_id}"
        task = self._loop.create_task(self._place(item, request), name=name)
        self._ahead[task] = item
        task.add_done_callback(self._ran_ahead)

    def _ran_ahead(self, task: asyncio.Task[None]) -> None:
        self._ahead.pop(task, None)
        self._report_fault(task)

    def _work(self) -> None:
        if self._worker is None:
            self._worker = self._loop.create_task(self._work_off(), name=f"orders of client {self._ends.client_id}")
            self._worker.add_done_callback(self._worked)
            self._changed()

    async def _work_off(self) -> None:
        """The queue, in the order in which it came."""
        while self._queue and self._ends.phase is Phase.OPEN:
            self._current = item = self._queue.popleft()
            if item.order is not None:
                await self._place(item, item.order)
            elif item.exercise is not None:
                await self._exercise(item, item.exercise)
            else:
                self._ends.pass_on(item.message)

    async def _exercise(self, item: Waiting, request: ExerciseOptions) -> None:
        assert self._ends.client_id is not None
        why = await self._desk.exercise(self._ends.client_id, request, lambda: self._ends.pass_on(item.message))
        if why:
            self._refuse_exercise(request, why)

    def _refuse_exercise(self, request: ExerciseOptions, why: str) -> None:
        text = f"Not sent to TWS: {why}"
        self._ends.answer(answers.error(self._ends.version, request.req_id, answers.CANNOT_VALIDATE, text))

    async def _place(self, item: Waiting, request: PlaceOrder) -> None:
        ruling = await self._desk.place(self._wish(item, request))
        if ruling.end is End.LEFT:
            self._desk.tally.took(self._clock() - item.arrived_s)
        self.tell(request.order_id, ruling)

    def _worked(self, task: asyncio.Task[None]) -> None:
        self._worker = self._current = None
        self._report_fault(task)
        if self._queue and self._ends.phase is Phase.OPEN:
            self._work()
        self._changed()

    def _report_fault(self, task: asyncio.Task[None]) -> None:
        """A bug: what waits behind it must not leave in its place."""
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._loop.call_exception_handler({"message": "the gateway's orders", "exception": fault, "task": task})
            self._ends.close(f"the gateway is at fault: {fault!r}")

    def _wish(self, item: Waiting, request: PlaceOrder) -> Wish:
        assert self._ends.client_id is not None
        return Wish(
            client_id=self._ends.client_id,
            version=self._ends.version,
            message=item.message,
            request=request,
            alive=self._heard.alive(request.order_id),
            write=lambda: self._ends.pass_on(item.message),
            backlog=lambda: self._ends.backlog,
            withdrawn=lambda: item.withdrawn,
        )
