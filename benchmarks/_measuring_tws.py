"""A TWS that only measures: two logins, empty accounts, and the moment at which each one's first global cancel arrives.

A process of its own. It prints its ports as one JSON line, answers every line on standard input with what it has seen
since the last, and ends with its input. A moment is taken when the bytes have been read, before anything is decoded.
It must never do more between two bytes than a client needs to go on: what it spends is measured as the client's.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from io import FileIO

from engine.wire.replies import (
    AccountDownloadEnd,
    AccountSummary,
    AccountSummaryEnd,
    AccountUpdateMultiEnd,
    CompletedOrdersEnd,
    CurrentTime,
    ExecutionsEnd,
    ManagedAccounts,
    NextValidId,
    OpenOrderEnd,
    PositionEnd,
    Reply,
)
from engine.wire.requests import (
    ReqAccountSummary,
    ReqAccountUpdates,
    ReqAccountUpdatesMulti,
    ReqAllOpenOrders,
    ReqCompletedOrders,
    ReqCurrentTime,
    ReqExecutions,
    ReqGlobalCancel,
    ReqOpenOrders,
    ReqPositions,
)
from engine.wire.sessions import ClientHello, ServerEvent, ServerSession, Started

ACCOUNTS = {"paper": "DU1000001", "live": "U1000001"}
WORTH = {"NetLiquidation": "100000", "GrossPositionValue": "0", "MaintMarginReq": "0", "FullMaintMarginReq": "0"}
HELLO_TIME = "20260311 10:30:00 EST"
RECEIVE_BYTES = 65536


def answers(request: ServerEvent, account: str) -> tuple[Reply, ...]:
    """What an empty account has to say."""
    match request:
        case Started():
            return (ManagedAccounts((account,)), NextValidId(1))
        case ReqOpenOrders() | ReqAllOpenOrders():
            return (OpenOrderEnd(),)
        case ReqCompletedOrders():
            return (CompletedOrdersEnd(),)
        case ReqPositions():
            return (PositionEnd(),)
        case ReqExecutions():
            return (ExecutionsEnd(request.req_id),)
        case ReqAccountUpdates() if request.subscribe:
            return (AccountDownloadEnd(request.account),)
        case ReqAccountUpdatesMulti():
            return (AccountUpdateMultiEnd(request.req_id),)
        case ReqAccountSummary():
            told = (AccountSummary(request.req_id, account, tag, value, "USD") for tag, value in WORTH.items())
            return (*told, AccountSummaryEnd(request.req_id))
        case ReqCurrentTime():
            return (CurrentTime(int(time.time())),)
        case _:
            return ()


class Client:
    """One connection."""

    def __init__(self, server: Server, login: str, sock: socket.socket) -> None:
        self._server = server
        self._login = login
        self._sock = sock
        self._session = ServerSession()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def readable(self) -> None:
        try:
            data = self._sock.recv(RECEIVE_BYTES)
        except ConnectionError:
            data = b""
        at_ns = time.monotonic_ns()
        if not data:
            self._server.selector.unregister(self._sock)
            self._sock.close()
            return
        out = b""
        for event in self._session.receive(data):
            if isinstance(event, ReqGlobalCancel):
                self._server.first_cancel_ns.setdefault(self._login, at_ns)
            elif isinstance(event, ClientHello):
                self._sock.sendall(self._session.accept(HELLO_TIME))  # alone: some clients drop what comes with it
            else:
                out += b"".join(self._session.send(reply) for reply in answers(event, ACCOUNTS[self._login]))
        if out:
            self._sock.sendall(out)


class Server:
    """Both logins, on one thread."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.first_cancel_ns: dict[str, int] = {}
        self._running = True

    def run(self, commands: FileIO) -> None:
        self._tell({login: self._listen(login) for login in ACCOUNTS})
        self.selector.register(commands, selectors.EVENT_READ, lambda: self._command(commands))
        while self._running:
            for key, _ in self.selector.select():
                key.data()

    def _listen(self, login: str) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        self.selector.register(listener, selectors.EVENT_READ, lambda: self._accept(login, listener))
        port: int = listener.getsockname()[1]
        return port

    def _accept(self, login: str, listener: socket.socket) -> None:
        sock, _ = listener.accept()
        self.selector.register(sock, selectors.EVENT_READ, Client(self, login, sock).readable)

    def _command(self, commands: FileIO) -> None:
        if not commands.readline():
            self._running = False
            return
        seen, self.first_cancel_ns = self.first_cancel_ns, {}
        self._tell({"first_cancel_ns": seen})

    def _tell(self, what: object) -> None:
        print(json.dumps(what), flush=True)


if __name__ == "__main__":
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as commands:
        Server().run(commands)
