"""`qe incident`: list, show, note, close. Closing needs the cause and what was done about it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from engine.cli.exits import EXIT_CANNOT, EXIT_REFUSED
from engine.cli.who import actor
from engine.config.places import incident_log, state_folder
from engine.desk import incidents
from engine.desk.incidents import Incident, IncidentError
from engine.desk.kill_positions import Row, position_rows
from engine.journal import chain
from engine.journal.begun import has_begun
from engine.journal.events import Record
from engine.journal.history import records
from engine.journal.journal import open_journal
from engine.journal.sqlite_store import SqliteStore
from engine.journal.telling import WHAT_WIDTH, moment, told
from engine.journal.trouble import JournalError, Trouble
from engine.trading.shortly import shortly


def incident(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    folder = Path(state_folder()) / "journal"
    try:
        return _ACTIONS[arguments.action](folder, _read(folder), arguments)
    except IncidentError as error:
        print(f"qe incident: {error}. Nothing was changed.", file=sys.stderr)
        return EXIT_REFUSED
    except JournalError as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT


def _read(folder: Path) -> list[Record]:
    if not (folder / "journal.db").exists() and not (folder / "archive").exists():
        looks = folder.exists() or has_begun(folder)
        trouble = open_journal(folder, actor=actor("incident")).trouble() if looks else None
        if trouble is not None:
            raise JournalError(trouble)
        return []
    store, damaged = SqliteStore(folder), list[Trouble]()
    try:
        found = [chain.opened(one) for one in records(folder, store, 0, damaged=damaged)]
        for one in damaged:
            print(f"NOT ALL: {one}", file=sys.stderr)
        return found
    finally:
        store.close()


def _list(_: Path, all_records: list[Record], arguments: argparse.Namespace) -> int:
    found = [one for one in incidents.incidents(all_records).values() if arguments.all or one.open]
    if arguments.json:
        print(msgspec.json.encode([_data(one) for one in found]).decode())
        return 0
    if not found:
        print("no incident" if arguments.all else "no open incident (all that there were: qe incident list --all)")
        return 0
    console = _console()
    for one in found:
        console.print(_line(one, shortly(one.what.split("; "))))
    return 0


def _show(_: Path, all_records: list[Record], arguments: argparse.Namespace) -> int:
    one = incidents.pick(incidents.incidents(all_records), arguments.incident)
    belonging = incidents.timeline(all_records, one)
    if arguments.json:
        rows = [{"at_ns": record.at_ns, "actor": record.actor, "event": record.event} for record in belonging]
        print(msgspec.json.encode({**_data(one), "timeline": rows}, enc_hook=str).decode())
        return 0
    console = _console()
    console.print(_line(one, one.what))
    console.print(Text("\nTimeline", style="bold"))
    for record in belonging:
        line = told(record, None)
        console.print(Text(f"  {line.when}  {line.what:<{WHAT_WIDTH}}  {line.about}  [{line.actor}]"))
    report = incidents.report_of(belonging)
    if report is not None:
        _show_positions(console, position_rows(belonging, one.logins), flat=report.flat)
    for at_ns, who, text in one.notes:
        console.print(Text(f"\nNote, {moment(at_ns, None)}, {who}:\n  {text}"))
    if one.open:
        console.print(Text(f"\nTo close it: qe incident close {one.id} --cause TEXT --action TEXT", style="bold"))
    else:
        console.print(Text(f"\nClosed by {one.closed_by}\n  cause: {one.cause}\n  done:  {one.action}"))
    return 0


def _note(folder: Path, all_records: list[Record], arguments: argparse.Namespace) -> int:
    one = incidents.pick(incidents.incidents(all_records), arguments.incident)
    who = actor("incident")
    incidents.note(open_journal(folder, actor=who), one, arguments.text, actor=who)
    print(f"noted on incident {one.id}")
    return 0


def _close(folder: Path, all_records: list[Record], arguments: argparse.Namespace) -> int:
    one = incidents.pick(incidents.incidents(all_records), arguments.incident)
    who, page = actor("incident"), Path(incident_log())
    journal = open_journal(folder, actor=who)
    missed = incidents.close(journal, one, page, cause=arguments.cause, action=arguments.action_taken, actor=who)
    print(f"incident {one.id} is closed ({', '.join(one.logins)})")
    print(missed or f"added to {page}")
    return 0


def _show_positions(console: Console, rows: list[Row], *, flat: bool) -> None:
    """Positions before and after. Where the kill could not read, nothing left to show is not nothing left."""
    left = [row for row in rows if row.left]
    for title, these, known in (("before the kill", rows, bool(rows) or flat), ("after it", left, bool(left) or flat)):
        console.print(Text(f"\nPositions {title}", style="bold"))
        lines = [f"  {row.login} {row.account}: {row.quantity} {row.name}" for row in these]
        console.print(Text("\n".join(lines) or ("  none" if known else "  not known")))


def _line(one: Incident, what: str) -> Text:
    text = Text()
    text.append(f"{one.id}  ", style="bold")
    text.append("OPEN    " if one.open else "closed  ", style="bold red" if one.open else "green")
    text.append(f"{moment(one.opened_ns, None)[:19]}  {one.trigger}, {', '.join(one.logins)}: {what}")
    return text


def _data(one: Incident) -> dict[str, object]:
    return {
        "id": one.id,
        "open": one.open,
        "opened_ns": one.opened_ns,
        "closed_ns": one.closed_ns,
        "logins": list(one.logins),
        "trigger": one.trigger,
        "what": one.what,
        "cause": one.cause,
        "action": one.action,
        "notes": [{"at_ns": at_ns, "actor": who, "text": text} for at_ns, who, text in one.notes],
    }


def _console() -> Console:
    return Console(highlight=False, soft_wrap=True)


_ACTIONS: dict[str, Callable[[Path, list[Record], argparse.Namespace], int]] = {
    "list": _list,
    "show": _show,
    "note": _note,
    "close": _close,
}
