"""The gate: a halt is acknowledged only when everybody who looked before it has written or given up."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.journal.gate import DRAIN_S_MAX, Gate, GateBusy

INSIDE = """
import sys
from pathlib import Path
from engine.journal.gate import Gate
gate = Gate(Path(sys.argv[1]))
gate.enter()
print("inside", flush=True)
sys.stdin.readline()
gate.leave()
print("left", flush=True)
sys.stdin.readline()
"""


class Clock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds


def inside(path: Path) -> subprocess.Popen[bytes]:
    """Another process that is between its look and its write."""
    child = subprocess.Popen([sys.executable, "-c", INSIDE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"inside\n"
    return child


def finish(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()


def test_a_gate_that_nobody_passes_is_drained_at_once(tmp_path: Path) -> None:
    clock = Clock()
    assert Gate(tmp_path / "gate").drain(clock=clock, pause=clock.pause)
    assert clock.now == 0


def test_many_pass_side_by_side(tmp_path: Path) -> None:
    child = inside(tmp_path / "gate")
    gate = Gate(tmp_path / "gate")
    gate.enter()
    gate.leave()
    finish(child)


def test_a_halt_waits_for_the_one_that_is_inside_and_goes_on_when_it_has_left(tmp_path: Path) -> None:
    child = inside(tmp_path / "gate")
    clock = Clock()
    gate = Gate(tmp_path / "gate")
    assert not gate.drain(clock=clock, pause=clock.pause)
    assert clock.now == pytest.approx(DRAIN_S_MAX, abs=0.01)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    assert child.stdout.readline() == b"left\n"
    assert gate.drain(clock=clock, pause=clock.pause)
    finish(child)


def test_a_process_that_died_inside_holds_up_nobody(tmp_path: Path) -> None:
    child = inside(tmp_path / "gate")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert Gate(tmp_path / "gate").drain()


def test_nobody_enters_while_a_halt_drains_and_a_refusal_holds_nothing(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    gate = Gate(tmp_path / "gate")
    draining = os.open(tmp_path / "gate", os.O_RDWR | os.O_CREAT)
    fcntl.flock(draining, fcntl.LOCK_EX)
    for _ in range(2):  # neither the lock nor the turn of this process's threads
        with pytest.raises(GateBusy, match="halt"):
            gate.enter()
    os.close(draining)
    gate.enter()
    gate.leave()


def test_a_gate_that_cannot_be_opened_lets_nothing_pass(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "nowhere" / "gate")
    for _ in range(2):
        with pytest.raises(GateBusy, match="nowhere"):
            gate.enter()
    assert gate.drain(), "nobody can have passed it, so there is nobody to wait for"


def test_a_gate_that_may_only_be_read_is_drained_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = inside(tmp_path / "gate")
    honest = os.open

    def refusing(path: str | Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system")
        return honest(path, flags, mode)

    monkeypatch.setattr(os, "open", refusing)
    clock, gate = Clock(), Gate(tmp_path / "gate")
    assert not gate.drain(clock=clock, pause=clock.pause)
    finish(child)
    assert gate.drain(clock=clock, pause=clock.pause)


def test_a_gate_that_cannot_be_asked_is_told_and_is_not_a_frozen_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: str | Path, flags: int, mode: int = 0o777) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(GateBusy, match="Input/output error"):
        Gate(tmp_path / "gate").drain()


def test_threads_pass_one_after_the_other(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    inside_now: list[int] = []
    worst: list[int] = []

    def pass_through() -> None:
        for _ in range(200):
            gate.enter()
            inside_now.append(1)
            worst.append(len(inside_now))
            inside_now.pop()
            gate.leave()

    threads = [threading.Thread(target=pass_through) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(worst) == 1
    assert gate.drain()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_does_not_pass_on_its_parents_lock(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    gate.enter()
    gate.leave()
    child = os.fork()
    if child == 0:
        gate.enter()
        gate.leave()
        os._exit(0)
    gate.enter()
    assert os.waitpid(child, 0)[1] == 0  # the child's leaving must not have let our lock go
    clock = Clock()
    assert not gate.drain(clock=clock, pause=clock.pause)
    gate.leave()


def test_closing_is_safe_at_any_time(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "gate")
    gate.close()
    gate.enter()
    gate.leave()
    gate.close()
    gate.close()
    gate.enter()
    gate.leave()
