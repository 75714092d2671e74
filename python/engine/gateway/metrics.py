"""What `qe gateway status` shows, as Prometheus metrics on a port of this machine alone: the same figures.

The server's own threads read the status that the gateway has made last: nothing that scrapes can hold an order up. A
gateway that hangs is seen by the age of what it says, and what it does not know has no sample.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.gateway.tally import LoginLine, Status

HERE = "127.0.0.1"
SPAN = {"p50": "0.5", "p99": "0.99", "max": "1"}


class LastStatus(Collector):
    """Makes the metrics of the last status, with the time on a monotonic clock at which it was made."""

    def __init__(self, last: Callable[[], tuple[Status, float] | None]) -> None:
        self._last = last

    def collect(self) -> Iterable[Metric]:
        found = self._last()
        if found is None:
            return
        status, made_s = found
        logins = status.logins
        yield _gauge("age_seconds", "Age of everything here", [((), time.monotonic() - made_s)])
        yield _gauge("up_seconds", "Since the gateway began", [((), (status.at_ns - status.since_ns) / 1e9)])
        yield _gauge("shadow", "1: it refuses nothing, and tells", [((), int(status.shadow))])
        yield _gauge("missing", "1: a guard or a journal is missing", [((w,), 1) for w in status.missing], ("what",))
        yield _by_login("ready", "1: it knows the account", logins, lambda one: int(not one.waiting_for))
        yield _by_login("restricted", "1: something restricts the login", logins, lambda one: int(bool(one.state)))
        yield _by_login("clients", "Clients that are connected", logins, lambda one: len(one.clients))
        waiting = "Messages that wait behind an order"
        yield _by_login("waiting", waiting, logins, lambda one: sum(each.waiting for each in one.clients))
        yield _counts("messages", "Orders and cancels, by what became of them", "what", logins, lambda one: one.counts)
        yield _counts("refused", "Refused, by the check that did", "rule", logins, lambda one: one.refused)
        held = [((one.name, SPAN[name]), us / 1e6) for one in logins for name, us in one.order_us.items()]
        yield _gauge("order_held_seconds", "How long the last orders were held", held, ("login", "quantile"))


def _by_login(name: str, what: str, logins: tuple[LoginLine, ...], of: Callable[[LoginLine], float]) -> Metric:
    return _gauge(name, what, [((one.name,), of(one)) for one in logins], ("login",))


def _counts(
    name: str, what: str, label: str, logins: tuple[LoginLine, ...], of: Callable[[LoginLine], dict[str, int]]
) -> Metric:
    family = CounterMetricFamily(f"quant_engine_gateway_{name}", what, labels=("login", label))
    for login in logins:
        for key, number in of(login).items():
            family.add_metric((login.name, key), number)
    return family


def _gauge(
    name: str, what: str, samples: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> Metric:
    family = GaugeMetricFamily(f"quant_engine_gateway_{name}", what, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


class Metrics:
    """Serves the last status. Raises OSError where the port is taken."""

    def __init__(self, port: int) -> None:
        self._last: tuple[Status, float] | None = None
        registry = CollectorRegistry()
        registry.register(LastStatus(lambda: self._last))
        self._server, self._thread = start_http_server(port, addr=HERE, registry=registry)
        self.port: int = self._server.server_port

    def draw(self, status: Status) -> None:
        self._last = status, time.monotonic()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
