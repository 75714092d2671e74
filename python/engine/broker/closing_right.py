"""The right to send closing orders: a login's lock, and one for every broker account that the login shows.

Two users of one account, or two addresses of one TWS, are two logins; without the accounts' locks each would close the
same position. All locks of one try are had together or the accounts' are given back at once, so nobody waits for
anybody while holding what a third one needs. Every closing order passes through its gate. Must never block.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from engine.broker.closer_lock import ENDED, FENCED, CloserLock, LockAnswer, LockState
from engine.broker.lock_names import account_key, login_key
from engine.core.kill.events import Left

ACCOUNTS_MAX = 64  # each costs two file descriptors; who shares more than these shares these
SIMULATED_WORLD = "QE_SIMULATED_WORLD"  # set by drills and tests: simulated accounts share their names


class ClosingRight:
    """Of one kill of one login. `take` may be repeated; `release` is always safe."""

    def __init__(self, host: str, port: int, note: str, directory: Path | None = None) -> None:
        self._note = f"{note} by way of {host}:{port}"
        self._directory = directory
        self._world = os.environ.get(SIMULATED_WORLD, "")
        self._login = CloserLock(login_key(host, port), note, directory)
        self._accounts: dict[str, CloserLock] = {}
        self._granted = False
        self.taken_from = ""  # who hung and has been shut out for this right; empty: nobody
        self.left: Left | None = None  # how those have left it who stood in the way: the worst; None: nobody did
        self._proven: dict[CloserLock, bytes] = {}  # the mark that each lock's last holder left
        self.silent_s = 0.0  # how long who stands in the way has shown no life, as of the last asking

    def cover(self, accounts: Iterable[str]) -> None:
        """From now on the right is one to close these accounts, and it has to be taken again for new ones."""
        for account in sorted({*accounts, *self._accounts})[:ACCOUNTS_MAX]:
            if account not in self._accounts:
                self._accounts[account] = CloserLock(account_key(account, self._world), self._note, self._directory)

    def take(self) -> LockAnswer:
        """Take all that is not held yet. Whoever is busy with one of them is busy with this login."""
        return self._take()[0]

    def take_from_silent(self, now_s: float, silence_s_max: float) -> LockAnswer:
        """As `take`, but who has been asked and has not moved for so long stands in the way no longer.

        Ask again and again, by a clock `now_s` of one's own: the silence is counted from the first asking. 0 seconds:
        nobody is ever taken from. What became of whom is in `taken_from`.
        """
        silent = {lock: lock.silence_s(now_s) for lock in self._locks if not lock.held}
        asked = dict(silent)
        answer, blocker = self._take()
        while blocker is not None and 0 < silence_s_max <= silent.pop(blocker, 0.0):
            done = blocker.shut_out()
            if not done:
                break
            if ENDED not in self.taken_from:  # that a process was ended is not unsaid by what else stood in the way
                self.taken_from = f"{answer.text}, {done}"
            answer, blocker = self._take()
        self.silent_s = 0.0 if blocker is None else asked.get(blocker, 0.0)
        return answer

    @property
    def proven(self) -> bytes:
        """The mark of the trades behind which the login was flat, by the word of whoever had it last. Empty where those
        who had its locks, this address and its accounts, do not all say the same."""
        marks = {self._proven.get(lock, b"") for lock in self._locks}
        return marks.pop() if len(marks) == 1 else b""

    def release(self, *, flat: bool = False, proven: bytes = b"") -> None:
        """Give everything back. `flat`: it is proven, behind trades with the mark `proven`, and nothing of this kill is
        under way any more."""
        self._granted, self.taken_from, self.left = False, "", None
        self._proven.clear()
        self._release_accounts(flat=flat, proven=proven)
        self._login.release(flat=flat, proven=proven)

    # --- while it is held --------------------------------------------------------------------------
    def show_life(self) -> None:
        """Tell those who wait that this kill moves. One that does not say so is taken to hang."""
        for lock in self._locks:
            lock.show_life()

    def mark_struck(self) -> None:
        """Tell those who come later that this kill's global cancel has left."""
        for lock in self._locks:
            lock.mark_struck()

    @property
    def lost(self) -> bool:
        """It was granted, and somebody has taken over since."""
        return self._granted and not all(lock.current for lock in self._locks if lock.held)

    def enter(self) -> tuple[CloserLock, ...] | str:
        """Begin to hand one closing order over: what to `leave` when it is out of this process's hands. Or why it must
        not go, and nothing is held."""
        if not self._granted:
            return FENCED
        entered: list[CloserLock] = []
        for lock in self._locks:
            if not lock.held:  # there is no such lock on this machine, or it came to light later
                continue
            why = lock.enter()
            if why is not None:
                for other in entered:
                    other.leave()
                return why
            entered.append(lock)
        return tuple(entered)

    # --- inside ------------------------------------------------------------------------------------
    @property
    def _locks(self) -> list[CloserLock]:
        return [self._login, *(self._accounts[name] for name in sorted(self._accounts))]

    def _take(self) -> tuple[LockAnswer, CloserLock | None]:
        """The answer, and the lock that somebody else is busy with."""
        worst = LockAnswer(LockState.TAKEN)
        for lock in self._locks:
            had = lock.current
            answer = lock.take()
            if not had and answer.state is LockState.TAKEN:
                self._proven[lock] = answer.proven
            self.left = worst_of(self.left, answer.left)
            if answer.state is LockState.BUSY:
                self._granted = False
                self._release_accounts()
                return answer, lock
            if answer.state is LockState.UNAVAILABLE:
                worst = answer
        self._granted = True
        return worst, None

    def _release_accounts(self, *, flat: bool = False, proven: bytes = b"") -> None:
        for lock in self._accounts.values():
            lock.release(flat=flat, proven=proven)


def worst_of(one: Left | None, other: Left | None) -> Left | None:
    """Of two ways in which a lock was left the one that promises less."""
    known = [how for how in (one, other) if how is not None]
    return min(known, key=list(Left).index, default=None)
