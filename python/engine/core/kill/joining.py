"""The right to close, as far as the machine knows of it: had, awaited because another kill has it, lost, taken over.

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
    may_close: bool = False
    busy: bool = False  # another kill has the right …
    ever_busy: bool = False
    holder: str = ""  # … this one, as far as it says …
    spare: bool = False  # … and its closing orders are not to be taken away by another global cancel

    def wait_for(self, holder: str, *, spare: bool) -> list[Command]:
        """Another kill has it. The same one again is no news."""
        if self.may_close:
            return []
        self.spare = spare
        if self.busy and holder == self.holder:
            return []
        self.busy = self.ever_busy = True
        self.holder = holder
        return [Say("lock_busy", f"another kill is closing this login ({holder}); watching and verifying")]

    def lose(self) -> list[Command]:
        """What it placed may still fill or be cancelled by the other; both is seen, and nothing is added to it."""
        if not self.may_close:
            return []
        self.may_close = self.spare = False
        self.busy = self.ever_busy = True
        self.holder = ""
        return [Say("lock_lost", "this kill did not move, and another one has taken over; watching and verifying")]

    def take(self) -> bool:
        """This kill has it now. True when another one had it until now."""
        took_over, self.busy, self.spare = self.busy, False, False
        self.may_close = True
        return took_over


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
