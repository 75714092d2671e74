"""The metrics tell the same figures as the status."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from engine.config.gateway_table import GatewayTable
from engine.gateway.metrics import Metrics
from engine.gateway.tally import ClientLine, LoginLine, Status
from gateway.post import Post, post

LINE = LoginLine(
    name="paper",
    port=7597,
    tws="127.0.0.1:7497",
    waiting_for="",
    state="halt (manual): lunch",
    clients=(ClientLine(21, "127.0.0.1", 178, 2), ClientLine(22, "127.0.0.1", 178)),
    counts={"orders passed": 7, "cancels": 3},
    refused={"halted": 5},
    order_us={"p50": 300, "p99": 900, "max": 1000},
)
STATUS = Status(pid=1, at_ns=5 * 10**9, since_ns=10**9, shadow=False, missing={"guard": "…"}, logins=(LINE,))


def scraped(port: int) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            if one.name.startswith("quant_engine_gateway_") and not one.name.endswith("_created"):
                found[(one.name.removeprefix("quant_engine_gateway_"), *one.labels.values())] = one.value
    return found


def test_they_are_the_figures_of_the_status() -> None:
    metrics = Metrics(0)
    try:
        assert not scraped(metrics.port)
        metrics.draw(STATUS)
        found = scraped(metrics.port)
    finally:
        metrics.close()
    assert 0 <= found.pop(("age_seconds",)) < 60
    assert found == {
        ("up_seconds",): 4,
        ("shadow",): 0,
        ("missing", "guard"): 1,
        ("ready", "paper"): 1,
        ("restricted", "paper"): 1,
        ("clients", "paper"): 2,
        ("waiting", "paper"): 2,
        ("messages_total", "paper", "orders passed"): 7,
        ("messages_total", "paper", "cancels"): 3,
        ("refused_total", "paper", "halted"): 5,
        ("order_held_seconds", "paper", "0.5"): 0.0003,
        ("order_held_seconds", "paper", "0.99"): 0.0009,
        ("order_held_seconds", "paper", "1"): 0.001,
    }


def test_a_port_that_is_taken_ends_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def test(it: Post) -> None:
            assert [line for line in it.lines if f"no metrics are served on port {port}" in line]
            assert (await it.client()).ready.is_set()

        post(tmp_path, test, table=GatewayTable(metrics_port=port))
