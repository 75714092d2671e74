"""What the guard says of what others do: short where a person reads it, all of it where it is looked up."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from engine.core.contracts import Contract
from engine.core.facts import PositionFact
from engine.core.foreign import Answer, ForeignSettings, Found
from engine.guard.quarantine import Quarantine

SHORT = 300


def held(number: int) -> PositionFact:
    contract = Contract(con_id=number, symbol=f"S{number:03}", sec_type="STK", currency="USD")
    return PositionFact("DU1000001", contract, Decimal(100), Decimal(10))


def test_the_reason_of_a_quarantine_is_short_and_its_log_has_everything(tmp_path: Path) -> None:
    log: list[str] = []
    reasons: list[str] = []
    alerts: list[str] = []
    stops: Any = SimpleNamespace(kill_soon=lambda _names, reason: reasons.append(reason))
    telling: Any = SimpleNamespace(tell=lambda _key, _severity, _title, text, about: alerts.append(text))
    nothing: Any = SimpleNamespace(state=lambda _name: None)
    quarantine = Quarantine(
        nothing, nothing, stops, telling, ForeignSettings(), {}, wall_ns=lambda: 0, log=log.append
    )  # fmt: skip
    found = Found(Answer.KILL, positions=tuple(held(number) for number in range(40)))
    asyncio.run(quarantine._answer("paper", "key", found))
    [reason], [alert], [line] = reasons, alerts, log
    assert len(reason) < SHORT and len(alert) < SHORT
    assert "and 37 more" in reason and "the kill is pressed again" in reason
    assert all(f"S{number:03}" in line for number in range(40))


def test_what_is_only_told_stands_in_the_log_once_and_what_is_done_each_time() -> None:
    log: list[str] = []
    stops: Any = SimpleNamespace(kill_soon=lambda _names, _reason: None)
    telling: Any = SimpleNamespace(tell=lambda *_args, **_named: None)
    nothing: Any = SimpleNamespace(state=lambda _name: None)
    quarantine = Quarantine(nothing, nothing, stops, telling, ForeignSettings(), {}, wall_ns=lambda: 0, log=log.append)

    async def meet(answer: Answer) -> None:
        for again in (False, True, True):
            await quarantine._answer("paper", "key", Found(answer, positions=(held(1),)), again=again)

    asyncio.run(meet(Answer.TELL))
    assert len(log) == 1
    asyncio.run(meet(Answer.KILL))
    assert len(log) == 1 + 3
