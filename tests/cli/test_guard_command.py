"""What the commands that speak to a guard say where there is none."""

from __future__ import annotations

import pytest

from engine.cli import guard_command
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


@pytest.mark.parametrize(
    ("channels", "code", "said"),
    [
        ({"1. ntfy": None, "2. mailto": None}, 0, "1. ntfy: taken"),
        ({"1. ntfy": None, "2. mailto": "it was not taken: it hung up"}, 1, "2. mailto: NOT DELIVERED: it hung up"),
        ({}, 1, "no address to send to"),
        (None, 2, "of another version"),
    ],
)
def test_a_test_alert_says_of_each_channel_whether_it_was_taken(
    channels: object, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        guard_command, "ask", lambda *_, **__: {"sent": True} if channels is None else {"channels": channels}
    )
    assert main(["guard", "test-alert"]) == code
    told = capsys.readouterr()
    assert said in told.out + told.err


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"acknowledged": ["paper: 0b88"], "titles": ["paper: halt by dead_man"]},
            "acknowledged: paper: halt by dead_man",
        ),
        ({"acknowledged": ["paper: 0b88"]}, "acknowledged: paper: 0b88"),
        ({"acknowledged": [], "titles": []}, "nothing stands that was not acknowledged already"),
    ],
)
def test_what_is_acknowledged_goes_by_the_title_it_was_told_under(
    answer: object, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard_command, "ask", lambda *_, **__: answer)
    assert main(["ack"]) == 0
    assert capsys.readouterr().out == f"{said}\n"
