"""`qe journal`: verify, tail, export, archive, take in or repair. Only the last three change anything."""

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
from engine.cli.take_in_command import take_in
from engine.cli.who import actor
from engine.config.places import state_folder
from engine.journal import chain
from engine.journal.archive import archive
from engine.journal.begun import has_begun
from engine.journal.elsewhere import MAY_BE_COPIED, read_elsewhere
from engine.journal.events import Repaired
from engine.journal.history import Walk, line, records, walk
from engine.journal.journal import Journal
from engine.journal.repair import repair
from engine.journal.spool import Spool
from engine.journal.sqlite_store import SqliteStore
from engine.journal.stops import FORGOTTEN
from engine.journal.store import Alarm
from engine.journal.telling import WHAT_WIDTH, Told, Tone, moment, told
from engine.journal.trouble import Code, JournalError, Trouble

EXIT_WRONG = 1
FOLLOW_EVERY_S = 0.2
_CANNOT = frozenset({Code.BUSY, Code.FULL, Code.READ_ONLY, Code.NOT_ALLOWED, Code.FAILED})
HALTED = "Every login is halted, for what was lost may have been a halt. Verify the positions, then resume each login."
_STYLES = {Tone.STOPS: "bold red", Tone.FREES: "green", Tone.PLAIN: "default"}


