"""`qe engines`: an engine that hangs is ended, and nothing that only has its number."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from engine.cli.commands import main
from engine.desk import engines as desk
from engine.desk.engines import Ending, Life, end, engines
from engine.trading.heartbeats import FOLDER, Words
from engine.trading.process_identity import identity

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
HANGING = "import time; print('up', flush=True); time.sleep(600)"


@contextmanager
def process(program: str) -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert made.stdout is not None
    assert made.stdout.readline() == b"up\n"
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


def beat(name: str, pid: int, began: str | None = None, *, ago_s: float = 0) -> Path:
    folder = Path(os.environ["QE_HOME"]) / FOLDER
    folder.mkdir(exist_ok=True)
    words = Words(pid, ("paper",), identity(pid) if began is None else began)
    (folder / name).write_bytes(msgspec.json.encode(words))
    os.utime(folder / name, (time.time() - ago_s, time.time() - ago_s))
    return folder.parent


def lives(home: Path) -> dict[str, Life]:
    return {one.name: one.life for one in engines(home, time.time_ns())}


def test_alive_silent_dead_and_unknown_are_told_apart() -> None:
    with process(HANGING) as hung:
        home = beat("alive", os.getpid())
        beat("hung", hung.pid, ago_s=60)
        beat("touched", 0)
        beat("somebody-else", os.getpid(), "another start", ago_s=60)
        assert lives(home) == {
            "alive": Life.ALIVE, "hung": Life.SILENT, "touched": Life.UNKNOWN, "somebody-else": Life.DEAD,
        }  # fmt: skip
        hung.kill()
        hung.wait()
        assert lives(home)["hung"] is Life.DEAD


@pytest.mark.parametrize(("program", "told"), [(HANGING, "ended"), (STUBBORN, "ended by force")])
def test_an_engine_that_hangs_is_ended(
    program: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "ASKED_S", 0.5)
    with process(program) as hung:
        beat("e", hung.pid, ago_s=60)
        assert main(["engines", "stop", "e"]) == 0
        assert f"e (process {hung.pid}): {told}\n" in capsys.readouterr().out
        assert hung.wait(5) < 0
        assert main(["engines", "stop", "--all"]) == 0
        assert "was gone already" in capsys.readouterr().out


def test_one_that_hangs_keeps_no_other_alive_meanwhile_and_what_is_being_done_is_said_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "ASKED_S", 1.0)
    with process(STUBBORN) as first, process(STUBBORN) as second, process(HANGING) as third:
        for name, one in (("a", first), ("b", second), ("c", third)):
            beat(name, one.pid, ago_s=60)
        began = time.monotonic()
        assert main(["engines", "stop", "--all"]) == 0
        assert time.monotonic() - began < 1.9  # one second for both that are stubborn, not one for each
        said, *ended = capsys.readouterr().out.splitlines()
        assert said.startswith("Ending a, b, c: asked first, by force after ")
        assert ended[0] == f"c (process {third.pid}): ended"
        assert len(ended) == 4  # and what goes on


def test_a_process_that_only_has_the_number_is_left_alone() -> None:
    with process(HANGING) as other:
        home = beat("e", other.pid, "another start")
        beat("self", os.getpid())
        beat("touched", 0)
        found = {one.name: one for one in engines(home, time.time_ns())}
        assert end(home, found["e"]) is Ending.GONE
        assert end(home, found["self"]) is Ending.NOT_ITS_OWN
        assert end(home, found["touched"]) is Ending.NOT_ITS_OWN
        assert other.poll() is None


def test_what_is_listed_and_what_is_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "list"]) == 0
    assert "no engine" in capsys.readouterr().out
    beat("e", os.getpid(), ago_s=60)
    assert main(["engines", "list"]) == 0
    assert re.search(r"silent +6\d s since its last sign", capsys.readouterr().out), (
        "a loaded machine takes a second more"
    )
    main(["engines", "list", "--json"])
    assert json.loads(capsys.readouterr().out)[0]["life"] == "silent"
    for words in (["stop"], ["stop", "x"], ["stop", "e", "--all"]):
        assert main(["engines", *words]) == 64


def test_that_nothing_was_ended_is_said_with_what_to_do_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    """An engine that never gave a sign of life goes on trading, and whoever is in a hurry takes it for ended."""
    assert main(["engines", "stop", "--all"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("NOTHING WAS ENDED") and "pgrep -af python" in told and "kill -9 NUMBER" in told


def test_signs_that_cannot_be_read_are_no_absence_of_engines(capsys: pytest.CaptureFixture[str]) -> None:
    (Path(os.environ["QE_HOME"]) / FOLDER).write_text("no folder")
    assert main(["engines", "list"]) == 2
    assert "Not a directory" in capsys.readouterr().err


def test_a_process_is_known_by_its_start() -> None:
    assert identity(os.getpid()) == identity(os.getpid()) != ""
    assert identity(0) == identity(-1) == ""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert identity(gone.pid) == ""
    assert identity(os.getpid(), platform="win32") == ""


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="only a system with ps can be asked so")
def test_where_there_is_no_proc_ps_tells_the_start() -> None:
    assert identity(os.getpid(), platform="darwin") == identity(os.getpid(), platform="darwin") != ""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert identity(gone.pid, platform="darwin") == ""
