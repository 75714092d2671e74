"""Events that stop a login, and the alarm for those that cannot be recorded."""

from __future__ import annotations

import os
from collections.abc import Iterable

from engine.core.restrictions import Kind, Scope
from engine.journal.events import AnyEvent, KillPressed, Restricted
from engine.journal.store import Alarm
from engine.journal.trouble import Trouble

FORGOTTEN = (
    "a program that runs has read records that are not in the journal any more: another file has taken its place, and "
    "what is gone may have been a halt"
)
"""For programs that are started on a shortened journal, which cannot know. The same words whoever raises it: many who
know raise one alarm."""


def fresh_alarm(at_ns: int, text: str) -> Alarm:
    """Its number is drawn by lot: a clock may show the same time twice."""
    return Alarm(int.from_bytes(os.urandom(8), "big") or 1, at_ns, text)


def alarm_for(events: Iterable[AnyEvent], trouble: Trouble, at_ns: int) -> Alarm | None:
    """What to tell every process when these cannot be recorded. None: none of them stops anybody."""
    logins = sorted({scope.login for event in events for scope in _stopped(event)})
    if not logins:
        return None
    return fresh_alarm(at_ns, f"a stop of {', '.join(logins)} could not be recorded: {trouble.what}")


def _stopped(event: AnyEvent) -> tuple[Scope, ...]:
    """Whom an event stops from adding risk."""
    match event:
        case Restricted():
            only_smaller = event.restriction.kind is Kind.SIZE_FACTOR
            return () if only_smaller else (event.restriction.scope,)
        case KillPressed():
            return event.scopes
        case _:
            return ()
