"""The doctor on the cockpit: whoever uses it is told when it is not there, and nobody else is bothered."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.config.model import Config, default_config
from engine.config.web_table import WebTable
from engine.desk import doctor_web
from engine.desk.findings import Finding, Grade
from engine.guard.service import COCKPIT, install

GATEWAY = Path(__file__).parents[1] / "gateway"
CERTIFICATE, KEY = GATEWAY / "fence_certificate.pem", GATEWAY / "fence_key.pem"


def examined(home: Path, **table: object) -> list[Finding]:
    config: Config = msgspec.structs.replace(default_config(), web=WebTable(port=1, **table))
    return list(doctor_web.cockpit(home, config, "linux"))


@pytest.fixture(autouse=True)
def _a_user_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def test_nobody_has_to_use_it(tmp_path: Path) -> None:
    (one,) = examined(tmp_path)
    assert one.grade is Grade.WELL and "not in use" in one.what


def test_one_that_answers_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_web, "answers", lambda _: True)
    (one,) = examined(tmp_path, with_guard=True)
    assert one.grade is Grade.WELL and "http://127.0.0.1:1/" in one.what


def test_one_that_the_guard_should_run_and_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (one,) = examined(tmp_path, with_guard=True)
    assert one.grade is Grade.WARNING and "web.with_guard" in one.what and "cockpit.log" in one.mend


def test_one_that_is_installed_and_does_not_answer_is_told(tmp_path: Path) -> None:
    install(None, tmp_path, service=COCKPIT, platform="linux")
    (one,) = examined(tmp_path)
    assert one.grade is Grade.WARNING and "quant-engine-web.service" in one.what


def test_a_certificate_that_cannot_be_used_is_found_before_the_next_start(tmp_path: Path) -> None:
    for certificate, key, why in (
        ("/none.pem", str(KEY), "there is no such file: /none.pem"),
        (str(CERTIFICATE), "/none.key", "there is no such file: /none.key"),
        ("", str(KEY), "it takes both"),
        (__file__, __file__, "PEM"),
    ):
        _, one, *_ = examined(tmp_path, certificate=certificate, key=key)
        assert one.grade is Grade.WARNING and "next start is refused" in one.what
        assert why in one.what and "Errno" not in one.what


def test_a_key_that_every_user_can_read_is_told_with_what_mends_it(tmp_path: Path) -> None:
    key = tmp_path / "a key.pem"
    key.write_bytes(KEY.read_bytes())
    key.chmod(0o644)
    *_, one = examined(tmp_path, certificate=str(CERTIFICATE), key=str(key))
    assert one.grade is Grade.WARNING and "every user of this machine can read its TLS key" in one.what
    assert one.mend == f"chmod 600 '{key}'"
    key.chmod(0o640)  # a group of those that are to have it is somebody's decision
    assert len(examined(tmp_path, certificate=str(CERTIFICATE), key=str(key))) == 1


def test_without_a_configuration_there_is_nothing_to_look_for(tmp_path: Path) -> None:
    assert list(doctor_web.cockpit(tmp_path, None)) == []
