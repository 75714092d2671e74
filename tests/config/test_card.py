"""The strike card can be missing or old, and never wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import card


def plan(*rows: tuple[str, str, str, int]) -> card.KillPlan:
    return card.KillPlan([card.Place(*row) for row in rows], 9100, 60.5, 1.25)


def content(plan: card.KillPlan | None) -> object:
    if plan is None:
        return None
    places = [(place.name, place.mode, place.host, place.port) for place in plan.places]
    return places, plan.client_id, plan.deadline_s, plan.watch_s


PLAN = plan(("paper", "paper", "127.0.0.1", 7497), ("live", "live", "10.1.1.1", 4001))
CONFIG = b'[logins.paper]\nmode = "paper"\n\n[logins.live]\nmode = "live"\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QE_HOME", str(tmp_path / "home"))
    path = tmp_path / "quant-engine.toml"
    path.write_bytes(CONFIG)
    return path


def test_a_card_gives_back_the_logins(config: Path) -> None:
    assert card.read_card_for(str(config)) is None
    assert card.write_card(CONFIG, PLAN)
    assert content(card.read_card_for(str(config))) == content(PLAN)
    assert Path(card.card_file()).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", [CONFIG + b"\n", CONFIG[:-1], CONFIG.replace(b"live", b"LIVE"), b""])
def test_a_card_is_not_used_for_a_file_that_differs_in_one_byte(config: Path, change: bytes) -> None:
    card.write_card(CONFIG, PLAN)
    config.write_bytes(change)
    assert card.read_card_for(str(config)) is None


def test_no_damage_to_a_card_gives_other_logins(config: Path) -> None:
    card.write_card(CONFIG, PLAN)
    whole = Path(card.card_file()).read_bytes()
    for end in range(len(whole)):
        Path(card.card_file()).write_bytes(whole[:end])
        assert card.read_card_for(str(config)) is None


def test_what_has_no_place_in_a_card_is_not_written(config: Path) -> None:
    assert not card.write_card(CONFIG, plan())
    assert not card.write_card(CONFIG, plan(("a\tb", "paper", "h", 1)))
    assert not card.write_card(CONFIG, plan(("a\nb", "paper", "h", 1)))
    faulty = plan(("paper", "paper", "h", 1))
    faulty.faults.append("line 3 was not understood")
    assert not card.write_card(CONFIG, faulty)


def test_a_card_that_cannot_be_written_is_no_failure(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QE_HOME", str(config / "not-a-folder"))
    assert not card.write_card(CONFIG, PLAN)
    assert card.read_card_for(str(config)) is None
