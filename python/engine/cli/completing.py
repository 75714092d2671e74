"""What the command knows and the kill itself does not, put into the report: the first strike, and what became of the
configuration. It may make a report worse, never better.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.config.plan import KillPlan
from engine.core.kill.report import LoginOutcome, LoginReport, TimelineEntry
from engine.trading import KillReport, TradingMode
from engine.trading.modes import misplaced_note

MODE_UNCLEAR = "mode unclear"


def with_first_cancels(report: KillReport, steps: Mapping[str, TimelineEntry]) -> KillReport:
    """The report, with the global cancels that were sent before the kill's own machine had been loaded."""
    logins = dict(report.logins)
    for name, step in steps.items():
        login = logins.get(name)
        if login is None:
            continue  # left out by the manager, and named by `with_configuration`
        timings = msgspec.structs.replace(login.timings, first_cancel_ms=step.at_ms)
        logins[name] = msgspec.structs.replace(login, timings=timings, timeline=(step, *login.timeline))
    return msgspec.structs.replace(report, logins=logins)


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
