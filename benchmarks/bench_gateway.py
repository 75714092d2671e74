"""The gateway: how long it holds a read and an order, beside what haproxy and socat add to the same bytes.

A TWS that only answers, every contender and the client share one core, and the contenders take turns in every round.
What is measured is the time from a request's bytes to its answer's; what a contender *adds* is that less the same
without anybody in between. The orders pass every check, and are in the journal before they leave.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path

from _processes import choose_cores, go_first, move_to
from _table import Row, show
from engine.core.contracts import Contract
from engine.trading.presence import FILE
from engine.wire import replies, requests
from engine.wire.codec import encode_request
from engine.wire.events import ClientHello, Started
from engine.wire.frames import frame
from engine.wire.opening import hello, start_api
from engine.wire.order import Order
from engine.wire.sessions import ServerSession

READS, ORDERS = (20, 100), (8, 15)  # rounds, and requests in each; more orders in a minute than that nobody sends
PATIENCE_S = 20.0
SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
UNLIMITED = "orders_per_second = 10000\norders_per_minute = 10000\nduplicates_max = 10000\nrepeats_max = 10000\n"


# --- a TWS that only answers -----------------------------------------------------------------------------------------
class Tws(asyncio.Protocol):
    """One connection: an empty account, every contract is SPY, every order ends at once."""

    def __init__(self) -> None:
        self._session = ServerSession()
        self._client_id = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for event in self._session.receive(data):
            if isinstance(event, ClientHello):
                self._transport.write(self._session.accept("20260311 10:30:00 EST"))
                continue
            if isinstance(event, Started):
                self._client_id = event.client_id
            said = b"".join(self._session.send(each) for each in answers(event, self._client_id))
            if said:
                self._transport.write(said)


def answers(event: object, client_id: int) -> tuple[replies.Reply, ...]:
    match event:
        case Started():
            return replies.ManagedAccounts(("DU1",)), replies.NextValidId(1)
        case requests.ReqCurrentTime():
            return (replies.CurrentTime(int(time.time())),)
        case requests.PlaceOrder():
            zero = Decimal(0)
            return (replies.OrderStatus(event.order_id, "Cancelled", zero, zero, zero, 1, 0, zero, client_id),)
        case requests.ReqPositions():
            return (replies.PositionEnd(),)
        case requests.ReqAllOpenOrders():
            return (replies.OpenOrderEnd(),)
        case requests.ReqContractDetails():
            details = replies.ContractDetails(event.req_id, SPY, min_tick=Decimal("0.01"))
            return details, replies.ContractDetailsEnd(event.req_id)
        case _:
            return ()


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Tws, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- who stands in between -------------------------------------------------------------------------------------------
@contextmanager
def process(command: list[str], port: int, **environ: str) -> Iterator[int]:
    """Runs as long as it is needed; listens on this port when it is handed over."""
    running = subprocess.Popen(command, env=os.environ | environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if time.monotonic() > give_up_at or running.poll() is not None:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(PATIENCE_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def guard_that_lives(home: Path) -> Iterator[None]:
    """Its signs of life, which the gateway looks for at each order."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(1.0):
            (home / FILE).touch()

    (home / FILE).touch()
    beating = threading.Thread(target=beat)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()


def contenders(stack: ExitStack, tws: int, home: Path) -> dict[str, int]:
    """Their ports by name. A peer that is not installed is left out."""
    found = {"direct": tws}
    if haproxy := shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        port, config = free_port(), home / "haproxy.cfg"
        config.write_text(
            "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
            f"listen tws\n bind 127.0.0.1:{port}\n server tws 127.0.0.1:{tws}\n"
        )
        found["haproxy"] = stack.enter_context(process([haproxy, "-db", "-f", str(config)], port))
    if socat := shutil.which("socat"):
        port = free_port()
        listen = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,nodelay"
        found["socat"] = stack.enter_context(process([socat, listen, f"TCP:127.0.0.1:{tws},nodelay"], port))
    port, config = free_port(), home / "quant-engine.toml"
    config.write_text(
        f'[logins.paper]\nmode = "paper"\nport = {tws}\n[gateway]\nports = ["paper:{port}"]\n[preflight]\n{UNLIMITED}'
    )
    command = [sys.executable, "-m", "engine.cli", "gateway", "run", "--config", str(config)]
    stack.enter_context(guard_that_lives(home))
    found["gateway"] = stack.enter_context(process(command, port, QE_HOME=str(home)))
    return found


