"""The files that make a machine restart the guard say what they should, whatever is in a path."""

from __future__ import annotations

import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.guard.service import CannotInstall, agent, environment_file, install, unit

COMMAND = [
    "/opt/my python/bin/python",
    "-m",
    "engine.cli",
    "guard",
    "run",
    "--config",
    '/home/ann/100% "risk"/$HOME.toml',
]


def test_a_launchd_agent_keeps_it_alive_with_every_word_as_it_is() -> None:
    found = plistlib.loads(agent(COMMAND, "/src", Path("/state"), Path("/log.md")).encode())
    assert found["ProgramArguments"][4:] == COMMAND
    assert found["KeepAlive"] is True
    assert found["ExitTimeOut"] >= 120 and found["ProcessType"] == "Interactive"  # a kill under way is seen to its end
    given = {"PYTHONPATH": "/src", "QE_HOME": "/state", "QE_INCIDENT_LOG": "/log.md"}
    assert found["EnvironmentVariables"] == given


@pytest.mark.skipif(shutil.which("sh") is None, reason="launchd's machines have one")
@pytest.mark.parametrize("secret", ["", "tgram://1:x y/$HOME"])
def test_what_a_launchd_agent_starts_has_the_environment_that_its_file_holds(tmp_path: Path, secret: str) -> None:
    home = tmp_path / "a state" / "folder"
    home.mkdir(parents=True)
    if secret:
        environment_file(home).write_text(f"QE_ALERTS__URLS='[\"{secret}\"]'\n")
    told = "import os, sys; print(os.environ.get('QE_ALERTS__URLS'), sys.argv[1:])"
    command = [sys.executable, "-c", told, "two words", "$HOME"]
    words = plistlib.loads(agent(command, "/src", home, Path("/log.md")).encode())["ProgramArguments"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    expected = f'["{secret}"]' if secret else "None"
    assert done.stdout == f"{expected} ['two words', '$HOME']\n"


def test_a_systemd_unit_restarts_it_for_ever_and_its_words_are_quoted() -> None:
    text = unit(COMMAND, "/src", Path("/state"), Path("/log.md"))
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text
    assert r'"/home/ann/100%% \"risk\"/$$HOME.toml"' in text
    assert "\nEnvironmentFile=-/state/service.env\n" in text
    assert '\nEnvironment="QE_INCIDENT_LOG=/log.md"\n' in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="only systemd can say what systemd takes")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine-guard.service"
    path.write_text(unit(["/bin/true"], "/src", Path("/state"), Path("/log.md")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(path)], capture_output=True, text=True, check=False
    )
    assert "quant-engine-guard" not in done.stderr


@pytest.mark.parametrize(("platform", "file"), [("darwin", "Library/LaunchAgents"), ("linux", ".config/systemd/user")])
def test_it_is_written_where_the_user_has_his_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, file: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    told = install("/c.toml", tmp_path / "state", platform=platform)
    (written,) = (tmp_path / file).iterdir()
    assert str(written) in told
    assert str(environment_file(tmp_path / "state")) in told
    assert "/c.toml" in written.read_text()
    before = written.read_text()
    assert install("/other.toml", tmp_path / "state", print_only=True, platform=platform) != before
    assert written.read_text() == before


def test_what_starts_it_is_told_in_the_words_that_the_system_takes_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "a user"))
    on_a_mac = install(None, tmp_path, platform="darwin")
    file = tmp_path / "a user" / "Library" / "LaunchAgents" / "quant-engine-guard.plist"
    assert f"launchctl bootstrap gui/$(id -u) '{file}'\n" in on_a_mac
    assert "launchctl bootout gui/$(id -u)/quant-engine-guard" in on_a_mac
    assert "launchctl load" not in on_a_mac
    assert "whenever you log in" in on_a_mac  # an agent is its user's: no machine starts it before that
    on_linux = install(None, tmp_path, platform="linux")
    assert "whenever this machine starts" in on_linux
    assert "systemctl --user restart quant-engine-guard" in on_linux


def test_what_cannot_be_installed_says_what_to_do_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotInstall, match="qe guard run"):
        install(None, tmp_path, platform="win32")
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    monkeypatch.setenv("HOME", str(blocked))
    with pytest.raises(CannotInstall, match="cannot be written"):
        install(None, tmp_path, platform="linux")
