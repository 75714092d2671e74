"""One closer per login: between kills, processes and users, and free the moment its holder dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.broker.closer_lock import CloserLock, LockState
from engine.broker.lock_names import account_key, login_key

HOLDER = """
import sys, time
from pathlib import Path
from engine.broker.closer_lock import CloserLock
from engine.broker.lock_names import login_key
lock = CloserLock(login_key("localhost", 7497), "kill other", Path(sys.argv[1]))
print(lock.take().state.value, flush=True)
time.sleep(60)
"""


def lock_in(directory: Path, host: str = "127.0.0.1", port: int = 7497) -> CloserLock:
    return CloserLock(login_key(host, port), "kill k1", directory / "locks")


def test_the_second_kill_finds_it_taken_and_learns_by_whom(tmp_path: Path) -> None:
    first, second = lock_in(tmp_path), lock_in(tmp_path)
    assert first.take().state is LockState.TAKEN
    assert first.take().state is LockState.TAKEN  # asking again is harmless
    answer = second.take()
    assert answer.state is LockState.BUSY
    assert f"process {os.getpid()}" in answer.text
    assert "kill k1" in answer.text
    first.release()
    first.release()
    assert second.take().state is LockState.TAKEN
    second.release()


def test_another_login_has_another_lock(tmp_path: Path) -> None:
    first, second = lock_in(tmp_path, port=7496), lock_in(tmp_path, port=7497)
    assert first.take().state is second.take().state is LockState.TAKEN
    first.release()
    second.release()


def test_a_killed_holder_loses_it_at_once(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "locks")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        mine = lock_in(tmp_path)
        assert f"process {holder.pid}" in mine.take().text
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        assert mine.take().state is LockState.TAKEN
        mine.release()
    finally:
        holder.kill()
        holder.wait(10)
        holder.stdout.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_keep_the_lock_of_its_dead_parent(tmp_path: Path) -> None:
    script = """
import os, sys, time
from pathlib import Path
from engine.broker.closer_lock import CloserLock
from engine.broker.lock_names import login_key
lock = CloserLock(login_key("localhost", 7497), "kill other", Path(sys.argv[1]))
lock.take()
child = os.fork()
if child == 0:
    os.close(1)
    time.sleep(60)
print(child, flush=True)
os._exit(0)
"""
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "locks")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        check=True,
        timeout=30,
    )
    child = int(parent.stdout)
    try:
        mine, deadline = lock_in(tmp_path), time.monotonic() + 10
        while mine.take().state is not LockState.TAKEN:
            assert time.monotonic() < deadline
        mine.release()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_link_in_its_place_is_refused_and_nothing_behind_it_is_touched(tmp_path: Path) -> None:
    lock = lock_in(tmp_path)
    lock.take()
    lock.release()
    precious = tmp_path / "precious"
    precious.write_text("keep")
    lock.path.unlink()
    lock.path.symlink_to(precious)
    assert lock.take().state is LockState.UNAVAILABLE
    lock.path.unlink()
    os.link(precious, lock.path)
    answer = lock.take()
    assert answer.state is LockState.UNAVAILABLE
    assert "remove it" in answer.text
    assert precious.read_text() == "keep"


def test_a_directory_that_is_no_directory_means_no_lock(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    assert lock_in(tmp_path).take().state is LockState.UNAVAILABLE
    (tmp_path / "locks").unlink()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "locks").symlink_to(tmp_path / "elsewhere")
    assert lock_in(tmp_path).take().state is LockState.UNAVAILABLE
    assert lock_in(tmp_path / "nowhere" / "at all").take().state is LockState.UNAVAILABLE


@pytest.mark.skipif(os.name != "posix", reason="permissions of another kind")
def test_every_user_may_use_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        lock = lock_in(tmp_path)
        lock.take()
    finally:
        os.umask(before)
    assert lock.path.stat().st_mode & 0o777 == 0o666
    assert lock.path.parent.stat().st_mode & 0o7777 == 0o1777
    lock.release()


def test_what_the_note_says_is_cleaned_and_never_believed(tmp_path: Path) -> None:
    first = lock_in(tmp_path)
    first.take()
    first.path.write_bytes(b"\x1b[2Jroot\xff" + b"x" * 2000)
    answer = lock_in(tmp_path).take()
    assert answer.state is LockState.BUSY
    assert "\x1b" not in answer.text
    assert len(answer.text) <= 512
    first.release()


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "LOCALHOST.", "::1", "127.1", "", "0.0.0.0", "::ffff:127.0.0.1"]
)
def test_all_names_of_this_machine_are_one_login(name: str) -> None:
    assert login_key(name, 7497) == "loopback-7497"


def test_other_hosts_keep_their_names_and_odd_ones_make_no_path() -> None:
    assert login_key("Desk.Local", 7497) == "desk.local-7497"
    assert login_key("desk.local.", 7497) == "desk.local-7497"
    assert "/" not in login_key("../../etc/passwd", 7497)
    assert login_key("a" * 300, 1) != login_key("a" * 301, 1)


def test_accounts_make_names_that_are_no_logins_and_no_paths() -> None:
    assert account_key("DU123") == account_key(" du123") == "account_du123"
    assert "/" not in account_key("../x")
    assert login_key("account_du123", 7497) != "account_du123-7497"
