"""A gateway that is killed in the middle of traffic: what TWS has got of each client is whole messages, and no more."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import signal
import socket
import struct
import subprocess
import threading
import time
from decimal import Decimal
from pathlib import Path

from cli.simulated import start_qe
from engine.core.contracts import Contract
from engine.gateway.cutting import Cutter
from engine.wire import replies
from engine.wire.codec import encode_request
from engine.wire.events import ClientHello, Started
from engine.wire.frames import frame
from engine.wire.opening import hello, start_api
from engine.wire.order import Order
from engine.wire.requests import PlaceOrder, ReqAllOpenOrders, ReqContractDetails, ReqPositions
from engine.wire.sessions import ServerSession
from ports import free_port

PATIENCE_S = 20.0
FLOWING_S = 0.05
CLIENTS = (21, 22, 23)
SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
WITHOUT_A_GUARD = '[gateway]\nwithout_guard = "alert"\nports = ["paper:{port}"]\n'
UNLIMITED = "[preflight]\n" + "".join(
    f"{name} = 10000\n" for name in ("orders_per_second", "orders_per_minute", "duplicates_max", "repeats_max")
)
READS = [b"49\x001\0", b"59\x001\x001\0", b"62\x001\x001\0All\0" + b"NetLiquidation," * 400 + b"\0"]


class Line:
    """One connection, as TWS sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.session = ServerSession()
        self.cutter = Cutter()  # of what comes behind the opening
        self.client_id: int | None = None
        self.messages = 0
        self.orders = 0

    def take(self, data: bytes) -> None:
        if self.client_id in CLIENTS:
            self._count(data)
            return
        for event in self.session.receive(data):
            match event:
                case ClientHello():
                    self.sock.sendall(self.session.accept("20260311 10:30:00 EST"))
                case Started():
                    self.client_id = event.client_id
                    self._say(replies.ManagedAccounts(("DU1",)), replies.NextValidId(1))
                case ReqPositions():
                    self._say(replies.PositionEnd())
                case ReqAllOpenOrders():
                    self._say(replies.OpenOrderEnd())
                case ReqContractDetails():
                    details = replies.ContractDetails(event.req_id, SPY, min_tick=Decimal("0.01"))
                    self._say(details, replies.ContractDetailsEnd(event.req_id))
                case _:
                    pass

    def _count(self, data: bytes) -> None:
        whole, ends = self.cutter.feed(data)
        start = 0
        for stop in ends:
            self.messages += 1
            if whole[start + 4 : start + 6] == b"3\0":
                self.orders += 1
                self._end(int(whole[start + 6 : stop].split(b"\0", 1)[0]))
            start = stop

    def _end(self, order_id: int) -> None:
        """An order that nobody answers would have the gateway hold back the next."""
        assert self.client_id is not None
        zero = Decimal(0)
        ended = replies.OrderStatus(order_id, "Cancelled", zero, zero, zero, 1, 0, zero, self.client_id)
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self._say(ended)

    def _say(self, *said: replies.Reply) -> None:
        self.sock.sendall(b"".join(self.session.send(each) for each in said))


class Tws:
    """Takes everything at once, on a thread."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.lines: list[Line] = []
        self.open = 0
        self.flows = threading.Event()  # orders and reads of every client are under way
        self.silent = threading.Event()  # all connections have ended
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def of_clients(self) -> list[Line]:
        return [one for one in self.lines if one.client_id in CLIENTS]

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ, None)
            while not self.silent.is_set():
                for key, _ in selector.select():
                    if key.data is None:
                        sock, _ = self._server.accept()
                        self.lines.append(line := Line(sock))
                        selector.register(sock, selectors.EVENT_READ, line)
                        self.open += 1
                        continue
                    self._read(key.data, selector)
        self._server.close()

    def _read(self, line: Line, selector: selectors.BaseSelector) -> None:
        data = b""
        with contextlib.suppress(ConnectionResetError):
            data = line.sock.recv(4096)
        if data:
            line.take(data)
        else:
            selector.unregister(line.sock)
            line.sock.close()
            self.open -= 1
        if len([one for one in self.of_clients() if one.orders > 20 and one.messages > 60]) == len(CLIENTS):
            self.flows.set()
        if self.flows.is_set() and not self.open:
            self.silent.set()


def let_in(port: int, client_id: int) -> socket.socket:
    """A client that TWS has answered."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            sock = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
            break
        except ConnectionRefusedError:
            if time.monotonic() > give_up_at:
                raise
    sock.sendall(hello())
    heard = b""
    while b"EST" not in heard:
        heard += sock.recv(4096)
    sock.sendall(start_api(178, client_id))
    while b"9\x001\x001\0" not in heard:
        heard += sock.recv(4096)
    return sock


def talk(sock: socket.socket) -> None:
    """Orders and reads without a pause, in pieces that end anywhere, until nobody takes them."""
    order = Order(action="BUY", total_quantity=Decimal(1), order_type="LMT", lmt_price=Decimal(500), tif="DAY")
    with contextlib.suppress(OSError), sock:
        held = b""
        for number in itertools.count(1):
            asked = PlaceOrder(number, SPY, order)
            held += frame(encode_request(asked, 178)) + b"".join(frame(one) for one in READS)
            piece = len(held) - number % 61
            sock.sendall(held[:piece])
            held = held[piece:]
            with contextlib.suppress(BlockingIOError):
                sock.recv(65536, socket.MSG_DONTWAIT)


def test_a_gateway_that_is_killed_under_traffic_leaves_no_half_message_at_tws(tmp_path: Path) -> None:
    tws = Tws()
    port = free_port()
    (tmp_path / "quant-engine.toml").write_text(
        f'[logins.paper]\nmode = "paper"\nport = {tws.port}\n' + WITHOUT_A_GUARD.format(port=port) + UNLIMITED,
        encoding="utf-8",
    )
    running = start_qe("gateway", "run", home=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    talking: list[threading.Thread] = []
    try:
        for client_id in CLIENTS:
            sock = let_in(port, client_id)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            talking.append(threading.Thread(target=talk, args=(sock,), daemon=True))
        for one in talking:
            one.start()
        assert tws.flows.wait(PATIENCE_S), [(one.messages, one.orders) for one in tws.of_clients()]
        assert not tws.silent.wait(FLOWING_S), "the traffic had ended before it was killed"
        running.send_signal(signal.SIGKILL)
        assert tws.silent.wait(PATIENCE_S)
    finally:
        running.kill()
        running.wait(PATIENCE_S)
    for one in talking:
        one.join(PATIENCE_S)
    assert [one.cutter.holds for one in tws.of_clients()] == [0, 0, 0]