# --- the client ------------------------------------------------------------------------------------------------------
class Session:
    """Asks one thing at a time."""

    def __init__(self, port: int, client_id: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.sendall(hello())
        self._message()
        self._sock.sendall(start_api(178, client_id))
        while not self._message().startswith(b"9\0"):
            pass
        self._order_id = 1

    def read(self) -> int:
        return self._ask(b"49\x001\0", b"49\0")

    def order(self) -> int:
        self._order_id += 1
        quantity = Decimal(self._order_id % 50 + 1)
        order = Order(action="BUY", total_quantity=quantity, order_type="LMT", lmt_price=Decimal(500), tif="DAY")
        return self._ask(encode_request(requests.PlaceOrder(self._order_id, SPY, order), 178), b"3\0")

    def _ask(self, payload: bytes, answer: bytes) -> int:
        began_ns = time.perf_counter_ns()
        self._sock.sendall(frame(payload))
        told = self._message()
        taken_ns = time.perf_counter_ns() - began_ns
        if not told.startswith(answer):
            raise SystemExit(f"it answered {told[:300]!r}")
        return taken_ns

    def _message(self) -> bytes:
        size = int.from_bytes(self._exactly(4), "big")
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._sock.recv(size - len(data))
            if not more:
                raise SystemExit("the connection was closed")
            data += more
        return data


def measure(
    sessions: dict[str, Session], rounds_and_times: tuple[int, int], ask: Callable[[Session], int]
) -> dict[str, list[int]]:
    rounds, times = rounds_and_times
    taken: dict[str, list[int]] = {name: [] for name in sessions}
    for session in sessions.values():
        for _ in range(times):
            ask(session)  # warm
    for _ in range(rounds):
        for name, session in sessions.items():
            taken[name] += [ask(session) for _ in range(times)]
    return taken


def quantile(taken: list[int], part: float) -> float:
    return statistics.quantiles(taken, n=1000)[int(part * 1000) - 1] / 1000


def main() -> int:
    go_first()
    move_to(choose_cores().measured)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        tws = subprocess.Popen([sys.executable, __file__, "--tws"], stdout=subprocess.PIPE, text=True)
        stack.callback(tws.wait)
        stack.callback(tws.terminate)
        assert tws.stdout is not None
        ports = contenders(stack, int(tws.stdout.readline()), Path(folder))
        time.sleep(2)  # the gateway reads the account
        sessions = {name: Session(port, 21 + n) for n, (name, port) in enumerate(ports.items())}
        reads = measure(sessions, READS, Session.read)
        orders = measure(sessions, ORDERS, Session.order)
    return report(reads, orders)


def report(reads: dict[str, list[int]], orders: dict[str, list[int]]) -> int:
    peer = "haproxy" if "haproxy" in reads else "socat" if "socat" in reads else ""
    rows = []
    for what, taken in (("read", reads), ("order", orders)):
        for name in taken:
            for part, label in ((0.5, "p50"), (0.99, "p99")):
                rows.append(Row(f"{what}, {name}, {label}", quantile(taken[name], part), None, "µs there and back"))
    if peer:
        for what, taken, part, label, at_most in (
            ("read", reads, 0.5, "p50", 1.3),
            ("read", reads, 0.99, "p99", 1.5),
            ("order", orders, 0.5, "p50", 2.0),
        ):
            base = quantile(taken["direct"], part)
            added, theirs = quantile(taken["gateway"], part) - base, quantile(taken[peer], part) - base
            of = f"{added:.0f} µs ÷ {theirs:.0f} µs"
            rows.append(Row(f"{what}: added {label} ÷ what {peer} adds", added / max(theirs, 1.0), at_most, of))
    return show("The gateway", rows)


if __name__ == "__main__":
    if sys.argv[1:] == ["--tws"]:
        asyncio.run(serve())
    else:
        sys.exit(main())
