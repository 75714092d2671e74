"""The opening of an emergency: one global cancel on every login, before the rest of the program is even loaded.

All logins are tried at once over raw non-blocking sockets: connect, hello, startApi, and as soon as TWS is ready
reqGlobalCancel, with the question for the open orders right behind it: a moment later TWS would not tell any more what
the cancel has taken away. What has got a connection is handed over with its socket to the kill, which goes on from
there: a TWS that has not answered may be showing its dialog for this very connection. What has none is closed and left
to the kill, which tries again with more patience. So nothing here decides anything: it only makes the first second
faster. A login of which another kill says that it is at work gets no cancel here: the kill looks at its orders first
(`kill_under_way`).

It must never import what is not already in the interpreter (tests/cli/test_import_budget.py), wait for one login on
behalf of another, look up a host name (a dead DNS server takes seconds), or send any order.
"""

from __future__ import annotations

import _socket
import _thread
import errno
import select
import time

from engine.wire import opening as wire

TYPE_CHECKING = False  # what `typing` has, without loading it
if TYPE_CHECKING:
    from collections.abc import Container

VERSION_MIN, VERSION_MAX = 100, 178
TRIES_MAX = 4  # client ids tried here; the kill itself tries more
SLICE_S = 0.005  # how soon a background strike notices that it is to end
RECEIVE_BYTES = 65536

CONNECTING, GREETED, STARTED, STRUCK, GIVEN_UP = "connecting", "greeted", "started", "struck", "given up"
HELD_BACK = "held back"  # ready, and another kill is at work: its closing orders would go too

_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", errno.EAGAIN))


class Target:
    """Where a login is, and the first of the client ids to try."""

    __slots__ = ("client_id", "host", "name", "port")

    def __init__(self, name: str, host: str, port: int, client_id: int) -> None:
        self.name, self.host, self.port, self.client_id = name, host, port, client_id


