"""Watches what one connected login loses: hears the broker, has it judged on every word, and acts.

The disk is a thread's business: if that does not answer in time, the judgement is made here by what was known last, so
that a kill is pressed whatever the disk does. For a manager, or for whoever else keeps a login connected. Nothing is
judged while a kill uses the connection. Must never hold up the event loop, and never press twice for one breach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TypeVar

from engine.broker.login import Login
from engine.broker.view import LoginView, ProfitAndLoss
from engine.core.equity import Equity, EquityTracker, Report
from engine.core.known import Fact, Known, Unknown
from engine.core.limit_views import LimitsView, limit_views
from engine.core.restrictions import Restriction, Scope
from engine.core.watching import to_sweep
from engine.journal.events import IncidentJoined, OrdersSwept
from engine.trading.daemons import Daemons
from engine.trading.incident_records import tell
from engine.trading.left_working import LeftWorking
from engine.trading.loss_consequences import Seen
from engine.trading.loss_ledger import LossLedger, Outcome
from engine.trading.risk_sweep import Swept, sweep, told_order
from engine.trading.rules import Rules

T = TypeVar("T")
TICK_S = 1.0
DISK_S_MAX = 3.0  # how long a judgement waits for the journal
SECOND_NS = 1_000_000_000
UNKNOWN_ASK_NS = 3 * SECOND_NS
REPORTS_ASK_NS = 5 * SECOND_NS  # of a TWS that streams no profit and loss
SEEN_LATE = (
    "this TWS is too old for a stream of profit and loss: a loss may be seen up to three minutes late, when its "
    "account updates tell it; update TWS to have it seen at once"
)
STALE_UNLESS_TOLD_NS = 60 * SECOND_NS

KillHere = Callable[[str, bool], Awaitable[object]]
"""Pull the kill switch, for this reason; True: on every login of the program."""


class LossWatch:
    """Of one login. `attach` it to each fresh connection. `judges` False: somebody else enforces the limits, and this
    only cancels orders of its own when a halt asks for it.
    """

    def __init__(
        self,
        ledger: LossLedger,
        rules: Callable[[], Rules],
        *,
        view: LoginView,
        scope: Callable[[], Scope],
        others: Callable[[], tuple[Scope, ...]],
        kill: KillHere,
        page: Path,
        wall_ns: Callable[[], int],
        judges: bool = True,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._view = view
        self._scope = scope
        self._others = others
        self._kill = kill
        self._page = page
        self._wall_ns = wall_ns
        self._judges = judges
        self._daemons = Daemons()
        self._login: Login | None = None
        self._expected = False  # nothing is connected, and that is not well
        self._tracker = EquityTracker(())
        self._timer: asyncio.TimerHandle | None = None
        self._step: asyncio.Task[None] | None = None
        self._stuck: asyncio.Future[Outcome] | None = None
        self._again = False
        self._rested = True
        self._asked_ns = 0
        self._tasks: set[asyncio.Future[object]] = set()
        self._answered: set[str] = set()  # restrictions for which the kill was pressed here
        self._swept: set[str] = set()
        self._left = LeftWorking()
        self.tells_jumps_since_ns: int | None = None  # since when money that moves would be seen as a jump
        self._equity: Fact[Equity] = Unknown("nothing was read yet")
        self.last: Outcome | None = None

    # --- the connection -----------------------------------------------------------------------------
    def attach(self, login: Login) -> None:
        """Follow a fresh connection. One that was lost, and not closed on purpose, goes on not being seen."""
        rested = self._rested
        self.detach()
        self._rested = rested
        limits = self._ledger.limits
        self._login, login.accountant = login, self
        self._tracker = EquityTracker(
            login.link.accounts,
            None if limits is None else limits.equity,
            by_reports=not login.streams_profit_and_loss,
        )
        self._equity = Unknown("nothing was read yet")
        self._asked_ns = self._wall_ns()
        self._tick_later()

    def expect(self) -> None:
        """No connection could be made so far: the login is not seen, which is being blind, until there is one."""
        if self._login is None and not self._expected:
            self._expected, self._rested = True, False
            self._tick_later()

    def detach(self) -> None:
        """The connection is ended on purpose: that is not being blind."""
        self._expected = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._login is not None and self._login.accountant is self:
            self._login.accountant = None
        self._login, self.tells_jumps_since_ns, self.last = None, None, None
        self._rested = True

    async def settled(self) -> None:
        """Wait until what was begun is done, but not for long."""
        waiting = {*self._tasks, *({self._step} if self._step is not None else ())}
        if waiting:
            await asyncio.wait(waiting, timeout=DISK_S_MAX)

    # --- engine.broker.login.Accountant ----------------------------------------------------------------
    def net_liquidation(self, account: str, amount: Decimal | None, currency: str) -> None:
        self._tracker.net_liquidation(account, amount, currency, self._wall_ns())
        self.look()

    def profit_and_loss(self, account: str, unrealized: Decimal | None, realized: Decimal | None) -> None:
        self._tracker.profit_and_loss(account, unrealized, realized, self._wall_ns())
        self.look()

    def account_report(self, account: str, report: Report) -> None:
        self._tracker.answered(account, report, self._wall_ns())
        self.look()

    def account_ready(self, account: str, ready: bool) -> None:
        self._tracker.account_ready(account, ready)
        self.look()

    def link_down(self, why: str) -> None:
        self._tracker.link_down(why)
        self.look()

    def link_up(self) -> None:
        self._tracker.link_up()
        self.look()

    def facts_changed(self) -> None:
        self.look()

    # --- looking ------------------------------------------------------------------------------------
    def _tick_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._tick_later()
        self._ask_in_time()
        self.look()

    def _ask_in_time(self) -> None:
        """TWS says nothing while nothing changes: the summary is asked for anew before it is too old. While equity is
        not known it is asked for often, because one word that says nothing (the first profit and loss is like that)
        makes an account begin anew, with a report; and so while it waits for a report to be settled, because a loss may
        be in doubt. The report that an account begins with may be older than all that was heard: a loss that it does
        not show, and that came before the readings that agree, is known by the next report alone. A TWS that streams no
        profit and loss is asked often all the time, and as soon as it has told of something new by itself.
        """
        login, limits, now_ns = self._login, self._ledger.limits, self._wall_ns()
        if login is None or login.in_use:
            return
        age_ns_max = STALE_UNLESS_TOLD_NS if limits is None else limits.settings.equity_age_ns_max
        every_ns = age_ns_max // 2
        if isinstance(self._equity, Unknown) or not (self._equity.value.settled and self._tracker.tells_jumps):
            every_ns = min(every_ns, UNKNOWN_ASK_NS)
        if not login.streams_profit_and_loss:
            every_ns = 0 if login.worth_pushed else min(every_ns, REPORTS_ASK_NS)
        if not 0 <= now_ns - self._asked_ns < every_ns:
            self._asked_ns = now_ns
            login.ask_worth()

    def look(self) -> None:
        """Judge soon: what comes in one breath is judged together, and one after the other."""
        self._again = True
        if self._step is None or self._step.done():
            self._step = asyncio.get_running_loop().create_task(self._look_on(), name="loss limits")

    async def _look_on(self) -> None:
        while self._again:
            self._again = False
            await self._one_step()

    async def _one_step(self) -> None:
        login = self._login
        if (login is None and not self._expected) or (login is not None and login.in_use):
            self._rested = True
            return
        if not self._judges:
            self._sweep_for(await self._on_thread(self._standing))
            return
        seen, self._rested = self._seen(), False
        outcome = await self._judged(seen)
        if self._login is login:
            self.last = outcome
            self._tracker.use(outcome.limits.equity)
        self._act(outcome)  # whatever has become of the connection meanwhile

    def _seen(self) -> Seen:
        now_ns = self._wall_ns()
        reading = self._tracker.read(now_ns)
        never = Unknown("there was no connection yet") if self._login is None else None
        self._equity = never or _with_reasons(reading.equity, self._view.profit_and_loss)
        if not self._tracker.tells_jumps:
            self.tells_jumps_since_ns = None
        elif self.tells_jumps_since_ns is None:
            self.tells_jumps_since_ns = now_ns
        return Seen(
            scope=self._scope(),
            others=self._others(),
            equity=self._equity,
            jumps=reading.jumps,
            positions=self._view.positions,
            now_ns=now_ns,
            rested=self._rested,
            reached=never is None,
        )

    async def _judged(self, seen: Seen) -> Outcome:
        """By the thread; and by ourselves while that does not answer."""
        if self._stuck is None:
            work = asyncio.get_running_loop().run_in_executor(self._daemons, self._ledger.step, seen)
            await asyncio.wait({work}, timeout=DISK_S_MAX)
            if work.done():
                return work.result()
            self._stuck = work
        elif self._stuck.done():
            late, self._stuck = self._stuck.result(), None
            self._act(late)
        return self._ledger.alone(seen)

    # --- acting -------------------------------------------------------------------------------------
    def _act(self, outcome: Outcome) -> None:
        """The wire first, the paper behind it."""
        if outcome.kill and not self._answered.issuperset(outcome.kill_for):
            self._answered.update(outcome.kill_for)
            self._begin(self._press(outcome.kill, outcome.everywhere), "kill by a loss limit")
        self._sweep_for(outcome.state.standing)
        if outcome.stories:
            self._begin(self._on_thread(partial(self._write, outcome)), "incident log")

    def _write(self, outcome: Outcome) -> None:
        for story in outcome.stories:
            tell(self._page, story, self._rules().journal)

    async def _press(self, reason: str, everywhere: bool) -> object:
        return await self._kill(reason, everywhere)

    def _sweep_for(self, standing: tuple[Restriction, ...]) -> None:
        """Cancel the orders of this program that add risk, once for each restriction that asks for it."""
        login, due = self._login, to_sweep(standing, frozenset(self._swept))
        if login is not None and due:
            self._swept.update(one.id for one in due)
            self._begin(self._sweep(login, tuple(one.id for one in due)), "cancel what adds risk")
        for answer in self._left.look(standing, self._view.working_orders):
            self._begin(self._on_thread(partial(self._keep, answer)), "what was left is gone")

    async def _sweep(self, login: Login, due: tuple[str, ...]) -> Swept:
        client_id, swept = login.link.client_id, await sweep(login)
        answer = OrdersSwept(
            scope=self._scope(),
            restrictions=due,
            client_id=client_id,
            cancelled=tuple(map(told_order, swept.asked)),
            left=tuple((one.client_id if one.order_id > 0 else 0, told_order(one)) for one in swept.left),
            why=swept.why,
        )
        await self._on_thread(lambda: self._write_down(swept, answer))
        self._left.begin(answer, swept.left)
        return swept

    def _keep(self, answer: OrdersSwept) -> None:
        self._rules().journal.keep(answer, stops=False)

    def _write_down(self, swept: Swept, answer: OrdersSwept) -> None:
        """For who looks what a halt has come to, and for the incident where there is one."""
        self._keep(answer)
        rules, scope = self._rules(), answer.scope
        state = rules.journal.state()
        if (swept.asked or swept.left or swept.why) and not isinstance(state, Unknown):
            for incident in state.incidents(scope)[:1]:
                rules.journal.keep(IncidentJoined(incident_id=incident, what=f"{scope.login}: {swept}"))

    def _standing(self) -> tuple[Restriction, ...]:
        return self._rules().state(self._scope()).standing

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._daemons, work)

    def _begin(self, work: Coroutine[object, object, object], name: str) -> None:
        """In the background, kept until it is done."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- telling ------------------------------------------------------------------------------------
    def view(self) -> LimitsView | None:
        """The limits as of the last judgement; None: there was none on this connection."""
        last, login = self.last, self._login
        if last is None or login is None:
            return None
        now_ns = self._wall_ns()
        equity = self._equity
        return LimitsView(
            login=self._scope().login,
            at_ns=now_ns,
            limits=limit_views(
                last.judgement.gauges, last.books, last.limits.clock, now_ns, last.state.standing, last.overrides
            ),
            equity=equity,
            stale=not isinstance(equity, Known),
            unknown=last.judgement.unknown,
            notes=() if login.streams_profit_and_loss else (SEEN_LATE,),
        )


def _with_reasons(equity: Fact[Equity], profits: Mapping[str, Fact[ProfitAndLoss]]) -> Fact[Equity]:
    """Of equity that is not known: what TWS said instead of the profit and loss."""
    if isinstance(equity, Known):
        return equity
    whys = dict.fromkeys(fact.why for fact in profits.values() if isinstance(fact, Unknown))
    return Unknown(f"{equity.why} (profit and loss: {'; '.join(whys)})") if whys else equity
