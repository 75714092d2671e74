"""The orders that other programs of this machine announce for the same login: they count here from before they leave.

TWS tells a client of another's orders only when asked; between two readings the journal is what one program knows of
another. An order is in it before a byte of it leaves, so of two programs that want the last of a limit at the same time
the one whose intent comes second sees the first. A program in a hurry announces its orders by slips instead
(`engine.trading.slips`): those are counted by everybody, and give way to nobody.
Must never take a program's own orders for another's, nor wait.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from engine.core.exposure import OrderKey, Resting, Side
from engine.core.preflight.desk import Preflight
from engine.core.products import product_of
from engine.core.restrictions import Scope
from engine.journal.events import OrderEnded, OrderIntent, Record
from engine.trading.slips import Reading

UNHEARD_NS_MAX = 120 * 1_000_000_000  # whose end is not told in that time has died, or waits in vain: readings decide
WAITING_MAX = 10_000  # beyond, nothing that adds risk leaves until the readings have what was not heard
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
GONE = frozenset({"not_sent", "refused"})
ANNOUNCED = 0  # gives way to nobody: the number of no record


class _Intent(NamedTuple):
    seq: int
    at_ns: int


class OtherPrograms:
    """Of one login. `own`: this program's scope and client ids, as they are known by then."""

    def __init__(
        self,
        desk: Preflight,
        own: Callable[[], tuple[Scope, Container[int]]],
        wall_ns: Callable[[], int],
        slips: Reading | None = None,
    ) -> None:
        self._desk = desk
        self._own = own
        self._wall_ns = wall_ns
        self._waiting: deque[Record] = deque()
        self._unheard = 0  # orders that were announced and found no room
        self._unheard_ns = 0  # when the last of them was
        self._open: dict[OrderKey, _Intent] = {}  # whose end is not told
        self.slips = slips

    def hear(self, record: Record) -> None:
        """A record was folded. On any thread."""
        if not isinstance(record.event, OrderIntent | OrderEnded):
            return
        self._waiting.append(record)
        if len(self._waiting) > WAITING_MAX:
            with contextlib.suppress(IndexError):  # the event loop has taken them all in meanwhile
                self._give_up(self._waiting.popleft())

    def _give_up(self, record: Record) -> None:
        """An end that is not heard of leaves its order counted. An order counts nowhere until the readings show it."""
        if isinstance(record.event, OrderIntent):
            self._unheard += 1
            self._unheard_ns = max(self._unheard_ns, record.at_ns)

    def unheard(self) -> str:
        """Why nothing that adds risk may leave: orders of others that count nowhere. Empty: the readings have them."""
        if not self._unheard:
            return ""
        if not 0 <= self._wall_ns() - self._unheard_ns < UNHEARD_NS_MAX:
            self._unheard = 0
            return ""
        return (
            f"{self._unheard} orders announced on this machine came too fast to be counted; the next readings have them"
        )

    def take_in(self) -> None:
        """Count what the journal and the slips have said until now. On the thread of the event loop."""
        slips = self.slips.look() if self.slips is not None else ()
        if slips:  # before the records: an order's end is among those only after its slip is done
            scope, client_ids = self._own()
            for slip in slips:
                if slip.intent.client_id not in client_ids and slip.intent.scope.meets(scope):
                    self._begin(slip.intent, _Intent(ANNOUNCED, slip.at_ns))
        if self._waiting:
            self._take_in_records()
        if self._open:
            self._forget()

    def _take_in_records(self) -> None:
        scope, client_ids = self._own()
        while self._waiting:
            record = self._waiting.popleft()
            event = record.event
            assert isinstance(event, OrderIntent | OrderEnded)
            if event.client_id in client_ids or not event.scope.meets(scope):
                continue
            key = (event.client_id, event.order_id)
            if isinstance(event, OrderIntent):
                self._begin(event, _Intent(ANNOUNCED if event.announced else record.seq, record.at_ns))
            elif self._open.pop(key, None) is not None:
                self._end(key, event.outcome)

    def later_than(self, seq: int) -> tuple[OrderKey, ...]:
        """Orders whose intent came behind this one: they give way to it."""
        return tuple(key for key, intent in self._open.items() if intent.seq > seq)

    def _begin(self, event: OrderIntent, intent: _Intent) -> None:
        key = (event.client_id, event.order_id)
        fresh = 0 <= self._wall_ns() - intent.at_ns < UNHEARD_NS_MAX
        if not fresh or event.con_id <= 0 or event.order_id <= 0 or event.action not in SIDES:
            return  # an old one is in the readings by now; the legs of a combination are told by them alone
        if not event.quantity.is_finite() or event.quantity <= 0:
            return
        book, listing = self._desk.book, self._desk.terms.listings.get(event.con_id)
        side = SIDES[event.action]
        if any((one.con_id, one.side) == (event.con_id, side) for one in book.order(key)):
            return  # a reading was faster, or it is heard of again
        book.ended(key, filled=True)  # an earlier order of that id: TWS has begun to count anew
        order = Resting(
            key=key,
            account=event.account,
            con_id=event.con_id,
            side=side,
            remaining=event.quantity,
            product=listing.product if listing is not None else product_of(event.sec_type),
            order_type=event.order_type,
        )
        book.sent(order)
        self._open[key] = intent

    def _end(self, key: OrderKey, outcome: str) -> None:
        """Refused, it is gone. Shown to the other one, the next reading has it, or it has ended meanwhile."""
        book = self._desk.book
        if outcome in GONE:
            book.ended(key, filled=False)
        else:
            self._show(book.order(key))

    def _show(self, orders: Iterable[Resting]) -> None:
        for order in orders:
            self._desk.book.working(order)

    def _forget(self) -> None:
        now_ns = self._wall_ns()
        old = [key for key, intent in self._open.items() if now_ns - intent.at_ns >= UNHEARD_NS_MAX]
        for key in old:
            del self._open[key]
            self._show(self._desk.book.order(key))
