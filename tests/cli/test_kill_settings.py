"""What the plan of a kill says reaches the machine that decides."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from engine.cli import kill_run
from engine.cli.first_strike import FirstStrike
from engine.cli.kill_arguments import KillArguments
from engine.cli.kill_run import KillRun, settings_of
from engine.cli.presses import Presses
from engine.config.plan import KillPlan, default_plan
from engine.config.quick import read_quickly
from engine.core.kill.settings import KillSettings
from engine.trading import KillReport


def test_without_a_configuration_the_machines_own_defaults_hold() -> None:
    assert settings_of(default_plan()) == KillSettings()


def test_every_patience_of_the_plan_is_the_machines() -> None:
    settings = settings_of(KillPlan([], 9000, 30.5, 4.0, 2.5, 1.5))
    assert (settings.deadline_ns, settings.quarantine_ns, settings.market_patience_ns) == (30.5e9, 4e9, 2.5e9)
    assert settings.take_over_ns == 1.5e9


@pytest.mark.parametrize(("text", "seconds"), [("1", 1.0), ("2.5", 2.5), ("600", 600.0), ("0.9", None), ("601", None)])
def test_how_long_a_market_order_may_find_nobody_is_read_on_the_way_to_the_first_byte(
    text: str, seconds: float | None
) -> None:
    """What is out of range is left to the reader that says what is wrong with it."""
    plan = read_quickly(f'[logins.paper]\nmode = "paper"\n[kill]\nmarket_patience_s = {text}\n'.encode(), {})
    assert (None if plan is None else plan.market_patience_s) == seconds


class Recording:
    """Stands in for the manager, the first strike and the hands: notes what is asked of each press."""

    presses: list[dict[str, Any]]
    kill_notes = ()

    def __init__(self, **_settings: object) -> None:
        type(self).presses = []

    def finish(self) -> list[object]:
        return []

    def speak_through(self, *_voices: object) -> None:
        pass

    async def kill_switch_all(self, reason: str, **more: Any) -> KillReport:
        self.presses.append(more)
        return KillReport(kill_id=f"k{len(self.presses)}", reason=reason, started_at="", logins={})


@pytest.mark.parametrize(("watch_s", "expected"), [(0.0, [False]), (0.001, [False, True])])
def test_the_press_that_ends_a_watch_asks_for_what_the_watch_has_done(
    monkeypatch: pytest.MonkeyPatch, watch_s: float, expected: list[bool]
) -> None:
    monkeypatch.setattr(kill_run, "IBKRAccountManager", Recording)
    monkeypatch.setattr(kill_run.Voice, "say", lambda *_words: None)
    other = Recording()
    plan = KillPlan([], 9000, 1.0, watch_s, 2.5, 1.5)
    asyncio.run(KillRun(KillArguments(), plan, cast(Presses, other), 0)._kill(cast(FirstStrike, other)))
    assert [press.get("after_watch", False) for press in Recording.presses] == expected
