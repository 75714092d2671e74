"""What the commands that speak to a guard say where there is none."""

from __future__ import annotations

import pytest

from engine.cli.commands import main


@pytest.mark.parametrize("words", [["ack"], ["guard", "test-alert"]])
def test_without_a_guard_it_is_said_what_stands_and_what_to_do(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "no guard answers in" in told and "none was started there, or it has ended" in told
    assert "qe guard run" in told and "Errno" not in told
    assert words != ["ack"] or "Nothing was acknowledged" in told
