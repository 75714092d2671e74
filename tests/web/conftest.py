"""Fixtures of the tests in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from web.browser import CHROMIUM, FLAGS, Here, cockpit


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make setup)")
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def watched() -> Iterator[Here]:
    """A cockpit with a guard, for tests that only look."""
    with cockpit(guard=True) as here:
        yield here


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: QE_PICTURES keeps them."""
    folder = Path(os.environ.get("QE_PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
