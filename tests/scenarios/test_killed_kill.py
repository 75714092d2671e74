"""A `qe kill` that is ended by SIGKILL wherever it stands: the next command knows, finishes it, and doubles nothing.

Processes, sockets, files and locks as they are; every await of it, in virtual time, is in `test_crashes`.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, qe, simulated, start_qe
from engine.core.known import Unknown
from engine.core.restrictions import Kind
from engine.journal import chain
from engine.journal.events import IncidentOpened, KillPressed
from engine.journal.sqlite_store import SqliteStore
from engine.trading import IBKRAccountManager, TradingMode

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")


def counted(home: Path) -> tuple[int, int]:
    """Presses and incidents in the journal, whose chain must be whole."""
    store = SqliteStore(home / "journal")
    records = list(store.read())
    store.close()
    assert chain.verify(records)[1] is None
    events = [chain.opened(one).event for one in records]
    return tuple(sum(isinstance(event, kind) for event in events) for kind in (KillPressed, IncidentOpened))  # type: ignore[return-value]


def kinds(home: Path) -> dict[str, Kind | None]:
    """What a program that starts now makes of the logins."""
    mgr = IBKRAccountManager(home=home)
    mgr.add_account("paper", TradingMode.PAPER)
    mgr.add_account("live", TradingMode.LIVE)
    assert not isinstance(mgr.rules.journal.state(), Unknown)
    return {name: mgr.state(name).kind for name in mgr.logins}


def killed_at(home: Path, words: str) -> None:
    """Press, and end it the moment it says these words on its standard error, or FLAT on its output."""
    process = start_qe("kill", home=home, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    try:
        assert any(words in line.decode() for line in process.stdout), f"it ended without saying {words!r}"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("words", ["global cancel sent", "connected", "SELL", "no working orders are left", "FLAT"])
def test_ended_by_sigkill_the_next_press_finishes_it_and_the_records_are_whole(tmp_path: Path, words: str) -> None:
    with simulated("calm", tmp_path) as world:
        world.config()
        killed_at(tmp_path, words)
        before = kinds(tmp_path)
        assert set(before.values()) <= {None, Kind.SHUTDOWN} and len(set(before.values())) == 1
        if words == "FLAT":
            assert set(before.values()) == {Kind.SHUTDOWN}, "the records were waited for"
            assert "shutdown" in qe("status", home=tmp_path).stdout
        done = qe("kill", "--reason", "again", home=tmp_path)
        truth = world.truth()
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(login.flat and not login.crossings for login in truth.logins.values())
    assert set(kinds(tmp_path).values()) == {Kind.SHUTDOWN}
    pressed, incidents = counted(tmp_path)
    assert pressed == 1 + (before["paper"] is Kind.SHUTDOWN)
    assert incidents == 1, "one story, whoever tells it"


def test_what_a_kill_cancelled_that_was_ended_is_in_the_report_of_the_next(tmp_path: Path) -> None:
    with simulated("slow-fills", tmp_path) as world:
        world.config()
        resting = {name: len(login.resting) for name, login in world.before.logins.items()}
        killed_at(tmp_path, "SELL")
        done = qe("kill", "--json", home=tmp_path)
        said = qe("status", home=tmp_path).stdout
    report = json.loads(done.stdout)
    assert report["flat"], done.stdout + done.stderr
    assert {name: len(login["cancelled"]) for name, login in report["logins"].items()} == resting
    assert sum(order["protective"] for login in report["logins"].values() for order in login["cancelled"]) == 3
    assert "HAS NOT ENDED" not in said
