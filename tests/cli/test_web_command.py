"""`qe web`: who may use the cockpit is said on the command line, and what it refuses exits with a code and a reason."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from cli.simulated import PATIENCE_S, environment, qe


def typed(*words: str, home: Path, text: str) -> subprocess.CompletedProcess[str]:
    """A command with something on its standard input."""
    command = [sys.executable, "-m", "engine.cli", *words]
    return subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        env=environment(home),
        cwd=home,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_user_is_added_listed_and_removed_and_a_short_password_changes_nothing(tmp_path: Path) -> None:
    refused = typed("web", "user", "add", "ann", home=tmp_path, text="short\n")
    assert (
        refused.returncode == 1 and "10 to 256 characters" in refused.stderr and "Nothing was changed" in refused.stderr
    )
    assert typed("web", "user", "add", "ann", "--role", "viewer", home=tmp_path, text="correct horse\n").returncode == 0
    assert qe("web", "user", "list", home=tmp_path).stdout == "ann  viewer\n"
    assert qe("web", "user", "remove", "ann", home=tmp_path).returncode == 0
    assert qe("web", "user", "list", home=tmp_path).stdout == "there is no user\n"
    assert qe("web", "user", "remove", "ann", home=tmp_path).returncode == 1


def test_a_token_is_shown_once_and_listed_without_what_is_secret(tmp_path: Path) -> None:
    made = qe("web", "token", "add", "alerts", "--may", "halt", "--login", "paper", home=tmp_path)
    token = made.stdout.strip()
    listed = qe("web", "token", "list", home=tmp_path).stdout
    assert made.returncode == 0 and len(token) > 60
    assert "halt" in listed and "alerts" in listed and "paper" in listed and token not in listed
    assert qe("web", "token", "remove", listed.split()[0], home=tmp_path).returncode == 0
    assert qe("web", "token", "list", home=tmp_path).stdout == "there is no token\n"


def test_a_token_for_a_login_that_is_not_there_or_for_a_role_of_one_login_is_refused(tmp_path: Path) -> None:
    for words in (("--may", "kill", "--login", "papre"), ("--may", "viewer", "--login", "paper")):
        refused = qe("web", "token", "add", "x", *words, home=tmp_path)
        assert refused.returncode == 1 and "Nothing was changed" in refused.stderr


def test_beyond_this_machine_it_does_not_start_without_users_and_tls(tmp_path: Path) -> None:
    refused = qe("web", home=tmp_path, QE_WEB__HOST='"0.0.0.0"')
    assert refused.returncode == 2
    assert "no user" in refused.stderr and "no TLS" in refused.stderr and "was not started" in refused.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = qe("web", "--port", str(taken.getsockname()[1]), home=tmp_path)
    assert refused.returncode == 2 and "set web.port" in refused.stderr


def test_the_service_that_runs_it_can_be_seen_before_it_is_written(tmp_path: Path) -> None:
    shown = qe("web", "--config", "here.toml", "install", "--print", home=tmp_path, HOME=str(tmp_path))
    assert shown.returncode == 0 and '"web" "--config"' in shown.stdout and "cockpit" in shown.stdout
    assert not (tmp_path / ".config").exists()
    written = qe("web", "install", home=tmp_path, HOME=str(tmp_path))
    path = tmp_path / ".config" / "systemd" / "user" / "quant-engine-web.service"
    assert written.returncode == 0 and "systemctl --user enable --now quant-engine-web" in written.stdout
    assert '"engine.cli" "web"' in path.read_text() and "Restart=always" in path.read_text()
