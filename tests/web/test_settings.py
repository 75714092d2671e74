"""The configuration is read again when it has changed, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config.problems import ConfigError
from engine.web.settings import Settings


def test_what_has_changed_is_read_and_what_has_not_is_not(tmp_path: Path) -> None:
    path = tmp_path / "here.toml"
    path.write_text('[logins.one]\nmode = "paper"\n', encoding="utf-8")
    settings = Settings(str(path))
    first = settings.found()
    assert settings.found() is first
    assert [place.name for place in first.plan.places] == ["one"]
    path.write_text('[logins.another]\nmode = "paper"\n', encoding="utf-8")
    assert [place.name for place in settings.found().plan.places] == ["another"]
    path.write_text("[logins.one]\nmode = 7\n", encoding="utf-8")
    assert isinstance(settings.found().limits, ConfigError)
    path.unlink()
    assert settings.found().plan.faults


def test_a_file_that_appears_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QE_HOME", str(tmp_path))
    monkeypatch.delenv("QE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    settings = Settings(None)
    assert [place.name for place in settings.found().plan.places] == ["paper", "live"]
    (tmp_path / "quant-engine.toml").write_text('[logins.one]\nmode = "paper"\n', encoding="utf-8")
    assert [place.name for place in settings.found().plan.places] == ["one"]
