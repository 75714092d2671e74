"""Where the clients that need environments of their own are, and what to say when one is missing."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.names import IB_INSYNC, IBAPI_9, STOQEY, Client
from conformance.scripted import DRIVERS, Script, Transcript, run

_SET_UP = Path(__file__).parents[2] / "scripts" / "client_envs.py"
_DRIVER = {
    IB_INSYNC.name: "insync_driver.py",
    IBAPI_9.name: "ibapi_driver.py",
    STOQEY.name: "stoqey_driver.js",
}
ELSEWHERE = (IB_INSYNC, IBAPI_9, STOQEY)


@functools.cache
def _status() -> dict[str, Any]:
    shown = subprocess.run([sys.executable, str(_SET_UP), "--status"], capture_output=True, text=True, check=True)
    status: dict[str, Any] = json.loads(shown.stdout)
    return status


def command_of(client: Client) -> tuple[list[str], dict[str, str]]:
    """What starts this client's interpreter, and what its environment needs. One that lives beside us has ours."""
    if client not in ELSEWHERE:
        return [sys.executable], {}
    found = _status()[client.name]
    if not found["ready"]:
        if os.environ.get("QE_WITHOUT_CLIENTS") == "1":
            pytest.skip(f"{client.name} is left out: QE_WITHOUT_CLIENTS=1")
        pytest.fail(f"client {client.name} is missing: {found['reason']}", pytrace=False)
    return found["command"], {"STOQEY_HOME": found["folder"]}


def play(client: Client, scripts: Sequence[Script]) -> list[Transcript]:
    """Play scripts with this client. Without it the test fails: leaving one out takes an explicit word."""
    command, environment = command_of(client)
    return run([*command, str(DRIVERS / _DRIVER[client.name])], scripts, environment)
