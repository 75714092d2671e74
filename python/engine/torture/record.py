"""What has been run so far, kept in a file: so that a long run can be stopped and goes on where it was.

A run at another commit or of other seeds is an entry of its own; nothing that was done is forgotten.
"""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from engine.torture.campaign import Result
from engine.torture.generator import FIRST, SeedKind, kind_of

GIT_S = 10.0


class Record:
    """The file `path`, made when something is there to keep."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: list[Result] = []
        if path.exists():
            self.entries = msgspec.json.decode(path.read_bytes(), type=list[Result])

    def entry(self, *, kind: SeedKind, first_seed: int, commit: str) -> Result:
        """The one to go on with: of this commit and this kind of seeds; or a new one, behind all seeds of its kind that
        were ever run. Triples begin anew at every commit: there are only so many."""
        alike = [one for one in self.entries if kind_of(one.first_seed) == kind]
        found = next((one for one in alike if one.commit == commit), None)
        if found is None:
            first = FIRST[kind] if kind == "triples" else max([first_seed, *(one.next_seed for one in alike)])
            found = Result(first_seed=first, commit=commit)
            self.entries.append(found)
        return found

    def keep(self) -> None:
        """Write it, whole or not at all."""
        made = self._path.with_suffix(".new")
        made.write_bytes(msgspec.json.format(msgspec.json.encode(self.entries), indent=1) + b"\n")
        made.replace(self._path)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def commit() -> str:
    """Of the source that runs, with a plus where files were changed; empty where that cannot be known."""
    try:
        head = _git("rev-parse", "--short=10", "HEAD")
        changed = _git("status", "--porcelain", "..")
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if changed else "")


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=GIT_S, check=True).stdout.strip()  # noqa: S603
