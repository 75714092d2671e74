"""An error that a broker says of every order is told once, and then counted: what differs must not drown in it.

For whoever reads along, and for the incident log. The record of a kill has every word.
"""

from __future__ import annotations

from engine.core.kill.report import TimelineEntry

LONG_MIN = 20  # characters; what is shorter is told again


class Repeats:
    """Of one kill, login by login."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], int] = {}

    def shortened(self, name: str, step: TimelineEntry) -> TimelineEntry:
        """The step; with "as before" in place of the broker's words where they were told."""
        what, _, why = step.text.partition(". ")
        if step.kind != "close_ended" or len(why) < LONG_MIN:
            return step
        count = self._told[name, why] = self._told.get((name, why), 0) + 1
        if count == 1:
            return step
        code = why.partition(":")[0]
        known = f"{code}, as before" if code.isdigit() else "As before"
        return TimelineEntry(step.at_ms, step.kind, f"{what}. {known} ({count} times)")
