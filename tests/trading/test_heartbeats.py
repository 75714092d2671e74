"""Signs of life: an engine beats while its loop turns, and not one second longer."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.simulator.virtual import run
from engine.trading import heartbeats
from engine.trading.heartbeats import EVERY_S, FOLDER, Heart, Words, file_name, listen
from engine.trading.process_identity import identity


def test_an_engine_beats_until_it_says_good_bye(tmp_path: Path) -> None:
    touches: list[int] = []

    async def main() -> None:
        heart = Heart(tmp_path, "my engine")
        heart.start(("paper",))
        await asyncio.sleep(EVERY_S / 2)
        (beat,) = listen(tmp_path)
        mine = Words(os.getpid(), ("paper",), identity(os.getpid()))
        assert (beat.name, beat.words) == (f"my-engine-{os.getpid()}", mine)
        os.utime(tmp_path / FOLDER / beat.name, ns=(1, 1))
        await asyncio.sleep(EVERY_S)
        touches.append(listen(tmp_path)[0].touched_ns)
        heart.start(("paper", "live"))
        await asyncio.sleep(EVERY_S)
        assert listen(tmp_path)[0].words.logins == ("paper", "live")
        heart.stop()
        heart.stop()
        await asyncio.sleep(EVERY_S)
        assert listen(tmp_path) == ()

    run(main())
    assert touches[0] > 1


def test_a_loop_that_hangs_beats_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the loop asks for a touch."""
    touched: list[float] = []
    monkeypatch.setattr(Heart, "_touch", lambda _self: touched.append(1))

    async def main() -> None:
        heart = Heart(tmp_path, "e")
        heart.start(())
        await asyncio.sleep(3.5 * EVERY_S)

    run(main(), strict=False)
    assert len(touched) == 4


def test_any_program_beats_by_touching_a_file(tmp_path: Path) -> None:
    assert listen(tmp_path) == ()
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "theirs").touch()
    (folder / "odd").write_bytes(b"\xff" * 10_000)
    (folder / ".hidden").touch()
    (folder / "half.new").touch()
    assert [(beat.name, beat.words) for beat in listen(tmp_path)] == [("odd", Words()), ("theirs", Words())]


def test_an_engine_that_is_started_anew_takes_the_place_of_those_of_its_name_that_are_dead(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in (f"e-{dead.pid}", f"other-{dead.pid}", f"e-{os.getppid()}", "e-by-hand"):
        (folder / name).touch()

    async def main() -> None:
        heart = Heart(tmp_path, "e")
        heart.start(())
        await asyncio.sleep(EVERY_S / 2)

    run(main(), strict=False)
    names = {beat.name for beat in listen(tmp_path)}
    assert names == {f"e-{os.getpid()}", f"other-{dead.pid}", f"e-{os.getppid()}", "e-by-hand"}


@pytest.mark.parametrize(
    ("name", "file"), [("../../etc/passwd", "etc-passwd"), ("", "engine"), ("…", "engine"), ("a" * 99, "a" * 60)]
)
def test_a_name_never_becomes_a_path(name: str, file: str) -> None:
    assert file_name(name) == file


def test_a_disk_that_cannot_be_written_is_a_missing_heartbeat_and_no_error(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("no folder")

    async def main() -> None:
        heart = Heart(tmp_path, "e")
        heart.start(())
        await asyncio.sleep(2 * EVERY_S)
        heart.stop()

    run(main(), strict=False)
    with pytest.raises(OSError, match="Not a directory"):
        heartbeats.listen(tmp_path)
