"""Watches what others do on logins that may not do it, and answers as `engine.core.foreign` says.

What the guard has read last may be seconds old, and older than the end of a kill that has closed everything: before
anything is answered the broker and the records are asked again. Must never act on what was read before that, and never
let one login's trouble keep it from another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from engine.core.alerting import Severity
from engine.core.foreign import NOTHING, Answer, Before, ForeignSettings, Found, judge_foreign
from engine.core.known import Known
from engine.core.restrictions import Kind
from engine.guard.keeper import Telling
from engine.guard.orders_of_others import OrdersOfOthers, things, told
from engine.guard.records import Picture, Records, pressed_kills
from engine.guard.stops import Stops
from engine.trading import IBKRAccountManager, TradingError
from engine.trading.risk_sweep import adding_risk
from engine.trading.shortly import shortly

LOOK_EVERY_S = 0.25
KILL_NS_MAX = 30_000_000_000  # so long a kill of another program is left alone
AGAIN_AFTER_S = 10.0  # the same things are met again after this, not at once: an answer takes its time to show


class Quarantine:
    """Of all logins of a guard. `places`: host and port of each."""

    def __init__(
        self,
        manager: IBKRAccountManager,
        records: Records,
        stops: Stops,
        alerts: Telling,
        settings: ForeignSettings,
        places: Mapping[str, tuple[str, int]],
        *,
        wall_ns: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._manager = manager
        self._records = records
        self._stops = stops
        self._alerts = alerts
        self._settings = settings
        self._others = OrdersOfOthers(alerts, places, log)
        self._wall_ns = wall_ns
        self._log = log
        self._answered: dict[str, tuple[tuple[object, ...], float]] = {}
        self._before: dict[str, Before] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as watches:
            for name in self._manager.logins:
                watches.create_task(self._watch(name))

    async def _watch(self, name: str) -> None:
        while True:
            if self._manager.connected(name):
                await self._look(name)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self, name: str) -> None:
        picture = self._records.last
        if picture is None:
            return
        found = self.found(name, picture)
        if found is not None and found.answer is not Answer.NOTHING:
            if self._was_answered(name, found):
                return
            found = await self._found_now(name)
        if found is None:
            return
        key = f"{name}: foreign"
        if found.answer is Answer.NOTHING:
            if self._answered.pop(name, None) is not None:
                self._alerts.clear(key, f"{name}: nothing of others is left that may not be there")
        elif not self._was_answered(name, found):
            before = self._answered.get(name)
            self._answered[name] = (found.key, asyncio.get_running_loop().time())
            await self._answer(name, key, found, again=before is not None and before[0] == found.key)

    def _was_answered(self, name: str, found: Found) -> bool:
        before = self._answered.get(name)
        return (
            before is not None
            and before[0] == found.key
            and asyncio.get_running_loop().time() - before[1] < AGAIN_AFTER_S
        )

    async def _found_now(self, name: str) -> Found | None:
        """What is there now that may not be; None: nobody knows. The records are read behind the broker: who was
        resumed a moment ago may trade, and its orders are not to be met by what held before.
        """
        try:
            await self._manager.refresh(name)
        except TradingError:
            return None  # the connection has just been lost
        picture = await self._records.fresh()
        return None if picture is None else self.found(name, picture)

    def found(self, name: str, picture: Picture) -> Found | None:
        """What is there that may not be, by these records; None: nobody knows, or a kill is seeing to it."""
        positions, orders = self._manager.positions(name), self._manager.working_orders(name)
        state = picture.states[name]
        before = self._before[name] = self._before.get(name, Before()).seen(state, orders)
        if state.kind is None:
            return NOTHING
        kill_runs = self._manager.killing(name) or self._others_kill(name, picture)
        risky = adding_risk(orders, positions)
        adding, staying = before.without(state, risky), before.staying(state, risky)
        found = judge_foreign(
            state.kind, positions, orders, adding, self._settings, kill_runs=kill_runs, staying=staying
        )
        is_known = isinstance(positions, Known) and isinstance(orders, Known)
        return found if found.answer is not Answer.NOTHING or (is_known and not kill_runs) else None

    def _others_kill(self, name: str, picture: Picture) -> bool:
        """Somebody's kill of the login has begun lately and has not ended: it sees to everything. One that has not
        ended for long may be dead; the next press joins it if it is not.
        """
        scope, now_ns = self._manager.scope(name), self._wall_ns()
        return any(
            any(scope.meets(other) for other in event.scopes) and now_ns - at_ns < KILL_NS_MAX
            for event, at_ns in pressed_kills(picture.kills_open)
        )

    async def _answer(self, name: str, key: str, found: Found, *, again: bool = False) -> None:
        """`again`: the same has been met already. What is only told does not fill the log as long as it stands."""
        state = self._records.state(name)
        one_by_one = found.answer in (Answer.TELL, Answer.CANCEL_EACH) and not found.positions
        if one_by_one and state is not None and state.kind is not Kind.SHUTDOWN:
            swept = any(one.cancel for one in state.standing)
            await self._others.meet(name, found, lambda: self._found_now(name), swept=swept, again=again)
            return
        if not (again and found.answer is Answer.TELL):
            self._log(told(name, found, "; ".join(things(found))))
        what = told(name, found, shortly(things(found)))  # a person reads it on a phone
        title = f"{name}: somebody else trades where nobody may"
        self._alerts.tell(key, Severity.CRITICAL, title, what, about=found.about)
        if found.answer is Answer.KILL:
            self._stops.kill_soon((name,), f"quarantine: {what}")
        elif found.answer is Answer.CANCEL_ALL:
            try:
                await self._manager.cancel_all_orders(name)
            except TradingError as error:
                self._log(f"{name}: {error}")
