"""The right to close: a login and its accounts, all or nothing, between kills and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.broker.closer_lock import CloserLock, LockState
from engine.broker.closing_right import ACCOUNTS_MAX, SIMULATED_WORLD, ClosingRight
from engine.broker.lock_names import account_key, login_key
from engine.core.kill.events import Left

HOLDER = """
import sys, time
from pathlib import Path
from engine.broker.closing_right import ClosingRight
right = ClosingRight("localhost", 7496, "kill other", Path(sys.argv[1]))
right.cover(["U1", "U2"])
print(right.take().state.value, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def real_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SIMULATED_WORLD, raising=False)


def right_to(locks: Path, port: int, *accounts: str) -> ClosingRight:
    right = ClosingRight("127.0.0.1", port, f"kill of {port}", locks)
    right.cover(accounts)
    return right


def test_two_logins_that_share_an_account_exclude_each_other_in_one_process(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496, "U1", "U2"), right_to(tmp_path, 4001, "U2", "U3")
    assert first.take().state is first.take().state is LockState.TAKEN
    answer = second.take()
    assert answer.state is LockState.BUSY
    assert "kill of 7496 by way of 127.0.0.1:7496" in answer.text
    first.release()
    assert second.take().state is LockState.TAKEN
    second.release()


def test_who_waits_learns_whether_the_cancel_of_who_closes_has_left(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496, "U1"), right_to(tmp_path, 4001, "U1")
    first.take()
    assert not second.take().struck
    first.mark_struck()
    assert second.take().struck and right_to(tmp_path, 7496, "U1").take().struck
    first.release()
    first.mark_struck()  # it holds nothing any more: nothing to say
    assert second.take().state is LockState.TAKEN
    assert not right_to(tmp_path, 4001).take().struck
    second.release()


@pytest.mark.parametrize(("flat", "left"), [(True, Left.FLAT), (False, Left.ENDED)])
def test_who_waited_learns_how_the_other_kill_has_ended(tmp_path: Path, flat: bool, left: Left) -> None:
    first, second = right_to(tmp_path, 7496, "U1", "U2"), right_to(tmp_path, 4001, "U2")
    first.take()
    assert second.take().state is LockState.BUSY and second.left is None
    first.release(flat=flat)
    assert second.take().state is LockState.TAKEN and second.left is left
    second.release()
    assert second.left is None


def test_who_met_nobody_is_told_of_no_end(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496, "U1"), right_to(tmp_path, 7496, "U1")
    first.take()
    first.release(flat=True)
    assert second.take().state is LockState.TAKEN and second.left is None
    second.release()


MARK, OTHER_MARK = b"20 trade", b"21 trade"


def left_flat(locks: Path, port: int, *accounts: str, mark: bytes = MARK) -> None:
    right = right_to(locks, port, *accounts)
    right.take()
    right.release(flat=True, proven=mark)


def test_the_next_kill_learns_behind_which_trades_it_was_flat_whether_it_waited_or_not(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496, "U1", "U2"), right_to(tmp_path, 7496, "U1", "U2")
    first.take()
    assert second.take().state is LockState.BUSY and second.proven == b""
    first.release(flat=True, proven=MARK)
    assert second.take().state is second.take().state is LockState.TAKEN
    assert second.proven == MARK
    second.release(flat=False, proven=MARK)
    assert second.proven == b""
    third = right_to(tmp_path, 7496, "U1", "U2")
    assert third.take().state is LockState.TAKEN and third.proven == b""
    third.release(flat=True, proven=MARK)
    fourth = right_to(tmp_path, 7496, "U1", "U2")
    assert fourth.take().state is LockState.TAKEN and fourth.proven == MARK
    fourth.release()


def test_not_of_a_login_or_an_account_that_it_does_not_speak_of(tmp_path: Path) -> None:
    left_flat(tmp_path, 7496, "U1")
    for port, accounts in ((7496, ("U1", "U2")), (7497, ("U1",)), (7496, ("U2",))):
        other = right_to(tmp_path, port, *accounts)
        assert other.take().state is LockState.TAKEN and other.proven == b""
        other.release()


def test_nor_where_its_login_and_its_account_say_different_things(tmp_path: Path) -> None:
    left_flat(tmp_path, 7496, "U1")
    left_flat(tmp_path, 7497, "U1", mark=OTHER_MARK)
    right = right_to(tmp_path, 7496, "U1")
    assert right.take().state is LockState.TAKEN and right.proven == b""
    right.release()


