"""axe-core, which judges how accessible a page is: put into the page by the test, never shipped with the cockpit."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_SET_UP = Path(__file__).parents[2] / "scripts" / "client_envs.py"
BAD = ("serious", "critical")


@functools.cache
def script() -> str:
    """Its text. Without it the test fails: leaving it out takes an explicit word."""
    shown = subprocess.run([sys.executable, str(_SET_UP), "--status"], capture_output=True, text=True, check=True)
    found = json.loads(shown.stdout)["axe"]
    if not found["ready"]:
        if os.environ.get("QE_WITHOUT_CLIENTS") == "1":
            pytest.skip("axe-core is left out: QE_WITHOUT_CLIENTS=1")
        pytest.fail(f"axe-core is missing: {found['reason']}", pytrace=False)
    return (Path(found["folder"]) / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def complaints(page: Any) -> list[str]:
    """Everything serious that axe finds on a page."""
    page.evaluate(script())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{page.url}: {one['id']} ({one['impact']}): {one['help']}: {[node['target'] for node in one['nodes']]}"
        for one in found["violations"]
        if one["impact"] in BAD
    ]