class Attempt:
    """One login on its way to its global cancel. Every step is taken by `advance`; nothing here blocks or raises."""

    def __init__(self, target: Target, at_work: Container[tuple[str, int]] = ()) -> None:
        """`at_work`: the places where another kill is at work, as far as that is known when TWS is ready."""
        self.target = target
        self._at_work = at_work
        self.state = GIVEN_UP
        self.why = ""
        self.client_id = target.client_id
        self.opening = wire.Opening()
        self.socket: _socket.socket | None = None
        self.struck_ns: int | None = None
        self._tries = 0
        self._unsent = b""
        self._connect()

    @property
    def pending(self) -> bool:
        return self.state not in (STRUCK, HELD_BACK, GIVEN_UP)

    @property
    def wants_to_write(self) -> bool:
        return self.state == CONNECTING or bool(self._unsent)

    def advance(self, readable: bool, writable: bool) -> None:
        """Take the steps that are possible now."""
        try:
            if self.state == CONNECTING and writable:
                self._greet()
            elif writable:
                self._send(b"")
            if readable and self.pending:
                self._receive()
        except OSError as error:
            self.give_up(str(error))

    def strike_all_the_same(self) -> None:
        """There will be no kill behind this: what was held back for it leaves now."""
        if self.state == HELD_BACK:
            try:
                self._strike()
            except OSError as error:
                self.give_up(str(error))

    def give_up(self, why: str) -> None:
        """Close what is open; the kill tries this login again."""
        self._close()
        self.state, self.why = GIVEN_UP, why

    def detach(self) -> int:
        """Give away the connected socket, as its file descriptor."""
        if self.socket is None:
            raise ValueError(f"{self.target.name} has no connection to hand over: {self.why}")
        return self.socket.detach()

    def _connect(self) -> None:
        address = numeric_address(self.target.host, self.target.port)
        if address is None:
            self.give_up("a host name: left to the kill, which can wait for its look-up")
            return
        self._tries += 1
        self.opening, self._unsent = wire.Opening(), b""
        try:
            self.socket = _socket.socket(address[0], _socket.SOCK_STREAM)
            self.socket.setblocking(False)
            self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            failure = self.socket.connect_ex(address[1])
        except OSError as error:
            self.give_up(str(error))
            return
        self.state = CONNECTING
        if failure and failure not in _IN_PROGRESS:
            self.give_up(f"cannot connect (error {failure})")

    def _greet(self) -> None:
        assert self.socket is not None
        failure = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if failure:
            self.give_up(f"cannot connect (error {failure})")
            return
        self.state = GREETED
        self._send(wire.hello(VERSION_MIN, VERSION_MAX))

    def _receive(self) -> None:
        assert self.socket is not None
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        if data:
            self.opening.feed(data)
        if self.opening.client_id_in_use or (not data and self.state == STARTED):
            self._try_next_client_id()  # TWS may end the connection without a word when the id is taken
        elif not data or self.opening.fault:
            self.give_up(self.opening.fault or "TWS ended the connection")
        elif self.state == GREETED and self.opening.version is not None:
            self._start(self.opening.version)
        if self.state == STARTED and self.opening.ready:
            if (self.target.host, self.target.port) in self._at_work:
                self.state = HELD_BACK
            else:
                self._strike()

    def _start(self, version: int) -> None:
        if not VERSION_MIN <= version <= VERSION_MAX:
            self.give_up(f"server version {version}")
            return
        self.state = STARTED
        self._send(wire.start_api(version, self.client_id))

    def _strike(self) -> None:
        assert self.opening.version is not None
        version = self.opening.version
        look = wire.req_current_time(version) + wire.req_all_open_orders(version)  # what the cancel takes away
        self._send(wire.global_cancel(version) + look)
        if self._unsent:
            self.give_up("the connection takes no more data")
            return
        self.state, self.struck_ns = STRUCK, time.monotonic_ns()

    def _try_next_client_id(self) -> None:
        self._close()
        if self._tries >= TRIES_MAX:
            self.give_up("the client ids tried are all in use")
            return
        self.client_id += 1
        self._connect()

    def _send(self, data: bytes) -> None:
        assert self.socket is not None
        self._unsent += data
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            return

    def _close(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None


class FirstStrike:
    """All logins at once: `run` in the foreground, `go_on` while the program loads, then `finish` and hand over."""

    def __init__(self, targets: list[Target], at_work: Container[tuple[str, int]] = ()) -> None:
        self.attempts = [Attempt(target, at_work) for target in targets]
        self._ending = False
        self._background: _thread.LockType | None = None

    @property
    def pending(self) -> bool:
        return any(attempt.pending for attempt in self.attempts)

    def run(self, patience_s: float, grace_s: float) -> None:
        """Work until every login is settled, `grace_s` after the first success, or `patience_s` have passed."""
        until = time.monotonic() + patience_s
        waiting_for_first = True
        while self.pending:
            if waiting_for_first and any(attempt.state in (STRUCK, HELD_BACK) for attempt in self.attempts):
                waiting_for_first, until = False, min(until, time.monotonic() + grace_s)
            left = until - time.monotonic()
            if left <= 0:
                return
            self._step(left)

    def go_on(self) -> None:
        """Carry on in a thread, until `finish`, while the caller loads the rest of the program."""
        if self.pending:
            self._background = running = _thread.allocate_lock()
            running.acquire()
            _thread.start_new_thread(self._run_in_background, (running,))

    def finish(self) -> list[Attempt]:
        """End the strike and return the logins that have a connection. The others are closed."""
        self._ending = True
        if self._background is not None:
            self._background.acquire()
            self._background = None
        for attempt in self.attempts:
            if attempt.state == CONNECTING or (attempt.state == GREETED and attempt.wants_to_write):
                attempt.give_up("there is no connection yet")
        return [attempt for attempt in self.attempts if attempt.state != GIVEN_UP]

    def _run_in_background(self, running: _thread.LockType) -> None:
        try:
            while self.pending and not self._ending:
                self._step(SLICE_S)
        finally:
            running.release()

    def _step(self, wait_s: float) -> None:
        waiting = [(attempt.socket, attempt) for attempt in self.attempts if attempt.pending and attempt.socket]
        readers = [sock for sock, _ in waiting]
        writers = [sock for sock, attempt in waiting if attempt.wants_to_write]
        readable, writable, failed = select.select(readers, writers, writers, wait_s)
        for sock, attempt in waiting:
            attempt.advance(sock in readable, sock in writable or sock in failed)


def numeric_address(host: str, port: int) -> tuple[int, tuple[str, int]] | None:
    """The socket address of a numeric host or of localhost, where TWS listens on IPv4; None for any other name."""
    host = "127.0.0.1" if host == "localhost" else host
    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, host)
        except OSError:
            continue
        return family, (host, port)
    return None
