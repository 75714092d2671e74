"""Commands that the cockpit starts as processes of their own: the kill, and drills.

Each is started so that it outlives the cockpit; what it says goes into files and not into a pipe, so that nothing can
hold it up. Where no file can be made in the state folder it goes elsewhere, and the process is started all the same.
Must never wait for one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.own_program import qe

TEXT_BYTES_MAX = 200_000
ROOM_BYTES = 65_536  # for what a run says
AT_WORK_MAX = 4  # of one kind: a second press joins the first, and a hundredth does not help
KEPT_MAX = 200


class CannotStart(Exception):
    """The process was not started; the text says why, and what to do."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as its files show it. `code` None: it is at work, or nobody saw it end."""

    id: str
    at_work: bool
    code: int | None
    said: str
    result: str


class Runs:
    """The runs of one kind. `words`: what stands behind `qe`."""

    def __init__(self, folder: Path, words: tuple[str, ...], *, command: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._words = words
        self._command = command or qe()
        self._spare: Path | None = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, words: list[str], environ: Mapping[str, str] = os.environ) -> str:
        """Its id. Raises CannotStart."""
        at_work = [one for one, process in self._processes.items() if process.poll() is None]
        if len(at_work) >= AT_WORK_MAX:
            raise CannotStart(f"{len(at_work)} are at work already ({', '.join(at_work)}): see what they say")
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.urandom(3).hex()}"
        source = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, (source, environ.get("PYTHONPATH", ""))))
        out, err = self._outputs(name)
        try:
            self._processes[name] = subprocess.Popen(  # noqa: S603 (our own command)
                [*self._command, *self._words, *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**environ, "PYTHONPATH": paths, "NO_COLOR": "1"},
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"the process could not be started: {error.strerror or error}") from error
        finally:
            for one in {out, err} - {subprocess.DEVNULL}:
                os.close(one)
        with contextlib.suppress(OSError):
            self._file(name, "pid").write_text(str(self._processes[name].pid), encoding="ascii")
        self._forget()
        return name

    def _outputs(self, name: str) -> tuple[int, int]:
        """Where it says what: files in the state folder; else in a folder for a while; else nowhere. On a full disk a
        file can be made, and takes nothing.
        """
        made: list[int] = []
        for folder in (self._usual, self._elsewhere):
            try:
                place = folder()
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
                for suffix in ("out", "err"):
                    made.append(os.open(place / f"{name}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                    _has_room(made[-1])
            except OSError:
                for suffix in ("out", "err"):
                    with contextlib.suppress(OSError):
                        (place / f"{name}.{suffix}").unlink(missing_ok=True)
                while made:
                    os.close(made.pop())
                continue
            return made[0], made[1]
        return subprocess.DEVNULL, subprocess.DEVNULL

    def _usual(self) -> Path:
        return self._folder

    def _elsewhere(self) -> Path:
        """Raises OSError."""
        if self._spare is None:
            self._spare = Path(tempfile.mkdtemp(prefix="quant-engine-"))
        return self._spare

    def last(self) -> Run | None:
        """The newest one, of this cockpit or of one before it."""
        names = sorted({*self._processes, *(path.stem for folder in self._folders() for path in folder.glob("*.out"))})
        return self.look(names[-1]) if names else None

    def _folders(self) -> tuple[Path, ...]:
        return (self._folder,) if self._spare is None else (self._folder, self._spare)

    def look(self, name: str) -> Run | None:
        """None: there is none of that name."""
        process = self._processes.get(name)
        if process is None and not (name.replace("-", "").isalnum() and self._file(name, "out").exists()):
            return None
        code = None if process is None else process.poll()
        at_work = code is None if process is not None else self._lives(name)
        return Run(id=name, at_work=at_work, code=code, said=self._text(name, "err"), result=self._text(name, "out"))

    def _lives(self, name: str) -> bool:
        """A process that an earlier cockpit has started."""
        try:
            os.kill(int(self._file(name, "pid").read_text(encoding="ascii")), 0)
        except (OSError, ValueError):
            return False
        return not self._text(name, "out")  # a result stands at the end; a number may belong to another by now

    def _text(self, name: str, suffix: str) -> str:
        try:
            with self._file(name, suffix).open("rb") as file:
                return file.read(TEXT_BYTES_MAX).decode("utf-8", "replace")
        except OSError:
            return ""

    def _file(self, name: str, suffix: str) -> Path:
        spare = None if self._spare is None else self._spare / f"{name}.{suffix}"
        return spare if spare is not None and spare.exists() else self._folder / f"{name}.{suffix}"

    def _forget(self) -> None:
        for path in sorted(self._folder.glob("*.out"))[:-KEPT_MAX]:
            for suffix in ("out", "err", "pid"):
                with contextlib.suppress(OSError):
                    path.with_suffix(f".{suffix}").unlink(missing_ok=True)


def _has_room(descriptor: int) -> None:
    """Raises OSError: a report would not fit."""
    if os.write(descriptor, bytes(ROOM_BYTES)) != ROOM_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.ftruncate(descriptor, 0)
