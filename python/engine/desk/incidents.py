"""Incidents as the journal has them: what happened, what belongs to it, what people wrote, and how it was closed.

Reading is a pure walk over records. Writing goes into the journal first; the page that people complete is added to
behind it, and a page that cannot be written stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from engine.core.restrictions import Scope
from engine.journal import incident_log
from engine.journal.events import (
    Adopted,
    AnyEvent,
    BaselineSet,
    Filled,
    IncidentClosed,
    IncidentJoined,
    IncidentNoted,
    IncidentOpened,
    KillEnded,
    KillPressed,
    Lifted,
    LimitBreached,
    OrderIntent,
    OrderRefused,
    Record,
    Reset,
    Restricted,
    Verified,
)
from engine.journal.journal import Journal

BEFORE_NS = 60 * 1_000_000_000  # what led to an incident is told from this long before it
RECORDS_MAX = 500  # of one incident's timeline; the journal has the rest


class IncidentError(Exception):
    """It was not done; the text says why, and what to do."""


class Incident(msgspec.Struct, kw_only=True):
    """One incident. `logins`: whom it is about. `cause` and `action` are empty until it is closed."""

    id: str
    opened_ns: int
    scopes: tuple[Scope, ...]
    trigger: str
    what: str
    opened_seq: int
    closed_ns: int | None = None
    closed_seq: int | None = None
    closed_by: str = ""
    cause: str = ""
    action: str = ""
    joined: int = 0
    notes: list[tuple[int, str, str]] = msgspec.field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.closed_ns is None

    @property
    def logins(self) -> tuple[str, ...]:
        return tuple(scope.login for scope in self.scopes)


def incidents(records: Iterable[Record]) -> dict[str, Incident]:
    """Every incident, by id, in the order in which they began."""
    found: dict[str, Incident] = {}
    for record in records:
        event = record.event
        match event:
            case IncidentOpened() if event.incident_id in found:
                found[event.incident_id].scopes = (event.scope, *event.also)  # it is about more logins by now
            case IncidentOpened():
                found[event.incident_id] = Incident(
                    id=event.incident_id,
                    opened_ns=record.at_ns,
                    scopes=(event.scope, *event.also),
                    trigger=event.trigger,
                    what=event.what,
                    opened_seq=record.seq,
                )
            case IncidentJoined() if event.incident_id in found:
                found[event.incident_id].joined += 1
            case IncidentNoted() if event.incident_id in found:
                found[event.incident_id].notes.append((record.at_ns, record.actor, event.text))
            case IncidentClosed() if event.incident_id in found:
                one = found[event.incident_id]
                one.closed_ns, one.closed_seq, one.closed_by = record.at_ns, record.seq, record.actor
                one.cause, one.action = event.cause, event.action
            case _:
                pass
    return found


def pick(found: dict[str, Incident], asked: str) -> Incident:
    """The incident of that id, or of the only id that begins or ends so. Raises IncidentError."""
    if asked in found:
        return found[asked]
    alike = [one for name, one in found.items() if name.startswith(asked) or name.endswith(asked)]
    if len(alike) == 1 and asked:
        return alike[0]
    if alike and asked:
        raise IncidentError(f"{asked!r} may be any of: {', '.join(one.id for one in alike)}")
    still_open = ", ".join(one.id for one in found.values() if one.open) or "none"
    raise IncidentError(f"there is no incident {asked!r}; open are: {still_open}")


def timeline(records: Iterable[Record], incident: Incident) -> list[Record]:
    """What belongs to it: its own records, and what the journal has of its logins from just before until it closed."""
    return [record for record in records if _belongs(record, incident)][:RECORDS_MAX]


def _belongs(record: Record, incident: Incident) -> bool:
    event = record.event
    match event:
        case IncidentOpened() | IncidentJoined() | IncidentNoted() | IncidentClosed():
            return event.incident_id == incident.id
        case _:
            within = incident.opened_ns - BEFORE_NS <= record.at_ns
            until = incident.closed_seq is None or record.seq <= incident.closed_seq
            return within and until and any(one.meets(mine) for one in _scopes(event) for mine in incident.scopes)


def _scopes(event: AnyEvent) -> tuple[Scope, ...]:
    match event:
        case Restricted():
            return (event.restriction.scope,)
        case KillPressed() | KillEnded():
            return event.scopes
        case (
            Lifted()
            | Reset()
            | LimitBreached()
            | Verified()
            | Adopted()
            | OrderIntent()
            | OrderRefused()
            | Filled()
            | BaselineSet()
        ):
            return (event.scope,)
        case _:
            return ()


def report_of(records: Iterable[Record]) -> KillEnded | None:
    """The last kill report among these records."""
    reports = [record.event for record in records if isinstance(record.event, KillEnded)]
    return reports[-1] if reports else None


def note(journal: Journal, incident: Incident, text: str, *, actor: str) -> None:
    """Keep what a person says about it. Raises IncidentError, JournalError."""
    if not text.strip():
        raise IncidentError("there is nothing to note: the text is empty")
    journal.append(IncidentNoted(incident_id=incident.id, text=text.strip()), actor=actor)


def close(journal: Journal, incident: Incident, page: Path, *, cause: str, action: str, actor: str) -> str | None:
    """Close it: understood, and something was done. Returns what could not be added to the page, if anything.

    Raises IncidentError (closed already; cause or action missing) and JournalError; nothing was closed then.
    """
    if not incident.open:
        raise IncidentError(f"incident {incident.id} was closed already, by {incident.closed_by}: {incident.cause}")
    missing = [name for name, text in (("cause", cause), ("action", action)) if not text.strip()]
    if missing:
        raise IncidentError(
            f"an incident is closed with its cause and what was done about it; missing: {', '.join(missing)}"
        )
    closed = IncidentClosed(incident_id=incident.id, cause=cause.strip(), action=action.strip())
    (record,) = journal.append(closed, actor=actor)
    return journal.sections.add(page, incident_log.closing(incident.id, record.at_ns, actor, cause, action))
