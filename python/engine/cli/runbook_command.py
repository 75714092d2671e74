"""`qe runbook`: the emergency page, made from the configuration in force, to be printed."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

from engine.cli.exits import EXIT_CANNOT, EXIT_PROBLEMS, EXIT_USAGE
from engine.cli.who import actor
from engine.config.model import default_config
from engine.config.places import config_file, state_folder
from engine.config.problems import ConfigError
from engine.config.reader import load
from engine.core.known import Unknown
from engine.desk.doctor_home import PAGE_STAMP
from engine.desk.page_blocks import Page
from engine.desk.page_html import html
from engine.desk.page_markdown import markdown
from engine.desk.page_pdf import CannotSet, pdf, png
from engine.desk.runbook import Facts, runbook
from engine.desk.runbook_facts import generic, of_this_machine
from engine.journal.journal import open_journal
from engine.temporary import make_private

_FORMS = {".md": "md", ".markdown": "md", ".html": "html", ".htm": "html", ".pdf": "pdf", ".png": "png"}
_FOR_FILES = ("pdf", "png")
CLONE = Path(__file__).resolve().parents[3]


def make_runbook(arguments: argparse.Namespace) -> int:
    """0 well; 1 the configuration has problems; 2 the page could not be made or written; 64 unknown ending."""
    today = arguments.date or datetime.now(UTC).astimezone().date()
    try:
        facts = generic(default_config(), today) if arguments.generic else _facts(arguments.config, today)
    except ConfigError as error:
        print(error, file=sys.stderr)
        print("No page was made: it would not be true. Put these right, then: qe runbook", file=sys.stderr)
        return EXIT_PROBLEMS
    page = runbook(facts)
    form = arguments.format or _form(arguments.output)
    if form is None:
        known = ", ".join(_FORMS)
        print(
            f"qe runbook: {arguments.output}: nothing was written, for its ending says no form. ",
            end="",
            file=sys.stderr,
        )
        print(f"Known are {known}; or say it: --format md|html|pdf|png", file=sys.stderr)
        return EXIT_USAGE
    try:
        data = _made(page, form, arguments.paper)
        code = _put(data, arguments.output, form)
        if code == 0 and not arguments.generic:
            _remember()
        return code
    except CannotSet as error:
        print(f"qe runbook: {error}", file=sys.stderr)
    except BrokenPipeError:
        raise  # whoever reads has seen enough
    except OSError as error:
        print(f"qe runbook: {arguments.output} cannot be written: {error.strerror}", file=sys.stderr)
    return EXIT_CANNOT


def _made(page: Page, form: str, paper: str) -> bytes:
    match form:
        case "pdf":
            return pdf(page, paper)
        case "png":
            return png(page, paper)
        case "html":
            return html(page).encode()
        case _:
            return markdown(page).encode()


def _form(output: str | None) -> str | None:
    """What the file's name says; None: nothing that is known."""
    return "md" if output is None else _FORMS.get(Path(output).suffix.lower())


def _remember() -> None:
    """When the page was made last, for `qe doctor`. That it cannot be kept stops no page."""
    with contextlib.suppress(OSError):
        make_private(state_folder())
        (Path(state_folder()) / PAGE_STAMP).touch()


def _facts(config: str | None, today: date) -> Facts:
    """Of this machine. A journal that cannot be read leaves today's dollars unknown, and stops no page."""
    folder = Path(state_folder())
    state = open_journal(folder / "journal", actor=actor("runbook")).state() if (folder / "journal").exists() else None
    return of_this_machine(
        load(config_file(config)),
        None if isinstance(state, Unknown) else state,
        clone=CLONE,
        drills=folder / "drills",
        today=today,
        now_ns=time.time_ns(),
    )


def _put(data: bytes, output: str | None, form: str) -> int:
    if output is None:
        if form in _FOR_FILES and sys.stdout.isatty():
            print(f"qe runbook: a {form.upper()} is not for the terminal; name a file: -o page.{form}", file=sys.stderr)
            return EXIT_CANNOT
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return 0
    Path(output).write_bytes(data)
    print(f"wrote {output}: print it, and keep it next to your trading station")
    return 0
