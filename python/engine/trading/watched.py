"""What a watch behind a kill has closed and cancelled, in the report of the verification that ends it. Pure.

Outcome, residue and proof are the verification's own: what was done before it makes nothing better.
"""

from __future__ import annotations

import msgspec

from engine.core.kill.report import LoginReport, TimelineEntry

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
        closed=(*closed, *verified.closed),
        partly_closed=(*partly, *verified.partly_closed),
        cancelled=(*cancelled, *(one for one in verified.cancelled if one.perm_id not in names)),
        timeline=(*steps, *verified.timeline),
        notes=(NOTE, *verified.notes) if closed or partly or cancelled else verified.notes,
    )
