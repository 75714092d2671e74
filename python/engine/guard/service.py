"""The guard as a service that this machine restarts: a systemd unit for the user, or a launchd agent on a Mac."""

from __future__ import annotations

import plistlib
import shlex
import sys
from pathlib import Path

LABEL = "quant-engine-guard"
RESTART_S = 2


class CannotInstall(Exception):
    """No service was written; the text says why, and what to do instead."""


def install(config: str | None, home: Path, *, print_only: bool = False, platform: str = sys.platform) -> str:
    """Write the service's file for this user; returns what to type next. Raises CannotInstall."""
    command = [sys.executable, "-m", "engine.cli", "guard", "run"]
    if config is not None:
        command += ["--config", config]
    source = str(Path(__file__).resolve().parents[2])
    if platform == "darwin":
        path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        text, then = agent(command, source, home), f"launchctl load -w {shlex.quote(str(path))}"
    elif platform.startswith("linux"):
        path = Path.home() / ".config" / "systemd" / "user" / f"{LABEL}.service"
        text = unit(command, source, home)
        then = f"systemctl --user daemon-reload && systemctl --user enable --now {LABEL} && loginctl enable-linger"
    else:
        raise CannotInstall(f"there is no service for {platform} here: let its own tools restart `qe guard run`")
    if print_only:
        return text
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotInstall(f"{path} cannot be written: {error.strerror or error}") from error
    return f"wrote {path}\nStart it, now and whenever this machine starts:\n  {then}"


def unit(command: list[str], source: str, home: Path) -> str:
    """A systemd unit. It is restarted for ever, whatever ends it."""
    return f"""\
[Unit]
Description=quant-engine guard
StartLimitIntervalSec=0

[Service]
ExecStart={" ".join(map(_systemd_word, command))}
Environment={_systemd_word(f"PYTHONPATH={source}")}
Environment={_systemd_word(f"QE_HOME={home}")}
Restart=always
RestartSec={RESTART_S}
TimeoutStopSec=180

[Install]
WantedBy=default.target
"""


def agent(command: list[str], source: str, home: Path) -> str:
    """A launchd agent. It is restarted for ever, whatever ends it."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": command,
            "EnvironmentVariables": {"PYTHONPATH": source, "QE_HOME": str(home)},
            "KeepAlive": True,
            "RunAtLoad": True,
            "ThrottleInterval": RESTART_S,
            "StandardOutPath": str(home / "guard.log"),
            "StandardErrorPath": str(home / "guard.log"),
        }
    ).decode()


def _systemd_word(word: str) -> str:
    """Quoted for a unit file: a percent sign is doubled, a dollar too."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'
