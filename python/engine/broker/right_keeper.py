"""Gets a kill the right to close, and keeps it: asks again and again, shows life to those who wait, notices its loss.

Everything that comes of it is told as events. It decides nothing about orders. Must never block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from engine.broker.closer_lock import LockState
from engine.broker.closing_right import ClosingRight
from engine.core.kill import events as ev

SILENCE_S_MAX = 3.0  # then the orders of who has the right are spared no longer, also where nobody takes over


class RightKeeper:
    """`tell` takes every event, `tell_first` what has to be known before anything that was heard meanwhile."""

    def __init__(
        self,
        right: ClosingRight,
        *,
        retry_s: float,
        life_sign_s: float,
        take_over_s: float,
        tell: Callable[[ev.Event], None],
        tell_first: Callable[[ev.Event], None],
    ) -> None:
        self._right = right
        self._retry_s = retry_s
        self._life_sign_s = life_sign_s
        self._take_over_s = take_over_s
        self._tell = tell
        self._tell_first = tell_first
        self._loop = asyncio.get_running_loop()
        self._asking: asyncio.TimerHandle | None = None
        self._living: asyncio.TimerHandle | None = None
        self._moved_at = 0.0  # when somebody who waits could last see that this kill moves
        self._accounts_known = False
        self._holder: tuple[str, bool] | None = None  # as last told
        self._struck = False
        self._over = False
        self.may_close = False

    @property
    def waiting(self) -> bool:
        """Another kill has it."""
        return not self.may_close and self._holder is not None

    def begin(self) -> None:
        """Ask as soon as what is to be done first has been done: the wire comes first."""
        self._asking = self._loop.call_later(0, self._ask)

    def cover(self, accounts: Iterable[str]) -> None:
        """These are the accounts that there are to close."""
        self._accounts_known = True
        self._right.cover(accounts)
        self._loop.call_soon(self._ask)  # behind the cancel that the machine sends now

    def struck(self) -> None:
        """The global cancel has left."""
        if not self._struck:
            self._struck = True
            self._right.mark_struck()

    def catch_up(self) -> None:
        """Whoever has slept too long (stopped, swapped out) first looks whether others have gone on without him."""
        if self._living is not None and self._loop.time() - self._moved_at > 2 * self._life_sign_s:
            self._living.cancel()
            self._show_life()

    def overtaken(self) -> bool:
        """`catch_up`: has somebody closed on while this kill stood still?"""
        had = self.may_close
        self.catch_up()
        return had and not self.may_close

    def stop(self) -> None:
        """Nothing more will be asked for. What is held is kept until `release`."""
        self._over = True

    def release(self, *, flat: bool, proven: bytes = b"") -> None:
        """Give it back. `flat`: proven, behind trades with this mark, and nothing of this kill is under way."""
        self._over = True
        for timer in (self._asking, self._living):
            if timer is not None:
                timer.cancel()
        self._living = None
        self._right.release(flat=flat, proven=proven)

    def _ask(self) -> None:
        """Ask for the right to close; while another kill has it, ask again, so that its death is noticed at once.

        Without a connection the login's lock is taken, but nobody knows yet which accounts there are to close.
        """
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        if self.may_close or self._over:
            return
        answer = self._right.take_from_silent(self._loop.time(), self._take_over_s)
        if answer.state is LockState.BUSY:
            holder = answer.text, answer.struck and self._right.silent_s < SILENCE_S_MAX
            if holder != self._holder:
                self._holder = holder
                self._tell(ev.LockBusy(*holder))
            self._asking = self._loop.call_later(self._retry_s, self._ask)
        else:
            self._taken(alone=answer.state is not LockState.UNAVAILABLE)
        if self._living is None:
            self._show_life()

    def _taken(self, *, alone: bool) -> None:
        if self._struck:
            self._right.mark_struck()
        if self._accounts_known:
            self.may_close = True
            left = self._right.left or ev.Left.DEAD
            right = self._right
            self._tell(
                ev.LockTaken(shared_nothing=not alone, taken_from=right.taken_from, left=left, proven=right.proven)
            )
        elif self._holder is not None:  # it is gone, and what it closed is not known before TWS is reached
            self._holder = None
            self._tell(ev.LockBusy())

    def _show_life(self) -> None:
        """Answer those who wait for what this kill holds, and notice that somebody has taken it."""
        self._moved_at = self._loop.time()
        self._right.show_life()
        if self.may_close and self._right.lost:
            self.may_close, self._holder = False, None
            self._right.release()
            self._tell_first(ev.LockLost())
            self._asking = self._loop.call_later(0, self._ask)
        self._living = self._loop.call_later(self._life_sign_s, self._show_life)
