"""What the tests of the journal on disk share: a journal in a folder, other processes on it, and events to append."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import IncidentNoted, Restricted
from engine.journal.journal import Journal
from engine.journal.sqlite_store import SqliteStore

PAPER = Scope("paper")
SOURCE = Path(__file__).parents[2] / "python"
HERE = Path(__file__).parents[1]


def halt(id: str = "h1", scope: Scope = PAPER) -> Restricted:
    return Restricted(
        restriction=Restriction(
            id=id, scope=scope, kind=Kind.HALT, cause=Cause.MANUAL, since_ns=1000, actor="test", reason="a halt"
        )
    )


def note(text: str = "a note") -> IncidentNoted:
    return IncidentNoted(incident_id="i1", text=text)


def on(folder: Path, *, patience_s: float = 2.0) -> Journal:
    return Journal(SqliteStore(folder, patience_s=patience_s), actor="test")


def program(code: str, folder: Path, *words: str, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    """Another process: `journal` is open on the folder, the helpers above are there, `say` tells the test a line."""
    head = (
        "import sys, os\nfrom pathlib import Path\nfrom journal.worlds import *\n"
        "folder = Path(sys.argv[1]); journal = on(folder)\n"
        "def say(text): os.write(1, f'{text}\\n'.encode())\n"
        "def wait(): return sys.stdin.readline()\n"
    )
    return subprocess.Popen(
        [*before, sys.executable, "-c", head + code, str(folder), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{HERE}"},
    )


def hear(child: subprocess.Popen[bytes]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().decode().strip()


def tell(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    child.stdin.write(b"\n")
    child.stdin.flush()


def end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def forked(work: Callable[[], None]) -> int:
    """Do some work in a child that was forked and is killed at the end of it, with nothing closed or flushed."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    return pid
