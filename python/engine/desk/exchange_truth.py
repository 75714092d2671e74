"""What is true on the simulated exchange, whatever its TWS tells anybody. The drill holds a kill's report against it.

It must never be computed from what a client was told: it reads the exchange itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.kill.held.close_marks import by_a_kill
from engine.simulator.exchange import Movement
from engine.simulator.server import Login, World
from engine.simulator.server.naming import label
from engine.simulator.view import owner


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A position as it really is."""

    account: str
    name: str
    quantity: Decimal
    unrealized: Decimal


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """An order that can still fill."""

    owner: str  # "client 7", or "TWS" for one typed there
    text: str


class LoginTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One login. `crossings`: fills of a kill's own orders that did anything but reduce a position."""

    name: str
    mode: str
    port: int
    net_liquidation: Decimal
    day: Decimal
    holdings: tuple[Holding, ...]
    resting: tuple[Resting, ...]
    kill_fills: int
    crossings: tuple[str, ...]

    @property
    def flat(self) -> bool:
        return not self.holdings and not self.resting


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All logins at one moment."""

    logins: dict[str, LoginTruth]


def truth_of(world: World) -> Truth:
    """Read it."""
    return Truth(logins={name: _login_truth(login) for name, login in world.logins.items()})


def _login_truth(login: Login) -> LoginTruth:
    exchange = login.exchange
    values = [exchange.account_values(account) for account in exchange.accounts]
    executions = [execution for execution, _ in exchange.executions()]
    return LoginTruth(
        name=login.name,
        mode=login.mode,
        port=login.ports[0] if login.ports else 0,
        net_liquidation=sum((value.net_liquidation for value in values), Decimal(0)),
        day=sum((value.daily_pnl for value in values), Decimal(0)),
        holdings=tuple(
            Holding(
                account=view.account,
                name=label(view.instrument),
                quantity=view.quantity,
                unrealized=view.unrealized_pnl,
            )
            for view in login.position_views()
        ),
        resting=tuple(
            Resting(
                owner=owner(view),
                text=f"{view.request.action} {view.remaining:f} {label(exchange.catalogue[view.request.con_id])} "
                f"{view.request.order_type}",
            )
            for view in login.working()
        ),
        kill_fills=sum(by_a_kill(execution.order_ref) for execution in executions),
        crossings=tuple(crossings(exchange.movements(), login.positions())),
    )


def crossings(movements: Iterable[Movement], now: dict[tuple[str, int], Decimal]) -> list[str]:
    """Fills of kill orders that opened, grew or flipped a position, given what is held now."""
    ordered = list(movements)
    held = dict(now)
    for moved in ordered:  # back to the start …
        key = (moved.account, moved.con_id)
        held[key] = held.get(key, Decimal(0)) - moved.signed
    found = []
    for moved in ordered:  # … and forward again
        key = (moved.account, moved.con_id)
        before, after = held[key], held[key] + moved.signed
        held[key] = after
        reduces = before * after >= 0 and abs(after) < abs(before)
        if by_a_kill(moved.order_ref) and not reduces:
            found.append(f"{moved.account} contract {moved.con_id}: {before:+f} became {after:+f}")
    return found
