"""What to do by hand while a login is still being tried: said early, not only in the report.

Twelve seconds, or the whole deadline, are long for somebody who could press Accept or Global Cancel meanwhile.
"""

from __future__ import annotations

from engine.trading.report_text import BY_HAND

EARLY_S = 3.0  # after the press; a TWS that is well has answered long before


class NotReached:
    """Follows the timeline of all logins. `words` says it once."""

    def __init__(self) -> None:
        self._missing: dict[str, bool] = {}
        self._said = False

    def heard(self, name: str, kind: str) -> None:
        """A step of the login."""
        if kind == "connected":
            self._missing[name] = False
        elif kind in ("disconnected", "waiting", "answering", "cancel_early"):
            self._missing.setdefault(name, True)

    def words(self, at_s: float) -> str:
        """What to tell the operator `at_s` after the press; empty: nothing, or it has been told."""
        names = [name for name, missing in self._missing.items() if missing]
        if self._said or not names or at_s < EARLY_S:
            return ""
        self._said = True
        steps = "\n".join(f"  {number}. {step}" for number, step in enumerate(BY_HAND, 1))
        return f"{', '.join(names)} NOT REACHED YET, still trying. If you can, do it by hand meanwhile:\n{steps}"
