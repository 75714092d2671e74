"""A number is no process: which one it is, is told by when it began, and what nobody knows is never a yes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.trading import process_identity
from engine.trading.process_identity import identity, runs

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    made = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield made
    made.communicate()


@needs_proc
def test_two_processes_have_two_identities_and_each_keeps_its_own(child: subprocess.Popen[bytes]) -> None:
    assert identity(os.getpid()) == identity(os.getpid()) != identity(child.pid) != ""
    assert runs(child.pid)


@needs_proc
def test_one_that_has_ended_and_was_not_fetched_is_nobody(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identity(child.pid) == "" and not runs(child.pid)


def test_one_that_was_never_there_is_nobody(child: subprocess.Popen[bytes]) -> None:
    child.communicate()
    assert not runs(child.pid)
    assert all(identity(pid) == "" for pid in (child.pid, 0, -1))


def test_a_process_of_somebody_else_runs(monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]) -> None:
    def not_ours(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", not_ours)
    assert runs(child.pid)


def test_where_the_system_does_not_tell_nobody_knows(child: subprocess.Popen[bytes]) -> None:
    assert identity(child.pid, platform="win32") == ""


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="asks /bin/ps")
def test_other_systems_are_asked_by_their_ps(child: subprocess.Popen[bytes]) -> None:
    told = identity(child.pid, platform="darwin")
    assert told == identity(child.pid, platform="darwin") != ""
    child.communicate()
    assert identity(child.pid, platform="darwin") == ""


@pytest.mark.parametrize("error", [FileNotFoundError(), subprocess.TimeoutExpired("ps", 5)])
def test_a_ps_that_is_not_there_or_hangs_says_nothing(
    error: Exception, monkeypatch: pytest.MonkeyPatch, child: subprocess.Popen[bytes]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(process_identity.subprocess, "run", fails)
    assert identity(child.pid, platform="darwin") == ""
