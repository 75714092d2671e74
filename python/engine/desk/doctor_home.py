"""What would make the switch fail on this machine: configuration, state folder, journal, guard, drills, page."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from engine.config.model import Config
from engine.config.problems import ConfigError
from engine.config.reader import OVERRIDE_PREFIXES, load
from engine.core.known import Unknown
from engine.desk.findings import Finding, fault, warning, well
from engine.desk.runbook_facts import last_drill
from engine.guard.alert_channels import is_known
from engine.guard.alert_stamps import kind_of, taken_s
from engine.guard.control import PATH_MAX, SOCKET, NoGuard, Request, ask
from engine.guard.guard import SPARE_IDS
from engine.guard.service import GUARD, environment_file, file_of
from engine.journal.journal import Journal
from engine.temporary import make_private
from engine.trading import presence

DISK_BYTES_MIN = 200 * 1024 * 1024
DRILL_DAYS_MAX = 31
PAGE_DAYS_MAX = 31
ALERT_DAYS_MAX = 31
UNKNOWN_URL = "put it right in alerts.urls (https://github.com/caronc/apprise has every kind), then qe guard test-alert"
PAGE_STAMP = "runbook.stamp"  # touched when the page is made
KILL_IDS = 8  # so many are tried before it has to look further
DAY_S = 86_400
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def configuration(path: str | None) -> tuple[Config | None, list[Finding]]:
    """The configuration, if it is sound."""
    try:
        config = load(path)
    except ConfigError as error:
        mend = "put these right (qe config check); until then the kill uses what it can read"
        return None, [fault("configuration", str(error), mend)]
    where = path or "no file, the defaults hold"
    return config, [well("configuration", f"{where}: {len(config.logins)} logins")]


def client_ids(config: Config) -> Iterable[Finding]:
    """No engine has an id that the guard or the kill wants: TWS lets in whoever comes first."""
    taken = {
        "the kill": range(config.kill.client_id, config.kill.client_id + KILL_IDS),
        "the guard": range(config.guard.client_id, config.guard.client_id + 1 + SPARE_IDS),
    }
    for login in config.logins:
        for who, ids in taken.items():
            if login.client_id in ids:
                what = f"its engine has client id {login.client_id}, which is one of {who}'s ({ids[0]} to {ids[-1]})"
                yield warning(login.name, what, f"set client_id of [logins.{login.name}] to another")


def state_folder(home: Path) -> Iterable[Finding]:
    """It can be written, and there is room."""
    try:
        make_private(home)
        with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(home).free
    except OSError as error:
        mend = "make room" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "make it writable, or set QE_HOME"
        what = f"{home} cannot be written ({error.strerror or error}): entries stop, a halt rests on the alarm alone"
        yield fault("state folder", f"{what}. The kill needs no folder", mend, of_switch=False)
        return
    if free < DISK_BYTES_MIN:
        what = f"only {free // 1024**2} MB are free where {home} is"
        yield fault("state folder", what, "make room: a full disk stops entries", of_switch=False)
    else:
        yield well("state folder", f"{home} can be written, {free // 1024**3} GB are free")
    if len(os.fsencode(home / SOCKET)) > PATH_MAX:
        what = f"the path {home} is too long for the guard's socket"
        yield warning("state folder", what, "choose a shorter QE_HOME")


def journal(made: Journal) -> Iterable[Finding]:
    """It can be read, and says nothing that it does not understand."""
    state, trouble = made.state(), made.trouble()
    if isinstance(state, Unknown) or trouble is not None:
        what = trouble.what if trouble is not None else getattr(state, "why", "")
        mend = trouble.next_step if trouble is not None else "qe journal verify"
        yield fault("journal", f"cannot be used: {what}. Entries stop; the kill needs none", mend, of_switch=False)
        return
    flaw = made.flaw()
    if flaw is not None:
        yield warning("journal", flaw, "qe status, then halt what should be halted: the record makes a new bell")
    else:
        yield well("journal", f"sound as far as record {state.seq}")
    if state.incidents_open:
        names = ", ".join(state.incidents_open)
        mend = "qe incident show ID; complete its section, then qe incident close"
        yield warning("journal", f"open incidents: {names}", mend)


def incident_page(path: Path) -> Iterable[Finding]:
    """A section can be added to it."""
    folder = path if path.exists() else path.parent
    if os.access(folder, os.W_OK):
        yield well("incident log", f"{path} can be written")
    else:
        what = f"{path} cannot be written: incidents would be in the journal alone"
        yield warning("incident log", what, "make it writable, or set QE_INCIDENT_LOG")


def guard(home: Path, config: Config | None, now_ns: int) -> Iterable[Finding]:
    """Somebody watches, can be called, and can call."""
    age_s = presence.age_s(home, now_ns)
    required = config is not None and config.guard.required
    if age_s is None:
        what = "no guard is running: limits are enforced only while an engine runs"
        yield (fault if required else warning)("guard", what, "qe guard install, or qe guard run")
        return
    if presence.has_died(home):
        yield fault("guard", "the guard has died: nobody watches", "start it anew: qe guard run")
        return
    if age_s > presence.AGE_S_MAX:
        what = f"the guard has given no sign of life for {age_s:.0f} s"
        yield fault("guard", what, "end its process and start it anew: qe guard run")
        return
    try:
        told = ask(home, Request("status"))
    except NoGuard as error:
        mend = "start the guard anew; look at what it has logged"
        yield warning("guard", f"the guard lives and cannot be called: {error}", mend)
        return
    waiting = [f"{name}: {login['waiting_for']}" for name, login in told["logins"].items() if login["waiting_for"]]
    if waiting:
        yield fault("guard", f"it waits for {'; '.join(waiting)}", "see the logins below")
    else:
        yield well("guard", f"watches {', '.join(told['logins'])}")
    yield from _failing(told)


def guard_service(home: Path) -> Iterable[Finding]:
    """This machine starts the guard again, after a crash and when it starts itself."""
    path = file_of(GUARD)
    if path is None:
        return
    if not path.exists():
        what = "nothing starts the guard again after a crash, or when this machine starts"
        yield warning("guard service", what, "qe guard install")
    elif str(home) not in path.read_text(encoding="utf-8", errors="replace"):
        yield warning("guard service", f"{path} is for another state folder than {home}", "qe guard install")
    elif missing := [
        name for name in sorted(os.environ) if name.startswith(OVERRIDE_PREFIXES) and not _given(name, home)
    ]:
        what = f"this shell sets {', '.join(missing)}, and the service does not have it"
        yield warning("guard service", what, f"write it into {environment_file(home)}, or into the configuration")
    else:
        yield well("guard service", f"{path} starts it again")


def _given(name: str, home: Path) -> bool:
    try:
        return f"{name}=" in environment_file(home).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _failing(told: dict[str, object]) -> Iterable[Finding]:
    alerts = told["alerts"]
    failing = alerts.get("failing") if isinstance(alerts, dict) else None
    if failing:
        yield fault("alerts", f"could not be sent: {failing}", "put alerts.urls right, then qe guard test-alert")


def alerts(home: Path, config: Config, now_s: float) -> Iterable[Finding]:
    """Every address has taken an alert lately: one that was never tried is not known to work."""
    if not config.alerts.urls:
        yield warning("alerts", "nobody is called: there is no address", "set alerts.urls, then qe guard test-alert")
    for number, url in enumerate(config.alerts.urls, start=1):
        name, at_s = f"{number}. {kind_of(url)}", taken_s(url, home)
        if not is_known(url):
            yield warning("alerts", f"{name} is no address that Apprise knows: nobody is called over it", UNKNOWN_URL)
        elif at_s is None:
            yield warning("alerts", f"{name} has never taken one: it is not known to work", "qe guard test-alert")
        elif (days := int((now_s - at_s) // DAY_S)) > ALERT_DAYS_MAX:
            yield warning("alerts", f"{name} took the last one {days} days ago", "qe guard test-alert")
        else:
            yield well("alerts", f"{name} took the last one {days} days ago")


def drills(home: Path, today: datetime) -> Iterable[Finding]:
    """The switch was practised lately."""
    last = last_drill(home / "drills")
    found = _DAY.match(last)
    if found is None:
        yield warning("drill", "none is on record", "qe drill")
        return
    days = (today - datetime.fromisoformat(found[0]).replace(tzinfo=UTC)).days
    if "FAILED" in last:
        yield fault("drill", f"the last one failed: {last}", "qe drill, and find out why")
    elif days > DRILL_DAYS_MAX:
        yield warning("drill", f"the last one is {days} days old: {last}", "qe drill")
    else:
        yield well("drill", last)


def printed_page(home: Path, config_path: str | None, now_s: float) -> Iterable[Finding]:
    """It was made lately, and after the configuration was changed last."""
    stamp, mend = home / PAGE_STAMP, "qe runbook -o page.pdf, and print it"
    try:
        made_s = stamp.stat().st_mtime
    except OSError:
        yield warning("printed page", "was never made", mend)
        return
    days = int((now_s - made_s) // DAY_S)
    if config_path is not None and Path(config_path).exists() and Path(config_path).stat().st_mtime > made_s:
        what = "is older than the configuration: what stands on it may be wrong"
        yield warning("printed page", what, mend)
    elif days > PAGE_DAYS_MAX:
        yield warning("printed page", f"is {days} days old", mend)
    else:
        yield well("printed page", f"was made {days} days ago")
