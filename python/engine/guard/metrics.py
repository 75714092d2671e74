"""What the guard sees as Prometheus metrics, on a port of this machine alone.

The server's own threads read a picture that the guard's loop has left last: nothing that scrapes can hold the guard up.
A picture that is old is not shown for a new one: its age is a metric, and what it does not know has no sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

HERE = "127.0.0.1"
STATES = (None, "size_factor", "reduce_only", "halt", "shutdown")

Picture = Mapping[str, Any]


class LastPicture(Collector):
    """Makes the metrics of the last picture."""

    def __init__(self, last: Callable[[], tuple[Picture, float] | None]) -> None:
        self._last = last

    def collect(self) -> Iterable[Metric]:
        found = self._last()
        if found is None:
            return
        told, taken_s = found
        yield _gauge("age_seconds", "Age of everything here", [((), time.monotonic() - taken_s)])
        yield _gauge("loop_lag_seconds", "How late the guard's event loop is", [((), told["lag_s"])])
        yield from _logins(told["logins"])
        yield from _limits(told["logins"])
        silent = [((one["name"],), one["silent_s"]) for one in told["engines"]]
        yield _gauge("engine_silent_seconds", "Since an engine's last sign of life", silent, ("engine",))
        open_ = sum(1 for one in told["alerts"]["standing"] if not one["acknowledged"])
        yield _gauge("alerts_open", "Alerts that nobody has acknowledged", [((), open_)])
        failing = 0 if told["alerts"]["failing"] is None else 1
        yield _gauge("alerts_failing", "1: the last alert could not be sent", [((), failing)])


def _logins(logins: Mapping[str, Any]) -> Iterable[Metric]:
    named = list(logins.items())
    connected = ((n, int(one["connected"])) for n, one in named)
    yield _by_login("connected", "1: the login has a working connection", connected)
    yield _by_login(
        "state",
        "0 may trade, 1 smaller, 2 reduce only, 3 halted, 4 shut down",
        ((n, STATES.index(one["state"])) for n, one in named),
    )
    yield _by_login("killing", "1: a kill is under way", ((n, int(one["killing"])) for n, one in named))
    for key in ("positions", "orders"):
        known = ((n, one[key]) for n, one in named if one[key] is not None)
        yield _by_login(key, f"How many {key} are there, where that is known", known)
    equity = (
        (n, float(Decimal(one["limits"]["equity"])))
        for n, one in named
        if one["limits"]["equity"] is not None and not one["limits"]["stale"]
    )
    yield _by_login("equity", "Equity in the login's base currency, where it is known", equity)


def _limits(logins: Mapping[str, Any]) -> Iterable[Metric]:
    for key, what in (("used", "Part of a limit that is lost; 1: crossed"), ("left", "What may still be lost")):
        samples = [
            ((name, one["limit"]), float(Decimal(one[key])))
            for name, login in logins.items()
            if not login["limits"]["stale"]
            for one in login["limits"]["limits"]
            if one[key] is not None
        ]
        yield _gauge(f"limit_{key}", what, samples, ("login", "limit"))


def _by_login(name: str, what: str, samples: Iterable[tuple[str, float]]) -> Metric:
    return _gauge(name, what, [((login,), value) for login, value in samples], ("login",))


def _gauge(
    name: str, what: str, samples: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"quant_engine_{name}", what, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


class Metrics:
    """Serves the last picture. `draw` makes a new one; it is called on the guard's loop."""

    def __init__(self, port: int) -> None:
        self._last: tuple[Picture, float] | None = None
        registry = CollectorRegistry()
        registry.register(LastPicture(lambda: self._last))
        self._server, self._thread = start_http_server(port, addr=HERE, registry=registry)
        self.port: int = self._server.server_port

    def draw(self, told: Picture) -> None:
        self._last = told, time.monotonic()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
