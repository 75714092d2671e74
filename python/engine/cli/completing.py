"""What the command knows and the kill itself does not, put into the report: what became of the configuration.

It may make a report worse, never better.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.config.plan import KillPlan
from engine.core.kill.report import LoginOutcome, LoginReport
from engine.names import free_name
from engine.trading import KillReport, TradingMode
from engine.trading.modes import misplaced_note

MODE_UNCLEAR = "mode unclear"


def with_configuration(report: KillReport, plan: KillPlan, refused: Mapping[str, str]) -> KillReport:
    """The report, with the logins that the configuration names and that could not be used, and with those that may be
    elsewhere. `refused`: those that the manager would not have, each with the reason.
    """
    logins = dict(report.logins)
    for place in plan.places:
        if not place.mode_known and place.name in report.logins:
            login = report.logins[place.name]
            guessed = misplaced_note(TradingMode(login.mode), login.accounts)  # by a mode that nobody has said
            notes = tuple(note for note in login.notes if note != guessed)
            logins[place.name] = msgspec.structs.replace(login, mode=MODE_UNCLEAR, notes=notes)
    for name, why in plan.unusable.items():
        _add(logins, name, f"Where it is could not be determined, and nothing was sent to it: {why}")
    for name, why in refused.items():
        _add(
            logins, name, f"It could not be killed from here. Its orders may be cancelled and its positions open: {why}"
        )
    for place in plan.places:
        if place.name in plan.doubtful:
            told = f"{place.name} was killed at {place.host}:{place.port}, and it may be meant to be elsewhere"
            _add(logins, f"{place.name}-elsewhere", f"{told}: {plan.doubtful[place.name]}")
    return msgspec.structs.replace(report, logins=logins, unread=plan.unread, notes=(*report.notes, *plan.faults))


def _add(logins: dict[str, LoginReport], name: str, trouble: str) -> None:
    """One more login of which nobody knows anything."""
    free = free_name(name, logins)
    logins[free] = LoginReport(name=free, mode="", host="", port=0, outcome=LoginOutcome.UNKNOWN, trouble=trouble)
