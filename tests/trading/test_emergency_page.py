"""The code on the printed emergency page, word for word. Who holds that page has no time to correct it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.broker import closer_lock
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from trading.stage import stage

PAGE = """
import asyncio
from engine.trading import IBKRAccountManager, TradingMode

async def kill():
    mgr = IBKRAccountManager()
    mgr.add_account('paper', TradingMode.PAPER)
    mgr.add_account('live', TradingMode.LIVE, client_id=2)
    await mgr.connect_all()
    result = await mgr.kill_switch_all('EMERGENCY')
    print(result)
    await mgr.disconnect_all()

asyncio.run(kill())
"""


def run_page(scenario: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> bool:
    """Only `asyncio.run` is replaced, by one in virtual time beside a simulated TWS. True: everything is flat."""
    mains: list[Coroutine[Any, Any, None]] = []
    monkeypatch.setattr(closer_lock, "shared_directory", lambda: tmp_path / "locks")
    monkeypatch.setattr(asyncio, "run", mains.append)
    exec(compile(PAGE, "page", "exec"), {"__name__": "__main__"})

    async def test(world: World, _loop: VirtualLoop) -> bool:
        await mains[0]
        return world.is_flat()

    return stage(scenario, test)


def test_the_pages_program_flattens_both_logins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_page("calm", monkeypatch, tmp_path)
    assert capsys.readouterr().out.startswith(" FLAT ")


def test_the_pages_program_says_what_to_do_where_it_cannot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not run_page("not-running", monkeypatch, tmp_path)
    said = capsys.readouterr().out
    assert said.startswith(" NOT FLAT ")
    assert "start TWS" in said


def test_importing_what_the_page_imports_loads_nothing_heavy() -> None:
    script = (
        "import sys, engine.trading\n"
        "heavy = {'rich', 'numpy', 'pandas', 'ib_async', 'uvloop', 'sqlite3', 'http', 'xml'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert not any(name.startswith('engine.simulator') for name in sys.modules)\n"
    )
    folder = Path(engine.__file__).parent.parent
    plain = {
        key: value for key, value in os.environ.items() if not key.startswith("COVERAGE")
    }  # it loads sqlite3 itself
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True, timeout=60, env=plain)
