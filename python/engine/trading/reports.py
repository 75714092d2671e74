"""What a kill hands back: core's report, which also prints itself and turns into JSON."""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec

from engine.core.kill import report as core
from engine.trading.by_hand import steps, those_not_flat
from engine.trading.report_text import colour_wanted, render


class KillReport(core.KillReport, frozen=True, kw_only=True):
    """What happened to every login. `print(report)` says it in words; the fields say it to programs.

    `unread`: why there may be logins that are not in it, which is not flat then. `notes`: what else is to be known.
    `goes_on_s`: how long the kill goes on behind this report, which is from before that; 0: nothing goes on.
    """

    unread: str = ""
    notes: tuple[str, ...] = ()
    goes_on_s: float = 0.0

    @property
    def flat(self) -> bool:
        return not self.unread and super().flat

    @property
    def exit_code(self) -> int:
        return 2 if self.unread else super().exit_code

    def __str__(self) -> str:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        return self.to_text(colour=colour_wanted(os.environ, terminal=terminal))

    def to_text(self, *, colour: bool) -> str:
        """All of it in words, for a narrow terminal."""
        return render(self, unread=self.unread, notes=self.notes, goes_on_s=self.goes_on_s, colour=colour)

    def to_json(self, *, indent: int = 2) -> str:
        """All of it as JSON: numbers of money and quantity as text, the verdict first."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=indent).decode()

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types. Contract fields that say nothing are left out. What is not flat has `by_hand`."""
        data: dict[str, Any] = {"flat": self.flat, "exit_code": self.exit_code}
        if not self.flat:
            data["by_hand"] = list(steps(those_not_flat(self.logins.values(), unread=bool(self.unread))))
        data |= msgspec.to_builtins(self, enc_hook=str)
        for name, report in self.logins.items():
            login = data["logins"][name]
            data["logins"][name] = {"name": name, "flat": report.flat, **login}
            for part in ("cancelled", "closed", "partly_closed", "residue"):
                for row in login[part]:
                    row["contract"] = {key: value for key, value in row["contract"].items() if _says(value)}
        return data


def _says(value: object) -> bool:
    return value not in ("", "0", 0, None, False, "blank", "unset", (), [])
