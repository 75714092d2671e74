"""Two kills of one login in one report. Pure.

What a watch behind a kill has closed and cancelled, in the report of the verification that ends it: outcome, residue
and proof are the verification's own, what was done before it makes nothing better. And a kill that was ended by another
one before its report was given: the report is of what the other one knows.
"""

from __future__ import annotations

import msgspec

from engine.core.kill.report import ClosedPosition, LoginReport, TimelineEntry

ANOTHER_KILL = "watched until another kill of this login was begun, which has a report of its own"
TOLD_BY_LATER = "another kill of this login was begun meanwhile: what is left is told as that one knows it"
NOTE = "what the watch before this verification closed and cancelled is listed here"


class Watched(msgspec.Struct, frozen=True):
    """A login's kill as it was reported, and as it stands at the end of its watch."""

    told: LoginReport
    now: LoginReport
    pressed_ns: int  # in the time of the one who asks


def with_watched(verified: LoginReport, watched: Watched, pressed_ns: int) -> LoginReport:
    """The verification's report, pressed at `pressed_ns`, with what is new since the kill was reported."""
    told, now = watched.told, watched.now
    closed = tuple(row for row in now.closed if row not in told.closed)
    partly = tuple(row for row in now.partly_closed if row not in told.partly_closed)
    cancelled = tuple(row for row in now.cancelled if row not in told.cancelled)
    earlier_ms = (pressed_ns - watched.pressed_ns) / 1e6
    known = len(told.timeline)
    steps = tuple(TimelineEntry(one.at_ms - earlier_ms, one.kind, one.text) for one in now.timeline[known:])
    if not (closed or partly or cancelled or steps):
        return verified
    names = {order.perm_id for order in cancelled if order.perm_id}
    return msgspec.structs.replace(
        verified,
        closed=(*closed, *_beside((*told.closed, *closed), verified.closed)),
        partly_closed=(*partly, *verified.partly_closed),
        cancelled=(*cancelled, *(one for one in verified.cancelled if one.perm_id not in names)),
        timeline=(*steps, *verified.timeline),
        notes=(NOTE, *verified.notes) if closed or partly or cancelled else verified.notes,
    )


def with_later(login: LoginReport, later: LoginReport) -> LoginReport:
    """The report of a kill that `later` has ended before it was given: what has been done is what both have done, and
    how it stands is what the later one says."""
    left = {(item.account, item.contract.con_id) for item in later.residue if not item.order}
    partly = [row for row in login.partly_closed if (row.account, row.contract.con_id) in left]
    known = {order.perm_id for order in login.cancelled if order.perm_id}
    return msgspec.structs.replace(
        login,
        outcome=later.outcome,
        residue=later.residue,
        trouble=later.trouble,
        senders=later.senders,
        closed=(*login.closed, *_beside(login.closed, later.closed)),
        partly_closed=(*partly, *(row for row in later.partly_closed if row not in partly)),
        cancelled=(*login.cancelled, *(one for one in later.cancelled if one.perm_id not in known)),
        notes=(*(note for note in login.notes if note != ANOTHER_KILL), TOLD_BY_LATER),
    )


def _beside(told: tuple[ClosedPosition, ...], more: tuple[ClosedPosition, ...]) -> tuple[ClosedPosition, ...]:
    """What is told there besides: not what one of them has seen the other close."""
    known = {(row.account, row.contract.con_id) for row in told}

    def watched(row: ClosedPosition) -> bool:
        return row.by_other_kill and not row.filled and (row.account, row.contract.con_id) in known

    return tuple(row for row in more if row not in told and not watched(row))
