"""Keeps one login connected for the guard, for as long as the guard lives: through restarts, re-logins and silence.

Never stops trying, never acts on what was read before the connection was lost, and says what it is waiting for. After
each connection, and every so often, our records are held against the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from engine.core.alerting import Severity
from engine.core.known import Known
from engine.trading import IBKRAccountManager, TradingError
from engine.trading.verification import Verdict, Verification

LOOK_EVERY_S = 0.25
FIRST_PAUSE_S, PAUSE_S_MAX = 1.0, 30.0
STEADY_S = 5.0  # a connection that does not last so long is none
TELL_AFTER_S = 30.0  # a restart of TWS is no alarm before that
SETTLED_AFTER_S = 2.0  # behind a verification of ours that found no match; the records are read that often at least
VERIFY_S_MAX = 60.0  # a verification that takes longer is told: it waits for a disk


class Telling(Protocol):
    """Where alerts go (`engine.guard.alert_desk`)."""

    def tell(
        self,
        key: str,
        severity: Severity,
        title: str,
        text: str,
        *,
        lasting: bool = True,
        about: frozenset[str] = frozenset(),
    ) -> None: ...

    def clear(self, key: str, text: str) -> None: ...


class Keeper:
    """Of one login. `waiting_for` says what it is doing, in words; empty: connected and reading."""

    def __init__(
        self,
        manager: IBKRAccountManager,
        name: str,
        alerts: Telling,
        *,
        verify_every_s: float,
        log: Callable[[str], None],
        matched: Callable[[], int | None] = lambda: None,
    ) -> None:
        """`matched`: the number of the record of this login's last verification, whoever has made it, if it was a
        match.
        """
        self._manager = manager
        self._matched = matched
        self._matched_before: int | None = None
        self._name = name
        self._alerts = alerts
        self._verify_every_s = verify_every_s
        self._log = log
        self.waiting_for = "its first connection"
        self.connected_since_s: float | None = None
        self.verified: Verification | None = None
        self._verified_at_s: float | None = None
        self._logged: set[str] = set()
        self._verifying: asyncio.Task[None] | None = None
        self._verifying_since_s = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
        lost_at_s = loop.time()
        while True:
            outcome = await self._manager.connect(self._name)
            why = outcome.text
            if outcome.connected:
                self._log_once(str(outcome))
                if await self._stay():
                    pause_s, lost_at_s = FIRST_PAUSE_S, loop.time()
                why = f"connections are made, and end within {STEADY_S:g} s"
                self._log_once(f"{self._name}: the connection was lost")
            else:
                self._log_once(str(outcome))
                self.waiting_for = f"TWS: {outcome.text}"
                self._manager.expect(self._name)
            if outcome.mode_mismatch or loop.time() - lost_at_s >= TELL_AFTER_S:
                text = f"{why}. Until then nobody watches it; the guard goes on trying."
                self._alerts.tell(self._key, Severity.CRITICAL, f"{self._name} is not connected", text)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_S_MAX)

    def connected_s(self) -> int | None:
        """For how long the connection has held; None: there is none."""
        since_s = self.connected_since_s
        return None if since_s is None else int(asyncio.get_running_loop().time() - since_s)

    @property
    def _key(self) -> str:
        return f"{self._name}: connection"

    def _log_once(self, line: str) -> None:
        """A TWS that is gone for a day, or hangs up every second, fills no log."""
        if line not in self._logged:
            self._log(line)
            self._logged.add(line)

    async def _stay(self) -> bool:
        """Until the connection ends; whether it was one to speak of."""
        loop = asyncio.get_running_loop()
        self.connected_since_s = since_s = loop.time()
        self._verified_at_s = None
        steady = False
        while self._manager.connected(self._name):
            if not steady and loop.time() - since_s >= STEADY_S:
                steady = True
                self._logged.clear()
                self._alerts.clear(self._key, f"{self._name} is connected again")
            self._fail_with_the_verification()
            unread = self._unread()
            self.waiting_for = unread
            if not unread and self._due(loop.time()):
                self._verify_beside(loop.time())
            await asyncio.sleep(LOOK_EVERY_S)
        self.connected_since_s = None
        self.waiting_for = "the connection was lost"
        return steady

    def _unread(self) -> str:
        """What has not been read yet, or is not known any more."""
        facts = {"positions": self._manager.positions(self._name), "orders": self._manager.working_orders(self._name)}
        return "; ".join(f"{what}: {fact.why}" for what, fact in facts.items() if not isinstance(fact, Known))

    def _due(self, now_s: float) -> bool:
        if self._verified_at_s is None:
            return True
        if self._settled_by_others() and now_s - self._verified_at_s >= SETTLED_AFTER_S:
            return True
        return self._verify_every_s > 0 and now_s - self._verified_at_s >= self._verify_every_s

    def _settled_by_others(self) -> bool:
        """A person has adopted what we found different, or has put it right: what was told of it is over."""
        if self.verified is None or self.verified.verdict not in (Verdict.DIFFERENT, Verdict.UNBEGUN):
            return False
        matched = self._matched()
        return matched is not None and matched != self._matched_before

    def _verify_beside(self, now_s: float) -> None:
        """A verification writes, and a disk may hang: the connection is kept all the same, and one waits at most."""
        if self._verifying is None:
            self._verified_at_s = self._verifying_since_s = now_s
            self._verifying = asyncio.get_running_loop().create_task(self._verify(), name=f"verify {self._name}")
        elif now_s - self._verifying_since_s >= VERIFY_S_MAX:
            waits = f"the verification of {self._name} has not ended for {now_s - self._verifying_since_s:.0f} s"
            self._alerts.tell(f"{self._name}: verifying", Severity.WARNING, f"{self._name} is not verified", waits)

    def _fail_with_the_verification(self) -> None:
        """A fault of ours in it is a fault of this part, and told as such."""
        verifying = self._verifying
        if verifying is not None and verifying.done():
            self._verifying = None
            self._alerts.clear(f"{self._name}: verifying", "it has ended")
            verifying.result()

    async def _verify(self) -> None:
        try:
            found = await self._manager.verify(self._name)
        except TradingError as error:
            self._log(f"{self._name}: {error}")
            return
        self.verified, self._matched_before = found, self._matched()
        key = f"{self._name}: verification"
        if found.verdict is Verdict.MATCH:
            self._alerts.clear(key, f"{self._name}: our records and the broker agree")
        elif found.verdict is Verdict.DIFFERENT and found.differences:
            explained = all(one.explained for one in found.differences)
            severity = Severity.WARNING if explained else Severity.CRITICAL
            title = f"{self._name}: our records differ from the broker"
            about = frozenset(f"{one.account} {one.con_id} {one.amount:f}" for one in found.differences)
            self._alerts.tell(key, severity, title, str(found), about=about)
