"""What a person is told while a kill goes on: what to do by hand, early, and how it stands when nothing else is said.

A TWS that is silent is waited for until the deadline, two minutes. That is long for somebody who could press Accept,
Global Cancel or untick a box meanwhile, and longer for somebody who sees nothing at all. Pure: times are arguments.
Each thing is said once; what is said again and again says how long it still takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from engine.core.kill.report import TimelineEntry
from engine.trading.by_hand import steps, which
from engine.trading.report_text import split_advice

EARLY_S = 3.0  # after the press; a TWS that is well has answered long before
QUIET_S = 5.0  # without a word: then it is said once that the kill goes on …
QUIET_AGAIN_S = 15.0  # … and from then on after so long
READ_ONLY = (
    "REFUSES ORDERS AND CANCELS: its API is read-only. In TWS, Configure > API > Settings, untick 'Read-Only API': the "
    "kill is still trying and goes on by itself. Or do it by hand meanwhile:"
)
ORDERS_UNREAD = (
    "DOES NOT TELL ITS OPEN ORDERS: the global cancel is sent, and nothing is closed as long as an order may fill. The "
    "kill goes on asking. Do it by hand meanwhile:"
)


class Stands(Enum):
    """How far a login's kill has come, in words for a line that names the login."""

    UNHEARD = "no answer from TWS so far"
    STRUCK = "a global cancel was sent, and no answer has come since"
    SILENT = "TWS takes the connection and says nothing"
    NOT_READY = "TWS answers and has not let the kill in"
    GONE = "no connection, still trying"
    REACHED = "still working"
    DONE = "done"


FAILURES = ("waiting", "disconnected")  # steps that say why a login is not reached, and what may help
MISSING = (Stands.UNHEARD, Stands.STRUCK, Stands.SILENT, Stands.NOT_READY, Stands.GONE)
MOVES = {
    "waiting": Stands.SILENT,
    "answering": Stands.NOT_READY,
    "cancel_early": Stands.NOT_READY,
    "disconnected": Stands.GONE,
}


@dataclass(slots=True)
class _Login:
    place: str = ""
    stands: Stands = Stands.UNHEARD
    told: bool = False  # that it is missing
    advice: str = ""  # what may be done that TWS lets the kill in, as far as the newest failure says …
    advised: str = ""  # … and what of that has been said
    refuses: str | None = None  # what is still to be said of it; empty: that has been said
    reached_by: str = ""  # as the timeline says it, with what was sent then
    early: bool = False  # a global cancel was sent before TWS had let it in
    closes: int = 0
    outcome: str = ""


