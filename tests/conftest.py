"""Fixtures that every part may use: a virtual loop, and a runner that fails on anything left unhandled."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from hypothesis import Phase, settings

from engine.broker import lock_files, lock_sweep
from engine.broker.closing_right import SIMULATED_WORLD
from engine.journal import overdue
from engine.simulator import virtual
from engine.trading.slips import ELSEWHERE

SWEEP_S = 5.0  # at most; what is left then, the next run takes away
INCIDENT_LOG = Path(__file__).parents[1] / "operator" / "INCIDENT_LOG.md"

# The same examples on every run, so that a change is blamed for what it did; QE_RANDOM=1 looks for new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("random", deadline=None, print_blob=True)
settings.register_profile("mutants", settings.get_profile("repeatable"), phases=[Phase.explicit, Phase.generate])
MODES = {"QE_RANDOM": "random", "QE_WORLDS": "random", "QE_MUTANTS": "mutants"}  # scripts/mutants.py only asks whether
settings.load_profile(next((mode for name, mode in MODES.items() if os.environ.get(name)), "repeatable"))


@pytest.fixture(autouse=True, scope="session")
def _the_incident_log_of_this_checkout_stays_as_it_is() -> Iterator[None]:
    """Somebody may keep their own in it, and what tests write there would be taken for what happened."""
    before = INCIDENT_LOG.read_bytes()
    yield
    assert INCIDENT_LOG.read_bytes() == before, f"a test has written into {INCIDENT_LOG}"


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into anybody's journal or incident log, or waits for another's lock."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("QE_HOME", str(home))
    monkeypatch.setenv("QE_INCIDENT_LOG", str(home / "INCIDENT_LOG.md"))
    monkeypatch.setenv(ELSEWHERE, str(home / "none"))  # slips stay in the state folder, and go with it
    monkeypatch.setenv(SIMULATED_WORLD, str(home))  # simulated accounts share their names; tests run side by side


@pytest.fixture(autouse=True)
def _records_that_no_disk_took_are_held_for_this_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program holds them to its end, and prints them then; all tests of a worker are one program."""
    monkeypatch.setattr(overdue, "_alive", WeakSet())


@pytest.fixture
def virtual_loop() -> Iterator[virtual.VirtualLoop]:
    """A fresh virtual loop, closed afterwards. For whole programs `run_virtual` is simpler."""
    loop = virtual.VirtualLoop()
    yield loop
    loop.close()


@pytest.fixture
def run_virtual() -> Callable[..., Any]:
    """`engine.simulator.virtual.run`: runs a coroutine to its end in virtual time, strictly."""
    return virtual.run


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: many tests wait for programs that they have started."""
    return (os.cpu_count() or 1) + 2


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Thousands of simulated logins leave lock files behind, and every kill on this machine reads their folder."""
    if not hasattr(session.config, "workerinput"):  # not in a worker: others may be at work still
        until = time.monotonic() + SWEEP_S
        now = time.time() + lock_sweep.AGE_S_MIN  # today's too: what nobody holds
        lock_sweep.sweep(lock_files.shared_directory(), wall_s=now, over=lambda: time.monotonic() >= until)
