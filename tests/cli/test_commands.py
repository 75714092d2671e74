"""The other commands: version, help, config, and what is told of wrong arguments."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.simulated import PATIENCE_S, environment, qe
from engine import __version__
from engine.cli.commands import KNOWN, main
from engine.config.template import template


def test_version_and_help(tmp_path: Path) -> None:
    assert qe("version", home=tmp_path).stdout == f"quant-engine {__version__}\n"
    for words in ([], ["help"], ["--help"]):
        done = qe(*words, home=tmp_path)
        assert done.returncode == 0
        for command in KNOWN:
            assert done.stdout.count(f"  qe {command} ") == (command != "help"), "each is told once"


@pytest.mark.parametrize(
    ("word", "next_step"),
    [("kil", "Did you mean: qe kill"), ("KILL", "Did you mean: qe kill"), ("xyzzy", "Every command: qe help")],
)
def test_a_slip_of_the_finger_is_told_what_did_not_happen_and_what_was_probably_meant(
    tmp_path: Path, word: str, next_step: str
) -> None:
    done = qe(word, home=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == f"qe: there is no command '{word}'; nothing was done, nothing was sent. {next_step}\n"


def test_the_usage_of_a_command_in_a_command_is_what_one_types(tmp_path: Path) -> None:
    assert qe("incident", "close", home=tmp_path).stderr.startswith("usage: qe incident close [-h]")


@pytest.mark.parametrize(
    "words",
    [
        ["doctor", "paper"],
        ["sim", "--port", "7497"],
        ["version", "x"],
        ["journal", "export", "a.json"],
        ["web", "user", "list", "x"],
    ],
)
def test_what_a_command_does_not_know_is_told_with_its_own_usage(tmp_path: Path, words: list[str]) -> None:
    done = qe(*words, home=tmp_path)
    assert (done.returncode, done.stdout) == (64, "")
    command = [word for word in words[:3] if word.isalpha() and word not in ("paper", "x")]
    assert done.stderr.startswith(f"usage: qe {' '.join(command)} ")
    assert f"qe {' '.join(command)}: unrecognized arguments: " in done.stderr


@pytest.mark.parametrize(("word", "means"), [("engines", "list"), ("incident", "list"), ("limits", "show")])
def test_a_command_that_looks_and_changes_looks_by_itself(tmp_path: Path, word: str, means: str) -> None:
    alone, spelled_out = qe(word, home=tmp_path), qe(word, means, home=tmp_path)
    assert alone.returncode == spelled_out.returncode == 0
    assert alone.stdout == spelled_out.stdout != ""


@pytest.mark.parametrize("words", [["--kill"], ["drill", "--scenario"], ["config"], ["config", "mend"]])
def test_wrong_arguments_exit_with_64_and_show_the_usage(tmp_path: Path, words: list[str]) -> None:
    done = qe(*words, home=tmp_path)
    assert done.returncode == 64
    assert "usage: qe" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--speed", "0"], "is no number from 0.1 to 1000"),
        (["--speed=-2"], "is no number from 0.1 to 1000"),
        (["--speed", "nan"], "is no number from 0.1 to 1000"),
        (["--speed", "inf"], "is no number from 0.1 to 1000"),
        (["--paper-port", "70000"], "is no port"),
        (["--live-port", "x"], "is no port"),
    ],
)
def test_the_simulator_refuses_what_cannot_be_in_a_sentence(tmp_path: Path, words: list[str], told: str) -> None:
    done = qe("sim", *words, home=tmp_path)
    assert done.returncode == 64
    assert told in done.stderr and "Traceback" not in done.stderr


def test_the_simulator_listens_where_it_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = qe("sim", "--plain", "--paper-port", "0", "--live-port", str(port), home=tmp_path)
    assert done.returncode == 2
    assert f"live {port}." in " ".join(done.stdout.split()) and "--live-port" in done.stdout


def test_config_init_writes_the_documented_file_once(tmp_path: Path) -> None:
    assert qe("config", "init", home=tmp_path).returncode == 0
    assert (tmp_path / "quant-engine.toml").read_text(encoding="utf-8") == template()
    again = qe("config", "init", home=tmp_path)
    assert again.returncode == 2 and "exists already" in again.stderr


def test_config_init_writes_the_file_that_every_command_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QE_CONFIG", str(tmp_path / "mine.toml"))
    assert main(["config", "init"]) == 0
    assert [one.name for one in tmp_path.iterdir()] == ["mine.toml"]
    assert main(["config", "init", "--config", "other.toml"]) == 0
    assert (tmp_path / "other.toml").exists()


def test_config_check_tells_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "quant-engine.toml"
    path.write_text('[logins.paper]\nmode = "paper"\nprot = 1\n[kill]\ndedline_s = 1\n', encoding="utf-8")
    done = qe("config", "check", home=tmp_path)
    assert done.returncode == 1
    assert "'port'" in done.stderr and "'deadline_s'" in done.stderr and "2 to put right" in done.stderr
    path.write_text('[logins.paper]\nmode = "paper"\n', encoding="utf-8")
    done = qe("config", "check", home=tmp_path)
    assert done.returncode == 0 and "all is well, 1 login" in done.stdout


def test_config_show_prints_what_is_in_force(tmp_path: Path) -> None:
    done = qe("config", "show", home=tmp_path, QE_KILL__DEADLINE_S="33")
    assert "no file: these are the defaults" in done.stdout
    assert "port = 7497" in done.stdout and "deadline_s = 33" in done.stdout
    assert "# set by the environment, over the file: QE_KILL__DEADLINE_S\n" in done.stdout
    assert tomllib.loads(done.stdout)["kill"]["deadline_s"] == 33
    assert "QE_KILL__DEADLINE_S" in qe("config", "check", home=tmp_path, QE_KILL__DEADLINE_S="33").stdout


@pytest.mark.parametrize("command", ["drill", "sim"])
def test_a_scenario_that_is_none_is_a_command_line_that_was_not_understood(command: str, tmp_path: Path) -> None:
    assert qe(command, "--scenario", "nosuch", home=tmp_path).returncode == 64


def test_a_page_of_an_unknown_ending_is_not_written_and_the_known_ones_are_named(tmp_path: Path) -> None:
    done = qe("runbook", "-o", str(tmp_path / "page.xyz"), home=tmp_path)
    assert done.returncode == 64
    assert ".md, .markdown, .html, .htm, .pdf" in done.stderr
    assert not (tmp_path / "page.xyz").exists()
    assert qe("runbook", "-o", str(tmp_path / "page.xyz"), "--format", "html", home=tmp_path).returncode == 0


def test_a_named_configuration_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    done = qe("config", "show", "--config", "nowhere.toml", home=tmp_path)
    assert done.returncode == 1 and "cannot be read: No such file" in done.stderr


@pytest.mark.parametrize("words", ["journal export", "config show", "limits show", "status --json", "runbook"])
def test_a_reader_that_has_seen_enough_is_no_fault_of_the_commands(words: str, tmp_path: Path) -> None:
    qe("halt", "--all", home=tmp_path)
    command = f'"{sys.executable}" -m engine.cli {words} | true'
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command],
        env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words", ["help", "kill --help", "web install --print", "guard install --print", "verify --help"]
)
def test_whoever_has_read_enough_is_told_of_no_fault(words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-u", "-m", "engine.cli", *words.split()]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environ, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
