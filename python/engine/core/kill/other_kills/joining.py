"""The right to close, as far as the machine knows of it: had, awaited because another kill has it, lost, taken over; or
had and not used, because an earlier press is at work that no lock keeps apart from this one.

One kill at a time closes a login. The others cancel what is not its own, watch, and report what they see; the first of
them goes on when the closer is gone. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.core.kill.commands import Command, Say
from engine.core.kill.events import Left

NO_LOCK = "no lock could be had on this machine: another closer could not be excluded"


@dataclass(slots=True)
class Joining:
    has_right: bool = False
    ever_busy: bool = False
    holder: str = ""  # which kill has it, as far as it says …
    spare: bool = False  # … and its closing orders are not to be taken away by another global cancel
    _held: bool = False  # another kill has it
    _first: str = ""  # the kill that this one gives way to, though it has the right

    @property
    def may_close(self) -> bool:
        return self.has_right and not self.gives_way

    @property
    def gives_way(self) -> bool:
        """To a kill that no lock keeps apart from this one."""
        return bool(self._first)

    @property
    def busy(self) -> bool:
        """Another kill closes."""
        return self._held or self.gives_way

    def wait_for(self, holder: str, *, spare: bool) -> list[Command]:
        """Another kill has it. The same one again is no news."""
        if self.has_right:
            return []
        self.spare = spare
        if self._held and holder == self.holder:
            return []
        self._held = self.ever_busy = True
        self.holder = holder
        if not holder:
            return [Say("lock_free", "the other kill has ended: this one closes as soon as TWS is reached")]
        return [Say("lock_busy", f"another kill is closing this login ({holder}); watching and verifying")]

    def lose(self) -> list[Command]:
        """What it placed may still fill or be cancelled by the other; both is seen, and nothing is added to it."""
        if not self.has_right:
            return []
        self.has_right = self.spare = False
        self._held = self.ever_busy = True
        self.holder = self._first = ""
        return [Say("lock_lost", "this kill did not move, and another one has taken over; watching and verifying")]

    def take(self) -> bool:
        """This kill has it now. True when another one had it until now."""
        took_over, self._held, self.spare = self._held, False, False
        self.has_right = True
        return took_over

    def mind(self, first: str) -> list[Command]:
        """`first`: the kill that is given way to now; empty: none, and a kill that has given way goes on."""
        if not self.has_right or first == self._first:
            return []
        before, self._first = self._first, first
        self.spare = bool(first)
        if not first:
            gone = f"the other kill ({before}) is not at work any more: going on from what the broker shows"
            return [Say("goes_on", gone)]
        self.ever_busy, self.holder = True, f"kill {first}, which no lock keeps apart from this one"
        way = "is closing this login too, and no lock keeps the two apart: giving way to it, watching and verifying"
        return [Say("gives_way", f"kill {first} {way}")]


def taken_over(taken_from: str, left: Left) -> Say:
    if taken_from:
        gone = f"the other kill hung ({taken_from})"
    elif left is Left.FLAT:
        return Say("took_over", "the other kill has ended and says that it is flat: verifying it")
    elif left is Left.ENDED:
        gone = "the other kill has ended and does not say that it is flat"
    else:
        gone = "the other kill is gone"
    return Say("took_over", f"{gone}: taking over from what the broker shows")
