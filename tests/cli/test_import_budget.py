"""Nothing is loaded before the first strike that a bare interpreter has not loaded already, but for what connects."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

OURS = {
    "engine",
    "engine.cli",
    "engine.cli.first_strike",
    "engine.cli.kill",
    "engine.cli.kill_arguments",
    "engine.cli.kill_under_way",
    "engine.cli.presses",
    "engine.cli.warm_guard",
    "engine.config",
    "engine.config.plan",
    "engine.config.quick",
    "engine.config.places",
    "engine.hosts",
    "engine.names",
    "engine.wire",
    "engine.wire.opening",
}
FOREIGN = {"__future__", "_signal", "_socket", "errno", "gc", "select"}

PROBE = """
import sys
bare = set(sys.modules)
from engine.cli import first_strike, main
import os

def struck(self, *patience):
    os.write(1, " ".join(set(sys.modules) - bare).encode())
    os._exit(0)

first_strike.FirstStrike.run = struck
sys.argv = ["qe", "kill", *sys.argv[1:]]
main()
"""


def loaded_before_the_strike(*arguments: str, home: Path, **more: str) -> set[str]:
    environ = {**os.environ, "QE_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path), **more}
    environ.pop("QE_CONFIG", None)
    command = [sys.executable, "-c", PROBE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=home, timeout=60, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "arguments", [(), ("--reason", "why", "--login", "paper", "--deadline=5", "--watch", "1", "--json")]
)
def test_the_way_to_the_first_byte_loads_nothing_it_does_not_need(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert loaded_before_the_strike(*arguments, home=tmp_path) <= OURS | FOREIGN


def test_an_ordinary_configuration_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "quant-engine.toml").write_text(
        '[logins.paper]\nmode = "paper"\nport = 7497\n[kill]\ndeadline_s = 60\n'
    )
    assert loaded_before_the_strike(home=tmp_path) <= OURS | FOREIGN
    assert loaded_before_the_strike(home=tmp_path, QE_LOGINS__PAPER__PORT="7500") <= OURS | FOREIGN


def test_an_extraordinary_one_is_left_to_the_real_reader(tmp_path: Path) -> None:
    (tmp_path / "quant-engine.toml").write_text("[logins]\npaper = {mode = 'paper'}\n")
    assert "tomllib" in loaded_before_the_strike(home=tmp_path)


LOADED = """
import sys
from engine.cli import without_openssl
without_openssl.load()
from engine.cli import kill_run
print("ssl" in sys.modules, "_hashlib" in sys.modules, "asyncio" in sys.modules)
import hashlib, hmac, ssl
print(ssl.OPENSSL_VERSION_NUMBER > 0, hashlib.sha256(b"abc").hexdigest()[:8])
print(hmac.new(b"key", b"said", "sha256").hexdigest()[:8])
"""
SAID = ["True", "ba7816bf", "5d605d1f"]


def test_the_kill_loads_no_openssl_and_keeps_nobody_from_loading_it() -> None:
    assert ran("", LOADED) == ["False", "False", "True", *SAID]


def test_openssl_that_somebody_has_loaded_already_stays() -> None:
    assert ran("import hashlib, ssl", LOADED) == ["True", "True", "True", *SAID]


def test_a_python_that_was_built_without_its_own_hashes_takes_those_of_openssl() -> None:
    missing = "from engine.cli import without_openssl\nwithout_openssl.HASHES_OF_PYTHON = ('_sha256', '_not_built')"
    assert ran(missing, LOADED) == ["False", "True", "True", *SAID]


def ran(before: str, script: str) -> list[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", f"{before}\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


HANDED_OVER = """
import os, sys, types
from engine.cli import first_strike, main

def begin(*anything):
    os.write(1, f"{'asyncio' in sys.modules} {'ssl' in sys.modules} {'_hashlib' in sys.modules}".encode())
    os._exit(0)

sys.modules["engine.cli.kill_run"] = types.SimpleNamespace(begin=begin)
first_strike.FirstStrike.run = first_strike.FirstStrike.go_on = lambda *anything: None
sys.argv = ["qe", "kill"]
main()
"""


def test_the_kill_is_handed_over_without_openssl(tmp_path: Path) -> None:
    environ = {**os.environ, "QE_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    environ.pop("QE_CONFIG", None)
    done = subprocess.run(
        [sys.executable, "-c", HANDED_OVER], capture_output=True, text=True, env=environ, cwd=tmp_path, timeout=60
    )
    assert (done.stdout.split(), done.stderr) == (["True", "False", "False"], "")
