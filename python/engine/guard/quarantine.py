"""Watches what others do on logins that may not do it, and answers as `engine.core.foreign` says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.core.alerting import Severity
from engine.core.foreign import NOTHING, Answer, ForeignSettings, Found, judge_foreign
from engine.core.known import Unknown
from engine.guard.keeper import Telling
from engine.guard.stops import Stops
from engine.journal.events import KillPressed
from engine.trading import IBKRAccountManager, TradingError
from engine.trading.report_text import amount_of, name_of
from engine.trading.risk_sweep import adding_risk
from engine.trading.verification import order_text

LOOK_EVERY_S = 0.25
KILL_NS_MAX = 30_000_000_000  # so long a kill of another program is left alone
AGAIN_AFTER_S = 10.0  # the same things are met again after this, not at once: an answer takes its time to show


class Quarantine:
    """Of all logins of a guard."""

    def __init__(
        self,
        manager: IBKRAccountManager,
        stops: Stops,
        alerts: Telling,
        settings: ForeignSettings,
        *,
        wall_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._manager = manager
        self._stops = stops
        self._alerts = alerts
        self._settings = settings
        self._wall_ns = wall_ns
        self._log = log
        self._answered: dict[str, tuple[tuple[object, ...], float]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for name in self._manager.logins:
                await self._look(name)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, name: str) -> None:
        if not self._manager.connected(name):
            return
        found = self.found(name)
        key = f"{name}: foreign"
        if found.answer is Answer.NOTHING:
            if self._answered.pop(name, None) is not None:
                self._alerts.clear(key, f"{name}: nothing of others is left that may not be there")
            return
        now = asyncio.get_running_loop().time()
        before = self._answered.get(name)
        if before is not None and before[0] == found.key and now - before[1] < AGAIN_AFTER_S:
            return
        self._answered[name] = (found.key, now)
        await self._answer(name, key, found)

    def found(self, name: str) -> Found:
        """What is there that may not be."""
        positions, orders = self._manager.positions(name), self._manager.working_orders(name)
        state = self._manager.state(name)
        if state.kind is None:
            return NOTHING
        return judge_foreign(
            state.kind,
            positions,
            orders,
            adding_risk(orders, positions),
            self._settings,
            kill_runs=self._manager.killing(name) or self._others_kill(name),
        )

    def _others_kill(self, name: str) -> bool:
        """Somebody's kill of the login has begun lately and has not ended: it sees to everything. One that has not
        ended for long may be dead; the next press joins it if it is not.
        """
        state, scope, now_ns = self._manager.rules.journal.state(), self._manager.scope(name), self._wall_ns()
        if isinstance(state, Unknown):
            return False
        return any(
            isinstance(record.event, KillPressed)
            and any(scope.meets(other) for other in record.event.scopes)
            and now_ns - record.at_ns < KILL_NS_MAX
            for record in state.kills_open.values()
        )

    async def _answer(self, name: str, key: str, found: Found) -> None:
        what = _told(name, found)
        self._log(what)
        self._alerts.tell(key, Severity.CRITICAL, f"{name}: somebody else trades where nobody may", what)
        if found.answer is Answer.KILL:
            self._stops.kill_soon(name, f"quarantine: {what}")
        elif found.answer is Answer.CANCEL_ALL:
            try:
                await self._manager.cancel_all_orders(name)
            except TradingError as error:
                self._log(f"{name}: {error}")


def _told(name: str, found: Found) -> str:
    held = [f"{one.account} {amount_of(one.quantity)} {name_of(one.contract)}" for one in found.positions]
    things = "; ".join([*held, *map(order_text, found.orders)])
    then = {
        Answer.TELL: "nothing was done about it",
        Answer.CANCEL_ALL: "a global cancel is sent",
        Answer.KILL: "the kill is pressed again",
        Answer.NOTHING: "",
    }[found.answer]
    beside = (
        f" (a global cancel would take {len(found.protected)} protective orders with it)" if found.protected else ""
    )
    return f"{name}: {things}: {then}{beside}"
