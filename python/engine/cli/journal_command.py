"""`qe journal`: verify, show, export, archive or repair what was recorded. Only the last two change anything."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from engine.cli.exits import EXIT_CANNOT
from engine.cli.who import actor
from engine.config.places import state_folder
from engine.journal import chain
from engine.journal.archive import archive
from engine.journal.history import line, records, walk
from engine.journal.journal import Journal
from engine.journal.repair import repair
from engine.journal.spool import Spool
from engine.journal.sqlite_store import SqliteStore
from engine.journal.telling import WHAT_WIDTH, Told, Tone, moment, told
from engine.journal.trouble import Code, JournalError

EXIT_WRONG = 1
FOLLOW_EVERY_S = 0.2
_CANNOT = frozenset({Code.BUSY, Code.FULL, Code.READ_ONLY, Code.NOT_ALLOWED, Code.FAILED})
_STYLES = {Tone.STOPS: "bold red", Tone.FREES: "green", Tone.PLAIN: "default"}


def journal(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    folder = Path(arguments.folder) if arguments.folder else Path(state_folder()) / "journal"
    if not any((folder / name).exists() for name in ("journal.db", "bell", "archive")):
        print(f"there is no journal in {folder}: nothing has been recorded there", file=sys.stderr)
        return EXIT_CANNOT
    store = SqliteStore(folder)
    try:
        return _ACTIONS[arguments.action](folder, store, arguments)
    except JournalError as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT if error.trouble.code in _CANNOT else EXIT_WRONG
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # whoever read the lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        store.close()


def _verify(folder: Path, store: SqliteStore, _: argparse.Namespace) -> int:
    found = walk(folder, store)
    mine = Journal(store, actor=actor("journal"))
    trouble = mine.trouble()
    if found.not_here:
        print(f"records up to {found.not_here} were archived, and not all of those archives are here")
    if found.wrong is not None:
        print(f"WRONG: {found.wrong}. Sound up to record {found.tip.seq}.", file=sys.stderr)
    elif trouble is not None:
        print(f"WRONG: {trouble}", file=sys.stderr)
    else:
        print(
            f"sound: {found.archived + found.live} records ({found.archived} archived), {found.live} in the live file"
        )
        print(f"last: record {found.tip.seq}, digest {found.tip.digest.hex()}")
    flaw = mine.flaw()
    if flaw is not None:
        print(f"FLAW: {flaw}", file=sys.stderr)
    waiting = Spool(folder).waiting()
    if waiting:
        print(f"{len(waiting)} files wait to be taken in: {', '.join(map(str, waiting))}")
    return EXIT_WRONG if found.wrong is not None or trouble is not None or flaw is not None else 0


def _tail(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    console = Console(highlight=False, soft_wrap=True)
    first = last = max(0, store.last().seq - arguments.count)
    for one in records(folder, store, first) if first < store.base().seq else store.read(first):
        _show(console, told(chain.opened(one), None))
        last = one.seq
    mark = store.mark()
    while arguments.follow:
        for one in store.read(last):
            _show(console, told(chain.opened(one), None))
            last = one.seq
        time.sleep(FOLLOW_EVERY_S)
        while mark is not None and store.mark() == mark:
            time.sleep(FOLLOW_EVERY_S)
        mark = store.mark()
    return 0


def _show(console: Console, one: Told) -> None:
    text = Text()
    text.append(f"{one.seq:>6}  ", style="dim")
    text.append(f"{one.when}  ", style="cyan")
    text.append(f"{one.what:<{WHAT_WIDTH}}", style=_STYLES[one.tone])
    text.append(f"  {one.about}")
    text.append(f"  [{one.actor}]", style="dim")
    console.print(text)


def _export(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    for one in records(folder, store, arguments.after):
        sys.stdout.buffer.write(line(one) + b"\n")
    sys.stdout.flush()
    return 0


def _archive(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    if arguments.before > datetime.now(UTC):
        print("only days that are over can be archived", file=sys.stderr)
        return EXIT_CANNOT
    before_ns = int(arguments.before.timestamp()) * 1_000_000_000
    done = archive(folder, store, Journal(store, actor=actor("journal")), before_ns=before_ns)
    if done.path is None:
        print(f"no record is older than {moment(before_ns, UTC)} UTC")
    else:
        print(f"{done.records} records are in {done.path} now; the chain goes on behind them")
    return 0


def _repair(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    trouble = Journal(store, actor=actor("journal")).trouble()
    if trouble is None and walk(folder, store).wrong is None:
        print("the journal is sound: nothing was done")
        return 0
    store.close()
    number = int.from_bytes(os.urandom(8), "big") or 1
    done = repair(folder, reason=arguments.reason, actor=actor("journal"), at_ns=time.time_ns(), alarm_number=number)
    print(f"{done.kept} records were kept, up to record {done.last_seq}; the damaged files are in {done.aside}")
    print(
        "Every login is halted, for what was lost may have been a halt. Verify the positions, then resume each login."
    )
    return 0


_ACTIONS: dict[str, Callable[[Path, SqliteStore, argparse.Namespace], int]] = {
    "verify": _verify,
    "tail": _tail,
    "export": _export,
    "archive": _archive,
    "repair": _repair,
}
