"""Signs of life: an engine beats while its loop turns, and not one second longer."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.simulator.virtual import run
from engine.trading import heartbeats
from engine.trading.heartbeats import EVERY_S, FOLDER, Heart, Words, beat_for, file_name, good_bye_of, listen
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


def test_a_sign_of_life_from_elsewhere_is_a_touch_and_its_good_bye_a_removal(tmp_path: Path) -> None:
    beat_for(tmp_path, "../far away", ("paper",))
    (beat,) = listen(tmp_path)
    assert (beat.name, beat.words) == ("far-away", Words(0, ("paper",))), "nothing that it says becomes a path"
    path = tmp_path / FOLDER / beat.name
    os.utime(path, ns=(1, 1))
    beat_for(tmp_path, "../far away", ("paper",))
    assert listen(tmp_path)[0].touched_ns > 1
    beat_for(tmp_path, "../far away", ("live",))
    assert listen(tmp_path)[0].words.logins == ("live",)
    for _ in range(2):
        good_bye_of(tmp_path, "../far away")
        assert listen(tmp_path) == ()


def test_what_says_nothing_is_an_engine_of_all_logins_and_what_is_being_written_is_none(tmp_path: Path) -> None:
    assert listen(tmp_path) == (), "no folder, no engines"
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name, data in (("touched", b""), ("odd", b"{"), (".hidden", b""), ("half.new", b"")):
        (folder / name).write_bytes(data)
    assert [(one.name, one.words) for one in listen(tmp_path)] == [("odd", Words()), ("touched", Words())]


def test_one_that_says_good_bye_while_the_folder_is_read_is_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat_for(tmp_path, "gone", ())

    def gone(_path: Path) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(heartbeats, "_head", gone)
    assert listen(tmp_path) == ()


def test_who_is_started_anew_takes_the_place_of_those_of_its_name_that_are_dead(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in (f"mine-{dead.pid}", f"mine-{os.getppid()}", "mine-abc", f"other-{dead.pid}"):
        (folder / name).write_bytes(b"")

    async def main() -> None:
        heart = Heart(tmp_path, "mine")
        heart.start(())
        await asyncio.sleep(EVERY_S)
        assert {one.name for one in listen(tmp_path)} == {
            f"mine-{os.getpid()}",
            f"mine-{os.getppid()}",
            "mine-abc",
            f"other-{dead.pid}",
        }
        heart.stop()

    run(main())


def test_a_program_that_ends_right_behind_its_good_bye_has_said_it(tmp_path: Path) -> None:
    """A short script that ends well must not have the guard halt everything half a minute later."""
    slow = (
        "unlink = Path.unlink; Path.unlink = lambda self, missing_ok=False: (time.sleep(0.2), unlink(self, missing_ok))"
    )
    script = f"""
import asyncio, sys, time
from pathlib import Path
from engine.trading.heartbeats import Heart
path = Path(sys.argv[1])
{slow}
async def main():
    heart = Heart(path, "short")
    heart.start(("paper",))
    await asyncio.sleep(0.3)
    assert list((path / "heartbeats").iterdir())
    await heart.good_bye()
asyncio.run(main())
"""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, env=environ)
    assert listen(tmp_path) == ()


def test_a_touch_that_was_under_way_does_not_put_back_what_the_good_bye_removed(tmp_path: Path) -> None:
    heart = Heart(tmp_path, "e")

    async def main() -> None:
        heart.start(())
        await asyncio.sleep(EVERY_S / 2)
        await heart.good_bye()

    run(main())
    heart._touch()  # asked for before, and held up until now
    assert listen(tmp_path) == ()


def test_a_disk_that_hangs_holds_no_good_bye_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(Heart, "_remove", lambda _self: released.wait(10))

    async def main() -> float:
        heart = Heart(tmp_path, "e")
        heart.start(())
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        await heart.good_bye()
        return asyncio.get_running_loop().time() - began

    try:
        assert asyncio.run(main()) < 5
    finally:
        released.set()


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
