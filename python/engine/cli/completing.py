"""What the command knows and the kill itself does not, put into the report: what became of the configuration.

It may make a report worse, never better.
"""

from __future__ import annotations

import msgspec

from engine.config.plan import KillPlan
from engine.core.kill.report import LoginOutcome, LoginReport
from engine.trading import KillReport, TradingMode
from engine.trading.modes import misplaced_note

MODE_UNCLEAR = "mode unclear"


def with_configuration(report: KillReport, plan: KillPlan) -> KillReport:
    """The report, with the logins that the configuration names and that could not be used."""
    logins = {name: _unusable(name, why) for name, why in plan.unusable.items()}
    for place in plan.places:
        if not place.mode_known and place.name in report.logins:
            login = report.logins[place.name]
            guessed = misplaced_note(TradingMode(login.mode), login.accounts)  # by a mode that nobody has said
            notes = tuple(note for note in login.notes if note != guessed)
            logins[place.name] = msgspec.structs.replace(login, mode=MODE_UNCLEAR, notes=notes)
    return msgspec.structs.replace(
        report, logins=report.logins | logins, unread=plan.unread, notes=(*report.notes, *plan.faults)
    )


def _unusable(name: str, why: str) -> LoginReport:
    trouble = f"Where it is could not be determined, and nothing was sent to it: {why}"
    return LoginReport(name=name, mode="", host="", port=0, outcome=LoginOutcome.UNKNOWN, trouble=trouble)
