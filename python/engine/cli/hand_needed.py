"""What to do by hand while the kill still tries a login by itself: said early, not only in the report.

Twelve seconds, or the whole deadline, are long for somebody who could press Accept, Global Cancel or untick a box
meanwhile.
"""

from __future__ import annotations

from engine.trading.report_text import BY_HAND

EARLY_S = 3.0  # after the press; a TWS that is well has answered long before
TRYING = ("disconnected", "waiting", "answering", "cancel_early")
READ_ONLY = (
    "REFUSES ORDERS AND CANCELS: its API is read-only. In TWS, Configure > API > Settings, untick 'Read-Only API': the "
    "kill is still trying and goes on by itself. Or do it by hand meanwhile:"
)

ORDERS_UNREAD = (
    "DOES NOT TELL ITS OPEN ORDERS: the global cancel is sent, and nothing is closed as long as an order may fill. The "
    "kill goes on asking. Do it by hand meanwhile:"
)


class HandNeeded:
    """Follows the timeline of all logins. `words` says each thing once."""

    def __init__(self) -> None:
        self._missing: dict[str, bool] = {}
        self._missing_said = False
        self._refused: dict[str, str] = {}  # what is still to be said of it; empty: that has been said

    def heard(self, name: str, kind: str) -> None:
        """A step of the login."""
        if kind == "connected":
            self._missing[name] = False
        elif kind in TRYING:
            self._missing.setdefault(name, True)
        elif kind == "read_only":
            self._refused.setdefault(name, READ_ONLY)
        elif kind == "orders_unread":
            self._refused.setdefault(name, ORDERS_UNREAD)

    def words(self, at_s: float) -> str:
        """What to tell the operator `at_s` after the press; empty: nothing, or it has been told."""
        missing = [name for name, missing in self._missing.items() if missing]
        lines = []
        if missing and not self._missing_said and at_s >= EARLY_S:
            self._missing_said = True
            lines.append(f"{', '.join(missing)} NOT REACHED YET, still trying. If you can, do it by hand meanwhile:")
        for what in (READ_ONLY, ORDERS_UNREAD):
            if names := [name for name, unsaid in self._refused.items() if unsaid == what]:
                self._refused.update(dict.fromkeys(names, ""))
                lines.append(f"{', '.join(names)} {what}")
        steps = [f"  {number}. {step}" for number, step in enumerate(BY_HAND, 1)]
        return "\n".join([*lines, *steps]) if lines else ""