def journal(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes stand in the help."""
    folder = Path(arguments.folder) if arguments.folder else Path(state_folder()) / "journal"
    if not has_begun(folder) and arguments.action != "take-in":  # which may come before any other record
        print(f"there is no journal in {folder}: nothing has been recorded there", file=sys.stderr)
        return EXIT_CANNOT
    store = SqliteStore(folder)
    try:
        return _ACTIONS[arguments.action](folder, store, arguments)
    except JournalError as error:
        print(error, file=sys.stderr)
        if arguments.action in _READS and error.trouble.code in MAY_BE_COPIED:
            return _from_copy(folder, arguments)
        return EXIT_CANNOT if error.trouble.code in _CANNOT else EXIT_WRONG
    except KeyboardInterrupt:
        return 0
    finally:
        store.close()


def _from_copy(folder: Path, arguments: argparse.Namespace) -> int:
    """What only reads can be done all the same. The exit code says that something is wrong."""
    try:
        with read_elsewhere(folder) as store:
            print("What follows is read from a copy, taken just now:", file=sys.stderr)
            arguments.follow = False
            _READS[arguments.action](folder, store, arguments)
    except JournalError as error:
        print(error, file=sys.stderr)
    except OSError as error:
        if error.filename is None:
            raise  # it is our output that cannot be written
        why = f"{error.filename}: {error.strerror or error}"
        print(
            f"It could not be read from a copy either ({why}). Set TMPDIR to a folder on a disk with room",
            file=sys.stderr,
        )
    return EXIT_CANNOT


def _verify(folder: Path, store: SqliteStore, _: argparse.Namespace) -> int:
    found = walk(folder, store)
    mine = Journal(store, actor=actor("journal"))
    trouble = mine.trouble()
    if found.not_here:
        print(f"records up to {found.not_here} were archived, and not all of those archives are here")
    if trouble is not None:
        print(f"WRONG: {trouble}", file=sys.stderr)
    elif found.wrong_live is not None:
        print(f"WRONG: {_old_damage(found)}", file=sys.stderr)
    else:
        print(
            f"sound: {_counted(found.archived + found.live)} ({found.archived} archived), {found.live} in the live file"
        )
        print(f"last: record {found.tip.seq}, digest {found.tip.digest.hex()}")
    if found.wrong_archive is not None:
        print(f"WRONG: {Trouble(Code.ARCHIVE, found.wrong_archive)}", file=sys.stderr)
    flaw = mine.flaw()
    if flaw is not None:
        print(f"FLAW: {flaw}", file=sys.stderr)
    waiting = Spool(folder).waiting()
    if waiting:
        they = "1 file waits" if len(waiting) == 1 else f"{len(waiting)} files wait"
        print(f"{they} to be taken in: {', '.join(map(str, waiting))}")
    return EXIT_WRONG if found.wrong is not None or trouble is not None or flaw is not None else 0


def _old_damage(found: Walk) -> str:
    """Damage that no reader has met, because it begins at a snapshot behind it."""
    return (
        f"the journal: {found.wrong_live}; it is sound up to record {found.tip.seq}. Now orders go on: what is in "
        "force is read from a later snapshot, which is sound. To do: restore the file from a copy, or keep what is "
        "sound with: qe journal repair --reason TEXT"
    )


def _counted(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"


def _tail(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    console = Console(highlight=False, soft_wrap=True)
    damaged: list[Trouble] = []
    first = last = max(0, store.last().seq - arguments.count)
    for one in records(folder, store, first, damaged=damaged) if first < store.base().seq else store.read(first):
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
    return _told_damage(damaged)


def _told_damage(damaged: list[Trouble]) -> int:
    """Archives that were left out, on the channel for errors."""
    for one in damaged:
        print(f"NOT ALL: {one}", file=sys.stderr)
    return EXIT_WRONG if damaged else 0


def _show(console: Console, one: Told) -> None:
    text = Text()
    text.append(f"{one.seq:>6}  ", style="dim")
    text.append(f"{one.when}  ", style="cyan")
    text.append(f"{one.what:<{WHAT_WIDTH}}", style=_STYLES[one.tone])
    text.append(f"  {one.about}")
    text.append(f"  [{one.actor}]", style="dim")
    console.print(text)


def _export(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    damaged: list[Trouble] = []
    last = arguments.after
    for one in records(folder, store, arguments.after, damaged=damaged):
        if one.seq > last + 1:
            absent = f"record {last + 1} is" if one.seq == last + 2 else f"records {last + 1} to {one.seq - 1} are"
            print(f"NOT ALL: {absent} not here", file=sys.stderr)
        sys.stdout.buffer.write(line(one) + b"\n")
        last = one.seq
    sys.stdout.flush()
    return _told_damage(damaged)


def _archive(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    if arguments.before > datetime.now(UTC):
        print("only days that are over can be archived", file=sys.stderr)
        return EXIT_CANNOT
    before_ns = int(arguments.before.timestamp()) * 1_000_000_000
    done = archive(folder, store, Journal(store, actor=actor("journal")), before_ns=before_ns)
    if done.path is None:
        print(f"no record is older than {moment(before_ns, UTC)} UTC")
    else:
        verb = "is" if done.records == 1 else "are"
        print(f"{_counted(done.records)} {verb} in {done.path} now; the chain goes on behind")
    return 0


def _repair(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    trouble = Journal(store, actor=actor("journal")).trouble()
    found = walk(folder, store) if trouble is None else None
    if found is not None and found.wrong_live is None:
        alarm = store.alarm()
        if alarm is not None and alarm.text == FORGOTTEN:
            _go_on(store, alarm, arguments.reason)
        else:
            print("the live journal is sound: nothing was done")
        if found.wrong_archive is not None:
            print(f"WRONG: {Trouble(Code.ARCHIVE, found.wrong_archive)}", file=sys.stderr)
        return EXIT_WRONG if found.wrong_archive is not None else 0
    store.close()
    number = int.from_bytes(os.urandom(8), "big") or 1
    done = repair(folder, reason=arguments.reason, actor=actor("journal"), at_ns=time.time_ns(), alarm_number=number)
    kept = f"{_counted(done.kept)} kept, up to record {done.last_seq}" if done.kept else "no record could be kept"
    print(f"{kept}; the damaged files are in {done.aside}")
    print(HALTED)
    return 0


def _go_on(store: SqliteStore, alarm: Alarm, reason: str) -> None:
    """The file is sound, and programs that run have read one that went further: with a person's word they go on."""
    what = f"gone on from what is left, behind records that a program that ran had read: {reason}"
    Journal(store, actor=actor("journal")).append(Repaired(what=what, alarm=alarm.number))
    print("the live journal is sound, and without records that programs which run have read; they go on from it now")
    print(HALTED)


def _take_in(folder: Path, store: SqliteStore, arguments: argparse.Namespace) -> int:
    return take_in(folder, store, Path(arguments.file))


_READS: dict[str, Callable[[Path, SqliteStore, argparse.Namespace], int]] = {
    "verify": _verify,
    "tail": _tail,
    "export": _export,
}
_ACTIONS = {**_READS, "archive": _archive, "take-in": _take_in, "repair": _repair}
