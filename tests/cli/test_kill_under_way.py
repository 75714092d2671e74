"""The glance at who closes already: only a living process that says so counts, and whatever is unclear means nobody."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.broker import lock_files
from engine.broker.closing_right import ClosingRight
from engine.broker.lock_names import login_key
from engine.cli import kill_under_way
from engine.cli.kill_under_way import Glance, key_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="no glance on this system")

HOST, PORT = "127.0.0.1", 7497
PATIENCE_S = 5.0


def right(locks: Path, *, struck: bool = True) -> ClosingRight:
    made = ClosingRight(HOST, PORT, "kill k1", locks)
    made.take()
    if struck:
        made.mark_struck()
    return made


def found(locks: Path, *places: tuple[str, int]) -> set[tuple[str, int]]:
    """Those of the places that it contains."""
    glance = Glance(list(places or [(HOST, PORT)]), str(locks))
    return {place for place in places or [(HOST, PORT)] if place in glance}


@pytest.fixture(autouse=True)
def a_machine_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_under_way, "PATIENCE_S", PATIENCE_S)


def test_a_kill_at_work_that_has_cancelled_is_seen_by_every_name_of_its_login(tmp_path: Path) -> None:
    held = right(tmp_path)
    assert found(tmp_path) == {(HOST, PORT)}
    assert found(tmp_path, ("localhost", PORT), (HOST, 7496)) == {("localhost", PORT)}
    held.release()
    assert found(tmp_path) == set()


def test_one_that_has_not_cancelled_yet_does_not_hold_the_strike_back(tmp_path: Path) -> None:
    held = right(tmp_path, struck=False)
    assert found(tmp_path) == set()
    held.release()


def test_a_dead_one_does_not_hold_the_strike_back(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom engine.broker.closing_right import ClosingRight\n"
        f"r = ClosingRight({HOST!r}, {PORT}, 'k', Path(sys.argv[1]))\nr.take(); r.mark_struck()\nimport os; os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert kill_under_way.STRUCK in (tmp_path / f"{login_key(HOST, PORT)}.lock").read_bytes()
    assert found(tmp_path) == set()


def test_the_newest_generation_is_looked_at(tmp_path: Path) -> None:
    old = right(tmp_path)
    lock_files.open_shared(tmp_path / f"{login_key(HOST, PORT)}~1.lock")
    assert found(tmp_path) == set()
    old.release()
    held = right(tmp_path)
    assert found(tmp_path) == {(HOST, PORT)}
    held.release()


@pytest.mark.parametrize(
    "said", [b"", b"process", b"process x,", b"somebody 1, kill", b"process 99999999999999999999, kill", b"\xff" * 512]
)
def test_a_file_that_says_something_else_says_nothing(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / f"{login_key(HOST, PORT)}.lock"
    path.write_bytes(said.ljust(kill_under_way.STRUCK_AT, b"\0") + kill_under_way.STRUCK)
    assert found(tmp_path) == set()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    held = right(tmp_path / "real")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / f"{login_key(HOST, PORT)}.lock").symlink_to(
        tmp_path / "real" / f"{login_key(HOST, PORT)}.lock"
    )
    assert found(tmp_path / "links") == set()
    held.release()


def test_another_users_process_lives_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert kill_under_way.lives(1)


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, answers = right(tmp_path), threading.Event()
    seen, listdir = threading.Event(), os.listdir

    def hangs(path: str) -> list[str]:
        seen.set()
        answers.wait(PATIENCE_S)
        return listdir(path)

    monkeypatch.setattr(os, "listdir", hangs)
    monkeypatch.setattr(kill_under_way, "PATIENCE_S", 0.005)
    glance = Glance([(HOST, PORT), (HOST, 7496)], str(tmp_path))
    assert seen.wait(PATIENCE_S)
    began = time.monotonic()
    assert (HOST, PORT) not in glance
    monkeypatch.setattr(kill_under_way, "PATIENCE_S", PATIENCE_S)
    assert (HOST, 7496) not in glance, "and it is waited for only once"
    assert time.monotonic() - began < PATIENCE_S / 2
    answers.set()
    held.release()


def test_without_a_thread_or_a_directory_nobody_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    assert found(tmp_path / "nothing") == set()
    monkeypatch.setattr(kill_under_way._thread, "start_new_thread", none_left)
    assert (HOST, PORT) not in Glance([(HOST, PORT)], str(tmp_path))


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "0.0.0.0", "127.1.2.3", "::1", "192.168.1.7", "10.0.0.1"])
def test_the_names_are_those_of_the_lock(host: str) -> None:
    assert key_of(host, PORT) == login_key(host, PORT)


@pytest.mark.parametrize("host", ["tws.example", "fe80::1", "../x", "١٢"])
def test_a_name_that_takes_longer_to_say_is_none(host: str) -> None:
    assert key_of(host, PORT) == ""


def test_it_looks_where_the_locks_are() -> None:
    assert str(lock_files.shared_directory()) == kill_under_way.DIRECTORY
