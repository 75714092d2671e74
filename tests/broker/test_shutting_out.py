"""Taking the closing from one who hangs: never two closers, whoever stops wherever, and whoever judges wrongly."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from engine.broker import hung_process, lock_files
from engine.broker.closer_lock import FENCED, GATE_BUSY, CloserLock, LockAnswer, LockState
from engine.broker.closing_right import ClosingRight

HOLDER = """
import os, signal, sys, time
from pathlib import Path
from engine.broker.closing_right import ClosingRight
right = ClosingRight("localhost", 7496, "kill other", Path(sys.argv[1]))
right.cover(["U1"])
assert right.take().state.value == "taken"
entered = right.enter() if sys.argv[2] == "inside" else ()
print("stands", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
for lock in entered:
    lock.leave()
print(right.lost, isinstance(right.enter(), str), flush=True)
"""
needs_stop = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to stop a process here")


@contextmanager
def stopped(locks: Path, where: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the right to close login 7496 and account U1, and is really stopped."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(locks), where],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "stands\n"
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
        yield holder
    finally:
        holder.kill()
        holder.communicate(timeout=30)


def right_to(locks: Path, port: int = 7496, *accounts: str) -> ClosingRight:
    right = ClosingRight("127.0.0.1", port, f"kill by {port}", locks)
    right.cover(accounts or ("U1",))
    return right


def wait_out(right: ClosingRight, seconds: float, silence_s_max: float = 3.0, began_s: float = 0.0) -> LockAnswer:
    """Ask every tenth of a second of a clock of our own."""
    answers = [right.take_from_silent(began_s + tenth / 10, silence_s_max) for tenth in range(round(seconds * 10) + 1)]
    return answers[-1]


@needs_stop
def test_a_stopped_process_is_shut_out_and_can_send_nothing_when_it_wakes(tmp_path: Path) -> None:
    with stopped(tmp_path, "outside") as holder:
        mine = right_to(tmp_path)
        assert wait_out(mine, 2.9).state is LockState.BUSY
        assert wait_out(mine, 0.3, began_s=2.95).state is LockState.TAKEN
        assert f"process {holder.pid}" in mine.taken_from and "was shut out" in mine.taken_from
        assert isinstance(mine.enter(), tuple)
        holder.send_signal(signal.SIGCONT)
        said, _ = holder.communicate(timeout=30)
        assert said == "True True\n"


@needs_stop
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says for certain who holds a lock")
def test_a_process_stopped_with_an_order_in_its_hand_is_ended_before_anybody_closes(tmp_path: Path) -> None:
    with stopped(tmp_path, "inside") as holder:
        mine = right_to(tmp_path)
        answer = wait_out(mine, 5.9)
        assert answer.state is LockState.BUSY and holder.poll() is None
        assert "stopped in the middle of sending an order" in answer.text and str(holder.pid) in answer.text
        wait_out(mine, 1.0, began_s=6.0)
        assert holder.wait(30) == -signal.SIGKILL
        assert mine.take().state is LockState.TAKEN
        assert "was ended (SIGKILL)" in mine.taken_from


@needs_stop
@pytest.mark.parametrize("seconds", [0.0, 1e6])
def test_nothing_is_taken_from_anybody_who_was_silent_for_less_than_was_agreed(tmp_path: Path, seconds: float) -> None:
    with stopped(tmp_path, "outside"):
        mine = right_to(tmp_path)
        assert wait_out(mine, 60.0, seconds).state is LockState.BUSY
        assert not list(tmp_path.glob("*~*"))


@needs_stop
def test_where_it_is_not_certain_who_is_inside_nobody_is_ended_and_nobody_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hung_process, "_candidates", lambda _inode: set())
    with stopped(tmp_path, "inside") as holder:
        mine = right_to(tmp_path)
        answer = wait_out(mine, 60.0)
        assert answer.state is LockState.BUSY and holder.poll() is None
        assert f"process {holder.pid}" in answer.text  # for the person who has to end it
        assert right_to(tmp_path).take().state is LockState.BUSY  # not for a newcomer either
        holder.send_signal(signal.SIGCONT)  # it sends what it had in its hand, leaves, and is out
        said, _ = holder.communicate(timeout=30)
        assert said == "True True\n"
        assert mine.take().state is LockState.TAKEN


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says for certain who holds a lock")
def test_a_process_that_does_not_hold_the_lock_is_never_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, other = tmp_path / "gate", tmp_path / "other"
    script = (
        "import fcntl, os, sys, time\n"
        "with open(sys.argv[1], 'w') as gate, open(sys.argv[2], 'w') as other:\n"
        "    fcntl.flock(other, fcntl.LOCK_EX)\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(lock), str(other)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        # a stale or reused number, or one that somebody wrote: it has the file open, and a lock on another one
        monkeypatch.setattr(hung_process, "_candidates", lambda _inode: {process.pid, 2**22 + 1})
        with lock.open("r+b") as gate:
            assert not hung_process.end_holder_of(gate.fileno())
        assert process.poll() is None
        with other.open("r+b") as held:
            assert hung_process.end_holder_of(held.fileno())
        assert process.wait(30) == -signal.SIGKILL
    finally:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says for certain who holds a lock")
def test_a_child_that_has_inherited_the_open_file_is_not_taken_for_who_locked_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "gate").open("wb") as gate:
        assert lock_files.try_lock(gate.fileno())
        command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(gate.fileno(),))
        try:
            monkeypatch.setattr(hung_process, "_candidates", lambda _inode: {child.pid})
            assert not hung_process.end_holder_of(gate.fileno())
        finally:
            child.communicate(timeout=30)
        assert child.returncode == 0


def test_a_kill_never_ends_its_own_process(tmp_path: Path) -> None:
    first, second = right_to(tmp_path), right_to(tmp_path)
    assert first.take().state is LockState.TAKEN
    entered = first.enter()
    assert isinstance(entered, tuple)
    assert wait_out(second, 30.0).state is LockState.BUSY
    for lock in entered:
        lock.leave()
    first.release()
    assert second.take().state is LockState.TAKEN
    second.release()


def test_an_account_is_taken_from_a_silent_kill_of_another_login_and_the_rest_stays_his_no_more(tmp_path: Path) -> None:
    first, second = right_to(tmp_path, 7496, "U1", "U2"), right_to(tmp_path, 4001, "U2", "U3")
    first.take()
    assert wait_out(second, 3.1).state is LockState.TAKEN
    assert first.lost
    assert first.enter() == FENCED
    first.release()
    assert first.take().state is LockState.BUSY
    second.release()
    assert first.take().state is LockState.TAKEN
    first.release()


def test_that_a_process_was_ended_is_told_whatever_else_stood_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its login's lock had an order in hand; its account's only had to be taken over."""
    first, second = right_to(tmp_path, 7497, "U1"), right_to(tmp_path, 7497, "U1")
    first.take()
    really, words = CloserLock.shut_out, iter(["was ended (SIGKILL)"])
    monkeypatch.setattr(CloserLock, "shut_out", lambda lock: next(words, "was shut out") if really(lock) else "")
    assert wait_out(second, 3.1).state is LockState.TAKEN
    assert next(words, None) is None and "was ended (SIGKILL)" in second.taken_from
    second.release()
    first.release()


def test_one_who_had_only_a_part_of_the_right_does_not_go_on_with_it_when_he_wakes(tmp_path: Path) -> None:
    first, second = CloserLock("a", "kill first", tmp_path), CloserLock("a", "kill second", tmp_path)
    first.take()
    assert second.take().state is LockState.BUSY
    assert second.shut_out()
    assert second.take().state is LockState.TAKEN
    assert "kill second" in first.take().text
    second.release()
    assert first.take().state is LockState.TAKEN
    first.release()


def test_all_that_one_silent_kill_holds_is_taken_at_once(tmp_path: Path) -> None:
    accounts = ("U1", "U2", "U3")
    first, second = right_to(tmp_path, 7496, *accounts), right_to(tmp_path, 7496, *accounts)
    first.take()
    assert wait_out(second, 3.1).state is LockState.TAKEN
    first.release()
    second.release()


def test_a_kill_that_begins_to_answer_in_time_is_left_alone(tmp_path: Path) -> None:
    first, second = right_to(tmp_path), right_to(tmp_path)
    first.take()
    for round_ in range(20):
        assert wait_out(second, 2.8, began_s=10.0 * round_).state is LockState.BUSY
        first.show_life()
    assert not first.lost
    first.release()


def test_a_holder_of_another_version_is_never_taken_to_hang(tmp_path: Path) -> None:
    first, second = right_to(tmp_path), right_to(tmp_path)
    first.take()
    for path in tmp_path.glob("*.lock"):
        path.write_text("process 1, kill of an older version")
    assert wait_out(second, 60.0).state is LockState.BUSY
    first.release()


@pytest.mark.parametrize("files", ["loopback*.lock", "loopback*.gate", "account*.lock"])
def test_a_holder_whose_file_was_cleaned_away_has_lost_the_right(tmp_path: Path, files: str) -> None:
    first = right_to(tmp_path)
    first.take()
    for path in tmp_path.glob(files):
        path.unlink()
    assert first.lost and first.enter() == FENCED
    first.release()
    assert first.take().state is LockState.TAKEN
    first.release()


def test_while_somebody_takes_over_nothing_is_sent(tmp_path: Path) -> None:
    first = CloserLock("a", "kill first", tmp_path)
    first.take()
    probe = os.open(tmp_path / "a.gate", os.O_RDWR)
    assert lock_files.try_lock(probe)
    assert first.enter() == GATE_BUSY
    os.close(probe)
    assert first.enter() is None
    first.leave()
    first.release()


def test_a_newcomer_finds_the_newest_generation_whatever_was_cleaned_away(tmp_path: Path) -> None:
    for generation in (3, 12):
        (tmp_path / f"a~{generation}.lock").touch()
    (tmp_path / "a~notes.lock").touch()
    first, second = CloserLock("a", "kill first", tmp_path), CloserLock("a", "kill second", tmp_path)
    assert first.take().state is LockState.TAKEN
    assert first.path.name == "a~12.lock"
    assert second.take().state is LockState.BUSY
    first.release()


# --- in any order ---------------------------------------------------------------------------------------------------
KILLS = st.integers(0, 3)


class Closers(RuleBasedStateMachine):
    """Four kills of one account by two logins. They take, send, stop inside, wake, judge each other wrongly, and die.

    The exchange's side: from the moment that one of them has the right, no order of another one may arrive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.locks = Path(tempfile.mkdtemp())
        self.rights = [self.new(number) for number in range(4)]
        self.inside: dict[int, tuple[CloserLock, ...]] = {}
        self.closer: int | None = None  # the last one who was given the right

    def new(self, number: int) -> ClosingRight:
        right = ClosingRight("127.0.0.1", 7496 + number % 2, f"kill {number}", self.locks)
        right.cover(["U1"])
        return right

    def teardown(self) -> None:
        for number, right in enumerate(self.rights):
            self.wake(number)
            right.release()
        shutil.rmtree(self.locks)

    def wake(self, number: int) -> None:
        for lock in self.inside.pop(number, ()):
            lock.leave()

    @rule(number=KILLS)
    def takes(self, number: int) -> None:
        if number not in self.inside:
            self.given(number, self.rights[number].take())

    @rule(number=KILLS)
    def takes_from_whoever_seems_silent(self, number: int) -> None:
        if number not in self.inside:
            for now_s in (0.0, 0.4, 0.8):
                answer = self.rights[number].take_from_silent(now_s, 0.3)
            self.given(number, answer)

    def given(self, number: int, answer: LockAnswer) -> None:
        assert answer.state is not LockState.UNAVAILABLE
        if answer.state is LockState.TAKEN and not self.rights[number].lost:
            assert not set(self.inside) - {number}, "somebody is still inside with an order"
            self.closer = number

    @rule(number=KILLS)
    def begins_to_send(self, number: int) -> None:
        """What is entered is sent at some time before it is left: it must be the closer's all the while."""
        if number not in self.inside:
            entered = self.rights[number].enter()
            if isinstance(entered, tuple):
                assert number == self.closer, "an order of one who is not the closer any more"
                self.inside[number] = entered

    @rule(number=KILLS)
    def ends_sending(self, number: int) -> None:
        self.wake(number)

    @rule(number=KILLS)
    def notices_what_it_has_lost(self, number: int) -> None:
        if self.rights[number].lost:
            self.rights[number].release()

    @rule(number=KILLS)
    def shows_life(self, number: int) -> None:
        self.rights[number].show_life()

    @precondition(lambda self: self.inside)
    @rule(number=KILLS)
    def ends_with_an_order_in_its_hands(self, number: int) -> None:
        self.rights[number].release()

    @rule(number=KILLS)
    def dies(self, number: int) -> None:
        self.wake(number)
        self.rights[number].release()
        self.rights[number] = self.new(number)


Closers.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestClosers = Closers.TestCase
