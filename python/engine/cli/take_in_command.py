"""`qe journal take-in`: what a program printed because nothing could take it, back into the journal. A parcel goes in
whole and once, however often it is asked for; what is not exactly what was printed is named and left out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from engine.cli.exits import EXIT_CANNOT
from engine.cli.who import actor
from engine.journal import chain
from engine.journal.events import TakenIn
from engine.journal.history import records
from engine.journal.journal import Journal
from engine.journal.parcels import Found, Parcel, parse
from engine.journal.sqlite_store import SqliteStore
from engine.journal.telling import told
from engine.journal.trouble import Trouble

EXIT_WRONG = 1
BYTES_MAX = 256 << 20  # more than a program prints that holds all it has room for
_HEAD = b'{"event":"taken_in"'
_CANNOT_TELL = (
    "nothing was taken in: whether it is in the journal already may stand in an archive that is not here, or damaged. "
    "Put it back into the folder archive of the journal, then take the file in"
)


def take_in(folder: Path, store: SqliteStore, file: Path) -> int:
    """Run it. Raises JournalError, and then nothing was taken in."""
    text = _text(file)
    if text is None:
        return EXIT_CANNOT
    found = parse(text)
    if found.parcels:
        known = _known(folder, store, found.parcels)
        if known is None:
            print(_CANNOT_TELL, file=sys.stderr)
            return EXIT_CANNOT
        taken = Journal(store, actor=actor(f"journal take-in {file}")).take_in(found.parcels, known=known)
        new = [one for one in taken.sealed if not one.body.startswith(_HEAD)]
        for one in new:
            print(told(chain.opened(one), None))
        print(f"{len(new)} {'record was' if len(new) == 1 else 'records were'} taken in from {file}")
        for name in taken.known:
            print(f"in the journal already, and not taken in again: {name}")
    return _left(found)


def _left(found: Found) -> int:
    """Say what was left out."""
    for what in found.wrong:
        print(f"NOT TAKEN IN: {what}", file=sys.stderr)
    if found.other_lines:
        lines = "1 line is no record" if found.other_lines == 1 else f"{found.other_lines} lines are no records"
        sections = "Sections of the incident log among them are added by hand, each to the page that it names"
        print(f"{lines}. {sections}", file=sys.stderr)
    if not found.parcels and not found.wrong:
        print('no record was found, and nothing taken in: each is a line that begins with {"parcel":', file=sys.stderr)
        return EXIT_WRONG
    return EXIT_WRONG if found.wrong else 0


def _text(file: Path) -> str | None:
    try:
        with file.open("rb") as source:
            data = source.read(BYTES_MAX + 1)
    except OSError as error:
        print(f"{file}: {error.strerror or error}", file=sys.stderr)
        return None
    if len(data) > BYTES_MAX:
        print(f"{file} is longer than anything that a program prints", file=sys.stderr)
        return None
    return data.decode("utf-8", "replace")  # a record is plain ASCII: what is not belongs to none, or spoils its check


def _known(folder: Path, store: SqliteStore, parcels: Iterable[Parcel]) -> frozenset[str] | None:
    """The names of these that any record says were taken in. None: records are not here that could say so."""
    if not store.last().seq:
        return frozenset()
    wanted = {one.name for one in parcels}
    since_ns = min(draft.at_ns for one in parcels for draft in one.drafts)
    found: set[str] = set()
    damaged: list[Trouble] = []
    last = 0
    for one in records(folder, store, damaged=damaged):
        if one.seq != last + 1 and one.at_ns > since_ns:  # of those before it, some may be younger than the parcels
            return None
        last = one.seq
        if one.body.startswith(_HEAD):
            event = chain.opened(one).event
            if isinstance(event, TakenIn) and event.spool in wanted:
                found.add(event.spool)
    for trouble in damaged:
        print(trouble, file=sys.stderr)
    return None if damaged else frozenset(found)
