"""The program in docs/how-to/library.md, as it stands there, beside a simulated TWS."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import errors
from trading.stage import stage

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "how-to" / "library.md").read_text(encoding="utf-8")
[PROGRAM] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_pages_program_places_cancels_and_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mains: list[Coroutine[Any, Any, None]] = []
    monkeypatch.setattr(asyncio, "run", mains.append)
    exec(compile(PROGRAM, "library.md", "exec"), {"__name__": "__main__"})

    async def test(world: World, _loop: VirtualLoop) -> tuple[int, int]:
        before = len(world.login("paper").working())
        await mains[0]
        return before, len(world.login("paper").working())

    before, after = stage("calm", test)
    said = capsys.readouterr().out
    assert before == after
    assert "paper: connected as client 1" in said
    assert re.search(r"OrderTicket\(.*(PreSubmitted|Submitted), filled 0\)", said)
    assert "DU1234567 +300 AAPL" in said and "DU1234567 -5 MES" in said
    assert "nobody knows" not in said


def test_every_error_of_the_page_is_there() -> None:
    for name in re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE):
        assert issubclass(getattr(errors, name), errors.TradingError)
