"""What the plan of a kill says reaches the machine that decides."""

from __future__ import annotations

import pytest

from engine.cli.kill_run import settings_of
from engine.config.plan import KillPlan, default_plan
from engine.config.quick import read_quickly
from engine.core.kill.settings import KillSettings


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
