"""When a global cancel is repeated: patience with orders that stay, none with orders that have just come. Pure.

The global cancel skips what is already being cancelled, and others go on sending: it is repeated until all are gone.
Orders that were there when the last one left are given ever more time. Orders that have come since are cancelled at
once, however often that happens; only closing orders that are at work, which a cancel takes too, delay it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.facts import WorkingOrder
from engine.core.kill.commands import Command, GlobalCancel, Say
from engine.core.kill.held.traces import Name, name_of
from engine.core.kill.settings import SECOND, KillSettings

CANCEL_GAP_MAX_NS = 8 * SECOND
SAY_NEW_AGAIN_NS = 5 * SECOND
BEING_CANCELLED = "PendingCancel"  # a global cancel would skip it


@dataclass(slots=True)
class Repeating:
    settings: KillSettings
    _sent_ns: int = 0  # when the last one left
    _there: frozenset[Name] | None = None  # open orders at that time; None: those of the next list
    _gap_ns: int = field(init=False)  # until they are cancelled again
    _closes_gap_ns: int = field(init=False)  # until new ones are, while closing orders are at work
    _said_new_ns: int | None = None
    _said_gone_ns: int | None = None

    def __post_init__(self) -> None:
        self._gap_ns = self._closes_gap_ns = self.settings.cancel_again_ns

    def sent(self, now_ns: int) -> None:
        """One has just left: what it takes with it needs a while to go."""
        self._sent_ns, self._there = now_ns, None

    def looked(self, orders: list[WorkingOrder], now_ns: int, *, spare: bool, closes: bool) -> list[Command]:
        """`orders`: open ones that have to go. `spare`: another kill repeats the cancel itself. `closes`: closing
        orders are at work, and would go with it."""
        names = frozenset(name_of(order) for order in orders)
        if self._there is None:
            self._there = names
        if not names & self._there:
            self._gap_ns = self.settings.cancel_again_ns
        new = len({name_of(order) for order in orders if order.status != BEING_CANCELLED} - self._there)
        wait_ns = self._wait_ns(new=new, closes=closes) + (self.settings.cancel_again_joined_ns if spare else 0)
        if not orders or now_ns - self._sent_ns < wait_ns:
            return []
        if new == 0:
            self._gap_ns = min(self._gap_ns * 2, CANCEL_GAP_MAX_NS)
        longer_ns = min(self._closes_gap_ns * 2, CANCEL_GAP_MAX_NS)
        self._closes_gap_ns = longer_ns if closes else self.settings.cancel_again_ns
        self._sent_ns, self._there = now_ns, names
        return [*self._say(len(orders), new, now_ns), GlobalCancel()]

    def _wait_ns(self, *, new: int, closes: bool) -> int:
        if not new:
            return self._gap_ns
        return self._closes_gap_ns if closes else self.settings.cancel_new_ns

    def gone_is_news(self, now_ns: int) -> bool:
        """While somebody keeps sending, all orders are gone every other moment, and it is told now and then."""
        if self._said_gone_ns is not None and now_ns - self._said_gone_ns < SAY_NEW_AGAIN_NS:
            return False
        self._said_gone_ns = now_ns
        return True

    def _say(self, count: int, new: int, now_ns: int) -> list[Command]:
        """New ones may come five times a second: not each cancel is told."""
        if not new:
            return [Say("cancel_again", f"{_orders(count)} still open: global cancel again")]
        if self._said_new_ns is not None and now_ns - self._said_new_ns < SAY_NEW_AGAIN_NS:
            return []
        self._said_new_ns = now_ns
        return [Say("cancel_new", f"{_orders(new)} came behind the global cancel: another one, whenever some come")]


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"
