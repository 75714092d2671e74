"""The right to send closing orders: a login's lock, and one for every broker account that the login shows.

Two users of one account, or two addresses of one TWS, are two logins; without the accounts' locks each would close the
same position. All locks of one try are had together or the accounts' are given back at once, so nobody waits for
anybody while holding what a third one needs. Must never block.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from engine.broker.closer_lock import CloserLock, LockAnswer, LockState, account_key, login_key

ACCOUNTS_MAX = 64  # each costs a file descriptor; who shares more than these shares these


class ClosingRight:
    """Of one kill of one login. `take` may be repeated; `release` is always safe."""

    def __init__(self, host: str, port: int, note: str, directory: Path | None = None) -> None:
        self._note = f"{note} by way of {host}:{port}"
        self._directory = directory
        self._home = os.environ.get("QE_HOME", "")
        self._login = CloserLock(login_key(host, port), note, directory)
        self._accounts: dict[str, CloserLock] = {}

    def cover(self, accounts: Iterable[str]) -> None:
        """From now on the right is one to close these accounts, and it has to be taken again for new ones."""
        for account in sorted({*accounts, *self._accounts})[:ACCOUNTS_MAX]:
            if account not in self._accounts:
                self._accounts[account] = CloserLock(account_key(account, self._home), self._note, self._directory)

    def take(self) -> LockAnswer:
        """Take all that is not held yet. Whoever is busy with one of them is busy with this login."""
        worst = LockAnswer(LockState.TAKEN)
        for lock in (self._login, *(self._accounts[name] for name in sorted(self._accounts))):
            answer = lock.take()
            if answer.state is LockState.BUSY:
                self._release_accounts()
                return answer
            if answer.state is LockState.UNAVAILABLE:
                worst = answer
        return worst

    def release(self) -> None:
        """Give everything back."""
        self._release_accounts()
        self._login.release()

    def _release_accounts(self) -> None:
        for lock in self._accounts.values():
            lock.release()
