"""The guard, or the cockpit, as a service that this machine restarts: a systemd unit for the user, or a launchd agent
on a Mac.
"""

from __future__ import annotations

import plistlib
import shlex
import sys
from pathlib import Path

import msgspec

from engine.config.places import incident_log
from engine.own_program import qe

RESTART_S = 2
ENVIRONMENT = "service.env"
# Runs a command with the environment that a file holds, if there is one: launchd has no such thing itself.
WITH_ENVIRONMENT = 'if [ -r "$0" ]; then set -a; . "$0"; set +a; fi; exec "$@"'


class CannotInstall(Exception):
    """No service was written; the text says why, and what to do instead."""


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run. `words`: what stands behind `qe`; `ends_s`: how long its end may take."""

    label: str
    title: str
    words: tuple[str, ...]
    log: str
    ends_s: int


GUARD = Service(
    label="quant-engine-guard", title="quant-engine guard", words=("guard", "run"), log="guard.log", ends_s=180
)
COCKPIT = Service(label="quant-engine-web", title="quant-engine cockpit", words=("web",), log="web.log", ends_s=10)


def install(
    config: str | None,
    home: Path,
    *,
    service: Service = GUARD,
    print_only: bool = False,
    platform: str = sys.platform,
) -> str:
    """Write the service's file for this user; returns what to type next. Raises CannotInstall."""
    command = list(qe(*service.words))
    if config is not None:
        command += ["--config", config]
    source, page = str(Path(__file__).resolve().parents[2]), Path(incident_log())
    path = file_of(service, platform)
    if path is None:
        words = " ".join(service.words)
        raise CannotInstall(f"there is no service for {platform} here: let its own tools restart `qe {words}`")
    if platform == "darwin":
        text = agent(command, source, home, page, service)
        when, then = "whenever you log in", f"launchctl bootstrap gui/$(id -u) {shlex.quote(str(path))}"
        anew = f"launchctl bootout gui/$(id -u)/{service.label}, and the line above when it has ended"
    else:
        text = unit(command, source, home, page, service)
        when, anew = "whenever this machine starts", f"systemctl --user restart {service.label}"
        then = (
            f"systemctl --user daemon-reload && systemctl --user enable --now {service.label} && loginctl enable-linger"
        )
    if print_only:
        return text
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotInstall(f"{path} cannot be written: {error.strerror or error}") from error
    return (
        f"wrote {path}\nStart it, now and {when}:\n  {then}\n"
        f"Where it runs already, this has it begin anew with what was written:\n  {anew}\n"
        f"It does not have this shell's environment. What it needs of that, such as QE_ALERTS__URLS='[…]', goes into "
        f"{environment_file(home)}, one NAME='value' a line, readable by you alone (chmod 600)"
    )


def environment_file(home: Path) -> Path:
    """Where the services find what a shell would have given them: secrets stay out of the service's own file."""
    return home / ENVIRONMENT


def file_of(service: Service, platform: str = sys.platform) -> Path | None:
    """Where this user's services stand; None: this platform has none that we know."""
    if platform == "darwin":
        return Path.home() / "Library" / "LaunchAgents" / f"{service.label}.plist"
    if platform.startswith("linux"):
        return Path.home() / ".config" / "systemd" / "user" / f"{service.label}.service"
    return None


def unit(command: list[str], source: str, home: Path, page: Path, service: Service = GUARD) -> str:
    """A systemd unit. It is restarted for ever, whatever ends it."""
    return f"""\
[Unit]
Description={service.title}
StartLimitIntervalSec=0

[Service]
ExecStart={" ".join(map(_systemd_word, command))}
Environment={_systemd_word(f"PYTHONPATH={source}")}
Environment={_systemd_word(f"QE_HOME={home}")}
Environment={_systemd_word(f"QE_INCIDENT_LOG={page}")}
EnvironmentFile=-{str(environment_file(home)).replace("%", "%%")}
Restart=always
RestartSec={RESTART_S}
TimeoutStopSec={service.ends_s}

[Install]
WantedBy=default.target
"""


def agent(command: list[str], source: str, home: Path, page: Path, service: Service = GUARD) -> str:
    """A launchd agent. It is restarted for ever, whatever ends it."""
    return plistlib.dumps(
        {
            "Label": service.label,
            "ProgramArguments": ["/bin/sh", "-c", WITH_ENVIRONMENT, str(environment_file(home)), *command],
            "EnvironmentVariables": {"PYTHONPATH": source, "QE_HOME": str(home), "QE_INCIDENT_LOG": str(page)},
            "KeepAlive": True,
            "RunAtLoad": True,
            "ThrottleInterval": RESTART_S,
            "ExitTimeOut": service.ends_s,  # or it is killed after twenty seconds, in the middle of a kill as well
            "ProcessType": "Interactive",  # or a Mac slows it down as work that nobody waits for
            "StandardOutPath": str(home / service.log),
            "StandardErrorPath": str(home / service.log),
        }
    ).decode()


def _systemd_word(word: str) -> str:
    """Quoted for a unit file: a percent sign is doubled, a dollar too."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'
