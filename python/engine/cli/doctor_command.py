"""`qe doctor`: everything that would make the switch fail, found beforehand, with how to mend it."""

from __future__ import annotations

import argparse
import asyncio
import textwrap
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from engine.cli.who import actor
from engine.config.places import config_file, incident_log, state_folder
from engine.config.plan import KillPlan
from engine.config.reader import plan_for_kill
from engine.desk import doctor_home as home_doctor
from engine.desk import doctor_tls, doctor_web
from engine.desk.doctor_login import examine_login
from engine.desk.findings import Finding, Grade, exit_code, fault
from engine.journal.journal import open_journal

INDENT = 21
LEFT_OUT = "put its table right (qe config check): the kill leaves it out until then"
_MARKS = {Grade.WELL: ("well", "green"), Grade.WARNING: ("WARN", "yellow"), Grade.FAULT: ("FAULT", "bold red")}


def doctor(arguments: argparse.Namespace) -> int:
    """0 no fault; 1 there is one, of the switch or of what entries and records need."""
    findings: list[Finding] = []
    console = Console(highlight=False, soft_wrap=True)

    def told(more: Iterable[Finding]) -> None:
        for one in more:
            findings.append(one)
            if not arguments.json:
                console.print(_line(one, console.width))

    path, home, now_ns = config_file(arguments.config), Path(state_folder()), time.time_ns()
    config, first = home_doctor.configuration(path)
    told(first)
    told(home_doctor.state_folder(home))
    told(home_doctor.journal(open_journal(home / "journal", actor=actor("doctor"))))
    told(home_doctor.incident_page(Path(incident_log())))
    told(home_doctor.guard(home, config, now_ns))
    told(doctor_web.cockpit(home, config))
    told(doctor_tls.gateway(config))
    told(home_doctor.guard_service(home))
    if config is not None:
        told(home_doctor.client_ids(config))
        told(home_doctor.alerts(home, config, time.time()))
    told(home_doctor.drills(home, datetime.now(UTC)))
    told(home_doctor.printed_page(home, path, time.time()))
    plan = plan_for_kill(path)  # what `qe kill` would press, however little of the configuration can be read
    told(fault(name, f"where it is could not be determined: {why}", LEFT_OUT) for name, why in plan.unusable.items())
    for of_login in asyncio.run(_logins(plan)):
        told(of_login)
    if arguments.json:
        print(msgspec.json.encode(findings).decode())
    else:
        console.print(_summary(findings))
    return exit_code(findings, strict=arguments.strict)


async def _logins(plan: KillPlan) -> list[list[Finding]]:
    """All at the same time: one that does not answer costs the others nothing."""
    return list(await asyncio.gather(*(examine_login(place, plan.client_id) for place in plan.places)))


def _line(one: Finding, width: int) -> Text:
    mark, style = _MARKS[one.grade]
    text = Text()
    text.append(f"{mark:<6}", style=style)
    text.append(f"{one.about:<14} ", style="bold")
    text.append(_hung(one.what, "", width))
    if one.mend:
        text.append(f"\n{'':{INDENT}}{_hung(one.mend, '→ ', width)}", style="cyan")
    return text


def _hung(text: str, first: str, width: int) -> str:
    """Wrapped beside what stands left of it. Lines that somebody has broken already stay broken."""
    lines = [
        textwrap.fill(
            line, max(20, width - INDENT), initial_indent=first if number == 0 else "", break_on_hyphens=False
        )
        for number, line in enumerate(text.splitlines() or [""])
    ]
    return "\n".join(lines).replace("\n", "\n" + " " * INDENT)


def _summary(findings: list[Finding]) -> Text:
    faults = sum(one.grade is Grade.FAULT and one.of_switch for one in findings)
    beside_it = sum(one.grade is Grade.FAULT and not one.of_switch for one in findings)
    warnings = sum(one.grade is Grade.WARNING for one in findings)
    beside = f"{warnings} warning{'' if warnings == 1 else 's'}"
    if faults:
        what = f"{_things(faults)} would"
        more = f", {_things(beside_it)} more" if beside_it else ""
        return Text(f"\nNOT WELL: {what} make the switch fail{more}, {beside}", style="bold red")
    if beside_it:
        what = f"{_things(beside_it)} would stop entries or lose records"
        return Text(f"\nNOT WELL: the switch would work, but {what}, {beside}", style="bold red")
    return Text(f"\nThe switch would work. {beside}", style="bold green" if not warnings else "yellow")


def _things(count: int) -> str:
    return "one thing" if count == 1 else f"{count} things"
