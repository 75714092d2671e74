"""Cancels the working orders of a login that can add risk, and leaves those that protect.

Only the client that placed an order can cancel it: each program sweeps its own, and says which of others it left. What
is to go is decided anew on fresh reads until none is left. Must never cancel all there is, which would take the
protective stops with it, and never act on a reading that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.broker.login import Login
from engine.core.exposure import ZERO, Place
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.known import Fact, Known
from engine.core.reduce_only import risk_adding_anywhere
from engine.trading.naming import name_of
from engine.trading.order_intent import key_of, resting_of
from engine.wire.requests import CancelOrder

ROUNDS_MAX = 8
BETWEEN_S = 0.5


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep came to. `left`: risk-adding orders that are there still; `why` there is no such list."""

    asked: tuple[WorkingOrder, ...] = ()
    left: tuple[WorkingOrder, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        count = len(self.asked)
        cancelled = f"{count} risk-adding {'order was' if count == 1 else 'orders were'} cancelled"
        parts = [cancelled] if count else []
        if self.left:
            parts.append(f"still working: {'; '.join(map(_told, self.left))}")
        if self.why:
            parts.append(f"not known what still works: {self.why}")
        return "; ".join(parts) or "no order that adds risk was working"


async def sweep(login: Login) -> Swept:
    """Cancel what adds risk and is this client's own, until it is gone. Ends at once when a kill takes over."""
    asked: dict[tuple[int, int], WorkingOrder] = {}
    adding: Fact[tuple[WorkingOrder, ...]] = login.view.working_orders
    for round_ in range(ROUNDS_MAX):
        if round_:
            await asyncio.sleep(BETWEEN_S)
        if login.in_use or not login.link.up:
            return Swept(asked=tuple(asked.values()), why="the connection was lost, or a kill took it over")
        await login.refresh()
        adding = adding_risk(login.view.working_orders, login.view.positions)
        if not isinstance(adding, Known):
            continue
        mine = [one for one in adding.value if _is_mine(one, login.link.client_id)]
        if not mine:
            break
        for order in mine:
            login.link.post(CancelOrder(order.order_id), urgent=True)
            asked[order.client_id, order.order_id] = order
    done = tuple(asked.values())
    if not isinstance(adding, Known):
        return Swept(asked=done, why=adding.why)
    return Swept(asked=done, left=adding.value)


def adding_risk(
    orders: Fact[tuple[WorkingOrder, ...]], positions: Fact[tuple[PositionFact, ...]]
) -> Fact[tuple[WorkingOrder, ...]]:
    """The orders that have to go so that the rest can only reduce. Positions that are not known: all but stops."""
    if not isinstance(orders, Known):
        return orders
    held = _held(positions.value) if isinstance(positions, Known) else None
    going = frozenset(risk_adding_anywhere((one for order in orders.value for one in resting_of(order)), held))
    chosen = (one for one in orders.value if key_of(one.client_id, one.order_id, one.perm_id) in going)
    return Known(tuple(chosen), orders.at_ns)


def _held(positions: Iterable[PositionFact]) -> dict[Place, Decimal]:
    held: dict[Place, Decimal] = {}
    for one in positions:
        place = one.account, one.contract.con_id
        held[place] = held.get(place, ZERO) + one.quantity
    return held


def _is_mine(order: WorkingOrder, client_id: int) -> bool:
    return order.client_id == client_id and order.order_id > 0


def told_order(order: WorkingOrder) -> str:
    """As people are told of it, without whose it is."""
    return f"{order.action} {order.remaining:f} {name_of(order.contract)}"


def _told(order: WorkingOrder) -> str:
    whose = f"of client {order.client_id}" if order.order_id > 0 else "typed into TWS"
    return f"{told_order(order)} {whose}"
