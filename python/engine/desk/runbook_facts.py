"""What the emergency page is made of, gathered: the configuration, the journal, the drills on record. Reads only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from engine.broker.lock_names import login_key
from engine.config.limit_settings import limit_values, limits_table
from engine.config.limits_table import LimitsTable
from engine.config.model import Config, Login
from engine.config.places import incident_log, state_folder
from engine.core.limit_changes import standing
from engine.core.limit_rules import Limit
from engine.core.restrictions import Scope
from engine.desk.runbook import Facts, Money
from engine.journal.events import BaselineSet
from engine.journal.loss_records import changes_of
from engine.journal.state import JournalState

_DRILL = re.compile(r"^\| (\d{4}-\d\d-\d\d) [\d:]+ \| (\S+) \| (passed|\*\*FAILED)")


def generic(config: Config, today: date) -> Facts:
    """For everybody: nothing of one machine, one account or one day is in it but the date."""
    return Facts(
        logins=config.logins,
        limits={login.name: config.limits for login in config.logins},
        futures_max=str(config.preflight.max_futures),
        options_max=str(config.preflight.max_options),
        kill_id=config.kill.client_id,
        deadline_s=config.kill.deadline_s,
        updated=today,
    )


def of_this_machine(
    config: Config, journal: JournalState | None, *, clone: Path, drills: Path, today: date, now_ns: int
) -> Facts:
    """For this installation. `journal` None: nothing of it is known, and the page says so where it matters."""
    return Facts(
        logins=config.logins,
        limits={login.name: _in_force(config, journal, login, now_ns) for login in config.logins},
        futures_max=str(config.preflight.max_futures),
        options_max=str(config.preflight.max_options),
        kill_id=config.kill.client_id,
        deadline_s=config.kill.deadline_s,
        updated=today,
        clone=str(clone),
        config=config.source,
        state=state_folder(),
        environment=_environment(),
        baselines={} if journal is None else {login.name: _baselines(journal, login) for login in config.logins},
        last_drill=last_drill(drills),
        incident_log=incident_log(),
    )


def _environment() -> dict[str, str]:
    """What this terminal was told of its places, whole, as it would be understood from any folder."""
    told = {"QE_HOME": state_folder(), "QE_INCIDENT_LOG": incident_log()}
    return {name: path for name, path in told.items() if os.environ.get(name)}


def last_drill(folder: Path) -> str:
    """When the last one was held, of what, and how it ended; empty: none is on record."""
    try:
        lines = (folder / "DRILLS.md").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = [match for line in lines if (match := _DRILL.match(line))]
    if not found:
        return ""
    day, scenario, verdict = found[-1].groups()
    return f"{day} ({scenario}, {'passed' if verdict == 'passed' else 'FAILED'})"


def _in_force(config: Config, journal: JournalState | None, login: Login, now_ns: int) -> LimitsTable:
    """A looser value in the file does not hold before somebody has said why; a change that was told does."""
    if journal is None:
        return config.limits
    told = standing(changes_of(journal.limit_changes, _scope(login)), now_ns)
    return limits_table(limit_values(config.limits) | {key: one.value for key, one in told.items()})


def _baselines(journal: JournalState, login: Login) -> Mapping[Limit, Money]:
    found = {}
    for limit in Limit:
        record = journal.baseline(_scope(login), limit.basis.value)
        if record is not None and isinstance(record.event, BaselineSet):
            found[limit] = Money(record.event.equity, record.event.currency)
    return found


def _scope(login: Login) -> Scope:
    return Scope(login.name, login_key(login.host, login.port))
