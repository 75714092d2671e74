"""An incident begins, or goes on: which of the two it is, its record, and its section in the log.

One open incident of a login takes up everything that happens to it until a person closes it. What happens to several
logins at once is one incident: if one of them has an open one already, that is from now on about all of them. So it is
where the journal takes nothing and the records wait beside it. Where neither can be read, a new one begins: two
incidents about one thing are better than none.
"""

from __future__ import annotations

from pathlib import Path
from time import gmtime, strftime

import msgspec

from engine.core.known import Unknown
from engine.core.restrictions import Scope
from engine.journal import incident_log
from engine.journal.beside import Waiting
from engine.journal.events import IncidentJoined, IncidentOpened
from engine.journal.incident_log import Story
from engine.journal.journal import Journal
from engine.journal.state import JournalState


class IncidentEvent(msgspec.Struct, frozen=True):
    """What to write down, and the incident it belongs to. `joined`: that was open already."""

    id: str
    events: tuple[IncidentOpened | IncidentJoined, ...]
    joined: bool


def begin_or_join(
    state: JournalState | Unknown,
    waiting: Waiting,
    scopes: tuple[Scope, ...],
    *,
    trigger: str,
    what: str,
    at_ns: int,
    mark: str,
) -> IncidentEvent:
    """The incident that is open for any of these logins, or a new one, named by its time and the end of `mark`. One
    that is open by a record that still waits is written down once more: that record may get lost where it is.
    """
    if not isinstance(state, Unknown):
        found = [one for scope in scopes for one in state.incidents(scope)]
        if found:
            joined = IncidentJoined(incident_id=found[0], what=what)
            return IncidentEvent(found[0], (*_widened(state, found[0], scopes), joined), joined=True)
    for opened in waiting:
        if any(opened.concerns(scope) for scope in scopes):
            more = tuple(scope for scope in scopes if not opened.concerns(scope))
            opened = msgspec.structs.replace(opened, also=(*opened.also, *more))
            joined = IncidentJoined(incident_id=opened.incident_id, what=what)
            return IncidentEvent(opened.incident_id, (opened, joined), joined=True)
    name = f"{strftime('%y%m%d-%H%M%S', gmtime(at_ns // 1_000_000_000))}-{mark[-4:]}"
    first, *others = scopes
    opened = IncidentOpened(incident_id=name, scope=first, trigger=trigger, what=what, also=tuple(others))
    return IncidentEvent(name, (opened,), joined=False)


def keep_incident(
    journal: Journal, scopes: tuple[Scope, ...], *, trigger: str, what: str, at_ns: int, mark: str
) -> IncidentEvent:
    """The same, written down: a halt and the kill behind it, or two programs, come to one incident."""
    begun: list[IncidentEvent] = []

    def decide(state: JournalState | Unknown, waiting: Waiting) -> tuple[IncidentOpened | IncidentJoined, ...]:
        begun.append(begin_or_join(state, waiting, scopes, trigger=trigger, what=what, at_ns=at_ns, mark=mark))
        return begun[-1].events

    journal.keep_decided(decide)
    return begun[-1]


def _widened(state: JournalState, incident_id: str, scopes: tuple[Scope, ...]) -> tuple[IncidentOpened, ...]:
    """The incident once more, under its id, about the logins too that have none open: else nobody would have to
    understand anything before those go on.
    """
    new = tuple(scope for scope in scopes if not state.incidents(scope))
    opened = state.incidents_open[incident_id].event
    if not new or not isinstance(opened, IncidentOpened):
        return ()
    return (msgspec.structs.replace(opened, also=(*opened.also, *new)),)


def tell(page: Path, story: Story, journal: Journal) -> str | None:
    """Add the section that a person completes. None, or why it could not be done, and where it waits."""
    return journal.sections.add(page, incident_log.section(story))
