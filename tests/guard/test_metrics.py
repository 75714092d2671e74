"""Metrics: what is known has a sample, what is not has none, and a picture's age is told."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from engine.guard.metrics import Metrics
from engine.guard.telling import limits_data
from guard.post import Post, post

NAME = re.compile(r"quant_engine_\w+")
LIMIT = {"limit": "daily_loss", "used": "0.25", "left": "1500.00", "acted": False, "unknown": ""}


def login(**changes: Any) -> dict[str, Any]:
    limits = {"stale": False, "equity": "98000.00", "currency": "USD", "limits": [LIMIT]}
    return {
        "connected": True, "state": "halt", "killing": False, "positions": 3, "orders": 0, "limits": limits,
    } | changes  # fmt: skip


def scraped(told: dict[str, Any] | None) -> dict[tuple[str, ...], float]:
    metrics = Metrics(0)
    try:
        if told is not None:
            metrics.draw(told)
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        metrics.close()
    return {
        (
            sample.name.removeprefix("quant_engine_"),
            *(sample.labels[key] for key in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def told(**logins: dict[str, Any]) -> dict[str, Any]:
    alerts = {"standing": [{"acknowledged": ""}, {"acknowledged": "ann"}], "failing": None}
    return {"lag_s": 0.5, "logins": logins, "engines": [{"name": "e", "silent_s": 4.0}], "alerts": alerts}


def test_what_is_known_is_there() -> None:
    found = scraped(told(paper=login()))
    assert found.pop(("age_seconds",)) < 5
    assert found == {
        ("loop_lag_seconds",): 0.5,
        ("connected", "paper"): 1,
        ("state", "paper"): 3,
        ("killing", "paper"): 0,
        ("positions", "paper"): 3,
        ("orders", "paper"): 0,
        ("equity", "paper"): 98_000,
        ("limit_used", "daily_loss", "paper"): 0.25,
        ("limit_left", "daily_loss", "paper"): 1_500,
        ("engine_silent_seconds", "e"): 4,
        ("alerts_open",): 1,
        ("alerts_failing",): 0,
    }


def test_what_is_not_known_has_no_sample_and_before_the_first_picture_there_is_none() -> None:
    unknown = {"stale": True, "equity": "98000.00", "currency": "USD", "limits": [LIMIT]}
    blank = LIMIT | {"used": None, "left": None}
    found = scraped(told(paper=login(positions=None, orders=None, limits=unknown), live=login(state=None)))
    assert not [key for key in found if key[0] in ("positions", "orders", "equity", "limit_used") and "paper" in key]
    assert found[("state", "live")] == 0
    assert not [
        key
        for key in scraped(told(paper=login(limits=unknown | {"stale": False, "limits": [blank]})))
        if "limit_used" in key
    ]
    assert scraped(None) == {}


def test_a_guards_own_words_can_be_drawn(tmp_path: Path) -> None:
    drawn: list[dict[tuple[str, ...], float]] = []

    async def test(here: Post) -> None:
        drawn.append(scraped(here.guard.told()))
        assert limits_data(here.manager.limits("paper"))["equity"] is not None

    post(tmp_path, test)
    assert drawn[0]["connected", "paper"] == 1
    assert drawn[0]["equity", "paper"] > 0
    assert len([key for key in drawn[0] if key[0] == "limit_left"]) == 8


def test_a_port_that_is_taken_is_told_and_stops_no_guarding(tmp_path: Path) -> None:
    taken = Metrics(0)

    async def test(here: Post) -> None:
        assert here.titles() == ["no metrics are served"]
        assert here.manager.connected("paper")

    try:
        post(tmp_path, test, metrics_port=taken.port)
    finally:
        taken.close()


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "grafana" / "quant-engine.json"
    board = json.loads(page.read_text())
    asked = {name for panel in board["panels"] for target in panel["targets"] for name in NAME.findall(target["expr"])}
    assert asked
    there = {f"quant_engine_{key[0]}" for key in scraped(told(paper=login()))}
    assert asked <= there
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]]
    assert len(set(places)) == len(places)