def test_of_several_ends_the_worst_counts(tmp_path: Path) -> None:
    flat, open_ = right_to(tmp_path, 7496, "U1"), right_to(tmp_path, 7497, "U2")
    waiting = right_to(tmp_path, 4001, "U1", "U2")
    flat.take()
    open_.take()
    assert waiting.take().state is LockState.BUSY
    flat.release(flat=True)
    assert waiting.take().state is LockState.BUSY and waiting.left is Left.FLAT
    open_.release(flat=False)
    assert waiting.take().state is LockState.TAKEN and waiting.left is Left.ENDED
    waiting.release()


def test_a_child_leaves_what_its_parent_says_of_its_cancel(tmp_path: Path) -> None:
    first = right_to(tmp_path, 7496)
    first.take()
    first.mark_struck()
    child = os.fork()
    if child == 0:
        first.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert right_to(tmp_path, 7496).take().struck
    first.release()


def test_the_silence_of_who_stands_in_the_way_is_known_even_where_nobody_is_ever_shut_out(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496), right_to(tmp_path, 7496)
    first.take()
    for tenths in range(20):
        assert second.take_from_silent(tenths / 10, 0.0).state is LockState.BUSY
    assert round(second.silent_s, 3) == 1.9
    first.show_life()
    second.take_from_silent(2.0, 0.0)
    assert second.silent_s == 0
    first.release()
    second.take_from_silent(2.1, 0.0)
    assert second.silent_s == 0
    second.release()


def test_logins_that_share_nothing_do_not_wait_for_each_other(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496, "U1"), right_to(tmp_path, 7497, "DU1")
    assert first.take().state is second.take().state is LockState.TAKEN
    first.release()
    second.release()


def test_who_does_not_get_all_accounts_keeps_none(tmp_path: Path) -> None:
    blocker = CloserLock(account_key("U2"), "kill of a third", tmp_path)
    blocker.take()
    waiting = right_to(tmp_path, 7496, "U1", "U2", "U3")
    assert waiting.take().state is LockState.BUSY
    other = right_to(tmp_path, 4001, "U1", "U3")
    assert other.take().state is LockState.TAKEN
    other.release()
    blocker.release()
    assert waiting.take().state is LockState.TAKEN
    waiting.release()


def test_accounts_that_become_known_later_are_taken_then(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496), right_to(tmp_path, 4001)
    assert first.take().state is second.take().state is LockState.TAKEN
    for right in (first, second):
        right.cover(["U1"])
    assert first.take().state is LockState.TAKEN
    assert second.take().state is LockState.BUSY
    first.release()
    second.release()


def test_a_killed_holder_loses_its_accounts_at_once(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        mine = right_to(tmp_path, 4001, "U2")
        assert f"process {holder.pid}" in mine.take().text
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        assert mine.take().state is LockState.TAKEN
        assert mine.left is Left.DEAD  # without a word
        mine.release()
    finally:
        holder.kill()
        holder.wait(10)
        holder.stdout.close()


def test_an_account_whose_lock_is_unusable_leaves_others_unexcluded(tmp_path: Path) -> None:
    right = right_to(tmp_path, 7496, "U1", "U2")
    (tmp_path / f"{account_key('U1')}.lock").mkdir()
    assert right.take().state is LockState.UNAVAILABLE
    assert right_to(tmp_path, 4001, "U2").take().state is LockState.BUSY  # what can be excluded is
    right.release()


def test_two_homes_on_one_machine_do_not_close_one_account_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QE_HOME", "/home/ann/trading")
    first = right_to(tmp_path, 7496, "U1")
    monkeypatch.setenv("QE_HOME", "/home/ann/another")
    second = right_to(tmp_path, 4001, "U1")
    assert first.take().state is LockState.TAKEN
    assert second.take().state is LockState.BUSY
    first.release()


def test_accounts_of_different_simulated_worlds_are_not_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = []
    for number, world in enumerate(["", "drill-a", "drill-b"]):
        monkeypatch.setenv(SIMULATED_WORLD, world)
        rights.append(right_to(tmp_path, 7000 + number, "DU1"))
        assert rights[-1].take().state is LockState.TAKEN
    assert right_to(tmp_path, 7003, "DU1").take().state is LockState.BUSY
    for right in rights:
        right.release()


def test_a_great_many_accounts_do_not_use_up_the_file_descriptors(tmp_path: Path) -> None:
    right = right_to(tmp_path, 7496, *(f"U{number}" for number in range(2000)))
    assert right.take().state is LockState.TAKEN
    assert len(list(tmp_path.glob("account_*.lock"))) == ACCOUNTS_MAX
    right.release()
    assert CloserLock(login_key("::1", 7496), "next", tmp_path).take().state is LockState.TAKEN
