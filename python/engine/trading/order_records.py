"""What the journal holds of a login's orders: each intent before it leaves, what became of it, refusals, own fills.

Nothing here raises for a journal that cannot be written; of an intent it is told. Must never hold up the event loop, on
which a kill may run: a disk can hang.
"""

from __future__ import annotations

import asyncio
import atexit
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import TypeAlias

from engine.core.exposure import OrderKey
from engine.core.facts import ExecutionFact
from engine.core.preflight.intent import Intent
from engine.core.preflight.verdict import Verdict
from engine.core.restrictions import Scope
from engine.core.units import known
from engine.journal.events import AnyEvent, Filled, OrderEnded, OrderIntent, OrderRefused, Repaired
from engine.journal.kept import Kept
from engine.trading.daemons import Daemons
from engine.trading.rules import Rules
from engine.trading.slips import Slips, Standing

Make: TypeAlias = Callable[[], AnyEvent]
"""What is to be written, made on the thread that writes."""
Batch: TypeAlias = tuple[tuple[Make, tuple[int, ...]], ...]
"""Records to write, and the numbers of the slips that each of them replaces."""

SAME_REFUSAL_NS = 1_000_000_000  # the very same refusal is written down once in that time
REFUSALS_MAX = 1_000
INTENT_S_MAX = 3.0  # how long an order waits for its own record: longer, and it is as if there were no journal
AT_THE_END_S_MAX = 2.0  # that a program that ends waits for its last records
BEHIND_S = 0.05  # what has happened already is written behind the wire, and behind a kill's own first record
CROWDED = 20_000  # records that wait: from here on nothing that adds risk leaves, and no refusal is written down
LATER_MAX = 100_000  # beyond, what comes is counted, and the journal told how much is missing
GAP = "{} records of orders, fills and refusals of {} are missing: the disk took nothing for too long (qe verify)"
NOT_A_NUMBER = Decimal("NaN")


class Outcome(Enum):
    """What became of an intent."""

    NOT_SENT = "not_sent"
    REFUSED = "refused"
    ACKNOWLEDGED = "acknowledged"
    UNCONFIRMED = "unconfirmed"


