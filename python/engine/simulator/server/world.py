"""A whole simulated world: every login with its exchange and its TWS, one clock, one log.

Tests and the drill ask here what is true: `world.login("paper").exchange` holds it, whatever TWS shows its clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from engine.simulator.clock import SimClock
from engine.simulator.exchange import Exchange, OrderView, PositionView
from engine.simulator.faults import AnyFault
from engine.simulator.server.log import MessageLog
from engine.simulator.server.traders import BY_HAND, Trader
from engine.simulator.server.tws import ServerOptions, TwsServer

Mode = Literal["paper", "live"]
TWS_PORTS = {"paper": 7497, "live": 7496}
GATEWAY_PORTS = {"paper": 4002, "live": 4001}


class LoginSetup(msgspec.Struct, frozen=True, kw_only=True):
    """One login before it starts."""

    name: str
    mode: Mode
    exchange: Exchange
    ports: tuple[int, ...]  # 0: any free port
    options: ServerOptions = ServerOptions()


class Login:
    """One login of the world."""

    def __init__(self, setup: LoginSetup, server: TwsServer) -> None:
        self.name = setup.name
        self.mode = setup.mode
        self.server = server

    @property
    def exchange(self) -> Exchange:
        """The truth, as of now."""
        self.server.catch_up()
        return self.server.exchange

    @property
    def ports(self) -> tuple[int, ...]:
        return self.server.ports

    def trader(self, client_id: int, account: str = "") -> Trader:
        """Another program on this login, inside the simulator."""
        return Trader(self.server, client_id, account)

    def hand(self, account: str = "") -> Trader:
        """A hand at this login's TWS window."""
        return Trader(self.server, BY_HAND, account)

    def positions(self) -> dict[tuple[str, int], Decimal]:
        """What is really held, by account and contract id; flat ones are not there."""
        return {(held.account, held.con_id): held.quantity for held in self.exchange.positions()}

    def position_views(self) -> list[PositionView]:
        return self.exchange.positions()

    def working(self) -> list[OrderView]:
        """What can really still fill."""
        return self.exchange.open_orders()

    def is_flat(self) -> bool:
        """No position and no working order, in truth."""
        return not self.positions() and not self.working()


class World:
    """All logins, on one clock."""

    def __init__(
        self,
        logins: Sequence[LoginSetup],
        *,
        clock: SimClock,
        faults: Sequence[AnyFault] = (),
        host: str = "127.0.0.1",
        seed: int = 0,
        title: str = "",
    ) -> None:
        self.clock = clock
        self.log = MessageLog()
        self.title = title
        self.logins: dict[str, Login] = {}
        for setup in logins:
            server = TwsServer(
                setup.exchange,
                clock=clock,
                name=setup.name,
                host=host,
                ports=setup.ports,
                faults=faults,
                options=setup.options,
                log=self.log,
                seed=seed,
            )
            self.logins[setup.name] = Login(setup, server)

    def login(self, name: str) -> Login:
        return self.logins[name]

    async def start(self) -> None:
        """Listen with every login; when one port is taken, stop again and raise what the system said."""
        try:
            for login in self.logins.values():
                await login.server.start()
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        for login in self.logins.values():
            await login.server.stop()

    async def __aenter__(self) -> World:
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    def is_flat(self) -> bool:
        """Every login flat, in truth."""
        return all(login.is_flat() for login in self.logins.values())
