"""Reads what the cockpit shows: the guard if it answers, and the journal in any case. Blocks; runs on a thread.

Must never write, and never wait long: a guard that hangs is told as such, and a process that is frozen with the
journal in its hand holds up no page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.broker.lock_names import login_key
from engine.config.problems import ConfigError
from engine.core.known import Unknown
from engine.core.periods import Period
from engine.core.restrictions import Kind, Scope
from engine.core.resume import Facts, Obstacle, Verification, plan_reset, plan_resume
from engine.desk.runbook_facts import last_drill
from engine.guard.control import NoGuard, Request, ask
from engine.guard.day_line import SECOND_NS, Kept
from engine.guard.telling import limits_data
from engine.journal.events import Verified
from engine.journal.loss_records import changes_of
from engine.names import called
from engine.trading import presence
from engine.trading.limit_source import LimitSource, in_force
from engine.trading.loss_watches import limits_on_record
from engine.trading.rules import VERIFIED_AGE_NS_MAX, Rules
from engine.web.picture import GuardWord, LoginRecord, Picture, picture
from engine.web.settings import Settings

ASK_S_MAX = 1.0


class NoSuchLogin(Exception):
    """Nothing was done; the text says which logins there are."""


class Reading:
    """Over one state folder and one configuration. `config` None: looked for where every command looks."""

    def __init__(self, home: Path, rules: Rules, config: str | None, wall_ns: Callable[[], int]) -> None:
        self.home = home
        self.rules = rules
        self.config = config
        self._settings = Settings(config)
        self._wall_ns = wall_ns
        self.day_lines = Kept(home)

    def scopes(self) -> dict[str, tuple[Scope, str]]:
        """Every login with its mode, as far as the configuration can be read."""
        plan = self._settings.found().plan
        return {one.name: (Scope(one.name, login_key(one.host, one.port)), one.mode) for one in plan.places}

    def scope(self, name: str) -> Scope:
        """Raises NoSuchLogin."""
        scopes = self.scopes()
        if name not in scopes:
            raise NoSuchLogin(f"there is no login {name!r}; there are: {', '.join(scopes)}. Nothing was done")
        return scopes[name][0]

    def check_names(self, names: tuple[str, ...]) -> None:
        """Raises NoSuchLogin for a name that nobody has. With faults in the configuration the kill itself looks."""
        plan = self._settings.found().plan
        known = [place.name for place in plan.places]
        unknown = [name for name in names if not called(name, known, plan.written)]
        if unknown and not plan.faults:
            raise NoSuchLogin(
                f"there is no login {unknown[0]!r}; there are: {', '.join(self.scopes())}. Nothing was done"
            )

    def source(self) -> LimitSource:
        """Raises ConfigError."""
        found = self._settings.found().limits
        if isinstance(found, ConfigError):
            raise found
        return found

    def picture(self) -> Picture:
        """Everything as of now."""
        now_ns = self._wall_ns()
        self.day_lines.refresh()
        plan = self._settings.found().plan
        faults = (*plan.faults, *(f"{name} was left out: {why}" for name, why in plan.unusable.items()))
        try:
            source: LimitSource | None = self.source()
        except ConfigError:
            source = None  # its faults are in the plan's already
        records = [self._record(name, scope, mode, source, now_ns) for name, (scope, mode) in self.scopes().items()]
        trouble = self.rules.journal.trouble()
        return picture(
            records,
            self._guard(now_ns),
            now_ns=now_ns,
            journal_trouble=None if trouble is None else str(trouble),
            last_drill=last_drill(self.home / "drills"),
            faults=faults,
        )

    def _guard(self, now_ns: int) -> GuardWord:
        age_s, fresh = presence.age_s(self.home, now_ns), presence.is_fresh(self.home, now_ns)
        if age_s is None or presence.has_died(self.home):
            return GuardWord(told=None, age_s=age_s, fresh=False, died=age_s is not None)
        try:
            told = ask(self.home, Request("status"), timeout_s=ASK_S_MAX)
        except NoGuard as error:
            return GuardWord(told=None, age_s=age_s, fresh=fresh, why=str(error))
        return GuardWord(told=told, age_s=age_s, fresh=fresh)

    def _record(self, name: str, scope: Scope, mode: str, source: LimitSource | None, now_ns: int) -> LoginRecord:
        view = None if source is None else limits_on_record(self.rules, scope, source, now_ns)
        journal = self.rules.journal.state()
        changes = () if isinstance(journal, Unknown) else changes_of(journal.limit_changes, scope)
        clock = None if source is None else in_force(source, changes, now_ns).clock
        day_ns = None if clock is None else clock.span(Period.DAY, now_ns).start_ns
        return LoginRecord(
            name=name,
            mode=mode,
            day_ns=day_ns,
            last_pnl=None if day_ns is None else self.day_lines.last(name, day_ns // SECOND_NS),
            state=self.rules.glance(scope),
            limits={} if view is None else limits_data(view),
            notes=() if view is None else view.notes,
            incidents=() if isinstance(journal, Unknown) else journal.incidents(scope),
            obstacles=self.obstacles(scope, now_ns),
        )

    def obstacles(self, scope: Scope, now_ns: int) -> tuple[Obstacle, ...] | None:
        """What stands in the way of going on; None: the journal cannot be used, so nothing goes on. Only shown: the
        rules look again when somebody tries.
        """
        journal = self.rules.journal.state()
        if isinstance(journal, Unknown) or self.rules.journal.trouble() is not None:
            return None
        state = self.rules.glance(scope)
        verified = journal.last_verified(scope)
        found = None
        if verified is not None and isinstance(verified.event, Verified):
            found = Verification(verified.at_ns, verified.event.matches)
        facts = Facts(
            open_incidents=journal.incidents(scope),
            verification=found,
            now_ns=now_ns,
            verified_age_ns_max=VERIFIED_AGE_NS_MAX,
        )
        if state.kind is Kind.SHUTDOWN:
            return plan_reset(scope.login, state, facts, reason="shown").obstacles
        return plan_resume(scope.login, state, facts, override=False, reason="shown").obstacles
