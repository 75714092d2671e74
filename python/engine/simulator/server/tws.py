"""A simulated TWS: listens, lets clients in, hands their requests to the subjects' desks and the exchange's news back.

It behaves as TWS does towards any client of the public API. What the exchange holds is the truth; what TWS believes
of it is `memory`, and the two differ whenever a fault says so.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from engine.simulator.clock import SimClock
from engine.simulator.exchange import Event, Exchange, Fill, PositionChanged
from engine.simulator.faults import AnyFault
from engine.simulator.server import notices
from engine.simulator.server.accounts import AccountDesk
from engine.simulator.server.books import Books
from engine.simulator.server.connection import Connection
from engine.simulator.server.contracts import ContractDesk
from engine.simulator.server.driver import Command, Driver
from engine.simulator.server.greeks import OptionDesk
from engine.simulator.server.history import HistoryDesk
from engine.simulator.server.log import Entry, Kind, MessageLog
from engine.simulator.server.lookups import LookupDesk
from engine.simulator.server.market import MarketDesk
from engine.simulator.server.memory import Memory
from engine.simulator.server.naming import label
from engine.simulator.server.orders import OrderDesk
from engine.simulator.server.pacing import PacingRule
from engine.simulator.server.pnl import PnLDesk
from engine.simulator.server.positions import PositionDesk
from engine.simulator.server.realtime import RealTimeBarDesk
from engine.simulator.server.ticks import TickDesk
from engine.simulator.server.times import handshake_time
from engine.simulator.server.trouble import Trouble
from engine.simulator.server.unknown import UnknownDesk
from engine.wire.replies import CurrentTime, ErrorMessage, ManagedAccounts, NextValidId, Reply
from engine.wire.requests import (
    ReqCurrentTime,
    ReqIds,
    ReqManagedAccounts,
    Request,
    SetServerLogLevel,
    StartApi,
    UnknownRequest,
)

HELD_EVENTS_MAX = 100_000
LINE_STEP_NS = 1_000  # timers of one and the same time come in any order

Handler = Callable[[Connection, Any], None]


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How this TWS is set up."""

    version_max: int = 178
    pacing: PacingRule = PacingRule()
    clients_max: int = 32
    master_client_id: int | None = None  # this client hears of every client's orders
    market_data: Literal["live", "delayed", "none"] = "live"
    base_currency: str = "USD"
    few_values: bool = False  # account updates leave out what nobody asks for
    account_push_s: float = 180.0
    snapshot_s: float = 0.05  # until tickSnapshotEnd; TWS takes up to 11 s
    first_pnl_incomplete: bool = True
    position_zeros: bool = True  # list positions closed since the start with quantity 0