class HandNeeded:
    """Follows the timeline of all logins. `places`: where the TWS of each is, in words. `deadline_s`: the report comes
    then at the latest, from the press."""

    def __init__(self, places: Mapping[str, str], deadline_s: float) -> None:
        self._logins = {name: _Login(place) for name, place in places.items()}
        self._deadline_s = deadline_s
        self._quiet_told = False

    def expect(self, name: str, place: str) -> None:
        """A login that is killed too, and where its TWS is."""
        self._logins.setdefault(name, _Login()).place = place

    def heard(self, name: str, step: TimelineEntry) -> None:
        """A step of the login."""
        login = self._logins.setdefault(name, _Login())
        match step.kind:
            case "connected":
                login.stands, login.reached_by = Stands.REACHED, step.text
            case "cancel_sent":
                login.stands, login.reached_by = Stands.STRUCK, step.text
            case "cancel_early":
                login.early = True
            case "close_sent":
                login.closes += 1
            case "read_only" if login.refuses is None:
                login.refuses = READ_ONLY
            case "orders_unread" if login.refuses is None:
                login.refuses = ORDERS_UNREAD
            case "finished":
                login.stands, login.outcome = Stands.DONE, step.text
            case _:
                pass
        if login.stands in MISSING and step.kind in FAILURES:
            login.advice = split_advice(step.text)[1] or login.advice
        if login.stands in MISSING and not (login.stands is Stands.NOT_READY and step.kind == "waiting"):
            login.stands = MOVES.get(step.kind, login.stands)

    @property
    def waits(self) -> bool:
        """For a TWS that has not let it in, and a person has been told."""
        return any(login.told and login.stands in MISSING for login in self._logins.values())

    def words(self, at_s: float) -> str:
        """What a person has to know `at_s` after the press; empty: nothing, or it has been told."""
        early = at_s < EARLY_S
        missing = [name for name, one in self._logins.items() if one.stands in MISSING and not one.told and not early]
        refusing = [name for name, one in self._logins.items() if one.refuses]
        lines = [*self._missing_words(missing), *self._refused_words(refusing)]
        where = [which(name, self._logins[name].place) for name in dict.fromkeys([*missing, *refusing])]
        told = [f"  {number}. {step}" for number, step in enumerate(steps(where), 1)] if lines else []
        return "\n".join([*lines, *told, *self._advice_words()])

    def quiet_words(self, at_s: float, quiet_s: float) -> str:
        """How it stands, once nothing has been said for long enough. Somebody who sees nothing presses something."""
        if quiet_s < (QUIET_AGAIN_S if self._quiet_told else QUIET_S):
            return ""
        self._quiet_told = True
        by_stand: dict[Stands, list[str]] = {}
        for name, login in self._logins.items():
            if login.stands is not Stands.DONE:
                by_stand.setdefault(login.stands, []).append(name)
        how = [f"{', '.join(names)}: {stands.value}" for stands, names in by_stand.items()] or ["still working"]
        left_s = max(self._deadline_s - at_s, 0)
        return f"{at_s:8.3f} s  {'; '.join(how)}; the report comes in {left_s:.0f} s at the latest"

    def stopped_words(self) -> dict[str, str]:
        """For each login, what is known of it when a person ends the kill before its report."""
        return {name: _as_stopped(login) for name, login in self._logins.items()}

    def _missing_words(self, names: list[str]) -> Iterator[str]:
        for stands in MISSING:
            these = [name for name in names if self._logins[name].stands is stands]
            if these:
                until = "" if stands is Stands.GONE else self._until
                yield f"{', '.join(these)} NOT REACHED YET: {stands.value}{until}."
        for name in names:
            self._logins[name].told = True
        if names:
            yield "If you can, do it by hand meanwhile:"

    def _advice_words(self) -> Iterator[str]:
        """What would let the kill itself in: the dialog that is open is one click, and the report comes too late."""
        unsaid: dict[str, list[str]] = {}
        for name, login in self._logins.items():
            if login.told and login.stands in MISSING and login.advice != login.advised:
                login.advised = login.advice
                unsaid.setdefault(login.advice, []).append(name)
        for advice, names in unsaid.items():
            yield f"So that the kill gets in at {', '.join(names)}: {advice}."

    @property
    def _until(self) -> str:
        return f"; tried until {self._deadline_s:g} s after the press at the latest"

    def _refused_words(self, names: list[str]) -> Iterator[str]:
        for what in (READ_ONLY, ORDERS_UNREAD):
            these = [name for name in names if self._logins[name].refuses == what]
            if these:
                yield f"{', '.join(these)} {what}"
            for name in these:
                self._logins[name].refuses = ""


def _as_stopped(login: _Login) -> str:
    if login.outcome:
        return f"its kill had ended: {login.outcome}"
    if login.closes:
        count = "1 closing order was" if login.closes == 1 else f"{login.closes} closing orders were"
        return f"reached; {count} sent: what has not ended of that may still fill"
    if login.reached_by:
        return f"reached ({login.reached_by}); no closing order was seen to leave"
    if login.early:
        return "never reached; a global cancel was sent in advance, which TWS may have dropped, and no closing order"
    return f"never reached ({login.stands.value}); no cancel and no closing order was sent"
