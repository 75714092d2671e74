"""The loss limits of a manager: one watch for each login that was ever connected, and what they know.

Made with the manager and doing nothing until a login is connected. Must never keep a login from being connected,
disconnected or killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.broker.account_updates import NET_LIQUIDATION
from engine.broker.login import Login
from engine.config.limits_table import LimitsTable
from engine.core.books import Books
from engine.core.known import Known, Unknown
from engine.core.limit_views import LimitsView, last_known, limit_views
from engine.core.restrictions import Restriction, Scope
from engine.journal.events import CashFlow
from engine.journal.loss_records import books_of, changes_of, last_equity
from engine.trading.cash_flows import Watched, record_cash_flow
from engine.trading.entries import Entry
from engine.trading.limit_source import LimitSource, find_limits, in_force, notes_of
from engine.trading.loss_ledger import LossLedger
from engine.trading.loss_watch import KillHere, LossWatch
from engine.trading.rules import Rules


class LossWatches:
    """`table`: the limits, unless they are [limits] of quant-engine.toml. `judges` False: somebody else enforces."""

    def __init__(
        self,
        rules: Callable[[], Rules],
        entries: Callable[[], Iterable[Entry]],
        kill: Callable[[Entry], KillHere],
        page: Path,
        *,
        wall_ns: Callable[[], int],
        table: LimitsTable | None,
        judges: bool,
    ) -> None:
        """`kill` makes the kill that a limit of a login pulls."""
        self._rules = rules
        self._entries = entries
        self._kill = kill
        self._page = page
        self._wall_ns = wall_ns
        self._judges = judges
        self._found = None if table is None else LimitSource(table)
        self._by_name: dict[str, LossWatch] = {}

    def attach(self, entry: Entry, login: Login) -> None:
        """The login has a fresh connection."""
        self._watch(entry).attach(login)

    def expect(self, entry: Entry) -> None:
        """See `IBKRAccountManager.expect`."""
        self._watch(entry).expect()

    def _watch(self, entry: Entry) -> LossWatch:
        name = entry.config.name
        watch = self._by_name.get(name)
        if watch is None:
            watch = self._by_name[name] = LossWatch(
                LossLedger(self._rules, self._source),
                self._rules,
                view=entry.view,
                scope=lambda: entry.scope,
                others=lambda: tuple(one.scope for one in self._entries()),
                kill=self._kill(entry),
                page=self._page,
                wall_ns=self._wall_ns,
                judges=self._judges,
            )
        return watch

    def detach(self, entry: Entry) -> None:
        """Its connection is closed on purpose."""
        watch = self._by_name.get(entry.config.name)
        if watch is not None:
            watch.detach()

    def look(self, entry: Entry) -> None:
        """Something was imposed: see at once whether orders are to be cancelled."""
        watch, loop = self._by_name.get(entry.config.name), entry.loop
        if watch is not None and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(watch.look)  # whoever halts may be on another thread, or on none of ours

    async def settled(self) -> None:
        """What was begun is done, or takes too long."""
        for watch in tuple(self._by_name.values()):
            await watch.settled()

    def live(self, entry: Entry) -> LimitsView | None:
        """See `IBKRAccountManager.limits_now`."""
        watch = self._by_name.get(entry.config.name)
        return None if watch is None else watch.view()

    def standing(self, entry: Entry) -> tuple[Restriction, ...]:
        """See `IBKRAccountManager.standing_now`."""
        watch = self._by_name.get(entry.config.name)
        return () if watch is None or watch.last is None else watch.last.state.standing

    def view(self, entry: Entry) -> LimitsView:
        """See `IBKRAccountManager.limits`."""
        live = self.live(entry)
        if live is None:
            return limits_on_record(self._rules(), entry.scope, self._source(), self._wall_ns())
        state = self._rules().journal.state()
        if isinstance(state, Unknown):
            return live
        notes = notes_of(self._source(), changes_of(state.limit_changes, entry.scope), live.at_ns)
        return msgspec.structs.replace(live, notes=(*live.notes, *notes))

    def record_cash_flow(
        self, entry: Entry, amount: Decimal, reason: str, *, currency: str, shows: bool | None
    ) -> CashFlow:
        """See `IBKRAccountManager.record_cash_flow`."""
        return record_cash_flow(
            self._rules(),
            entry.scope,
            amount,
            reason,
            currency=currency,
            shows=shows,
            watched=self._watched(entry),
            now_ns=self._wall_ns(),
        )

    def _watched(self, entry: Entry) -> Watched | None:
        watch = self._by_name.get(entry.config.name)
        values = entry.view.account_values
        if watch is None or watch.tells_jumps_since_ns is None or not isinstance(values, Known) or watch.last is None:
            return None
        worths = [by_tag[NET_LIQUIDATION].amount for by_tag in values.value.values() if NET_LIQUIDATION in by_tag]
        if not worths:
            return None
        jump_pct = watch.last.limits.equity.jump_pct
        return Watched(since_ns=watch.tells_jumps_since_ns, jump_min=min(map(abs, worths)) * jump_pct / 100)

    def _source(self) -> LimitSource:
        if self._found is None:
            self._found = find_limits()
        return self._found


def limits_on_record(rules: Rules, scope: Scope, source: LimitSource, now_ns: int) -> LimitsView:
    """The limits of a login by the journal alone: the last that was written down, marked as stale. Waits for nobody who
    writes.
    """
    state = rules.journal.state()
    if isinstance(state, Unknown):
        held = in_force(source, (), now_ns)
        empty = Books()
        gauges = last_known(held.settings, held.clock, empty, state, now_ns)
        views = limit_views(gauges, empty, held.clock, now_ns)
        return LimitsView(login=scope.login, at_ns=now_ns, limits=views, equity=state, stale=True, unknown=(state.why,))
    changes = changes_of(state.limit_changes, scope)
    held, books, equity = in_force(source, changes, now_ns), books_of(state, scope), last_equity(state, scope)
    gauges = last_known(held.settings, held.clock, books, equity, now_ns)
    return LimitsView(
        login=scope.login,
        at_ns=now_ns,
        limits=limit_views(gauges, books, held.clock, now_ns, rules.glance(scope).standing, state.overridden(scope)),
        equity=equity,
        stale=True,
        unknown=(held.unreadable,) if held.unreadable else (),
        notes=notes_of(source, changes, now_ns),
    )
