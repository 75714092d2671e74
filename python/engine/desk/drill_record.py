"""The record a drill leaves: one JSON file, and one line of a Markdown list that a person can read years later.

Records are only ever added. They say whether a simulator or a paper TWS was drilled: the one is no evidence of IBKR.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from engine.desk.drill_result import DrillResult, ToldLogin
from engine.desk.paper_drill import PaperDrill
from engine.temporary import make_private

LIST_NAME = "DRILLS.md"
LIST_HEAD = """\
# Drills of the kill switch

Each line is one drill: when, which scenario of the simulator or which paper login, the verdict, how every login ended,
and how long it took from the press to the first global cancel and to the proof. A simulator proves nothing about IBKR.

| when (UTC) | scenario | verdict | logins | record |
| --- | --- | --- | --- | --- |
"""


def leave_record(result: DrillResult, folder: Path) -> Path:
    """Write the record and its line; returns the JSON file. Raises OSError when it cannot be kept."""
    make_private(folder)
    path = _unused(folder, f"{_stamp(result.started_at)}-{Path(result.scenario).stem}")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    _list(folder, line_of(result, path.name))
    return path


def _list(folder: Path, line: str) -> None:
    with (folder / LIST_NAME).open("a", encoding="utf-8") as listed:
        if listed.tell() == 0:
            listed.write(LIST_HEAD)
        listed.write(line + "\n")
        listed.flush()
        os.fsync(listed.fileno())


def leave_paper_record(result: PaperDrill, folder: Path) -> Path:
    """The same for a drill on a paper TWS. Raises OSError when it cannot be kept."""
    make_private(folder)
    path = _unused(folder, f"{_stamp(result.started_at)}-paper-{result.login}")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    verdict = "passed" if result.passed else "**FAILED**"
    logins = " · ".join(map(_login, result.told.logins.values())) if result.told else "no report"
    cells = (result.started_at[:16].replace("T", " "), f"paper:{result.login}", verdict, logins, f"[JSON]({path.name})")
    _list(folder, "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return path


def line_of(result: DrillResult, record: str) -> str:
    """The Markdown line."""
    verdict = "passed" if result.passed else "**FAILED**: " + "; ".join(finding.text for finding in result.findings)
    logins = " · ".join(map(_login, result.told.logins.values())) if result.told else "no report"
    cells = (result.started_at[:16].replace("T", " "), result.scenario, verdict, logins, f"[JSON]({record})")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _login(login: ToldLogin) -> str:
    timings = login.timings
    times = [
        f"{name} {value:.0f} ms"
        for name, value in (("cancel", timings.first_cancel_ms), ("flat", timings.flat_ms))
        if value is not None
    ]
    return f"{login.name} {login.outcome.value}" + (f" ({', '.join(times)})" if times else "")


def _stamp(started_at: str) -> str:
    return datetime.fromisoformat(started_at).strftime("%Y-%m-%dT%H-%M-%SZ")


def _unused(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}.json", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.json"
    return path
