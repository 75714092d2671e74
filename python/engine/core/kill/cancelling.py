"""Global cancels: when the next one is due, and whether all working orders are gone. Pure.

The global cancel skips what is already being cancelled, and others go on sending: it is repeated until all are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.facts import WorkingOrder
from engine.core.kill.commands import CLOSE_REF_PREFIX, Command, GlobalCancel, Say
from engine.core.kill.settings import SECOND, KillSettings

CANCEL_GAP_MAX_NS = 8 * SECOND


@dataclass(slots=True)
class Cancelling:
    settings: KillSettings
    _next_ns: int = 0
    _gap_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._gap_ns = self.settings.cancel_again_ns

    def sent(self, now_ns: int) -> None:
        """One has just left: what it takes with it needs a while to go."""
        self._next_ns = now_ns + self._gap_ns

    def again(self, others: list[WorkingOrder], now_ns: int, *, joined: bool) -> list[Command]:
        """`others`: listed orders but for this kill's living closes, which a repeat takes too: they are then sent
        again. `joined`: another kill closes, and its closing orders are not to be disturbed."""
        if joined:
            others = [order for order in others if not order.order_ref.startswith(CLOSE_REF_PREFIX)]
        if now_ns < self._next_ns or not others:
            return []
        self._gap_ns = min(self._gap_ns * 2, CANCEL_GAP_MAX_NS)
        self._next_ns = now_ns + self._gap_ns
        return [Say("cancel_again", f"{len(others)} orders still open: global cancel again"), GlobalCancel()]