class TwsServer:
    """One login's TWS, on one or several ports."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        clock: SimClock,
        name: str = "paper",
        host: str = "127.0.0.1",
        ports: Sequence[int] = (0,),
        faults: Sequence[AnyFault] = (),
        options: ServerOptions | None = None,
        log: MessageLog | None = None,
        seed: int = 0,
    ) -> None:
        self.exchange = exchange
        self.clock = clock
        self.name = name
        self.host = host
        self.ports = tuple(ports)
        self.options = options or ServerOptions()
        self.log = log if log is not None else MessageLog()
        self.connections: dict[int, Connection] = {}
        self.clients: dict[int, Connection] = {}
        self.link_up = True
        self.memory = Memory(exchange)
        self.driver = Driver(exchange, clock, self._publish)
        self.books = Books(self)
        self.orders = OrderDesk(self)
        self.accounts = AccountDesk(self)
        self.positions = PositionDesk(self)
        self.trouble = Trouble(self, faults, seed)
        self._position_due_ns: dict[tuple[str, int], int] = {}
        self._held: deque[Event] = deque(maxlen=HELD_EVENTS_MAX)
        self._standing: deque[PositionChanged] = deque(maxlen=HELD_EVENTS_MAX)
        self._listeners: list[asyncio.AbstractServer] = []
        self._connections_made = 0
        self._desks = (
            self.orders,
            self.accounts,
            self.positions,
            PnLDesk(self),
            ContractDesk(self),
            MarketDesk(self),
            HistoryDesk(self),
        )
        self._raw_desks = (RealTimeBarDesk(self), TickDesk(self))
        raw_handlers = [desk.raw_handlers() for desk in (*self._raw_desks, LookupDesk(self), OptionDesk(self))]
        self._handlers: dict[type[Request], Handler] = {
            ReqIds: lambda client, _request: client.send(self._next_valid_id(client)),
            ReqManagedAccounts: lambda client, _request: client.send(ManagedAccounts(self.exchange.accounts)),
            ReqCurrentTime: lambda client, _request: client.send(CurrentTime(self.clock.now_ns() // 1_000_000_000)),
            SetServerLogLevel: lambda client, _request: None,
            StartApi: self._started_twice,
            UnknownRequest: UnknownDesk(raw_handlers).answer,
        }
        for desk in self._desks:
            self._handlers.update(desk.handlers())

    # --- life --------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Listen on every port; a port of 0 is replaced by the one the system gave."""
        self.driver.start()
        await self.listen()
        self.trouble.start()

    async def stop(self) -> None:
        """End every connection and stop listening. Safe to repeat."""
        self.trouble.stop()
        self.driver.stop()
        for desk in (*self._desks, *self._raw_desks):
            desk.stop()
        await self.unlisten()

    async def listen(self) -> None:
        """Begin to listen on every port, unless that is done already (two restarts may overlap)."""
        if self._listeners:
            return
        taken: list[int] = []
        for port in self.ports:
            listener = await self.clock.loop.create_server(self._new_connection, self.host, port)
            self._listeners.append(listener)
            taken.append(listener.sockets[0].getsockname()[1])
        self.ports = tuple(taken)

    async def unlisten(self) -> None:
        """Refuse new connections and end those there are."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener.close()
        for connection in list(self.connections.values()):
            connection.close()
        await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """The first port."""
        return self.ports[0]

    # --- connections -------------------------------------------------------------------------------
    def _new_connection(self) -> Connection:
        self._connections_made += 1
        return Connection(self, self._connections_made)

    def connected(self, connection: Connection) -> None:
        self.connections[connection.number] = connection
        self.note(connection, Kind.CONNECTED)
        self.trouble.connected(connection)

    def lost(self, connection: Connection, error: Exception | None) -> None:
        self.connections.pop(connection.number, None)
        if connection.client_id is not None and self.clients.get(connection.client_id) is connection:
            del self.clients[connection.client_id]
        self.note(connection, Kind.LOST, text=type(error).__name__ if error else "")

    def started(self, connection: Connection, client_id: int) -> None:
        """A client has named itself: let it in, or say why not."""
        self.note(connection, Kind.REQUEST, message=StartApi(client_id), client_id=client_id)
        if self.trouble.refuses_start(connection):
            return
        busy = self.trouble.client_id_busy(client_id)
        if client_id in self.clients or busy is not None:
            if busy is None or not busy.as_eof:
                connection.send(notices.CLIENT_ID_IN_USE)
            connection.close()
            return
        if len(self.clients) >= self.options.clients_max:
            connection.send(notices.TOO_MANY_CLIENTS)
            connection.close()
            return
        connection.client_id = client_id
        self.clients[client_id] = connection
        slow = self.trouble.slow_start()
        if slow is None:
            self._let_in(connection, accounts_told=False)
            return
        connection.deaf = not slow.hears
        accounts_told = slow.accounts_s > 0
        if accounts_told:
            accounts = ManagedAccounts(self.exchange.accounts)
            self.clock.call_in(max(slow.seconds - slow.accounts_s, 0), partial(connection.send, accounts))
        self.clock.call_in(slow.seconds, partial(self._let_in, connection, accounts_told=accounts_told))

    def _let_in(self, connection: Connection, *, accounts_told: bool) -> None:
        if connection.closed:
            return
        connection.deaf = False
        if not accounts_told:
            connection.send(ManagedAccounts(self.exchange.accounts))
        connection.send(self._next_valid_id(connection))
        connection.send(*notices.FARMS)
        if not self.link_up:
            connection.send(notices.LINK_LOST)

    # --- requests ----------------------------------------------------------------------------------
    def received(self, connection: Connection, request: Request) -> None:
        """Do what a request asks, unless a fault has it otherwise."""
        self.note(connection, Kind.REQUEST, message=request)
        if connection.client_id is None or connection.deaf:
            return  # TWS ignores what comes before startApi has been answered
        number = getattr(request, "order_id", getattr(request, "req_id", 0))
        if not -(2**31) <= number < 2**31:
            connection.send(notices.beyond_32_bits(number))
            return
        names = self.orders.names_of(connection, request)
        self.trouble.seen(names)
        if not connection.closed and not self.trouble.intercepts(connection, request, names):
            self.carry_out(connection, request)

    def carry_out(self, connection: Connection, request: Request) -> None:
        if connection.closed:
            return
        handler = self._handlers.get(type(request))
        if handler is None:
            text = f"{type(request).__name__} is not part of this simulator"
            connection.send(ErrorMessage(getattr(request, "req_id", notices.NO_ID), 10090, text))
            return
        handler(connection, request)

    def _started_twice(self, connection: Connection, _request: StartApi) -> None:
        connection.send(notices.unreadable("The API has already been started on this connection."))

    def _next_valid_id(self, connection: Connection) -> NextValidId:
        assert connection.client_id is not None
        return NextValidId(self.orders.next_id(connection.client_id))

    # --- news --------------------------------------------------------------------------------------
    def act(self, command: Command) -> list[Event]:
        """Give the exchange a command in the name of the world outside: tests and scenarios."""
        return self.driver.do(command)

    def catch_up(self) -> None:
        """Bring the exchange to the present, before it is asked."""
        self.driver.do(self.exchange.advance)

    def _publish(self, event: Event) -> None:
        if isinstance(event, Fill):
            done = event.execution
            name = label(self.exchange.catalogue[done.con_id])
            text = f"{done.side} {done.quantity:f} {name} at {done.price:f}"
            self.note(None, Kind.FILL, text=text, client_id=done.client_id)
        if not self.link_up:
            self._held.append(event)
            return
        if isinstance(event, PositionChanged):
            self._feed_position(event)
            return
        self.memory.note(event)
        self.orders.tell(event)
        self.accounts.tell(event)

    def _feed_position(self, event: PositionChanged) -> None:
        """A feed may be late, but an older position never comes after a newer one."""
        key = (event.account, event.con_id)
        now_ns = self.clock.now_ns()
        last_ns = self._position_due_ns.get(key)
        due_ns = now_ns + round(self.trouble.position_lag_s() * 1e9)
        if last_ns is not None and last_ns > now_ns:
            due_ns = max(due_ns, last_ns + LINE_STEP_NS)
        self._position_due_ns[key] = due_ns
        if due_ns > now_ns:
            self.clock.call_in((due_ns - now_ns) / 1e9, partial(self._position_changed, event))
        else:
            self._position_changed(event)

    def _position_changed(self, event: PositionChanged) -> None:
        if self.trouble.stands_still("positions"):
            self._standing.append(event)
            return
        self.memory.note_position(event)
        self.positions.tell(event)
        self.accounts.tell(event)

    def orders_stand_still(self) -> None:
        """Order lists show what they would show now."""
        self.memory.freeze_orders()

    def feeds_go_on(self) -> None:
        """What stood still catches up, unless something else holds it."""
        if not self.trouble.stands_still("orders"):
            self.memory.thaw_orders()
        if not self.trouble.stands_still("positions"):
            held, self._standing = self._standing, deque(maxlen=HELD_EVENTS_MAX)
            for event in held:
                self._position_changed(event)

    def lose_link(self) -> None:
        """TWS loses IBKR (1100): from now on it knows nothing new."""
        if self.link_up:
            self.books.freeze()
            self.link_up = False
            self.broadcast(notices.LINK_LOST)

    def restore_link(self, code: Literal[1101, 1102]) -> None:
        """TWS is back (1101, 1102): it catches up in silence, then submits what it kept."""
        if self.link_up:
            return
        self.link_up = True
        self.books.thaw()
        held, self._held = self._held, deque(maxlen=HELD_EVENTS_MAX)
        for event in held:
            self.memory.note(event)
            if isinstance(event, PositionChanged):
                self._position_changed(event)
        if code == 1101:
            for connection in self.clients.values():
                connection.subscriptions.lose_data()
        self.broadcast(notices.LINK_RESTORED if code == 1102 else notices.LINK_RESTORED_LOST)
        self.orders.submit_kept()

    def broadcast(self, reply: Reply) -> None:
        for connection in list(self.clients.values()):
            connection.send(reply)

    # --- record ------------------------------------------------------------------------------------
    def note(
        self,
        connection: Connection | None,
        kind: Kind,
        *,
        message: Request | Reply | None = None,
        text: str = "",
        client_id: int | None = None,
    ) -> None:
        self.log.add(
            Entry(
                at_ns=self.clock.now_ns(),
                login=self.name,
                connection=connection.number if connection else 0,
                client_id=client_id if connection is None or connection.client_id is None else connection.client_id,
                kind=kind,
                message=message,
                text=text,
            )
        )

    def handshake_time(self) -> str:
        return handshake_time(self.clock.now_ns())
