"""A first `qe kill` that is really stopped by the system, wherever it stands, and goes on later: processes and sockets.

The exchange is asked what happened: never two closers, and whoever wakes adds nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, Simulated, simulated, start_qe

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to stop a process here")

QUICKLY = "\n[kill]\ntake_over_s = 0.6\ndeadline_s = 40\n"


@contextmanager
def stopped_kill(home: Path, words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A kill that stands still from the moment it says `words`; ended if it still is at the end."""
    process = start_qe("kill", home=home)
    try:
        assert process.stderr is not None
        assert any(words in line.decode() for line in process.stderr), f"it ended without saying {words!r}"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            process.communicate(timeout=PATIENCE_S)


def end_of(process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
    try:
        printed, said = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:  # a kill that does not end has said what it waits for
        process.kill()
        printed, said = process.communicate(timeout=PATIENCE_S)
    return process.returncode, printed.decode(), said.decode()


def right_and_flat(world: Simulated) -> bool:
    return all(login.flat and not login.crossings for login in world.truth().logins.values())


@pytest.mark.parametrize("scenario", ["calm", "slow-fills"])
@pytest.mark.parametrize("words", ["connected", "SELL", "no working orders are left"])
def test_the_second_press_finishes_what_a_stopped_one_began_and_waking_it_adds_nothing(
    tmp_path: Path, scenario: str, words: str
) -> None:
    with simulated(scenario, tmp_path) as world:
        world.config(QUICKLY)
        with stopped_kill(tmp_path, words) as first:
            code, printed, said = end_of(start_qe("kill", home=tmp_path))
            assert (code, right_and_flat(world)) == (0, True), printed + said
            said = " ".join(said.split())  # lines of the timeline are as wide as a terminal
            assert f"process {first.pid}" in said and "the other kill hung" in said
            ended = "was ended (SIGKILL)" in said  # it was stopped in the middle of sending an order
            first.send_signal(signal.SIGCONT)
            seconds_words = said
            code, printed, said = end_of(first)
            assert (code, right_and_flat(world)) == (-signal.SIGKILL if ended else 0, True), (
                f"{printed}{said}\nthe second press:\n{seconds_words}"
            )
            had_the_right = words != "connected"
            assert ended or not had_the_right or "another one has taken over" in " ".join(said.split())
