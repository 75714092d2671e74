"""Colour only where somebody looks at a terminal that has any."""

from __future__ import annotations

import os

import pytest

from engine.cli import kill_run


@pytest.mark.parametrize(
    ("environ", "terminal", "wanted"),
    [
        ({"TERM": "xterm"}, True, True),
        ({}, True, True),
        ({}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, False, True),
    ],
)
def test_colour_is_for_terminals_that_have_it(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], terminal: bool, wanted: bool
) -> None:
    monkeypatch.setattr(os, "isatty", lambda _fd: terminal)
    assert kill_run.colour_wanted(environ) is wanted
