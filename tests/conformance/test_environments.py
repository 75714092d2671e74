"""The set-up of the clients' environments: fast when nothing is to do, and never quiet about what is missing."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from conformance import environments
from conformance.names import STOQEY

_SCRIPT = Path(__file__).parents[2] / "scripts" / "client_envs.py"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The set-up script, working in a folder of the test's own, with one client that is made of nothing."""
    spec = importlib.util.spec_from_file_location("client_envs_under_test", _SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENVS", tmp_path)
    monkeypatch.setattr(module, "build_python", _build)
    env = dataclasses.replace(module.ENVIRONMENTS[0], name="client", pins=("client==1.0",), build=_build)
    monkeypatch.setattr(module, "ENVIRONMENTS", (env,))
    _BUILT.clear()
    yield module
    del sys.modules[spec.name]


_BUILT: list[tuple[str, ...]] = []


def _build(folder: Path, pins: tuple[str, ...]) -> None:
    _BUILT.append(pins)
    interpreter = folder / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text("")


def test_a_second_run_builds_nothing(script: ModuleType) -> None:
    assert script.set_up_all() == 0
    assert script.set_up_all() == 0
    assert _BUILT == [("client==1.0",)]
    assert script.status()["client"]["ready"] is True


def test_another_pin_builds_anew(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    script.set_up_all()
    newer = dataclasses.replace(script.ENVIRONMENTS[0], pins=("client==1.1",))
    monkeypatch.setattr(script, "ENVIRONMENTS", (newer,))
    assert script.status()["client"]["ready"] is False
    script.set_up_all()
    assert _BUILT == [("client==1.0",), ("client==1.1",)]


def test_a_failure_is_counted_and_told_and_mended_by_the_next_run(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unreachable(folder: Path, pins: tuple[str, ...]) -> None:
        raise script.SetUpFailed("no answer from the registry")

    working = script.ENVIRONMENTS
    monkeypatch.setattr(script, "ENVIRONMENTS", (dataclasses.replace(working[0], build=unreachable),))
    assert script.set_up_all() == 1
    assert "NOT AVAILABLE. no answer from the registry" in capsys.readouterr().out
    status = script.status()["client"]
    assert (status["ready"], status["reason"]) == (False, "no answer from the registry")
    monkeypatch.setattr(script, "ENVIRONMENTS", working)
    assert script.set_up_all() == 0
    assert script.status()["client"]["reason"] == ""


def test_a_missing_client_fails_the_test_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"stoqey": {"ready": False, "reason": "no answer from the registry", "command": [], "folder": ""}}
    monkeypatch.setattr(environments, "_status", lambda: missing)
    monkeypatch.delenv("QE_WITHOUT_CLIENTS", raising=False)
    with pytest.raises(pytest.fail.Exception, match=r"client stoqey is missing: no answer from the registry"):
        environments.play(STOQEY, ())


def test_only_an_explicit_word_leaves_a_client_out(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"stoqey": {"ready": False, "reason": "no answer", "command": [], "folder": ""}}
    monkeypatch.setattr(environments, "_status", lambda: missing)
    monkeypatch.setenv("QE_WITHOUT_CLIENTS", "1")
    with pytest.raises(pytest.skip.Exception, match="left out"):
        environments.play(STOQEY, ())
