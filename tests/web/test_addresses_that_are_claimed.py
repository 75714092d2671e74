"""The address that stands in a header is anybody's to write: it is neither logged nor counted. Over the real server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx2 as httpx
import pytest

from cli.simulated import PATIENCE_S
from ports import free_port
from web.browser import serving, until

pytestmark = pytest.mark.slow
TRIES = 7


def test_another_claimed_address_for_each_guess_wins_no_further_guess() -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        home, port = Path(folder), free_port()
        with serving(home, port), httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as caller:
            codes = [
                caller.post(
                    "/hook", json={"token": "a guess"}, headers={"X-Forwarded-For": f"203.0.113.{n}"}
                ).status_code
                for n in range(TRIES)
            ]
            assert codes == [401] * 5 + [429] * 2
            log = home / "web" / "access.jsonl"
            until(lambda: log.exists() and log.read_text().count("hook refused") == TRIES, "not all were logged")
            assert "203.0.113" not in log.read_text()
            assert log.read_text().count("127.0.0.1") == TRIES
