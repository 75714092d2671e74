"""When a kill looks, what its last complete look showed, and what that is still good for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.core.facts import UnreadPosition, WorkingOrder
from engine.core.kill.commands import Command
from engine.core.kill.looks.shown import Shown
from engine.core.kill.looks.survey import Survey, Surveyor
from engine.core.kill.settings import MS, KillSettings

WAITED_NS_MAX, COMPLETED_NS_MAX = 350 * MS, 100 * MS
"""A look that waited longer than this behind its positions, for executions that did not come or for the completed
orders, shows what somebody else may have closed since. The first is longer than executions are waited for that have
stayed away before; without the second a look can do."""

NOTHING_READ = UnreadPosition("", 0, "", "no position has been read")


@dataclass(slots=True)
class Looking:
    """Survey behind survey: soon while something is awaited, then ever more patiently."""

    settings: KillSettings
    surveyor: Surveyor = field(init=False)
    last: Survey | None = None  # the newest complete one
    shown: Shown = field(default_factory=Shown)  # by a newer list of positions whose look has come to nothing
    took_ns: int = 0  # so long TWS needed for that one
    _done_ns: int = 0
    _next_ns: int = 0
    _gap_ns: int = field(init=False)
    _outdated: bool = False  # the last complete one waited so long that its positions size nothing
    _failures: set[str] = field(default_factory=set)  # why looks have failed since the last complete one
    _size_after_ns: int = 0  # surveys begun earlier may not size a close …
    _proof_after_ns: int = 0  # … nor prove anything

    def __post_init__(self) -> None:
        self.surveyor = Surveyor(self.settings.executions_patience_ns)
        self._gap_ns = self.settings.survey_gap_first_ns

    @property
    def orders(self) -> tuple[WorkingOrder, ...]:
        """The open orders that it listed."""
        return self.last.orders if self.last is not None else ()

    @property
    def unread(self) -> tuple[UnreadPosition, ...]:
        """Positions that it could not read; before there is one, any."""
        return self.last.unread if self.last is not None else (NOTHING_READ,)

    def soon(self, now_ns: int) -> None:
        """Something has happened."""
        self._gap_ns = self.settings.survey_gap_first_ns
        self._next_ns = min(self._next_ns, now_ns + self._gap_ns)

    def at_once(self, now_ns: int) -> None:
        """Somebody wants to know how things stand now."""
        self.soon(now_ns)
        self._next_ns = now_ns

    def failed(self, why: str, now_ns: int) -> bool:
        """True when the reason is news since the last complete look."""
        self._next_ns = now_ns + self._gap_ns
        self._gap_ns = min(self._gap_ns * 2, self.settings.survey_gap_max_ns)  # it may stay so
        news = why not in self._failures
        self._failures.add(why)
        return news

    def done(self, survey: Survey, now_ns: int) -> None:
        """A complete look, at this moment."""
        self.last, self._done_ns = survey, now_ns
        waited_ns_max = WAITED_NS_MAX if survey.executions is None else COMPLETED_NS_MAX
        self._outdated = survey.waited_ns > waited_ns_max and not self._outdated  # not twice in a row: TWS may be so
        self.took_ns = now_ns - survey.begun_ns
        self._failures.clear()
        self.shown.taken()

    def again(self, now_ns: int, *, proving: bool, alive: bool) -> None:
        """The next one. `proving`: the last one was clean, and another has to agree with it. `alive`: a program keeps
        sending orders, which only a look shows."""
        gap_max_ns = self.settings.survey_gap_alive_ns if alive else self.settings.survey_gap_max_ns
        gap_ns = self.settings.proof_gap_ns if proving else min(self._gap_ns, gap_max_ns)
        self._gap_ns = min(self._gap_ns * 2, gap_max_ns)
        self._next_ns = now_ns if self._outdated else now_ns + gap_ns

    @property
    def lists_nothing(self) -> bool:
        """No position is listed; not where the orders alone have failed, and positions are asked for now."""
        return not self.shown.positions and (self.shown.known or not self.surveyor.orders_unread)

    def ask_shown(self) -> list[Command]:
        """Positions, where none were ever told: whoever phones the broker needs to know what there is."""
        return self.surveyor.ask_shown() if self.last is None and not self.shown.known else []

    def forget(self) -> None:
        """The view is broken: a survey under way is void."""
        self.surveyor.abandon()

    def not_before(self, at_ns: int, *, proof: bool = True) -> None:
        """Nothing is sized from surveys begun before `at_ns`, nor proven (`proof`)."""
        self._size_after_ns = max(self._size_after_ns, at_ns)
        if proof:
            self._proof_after_ns = max(self._proof_after_ns, at_ns)

    def settle_until(self, at_ns: int, *, proof: bool = True) -> None:
        """The same behind another kill: what it sent last may fill unseen, and completed orders tell of that first."""
        self.not_before(at_ns, proof=proof)
        self.surveyor.ask_completed_from(at_ns)

    def next_ns(self) -> int | None:
        """When the next one is due; None while one is under way."""
        return None if self.surveyor.active else self._next_ns

    def due(self, now_ns: int) -> list[Command]:
        """Begin the next survey if it is time for it."""
        at_ns = self.next_ns()
        if at_ns is None or now_ns < at_ns:
            return []
        return self.surveyor.begin(now_ns, new_connection=False, spare_completed=self._outdated)

    def fresh(self, now_ns: int) -> bool:
        return self.last is not None and now_ns - self._done_ns <= self.settings.read_age_max_ns

    def counts(self, survey: Survey) -> bool:
        """Is it newer than all that may still come to light of what happened before this kill saw it?"""
        return survey.begun_ns >= self._proof_after_ns

    def sizes(self, now_ns: int, *, alive: bool) -> bool:
        """May closing orders be sized from the last survey? `alive`: a program keeps sending orders, and may have
        closed since what that shows."""
        old = not self.fresh(now_ns) or (alive and now_ns - self._done_ns > self.settings.survey_age_alive_ns)
        old = old or self._outdated
        return self.last is not None and not old and self.last.begun_ns >= self._size_after_ns
