"""One survey: open orders, then positions, then executions, each complete. Pure bookkeeping: asked and heard.

Positions are asked for only after the orders have been heard: asked for together, they could be answered first, and an
order that the newer list shows gone may have filled in between. Executions come last, and are asked for when the
positions have been heard: what trades in between is then told by an execution that the positions do not show yet, and
not by a position that no execution explains. Completed orders are asked for beside them where one may have filled
unseen: in the first survey of a connection, when one is gone, and when another kill is, behind its last orders. Where
the orders could not be read, positions and completed orders are asked for beside them too, to be told and for nothing
else: what is held and what was cancelled is worth knowing all the same. So are executions and completed orders where
the positions could not be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from engine.core.facts import ExecutionFact, PositionFact, UnreadPosition, WorkingOrder
from engine.core.kill.commands import Command, ReadCompleted, ReadExecutions, ReadOrders, ReadPositions

ORDERS, POSITIONS = "open orders", "positions"
COMPLETED_TRIES = 3  # on one connection, where nothing is known to be gone
PATIENCE_FACTOR_MAX = 4


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """A complete view of the login. `executions` is None when they could not be read in time, `completed` when
    they were not asked for or could not."""

    serial: int
    begun_ns: int
    orders: tuple[WorkingOrder, ...]
    positions: tuple[PositionFact, ...]
    unread: tuple[UnreadPosition, ...] = ()  # rows of that list which could not be read
    executions: tuple[ExecutionFact, ...] | None
    completed: tuple[WorkingOrder, ...] | None = None
    waited_ns: int = 0  # for what did not come, or for the completed orders, with the positions told already


@dataclass(slots=True)
class Surveyor:
    """Asks for surveys one at a time and puts the answers together."""

    executions_patience_ns: int
    serial: int = 0  # of the newest survey begun
    failures: dict[str, str] = field(default_factory=dict)  # which read failed last, and why
    orders_told: bool = False  # a list of open orders has come, be it that its look came to nothing
    _active: bool = False
    _begun_ns: int = 0
    _next_read_id: int = 1
    _orders_id: int = 0
    _positions_id: int = 0
    _executions_id: int = 0
    _shown_id: int = 0  # positions to be told only: older than the orders, should those come, or from TWS's memory
    _orders: tuple[WorkingOrder, ...] | None = None
    _positions: tuple[PositionFact, ...] | None = None
    _unread: tuple[UnreadPosition, ...] = ()
    _newer: dict[tuple[str, int], Decimal] | None = None
    _executions: tuple[ExecutionFact, ...] | None = None
    _executions_over: bool = False
    _completed_id: int = 0
    _completed: tuple[WorkingOrder, ...] | None = None
    _completed_over: bool = True
    _completed_tries: int = 0  # left on this connection, until they have been told once
    _completed_from_ns: int | None = None  # a look begun from then on asks for them again
    _completed_spared: bool = False  # the look under way does without them
    _positions_ns: int = 0
    _told_ns: int = 0  # when positions, and executions if they came, were told
    _patience_factor: int = 1  # grows with every answer that comes when its look is over

    @property
    def active(self) -> bool:
        return self._active

    @property
    def newer(self) -> dict[tuple[str, int], Decimal] | None:
        """Positions by account and conId that the running look has heard: newer than the last look. None: none yet."""
        return self._newer if self._active else None

    @property
    def begun_ns(self) -> int:
        """When the newest survey began."""
        return self._begun_ns

    def take_read_id(self) -> int:
        """A fresh id for any read."""
        taken = self._next_read_id
        self._next_read_id += 1
        return taken

    def has_asked(self, read_id: int) -> bool:
        """Is it the number of any read so far? Its answer is evidence, be it that its survey has come to nothing."""
        return read_id < self._next_read_id

    def ask_completed_from(self, at_ns: int) -> None:
        """Looks begun from then on ask for completed orders until they have been told once."""
        self._completed_from_ns = at_ns

    def begin(self, now_ns: int, *, new_connection: bool, spare_completed: bool = False) -> list[Command]:
        """Start a survey. `spare_completed`: nothing is to wait for the completed orders this time."""
        self._completed_spared = spare_completed
        self.serial += 1
        self._active = True
        self._begun_ns = now_ns
        self._orders = self._positions = self._executions = None
        self._completed = self._newer = None
        self._executions_over, self._completed_over = False, True
        self._orders_id = self.take_read_id()
        commands: list[Command] = [ReadOrders(self._orders_id)]
        self._positions_id = self._executions_id = self._completed_id = self._shown_id = 0
        if self._completed_from_ns is not None and now_ns >= self._completed_from_ns:
            self._completed_from_ns = None
            self._completed_tries = COMPLETED_TRIES
        if new_connection:
            self._completed_tries = COMPLETED_TRIES
        if self.orders_unread:
            commands += [*self.ask_shown(), ReadCompleted(self.take_read_id())]
        return commands

    def abandon(self) -> None:
        """Whatever was asked will not be used (the connection broke, or the link behind it)."""
        self._active = False

    def ask_shown(self) -> list[Command]:
        """What TWS shows while nothing may be believed, for the report and for nothing else."""
        self._shown_id = self.take_read_id()
        return [ReadPositions(self._shown_id)]

    def _ask_the_rest(self) -> list[Command]:
        self._executions_id = self.take_read_id()
        commands: list[Command] = [ReadExecutions(self._executions_id)]
        if self._completed_tries > 0 and not self._completed_spared:
            self._completed_tries -= 1
            self._completed_id = self.take_read_id()
            self._completed_over = False
            commands.append(ReadCompleted(self._completed_id))
        return commands

    def awaits_orders(self, read_id: int) -> bool:
        return self._active and read_id == self._orders_id

    def asked_positions(self, read_id: int) -> bool:
        """Is it the newest question for them? The look it belongs to may have come to nothing."""
        return read_id in (self._positions_id, self._shown_id)

    @property
    def orders_unread(self) -> bool:
        """TWS does not tell its open orders: the last question for them has failed."""
        return ORDERS in self.failures

    def heard_orders(self, read_id: int, orders: tuple[WorkingOrder, ...], *, completed: bool = False) -> list[Command]:
        """`completed`: is what has become of the orders to be asked for too?"""
        if not self.awaits_orders(read_id) or self._orders is not None:
            return []
        self._orders = orders
        self.orders_told = True
        self.failures.pop(ORDERS, None)
        if completed:
            self._completed_tries = max(self._completed_tries, 1)
        self._positions_id = self.take_read_id()
        commands: list[Command] = [ReadPositions(self._positions_id)]
        if POSITIONS in self.failures:
            commands += [ReadExecutions(self.take_read_id()), ReadCompleted(self.take_read_id())]
        return commands

    def heard_positions(
        self,
        read_id: int,
        positions: tuple[PositionFact, ...],
        now_ns: int,
        unread: tuple[UnreadPosition, ...] = (),
    ) -> list[Command]:
        if not self._active or read_id != self._positions_id or self._positions is not None:
            return []
        self._positions, self._unread = positions, unread
        self._newer = {(fact.account, fact.contract.con_id): fact.quantity for fact in positions}
        self._positions_ns = self._told_ns = now_ns
        self.failures.pop(POSITIONS, None)
        return self._ask_the_rest()

    def heard_executions(self, read_id: int, executions: tuple[ExecutionFact, ...], now_ns: int) -> None:
        self.failures.pop("executions", None)  # a late answer too: this TWS does tell them
        if self._active and read_id == self._executions_id:
            self._executions = executions
            self._executions_over = True
            self._told_ns = now_ns
        else:
            self._came_late(read_id)

    def heard_completed(self, read_id: int, ended: tuple[WorkingOrder, ...]) -> None:
        self.failures.pop("completed orders", None)
        if self._active and read_id == self._completed_id:
            self._completed = ended
            self._completed_over = True
        else:
            self._came_late(read_id)

    def _came_late(self, read_id: int) -> None:
        """A TWS that takes longer than looks wait is not one that does not tell: the next looks wait for it."""
        if not self.has_asked(read_id):
            return
        self._patience_factor = min(2 * self._patience_factor, PATIENCE_FACTOR_MAX)

    def failed(self, read_id: int, why: str) -> bool:
        """A read failed. True when that ends the survey without a result."""
        if not self._active or read_id == 0:
            return False
        if read_id == self._executions_id:
            self.failures["executions"] = why
            self._executions_over = True
        elif read_id == self._completed_id:
            self.failures["completed orders"] = why
            self._completed_over = True
        elif read_id in (self._orders_id, self._positions_id):
            self.failures[ORDERS if read_id == self._orders_id else POSITIONS] = why
            self._active = False
            return True
        return False

    def _patience_ns(self, what: str) -> int:
        """Once they have stayed away, less: this TWS may not tell them at all. As long as the look has taken up to here
        where that is more: the answer comes over the same link."""
        patience_ns = max(self.executions_patience_ns * self._patience_factor, self._positions_ns - self._begun_ns)
        return patience_ns // 5 if what in self.failures else patience_ns

    def result(self, now_ns: int) -> Survey | None:
        """The finished survey, once; None while it is not finished."""
        if not self._active or self._orders is None or self._positions is None:
            return None
        missing = {"executions": not self._executions_over, "completed orders": not self._completed_over}
        waited_ns = now_ns - self._positions_ns
        if any(missing[what] and waited_ns < self._patience_ns(what) for what in missing):
            return None
        self.failures.update({what: "no answer in time" for what in missing if missing[what]})
        self._active = False
        if self._completed is not None:
            self._completed_tries = 0
        return Survey(
            serial=self.serial,
            begun_ns=self._begun_ns,
            orders=self._orders,
            positions=self._positions,
            unread=self._unread,
            executions=self._executions,
            completed=self._completed,
            waited_ns=now_ns - self._told_ns,
        )
