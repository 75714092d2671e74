"""Global cancels: whether one leaves at once, when the next one is due, and whether all working orders are gone. Pure.

It is repeated until all are gone (`engine.core.kill.cancels.repeating`). It
takes closing orders with it, and they have to be sent again. So a press that meets a kill at work looks first, and
cancels if any order is open that is not one of its closing orders. Where it cannot look in time, it cancels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.core.facts import WorkingOrder
from engine.core.kill.cancels.repeating import BEING_CANCELLED, Repeating
from engine.core.kill.commands import Command, GlobalCancel, Say
from engine.core.kill.held.close_marks import by_a_kill
from engine.core.kill.settings import KillSettings


@dataclass(slots=True)
class Cancelling:
    settings: KillSettings
    repeating: Repeating = field(init=False)
    _pressed_ns: int | None = None  # the first press whose cancel is held back for a look …
    _newest_ns: int = 0  # … and the last one

    def __post_init__(self) -> None:
        self.repeating = Repeating(self.settings)

    # a press --------------------------------------------------------------------------------------------------------

    @property
    def held_back(self) -> bool:
        """A press waits for a look at the orders."""
        return self._pressed_ns is not None

    def press(self, now_ns: int, *, look_first: bool) -> list[Command]:
        """The cancel of a press; nothing if it is held back, and then a look has to begin now."""
        if not look_first:
            return self._send(now_ns)
        self._newest_ns = now_ns
        if self._pressed_ns is None:
            self._pressed_ns = now_ns
        return []

    def looked(self, others: list[WorkingOrder], begun_ns: int, now_ns: int, *, joined: bool) -> list[Command]:
        """A complete list of open orders that was asked for at `begun_ns`. `others`: all but this kill's own closes."""
        if self._pressed_ns is None or begun_ns < self._pressed_ns:
            return []
        left = [order for order in _not_to_spare(others, joined=joined) if order.status != BEING_CANCELLED]
        if left:
            say = Say("press_cancel", f"{len(left)} orders open beside the closing orders: global cancel sent")
            return [*self._send(now_ns), say]
        if begun_ns < self._newest_ns:  # one more has pressed since
            self._pressed_ns = self._newest_ns
            return []
        self._pressed_ns = None
        return [Say("press_spared", "no order is left to cancel, and closing orders are left alone")]

    def cannot_look(self, now_ns: int) -> list[Command]:
        """The orders cannot be read, or whose orders they are is not certain any more: cancel unseen."""
        if self._pressed_ns is None:
            return []
        return [*self._send(now_ns), Say("press_cancel", "the orders could not be looked at: global cancel sent")]

    def overdue(self, now_ns: int) -> list[Command]:
        """No look has come in time."""
        late = self._pressed_ns is not None and now_ns - self._pressed_ns >= self.settings.press_look_ns
        return self.cannot_look(now_ns) if late else []

    def forget(self) -> None:
        """The connection is gone: on the next one it is decided anew."""
        self._pressed_ns = None

    def _send(self, now_ns: int) -> list[Command]:
        self._pressed_ns = None
        self.sent(now_ns)
        return [GlobalCancel()]

    # again ----------------------------------------------------------------------------------------------------------

    def sent(self, now_ns: int) -> None:
        """One has just left, or another kill's has: what it takes with it needs a while to go."""
        self.repeating.sent(now_ns)

    def again(
        self, others: list[WorkingOrder], now_ns: int, *, joined: bool, spare: bool, closes: bool
    ) -> list[Command]:
        """`others`: listed orders but for this kill's living closes, which a repeat takes too: they are then sent
        again. `joined`: another kill closes, and its closing orders are not to be disturbed. `spare`: it repeats the
        cancel itself, and only what it does not get rid of is this kill's business. `closes`: closing orders are at
        work."""
        return self.repeating.looked(_not_to_spare(others, joined=joined), now_ns, spare=spare, closes=closes)


def _not_to_spare(others: Iterable[WorkingOrder], *, joined: bool) -> list[WorkingOrder]:
    """Without the closing orders of the kill that has the right to close."""
    return [order for order in others if not (joined and by_a_kill(order.order_ref))]
