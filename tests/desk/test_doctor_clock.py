"""What the doctor says of the clocks: TWS tells whole seconds, so a second is no difference."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from engine.desk import doctor_login
from engine.desk.findings import Grade


@pytest.mark.parametrize(
    ("theirs_s", "unsure_s", "grade", "what"),
    [
        (999.0, 0.0, Grade.WELL, "the clocks agree to the second"),
        (1000.9, 0.0, Grade.WELL, "the clocks agree to the second"),
        (997.0, 0.0, Grade.WELL, "the clocks differ by 3 s"),
        (990.0, 0.0, Grade.WARNING, "this machine's clock is 10 s ahead of TWS's"),
        (970.0, 29.5, Grade.WELL, "the clocks agree to the second"),
        (970.0, 10.0, Grade.WARNING, "this machine's clock is 20 s ahead of TWS's"),
        (1010.0, 0.0, Grade.WARNING, "this machine's clock is 10 s behind TWS's"),
        (None, 0.0, Grade.WARNING, "TWS does not tell the time"),
    ],
)
def test_a_difference_that_whole_seconds_or_a_late_answer_make_is_none(
    monkeypatch: pytest.MonkeyPatch, theirs_s: float | None, unsure_s: float, grade: Grade, what: str
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    monkeypatch.delenv("QE_SIMULATED_WORLD", raising=False)
    login: Any = SimpleNamespace(name="paper")
    link: Any = SimpleNamespace(server_now_s=lambda: theirs_s, clock=SimpleNamespace(unsure_s=unsure_s))
    found = doctor_login._clock(login, link)
    assert (found.grade, found.what) == (grade, what)


def test_a_simulated_worlds_clock_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable may have been left behind, and the clock be wrong."""
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    monkeypatch.setenv("QE_SIMULATED_WORLD", "1")
    login: Any = SimpleNamespace(name="paper")
    link: Any = SimpleNamespace(server_now_s=lambda: 100.0, clock=SimpleNamespace(unsure_s=0.0))
    told = "the clocks differ by 900 s, as a simulated world's do: QE_SIMULATED_WORLD is set"
    assert doctor_login._clock(login, link).what == told