class OrderRecords:
    """Of one login. `scope` and `rules` are asked each time: both become known later than this is made."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        scope: Callable[[], Scope],
        wall_ns: Callable[[], int],
        *,
        behind_s: float = BEHIND_S,
    ) -> None:
        self._rules = rules
        self._scope = scope
        self._wall_ns = wall_ns
        self._behind_s = behind_s
        self._daemons = Daemons()
        self.slips: Slips | None = None  # of a program in a hurry
        self._numbers: dict[OrderKey, list[int]] = {}  # its slips of orders whose end is not told
        self._later: deque[tuple[Make, tuple[int, ...]]] = deque()
        self._missing = 0  # records for which there was no room, and of which the journal does not know yet
        self._since_s: float | None = None
        self._batch_since_s: float | None = None
        self._writing: asyncio.Task[None] | None = None
        self._work: Future[None] | None = None  # done when a thread has written its batch
        self._batch: Batch = ()  # which that is
        _alive.add(self)
        self._refusals: dict[tuple[object, ...], int] = {}

    async def intent(self, intent: Intent, order_ref: str, key: OrderKey) -> int | None:
        """Write down that the order is about to be sent, and say under which number. None: it is not durable, or not
        within `INTENT_S_MAX`.
        """
        event = self.event(intent, order_ref, key)
        work = asyncio.get_running_loop().run_in_executor(self._daemons, self._keep, (event,))
        await asyncio.wait({work}, timeout=INTENT_S_MAX)
        kept = work.result().records if work.done() else None
        return kept[0].seq if kept else None

    def event(self, intent: Intent, order_ref: str, key: OrderKey, *, announced: bool = False) -> OrderIntent:
        return OrderIntent(
            scope=self._scope(),
            account=intent.account,
            order_ref=order_ref,
            con_id=intent.con_id,
            symbol=intent.symbol,
            action=intent.side.name,
            quantity=_quantity(intent),
            order_type=intent.order_type,
            limit_price=known(intent.limit),
            sec_type=intent.sec_type,
            client_id=key[0],
            order_id=key[1],
            announced=announced,
        )

    def announced(self, key: OrderKey, number: int, make: Callable[[], OrderIntent]) -> None:
        """Everybody was told of an order by the slip of that number: its intent is written down behind it."""
        self._numbers.setdefault(key, []).append(number)
        self._write(make, (number,))

    @property
    def behind_s(self) -> float:
        """How long what is still to be written has been waiting for that."""
        since_s = self._batch_since_s if self._batch_since_s is not None else self._since_s
        return 0.0 if since_s is None else asyncio.get_running_loop().time() - since_s

    @property
    def crowded(self) -> str:
        """Why nothing that adds risk may leave; empty: it may. What leaves has to be written down after all."""
        waiting = len(self._later)
        if waiting < CROWDED:
            return ""
        more = f", and {self._missing} more found no room" if self._missing else ""
        return f"{waiting} records of orders wait for the journal's disk{more}"

    def ended(self, order_ref: str, key: OrderKey, outcome: Outcome, text: str = "") -> None:
        """What became of it."""
        self._write(partial(self._ended, order_ref, key, outcome, text), tuple(self._numbers.pop(key, ())))

    def _ended(self, order_ref: str, key: OrderKey, outcome: Outcome, text: str) -> OrderEnded:
        client_id, order_id = key
        return OrderEnded(
            scope=self._scope(),
            order_ref=order_ref,
            outcome=outcome.value,
            text=text,
            client_id=client_id,
            order_id=order_id,
        )

    def refused(self, intent: Intent, verdict: Verdict) -> None:
        """A check refused it. A program that asks the same over and over does not fill the disk."""
        codes = tuple(code.value for code in verdict.codes)
        self._refused(intent.symbol, intent.side.name, _quantity(intent), codes, intent.con_id)

    def not_judged(self, symbol: str, action: str, why: str) -> None:
        """An order was refused that no check could judge. `why`: in a word."""
        self._refused(symbol, action, NOT_A_NUMBER, (why,), 0)

    def _refused(self, symbol: str, action: str, quantity: Decimal, codes: tuple[str, ...], con_id: int) -> None:
        now_ns, same = self._wall_ns(), (con_id, symbol, action, codes)
        if 0 <= now_ns - self._refusals.get(same, -SAME_REFUSAL_NS) < SAME_REFUSAL_NS:
            return
        self._refusals.pop(same, None)
        self._refusals[same] = now_ns
        if len(self._refusals) > REFUSALS_MAX:
            del self._refusals[next(iter(self._refusals))]
        event = OrderRefused(scope=self._scope(), symbol=symbol, action=action, quantity=quantity, codes=codes)
        self._write(lambda: event, room=CROWDED)

    def filled(self, fact: ExecutionFact) -> None:
        """An execution of our own."""
        event = Filled(
            scope=self._scope(),
            account=fact.account,
            identity=fact.identity,
            exec_id=fact.exec_id,
            con_id=fact.con_id,
            quantity=fact.quantity,
            price=fact.price,
            order_ref=fact.order_ref,
        )
        self._write(lambda: event)

    async def settled(self) -> None:
        """Wait until everything is written, but not for long."""
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=INTENT_S_MAX)

    def _write(self, make: Make, numbers: tuple[int, ...] = (), *, room: int | None = None) -> None:
        """Behind what is urgent, in the order in which it came, on a thread: a disk may hang."""
        if self._since_s is None:
            self._since_s = asyncio.get_running_loop().time()
        if len(self._later) < (LATER_MAX if room is None else room):
            self._later.append((make, numbers))
        else:
            self._missing += 1  # its slips stand
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_later(), name="order records")
            self._writing.add_done_callback(self._loop_ended)

    def _loop_ended(self, writing: asyncio.Task[None]) -> None:
        """A task that never began is told here, too."""
        if writing.cancelled():
            self.write_at_the_end()

    def write_at_the_end(self) -> None:
        """The loop ends, or the program, perhaps at once: what is still to be written, and what is being written, is
        waited for, and not long, as a disk may hang. What does not come back from it the program prints as it ends.
        """
        before, batch = self._work, tuple(self._later)
        works = [(before, self._batch)] if before is not None and self._batch else []  # waited for once
        self._later.clear()
        if batch:
            work: Future[None] = Future()
            with suppress(RuntimeError):  # so late that no thread begins any more
                self._daemons.submit(self._keep_and_tell, batch, work, before)
            works.append((work, batch))
            self._work = work
        self._batch = ()  # it is seen to
        done, _ = wait([work for work, _ in works], timeout=AT_THE_END_S_MAX)
        for work, late in works:
            if work not in done:
                self._rules().journal.watch(work, *(make() for make, _ in late))

    async def _write_later(self) -> None:
        while self._later:
            await asyncio.sleep(self._behind_s)
            batch = tuple(self._later)
            self._later.clear()
            if self._missing:
                what = GAP.format(self._missing, self._scope().login)
                batch, self._missing = (*batch, (partial(Repaired, what=what), ())), 0
            self._batch_since_s, self._since_s = self._since_s, None
            try:
                self._work, self._batch = Future(), batch
                work = partial(self._keep_and_tell, batch, self._work)
                await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._daemons, work))
            finally:
                self._batch_since_s = None

    def _keep_and_tell(self, batch: Batch, done: Future[None], behind: Future[None] | None = None) -> None:
        """`behind`: a batch that another thread is still writing. An order does not begin behind its own end."""
        try:
            if behind is not None:
                wait((behind,))
            self._keep_batch(batch)
        finally:
            done.set_result(None)

    def _keep_batch(self, batch: Batch) -> None:
        """A slip is done before the end of its order is in the journal, and stands until its intent is."""
        events = tuple(make() for make, _ in batch)
        numbers = [(event, number) for event, (_, of_it) in zip(events, batch, strict=True) for number in of_it]
        for event, number in numbers:
            if isinstance(event, OrderEnded):
                self._mark(number, Standing.DONE)
        kept = self._keep(events)
        if kept.records is None and kept.spooled is None:
            return  # they end with this program; from its slips another one sees then what may have left
        ended = {number for event, number in numbers if isinstance(event, OrderEnded)}
        for _, number in numbers:
            if number not in ended:
                self._mark(number, Standing.WRITTEN)

    def _mark(self, number: int, standing: Standing) -> None:
        if self.slips is not None:
            self.slips.mark(number, standing)

    def _keep(self, events: tuple[AnyEvent, ...]) -> Kept:
        return self._rules().journal.keep(*events)


def _quantity(intent: Intent) -> Decimal:
    """As the order says it; what is no number at all stays none."""
    return intent.quantity if isinstance(intent.quantity, Decimal) else NOT_A_NUMBER


_alive: weakref.WeakSet[OrderRecords] = weakref.WeakSet()


def _at_the_end() -> None:
    """A loop that was only stopped cancels nothing: what waits in it is written before the interpreter goes."""
    for one in tuple(_alive):
        one.write_at_the_end()


atexit.register(_at_the_end)
