"""operator/INCIDENT_LOG.md: the incident log as a page that a person completes.

Sections are only ever added at the end. The file is never read, parsed or rewritten, so nothing that a person did to it
can stop anything or get lost. What cannot be written is returned as a sentence.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

HEAD = """\
# Incident log

quant-engine adds a section here for every kill, every breached limit, every difference between its records and the
broker's, and every time it could not see. Complete it: what was the cause, what was done. Then close the incident with
`qe incident close`. What you write here is never changed.
"""
FORM = """\
To be completed by a person:

- Cause:
- What was done about it:
- [ ] positions verified (`python verify_positions.py`)
- [ ] fully understood; trading may go on
- Name, date:
"""
LINES_MAX = 200  # of one list, but for the report; the journal has the rest


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What a section tells. None: not known, which the section says; an empty tuple: there was nothing."""

    incident_id: str
    at_ns: int
    trigger: str
    logins: tuple[str, ...]
    what: str
    joined: bool = False  # a further event of an incident that is open already
    timeline: tuple[tuple[int, str], ...] = ()
    before: tuple[str, ...] | None = None
    after: tuple[str, ...] | None = None
    orders: tuple[str, ...] = ()
    report: str = ""


def section(story: Story) -> str:
    """The section of a story, ready to be completed."""
    more = "further event" if story.joined else "incident"
    title = f"## {_moment(story.at_ns)} UTC: {story.trigger}, {', '.join(story.logins)} ({more} {story.incident_id})"
    parts = [title, _line(story.what)]
    if story.timeline:
        rows = (f"{_clock(at_ns)}  {_line(text)}" for at_ns, text in story.timeline)
        parts.append("Timeline (UTC):\n\n" + _block(rows))
    parts.append("Positions before:" + _listed(story.before))
    parts.append("Positions after:" + _listed(story.after))
    if story.orders:
        parts.append("Orders sent:" + _listed(story.orders))
    if story.report:
        parts.append("Report:\n\n" + _block(story.report.splitlines(), lines_max=None))
    if not story.joined:
        parts.append(FORM.rstrip())
    return "\n\n".join(parts) + "\n"


def closing(incident_id: str, at_ns: int, actor: str, cause: str, action: str) -> str:
    """The section that ends an incident."""
    title = f"## {_moment(at_ns)} UTC: incident {incident_id} closed by {_line(actor)}"
    return f"{title}\n\n- Cause: {_line(cause)}\n- What was done about it: {_line(action)}\n"


def append(path: Path, text: str) -> str | None:
    """Add a section at the end of the file and make it durable. None, or why it could not be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        start = "" if path.exists() else HEAD
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            _write_whole(descriptor, f"{start}\n{text}".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"the incident log {path} cannot be written ({error.strerror or error})"
    return None


def _write_whole(descriptor: int, data: bytes) -> None:
    """All of it, or nothing: a half that a full disk has left is taken off again, unless somebody has added to it."""
    before, written = os.fstat(descriptor).st_size, 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:])
    except OSError:
        if os.fstat(descriptor).st_size == before + written:
            os.ftruncate(descriptor, before)
        raise


def _listed(lines: tuple[str, ...] | None) -> str:
    if lines is None:
        return " not known"
    return "\n\n" + _block(lines) if lines else " none"


def _block(lines: Iterable[str], *, lines_max: int | None = LINES_MAX) -> str:
    """Indented, so that nothing in it is taken for Markdown. `lines_max`: None where all of it is needed."""
    all_ = list(lines)
    shown = [f"    {line}" for line in all_[:lines_max]]
    if len(shown) < len(all_):
        shown.append(f"    and {len(all_) - len(shown)} more: the journal has them (qe journal export)")
    return "\n".join(shown)


def _line(text: str) -> str:
    """One line, whatever was typed: a section must not be ended by its own text."""
    return " ".join(text.split())


def _moment(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _clock(at_ns: int) -> str:
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S") + f".{rest // 1_000_000:03}"
